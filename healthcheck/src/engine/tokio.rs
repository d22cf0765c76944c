use std::time::Instant;

use tokio::{io::unix::AsyncFd, task::yield_now};

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
    engine: AsyncFd<Engine>,
}

impl AsyncEngine {
    /// Registers an engine with the current runtime.
    ///
    /// # Errors
    ///
    /// The runtime's event loop does not take it.
    ///
    /// # Panics
    ///
    /// Outside a runtime, and in one whose I/O is not enabled: see `tokio::io::unix::AsyncFd`.
    pub fn new(engine: Engine) -> Result<Self, EngineError> {
        Ok(Self { engine: AsyncFd::new(engine).map_err(EngineError::Wait)? })
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
            if let Some(event) = self.engine.get_mut().poll_event() {
                return Ok(event);
            }
            let mut ready = self.engine.readable_mut().await.map_err(EngineError::Wait)?;
            match ready.get_inner_mut().turn(Instant::now(), Budget::default()) {
                Turn::Finished => ready.clear_ready(),
                Turn::Unfinished => yield_now().await,
            }
        }
    }

    /// Returns the engine, to add and schedule checks.
    #[must_use]
    pub fn get_mut(&mut self) -> &mut Engine {
        self.engine.get_mut()
    }

    /// Returns the engine.
    #[must_use]
    pub fn get_ref(&self) -> &Engine {
        self.engine.get_ref()
    }

    /// Takes the engine back from the runtime.
    #[must_use]
    pub fn into_inner(self) -> Engine {
        self.engine.into_inner()
    }
}
