use thiserror::Error;

/// Says why bytes are not an advertisement. The sender is to blame: discard the packet and count it.
///
/// Each variant is one check of [`Advertisement::decode`](crate::Advertisement::decode), listed in the order in which
/// the checks are made, with the counter of RFC 2787 (the MIB of VRRPv2) that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ParseError {
    /// Fewer bytes than the fixed header of 8 (`vrrpStatsPacketLengthErrors`).
    #[error("{len} bytes are too few for a VRRP header of 8")]
    Truncated {
        /// Bytes received.
        len: usize,
    },
    /// A version other than 2 (`vrrpRouterVersionErrors`).
    #[error("VRRP version {0} is not supported")]
    Version(u8),
    /// A packet type other than 1, advertisement (`vrrpStatsInvalidTypePktsRcvd`; RFC 3768 §5.3.2).
    #[error("VRRP packet type {0} is unknown: 1, advertisement, is the only one")]
    Type(u8),
    /// Count IP Addrs is zero: a virtual router without addresses (`vrrpStatsPacketLengthErrors`).
    #[error("the packet carries no addresses")]
    NoAddresses,
    /// The message is shorter or longer than its address count says (`vrrpStatsPacketLengthErrors`; RFC 3768 §7.1).
    ///
    /// This also refuses CARP, which shares VRRP's protocol number and first byte.
    #[error("{actual} bytes, but a packet with this many addresses has {expected}")]
    Length {
        /// Bytes the header asks for.
        expected: usize,
        /// Bytes received.
        actual: usize,
    },
    /// The checksum over the VRRP message is wrong (`vrrpRouterChecksumErrors`; RFC 3768 §5.3.8).
    #[error("checksum {found:#06x} is wrong, {computed:#06x} would be right")]
    Checksum {
        /// The field's value in the packet.
        found: u16,
        /// The value that the rest of the packet asks for.
        computed: u16,
    },
    /// VRID 0, which names no virtual router (`vrrpRouterVrIdErrors`; RFC 3768 §5.3.3).
    #[error("VRID 0 is not a virtual router")]
    Vrid,
    /// An authentication type other than 0 (none) and 1 (simple text) (`vrrpStatsInvalidAuthType`; RFC 3768 §5.3.6).
    #[error("authentication type {0} is not supported")]
    AuthType(u8),
    /// An advertisement interval of 0 s (`vrrpStatsAdvertiseIntervalErrors`).
    #[error("an advertisement interval of 0 s")]
    Interval,
}

/// Says which field cannot hold a value. The caller, or the operator behind it, is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum FieldError {
    /// VRID 0.
    #[error("VRID 0 is out of range: 1 to 255")]
    Vrid,
    /// An advertisement interval that no VRRPv2 packet can carry.
    #[error("an advertisement interval of {secs} s is out of range: 1 to 255 whole seconds in VRRPv2")]
    AdvertInterval {
        /// The value refused, in seconds.
        secs: u64,
    },
    /// A password that does not fit, or an empty one.
    #[error("a password of {len} bytes is out of range: 1 to 8 bytes")]
    Password {
        /// Its length in bytes.
        len: usize,
    },
    /// No addresses, or more than an advertisement can count.
    #[error("{count} addresses are out of range: 1 to 255 in one virtual router")]
    AddressCount {
        /// How many there were.
        count: usize,
    },
}

/// Says that an advertisement does not fit the buffer it was to be written to. Nothing was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("the advertisement takes {needed} bytes and the buffer has {available}")]
#[non_exhaustive]
pub struct BufferTooSmall {
    /// Bytes the advertisement takes.
    pub needed: usize,
    /// Bytes there were.
    pub available: usize,
}
