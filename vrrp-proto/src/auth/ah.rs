//! RFC 2338's authentication type 2: an IP Authentication Header with HMAC-MD5-96 (RFC 2402, RFC 2403), as keepalived
//! makes it.
//!
//! keepalived departs from the RFCs in two places, and so does this: the key is the password, filled up with zeros to 8
//! bytes, where RFC 2403 asks for 16; and the TTL is zeroed for the digest in unicast packets alone, where RFC 2402
//! §3.3.3.1.1 always does so. In one place it does not follow: keepalived has one sequence number for itself and all
//! others, so that a router that starts again is not believed until it has caught up; here each sender has its own.

use core::{
    fmt,
    net::{IpAddr, Ipv4Addr},
};

use ::hmac::{Hmac, KeyInit as _, Mac as _};
use md5::Md5;
use zeroize::Zeroizing;

use super::{AuthError, fill_up, senders::Senders};
use crate::{
    AH_PROTOCOL, Advertisement, Authentication, Checksum, EncodeError, Endpoints, Family, FieldError,
    HOP_LIMIT, PROTOCOL, Packet, Priority, TRAFFIC_CLASS,
    checksum::Sum,
    packet::{AH_LEN, AH_LEN_FIELD, IPV4_LEN},
    prepared::patch_priority,
};

/// The key of an Authentication Header: 1 to 8 bytes. Wiped where it is kept when it is dropped, and not shown by `Debug`.
///
/// HMAC-MD5 with so short a key resists no serious attacker, and RFC 3768 dropped it for protecting little that matters.
/// It is here to replace or join routers that use it.
#[derive(Clone)]
pub struct AhKey {
    /// The digest once it has taken the key in, which it wipes when it is dropped. The key itself is not kept.
    keyed: Hmac<Md5>,
}

impl AhKey {
    /// Takes a key of 1 to 8 bytes: keepalived's `auth_pass`, of which it takes the first 8.
    ///
    /// # Errors
    ///
    /// [`FieldError::Password`] if it is empty or longer.
    pub fn new(key: impl AsRef<[u8]>) -> Result<Self, FieldError> {
        let mut wire = Zeroizing::new([0; 8]);
        fill_up(key.as_ref(), &mut wire)?;
        Ok(Self {
            keyed: Hmac::new_from_slice(wire.as_slice()).expect("any length of key is right for HMAC"),
        })
    }

    /// Returns the digest over a datagram, as it is to be before it is cut to 12 bytes.
    fn digest(&self, datagram: &Sealed<'_>) -> Hmac<Md5> {
        let Sealed { header, ah, message, endpoints } = datagram;
        let mut zeroed = [0; MAX_IPV4_LEN];
        let zeroed = zeroed.get_mut(..header.len()).unwrap_or_default();
        zeroed.copy_from_slice(header);
        let ttl = if endpoints.is_multicast() { HOP_LIMIT } else { 0 };
        for (at, value) in [(1, 0), (6, 0), (7, 0), (8, ttl), (10, 0), (11, 0)] {
            if let Some(byte) = zeroed.get_mut(at) {
                *byte = value;
            }
        }
        let mut digest = self.keyed.clone();
        digest.update(zeroed);
        digest.update(ah.first_chunk::<ICV_AT>().map_or(&[], |before| before));
        digest.update(&[0; ICV_LEN]);
        digest.update(message);
        digest
    }
}

impl fmt::Debug for AhKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AhKey(..)")
    }
}

/// The last sequence number of each sender, for up to 16 of them.
///
/// A sender's next number must be greater. One that starts anew with small numbers, as keepalived does when it is
/// restarted or has come to the last number, is refused until it has caught up, for nothing tells it from a replay. A
/// seventeenth sender is refused. [`forget`](Self::forget) those that are known to be gone or to have started again.
#[derive(Clone, Debug)]
pub struct AhReplay {
    senders: Senders<u32>,
}

impl AhReplay {
    /// Starts with no sender known: the first packet of each is taken, whatever its number.
    pub const fn new() -> Self {
        Self { senders: Senders::new() }
    }

    /// Forgets a sender: its next packet is taken, whatever its number.
    pub fn forget(&mut self, sender: IpAddr) {
        self.senders.forget(sender);
    }
}

impl Default for AhReplay {
    fn default() -> Self {
        Self::new()
    }
}

