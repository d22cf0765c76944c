use std::{fmt, time::Duration};

use crate::{Cause, Health, WeightHint};

/// What a [`Monitor`](super::Monitor) has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MonitorEvent {
    /// The target's health is another: tell those who depend on it.
    Changed(Change),
    /// What it says of its weight is other than it was: tell those who depend on it.
    Weight {
        /// What was said before.
        from: Option<WeightHint>,
        /// What is said now.
        to: Option<WeightHint>,
    },
    /// Results speak against what the target is, but not yet enough of them: for a log.
    Pending {
        /// How many in a row.
        n: u32,
        /// How many it takes.
        of: u16,
        /// What it will be then.
        towards: Health,
        /// Why the last one was as it was.
        cause: Cause,
    },
    /// There has been no result for so long that whoever runs the checks must have stopped. What is known stays as it is.
    Stale {
        /// How long.
        silent_for: Duration,
    },
}

/// A change of health.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// What it was.
    pub from: Health,
    /// What it is.
    pub to: Health,
    /// Why.
    pub reason: Reason,
}

/// Why a target's health has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// Results.
    Results {
        /// How many in a row it took.
        count: u32,
        /// What the last one found.
        cause: Cause,
        /// How long the last run took.
        latency: Duration,
    },
    /// The operator's order.
    Operator,
    /// Another policy assumes something else of a target without results.
    Policy,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}: {}", self.from, self.to, self.reason)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Results { count, cause, latency } => {
                write!(f, "{cause}, {latency:.1?}, {count} in a row")
            }
            Self::Operator => f.write_str("the operator's order"),
            Self::Policy => f.write_str("another policy"),
        }
    }
}

impl fmt::Display for MonitorEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(change) => change.fmt(f),
            Self::Weight { to: Some(to), .. } => write!(f, "weight {to:?}"),
            Self::Weight { to: None, .. } => f.write_str("no word of its weight any more"),
            Self::Pending { n, of, towards, cause } => write!(f, "{n}/{of} {towards}: {cause}"),
            Self::Stale { silent_for } => write!(f, "no result for {silent_for:.1?}"),
        }
    }
}

/// What waits to be polled: at most one of each kind, the newest.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pending {
    changed: Option<(Health, Health, Because)>,
    /// What was said of the weight when the caller was last told.
    weight: Option<Option<WeightHint>>,
    pub(super) is_doubtful: bool,
    pub(super) is_stale: bool,
}

/// A [`Reason`] without what the monitor remembers itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Because {
    Results(u32),
    Operator,
    Policy,
}

impl Pending {
    /// Adds a change to one that nobody has seen yet: they become one, and none if it leads back.
    pub(super) fn change(&mut self, from: Health, to: Health, because: Because) {
        let from = self.changed.map_or(from, |(from, _, _)| from);
        self.changed = (from != to).then_some((from, to, because));
    }

    /// The same for the weight.
    pub(super) fn reweigh(&mut self, from: Option<WeightHint>, to: Option<WeightHint>) {
        let from = self.weight.unwrap_or(from);
        self.weight = (from != to).then_some(from);
    }

    pub(super) const fn take_change(&mut self) -> Option<(Health, Health, Because)> {
        self.changed.take()
    }

    pub(super) const fn take_weight(&mut self) -> Option<Option<WeightHint>> {
        self.weight.take()
    }
}
