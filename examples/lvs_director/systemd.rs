//! What systemd is told: that the director is ready, that it reads its configuration again, that it lives.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// The watchdog, if the unit has one.
#[derive(Debug)]
pub(crate) struct Systemd {
    every: Option<Duration>,
    next: Instant,
}

impl Systemd {
    pub(crate) fn new(now: Instant) -> Self {
        let every = sd_notify::watchdog_enabled().map(|limit| limit / 2);
        Self { every, next: now }
    }

    pub(crate) fn ready(&self) {
        tell(&[NotifyState::Ready]);
    }

    pub(crate) fn reloading(&self) {
        if let Ok(state) = NotifyState::monotonic_usec_now() {
            tell(&[NotifyState::Reloading, state]);
        }
    }

    pub(crate) fn stopping(&self) {
        tell(&[NotifyState::Stopping]);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if let Some(every) = self.every
            && now >= self.next
        {
            self.next = now + every;
            tell(&[NotifyState::Watchdog]);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.every.map(|_| self.next)
    }
}

/// Without systemd there is nobody to tell.
fn tell(states: &[NotifyState<'_>]) {
    let _ = sd_notify::notify(states);
}
