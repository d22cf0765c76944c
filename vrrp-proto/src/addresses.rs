use core::{fmt, net::Ipv4Addr};

use crate::FieldError;

/// The addresses of a virtual router as the wire has them: one type to receive, send and configure with.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a new address family must not go unnoticed in a match")]
pub enum Addresses<'a> {
    /// IPv4 addresses, most significant byte first.
    V4(&'a [[u8; 4]]),
}

impl<'a> Addresses<'a> {
    /// The most addresses one advertisement can count.
    pub const MAX: usize = u8::MAX as usize;

    /// Returns how many there are.
    pub const fn len(&self) -> usize {
        match self {
            Self::V4(list) => list.len(),
        }
    }

    /// Tells whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns them one by one, in the order of the packet.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Ipv4Addr> + use<'a> {
        let Self::V4(list) = *self;
        list.iter().map(|octets| Ipv4Addr::from(*octets))
    }

    /// Returns the count as the packet's Count IP Addrs field, if it is within 1 to 255.
    pub(crate) fn count(&self) -> Result<u8, FieldError> {
        match u8::try_from(self.len()) {
            Ok(count) if count > 0 => Ok(count),
            _ => Err(FieldError::AddressCount { count: self.len() }),
        }
    }

    /// Returns them as one run of bytes.
    pub(crate) const fn as_bytes(&self) -> &'a [u8] {
        match self {
            Self::V4(list) => list.as_flattened(),
        }
    }
}

impl fmt::Debug for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
