use std::time::Duration;

mod builder;
pub mod presets;
mod schedule;

pub(crate) use schedule::Way;

pub use builder::{PolicyBuilder, PolicyError};

/// When a check runs, and what its results mean.
///
/// Many checks share one: a [`Monitor`](crate::Monitor) holds it behind an `Arc`.
///
/// ```
/// use std::time::Duration;
/// use healthcheck::{Initial, Policy};
///
/// let policy = Policy::builder()
///     .rise(2)
///     .fall(3)
///     .interval(Duration::from_secs(2))
///     .transition_interval(Duration::from_millis(500)) // once in doubt, look often
///     .timeout(Duration::from_secs(1))
///     .initial(Initial::Down)
///     .build()?;
/// # assert_eq!(policy.fall(), 3);
/// # Ok::<(), healthcheck::PolicyError>(())
/// ```
///
/// How other programs decide is in [`presets`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    rise: u16,
    fall: u16,
    initial: Initial,
    first: First,
    on_decisive: OnDecisive,
    on_local_failure: OnLocalFailure,
    interval: Duration,
    rising_interval: Option<Duration>,
    falling_interval: Option<Duration>,
    down_interval: Option<Duration>,
    retry_delay: Option<Duration>,
    timeout: Duration,
    jitter: Jitter,
    spread: Spread,
    stale_after: Option<Duration>,
}

/// What is assumed of a target before its first result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it is up, down, or neither")]
pub enum Initial {
    /// It serves: after a start, traffic flows at once, to dead targets too. keepalived's and HAProxy's default.
    Up,
    /// It does not: keepalived's `alpha`, Consul's and Envoy's default.
    Down,
    /// Neither: it is not put in, nor is it reported as failed. The first result decides, whatever [`First`] says.
    #[default]
    Unknown,
}

/// What the first result of all is worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it decides or it counts")]
pub enum First {
    /// It decides: one pass is enough for up, one failure for down.
    #[default]
    Decides,
    /// It counts as any other.
    Counts,
}

/// What becomes of a failure that leaves no room for chance ([`Outcome::decisive`](crate::Outcome::decisive)).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it is believed or it counts")]
pub enum OnDecisive {
    /// It counts as any other.
    #[default]
    Count,
    /// It is believed: the target is down at once. Envoy's way with answers that are wrong, as opposed to late.
    Believe,
}

/// What becomes of a run that failed on this host: no descriptor, no port, no permission.
///
/// It says nothing about the target; but a target that cannot be looked at for long may well be dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a new way must not go unnoticed in a match")]
pub enum OnLocalFailure {
    /// Nothing: all stays as it is. keepalived's way.
    Hold,
    /// It counts as a failure of the target. The way of HAProxy, Envoy and Consul.
    Fail,
    /// This many in a row, and each one after, count as failures; those before are held. 1 is [`Fail`](Self::Fail).
    FailAfter(u16),
}

impl Default for OnLocalFailure {
    /// The third in a row counts.
    fn default() -> Self {
        Self::FailAfter(3)
    }
}

/// By how much the time between two starts varies, at random, so that checks that meet by chance part again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a new way must not go unnoticed in a match")]
pub enum Jitter {
    /// Not at all.
    None,
    /// By so many percent less or more: 0 to 50. HAProxy's `spread-checks`, which advises 2 to 5.
    Around(u8),
    /// By up to so many percent more: 0 to 100. Envoy's `interval_jitter_percent`.
    Above(u8),
}

impl Default for Jitter {
    /// 5 percent less or more.
    fn default() -> Self {
        Self::Around(5)
    }
}

/// How first runs are spread, so that a thousand checks do not begin at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a new way must not go unnoticed in a match")]
pub enum Spread {
    /// Evenly over the interval: check `i` of `n` begins after `i`/`n` of it. HAProxy's way.
    #[default]
    Even,
    /// At random between these, both included. keepalived's `warmup` is from 1 s to 1 s and that; Envoy's `initial_jitter` from
    /// 0 to that.
    Random {
        /// The least.
        from: Duration,
        /// The most.
        to: Duration,
    },
}

impl Policy {
    /// Begins with rise 2, fall 3, an interval of 2 s and a timeout of 1 s, a target unknown before its first result, which
    /// decides.
    pub const fn builder() -> PolicyBuilder {
        PolicyBuilder::new()
    }

    /// Begins with these values.
    pub fn to_builder(&self) -> PolicyBuilder {
        PolicyBuilder::of(self.clone())
    }

    /// Returns how many passes in a row make a target that is down count as up.
    #[must_use]
    pub const fn rise(&self) -> u16 {
        self.rise
    }

    /// Returns how many failures in a row make a target that is up count as down.
    #[must_use]
    pub const fn fall(&self) -> u16 {
        self.fall
    }

    /// Returns what is assumed before the first result.
    #[must_use]
    pub const fn initial(&self) -> Initial {
        self.initial
    }

    /// Returns what the first result is worth.
    #[must_use]
    pub const fn first(&self) -> First {
        match self.initial {
            Initial::Unknown => First::Decides,
            Initial::Up | Initial::Down => self.first,
        }
    }

    /// Returns what becomes of a decisive failure.
    #[must_use]
    pub const fn on_decisive(&self) -> OnDecisive {
        self.on_decisive
    }

    /// Returns what becomes of a failure on this host.
    #[must_use]
    pub const fn on_local_failure(&self) -> OnLocalFailure {
        self.on_local_failure
    }

    /// Returns the time from start to start while the target is up and passes.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// Returns the time from start to start while the target is down and passes.
    #[must_use]
    pub fn rising_interval(&self) -> Duration {
        self.rising_interval.unwrap_or(self.interval)
    }

    /// Returns the time from start to start while the target is up and fails; not used if there is a
    /// [`retry_delay`](Self::retry_delay).
    #[must_use]
    pub fn falling_interval(&self) -> Duration {
        self.falling_interval.unwrap_or(self.interval)
    }

    /// Returns the time from start to start while the target is down and fails.
    #[must_use]
    pub fn down_interval(&self) -> Duration {
        self.down_interval.unwrap_or(self.interval)
    }

    /// Returns the time from the end of a failed run to the next start, while the target is up.
    #[must_use]
    pub const fn retry_delay(&self) -> Option<Duration> {
        self.retry_delay
    }

    /// Returns how long a run may take.
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Returns by how much intervals vary.
    #[must_use]
    pub const fn jitter(&self) -> Jitter {
        self.jitter
    }

    /// Returns how first runs are spread.
    #[must_use]
    pub const fn spread(&self) -> Spread {
        self.spread
    }

    /// Returns after how long without any result a check is stale: four of the longest intervals and a timeout, if not set.
    #[must_use]
    pub fn stale_after(&self) -> Duration {
        let intervals =
            [self.interval, self.rising_interval(), self.falling_interval(), self.down_interval()];
        let longest = intervals.into_iter().chain(self.retry_delay).max().unwrap_or_default();
        self.stale_after.unwrap_or_else(|| longest.saturating_mul(4).saturating_add(self.timeout))
    }
}

impl Default for Policy {
    fn default() -> Self {
        builder::DEFAULT
    }
}
