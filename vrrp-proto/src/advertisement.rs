use core::fmt;

use crate::{
    Addresses, AdvertInterval, Authentication, Checksum, EncodeError, Endpoints, Family, FieldError,
    Priority, Version, Vrid,
    checksum::Sum,
    packet::{CHECKSUM_AT, HEADER_LEN},
    v2, v3,
};

/// An advertisement: what a Master tells the routers that back it up.
///
/// It borrows its addresses, from the packet it was decoded from or from the caller's configuration, and owns the rest.
/// However it was made, it can be written as a packet: its fields are in range for its version.
///
/// `Display` and `Debug` write what tcpdump prints of it, less the password:
/// `VRRPv2, Advertisement, vrid 51, prio 150, authtype none, intvl 1s, length 20, addrs: 192.0.2.100`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Advertisement<'a> {
    pub(crate) vrid: Vrid,
    pub(crate) priority: Priority,
    pub(crate) interval: AdvertInterval,
    pub(crate) body: Body,
    pub(crate) count: u8,
    pub(crate) addresses: Addresses<'a>,
}

/// What the versions do not have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    V2(Authentication),
    V3,
}

impl<'a> Advertisement<'a> {
    /// The length in bytes of the longest advertisement: 255 addresses of IPv6.
    pub const MAX_LEN: usize = HEADER_LEN + Addresses::MAX * 16;

    /// Puts an advertisement of version 2 together.
    ///
    #[doc = include_str!("v2.md")]
    ///
    /// # Errors
    ///
    /// - [`FieldError::AddressCount`] unless there are 1 to 255 addresses.
    /// - [`FieldError::FamilyOfVersion`] unless they are of IPv4.
    /// - [`FieldError::IntervalOfVersion`] unless the interval is of 1 to 255 whole seconds.
    pub fn v2(
        vrid: Vrid,
        priority: Priority,
        interval: AdvertInterval,
        addresses: Addresses<'a>,
        authentication: Authentication,
    ) -> Result<Self, FieldError> {
        if addresses.family() == Family::V6 {
            return Err(FieldError::FamilyOfVersion);
        }
        Self::new(vrid, priority, interval, addresses, Body::V2(authentication))
    }

    /// Puts an advertisement of version 3 together.
    ///
    #[doc = include_str!("v3.md")]
    ///
    /// RFC 9568 §5.2.9 wants a link-local address first among those of IPv6. Many senders break that, and it is not
    /// checked here.
    ///
    /// # Errors
    ///
    /// - [`FieldError::AddressCount`] unless there are 1 to 255 addresses.
    /// - [`FieldError::IntervalOfVersion`] unless the interval is of 0.01 s to 40.95 s.
    pub fn v3(
        vrid: Vrid,
        priority: Priority,
        interval: AdvertInterval,
        addresses: Addresses<'a>,
    ) -> Result<Self, FieldError> {
        Self::new(vrid, priority, interval, addresses, Body::V3)
    }

    fn new(
        vrid: Vrid,
        priority: Priority,
        interval: AdvertInterval,
        addresses: Addresses<'a>,
        body: Body,
    ) -> Result<Self, FieldError> {
        let count = addresses.count()?;
        let advertisement = Self { vrid, priority, interval, body, count, addresses };
        let version = advertisement.version();
        if interval.fits(version) {
            Ok(advertisement)
        } else {
            Err(FieldError::IntervalOfVersion { interval: interval.as_duration(), version })
        }
    }

    /// Returns the length of the message in bytes: what follows the IP header.
    pub const fn encoded_len(&self) -> usize {
        let address_len = match self.addresses {
            Addresses::V4(_) => 4,
            Addresses::V6(_) => 16,
        };
        let addresses = HEADER_LEN + self.count as usize * address_len;
        match self.body {
            Body::V2(_) => addresses + v2::AUTH_LEN,
            Body::V3 => addresses,
        }
    }

