use core::fmt;

use crate::{
    Advertisement, Authentication, Checksum, EncodeError, Endpoints, Priority, advertisement::checksum_field,
    checksum::patched, packet::PRIORITY_AT,
};

/// An advertisement written once and sent again and again: the message of one virtual router, ready to be sent.
///
/// What changes from one to the next is changed in place: the priority, and with it the checksum, from the difference
/// alone (RFC 1624). The bytes are those that [`Advertisement::encode`] would write.
///
/// `B` is where they are: an array, a `Vec`, a borrowed slice.
///
/// ```
/// use vrrp_proto::{
///     Addresses, AdvertInterval, Advertisement, Checksum, Endpoints, Prepared, Priority, Vrid,
/// };
///
/// let (vrid, interval) = (Vrid::new(51)?, AdvertInterval::DEFAULT);
/// let addresses = Addresses::V4(&[[192, 0, 2, 100]]);
/// let advertisement = Advertisement::v3(vrid, Priority::new(150), interval, addresses)?;
/// let endpoints = Endpoints::multicast([192, 0, 2, 1].into());
///
/// let mut prepared = Prepared::new(&advertisement, &endpoints, Checksum::PseudoHeader, [0; 12])?;
/// // Send prepared.as_bytes() each second. And at last:
/// prepared.set_priority(Priority::RELEASE);
/// assert_eq!(prepared.as_bytes()[2], 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Prepared<B> {
    buffer: B,
    len: usize,
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Prepared<B> {
    /// Writes the message to the start of the buffer.
    ///
    /// # Errors
    ///
    /// Those of [`Advertisement::encode`], and [`EncodeError::Authentication`] if the advertisement needs an Authentication
    /// Header, which `PreparedAh` writes.
    pub fn new(
        advertisement: &Advertisement<'_>,
        endpoints: &Endpoints,
        checksum: Checksum,
        mut buffer: B,
    ) -> Result<Self, EncodeError> {
        if advertisement.authentication() == Authentication::Header {
            return Err(EncodeError::Authentication { auth_type: 2 });
        }
        let len = advertisement.encode(endpoints, checksum, buffer.as_mut())?.len();
        Ok(Self { buffer, len })
    }

    /// Changes the priority.
    pub fn set_priority(&mut self, priority: Priority) {
        if let Some(message) = self.buffer.as_mut().get_mut(..self.len) {
            patch_priority(message, priority);
        }
    }

    /// Returns the message.
    pub fn as_bytes(&self) -> &[u8] {
        self.buffer.as_ref().get(..self.len).unwrap_or_default()
    }
}

impl<B> fmt::Debug for Prepared<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The bytes may hold a password.
        write!(f, "Prepared({} bytes)", self.len)
    }
}

/// Changes the priority in a message, and makes the checksum right again.
pub(crate) fn patch_priority(message: &mut [u8], priority: Priority) {
    let Some(word) = message.get_mut(PRIORITY_AT..).and_then(<[u8]>::first_chunk_mut::<2>) else { return };
    let [was, count] = *word;
    let (from, to) = (u16::from_be_bytes([was, count]), u16::from_be_bytes([priority.get(), count]));
    *word = to.to_be_bytes();
    if let Some(field) = checksum_field(message) {
        *field = patched(u16::from_be_bytes(*field), from, to).to_be_bytes();
    }
}
