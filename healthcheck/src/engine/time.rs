use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// A moment, in nanoseconds since the engine was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(u64);

impl Time {
    pub(super) fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(nanoseconds(wait)))
    }

    pub(super) fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The first moment not before this one that is a multiple of the grain.
    fn round_up(self, grain: Duration) -> Self {
        Self(self.0.checked_next_multiple_of(nanoseconds(grain)).unwrap_or(self.0))
    }
}

/// The caller's time, and what goes on beyond it while a turn lasts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    epoch: Instant,
    /// The same moment by `CLOCK_MONOTONIC`.
    monotonic: Duration,
    /// When the turn began, by the caller's word and by ours.
    turn: (Time, Instant),
}

impl Clock {
    pub(super) fn new() -> nix::Result<Self> {
        let epoch = Instant::now();
        let monotonic = clock_gettime(ClockId::CLOCK_MONOTONIC)?.into();
        Ok(Self { epoch, monotonic, turn: (Time::default(), epoch) })
    }

    pub(super) fn begin_turn(&mut self, now: Instant) -> Time {
        self.turn = (self.time(now), Instant::now());
        self.turn.0
    }

    /// The caller's `now`, and what has passed since.
    pub(super) fn now(&self) -> Time {
        self.turn.0.after(self.turn.1.elapsed())
    }

    /// A moment before the engine was made is taken for that one.
    pub(super) fn time(&self, instant: Instant) -> Time {
        Time(nanoseconds(instant.saturating_duration_since(self.epoch)))
    }

    pub(super) fn instant(&self, time: Time) -> Instant {
        self.epoch + Duration::from_nanos(time.0)
    }

    /// What to set a timer of `CLOCK_MONOTONIC` to, so that those who are due at about the same time wake us once.
    pub(super) fn alarm(&self, time: Time) -> Duration {
        self.monotonic.saturating_add(Duration::from_nanos(time.round_up(GRAIN).0))
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

const GRAIN: Duration = Duration::from_millis(1);
