use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::{Family, MULTICAST_V4, MULTICAST_V6, checksum::Sum};

/// Where a packet comes from and where it goes to: the addresses of its IP header.
///
/// They are part of what the checksum of version 3 covers, so packets are neither read nor written without them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a new address family must not go unnoticed in a match")]
pub enum Endpoints {
    /// A packet of IPv4.
    V4 {
        /// The address it comes from: the primary address of the sender's interface.
        source: Ipv4Addr,
        /// The address it goes to: [`MULTICAST_V4`], or one peer's.
        destination: Ipv4Addr,
    },
    /// A packet of IPv6.
    V6 {
        /// The address it comes from: the link-local address of the sender's interface.
        source: Ipv6Addr,
        /// The address it goes to: [`MULTICAST_V6`], or one peer's.
        destination: Ipv6Addr,
    },
}

impl Endpoints {
    /// Takes a pair of addresses; `None` unless they are of one family.
    pub const fn new(source: IpAddr, destination: IpAddr) -> Option<Self> {
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => Some(Self::V4 { source, destination }),
            (IpAddr::V6(source), IpAddr::V6(destination)) => Some(Self::V6 { source, destination }),
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => None,
        }
    }

    /// Returns the endpoints of a packet from `source` to VRRP's group of its family.
    pub const fn multicast(source: IpAddr) -> Self {
        match source {
            IpAddr::V4(source) => Self::V4 { source, destination: MULTICAST_V4 },
            IpAddr::V6(source) => Self::V6 { source, destination: MULTICAST_V6 },
        }
    }

    /// Returns the address it comes from.
    #[inline]
    pub const fn source(&self) -> IpAddr {
        match self {
            Self::V4 { source, .. } => IpAddr::V4(*source),
            Self::V6 { source, .. } => IpAddr::V6(*source),
        }
    }

    /// Returns the address it goes to.
    #[inline]
    pub const fn destination(&self) -> IpAddr {
        match self {
            Self::V4 { destination, .. } => IpAddr::V4(*destination),
            Self::V6 { destination, .. } => IpAddr::V6(*destination),
        }
    }

    /// Tells whether it comes from this address.
    #[inline]
    pub fn comes_from(&self, address: &IpAddr) -> bool {
        // Compared within a family: addresses of both are not put into one form first.
        match (self, address) {
            (Self::V4 { source, .. }, IpAddr::V4(address)) => source == address,
            (Self::V6 { source, .. }, IpAddr::V6(address)) => source == address,
            (Self::V4 { .. }, IpAddr::V6(_)) | (Self::V6 { .. }, IpAddr::V4(_)) => false,
        }
    }

    /// Tells whether it goes to this address.
    #[inline]
    pub fn goes_to(&self, address: &IpAddr) -> bool {
        match (self, address) {
            (Self::V4 { destination, .. }, IpAddr::V4(address)) => destination == address,
            (Self::V6 { destination, .. }, IpAddr::V6(address)) => destination == address,
            (Self::V4 { .. }, IpAddr::V6(_)) | (Self::V6 { .. }, IpAddr::V4(_)) => false,
        }
    }

    /// Returns the version of IP.
    #[inline]
    pub const fn family(&self) -> Family {
        match self {
            Self::V4 { .. } => Family::V4,
            Self::V6 { .. } => Family::V6,
        }
    }

    /// Tells whether it goes to a group.
    #[inline]
    pub const fn is_multicast(&self) -> bool {
        match self {
            Self::V4 { destination, .. } => destination.is_multicast(),
            Self::V6 { destination, .. } => destination.is_multicast(),
        }
    }

    /// Returns the same with VRRP's group as the destination, which keepalived up to 1.3.6 took for the checksum of what it
    /// sent to one peer.
    pub(crate) const fn to_group(self) -> Self {
        Self::multicast(self.source())
    }

    /// Returns the sum of the pseudo header (RFC 9568 §5.2.8): of RFC 793's form for IPv4, of RFC 8200's (§8.1) for IPv6.
    pub(crate) fn pseudo_header(&self, message_len: usize) -> Sum {
        let sum = match self {
            Self::V4 { source, destination } => {
                Sum::default().add(&source.octets()).add(&destination.octets())
            }
            Self::V6 { source, destination } => {
                Sum::default().add(&source.octets()).add(&destination.octets())
            }
        };
        // The length has 16 bits in IPv4 and 32 in IPv6; the longest message needs 13.
        sum.add_word(message_len as u16).add_word(crate::PROTOCOL.into())
    }
}

/// As tcpdump has it: `192.0.2.1 > 224.0.0.18`.
impl fmt::Display for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}", self.source(), self.destination())
    }
}
