//! keepalived's `auth_hmac`, since its version 2.4 (draft-cassen-vrrp-auth-hmac): HMAC-SHA256 cut to 128 bits, in a
//! [`Trailer`](crate::Trailer) that old routers refuse for its length, so that it is brought in in three steps
//! ([`HmacMode`]).
//!
//! The digest covers the sender's address, the message (its checksum taken as zero) and the trailer.

use core::{fmt, net::IpAddr, ops::RangeInclusive, time::Duration};

use ::hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::{AuthError, senders::Senders};
use crate::{
    AdvertInterval, Advertisement, Authentication, Checksum, Decoded, EncodeError, Endpoints, Family,
    FieldError, Priority,
    advertisement::checksum_field,
    packet::CHECKSUM_AT,
    prepared::patch_priority,
    trailer::{EXT_TYPE, SIGNED_LEN, TRAILER_LEN},
};

/// A key of `auth_hmac`: 32 to 64 bytes and a number. Wiped where it is kept when it is dropped, and not shown by `Debug`.
#[derive(Clone)]
pub struct HmacKey {
    id: u8,
    /// The digest once it has taken the key in, which it wipes when it is dropped. The key itself is not kept.
    keyed: Hmac<Sha256>,
}

impl HmacKey {
    /// Takes a key and its number, which tells receivers with several keys which one to use: 1 to 255.
    ///
    /// # Errors
    ///
    /// - [`FieldError::HmacKeyId`] for number 0.
    /// - [`FieldError::HmacKey`] unless the key has 32 to 64 bytes.
    pub fn new(id: u8, key: impl AsRef<[u8]>) -> Result<Self, FieldError> {
        let key = key.as_ref();
        if id == 0 {
            return Err(FieldError::HmacKeyId);
        }
        if !KEY_LEN.contains(&key.len()) {
            return Err(FieldError::HmacKey { len: key.len() });
        }
        Ok(Self { id, keyed: Hmac::new_from_slice(key).expect("any length of key is right for HMAC") })
    }

    /// Returns its number.
    pub const fn id(&self) -> u8 {
        self.id
    }

