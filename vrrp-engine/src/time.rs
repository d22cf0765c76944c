use core::{
    ops::{Add, Sub},
    time::Duration,
};

/// A moment on the caller's clock: so long after an epoch of the caller's choice.
///
/// The engine never reads a clock; each call is told the time. Any clock that runs evenly will do, a simulated one too, and
/// with the feature `std` [`Clock`] makes one of `std::time::Instant`. Resolution is a nanosecond, and 584 years after the
/// epoch is the last moment: arithmetic saturates.
///
/// The time to give is that of the call, not the one at which a packet arrived. A clock that is set back does no harm: what
/// was to happen in a second still happens after a second. One that is set forward looks like a pause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The epoch itself.
    pub const EPOCH: Self = Self(0);

    /// Takes a moment by its distance from the epoch.
    pub const fn from_epoch(since: Duration) -> Self {
        Self(nanos(since))
    }

    /// Returns the distance from the epoch.
    pub const fn since_epoch(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Returns how long ago `earlier` was, or zero if it is later.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// As [`Instant::saturating_duration_since`].
    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

/// A time in nanoseconds, for what is added to a moment with each packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Nanos(u64);

impl From<Duration> for Nanos {
    fn from(duration: Duration) -> Self {
        Self(nanos(duration))
    }
}

impl From<Nanos> for Duration {
    fn from(Nanos(nanos): Nanos) -> Self {
        Self::from_nanos(nanos)
    }
}

impl Add<Nanos> for Instant {
    type Output = Self;

    #[inline]
    fn add(self, Nanos(nanos): Nanos) -> Self {
        Self(self.0.saturating_add(nanos))
    }
}

const fn nanos(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos() as u64)
}

/// Makes a time that never goes back of the caller's, which may.
///
/// A step back of less than [`JITTER`](Self::JITTER) is taken for a caller that read its clock before another call did:
/// time stands still until it has caught up. After a longer one, time goes on from where it was.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timeline {
    /// The latest moment that was told since the last step back.
    latest: Instant,
    /// What all steps back add up to.
    behind: Nanos,
}

impl Timeline {
    /// The shortest advertisement interval there is.
    const JITTER: u64 = 10_000_000;

    /// Returns the moment on this line that a moment of the caller's is.
    #[inline]
    pub(crate) fn advance(&mut self, now: Instant) -> Instant {
        if now < self.latest {
            let step = self.latest.0 - now.0;
            if step < Self::JITTER {
                return self.latest + self.behind;
            }
            self.behind.0 += step;
        }
        self.latest = now;
        now + self.behind
    }

    /// As [`advance`](Self::advance), but only looks.
    pub(crate) fn peek(mut self, now: Instant) -> Instant {
        self.advance(now)
    }

    /// Returns the moment of the caller's that a moment on this line is.
    #[inline]
    pub(crate) const fn to_caller(self, moment: Instant) -> Instant {
        Instant(moment.0.saturating_sub(self.behind.0))
    }
}

/// Reads `std::time::Instant` for the engine.
///
/// On Linux that clock stands still while the machine is suspended, but not while it is a stopped guest of another or the
/// process is: what the engine calls a pause.
#[cfg(feature = "std")]
#[cfg_attr(docsrs, doc(cfg(feature = "std")))]
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    epoch: std::time::Instant,
}

#[cfg(feature = "std")]
impl Clock {
    /// Makes a clock whose epoch is now.
    pub fn new() -> Self {
        Self { epoch: std::time::Instant::now() }
    }

    /// Reads the time.
    pub fn now(&self) -> Instant {
        Instant::from_epoch(self.epoch.elapsed())
    }
}

#[cfg(feature = "std")]
impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
