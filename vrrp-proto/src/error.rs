use core::time::Duration;

use thiserror::Error;

use crate::{Counter, Family, Version};

/// Says why bytes are not an advertisement. The sender is to blame: discard the packet and count it.
///
/// Each variant is one check of [`Packet::from_ipv4`](crate::Packet::from_ipv4) or
/// [`Packet::decode`](crate::Packet::decode), and they stand in the order in which the checks are made. What the checks
/// need of the receiver's configuration comes after them: see [`Violation`](crate::Violation).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// The datagram has no whole IPv4 header: too few bytes, another version of IP, or a header length below 20.
    #[error("not an IPv4 header")]
    IpHeader,
    /// Neither VRRP ([`PROTOCOL`](crate::PROTOCOL)) nor an Authentication Header before it
    /// ([`AH_PROTOCOL`](crate::AH_PROTOCOL)); or an Authentication Header before something else.
    #[error("IP protocol {0} is not VRRP, 112")]
    Protocol(u8),
    /// The IP header's total length is longer than the datagram, or shorter than the header itself.
    ///
    /// Bytes behind the total length are Ethernet's padding and no error.
    #[error("an IP total length of {total} bytes in a datagram of {available}")]
    IpLength {
        /// The header's Total Length.
        total: usize,
        /// Bytes received.
        available: usize,
    },
    /// The datagram is a fragment. No advertisement is long enough to need fragments (RFC 9568 §5.2).
    #[error("a fragment")]
    Fragment,
    /// The Authentication Header is incomplete, or not one of HMAC-MD5-96 (RFC 2402 §2, RFC 2403): 24 bytes.
    #[error("not an authentication header of 24 bytes")]
    AhHeader,
    /// Sent to a group, with a TTL or hop limit that is not 255: it was forwarded from another network (RFC 3768 §7.1,
    /// RFC 9568 §7.1). R1 of the receive checks.
    ///
    /// What one peer has sent to this router alone may come from farther away: see
    /// [`Violation::HopLimit`](crate::Violation::HopLimit).
    #[error("hop limit {0} is not 255: the packet was forwarded")]
    HopLimit(u8),
    /// Fewer bytes than the fixed header of 8.
    #[error("{len} bytes are too few for a VRRP header of 8")]
    Truncated {
        /// Bytes received.
        len: usize,
    },
    /// A version other than 2 and 3 (R2).
    #[error("VRRP version {0} is unknown")]
    Version(u8),
    /// Version 2 over IPv6: no RFC has it (R15). keepalived can be told to send it all the same, with no authentication data.
    #[error("VRRP version 2 does not exist over IPv6")]
    V2OverIpv6,
    /// A packet type other than 1, advertisement (RFC 9568 §5.2.2). R3.
    #[error("VRRP packet type {0} is unknown: 1, advertisement, is the only one")]
    Type(u8),
    /// The address count is zero: a virtual router without addresses (RFC 9568 §5.2.5). R10.
    #[error("the packet carries no addresses")]
    NoAddresses,
    /// The message is shorter or longer than its address count says (RFC 9568 §7.1), and what is too long is no
    /// [`Trailer`](crate::Trailer) either. R4.
    ///
    /// This also refuses CARP, which shares VRRP's protocol number and the first byte of version 2.
    #[error("{actual} bytes, but a packet with this many addresses has {expected}")]
    Length {
        /// Bytes the header asks for.
        expected: usize,
        /// Bytes received.
        actual: usize,
    },
    /// The checksum is wrong, whatever it covers (RFC 3768 §5.3.8, RFC 9568 §5.2.8). R5.
    #[error("checksum {found:#06x} is wrong, {computed:#06x} would be right")]
    Checksum {
        /// The field's value in the packet.
        found: u16,
        /// The value that the rest of the packet asks for; with the pseudo header in version 3.
        computed: u16,
    },
    /// VRID 0, which names no virtual router (RFC 9568 §5.2.3). R6.
    #[error("VRID 0 is not a virtual router")]
    Vrid,
    /// An authentication type of version 2 other than 0 (none), 1 (simple text) and 2 (IP Authentication Header)
    /// (RFC 2338 §5.3.6). R8.
    #[error("authentication type {0} is unknown")]
    AuthType(u8),
    /// Authentication type 2 without an Authentication Header, or the header without the type (RFC 2338 §5.3.6). R8.
    #[error(
        "authentication type {auth_type} in a packet with{} authentication header",
        if *.has_ah { " an" } else { "out" }
    )]
    AuthHeader {
        /// The Auth Type field.
        auth_type: u8,
        /// Whether there is an Authentication Header.
        has_ah: bool,
    },
    /// An advertisement interval of zero (erratum 8301 of RFC 9568). R11.
    #[error("an advertisement interval of 0")]
    Interval,
}

