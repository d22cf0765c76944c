//! What a virtual router depends on besides VRRP, and what that does to its priority: keepalived's `track_*`, as pure
//! functions.

use vrrp_proto::Priority;

use crate::ConfigError;

/// What something that is tracked does to a virtual router: keepalived's `weight` and `reverse`.
///
/// The thing itself, an interface, a script, a file, a process, a health check, is the caller's; the engine is told its
/// [`Health`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tracker {
    weight: i16,
    is_reverse: bool,
}

impl Tracker {
    /// Makes one that puts the virtual router in state Fault while the thing is down, or not yet known: keepalived's weight 0.
    pub const fn fault() -> Self {
        Self { weight: 0, is_reverse: false }
    }

    /// Makes one that changes the priority: a positive weight is added while the thing is up, a negative one while it is
    /// down. -253 to 253, and 0 is [`fault`](Self::fault).
    ///
    /// With [`Preempt::Forbid`](crate::Preempt::Forbid) a weight decides who takes over from a Master that is gone, but never
    /// makes anybody take over from one that is not: use `fault`.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Weight`] for any other.
    pub const fn weight(weight: i16) -> Result<Self, ConfigError> {
        if weight < -MAX_WEIGHT || weight > MAX_WEIGHT {
            return Err(ConfigError::Weight { weight });
        }
        Ok(Self { weight, is_reverse: false })
    }

    /// Turns the sign of the weight around; or, for weight 0, has the thing's health taken for its failure.
    #[must_use]
    pub const fn reverse(self) -> Self {
        Self { is_reverse: !self.is_reverse, ..self }
    }

    /// Returns what the thing does to the virtual router now.
    pub fn effect(self, health: Health) -> Effect {
        let sign = if self.is_reverse { -1 } else { 1 };
        let weight = i32::from(self.weight) * sign;
        match (self.weight, health) {
            (0, Health::Unknown) => Effect::Fault,
            (0, Health::Up) => fault_if(self.is_reverse),
            (0, Health::Down) => fault_if(!self.is_reverse),
            (0, Health::Value(value)) => fault_if((value != 0) != self.is_reverse),
            (_, Health::Unknown) => Effect::NONE,
            (_, Health::Up) => Effect::Weight(if self.weight > 0 { weight } else { 0 }),
            (_, Health::Down) => Effect::Weight(if self.weight < 0 { weight } else { 0 }),
            (_, Health::Value(value)) => match value.saturating_mul(weight) {
                ..=FAULT_VALUE => Effect::Fault,
                product => Effect::Weight(product.min(MAX_WEIGHT.into())),
            },
        }
    }
}

/// How something that is tracked does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a caller has nothing else to say")]
pub enum Health {
    /// Nothing is known yet: a script that has not run to its end.
    #[default]
    Unknown,
    /// It is well.
    Up,
    /// It has failed.
    Down,
    /// It is a number, keepalived's `track_file`: the weight is multiplied by it, -254 and less is Fault, more than 253 is
    /// 253. With weight 0, every number but 0 is Fault.
    Value(i32),
}

/// What one thing does to a virtual router.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "keepalived's arithmetic has these two")]
pub enum Effect {
    /// It changes the priority by so much.
    Weight(i32),
    /// It puts the virtual router in state Fault.
    Fault,
}

impl Effect {
    const NONE: Self = Self::Weight(0);
}

/// Returns the priority that is advertised: the configured one and all weights, 1 to 254. The owner's (255) stays.
pub fn effective_priority(configured: Priority, weights: i32) -> Priority {
    if configured.is_owner() {
        return configured;
    }
    let sum = i32::from(configured.get()).saturating_add(weights).clamp(1, 254);
    // Within 1 and 254.
    Priority::new(sum as u8)
}

const fn fault_if(condition: bool) -> Effect {
    if condition { Effect::Fault } else { Effect::NONE }
}

const MAX_WEIGHT: i16 = 253;
const FAULT_VALUE: i32 = -254;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weight_counts_while_it_is_up_if_positive_and_while_it_is_down_if_negative() {
        let (plus, minus) = (Tracker::weight(20).unwrap(), Tracker::weight(-20).unwrap());
        assert_eq!(plus.effect(Health::Up), Effect::Weight(20));
        assert_eq!(plus.effect(Health::Down), Effect::NONE);
        assert_eq!(minus.effect(Health::Up), Effect::NONE);
        assert_eq!(minus.effect(Health::Down), Effect::Weight(-20));
        assert_eq!(plus.reverse().effect(Health::Up), Effect::Weight(-20));
        assert_eq!(minus.reverse().effect(Health::Down), Effect::Weight(20));
        for tracker in [plus, minus, plus.reverse()] {
            assert_eq!(tracker.effect(Health::Unknown), Effect::NONE);
        }
    }

    #[test]
    fn weight_zero_is_a_fault_until_it_is_known_to_be_well() {
        let tracker = Tracker::fault();
        assert_eq!(tracker.effect(Health::Unknown), Effect::Fault);
        assert_eq!(tracker.effect(Health::Down), Effect::Fault);
        assert_eq!(tracker.effect(Health::Up), Effect::NONE);
        assert_eq!(tracker.effect(Health::Value(0)), Effect::NONE);
        assert_eq!(tracker.effect(Health::Value(1)), Effect::Fault);
        assert_eq!(tracker.reverse().effect(Health::Up), Effect::Fault);
        assert_eq!(tracker.reverse().effect(Health::Down), Effect::NONE);
    }

    #[test]
    fn a_number_is_multiplied_and_cut_at_the_ends() {
        let one = Tracker::weight(1).unwrap();
        let effect = |value| one.effect(Health::Value(value));
        assert_eq!(effect(0), Effect::NONE);
        assert_eq!(effect(253), Effect::Weight(253));
        assert_eq!(effect(254), Effect::Weight(253));
        assert_eq!(effect(i32::MAX), Effect::Weight(253));
        assert_eq!(effect(-253), Effect::Weight(-253));
        assert_eq!(effect(-254), Effect::Fault);
        assert_eq!(effect(i32::MIN), Effect::Fault);
        assert_eq!(Tracker::weight(253).unwrap().effect(Health::Value(i32::MIN)), Effect::Fault);
        assert_eq!(Tracker::weight(-2).unwrap().effect(Health::Value(100)), Effect::Weight(-200));
        assert_eq!(Tracker::weight(254), Err(ConfigError::Weight { weight: 254 }));
        assert_eq!(Tracker::weight(-254), Err(ConfigError::Weight { weight: -254 }));
    }

    #[test]
    fn the_sum_stays_within_1_and_254_and_the_owner_stays_the_owner() {
        let effective = |configured, weights| effective_priority(Priority::new(configured), weights).get();
        assert_eq!(effective(100, 20), 120);
        assert_eq!(effective(100, -100), 1);
        assert_eq!(effective(100, i32::MIN), 1);
        assert_eq!(effective(100, 155), 254);
        assert_eq!(effective(100, i32::MAX), 254);
        assert_eq!(effective(255, -253), 255);
    }
}