    /// Returns the digest over a message, and over the part of its trailer that is in front of the digest.
    fn digest(&self, source: IpAddr, message: &[u8], trailer: &[u8]) -> Hmac<Sha256> {
        let (family, address) = match source {
            IpAddr::V4(source) => {
                let [a, b, c, d] = source.octets();
                (4, [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
            }
            IpAddr::V6(source) => (6, source.octets()),
        };
        let (version_type, vrid) = (message.first().unwrap_or(&0), message.get(1).unwrap_or(&0));
        let mut digest = self.keyed.clone();
        digest.update(&[family, version_type >> 4, *vrid, 0]);
        digest.update(&address);
        if let Some((before, [_, _, after @ ..])) = message.split_at_checked(CHECKSUM_AT) {
            digest.update(before);
            digest.update(&[0, 0]);
            digest.update(after);
        }
        digest.update(trailer);
        digest.update(&[0; TRAILER_LEN - SIGNED_LEN]);
        digest
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HmacKey({}, ..)", self.id)
    }
}

/// Whether packets without a trailer are sent and taken. A group moves from one to the next, router by router, without an
/// outage. A trailer that is there is verified in all three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "these are the three steps")]
pub enum HmacMode {
    /// First step: sent without, taken with and without.
    ReceiveOnly,
    /// Second step: sent with, taken with and without.
    Permissive,
    /// Third step: sent with, taken with. Only now does it protect: until then, who has no key leaves the trailer out.
    Enforce,
}

impl HmacMode {
    /// Tells whether packets are to be sent with a trailer.
    pub const fn sends(self) -> bool {
        match self {
            Self::ReceiveOnly => false,
            Self::Permissive | Self::Enforce => true,
        }
    }

    const fn takes_without(self) -> bool {
        match self {
            Self::ReceiveOnly | Self::Permissive => true,
            Self::Enforce => false,
        }
    }
}

/// The time of the last packet of each sender, for up to 16 of them, and how far a packet's time may be from ours.
///
/// A packet is taken once, and only as long as its time is within the window. What lies outside of the window is forgotten,
/// in the future too: a sender whose clock was wrong is heard again as soon as it is right. A seventeenth sender within one
/// window is refused.
#[derive(Clone, Debug)]
pub struct HmacReplay {
    window: Duration,
    senders: Senders<u64>,
}

impl HmacReplay {
    /// Takes the window: how far clocks may be apart and packets may be late, in both directions; 1 s to 300 s, as in
    /// keepalived. [`default_window`](Self::default_window) is keepalived's default.
    ///
    /// # Errors
    ///
    /// [`FieldError::Window`] for any other.
    pub fn new(window: Duration) -> Result<Self, FieldError> {
        if WINDOW.contains(&window) {
            Ok(Self { window, senders: Senders::new() })
        } else {
            Err(FieldError::Window { window })
        }
    }

    /// Takes [`default_window`](Self::default_window).
    pub fn with_default_window(interval: AdvertInterval) -> Self {
        Self { window: Self::default_window(interval), senders: Senders::new() }
    }

    /// Returns three advertisement intervals or 5 s, whichever is more, and 300 s at most.
    pub fn default_window(interval: AdvertInterval) -> Duration {
        (interval.as_duration() * 3).clamp(Duration::from_secs(5), *WINDOW.end())
    }

    /// Forgets a sender.
    pub fn forget(&mut self, sender: IpAddr) {
        self.senders.forget(sender);
    }
}

/// Checks a trailer: the cheap tests first, the digest before anything is remembered.
pub(super) fn verify(
    keys: &[HmacKey],
    mode: HmacMode,
    replay: &mut HmacReplay,
    received_at: Duration,
    decoded: &Decoded<'_>,
) -> Result<(), AuthError> {
    let Some(trailer) = decoded.trailer else {
        return if mode.takes_without() { Ok(()) } else { Err(AuthError::NoTrailer) };
    };
    let mut keys = keys.iter().filter(|key| key.id() == trailer.key_id()).peekable();
    if keys.peek().is_none() {
        return Err(AuthError::UnknownKey(trailer.key_id()));
    }
    let (sequence, now) = (HmacSequence(trailer.sequence()), HmacSequence::at(received_at));
    let is_within =
        |sequence: HmacSequence| sequence.ahead_of(now).unsigned_abs() <= replay.window.as_nanos();
    if !is_within(sequence) {
        return Err(AuthError::Stale { millis: (sequence.ahead_of(now) / 1_000_000) as i64 });
    }
    let source = decoded.packet().endpoints().source();
    let last = replay.senders.get(source).map(HmacSequence).filter(|last| is_within(*last));
    if let Some(last) = last.filter(|last| !sequence.is_after(*last)) {
        return Err(AuthError::Replayed { sequence: sequence.0, last: last.0 });
    }
    let (signed, digest) = trailer.split();
    let message = decoded.packet().message();
    let message = message.strip_suffix(digest).and_then(|rest| rest.strip_suffix(signed)).unwrap_or_default();
    let is_made_with =
        |key: &HmacKey| key.digest(source, message, signed).verify_truncated_left(digest).is_ok();
    if !keys.any(is_made_with) {
        return Err(AuthError::Digest);
    }
    if replay.senders.put(source, sequence.0, |last| is_within(HmacSequence(last))) {
        Ok(())
    } else {
        Err(AuthError::TooManySenders)
    }
}

/// Puts the packets of one sender in order: seconds, fraction and counter, as [`Trailer::sequence`](crate::Trailer::sequence).
///
/// Make the first one with [`at`](Self::at), keep the last one, and make the next of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HmacSequence(u64);

impl HmacSequence {
    /// Returns the one of a moment, given since the Unix epoch, with a counter of 0.
    pub const fn at(since_epoch: Duration) -> Self {
        let fraction = since_epoch.subsec_nanos() as u64 * 0x10000 / 1_000_000_000;
        Self((since_epoch.as_secs() as u32 as u64) << 32 | fraction << 16)
    }

    /// Returns the next one: that of the moment, or one more than this if the clock stands still or was set back a little.
    ///
    /// `window` is the receivers' (see [`HmacReplay::new`]). If this one is out of it, the clock was set by a lot; receivers
    /// have then forgotten this one, and would take none that follows it.
    #[must_use]
    pub const fn next(self, since_epoch: Duration, window: Duration) -> Self {
        let now = Self::at(since_epoch);
        let is_forgotten = self.ahead_of(now).unsigned_abs() > window.as_nanos();
        if is_forgotten || now.is_after(self) { now } else { Self(self.0.wrapping_add(1)) }
    }

    /// Returns the number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Tells whether this one comes after another, within half of the number space (as RFC 1982 compares): the seconds start
    /// again in 2106.
    const fn is_after(self, last: Self) -> bool {
        self.0.wrapping_sub(last.0) as i64 > 0
    }

    /// Returns how far the time in this one is ahead of another's, in nanoseconds.
    const fn ahead_of(self, now: Self) -> i128 {
        let units = (self.0 & !0xffff).wrapping_sub(now.0 & !0xffff) as i64 >> 16;
        units as i128 * 1_000_000_000 / 0x10000
    }
}

/// An advertisement with a trailer, written once and sent again and again: the message and the trailer of one virtual
/// router.
///
/// In [`HmacMode::ReceiveOnly`], send a [`Prepared`](crate::Prepared) instead.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use vrrp_proto::{
///     Addresses, AdvertInterval, Advertisement, Checksum, Endpoints, HmacKey, HmacMode, HmacReplay, HmacSequence,
///     Packet, PreparedHmac, Priority, Rules, Verifier, Vrid,
/// };
///
/// let (vrid, interval) = (Vrid::new(51)?, AdvertInterval::DEFAULT);
/// let addresses = Addresses::V4(&[[192, 0, 2, 100]]);
/// let advertisement = Advertisement::v3(vrid, Priority::new(150), interval, addresses)?;
/// let endpoints = Endpoints::multicast([192, 0, 2, 1].into());
/// let now = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
///
/// // Key 2 replaces key 1: every router knows both before the first one sends with the new one.
/// let keys = [HmacKey::new(1, [0xaa; 32])?, HmacKey::new(2, [0xbb; 32])?];
/// let window = HmacReplay::default_window(interval);
/// let mut sequence = HmacSequence::at(now()?);
/// let mut prepared = PreparedHmac::new(&advertisement, &endpoints, Checksum::PseudoHeader, [0; 64])?;
/// let message = prepared.seal(&keys[1], sequence);
///
/// let mut replay = HmacReplay::new(window)?; // one for each virtual router
/// let decoded = Packet::new(endpoints, 255, message).decode()?;
/// let verifier =
///     Verifier::Hmac { keys: &keys, mode: HmacMode::Enforce, replay: &mut replay, received_at: now()? };
/// Rules::v3(vrid, interval, addresses).check(&decoded, verifier)?;
///
/// sequence = sequence.next(now()?, window); // for the next one
/// prepared.seal(&keys[1], sequence);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct PreparedHmac<B> {
    buffer: B,
    len: usize,
    endpoints: Endpoints,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> PreparedHmac<B> {
    /// What is behind the message: the trailer's length in bytes.
    pub const OVERHEAD: usize = TRAILER_LEN;

    /// Writes the message to the start of the buffer, and keeps room for the trailer.
    ///
    /// # Errors
    ///
    /// Those of [`Advertisement::encode`], the trailer being part of what the buffer must hold, and
    /// [`EncodeError::Authentication`] if the advertisement authenticates itself in another way too.
    pub fn new(
        advertisement: &Advertisement<'_>,
        endpoints: &Endpoints,
        checksum: Checksum,
        mut buffer: B,
    ) -> Result<Self, EncodeError> {
        if advertisement.authentication() != Authentication::None {
            let auth_type = advertisement.authentication().auth_type();
            return Err(EncodeError::Authentication { auth_type });
        }
        let len = advertisement.encoded_len() + TRAILER_LEN;
        let available = buffer.as_mut().len();
        if available < len {
            return Err(EncodeError::BufferTooSmall { needed: len, available });
        }
        advertisement.encode(endpoints, checksum, buffer.as_mut())?;
        Ok(Self { buffer, len, endpoints: *endpoints })
    }

    /// Changes the priority. The digest is wrong until the packet is sealed again.
    pub fn set_priority(&mut self, priority: Priority) {
        if let Some(message) = self.buffer.as_mut().get_mut(..self.len) {
            patch_priority(message, priority);
        }
    }

    /// Puts the sequence in, and the digest over all; returns the message with its trailer, ready to be sent.
    pub fn seal(&mut self, key: &HmacKey, sequence: HmacSequence) -> &[u8] {
        let packet = self.buffer.as_mut().get_mut(..self.len).unwrap_or_default();
        if let Some((message, trailer)) = packet.split_last_chunk_mut::<TRAILER_LEN>() {
            let [a, b, c, d, e, f, g, h] = sequence.get().to_be_bytes();
            let signed: [u8; SIGNED_LEN] = [EXT_TYPE, key.id(), 0, 0, a, b, c, d, e, f, g, h];
            let digest = key.digest(self.endpoints.source(), message, &signed).finalize().into_bytes();
            for (to, from) in trailer.iter_mut().zip(signed.into_iter().chain(digest)) {
                *to = from;
            }
        }
        if self.endpoints.family() == Family::V6 {
            sum_all(packet, &self.endpoints);
        }
        self.buffer.as_ref().get(..self.len).unwrap_or_default()
    }
}

impl<B> fmt::Debug for PreparedHmac<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreparedHmac({}, {} bytes)", self.endpoints, self.len)
    }
}

/// Makes the checksum right that covers the trailer too, as it does over IPv6. The digest takes it as zero.
fn sum_all(packet: &mut [u8], endpoints: &Endpoints) {
    if let Some(field) = checksum_field(packet) {
        *field = [0, 0];
    }
    let sum = endpoints.pseudo_header(packet.len()).add(packet);
    if let Some(field) = checksum_field(packet) {
        *field = sum.checksum().to_be_bytes();
    }
}

const KEY_LEN: RangeInclusive<usize> = 32..=64;
const WINDOW: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(300);
