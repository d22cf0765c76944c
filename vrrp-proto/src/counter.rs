/// The counter that a discarded packet belongs to: one for each kind of fault, under the names of the management models.
///
/// ```
/// use vrrp_proto::{Counter, ParseError};
///
/// let counter = ParseError::Type(7).counter();
/// assert_eq!(counter, Counter::InvalidType);
/// assert_eq!(counter.rfc8347(), Some("invalid-type-pkts-rcvd"));
/// assert_eq!(ParseError::NoAddresses.counter().name(), "address-count-errors");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Counter {
    /// The IP header around it was none, or not one for VRRP.
    IpHeader,
    /// Something else than VRRP.
    Protocol,
    /// A TTL or hop limit out of bounds.
    HopLimit,
    /// Too few bytes, or too many.
    PacketLength,
    /// A version that is unknown, or not ours.
    Version,
    /// A packet type other than advertisement.
    InvalidType,
    /// An address count of 0.
    AddressCount,
    /// A wrong checksum.
    Checksum,
    /// VRID 0, or that of no virtual router here.
    Vrid,
    /// An unknown authentication type.
    InvalidAuthType,
    /// An authentication type that is not ours.
    AuthTypeMismatch,
    /// An authentication that fails.
    AuthFailure,
    /// An advertisement interval of 0.
    ZeroInterval,
    /// An advertisement interval that is not ours.
    Interval,
    /// A list of addresses that is not ours.
    AddressList,
    /// A first IPv6 address that is not link-local.
    NotLinkLocal,
    /// Sent to a group that is not ours, or to one address where a group is used, or the reverse.
    Destination,
    /// From an address that is no peer's.
    Source,
    /// From our own address.
    OwnAddress,
    /// To the owner of the addresses.
    Owner,
}

impl Counter {
    /// Returns the object of RFC 2787, the MIB of version 2; `None` where it has none.
    pub const fn rfc2787(self) -> Option<&'static str> {
        self.names().1
    }

    /// Returns the object of RFC 6527, the MIB of version 3; `None` where it has none.
    pub const fn rfc6527(self) -> Option<&'static str> {
        self.names().2
    }

    /// Returns the leaf of RFC 8347, the YANG model of both; `None` where it has none.
    pub const fn rfc8347(self) -> Option<&'static str> {
        if self.rfc6527().is_some() { Some(self.name()) } else { None }
    }

    /// Returns a name for every counter: RFC 8347's where it has one, and one of the same kind where it has none.
    pub const fn name(self) -> &'static str {
        self.names().0
    }

    /// The objects that RFC 6527 has, RFC 8347 has too.
    #[rustfmt::skip] // A table.
    const fn names(self) -> (&'static str, Option<&'static str>, Option<&'static str>) {
        match self {
            Self::HopLimit => ("ip-ttl-errors", Some("vrrpStatsIpTtlErrors"), Some("vrrpv3StatisticsIpTtlErrors")),
            Self::PacketLength => ("packet-length-errors", Some("vrrpStatsPacketLengthErrors"), Some("vrrpv3StatisticsPacketLengthErrors")),
            Self::Version => ("version-errors", Some("vrrpRouterVersionErrors"), Some("vrrpv3RouterVersionErrors")),
            Self::InvalidType => ("invalid-type-pkts-rcvd", Some("vrrpStatsInvalidTypePktsRcvd"), Some("vrrpv3StatisticsRcvdInvalidTypePackets")),
            Self::Checksum => ("checksum-errors", Some("vrrpRouterChecksumErrors"), Some("vrrpv3RouterChecksumErrors")),
            Self::Vrid => ("vrid-errors", Some("vrrpRouterVrIdErrors"), Some("vrrpv3RouterVrIdErrors")),
            Self::Interval => ("interval-errors", Some("vrrpStatsAdvertiseIntervalErrors"), Some("vrrpv3StatisticsAdvIntervalErrors")),
            Self::AddressList => ("address-list-errors", Some("vrrpStatsAddressListErrors"), Some("vrrpv3StatisticsAddressListErrors")),
            Self::InvalidAuthType => ("invalid-auth-type", Some("vrrpStatsInvalidAuthType"), None),
            Self::AuthTypeMismatch => ("auth-type-mismatch", Some("vrrpStatsAuthTypeMismatch"), None),
            Self::AuthFailure => ("auth-failures", Some("vrrpStatsAuthFailures"), None),
            Self::IpHeader => ("ip-header-errors", None, None),
            Self::Protocol => ("protocol-errors", None, None),
            Self::AddressCount => ("address-count-errors", None, None),
            Self::ZeroInterval => ("zero-interval-errors", None, None),
            Self::NotLinkLocal => ("not-link-local-errors", None, None),
            Self::Destination => ("destination-errors", None, None),
            Self::Source => ("source-errors", None, None),
            Self::OwnAddress => ("own-address", None, None),
            Self::Owner => ("owner-ignored", None, None),
        }
    }
}
