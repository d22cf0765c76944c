use std::time::Duration;

use thiserror::Error;

use super::{First, Initial, Jitter, OnDecisive, OnLocalFailure, Policy, Spread};

/// Collects the values of a [`Policy`].
#[derive(Clone, Debug)]
#[must_use]
pub struct PolicyBuilder {
    draft: Policy,
}

impl PolicyBuilder {
    pub(super) const fn new() -> Self {
        Self { draft: DEFAULT }
    }

    pub(super) const fn of(draft: Policy) -> Self {
        Self { draft }
    }

    /// Sets how many passes in a row make a target that is down count as up: at least 1 (default 2).
    pub const fn rise(mut self, rise: u16) -> Self {
        self.draft.rise = rise;
        self
    }

    /// Sets how many failures in a row make a target that is up count as down: at least 1 (default 3).
    pub const fn fall(mut self, fall: u16) -> Self {
        self.draft.fall = fall;
        self
    }

    /// Sets what is assumed before the first result (default [`Initial::Unknown`]).
    pub const fn initial(mut self, initial: Initial) -> Self {
        self.draft.initial = initial;
        self
    }

    /// Sets what the first result is worth (default [`First::Decides`]).
    pub const fn first(mut self, first: First) -> Self {
        self.draft.first = first;
        self
    }

    /// Sets what becomes of a decisive failure (default [`OnDecisive::Count`]).
    pub const fn on_decisive(mut self, on_decisive: OnDecisive) -> Self {
        self.draft.on_decisive = on_decisive;
        self
    }

    /// Sets what becomes of a failure on this host (default: the third in a row counts).
    pub const fn on_local_failure(mut self, on_local_failure: OnLocalFailure) -> Self {
        self.draft.on_local_failure = on_local_failure;
        self
    }

    /// Sets the time from start to start (default 2 s); the three below are the same unless set. At least 1 ms, as they.
    pub const fn interval(mut self, interval: Duration) -> Self {
        self.draft.interval = interval;
        self
    }

    /// Sets the time from start to start while it is not yet clear: [`rising_interval`](Self::rising_interval) and
    /// [`falling_interval`](Self::falling_interval). HAProxy's `fastinter`.
    pub const fn transition_interval(self, interval: Duration) -> Self {
        self.rising_interval(interval).falling_interval(interval)
    }

    /// Sets the time from start to start while the target is down and passes. Envoy's `healthy_edge_interval`.
    pub const fn rising_interval(mut self, interval: Duration) -> Self {
        self.draft.rising_interval = Some(interval);
        self
    }

    /// Sets the time from start to start while the target is up and fails. Envoy's `unhealthy_edge_interval`.
    pub const fn falling_interval(mut self, interval: Duration) -> Self {
        self.draft.falling_interval = Some(interval);
        self
    }

    /// Sets the time from start to start while the target is down and fails. HAProxy's `downinter`, Envoy's
    /// `unhealthy_interval`.
    pub const fn down_interval(mut self, interval: Duration) -> Self {
        self.draft.down_interval = Some(interval);
        self
    }

    /// Sets the time from the end of a failed run to the next start, while the target is up: a pause for it to recover in, and
    /// used instead of the falling interval. keepalived's `delay_before_retry`.
    pub const fn retry_delay(mut self, delay: Duration) -> Self {
        self.draft.retry_delay = Some(delay);
        self
    }

