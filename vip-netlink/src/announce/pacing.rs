//! How often and how fast addresses are announced.

use std::{num::NonZeroU16, time::Duration};

/// When, how often and how fast a [`PacedAnnouncer`](crate::PacedAnnouncer) announces its addresses.
///
/// The defaults are keepalived's: five times at once, and five times more 5 s later, for switches that were not ready and
/// for hosts that ignore a change soon after another one (Linux within a second, for some forms). Whoever sets another
/// delay keeps it above a second.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pacing {
    times: u8,
    again_after: Option<Duration>,
    refresh: Option<Refresh>,
    gap: Duration,
    per_pass: NonZeroU16,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Refresh {
    pub(super) every: Duration,
    pub(super) times: u8,
}

impl Pacing {
    /// Sets how often each address is announced at first (default 5; 0 for not at all), and how long after the last of
    /// these as often again (default 5 s; `None` or 0 for not again). keepalived's `garp_master_repeat` and
    /// `garp_master_delay`.
    #[must_use]
    pub const fn burst(mut self, times: u8, again_after: Option<Duration>) -> Self {
        self.times = times;
        self.again_after = match again_after {
            Some(delay) if times > 0 && !delay.is_zero() => Some(capped(delay)),
            Some(_) | None => None,
        };
        self
    }

    /// Has each address announced so often again, whenever it was not for so long (default: not; 0 of either for not at
    /// all). keepalived's `garp_master_refresh` and `garp_master_refresh_repeat`.
    #[must_use]
    pub const fn refresh(mut self, every: Duration, times: u8) -> Self {
        let is_wanted = times > 0 && !every.is_zero();
        self.refresh = if is_wanted { Some(Refresh { every: capped(every), times }) } else { None };
        self
    }

    /// Sets the least time between two announcements on the interface, whatever addresses they are of (default 0).
    /// keepalived's `garp_interval` and `gna_interval`.
    #[must_use]
    pub const fn gap(mut self, gap: Duration) -> Self {
        self.gap = capped(gap);
        self
    }

    /// Sets how many addresses one call announces at the most (default 32), so that the caller's other timers wait no longer
    /// than that takes: 32 are one system call.
    #[must_use]
    pub const fn per_pass(mut self, addresses: NonZeroU16) -> Self {
        self.per_pass = addresses;
        self
    }

    pub(super) fn times(&self) -> u8 {
        self.times
    }

    pub(super) fn again_after(&self) -> Option<Duration> {
        self.again_after
    }

    pub(super) fn refreshing(&self) -> Option<Refresh> {
        self.refresh
    }

    pub(super) fn least_gap(&self) -> Duration {
        self.gap
    }

    pub(super) fn most_per_pass(&self) -> usize {
        self.per_pass.get().into()
    }
}

impl Default for Pacing {
    fn default() -> Self {
        let again_after = Some(Duration::from_secs(5));
        let per_pass = const { NonZeroU16::new(32).expect("not zero") };
        Self { times: 5, again_after, refresh: None, gap: Duration::ZERO, per_pass }
    }
}

/// Keeps sums with the present in the clock's range.
const fn capped(duration: Duration) -> Duration {
    if duration.as_secs() < LONGEST.as_secs() { duration } else { LONGEST }
}

/// A hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
