use core::fmt;

/// The 28 bytes behind an advertisement that keepalived's `auth_hmac` appends (since keepalived 2.4;
/// draft-cassen-vrrp-auth-hmac), as they were received.
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Type (1)    |    Key ID     |         Reserved (0)          |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                 Seconds since 1970, UTC                       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |   Fraction of a second (/65536)   |         Counter           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           HMAC-SHA256, the first 16 bytes                     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
///
/// It is behind the message: outside the checksum over IPv4, inside that over IPv6, which the kernel computes.
///
/// They are read without the feature `auth`, but only verified with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Trailer<'a> {
    bytes: &'a [u8; TRAILER_LEN],
}

impl<'a> Trailer<'a> {
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        // What is reserved is for the receiver to ignore; the digest covers it.
        let bytes: &[u8; TRAILER_LEN] = bytes.try_into().ok()?;
        let [ext_type, key_id, ..] = *bytes;
        (ext_type == EXT_TYPE && key_id != 0).then_some(Self { bytes })
    }

    /// Returns the number of the key it was made with.
    pub const fn key_id(&self) -> u8 {
        let [_, key_id, ..] = *self.bytes;
        key_id
    }

    /// Returns what puts the sender's packets in order: the seconds since 1970 (32 bits), the fraction of a second
    /// (16 bits) and a counter (16 bits), as one number.
    pub fn sequence(&self) -> u64 {
        let [_, _, _, _, a, b, c, d, e, f, g, h, ..] = *self.bytes;
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }

    /// Returns what the digest covers of it, and the digest.
    #[cfg(feature = "auth")]
    pub(crate) fn split(&self) -> (&'a [u8], &'a [u8]) {
        self.bytes.split_at(SIGNED_LEN)
    }
}

impl fmt::Debug for Trailer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trailer(key {}, sequence {:#018x})", self.key_id(), self.sequence())
    }
}

pub(crate) const TRAILER_LEN: usize = 28;
#[cfg(feature = "auth")]
pub(crate) const SIGNED_LEN: usize = 12;
pub(crate) const EXT_TYPE: u8 = 1;
