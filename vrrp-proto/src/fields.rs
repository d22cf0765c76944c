use core::{
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    num::{NonZeroU8, NonZeroU16},
    time::Duration,
};

use crate::FieldError;

/// The IP protocol number of VRRP (RFC 9568 §5.1.1.4), and the next header of IPv6 (§5.1.2.4).
pub const PROTOCOL: u8 = 112;

/// The IP protocol number of the Authentication Header, which goes between IP and VRRP in RFC 2338's authentication
/// type 2 (RFC 2402).
pub const AH_PROTOCOL: u8 = 51;

/// The IPv4 multicast group that advertisements are sent to, 224.0.0.18 (RFC 9568 §5.1.1.2).
pub const MULTICAST_V4: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);

/// The IPv6 multicast group that advertisements are sent to, ff02::12 (RFC 9568 §5.1.2.2).
pub const MULTICAST_V6: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12);

/// The TTL or hop limit of every multicast advertisement: one with any other value has been forwarded and must be
/// discarded (RFC 9568 §5.1.1.3, §5.1.2.3).
pub const HOP_LIMIT: u8 = 255;

/// The IPv4 type of service and IPv6 traffic class that routers send advertisements with: internetwork control, class
/// selector 6. The RFCs ask for none.
pub const TRAFFIC_CLASS: u8 = 0xc0;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a new version must not go unnoticed in a match")]
pub enum Version {
    /// Version 2: RFC 2338 and RFC 3768, IPv4 only.
    V2,
    /// Version 3: RFC 5798 and RFC 9568, IPv4 and IPv6.
    V3,
}

impl Version {
    /// Returns the number in the packet's Version field.
    pub const fn get(self) -> u8 {
        match self {
            Self::V2 => 2,
            Self::V3 => 3,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// A version of IP: that of the packet and of the addresses in it (RFC 9568 §5.2.9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a new family must not go unnoticed in a match")]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

/// Identifies a virtual router on a LAN: 1 to 255 (RFC 9568 §5.2.3).
///
/// The same number may stand for one virtual router of IPv4 and another of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(try_from = "u8", into = "u8")
)]
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

    /// Returns the virtual router's MAC address: 00-00-5E-00-01-VRID for IPv4, 00-00-5E-00-02-VRID for IPv6 (RFC 9568 §7.3).
    pub const fn virtual_mac(self, family: Family) -> [u8; 6] {
        let of_family = match family {
            Family::V4 => 1,
            Family::V6 => 2,
        };
        [0x00, 0x00, 0x5e, 0x00, of_family, self.get()]
    }
}

impl TryFrom<u8> for Vrid {
    type Error = FieldError;

    fn try_from(vrid: u8) -> Result<Self, FieldError> {
        Self::new(vrid)
    }
}

impl From<Vrid> for u8 {
    fn from(vrid: Vrid) -> Self {
        vrid.get()
    }
}

impl fmt::Display for Vrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Ranks the routers of a virtual router: the highest becomes Master (RFC 9568 §5.2.4).
///
/// 1 to 254 rank routers that back the address up, with 100 the usual value; the two ends mean something else:
/// [`Priority::RELEASE`] and [`Priority::OWNER`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Priority(u8);

impl Priority {
    /// 0: the Master stops being Master, and a Backup is to take over without waiting for its silence.
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

/// How far apart a Master's advertisements are.
///
/// Version 2 carries whole seconds, 1 s to 255 s (RFC 3768 §5.3.7); version 3 carries hundredths of a second, 0.01 s to
/// 40.95 s in twelve bits (RFC 9568 §5.2.7). This type holds both; which of them a value fits is checked where an
/// advertisement is put together.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AdvertInterval {
    centis: NonZeroU16,
}

impl AdvertInterval {
    /// One second, the default of both versions.
    pub const DEFAULT: Self = Self { centis: NonZeroU16::new(100).expect("it is not 0") };

    /// Takes whole seconds, 1 to 255.
    ///
    /// # Errors
    ///
    /// [`FieldError::AdvertInterval`] for 0.
    pub const fn from_secs(secs: u8) -> Result<Self, FieldError> {
        Self::new(secs as u16 * 100)
    }

    /// Takes hundredths of a second, 1 to 4095: what version 3 carries.
    ///
    /// # Errors
    ///
    /// [`FieldError::AdvertInterval`] for any other number.
    pub const fn from_centis(centis: u16) -> Result<Self, FieldError> {
        if centis <= MAX_CENTIS {
            Self::new(centis)
        } else {
            Err(FieldError::AdvertInterval { interval: Duration::from_millis(centis as u64 * 10) })
        }
    }

    const fn new(centis: u16) -> Result<Self, FieldError> {
        match NonZeroU16::new(centis) {
            Some(centis) => Ok(Self { centis }),
            None => Err(FieldError::AdvertInterval { interval: Duration::ZERO }),
        }
    }

    /// Returns the whole seconds, if there are no others: what a version 2 packet carries.
    pub const fn as_secs(self) -> Option<u8> {
        let secs = self.centis.get() / 100;
        if self.centis.get().is_multiple_of(100) && secs <= u8::MAX as u16 { Some(secs as u8) } else { None }
    }

    /// Returns the hundredths of a second, if twelve bits hold them: what a version 3 packet carries.
    pub const fn as_centis(self) -> Option<u16> {
        let centis = self.centis.get();
        if centis <= MAX_CENTIS { Some(centis) } else { None }
    }

    /// Returns the interval as a duration.
    pub const fn as_duration(self) -> Duration {
        Duration::from_millis(self.centis.get() as u64 * 10)
    }

    /// Tells whether a packet of that version can carry it.
    pub const fn fits(self, version: Version) -> bool {
        match version {
            Version::V2 => self.as_secs().is_some(),
            Version::V3 => self.as_centis().is_some(),
        }
    }
}

/// Takes a duration that one of the versions can carry exactly.
impl TryFrom<Duration> for AdvertInterval {
    type Error = FieldError;

    fn try_from(interval: Duration) -> Result<Self, FieldError> {
        let refused = FieldError::AdvertInterval { interval };
        let centis = u16::try_from(interval.as_millis() / 10).map_err(|_| refused)?;
        let taken = Self::new(centis).map_err(|_| refused)?;
        let is_carried = taken.fits(Version::V2) || taken.fits(Version::V3);
        if is_carried && taken.as_duration() == interval { Ok(taken) } else { Err(refused) }
    }
}

impl Default for AdvertInterval {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl fmt::Display for AdvertInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_duration())
    }
}

impl fmt::Debug for AdvertInterval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The most hundredths of a second that twelve bits hold.
const MAX_CENTIS: u16 = 0xfff;
