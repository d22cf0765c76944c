//! Authentication: RFC 2338's three types (§5.3.6), and keepalived's `auth_hmac`.

#[cfg(feature = "auth")]
mod ah;
#[cfg(feature = "auth")]
mod hmac;
#[cfg(feature = "auth")]
mod senders;

use core::fmt;
use core::time::Duration;

use thiserror::Error;

#[cfg(feature = "auth")]
pub use self::{
    ah::{AhKey, AhReplay, PreparedAh},
    hmac::{HmacKey, HmacMode, HmacReplay, HmacSequence, PreparedHmac},
};
use crate::{Counter, Decoded, FieldError};

/// How an advertisement of version 2 says that it comes from the group (RFC 2338 §5.3.6; RFC 3768 keeps the field and
/// drops the methods).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 2338 has these three, and there will be no more")]
pub enum Authentication {
    /// Type 0: it does not. What RFC 3768 asks for.
    #[default]
    None,
    /// Type 1: by a password in clear text, which keeps out misconfigured routers and nobody else.
    SimpleText(Password),
    /// Type 2: by an IP Authentication Header in front of the message, which `PreparedAh` writes (feature `auth`).
    Header,
}

impl Authentication {
    /// Returns the number in the packet's Auth Type field.
    #[inline]
    pub const fn auth_type(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::SimpleText(_) => 1,
            Self::Header => 2,
        }
    }
}

/// In tcpdump's words: `none`, `simple`, `ah`.
impl fmt::Display for Authentication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::SimpleText(_) => "simple",
            Self::Header => "ah",
        })
    }
}

/// What a packet must prove to be taken, and what has been seen of those that did.
///
/// It is lent to [`Rules::check`](crate::Rules::check) for each packet. The keys and the replay state are the caller's to
/// keep: one state for each virtual router.
#[derive(Debug)]
#[non_exhaustive]
pub enum Verifier<'v> {
    /// Nothing: authentication type 0 in version 2, and no trailer.
    None,
    /// The password of authentication type 1. Version 2 only.
    SimpleText(&'v Password),
    /// An Authentication Header made with this key: authentication type 2. Version 2 only.
    #[cfg(feature = "auth")]
    Ah {
        /// The group's key.
        key: &'v AhKey,
        /// The sequence numbers seen.
        replay: &'v mut AhReplay,
    },
    /// keepalived's `auth_hmac`: a trailer made with one of these keys. Both versions; in version 2, of authentication type
    /// 0.
    #[cfg(feature = "auth")]
    Hmac {
        /// The keys of the group: the one in use, and while it is being replaced, the other. Those of the packet's number
        /// are tried.
        keys: &'v [HmacKey],
        /// Whether a packet without a trailer is taken.
        mode: HmacMode,
        /// The times seen.
        replay: &'v mut HmacReplay,
        /// When the packet was received, since the Unix epoch, which the time in its trailer is compared with: what the
        /// socket says (`SO_TIMESTAMPNS`), or the clock.
        received_at: Duration,
    },
}

impl Verifier<'_> {
    /// Returns the authentication type that it asks for.
    #[inline]
    const fn auth_type(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::SimpleText(_) => 1,
            #[cfg(feature = "auth")]
            Self::Ah { .. } => 2,
            #[cfg(feature = "auth")]
            Self::Hmac { .. } => 0,
        }
    }

    #[inline]
    const fn reads_trailer(&self) -> bool {
        match self {
            Self::None | Self::SimpleText(_) => false,
            #[cfg(feature = "auth")]
            Self::Ah { .. } => false,
            #[cfg(feature = "auth")]
            Self::Hmac { .. } => true,
        }
    }

    /// Checks what the packet proves, and nothing else of it: [`Rules::check`](crate::Rules::check) does this among the rest.
    ///
    /// # Errors
    ///
    /// Why it does not prove it. Nothing is remembered of such a packet.
    #[inline]
    pub fn verify(self, decoded: &Decoded<'_>) -> Result<(), AuthError> {
        let theirs = decoded.advertisement.authentication();
        let ours = self.auth_type();
        if ours != theirs.auth_type() {
            return Err(AuthError::TypeMismatch { ours, theirs: theirs.auth_type() });
        }
        if decoded.trailer.is_some() && !self.reads_trailer() {
            return Err(AuthError::UnexpectedTrailer);
        }
        match self {
            Self::None => Ok(()),
            Self::SimpleText(password) if theirs == Authentication::SimpleText(*password) => Ok(()),
            Self::SimpleText(_) => Err(AuthError::Password),
            #[cfg(feature = "auth")]
            Self::Ah { key, replay } => ah::verify(key, replay, decoded.packet()),
            #[cfg(feature = "auth")]
            Self::Hmac { keys, mode, replay, received_at } => {
                hmac::verify(keys, mode, replay, received_at, decoded)
            }
        }
    }
}

