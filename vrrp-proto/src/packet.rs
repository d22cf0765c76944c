//! What is around an advertisement: the IPv4 header of RFC 791 §3.1.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |Version|  IHL  |Type of Service|          Total Length         |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |         Identification        |Flags|     Fragment Offset     |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |  Time to Live |    Protocol   |        Header Checksum        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                         Source Address                        |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                       Destination Address                     |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                       Options (IHL - 5 words)                 |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use core::{fmt, net::Ipv4Addr};

use crate::{
    AH_PROTOCOL, Advertisement, Checksum, Endpoints, HOP_LIMIT, PROTOCOL, ParseError, Trailer, checksum::Sum,
    v2, v3,
};

/// A received packet, its IP header taken off: the VRRP message, and what the IP header said of it.
///
/// Taken apart, not yet read: [`decode`](Self::decode) does that.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The message; behind what an Authentication Header covers, if there is one.
    bytes: &'a [u8],
    /// Where in them the message begins: 0 where there is no Authentication Header.
    message_at: u16,
    hop_limit: u8,
    endpoints: Endpoints,
}

impl<'a> Packet<'a> {
    /// Takes a packet whose IP header somebody else has taken off: the kernel for IPv6, or a decoder of the caller's.
    ///
    /// The message starts behind the IP header and any extension headers, and ends where the IP payload ends.
    #[inline]
    pub const fn new(endpoints: Endpoints, hop_limit: u8, message: &'a [u8]) -> Self {
        Self { bytes: message, message_at: 0, hop_limit, endpoints }
    }

    /// Takes a datagram of IPv4 from its first byte on, as raw sockets deliver it.
    ///
    /// Options are skipped, and what is behind the total length (Ethernet pads short frames) is cut off. The header's own
    /// checksum is the kernel's business and not looked at.
    ///
    /// # Errors
    ///
    /// The variants of [`ParseError`] up to [`ParseError::AhHeader`].
    pub fn from_ipv4(datagram: &'a [u8]) -> Result<Self, ParseError> {
        let header = datagram.first_chunk::<IPV4_LEN>().ok_or(ParseError::IpHeader)?;
        let [version_ihl, _, t0, t1, _, _, f0, f1, ttl, protocol, _, _, addresses @ ..] = *header;
        let [s0, s1, s2, s3, d0, d1, d2, d3] = addresses;
        let header_len = usize::from(version_ihl & 0xf) * 4;
        if version_ihl >> 4 != 4 || header_len < IPV4_LEN || datagram.len() < header_len {
            return Err(ParseError::IpHeader);
        }
        if ![PROTOCOL, AH_PROTOCOL].contains(&protocol) {
            return Err(ParseError::Protocol(protocol));
        }
        let total = usize::from(u16::from_be_bytes([t0, t1]));
        let length_error = ParseError::IpLength { total, available: datagram.len() };
        let datagram = datagram.get(..total).ok_or(length_error)?;
        let payload = datagram.get(header_len..).ok_or(length_error)?;
        if u16::from_be_bytes([f0, f1]) & MORE_OR_OFFSET != 0 {
            return Err(ParseError::Fragment);
        }
        let endpoints = Endpoints::V4 {
            source: Ipv4Addr::new(s0, s1, s2, s3),
            destination: Ipv4Addr::new(d0, d1, d2, d3),
        };
        if protocol == PROTOCOL {
            return Ok(Self::new(endpoints, ttl, payload));
        }
        match *payload {
            // Of something else on this host: IPsec.
            [next_header, ..] if next_header != PROTOCOL => Err(ParseError::Protocol(next_header)),
            [_, AH_LEN_FIELD, ..] if payload.len() >= AH_LEN => {
                // At most 84.
                let message_at = (header_len + AH_LEN) as u16;
                Ok(Self { bytes: datagram, message_at, hop_limit: ttl, endpoints })
            }
            [..] => Err(ParseError::AhHeader),
        }
    }

    /// Reads the advertisement: to the last byte of the message and no further.
    ///
    /// Every rule that the packet alone can break is checked, in the order in which [`ParseError`] lists them, which is
    /// RFC 9568 §7.1's. The header's layout depends on version and type, so they go before the rest; the checksum goes
    /// before the values, so that a damaged packet counts as damaged. What depends on the receiver's configuration is
    /// checked by [`Rules`](crate::Rules).
    ///
    /// Fields that the RFCs tell a receiver to ignore are not looked at: the reserved bits of version 3, and the
    /// authentication data of authentication types 0 and 2.
    ///
    /// # Errors
    ///
    /// The first check that fails, as a [`ParseError`].
    #[inline]
    pub fn decode(&self) -> Result<Decoded<'a>, ParseError> {
        if self.hop_limit != HOP_LIMIT && self.endpoints.is_multicast() {
            return Err(ParseError::HopLimit(self.hop_limit));
        }
        let message = self.message();
        let Some((header, body)) = message.split_first_chunk::<HEADER_LEN>() else {
            return Err(ParseError::Truncated { len: message.len() });
        };
        match header[0] >> 4 {
            3 => v3::decode(header, body, self),
            2 => v2::decode(header, body, self),
            version => Err(ParseError::Version(version)),
        }
    }

    /// Returns where it comes from and where it was sent to.
    #[inline]
    pub const fn endpoints(&self) -> Endpoints {
        self.endpoints
    }

    /// Returns the TTL or hop limit.
    pub const fn hop_limit(&self) -> u8 {
        self.hop_limit
    }

    /// Returns the bytes behind the IP header, and behind an Authentication Header.
    #[inline]
    pub fn message(&self) -> &'a [u8] {
        self.bytes.get(self.message_at.into()..).unwrap_or_default()
    }

    /// Tells whether there is an Authentication Header between the IP header and the message.
    #[inline]
    pub const fn has_ah(&self) -> bool {
        self.message_at != 0
    }

    /// Returns what is in front of the message, if that is an Authentication Header: from the IP header on.
    #[cfg(feature = "auth")]
    pub(crate) fn in_front(&self) -> Option<&'a [u8]> {
        self.bytes.get(..self.message_at.into()).filter(|_| self.has_ah())
    }
}

