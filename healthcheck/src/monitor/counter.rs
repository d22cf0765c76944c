use crate::{
    Health,
    policy::{First, Initial, Policy, Way},
};

/// What a target's results have led to, in one signed integer, as HAProxy has it; but it does not depend on the policy, so that
/// it holds its meaning when the policy changes.
///
/// 0: no result yet. n > 0: up, with n - 1 failures since the last pass. n < 0: down, with -n - 1 passes since the last failure.
/// A pass of a target that is up, or a failure of one that is down, leaves 1 or -1 behind whatever was there: what is counted
/// is consecutive by construction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counter(i32);

/// Whether a failure counts or decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Counts,
    Decides,
}

impl Counter {
    pub(super) const fn new(state: i32) -> Self {
        Self(state)
    }

    pub(super) const fn get(self) -> i32 {
        self.0
    }

    pub(super) const fn has_result(self) -> bool {
        self.0 != 0
    }

    pub(super) fn health(self, policy: &Policy) -> Health {
        match (self.0, policy.initial()) {
            (1.., _) | (0, Initial::Up) => Health::Up,
            (..0, _) | (0, Initial::Down) => Health::Down,
            (0, Initial::Unknown) => Health::Unknown,
        }
    }

    pub(super) fn pass(self, policy: &Policy) -> Self {
        let passes = match (self.0, policy.first(), policy.initial()) {
            (1.., _, _) | (0, First::Decides, _) | (0, First::Counts, Initial::Up) => return UP,
            (0, First::Counts, Initial::Down | Initial::Unknown) => 1,
            (passes @ ..0, _, _) => passes.saturating_neg(),
        };
        if passes >= i32::from(policy.rise()) { UP } else { Self(-passes.saturating_add(1)) }
    }

    pub(super) fn fail(self, policy: &Policy, failure: Failure) -> Self {
        let failures = match (self.0, policy.first(), policy.initial()) {
            (..0, _, _) | (0, First::Decides, _) | (0, First::Counts, Initial::Down) => return DOWN,
            (0, First::Counts, Initial::Up | Initial::Unknown) => 1,
            (failures @ 1.., _, _) => failures,
        };
        if failures >= i32::from(policy.fall()) || failure == Failure::Decides {
            DOWN
        } else {
            Self(failures.saturating_add(1))
        }
    }

    /// How many results in a row speak against what it is, and how many are needed.
    pub(super) fn doubt(self, policy: &Policy) -> Option<(u32, u16)> {
        match self.0 {
            failures @ 2.. => Some((failures.unsigned_abs() - 1, policy.fall())),
            passes @ ..=-2 => Some((passes.unsigned_abs() - 1, policy.rise())),
            -1..=1 => None,
        }
    }

    pub(super) const fn way(self) -> Way {
        match self.0 {
            0 | 1 => Way::Steady,
            2.. => Way::Falling,
            -1 => Way::Down,
            ..=-2 => Way::Rising,
        }
    }
}

const UP: Counter = Counter(1);
const DOWN: Counter = Counter(-1);