impl ParseError {
    /// Returns the counter it belongs to.
    pub const fn counter(&self) -> Counter {
        match self {
            Self::IpHeader | Self::Fragment => Counter::IpHeader,
            Self::Protocol(_) => Counter::Protocol,
            Self::HopLimit(_) => Counter::HopLimit,
            Self::IpLength { .. } | Self::Truncated { .. } | Self::Length { .. } => Counter::PacketLength,
            Self::Version(_) | Self::V2OverIpv6 => Counter::Version,
            Self::Type(_) => Counter::InvalidType,
            Self::NoAddresses => Counter::AddressCount,
            Self::Checksum { .. } => Counter::Checksum,
            Self::Vrid => Counter::Vrid,
            Self::AuthType(_) | Self::AhHeader => Counter::InvalidAuthType,
            Self::AuthHeader { .. } => Counter::AuthTypeMismatch,
            Self::Interval => Counter::ZeroInterval,
        }
    }
}

/// Says which field cannot hold a value. The caller, or the operator behind it, is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum FieldError {
    /// VRID 0.
    #[error("VRID 0 is out of range: 1 to 255")]
    Vrid,
    /// An advertisement interval that no packet can carry.
    #[error(
        "an advertisement interval of {interval:?} is out of range: 1 to 255 whole seconds in version 2, 10 ms to 40.95 s \
         in steps of 10 ms in version 3"
    )]
    AdvertInterval {
        /// The value refused.
        interval: Duration,
    },
    /// An advertisement interval that the other version could carry.
    #[error("VRRP version {version} cannot carry an advertisement interval of {interval:?}: {}", range(*.version))]
    IntervalOfVersion {
        /// The value refused.
        interval: Duration,
        /// The version that cannot carry it.
        version: Version,
    },
    /// IPv6 addresses in version 2, which knows none.
    #[error("VRRP version 2 cannot carry IPv6 addresses: use version 3")]
    FamilyOfVersion,
    /// A password that does not fit, or an empty one.
    #[error("a password of {len} bytes is out of range: 1 to 8 bytes")]
    Password {
        /// Its length in bytes.
        len: usize,
    },
    /// A key of `auth_hmac` that is too short to be one, or too long.
    #[error("a key of {len} bytes is out of range: 32 to 64 bytes")]
    HmacKey {
        /// Its length in bytes.
        len: usize,
    },
    /// A window of `auth_hmac` that is too short, or too long.
    #[error("a window of {window:?} is out of range: 1 s to 300 s")]
    Window {
        /// The value refused.
        window: Duration,
    },
    /// Key number 0.
    #[error("key number 0 is out of range: 1 to 255")]
    HmacKeyId,
    /// No addresses, or more than an advertisement can count.
    #[error("{count} addresses are out of range: 1 to 255 in one virtual router")]
    AddressCount {
        /// How many there were.
        count: usize,
    },
}

const fn range(version: Version) -> &'static str {
    match version {
        Version::V2 => "1 to 255 whole seconds",
        Version::V3 => "10 ms to 40.95 s",
    }
}

/// Says why an advertisement cannot be written there. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The buffer is shorter than the packet.
    #[error("the packet takes {needed} bytes and the buffer has {available}")]
    BufferTooSmall {
        /// Bytes the packet takes.
        needed: usize,
        /// Bytes there were.
        available: usize,
    },
    /// The addresses in it are of another family than the packet's own (RFC 9568 §5.2.9).
    #[error("{addresses} addresses do not go into a packet of {packet}")]
    Family {
        /// The family of the virtual router's addresses.
        addresses: Family,
        /// The family of the [`Endpoints`](crate::Endpoints).
        packet: Family,
    },
    /// The advertisement says that it authenticates itself in another way than what it is written with.
    #[error("an advertisement of authentication type {auth_type} is written in another way")]
    Authentication {
        /// Its authentication type.
        auth_type: u8,
    },
    /// A group is sent to with a TTL or hop limit of 255 alone.
    #[error("hop limit {hop_limit} is not 255, which every packet to a group must have")]
    HopLimit {
        /// The value refused.
        hop_limit: u8,
    },
}