impl fmt::Debug for Packet<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packet({}, hop limit {}, {} bytes)", self.endpoints, self.hop_limit, self.message().len())
    }
}

/// What was read from a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Decoded<'a> {
    packet: Packet<'a>,
    /// The advertisement.
    pub advertisement: Advertisement<'a>,
    /// What its checksum covers: the form that was found to be right. [`Checksum::MessageOnly`] in version 2,
    /// [`Checksum::PseudoHeader`] over IPv6.
    pub checksum: Checksum,
    /// What is behind the advertisement: keepalived's `auth_hmac`. Read, not verified: [`Rules`](crate::Rules) do that.
    pub trailer: Option<Trailer<'a>>,
}

impl<'a> Decoded<'a> {
    #[inline]
    pub(crate) const fn new(
        packet: &Packet<'a>,
        advertisement: Advertisement<'a>,
        checksum: Checksum,
        trailer: Option<Trailer<'a>>,
    ) -> Self {
        Self { packet: *packet, advertisement, checksum, trailer }
    }

    /// Returns the packet that it was read from.
    pub const fn packet(&self) -> &Packet<'a> {
        &self.packet
    }
}

/// Takes a message apart, the same way in both versions: the addresses, what is between them and the end, and a trailer.
#[inline]
pub(crate) fn split<'a, const ADDRESS: usize, const REST: usize>(
    header: &[u8; HEADER_LEN],
    body: &'a [u8],
) -> Result<Parts<'a, ADDRESS, REST>, ParseError> {
    let [version_type, _, _, count, ..] = *header;
    if version_type & 0xf != TYPE_ADVERTISEMENT {
        return Err(ParseError::Type(version_type & 0xf));
    }
    if count == 0 {
        return Err(ParseError::NoAddresses);
    }
    let list_len = usize::from(count) * ADDRESS;
    let length_error =
        ParseError::Length { expected: HEADER_LEN + list_len + REST, actual: HEADER_LEN + body.len() };
    let (list, after) = body.split_at_checked(list_len).ok_or(length_error)?;
    let (rest, excess) = after.split_first_chunk::<REST>().ok_or(length_error)?;
    let trailer = match excess {
        [] => None,
        excess => Some(Trailer::read(excess).ok_or(length_error)?),
    };
    Ok(Parts { addresses: list.as_chunks::<ADDRESS>().0, rest, trailer })
}

pub(crate) struct Parts<'a, const ADDRESS: usize, const REST: usize> {
    pub(crate) addresses: &'a [[u8; ADDRESS]],
    pub(crate) rest: &'a [u8; REST],
    pub(crate) trailer: Option<Trailer<'a>>,
}

impl<const ADDRESS: usize, const REST: usize> Parts<'_, ADDRESS, REST> {
    /// Returns the sum over the message, without a trailer.
    #[inline]
    pub(crate) fn sum(&self, header: &[u8; HEADER_LEN]) -> Sum {
        Sum::default().add(header).add(self.addresses.as_flattened()).add(self.rest)
    }
}

/// What the header of every message has in the same place.
pub(crate) const fn header_start(advertisement: &Advertisement<'_>) -> [u8; 4] {
    let Advertisement { vrid, priority, count, .. } = advertisement;
    [advertisement.version().get() << 4 | TYPE_ADVERTISEMENT, vrid.get(), priority.get(), *count]
}

pub(crate) const HEADER_LEN: usize = 8;
pub(crate) const IPV4_LEN: usize = 20;
pub(crate) const AH_LEN: usize = 24;
/// In words of four bytes, less two (RFC 2402 §2.2).
pub(crate) const AH_LEN_FIELD: u8 = 4;

/// Where a message has its priority, and where its checksum.
pub(crate) const PRIORITY_AT: usize = 2;
pub(crate) const CHECKSUM_AT: usize = 6;

/// More Fragments, and the offset.
const MORE_OR_OFFSET: u16 = 0x3fff;
const TYPE_ADVERTISEMENT: u8 = 1;
