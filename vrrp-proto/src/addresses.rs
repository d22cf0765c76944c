use core::{fmt, net::IpAddr, slice};

use crate::{Family, FieldError};

/// The addresses of a virtual router as the wire has them: one type to receive, send and configure with.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a new address family must not go unnoticed in a match")]
pub enum Addresses<'a> {
    /// IPv4 addresses, most significant byte first.
    V4(&'a [[u8; 4]]),
    /// IPv6 addresses, most significant byte first. The first should be link-local (RFC 9568 §5.2.9).
    V6(&'a [[u8; 16]]),
}

impl<'a> Addresses<'a> {
    /// The most addresses one advertisement can count.
    pub const MAX: usize = u8::MAX as usize;

    /// Returns how many there are.
    pub const fn len(&self) -> usize {
        match self {
            Self::V4(list) => list.len(),
            Self::V6(list) => list.len(),
        }
    }

    /// Tells whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns which addresses they are.
    pub const fn family(&self) -> Family {
        match self {
            Self::V4(_) => Family::V4,
            Self::V6(_) => Family::V6,
        }
    }

    /// Returns them one by one, in the order of the packet.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = IpAddr> + use<'a> {
        match self {
            Self::V4(list) => Iter::V4(list.iter()),
            Self::V6(list) => Iter::V6(list.iter()),
        }
    }

    /// Tells whether both hold the same addresses, each as often, in whatever order (RFC 3768 §7.1).
    ///
    /// Lists in the same order cost one pass, those in another are sorted first, in up to 8 KiB of stack.
    #[inline]
    pub fn same_set(&self, other: &Addresses<'_>) -> bool {
        match (self, other) {
            (Self::V4(ours), Addresses::V4(theirs)) => same_set(ours, theirs),
            (Self::V6(ours), Addresses::V6(theirs)) => same_set(ours, theirs),
            (Self::V4(_), Addresses::V6(_)) | (Self::V6(_), Addresses::V4(_)) => false,
        }
    }

    /// Returns the count as the packet's field for it, if it is within 1 to 255.
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
            Self::V6(list) => list.as_flattened(),
        }
    }
}

#[inline]
fn same_set<const N: usize>(ours: &[[u8; N]], theirs: &[[u8; N]]) -> bool {
    match (ours, theirs) {
        // Most virtual routers have but one.
        ([ours], [theirs]) => ours == theirs,
        _ => ours == theirs || ours.len() == theirs.len() && sorted_are_equal(ours, theirs),
    }
}

/// Apart, so that its stack is taken only when it is needed.
#[inline(never)]
fn sorted_are_equal<const N: usize>(ours: &[[u8; N]], theirs: &[[u8; N]]) -> bool {
    let mut room = [[[0; N]; Addresses::MAX]; 2];
    let [one, other] = &mut room;
    match (one.get_mut(..ours.len()), other.get_mut(..theirs.len())) {
        (Some(one), Some(other)) => {
            one.copy_from_slice(ours);
            other.copy_from_slice(theirs);
            one.sort_unstable();
            other.sort_unstable();
            one == other
        }
        // More than a virtual router can have.
        _ => false,
    }
}

impl fmt::Debug for Addresses<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Addresses<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

enum Iter<'a> {
    V4(slice::Iter<'a, [u8; 4]>),
    V6(slice::Iter<'a, [u8; 16]>),
}

impl Iterator for Iter<'_> {
    type Item = IpAddr;

    fn next(&mut self) -> Option<IpAddr> {
        match self {
            Self::V4(list) => list.next().map(|octets| IpAddr::from(*octets)),
            Self::V6(list) => list.next().map(|octets| IpAddr::from(*octets)),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self {
            Self::V4(list) => list.size_hint(),
            Self::V6(list) => list.size_hint(),
        }
    }
}

impl ExactSizeIterator for Iter<'_> {}
