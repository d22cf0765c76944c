use super::spec::Nanos;

/// What a host takes for the time: its epoch, its speed, and what it has slept through, against the simulation's time.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    pub(crate) epoch: Nanos,
    /// Parts per million that it runs fast, or slow.
    pub(crate) ppm: i64,
    /// How long it has stood still, with a virtual machine that was stopped.
    pub(crate) stood_still: Nanos,
}

impl Clock {
    pub(crate) const fn local(&self, now: Nanos) -> Nanos {
        let ran = (now - self.stood_still) as i64;
        self.epoch + (ran + (ran as i128 * self.ppm as i128 / 1_000_000) as i64) as u64
    }

    /// Returns the first moment of the simulation at which this clock shows `local` or more.
    pub(crate) const fn moment(&self, local: Nanos) -> Nanos {
        let ran = local.saturating_sub(self.epoch) as i128;
        let mut now = (ran * 1_000_000 / (1_000_000 + self.ppm) as i128) as u64 + self.stood_still;
        while self.local(now) < local {
            now += 1;
        }
        now
    }
}
