use std::time::{Duration, Instant, SystemTime};

use crate::{Admin, Cause, Health, Verdict, WeightHint};

/// Everything there is to know of a [`Monitor`](super::Monitor) at one moment.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct MonitorSnapshot {
    /// Whether the target is fit to serve, the operator's order included.
    pub health: Health,
    /// The operator's order.
    pub admin: Admin,
    /// The state that [`restore`](super::Monitor::restore) takes.
    pub state: i32,
    /// Passes in a row of a target that is down.
    pub passes: u32,
    /// Failures in a row of a target that is up.
    pub failures: u32,
    /// What was last said of the weight.
    pub weight: Option<WeightHint>,
    /// The last result, and when it came.
    pub last: Option<(Instant, LastResult)>,
    /// When the health last changed, or was first known.
    pub changed_at: Option<Instant>,
    /// When the next run is to start.
    pub next_start: Option<Instant>,
    /// The counters.
    pub stats: MonitorStats,
}

/// What the last run found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastResult {
    /// What it said of the target.
    pub verdict: Verdict,
    /// Why.
    pub cause: Cause,
    /// How long it took.
    pub latency: Duration,
    /// Until when the certificate is valid that the target showed.
    pub certificate_ends: Option<SystemTime>,
}

/// What a [`Monitor`](super::Monitor) has seen since it was made. Never reset.
///
/// Every result is in exactly one of the first six.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MonitorStats {
    /// Runs that passed, those that asked for no new connections included.
    pub passed: u64,
    /// Runs that failed, but for those that timed out.
    pub failed: u64,
    /// Runs that failed because nothing came before the deadline.
    pub timed_out: u64,
    /// Runs that failed on this host, whatever the policy made of them.
    pub failed_locally: u64,
    /// Runs that say nothing because the checker itself was held up.
    pub held_up: u64,
    /// Runs that say nothing for another reason.
    pub inconclusive: u64,
    /// Times the target came up.
    pub ups: u64,
    /// Times the target went down.
    pub downs: u64,
}
