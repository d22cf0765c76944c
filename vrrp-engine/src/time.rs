use core::{
    ops::{Add, Sub},
    time::Duration,
};

/// A moment on the caller's clock: so long after an epoch of the caller's choice.
///
/// The engine never reads a clock; each call is told the time. Any monotonic clock will do, a simulated one too, and
/// with the feature `std` [`Clock`] makes one of `std::time::Instant`. Arithmetic saturates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The epoch itself.
    pub const EPOCH: Self = Self(Duration::ZERO);

    /// Takes a moment by its distance from the epoch.
    pub const fn from_epoch(since: Duration) -> Self {
        Self(since)
    }

    /// Returns the distance from the epoch.
    pub const fn since_epoch(self) -> Duration {
        self.0
    }

    /// Returns how long ago `earlier` was, or zero if it is later.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration))
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// As [`Instant::saturating_duration_since`].
    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

/// Reads `std::time::Instant` for the engine.
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
        Instant(self.epoch.elapsed())
    }
}

#[cfg(feature = "std")]
impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
