use std::{
    net::SocketAddr,
    panic::resume_unwind,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use ::tokio::{
    task::spawn_blocking,
    time::{Instant as TokioInstant, sleep_until},
};

use crate::{Drain, Draining, Ending, Error, ServiceId};

/// An [`Ipvs`](crate::Ipvs) whose calls do not hold up other tasks.
///
/// There is no waiting for the kernel: it carries a request out in the course of the system call that brings it, and most
/// take microseconds. Those that change a scheduler, remove all services or write a thousand destinations take
/// milliseconds, though. So calls run in tokio's threads for what blocks, one after the other. Clones share the socket.
#[derive(Clone, Debug)]
pub struct Ipvs {
    inner: Arc<Mutex<crate::Ipvs>>,
}

impl Ipvs {
    /// Takes a handle over.
    #[must_use]
    pub fn new(ipvs: crate::Ipvs) -> Self {
        Self { inner: Arc::new(Mutex::new(ipvs)) }
    }

    /// Makes calls through the handle: `ipvs.run(|ipvs| ipvs.services()).await`.
    ///
    /// When the future is dropped, the calls are carried out all the same.
    ///
    /// # Panics
    ///
    /// As the closure does; outside of a tokio runtime, and when that is shut down meanwhile.
    pub async fn run<T: Send + 'static>(
        &self,
        calls: impl FnOnce(&mut crate::Ipvs) -> T + Send + 'static,
    ) -> T {
        let inner = Arc::clone(&self.inner);
        let result = spawn_blocking(move || {
            // A panic in a closure leaves nothing half done in the handle.
            let mut ipvs = inner.lock().unwrap_or_else(PoisonError::into_inner);
            calls(&mut ipvs)
        });
        match result.await {
            Ok(result) => result,
            Err(error) => resume_unwind(error.into_panic()),
        }
    }

    /// Takes a destination out of service, and returns when it is removed: see [`Drain`].
    ///
    /// It has no limit with `Duration::MAX`. When the future is dropped, the destination stays with weight 0.
    ///
    /// # Errors
    ///
    /// Those of [`Drain::start`] and [`Drain::poll`].
    pub async fn drain(
        &self,
        service: ServiceId,
        address: SocketAddr,
        limit: Duration,
    ) -> Result<Ending, Error> {
        let now = Instant::now();
        let deadline = now.checked_add(limit).unwrap_or(now + NEVER);
        let mut drain = self.run(move |ipvs| Drain::start(ipvs, &service, address, deadline)).await?;
        loop {
            let polled;
            (drain, polled) = self
                .run(move |ipvs| {
                    let polled = drain.poll(ipvs, Instant::now());
                    (drain, polled)
                })
                .await;
            match polled? {
                Draining::Waiting { next, .. } => sleep_until(TokioInstant::from_std(next)).await,
                Draining::Over(ending) => return Ok(ending),
            }
        }
    }
}

/// A hundred years, which a clock has room for.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