/// Checks an Authentication Header: the cheap tests first, the digest before anything is remembered.
pub(super) fn verify(key: &AhKey, replay: &mut AhReplay, packet: &Packet<'_>) -> Result<(), AuthError> {
    let sealed = Sealed::split(packet).ok_or(AuthError::Digest)?; // The decoder has seen to it that there is one.
    let [_, _, _, _, spi @ .., s0, s1, s2, s3] =
        *sealed.ah.first_chunk::<ICV_AT>().ok_or(AuthError::Digest)?;
    let sequence = u32::from_be_bytes([s0, s1, s2, s3]);
    let source = sealed.endpoints.source();
    if IpAddr::from(spi) != source {
        return Err(AuthError::Spi(u32::from_be_bytes(spi)));
    }
    if let Some(last) = replay.senders.get(source).filter(|last| sequence <= *last) {
        return Err(AuthError::Replayed { sequence: sequence.into(), last: last.into() });
    }
    let icv = sealed.ah.last_chunk::<ICV_LEN>().ok_or(AuthError::Digest)?;
    key.digest(&sealed).verify_truncated_left(icv).map_err(|_| AuthError::Digest)?;
    // A number never becomes too old to matter.
    if replay.senders.put(source, sequence, |_| true) { Ok(()) } else { Err(AuthError::TooManySenders) }
}

/// A datagram with an Authentication Header, taken apart.
struct Sealed<'a> {
    header: &'a [u8],
    ah: &'a [u8; AH_LEN],
    message: &'a [u8],
    endpoints: Endpoints,
}

impl<'a> Sealed<'a> {
    fn split(packet: &Packet<'a>) -> Option<Self> {
        let (message, endpoints) = (packet.message(), packet.endpoints());
        let (header, ah) = packet.in_front()?.split_last_chunk()?;
        Some(Self { header, ah, message, endpoints })
    }
}

