use core::{fmt, net::Ipv4Addr, num::NonZeroU8, time::Duration};

use crate::FieldError;

/// The IP protocol number of VRRP (RFC 3768 §5.2.4).
pub const PROTOCOL: u8 = 112;

/// The IPv4 multicast group that advertisements are sent to, 224.0.0.18 (RFC 3768 §5.2.2).
pub const MULTICAST_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// The IPv4 TTL of every advertisement: one with any other value has been forwarded and must be discarded
/// (RFC 3768 §5.2.3).
pub const HOP_LIMIT: u8 = 255;

/// Identifies a virtual router on a LAN: 1 to 255 (RFC 3768 §5.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vrid(NonZeroU8);

impl Vrid {
    /// Takes the number of a virtual router, 1 to 255.
    ///
    /// # Errors
    ///
    /// [`FieldError::Vrid`] for 0.
    pub const fn new(vrid: u8) -> Result<Self, FieldError> {
        match NonZeroU8::new(vrid) {
            Some(vrid) => Ok(Self(vrid)),
            None => Err(FieldError::Vrid),
        }
    }

    /// Returns the number.
    pub const fn get(self) -> u8 {
        self.0.get()
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Ranks the routers of a virtual router: the highest becomes Master (RFC 3768 §5.3.4).
///
/// 1 to 254 rank routers that back the address up, with 100 the usual value; the two ends mean something else:
/// [`Priority::RELEASE`] and [`Priority::OWNER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Priority(u8);

impl Priority {
    /// 0: the Master gives up its office, and a Backup shall take over without waiting for its silence.
    pub const RELEASE: Self = Self(0);
    /// 100: the default of a router that does not own the addresses.
    pub const DEFAULT: Self = Self(100);
    /// 255: the router whose own interface addresses the virtual addresses are.
    pub const OWNER: Self = Self(255);

    /// Takes any priority, the two special ones included.
    pub const fn new(priority: u8) -> Self {
        Self(priority)
    }

    /// Returns the number.
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Tells whether this is the address owner's priority, 255.
    pub const fn is_owner(self) -> bool {
        self.0 == Self::OWNER.0
    }

    /// Tells whether this is the farewell of a Master, 0.
    pub const fn is_release(self) -> bool {
        self.0 == Self::RELEASE.0
    }
}

impl Default for Priority {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for Priority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How far apart a Master's advertisements are: 1 to 255 whole seconds in VRRPv2 (RFC 3768 §5.3.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdvertInterval(NonZeroU8);

impl AdvertInterval {
    /// One second, the default of RFC 3768 §6.1.
    pub const DEFAULT: Self = Self(NonZeroU8::MIN);

    /// Takes whole seconds, 1 to 255.
    ///
    /// # Errors
    ///
    /// [`FieldError::AdvertInterval`] for 0.
    pub const fn from_secs(secs: u8) -> Result<Self, FieldError> {
        match NonZeroU8::new(secs) {
            Some(secs) => Ok(Self(secs)),
            None => Err(FieldError::AdvertInterval { secs: 0 }),
        }
    }

    /// Returns the interval in seconds, as a VRRPv2 packet carries it.
    pub const fn as_secs(self) -> u8 {
        self.0.get()
    }

    /// Returns the interval as a duration.
    pub const fn as_duration(self) -> Duration {
        Duration::from_secs(self.0.get() as u64)
    }
}

impl Default for AdvertInterval {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for AdvertInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0)
    }
}
