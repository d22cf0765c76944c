use std::{
    io,
    os::fd::{AsFd, OwnedFd},
    time::Instant,
};

use tokio::{
    io::{Interest, unix::AsyncFd},
    task::yield_now,
};

use super::{Budget, Engine, EngineError, Event, Turn};

/// An [`Engine`] for tokio: the same, awaited.
///
/// It needs a runtime whose I/O is enabled, and neither its timers nor a thread.
///
/// ```no_run
/// # use healthcheck::{AsyncEngine, Engine, Event, Limits};
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let mut engine = AsyncEngine::new(Engine::new(Limits::default())?)?;
/// // engine.get_mut().add(..), .schedule(..)
/// loop {
///     if let Event::Ended(ended) = engine.next().await? {
///         println!("{:?}", ended.outcome);
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct AsyncEngine {
    /// A second descriptor of the engine's event loop. It is nobody's but the runtime's, whatever is done with the engine.
    readiness: AsyncFd<OwnedFd>,
    engine: Engine,
}

impl AsyncEngine {
    /// Registers an engine with the current runtime.
    ///
    /// # Errors
    ///
    /// File descriptors are used up.
    ///
    /// # Panics
    ///
    /// Outside a runtime, and in one whose I/O is not enabled: see `tokio::io::unix::AsyncFd`.
    pub fn new(engine: Engine) -> Result<Self, EngineError> {
        let descriptor = engine.as_fd().try_clone_to_owned().map_err(EngineError::Open)?;
        let readiness = register(descriptor).map_err(EngineError::Open)?;
        Ok(Self { readiness, engine })
    }

    /// Runs the checks that are due until something has happened, and returns that.
    ///
    /// Dropped before it is ready, it loses nothing.
    ///
    /// # Errors
    ///
    /// The runtime is shutting down.
    pub async fn next(&mut self) -> Result<Event, EngineError> {
        loop {
            if let Some(event) = self.engine.poll_event() {
                return Ok(event);
            }
            let mut ready = self.readiness.readable().await.map_err(EngineError::Wait)?;
            match self.engine.turn(Instant::now(), Budget::default()) {
                Turn::Finished => ready.clear_ready(),
                Turn::Unfinished => yield_now().await,
            }
        }
    }

    /// Returns the engine, to add and schedule checks.
    #[must_use]
    pub fn get_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }

    /// Returns the engine.
    #[must_use]
    pub fn get_ref(&self) -> &Engine {
        &self.engine
    }

    /// Takes the engine back from the runtime.
    #[must_use]
    pub fn into_inner(self) -> Engine {
        self.engine
    }
}

#[expect(unsafe_code, reason = "tokio believes no type but by a promise")]
fn register(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: it is open and the same until `AsyncFd` closes it, for nobody else gets hold of it.
    let registered = unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) };
    registered.map_err(|error| error.into_parts().1)
}