/// Says why a packet does not prove that it comes from the group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum AuthError {
    /// Its authentication type is another than ours (RFC 3768 §7.1).
    #[error("authentication type {theirs} is not ours, {ours}")]
    TypeMismatch {
        /// The type configured here.
        ours: u8,
        /// The packet's type.
        theirs: u8,
    },
    /// It has a trailer and `auth_hmac` is not configured here. keepalived calls that a wrong length.
    #[error("a trailer of auth_hmac, which is not configured here")]
    UnexpectedTrailer,
    /// Its password is wrong.
    #[error("the password is wrong")]
    Password,
    /// Its trailer is missing.
    #[error("the trailer of auth_hmac is missing")]
    NoTrailer,
    /// Its trailer was made with a key of a number that is not known here.
    #[error("key {0} is not known")]
    UnknownKey(u8),
    /// The Security Parameters Index of its Authentication Header is not its source address, which keepalived makes it.
    #[error("security parameters index {0:#010x} is not the source address")]
    Spi(u32),
    /// It was seen before, or is older than what was seen: a replay, or the network has changed the order.
    #[error("sequence {sequence:#x} was seen, or is older than {last:#x}, which was")]
    Replayed {
        /// The packet's sequence number.
        sequence: u64,
        /// The last one taken from its sender.
        last: u64,
    },
    /// Its time is too far from this router's: an old packet, or a clock that is wrong.
    #[error("made {:?} {}, which is too far off", Duration::from_millis(.millis.unsigned_abs()), if *.millis < 0 { "ago" } else { "ahead of time" })]
    Stale {
        /// How far its time is ahead of ours, in milliseconds.
        millis: i64,
    },
    /// It proves itself, but its sender is one more than are remembered: 16.
    #[error("there are too many senders to remember this one")]
    TooManySenders,
    /// Its digest is wrong: made with another key, or changed on its way.
    #[error("the digest is wrong")]
    Digest,
}

impl AuthError {
    /// Returns the counter it belongs to.
    pub const fn counter(&self) -> Counter {
        match self {
            Self::TypeMismatch { .. } => Counter::AuthTypeMismatch,
            Self::UnexpectedTrailer => Counter::PacketLength,
            Self::Password
            | Self::NoTrailer
            | Self::UnknownKey(_)
            | Self::Spi(_)
            | Self::Replayed { .. }
            | Self::Stale { .. }
            | Self::TooManySenders
            | Self::Digest => Counter::AuthFailure,
        }
    }
}

/// The password of RFC 2338's simple text authentication: 1 to 8 bytes, padded with zeros on the wire.
///
/// Comparing two takes the same time wherever they differ, and `Debug` does not show it.
#[derive(Clone, Copy)]
pub struct Password([u8; 8]);

impl Password {
    /// Takes a password of 1 to 8 bytes.
    ///
    /// keepalived cuts a longer `auth_pass` to its first 8 bytes; give those 8 to talk to it.
    ///
    /// # Errors
    ///
    /// [`FieldError::Password`] if it is empty or longer.
    pub fn new(password: impl AsRef<[u8]>) -> Result<Self, FieldError> {
        let mut wire = [0; 8];
        fill_up(password.as_ref(), &mut wire)?;
        Ok(Self(wire))
    }

    /// Takes the eight bytes of a packet's Authentication Data.
    pub const fn from_wire(wire: [u8; 8]) -> Self {
        Self(wire)
    }

    /// Returns the eight bytes as a packet carries them.
    pub const fn as_wire(&self) -> &[u8; 8] {
        &self.0
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        // One comparison of one word: no byte is compared before another.
        u64::from_ne_bytes(self.0) == u64::from_ne_bytes(other.0)
    }
}

impl Eq for Password {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Writes 1 to 8 bytes to the start of a field of zeros.
fn fill_up(password: &[u8], wire: &mut [u8; 8]) -> Result<(), FieldError> {
    match wire.get_mut(..password.len()) {
        Some(start) if !password.is_empty() => start.copy_from_slice(password),
        Some(_) | None => return Err(FieldError::Password { len: password.len() }),
    }
    Ok(())
}

/// A key lives on in two states of the hash function and nowhere else. The compiler sees to it that these are wiped when
/// they are dropped, which hangs on features of the crates they are from.
#[cfg(feature = "auth")]
const _: () = {
    use ::hmac::digest::block_api::CoreProxy;

    const fn is_wiped<T: zeroize::ZeroizeOnDrop>() {}
    is_wiped::<<md5::Md5 as CoreProxy>::Core>();
    is_wiped::<<sha2::Sha256 as CoreProxy>::Core>();
};
