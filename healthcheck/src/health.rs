use std::fmt;

use crate::WeightHint;

/// Whether something is fit to serve, as it stands: a check's word, or a target's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a new state must not go unnoticed in a match")]
pub enum Health {
    /// Nothing is known yet, and nothing is assumed.
    #[default]
    Unknown,
    /// It serves.
    Up,
    /// It serves those it has, and is to get no new ones.
    Draining,
    /// It does not serve.
    Down,
    /// The operator has taken it out of service, and nobody looks at it.
    Maintenance,
}

impl Health {
    /// Whether it serves: up, or draining.
    #[must_use]
    pub const fn serves(self) -> bool {
        match self {
            Self::Up | Self::Draining => true,
            Self::Unknown | Self::Down | Self::Maintenance => false,
        }
    }

    /// What is left of it under an operator's order.
    pub(crate) const fn under(self, admin: Admin) -> Self {
        match (admin, self) {
            (Admin::Auto, health) => health,
            (Admin::Maintenance, _) => Self::Maintenance,
            (Admin::ForcedUp, _) => Self::Up,
            (Admin::ForcedDown, _) => Self::Down,
            (Admin::Drain, Self::Up) => Self::Draining,
            (Admin::Drain, health) => health,
        }
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Draining => "draining",
            Self::Down => "down",
            Self::Maintenance => "maintenance",
        })
    }
}

/// What the operator orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a new order must not go unnoticed in a match")]
pub enum Admin {
    /// The checks decide.
    #[default]
    Auto,
    /// The checks decide, but it gets nothing new.
    Drain,
    /// It is out of service and not looked at. Afterwards it is as if it had just been added.
    Maintenance,
    /// It counts as up whatever the checks say. They go on, so that what they say holds at once afterwards.
    ForcedUp,
    /// It counts as down whatever the checks say. They go on, so that what they say holds at once afterwards.
    ForcedDown,
}

/// What a check says of its target now: what a [`Monitor`](crate::Monitor) hands to everybody who wants to know.
///
/// It is a value, so that one check can stand for many targets in many pools.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// Whether the target is fit to serve.
    pub health: Health,
    /// What was last said of its weight.
    pub weight: Option<WeightHint>,
    /// Whether a run has ended with a result, or the operator has spoken; until then it is assumption.
    pub evidence: Evidence,
}

/// What a [`Standing`] rests on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is a result or there is none")]
pub enum Evidence {
    /// What the policy says of a target that nobody has looked at.
    #[default]
    Assumed,
    /// At least one result, or the operator's word.
    Seen,
}

impl Standing {
    /// Says that nobody has looked yet, and that nothing is assumed.
    pub const UNKNOWN: Self = Self::new(Health::Unknown, Evidence::Assumed);
    /// Says that it was seen to serve: for what is known by other means than a check.
    pub const UP: Self = Self::new(Health::Up, Evidence::Seen);
    /// Says that it was seen not to serve: for what is known by other means than a check.
    pub const DOWN: Self = Self::new(Health::Down, Evidence::Seen);

    pub(crate) const fn new(health: Health, evidence: Evidence) -> Self {
        Self { health, weight: None, evidence }
    }

    /// Adds what is said of the weight.
    #[must_use]
    pub const fn with_weight(self, hint: WeightHint) -> Self {
        Self { weight: Some(hint), ..self }
    }
}
