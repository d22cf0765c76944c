use std::time::Duration;

use thiserror::Error;

/// How a [`Pool`](super::Pool) makes orders of its targets' health.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig<K> {
    pub(super) quorum: u32,
    pub(super) hysteresis: u32,
    pub(super) fallback: Option<K>,
    pub(super) panic_below: u8,
    pub(super) on_down: OnDown,
    pub(super) drain: Duration,
    pub(super) slow_start: Duration,
}

/// What becomes of a target that goes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a new way must not go unnoticed in a match")]
pub enum OnDown {
    /// It is removed at once. Over LVS, its open connections end, silently unless `expire_nodest_conn` is set.
    #[default]
    Remove,
    /// It stays with weight 0: open connections go on to it, whether it lives or not. keepalived's `inhibit_on_failure`.
    Inhibit,
    /// It stays with weight 0 for so long, and is then removed; at most a year.
    Drain(Duration),
}

impl<K> PoolConfig<K> {
    /// Begins with a quorum of 1 without hysteresis, no fallback, no panic, no drain and no slow start, and targets that are
    /// removed when they go down: keepalived's defaults.
    pub const fn builder() -> PoolConfigBuilder<K> {
        PoolConfigBuilder {
            draft: Self {
                quorum: 1,
                hysteresis: 0,
                fallback: None,
                panic_below: 0,
                on_down: OnDown::Remove,
                drain: Duration::ZERO,
                slow_start: Duration::ZERO,
            },
        }
    }
}

impl<K> Default for PoolConfig<K> {
    fn default() -> Self {
        Self::builder().draft
    }
}

/// Collects the values of a [`PoolConfig`].
#[derive(Clone, Debug)]
#[must_use]
pub struct PoolConfigBuilder<K> {
    draft: PoolConfig<K>,
}

impl<K> PoolConfigBuilder<K> {
    /// Sets the weight that must be up for the pool to do its work: at least 1 (default 1).
    ///
    /// The weights of all its targets count as configured, if they are less.
    pub fn quorum(mut self, weight: u32) -> Self {
        self.draft.quorum = weight;
        self
    }

    /// Sets by how much more weight is needed to gain the quorum, and by how much less it is lost: less than the quorum (default
    /// 0). With no weight up it is lost in any case.
    pub fn hysteresis(mut self, weight: u32) -> Self {
        self.draft.hysteresis = weight;
        self
    }

    /// Sets who serves while there is no quorum, alone and with weight 1: keepalived's `sorry_server`. It is not checked.
    ///
    /// Without one, the loss of the quorum is told and nothing else: what is up goes on.
    pub fn fallback(mut self, key: K) -> Self {
        self.draft.fallback = Some(key);
        self
    }

    /// Sets below how many percent of its targets being up the pool takes all of them for up (default 0: never; at most 100):
    /// when so many fail at once, it is more likely the checker's network, and the few that are left could not carry the load.
    ///
    /// Targets that are not known yet count as up; those drained or in maintenance do not count, and those forced down are not taken
    /// for up. A fallback goes before.
    pub fn panic_below(mut self, percent: u8) -> Self {
        self.draft.panic_below = percent;
        self
    }

    /// Sets what becomes of a target that goes down (default [`OnDown::Remove`]).
    pub fn on_down(mut self, on_down: OnDown) -> Self {
        self.draft.on_down = on_down;
        self
    }

    /// Sets how long a target that is taken out, of the configuration or for maintenance, stays with weight 0 before it is removed
    /// (default 0: not at all; at most a year).
    pub fn drain(mut self, time: Duration) -> Self {
        self.draft.drain = time;
        self
    }

    /// Sets how long a target that comes back up takes to its full weight, in steps of 5 percent (default 0: at once; at most a
    /// year). Not after a start: then all would be weak together.
    pub fn slow_start(mut self, time: Duration) -> Self {
        self.draft.slow_start = time;
        self
    }

    /// Checks the values against each other.
    ///
    /// # Errors
    ///
    /// A [`PoolConfigError`] that names the first value that can't be.
    pub fn build(self) -> Result<PoolConfig<K>, PoolConfigError> {
        let PoolConfig { quorum, hysteresis, panic_below, on_down, drain, slow_start, .. } = self.draft;
        if quorum == 0 {
            return Err(PoolConfigError::Quorum);
        }
        if hysteresis >= quorum {
            return Err(PoolConfigError::Hysteresis { hysteresis, quorum });
        }
        if panic_below > 100 {
            return Err(PoolConfigError::Panic { percent: panic_below });
        }
        let down_drain = match on_down {
            OnDown::Drain(time) => time,
            OnDown::Remove | OnDown::Inhibit => Duration::ZERO,
        };
        let times =
            [("drain", drain), ("slow start", slow_start), ("drain of a target that is down", down_drain)];
        match times.into_iter().find(|(_, time)| *time > YEAR) {
            Some((name, time)) => Err(PoolConfigError::Time { name, time }),
            None => Ok(self.draft),
        }
    }
}

/// Says which value of a [`PoolConfig`] can't be. The operator is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum PoolConfigError {
    /// A quorum of nothing.
    #[error("quorum 0 is out of range: at least 1, or a pool without targets would do its work")]
    Quorum,
    /// A hysteresis by which the quorum could not be lost.
    #[error("hysteresis {hysteresis} is out of range: less than the quorum, {quorum}")]
    Hysteresis {
        /// The hysteresis.
        hysteresis: u32,
        /// The quorum.
        quorum: u32,
    },
    /// More than all.
    #[error("panic below {percent} percent is out of range: at most 100")]
    Panic {
        /// The threshold.
        percent: u8,
    },
    /// A time that is too long.
    #[error("{name} of {time:?} is out of range: at most 365 days")]
    Time {
        /// Which.
        name: &'static str,
        /// The time given.
        time: Duration,
    },
}

const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
