use std::time::Instant;

use super::CheckId;
use crate::Outcome;

/// What an [`Engine`](super::Engine) has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A run has ended. The check runs again when it is scheduled again.
    Ended(Ended),
    /// A [`Check::alarm`](super::Check::alarm) is due.
    Due {
        /// Which.
        check: CheckId,
        /// For when it was scheduled.
        planned: Instant,
    },
}

/// A run that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended {
    /// Of which check.
    pub check: CheckId,
    /// For when it was scheduled: the next start is best reckoned from here, so that lateness does not add up.
    pub planned: Instant,
    /// When it started, which is later by what the loop was late, and by the wait for others of its class.
    pub started: Instant,
    /// What it found.
    pub outcome: Outcome,
    /// What the program printed, the last 4 KiB of it; `None` if it was no program.
    pub output: Option<Box<[u8]>>,
}
