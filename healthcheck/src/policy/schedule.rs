//! When a policy has a check run: arithmetic, pure but for the dice.

use std::time::{Duration, Instant};

use super::{Jitter, Policy, Spread};
use crate::dice::Dice;

/// Where a target is on its way, as far as the next start depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Up, or not known yet.
    Steady,
    /// Up, and fails.
    Falling,
    /// Down, and passes.
    Rising,
    /// Down, and fails.
    Down,
}

impl Policy {
    /// How long check number `nth` of `of` waits for its first run.
    pub(crate) fn first_wait(&self, nth: u32, of: u32, dice: &mut Dice) -> Duration {
        match self.spread {
            Spread::Even => {
                let of = of.max(1);
                share(self.interval, u64::from(nth % of), u64::from(of))
            }
            Spread::Random { from, to } => from + dice.up_to(to.saturating_sub(from)),
        }
    }

    /// When the next run is to start, after one that was planned for `planned` and has ended `now`: from the plan, not from
    /// the end, so that lateness does not add up. A start that has been missed is left out.
    pub(crate) fn next_start(&self, planned: Instant, now: Instant, way: Way, dice: &mut Dice) -> Instant {
        let interval = match (way, self.retry_delay) {
            (Way::Falling, Some(delay)) => return now + delay,
            (Way::Steady, _) => self.interval,
            (Way::Falling, None) => self.falling_interval(),
            (Way::Rising, _) => self.rising_interval(),
            (Way::Down, _) => self.down_interval(),
        };
        let next = planned + self.jitter.vary(interval, dice);
        match now.checked_duration_since(next) {
            None => next,
            Some(late) => next + interval.saturating_mul(missed(late, interval)),
        }
    }
}

impl Jitter {
    fn vary(self, interval: Duration, dice: &mut Dice) -> Duration {
        match self {
            Self::None => interval,
            Self::Around(percent) => {
                let span = share(interval, percent.into(), 100);
                (interval + dice.up_to(span * 2)).saturating_sub(span)
            }
            Self::Above(percent) => interval + dice.up_to(share(interval, percent.into(), 100)),
        }
    }
}

/// How many intervals it takes to get past what is late.
fn missed(late: Duration, interval: Duration) -> u32 {
    let intervals = late.as_nanos().div_ceil(interval.as_nanos().max(1));
    u32::try_from(intervals).unwrap_or(u32::MAX)
}

fn share(duration: Duration, part: u64, of: u64) -> Duration {
    let nanos = duration.as_nanos().saturating_mul(part.into()) / u128::from(of.max(1));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_next_start_is_never_in_the_past_and_keeps_the_beat(
            interval in 1u64..10_000, late in 0u64..100_000, percent in 0u8..=50, seed: u64,
        ) {
            let interval = Duration::from_millis(interval);
            let policy = Policy::builder().interval(interval).jitter(Jitter::Around(percent)).build().unwrap();
            let planned = Instant::now();
            let now = planned + Duration::from_millis(late);

            let next = policy.next_start(planned, now, Way::Steady, &mut Dice::new(seed));

            prop_assert!(next >= now);
            let span = interval * u32::from(percent) / 100;
            let upper = (planned + interval + span).max(now + interval);
            prop_assert!(next >= planned + interval - span && next <= upper);
        }
    }

    #[test]
    fn without_jitter_a_late_run_stays_on_the_beat() {
        let policy = Policy::builder().jitter(Jitter::None).interval(Duration::from_secs(2)).build().unwrap();
        let start = Instant::now();
        let mut dice = Dice::new(1);
        for (took, next) in [(0, 2), (1999, 2), (2000, 2), (2001, 4), (4000, 4), (5500, 6)] {
            let now = start + Duration::from_millis(took);
            let expected = start + Duration::from_secs(next);
            assert_eq!(policy.next_start(start, now, Way::Steady, &mut dice), expected, "took {took} ms");
        }
    }
}
