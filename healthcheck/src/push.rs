use std::time::{Duration, Instant};

use crate::{Cause, Kind, Layer, Outcome, judge_silence};

/// A check that others report to, and that fails when they do not: Consul's TTL, keepalived's track_file and BFD, a checker of
/// somebody else's.
///
/// Reports go to the [`Monitor`](crate::Monitor) as they come; this watches that they do. Such a monitor is not
/// [started](crate::Monitor::start): it has nothing to run.
///
/// ```
/// use std::time::{Duration, Instant};
/// use healthcheck::{Health, Layer, Monitor, Outcome, Policy, Push};
///
/// let mut monitor = Monitor::new(Policy::builder().fall(1).build()?, 0);
/// let now = Instant::now();
/// let mut push = Push::new(now, Duration::from_secs(10));
///
/// // A report:
/// push.report(now);
/// monitor.handle_outcome(now, &Outcome::passed(Layer::Application));
/// assert_eq!(monitor.health(), Health::Up);
///
/// // And then none:
/// let end = push.poll_timeout();
/// if let Some(silence) = push.handle_timeout(end, end) {
///     monitor.handle_outcome(end, &silence);
/// }
/// assert_eq!(monitor.health(), Health::Down);
/// # Ok::<(), healthcheck::PolicyError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Push {
    ttl: Duration,
    reported_at: Instant,
}

impl Push {
    /// Waits for reports from now on, each within so long of the last: from 1 ms to a year.
    #[must_use]
    pub fn new(now: Instant, ttl: Duration) -> Self {
        Self { ttl: ttl.clamp(Duration::from_millis(1), YEAR), reported_at: now }
    }

    /// Says that somebody has reported, whatever it was.
    pub const fn report(&mut self, now: Instant) {
        self.reported_at = now;
    }

    /// Returns when, without a report, [`handle_timeout`](Self::handle_timeout) is to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Instant {
        self.reported_at + self.ttl
    }

    /// Returns a failure, [`Kind::Silent`], for each time that has passed without a report: more of them, if the policy asks
    /// for more than one. `None` if called too early.
    ///
    /// Hand in first what reports wait. `previous_turn` is when the caller last did: if that was too long ago, the silence may be
    /// the caller's own, and is inconclusive ([`judge_silence`]).
    #[must_use]
    pub fn handle_timeout(&mut self, now: Instant, previous_turn: Instant) -> Option<Outcome> {
        let deadline = self.poll_timeout();
        if now < deadline {
            return None;
        }
        self.reported_at = now;
        let cause = |kind| Cause::new(Layer::Application, kind, 0);
        let is_ours = judge_silence(deadline, self.ttl, now, previous_turn) == Kind::HeldUp;
        Some(if is_ours {
            Outcome::inconclusive(cause(Kind::HeldUp))
        } else {
            Outcome::failed(cause(Kind::Silent))
        })
    }
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
