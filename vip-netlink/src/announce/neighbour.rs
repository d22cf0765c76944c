//! Unsolicited neighbour advertisements: ICMPv6 in an Ethernet frame.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   Type 136    |    Code 0     |           Checksum            |  RFC 4861 §4.4
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |R|S|O|                      Reserved                           |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                  Target Address (16 bytes)                    |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   Option 2    |   Length 1    |  target's hardware address    |  RFC 4861 §4.6.1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+                               +
//! |                                                               |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```

use std::net::Ipv6Addr;

use etherparse::{
    EtherType, Ethernet2Header, Icmpv6Header, Icmpv6Type, IpNumber, Ipv6Header,
    icmpv6::NeighborAdvertisementHeader,
};

use crate::link::Ipv6Role;

/// All nodes, as ff02::1 is mapped to Ethernet (RFC 2464 §7).
pub(super) const DESTINATION: [u8; 6] = [0x33, 0x33, 0, 0, 0, 1];

pub(super) const FRAME_LEN: usize = Ethernet2Header::LEN + Ipv6Header::LEN + ICMP_LEN + PAYLOAD_LEN;

/// A frame that lacks only the address.
#[derive(Copy, Clone, Debug)]
pub(super) struct Template {
    frame: [u8; FRAME_LEN],
    /// The sum of what the checksum covers but for the address, which adds to it twice.
    sum: u32,
}

impl Template {
    pub(super) fn new(hardware_address: [u8; 6], role: Ipv6Role) -> Self {
        let (frame, checksum) = advertisement(hardware_address, Ipv6Addr::UNSPECIFIED, role);
        Self { frame, sum: u32::from(!checksum) }
    }

    /// Returns the frame that announces an address.
    pub(super) fn of(&self, ip: Ipv6Addr) -> [u8; FRAME_LEN] {
        let sum = self.sum + 2 * ip.segments().into_iter().map(u32::from).sum::<u32>();
        // The sum of RFC 1071 in ones' complement: what is carried out is added again, and what that carries.
        let sum = (sum & 0xffff) + (sum >> 16);
        let checksum = !((sum & 0xffff) + (sum >> 16)) as u16;
        let mut frame = self.frame;
        frame[22..38].copy_from_slice(&ip.octets()); // source
        frame[56..58].copy_from_slice(&checksum.to_be_bytes());
        frame[62..78].copy_from_slice(&ip.octets()); // target
        frame
    }
}

/// Builds the frame, and tells its checksum.
fn advertisement(hardware_address: [u8; 6], ip: Ipv6Addr, role: Ipv6Role) -> ([u8; FRAME_LEN], u16) {
    let ethernet =
        Ethernet2Header { destination: DESTINATION, source: hardware_address, ether_type: EtherType::IPV6 };
    let header = Ipv6Header {
        payload_length: (ICMP_LEN + PAYLOAD_LEN) as u16,
        next_header: IpNumber::IPV6_ICMP,
        hop_limit: 255, // Anything less is dropped (RFC 4861 §7.1.2).
        source: ip.octets(),
        destination: ALL_NODES.octets(),
        ..Ipv6Header::default()
    };
    let mut payload = [0; PAYLOAD_LEN];
    let option = [TARGET_LINK_LAYER_ADDRESS, 1].into_iter().chain(hardware_address);
    payload.iter_mut().zip(ip.octets().into_iter().chain(option)).for_each(|(place, byte)| *place = byte);
    let kind = Icmpv6Type::NeighborAdvertisement(NeighborAdvertisementHeader {
        router: role == Ipv6Role::Router,
        solicited: false, // Set, receivers would drop it, since it goes to a group (RFC 4861 §7.1.2).
        r#override: true,
    });
    // Too long a payload is the only error.
    let checksum = kind.calc_checksum(header.source, header.destination, &payload).unwrap_or_default();

    let mut frame = [0; FRAME_LEN];
    let bytes = ethernet.to_bytes().into_iter().chain(header.to_bytes());
    let bytes = bytes.chain(Icmpv6Header { icmp_type: kind, checksum }.to_bytes()).chain(payload);
    frame.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    (frame, checksum)
}

const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const TARGET_LINK_LAYER_ADDRESS: u8 = 2;
const ICMP_LEN: usize = 8;
/// Target address and option.
const PAYLOAD_LEN: usize = 16 + 8;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_frame_is_an_unsolicited_neighbour_advertisement() {
        let ip = "2001:db8::9".parse().unwrap();

        let frame = Template::new(MAC, Ipv6Role::Router).of(ip);

        #[rustfmt::skip]
        let expected = [
            0x33, 0x33, 0, 0, 0, 1,  2, 0, 0, 0, 0, 1,  0x86, 0xdd,
            0x60, 0, 0, 0,  0, 32,  58,  255,
            0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, // source
            0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, // destination
            136, 0,  frame[56], frame[57],  0xa0, 0, 0, 0, // Router and Override
            0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, // target
            2, 1,  2, 0, 0, 0, 0, 1, // its hardware address
        ];
        assert_eq!(frame, expected);
        assert_eq!(sum_with_pseudo_header(&frame), 0xffff);
    }

    #[test]
    fn a_host_does_not_set_the_router_flag() {
        let ip = "fe80::9".parse().unwrap();

        let frame = Template::new(MAC, Ipv6Role::Host).of(ip);

        assert_eq!(frame[58], 0x20, "Override alone");
        assert_eq!(sum_with_pseudo_header(&frame), 0xffff);
    }

    proptest! {
        #[test]
        fn what_is_patched_is_what_would_be_built(mac: [u8; 6], bits: u128) {
            let ip = Ipv6Addr::from_bits(bits);

            let patched = Template::new(mac, Ipv6Role::Router).of(ip);

            prop_assert_eq!(patched, advertisement(mac, ip, Ipv6Role::Router).0);
        }
    }

    /// The sum of RFC 8200 §8.1 over the addresses, the length, the protocol and the message: all ones if it is right.
    fn sum_with_pseudo_header(frame: &[u8]) -> u32 {
        let words = frame[22..].chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
        let sum = words.sum::<u32>() + 32 + 58;
        (sum & 0xffff) + (sum >> 16)
    }

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
}