    /// Sets how long a run may take (default 1 s): at least 1 ms. It may be longer than the interval: runs never overlap, and the
    /// starts that a run misses are left out.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.draft.timeout = timeout;
        self
    }

    /// Sets by how much intervals vary (default 5 percent less or more).
    pub const fn jitter(mut self, jitter: Jitter) -> Self {
        self.draft.jitter = jitter;
        self
    }

    /// Sets how first runs are spread (default [`Spread::Even`]).
    pub const fn spread(mut self, spread: Spread) -> Self {
        self.draft.spread = spread;
        self
    }

    /// Sets after how long without any result a check is stale (default: four of the longest intervals and a timeout).
    /// `Duration::MAX` is never.
    pub const fn stale_after(mut self, time: Duration) -> Self {
        self.draft.stale_after = Some(time);
        self
    }

    /// Checks the values.
    ///
    /// # Errors
    ///
    /// A [`PolicyError`] that names the first value that can't be.
    pub fn build(self) -> Result<Policy, PolicyError> {
        let Policy { rise, fall, jitter, spread, .. } = self.draft;
        for (name, count) in [("rise", rise), ("fall", fall)] {
            if count == 0 {
                return Err(PolicyError::Count { name });
            }
        }
        for (name, least, duration) in self.durations() {
            if !(least..=MOST).contains(&duration) {
                return Err(PolicyError::Duration { name, duration, least });
            }
        }
        match jitter {
            Jitter::Around(percent) if percent > 50 => return Err(PolicyError::Jitter { percent, most: 50 }),
            Jitter::Above(percent) if percent > 100 => {
                return Err(PolicyError::Jitter { percent, most: 100 });
            }
            Jitter::None | Jitter::Around(_) | Jitter::Above(_) => {}
        }
        if self.draft.on_local_failure == OnLocalFailure::FailAfter(0) {
            return Err(PolicyError::Count { name: "local failures" });
        }
        if let Spread::Random { from, to } = spread
            && (from > to || to > MOST)
        {
            return Err(PolicyError::Spread { from, to });
        }
        Ok(self.draft)
    }

    /// All that are bounded: their names, their least values, and they.
    fn durations(&self) -> impl Iterator<Item = (&'static str, Duration, Duration)> {
        let draft = &self.draft;
        let all = [
            ("interval", LEAST, Some(draft.interval)),
            ("timeout", LEAST, Some(draft.timeout)),
            ("rising interval", LEAST, draft.rising_interval),
            ("falling interval", LEAST, draft.falling_interval),
            ("down interval", LEAST, draft.down_interval),
            ("retry delay", Duration::ZERO, draft.retry_delay),
        ];
        all.into_iter().filter_map(|(name, least, duration)| Some((name, least, duration?)))
    }
}

/// Says which value of a [`Policy`] can't be. The operator is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A number of results that is zero.
    #[error("{name} is 0: it takes at least 1 result to decide")]
    Count {
        /// Which.
        name: &'static str,
    },
    /// A number of results that is too large.
    #[error("{name} is {count}: at most {} are counted", u16::MAX)]
    TooMany {
        /// Which.
        name: &'static str,
        /// How many there were.
        count: u32,
    },
    /// A time that is too short, or too long.
    #[error("{name} {duration:?} is out of range: {least:?} to 365 days")]
    Duration {
        /// Which.
        name: &'static str,
        /// The time given.
        duration: Duration,
        /// The least.
        least: Duration,
    },
    /// More jitter than there is.
    #[error("a jitter of {percent} percent is out of range: at most {most}")]
    Jitter {
        /// The jitter given.
        percent: u8,
        /// The most.
        most: u8,
    },
    /// A spread that ends before it begins, or goes on too long.
    #[error(
        "first runs cannot be spread from {from:?} to {to:?}: the shorter time first, and at most 365 days"
    )]
    Spread {
        /// The least.
        from: Duration,
        /// The most.
        to: Duration,
    },
}

const LEAST: Duration = Duration::from_millis(1);
const MOST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

pub(super) const DEFAULT: Policy = Policy {
    rise: 2,
    fall: 3,
    initial: Initial::Unknown,
    first: First::Decides,
    on_decisive: OnDecisive::Count,
    on_local_failure: OnLocalFailure::FailAfter(3),
    interval: Duration::from_secs(2),
    rising_interval: None,
    falling_interval: None,
    down_interval: None,
    retry_delay: None,
    timeout: Duration::from_secs(1),
    jitter: Jitter::Around(5),
    spread: Spread::Even,
    stale_after: None,
};
