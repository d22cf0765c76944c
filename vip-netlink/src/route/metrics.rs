//! What connections over a route are to know.

/// Something that connections over a route are to know (`RTAX_*`, linux/rtnetlink.h).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Metric {
    /// The largest packet, in bytes: at most 65520.
    Mtu = 2,
    /// The largest window that TCP advertises, in bytes.
    Window = 3,
    /// The largest segment that TCP advertises (MSS), in bytes: at most 65495.
    AdvertisedMss = 8,
    /// How far TCP expects packets to be reordered.
    Reordering = 9,
    /// The hop limit of packets: at most 255.
    HopLimit = 10,
    /// How many segments TCP sends before the first acknowledgement.
    InitialWindow = 11,
    /// How long TCP waits for an acknowledgement at least, in milliseconds.
    MinimumRto = 13,
    /// How many segments TCP lets the peer send at first.
    InitialReceiveWindow = 14,
    /// Whether TCP acknowledges at once: 1.
    QuickAck = 15,
}

impl Metric {
    /// What the kernel would lower a higher value to.
    pub(super) fn bound(self) -> u32 {
        match self {
            Self::Mtu => 65_520,
            Self::AdvertisedMss => 65_495,
            Self::HopLimit => 255,
            Self::QuickAck => 1,
            Self::Window
            | Self::Reordering
            | Self::InitialWindow
            | Self::MinimumRto
            | Self::InitialReceiveWindow => u32::MAX,
        }
    }

    fn number(self) -> u16 {
        self as u16
    }
}

/// Values by number, 0 where the kernel decides. Number 1 has a bit for each of them that is locked, which is to stay what
/// it is whatever the kernel learns.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Metrics([u32; COUNT]);

impl Metrics {
    pub(super) fn get(&self, metric: Metric) -> Option<u32> {
        self.all().find(|(number, _)| *number == metric.number()).map(|(_, value)| value)
    }

    pub(super) fn set(&mut self, metric: Metric, value: u32) {
        self.put(metric.number(), value);
    }

    pub(super) fn lock(&mut self, metric: Metric) {
        let locks = self.0.first().copied().unwrap_or_default();
        self.put(LOCK, locks | 1 << metric.number());
    }

    /// Puts a value by its number, and tells whether there is room for it.
    pub(super) fn put(&mut self, number: u16, value: u32) -> bool {
        let place = usize::from(number).checked_sub(1).and_then(|index| self.0.get_mut(index));
        place.map(|place| *place = value).is_some()
    }

    /// Those that are set.
    pub(super) fn all(&self) -> impl Iterator<Item = (u16, u32)> {
        (1..).zip(self.0).filter(|(_, value)| *value != 0)
    }
}

const LOCK: u16 = 1;
/// Up to `RTAX_QUICKACK`: the next one is a text.
const COUNT: usize = 15;
