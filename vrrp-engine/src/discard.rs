use thiserror::Error;
use vrrp_proto::{Counter, ParseError, Violation, Vrid};

/// Says why a packet was not taken. A peer is to blame, or a stranger; nothing has changed but a counter.
///
/// The variants stand in the order in which the checks are made (RFC 3768 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Discard {
    /// It is not an advertisement (a counter for each cause in [`RouterStats`](crate::RouterStats)).
    #[error("malformed: {0}")]
    Malformed(#[from] ParseError),
    /// No virtual router of that number on that interface ([`RouterStats::vrid_errors`]).
    ///
    /// [`RouterStats::vrid_errors`]: crate::RouterStats::vrid_errors
    #[error("virtual router {0} is not configured on this interface")]
    UnknownVrid(Vrid),
    /// The virtual router is not started ([`Stats::not_running`]).
    ///
    /// [`Stats::not_running`]: crate::Stats::not_running
    #[error("the virtual router is not started")]
    NotRunning,
    /// It breaks a rule of the virtual router (a counter for each in [`Stats`](crate::Stats)).
    #[error(transparent)]
    Rule(#[from] Violation),
}

impl Discard {
    /// Returns the counter it belongs to; `None` for [`NotRunning`](Self::NotRunning).
    pub const fn counter(&self) -> Option<Counter> {
        match self {
            Self::Malformed(error) => Some(error.counter()),
            Self::UnknownVrid(_) => Some(Counter::Vrid),
            Self::NotRunning => None,
            Self::Rule(violation) => Some(violation.counter()),
        }
    }
}