    /// Writes the message to the start of `buffer` and returns that part of it.
    ///
    /// The checksum of version 3 depends on where the packet goes, and over IPv4 on what the other routers take it to
    /// cover; in version 2, and over IPv6, `checksum` changes nothing. To send the same advertisement again and again, see
    /// [`Prepared`](crate::Prepared).
    ///
    /// # Errors
    ///
    /// - [`EncodeError::BufferTooSmall`] if it has fewer than [`encoded_len`](Self::encoded_len) bytes.
    /// - [`EncodeError::Family`] if the packet is of another IP version than the addresses in it.
    ///
    /// Nothing is written then.
    pub fn encode<'b>(
        &self,
        endpoints: &Endpoints,
        checksum: Checksum,
        buffer: &'b mut [u8],
    ) -> Result<&'b mut [u8], EncodeError> {
        let (needed, available) = (self.encoded_len(), buffer.len());
        let too_small = EncodeError::BufferTooSmall { needed, available };
        let message = buffer.get_mut(..needed).ok_or(too_small)?;
        let header = self.header(endpoints, checksum)?;
        let mut rest = &mut *message;
        for part in self.parts(&header) {
            let (to, after) = rest.split_at_mut_checked(part.len()).ok_or(too_small)?;
            to.copy_from_slice(part);
            rest = after;
        }
        Ok(message)
    }

    /// Appends the message to a [`bytes::BufMut`]; otherwise like [`encode`](Self::encode).
    ///
    /// # Errors
    ///
    /// Those of [`encode`](Self::encode); nothing is written then.
    #[cfg(feature = "bytes")]
    #[cfg_attr(docsrs, doc(cfg(feature = "bytes")))]
    pub fn put(
        &self,
        endpoints: &Endpoints,
        checksum: Checksum,
        buffer: &mut impl bytes::BufMut,
    ) -> Result<(), EncodeError> {
        let (needed, available) = (self.encoded_len(), buffer.remaining_mut());
        if available < needed {
            return Err(EncodeError::BufferTooSmall { needed, available });
        }
        let header = self.header(endpoints, checksum)?;
        self.parts(&header).into_iter().for_each(|part| buffer.put_slice(part));
        Ok(())
    }

    /// Returns the header, its checksum filled in.
    fn header(&self, endpoints: &Endpoints, checksum: Checksum) -> Result<[u8; HEADER_LEN], EncodeError> {
        let (addresses, packet) = (self.addresses.family(), endpoints.family());
        if addresses != packet {
            return Err(EncodeError::Family { addresses, packet });
        }
        let (mut header, besides) = match self.body {
            Body::V2(authentication) => (v2::header(self, authentication), Sum::default()),
            Body::V3 => (v3::header(self), v3::pseudo_header(endpoints, checksum, self.encoded_len())),
        };
        let sum = self.parts(&header).into_iter().fold(besides, Sum::add);
        let [.., high, low] = &mut header;
        [*high, *low] = sum.checksum().to_be_bytes();
        Ok(header)
    }

    /// Returns the message as the runs of bytes it is made of, in their order.
    fn parts<'s>(&'s self, header: &'s [u8; HEADER_LEN]) -> [&'s [u8]; 3] {
        let auth_data: &[u8] = match &self.body {
            Body::V2(authentication) => v2::auth_data(authentication),
            Body::V3 => &[],
        };
        [header, self.addresses.as_bytes(), auth_data]
    }

    /// Returns the same advertisement with another priority.
    #[must_use]
    pub const fn with_priority(self, priority: Priority) -> Self {
        Self { priority, ..self }
    }

    /// Returns the version of the protocol.
    pub const fn version(&self) -> Version {
        match self.body {
            Body::V2(_) => Version::V2,
            Body::V3 => Version::V3,
        }
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

    /// Returns how the sender authenticates itself by the means of version 2; version 3 has none of its own.
    pub const fn authentication(&self) -> Authentication {
        match self.body {
            Body::V2(authentication) => authentication,
            Body::V3 => Authentication::None,
        }
    }
}

impl fmt::Display for Advertisement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vrid, priority, count, .. } = self;
        write!(f, "VRRPv{}, Advertisement, vrid {vrid}, prio {priority}", self.version())?;
        match self.body {
            Body::V2(authentication) => {
                let secs = self.interval.as_secs().unwrap_or_default();
                write!(f, ", authtype {authentication}, intvl {secs}s")?;
            }
            Body::V3 => write!(f, ", intvl {}cs", self.interval.as_centis().unwrap_or_default())?,
        }
        write!(f, ", length {}, addrs", self.encoded_len())?;
        if *count > 1 {
            write!(f, "({count})")?;
        }
        for (at, address) in self.addresses.iter().enumerate() {
            write!(f, "{}{address}", if at == 0 { ": " } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Advertisement<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Returns the checksum field of a message, or nothing where there is none.
pub(crate) fn checksum_field(message: &mut [u8]) -> Option<&mut [u8; 2]> {
    message.get_mut(CHECKSUM_AT..)?.first_chunk_mut()
}
