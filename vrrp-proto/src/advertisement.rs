use crate::{
    Addresses, AdvertInterval, Authentication, BufferTooSmall, FieldError, ParseError, Priority, Vrid, v2,
};

/// An advertisement: what a Master tells the routers that back it up.
///
/// It borrows its addresses, from the packet it was decoded from or from the caller's configuration, and owns the rest.
/// However it was made, it can be written as a packet: its fields are in range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advertisement<'a> {
    pub(crate) vrid: Vrid,
    pub(crate) priority: Priority,
    pub(crate) interval: AdvertInterval,
    pub(crate) authentication: Authentication,
    pub(crate) count: u8,
    pub(crate) addresses: Addresses<'a>,
}

impl<'a> Advertisement<'a> {
    /// The length in bytes of the longest advertisement: VRRPv2 with 255 addresses.
    pub const MAX_LEN: usize = v2::len(u8::MAX);

    /// Puts an advertisement of VRRPv2 together.
    ///
    /// # Errors
    ///
    /// [`FieldError::AddressCount`] unless there are 1 to 255 addresses.
    pub fn v2(
        vrid: Vrid,
        priority: Priority,
        interval: AdvertInterval,
        addresses: Addresses<'a>,
        authentication: Authentication,
    ) -> Result<Self, FieldError> {
        let count = addresses.count()?;
        Ok(Self { vrid, priority, interval, authentication, count, addresses })
    }

    /// Reads an advertisement: what follows the IP header, to its last byte and no further.
    ///
    /// Every rule that the bytes alone can break is checked, in this order: at least a header, version, type, address
    /// count, exact length, checksum, VRID, authentication type, interval. The header's layout depends on version and
    /// type, so they go first; the checksum goes before the values, so that a damaged packet counts as damaged. The
    /// password is not compared here, nor anything else that depends on the receiver's configuration.
    ///
    /// The authentication data of a packet of authentication type 0 is not looked at (RFC 3768 §5.3.10).
    ///
    /// # Errors
    ///
    /// The first check that fails, as a [`ParseError`].
    pub fn decode(message: &'a [u8]) -> Result<Self, ParseError> {
        v2::decode(message)
    }

    /// Returns the length of the packet in bytes, its IP header not counted.
    pub const fn encoded_len(&self) -> usize {
        v2::len(self.count)
    }

    /// Writes the packet to the start of `buffer` and returns that part of it.
    ///
    /// # Errors
    ///
    /// [`BufferTooSmall`] if it has fewer than [`encoded_len`](Self::encoded_len) bytes; nothing is written then.
    pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b mut [u8], BufferTooSmall> {
        let (needed, available) = (self.encoded_len(), buffer.len());
        let message = buffer.get_mut(..needed).ok_or(BufferTooSmall { needed, available })?;
        let mut rest = &mut *message;
        for part in v2::parts(self, &v2::header(self)) {
            let (to, after) =
                rest.split_at_mut_checked(part.len()).ok_or(BufferTooSmall { needed, available })?;
            to.copy_from_slice(part);
            rest = after;
        }
        Ok(message)
    }

    /// Appends the packet to a [`bytes::BufMut`].
    ///
    /// # Errors
    ///
    /// [`BufferTooSmall`] if it has no room for [`encoded_len`](Self::encoded_len) bytes; nothing is written then.
    #[cfg(feature = "bytes")]
    #[cfg_attr(docsrs, doc(cfg(feature = "bytes")))]
    pub fn put(&self, buffer: &mut impl bytes::BufMut) -> Result<(), BufferTooSmall> {
        let (needed, available) = (self.encoded_len(), buffer.remaining_mut());
        if available < needed {
            return Err(BufferTooSmall { needed, available });
        }
        for part in v2::parts(self, &v2::header(self)) {
            buffer.put_slice(part);
        }
        Ok(())
    }

    /// Returns the same advertisement with another priority.
    #[must_use]
    pub const fn with_priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }

    /// Returns the virtual router it speaks of.
    pub const fn vrid(&self) -> Vrid {
        self.vrid
    }

    /// Returns the sender's priority.
    pub const fn priority(&self) -> Priority {
        self.priority
    }

    /// Returns the sender's advertisement interval.
    pub const fn interval(&self) -> AdvertInterval {
        self.interval
    }

    /// Returns the virtual router's addresses: 1 to 255 of them.
    pub const fn addresses(&self) -> Addresses<'a> {
        self.addresses
    }

    /// Returns how the sender authenticates itself.
    pub const fn authentication(&self) -> Authentication {
        self.authentication
    }
}
