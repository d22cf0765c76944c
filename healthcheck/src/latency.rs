use std::time::Duration;

/// How long runs took: counts in twelve buckets from 1 ms to 10 s. For all checks of a kind, or for one that matters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LatencyHistogram {
    counts: [u64; BOUNDS.len()],
    count: u64,
    sum: Duration,
}

impl LatencyHistogram {
    /// Makes an empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self { counts: [0; BOUNDS.len()], count: 0, sum: Duration::ZERO }
    }

    /// Adds a run.
    pub fn record(&mut self, latency: Duration) {
        let bucket = BOUNDS.iter().zip(&mut self.counts).find(|(bound, _)| latency <= **bound);
        if let Some((_, count)) = bucket {
            *count += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(latency);
    }

    /// Returns how many runs took no longer than each bound, the bounds rising.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> {
        BOUNDS.into_iter().zip(self.counts).scan(0, |sum, (bound, count)| {
            *sum += count;
            Some((bound, *sum))
        })
    }

    /// Returns how many runs there were.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Returns how long they took together.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        self.sum
    }
}

const BOUNDS: [Duration; 12] = [
    Duration::from_micros(1_000),
    Duration::from_micros(2_500),
    Duration::from_micros(5_000),
    Duration::from_micros(10_000),
    Duration::from_micros(25_000),
    Duration::from_micros(50_000),
    Duration::from_micros(100_000),
    Duration::from_micros(250_000),
    Duration::from_micros(500_000),
    Duration::from_micros(1_000_000),
    Duration::from_micros(2_500_000),
    Duration::from_micros(10_000_000),
];