/// An advertisement with an Authentication Header (RFC 2402 §2), written once and sent again and again.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | Next Header   |  Payload Len  |          RESERVED             |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                 Security Parameters Index (SPI)               |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    Sequence Number Field                      |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                Authentication Data (12 bytes)                 |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
///
/// It is a whole datagram of IPv4, for the digest covers the IP header: send it through a raw socket with `IP_HDRINCL`.
///
/// ```
/// use vrrp_proto::{
///     Addresses, AdvertInterval, Advertisement, AhKey, AhReplay, Authentication, Endpoints, Packet, PreparedAh,
///     Priority, Rules, Verifier, Vrid,
/// };
///
/// let (vrid, interval) = (Vrid::new(51)?, AdvertInterval::DEFAULT);
/// let addresses = Addresses::V4(&[[192, 0, 2, 100]]);
/// let advertisement =
///     Advertisement::v2(vrid, Priority::new(150), interval, addresses, Authentication::Header)?;
/// let endpoints = Endpoints::multicast([192, 0, 2, 1].into());
///
/// let key = AhKey::new("k4lkey00")?; // keepalived's auth_pass
/// let mut prepared = PreparedAh::new(&advertisement, &endpoints, 255, [0; 64])?;
/// let datagram = prepared.seal(&key, 1_800_000_000); // the seconds since 1970, and one more each time
///
/// let mut replay = AhReplay::new(); // one for each virtual router
/// let decoded = Packet::from_ipv4(datagram)?.decode()?;
/// let rules = Rules::v2(vrid, interval, addresses);
/// rules.check(&decoded, Verifier::Ah { key: &key, replay: &mut replay })?;
/// assert!(rules.check(&decoded, Verifier::Ah { key: &key, replay: &mut replay }).is_err()); // a replay
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct PreparedAh<B> {
    buffer: B,
    len: usize,
    endpoints: Endpoints,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> PreparedAh<B> {
    /// What is in front of the message: an IPv4 header without options, and the Authentication Header.
    pub const OVERHEAD: usize = IPV4_LEN + AH_LEN;

    /// Writes the datagram to the start of the buffer, with type of service 0xc0, the TTL given, and Don't Fragment clear.
    ///
    /// # Errors
    ///
    /// - [`EncodeError::BufferTooSmall`] if the buffer has fewer than
    ///   [`encoded_len`](Advertisement::encoded_len) + [`OVERHEAD`](Self::OVERHEAD) bytes.
    /// - [`EncodeError::Family`] if the endpoints are of IPv6.
    /// - [`EncodeError::Authentication`] if the advertisement's authentication is not [`Authentication::Header`].
    /// - [`EncodeError::HopLimit`] if it is sent to a group with a TTL other than 255.
    pub fn new(
        advertisement: &Advertisement<'_>,
        endpoints: &Endpoints,
        ttl: u8,
        mut buffer: B,
    ) -> Result<Self, EncodeError> {
        let addresses = advertisement.addresses().family();
        let &Endpoints::V4 { source, destination } = endpoints else {
            return Err(EncodeError::Family { addresses, packet: Family::V6 });
        };
        if advertisement.authentication() != Authentication::Header {
            let auth_type = advertisement.authentication().auth_type();
            return Err(EncodeError::Authentication { auth_type });
        }
        if endpoints.is_multicast() && ttl != HOP_LIMIT {
            return Err(EncodeError::HopLimit { hop_limit: ttl });
        }
        let len = Self::OVERHEAD + advertisement.encoded_len();
        let available = buffer.as_mut().len();
        let too_small = EncodeError::BufferTooSmall { needed: len, available };
        let datagram = buffer.as_mut().get_mut(..len).ok_or(too_small)?;
        let (front, message) = datagram.split_at_mut_checked(Self::OVERHEAD).ok_or(too_small)?;
        advertisement.encode(endpoints, Checksum::MessageOnly, message)?;
        front.copy_from_slice(&front_of(source, destination, ttl, len));
        Ok(Self { buffer, len, endpoints: *endpoints })
    }

    /// Changes the priority. The digest is wrong until the datagram is sealed again.
    pub fn set_priority(&mut self, priority: Priority) {
        if let Some(message) = self.buffer.as_mut().get_mut(Self::OVERHEAD..self.len) {
            patch_priority(message, priority);
        }
    }

    /// Puts a sequence number in, and the digest over all; returns the datagram, ready to be sent.
    ///
    /// Receivers want each number to be greater than the one before. One that starts with the seconds since 1970 is
    /// believed at once after a restart. There is no number after `u32::MAX`: change the key before.
    pub fn seal(&mut self, key: &AhKey, sequence: u32) -> &[u8] {
        let datagram = self.buffer.as_mut().get_mut(..self.len).unwrap_or_default();
        // The kernel chooses an identification where there is none, and that would break the digest.
        let id = (sequence as u16).max(1);
        if let Some((ip, behind)) = datagram.split_first_chunk_mut::<IPV4_LEN>()
            && let Some((ah, message)) = behind.split_first_chunk_mut::<AH_LEN>()
        {
            [ip[4], ip[5]] = id.to_be_bytes();
            [ip[10], ip[11]] = [0, 0];
            [ip[10], ip[11]] = Sum::default().add(&*ip).checksum().to_be_bytes();
            [ah[8], ah[9], ah[10], ah[11]] = sequence.to_be_bytes();
            let sealed = Sealed { header: ip, ah, message, endpoints: self.endpoints };
            let digest = key.digest(&sealed).finalize().into_bytes();
            for (to, from) in ah.iter_mut().skip(ICV_AT).zip(digest) {
                *to = from;
            }
        }
        self.buffer.as_ref().get(..self.len).unwrap_or_default()
    }
}

impl<B> fmt::Debug for PreparedAh<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreparedAh({}, {} bytes)", self.endpoints, self.len)
    }
}

/// Returns the two headers in front of the message; what changes from packet to packet is zero.
fn front_of(source: Ipv4Addr, destination: Ipv4Addr, ttl: u8, len: usize) -> [u8; IPV4_LEN + AH_LEN] {
    let len = (len as u16).to_be_bytes(); // At most 1,080.
    let (source, destination) = (source.octets(), destination.octets());
    let fields: [&[u8]; 9] = [
        &[0x45, TRAFFIC_CLASS],
        &len,
        &[0, 0, 0, 0], // Identification, flags and offset.
        &[ttl, AH_PROTOCOL, 0, 0],
        &source,
        &destination,
        &[PROTOCOL, AH_LEN_FIELD, 0, 0],
        &source,  // The index, as keepalived has it.
        &[0; 16], // Sequence number and digest.
    ];
    let mut front = [0; IPV4_LEN + AH_LEN];
    for (to, from) in front.iter_mut().zip(fields.into_iter().flatten()) {
        *to = *from;
    }
    front
}

/// Where in the header the digest is, and how long it is: HMAC-MD5-96.
const ICV_AT: usize = 12;
const ICV_LEN: usize = 12;
/// With all options.
const MAX_IPV4_LEN: usize = 60;
