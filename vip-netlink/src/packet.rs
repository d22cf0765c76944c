#[cfg(feature = "tokio")]
use std::ops::Range;
use std::{net::IpAddr, time::SystemTime};

use etherparse::Ipv4HeaderSlice;

/// A received packet: what its IP header says, and what follows it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packet<'a> {
    /// The sender's address.
    pub source: IpAddr,
    /// The group, or the address of this host it was sent to.
    pub destination: IpAddr,
    /// The hop limit, IPv4's time to live, as it arrived: 255 proves that no router passed it on.
    pub hop_limit: u8,
    /// The index of the interface it came in on.
    pub interface: u32,
    /// When the kernel received it, by the system's clock, which may be set at any time: for the delay until it was read
    /// rather than for deadlines. `None` where the kernel does not say. For a few milliseconds after the first socket of
    /// the host asked for it, this is when the packet was read.
    pub received_at: Option<SystemTime>,
    /// What follows the IP header and its options or extension headers.
    pub bytes: &'a [u8],
    /// The whole datagram from the IP header on; `None` over IPv6, whose header the kernel keeps to itself.
    pub datagram: Option<&'a [u8]>,
}

impl<'a> Packet<'a> {
    /// Reads a datagram of a raw IPv4 socket.
    pub(crate) fn from_ipv4(
        datagram: &'a [u8],
        interface: u32,
        received_at: Option<SystemTime>,
    ) -> Option<Self> {
        let header = Ipv4HeaderSlice::from_slice(datagram).ok()?;
        Some(Self {
            source: header.source_addr().into(),
            destination: header.destination_addr().into(),
            hop_limit: header.ttl(),
            interface,
            received_at,
            bytes: datagram.get(header.slice().len()..)?,
            datagram: Some(datagram),
        })
    }

    /// Lets go of the buffer: what is known of the packet, to be put together again with the same buffer.
    #[cfg(feature = "tokio")]
    pub(crate) fn detach(&self, buffer: *const u8) -> Detached {
        let range = |bytes: &[u8]| {
            let start = (bytes.as_ptr() as usize).wrapping_sub(buffer as usize);
            start..start.wrapping_add(bytes.len())
        };
        Detached {
            source: self.source,
            destination: self.destination,
            hop_limit: self.hop_limit,
            interface: self.interface,
            received_at: self.received_at,
            bytes: range(self.bytes),
            datagram: self.datagram.map(range),
        }
    }
}

/// A packet without its buffer.
#[cfg(feature = "tokio")]
#[derive(Clone, Debug)]
pub(crate) struct Detached {
    source: IpAddr,
    destination: IpAddr,
    hop_limit: u8,
    interface: u32,
    received_at: Option<SystemTime>,
    bytes: Range<usize>,
    datagram: Option<Range<usize>>,
}

#[cfg(feature = "tokio")]
impl Detached {
    pub(crate) fn attach(self, buffer: &[u8]) -> Packet<'_> {
        let part = |range| buffer.get(range).unwrap_or_default();
        let Self { source, destination, hop_limit, interface, received_at, bytes, datagram } = self;
        let (bytes, datagram) = (part(bytes), datagram.map(part));
        Packet { source, destination, hop_limit, interface, received_at, bytes, datagram }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn a_bad_ip_header_is_no_packet() {
        let short = [0x45; 19];
        let version_6 = [0x65; 40];
        let header_of_four_words = [0x44; 40];
        let header_longer_than_the_packet = [0x4f; 40];

        let bad: [&[u8]; 5] =
            [&[], &short, &version_6, &header_of_four_words, &header_longer_than_the_packet];
        for datagram in bad {
            assert_eq!(Packet::from_ipv4(datagram, 1, None), None, "{datagram:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in vec(any::<u8>(), 0..100)) {
            let _ = Packet::from_ipv4(&bytes, 1, None);
        }

        #[test]
        fn the_payload_begins_after_the_header(words in 5_u8..=15, options in any::<[u8; 40]>(), payload: Vec<u8>) {
            let header_len = usize::from(words) * 4;
            let mut datagram = vec![0x40 | words, 0, 0, 0, 0, 0, 0, 0, 255, 112, 0, 0, 10, 0, 0, 1, 224, 0, 0, 18];
            datagram.extend(&options[..header_len - 20]);
            datagram.extend(&payload);

            let packet = Packet::from_ipv4(&datagram, 3, Some(SystemTime::UNIX_EPOCH)).unwrap();

            let [source, destination] = [[10, 0, 0, 1], [224, 0, 0, 18]].map(IpAddr::from);
            let (received_at, datagram) = (Some(SystemTime::UNIX_EPOCH), Some(&datagram[..]));
            let expected =
                Packet { source, destination, hop_limit: 255, interface: 3, received_at, bytes: &payload, datagram };
            prop_assert_eq!(packet, expected);
        }
    }
}
