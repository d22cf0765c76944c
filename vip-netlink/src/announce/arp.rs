//! Gratuitous ARP: the announcement of RFC 5227 §2.3 in an Ethernet frame.

use std::net::Ipv4Addr;

use etherparse::{ArpEthIpv4Packet, ArpOperation, EtherType, Ethernet2Header};

/// Everybody.
pub(super) const DESTINATION: [u8; 6] = [0xff; 6];

/// Builds the frame, padded with zeros to Ethernet's minimum (without the frame check sequence).
pub(super) fn announcement(hardware_address: [u8; 6], ip: Ipv4Addr) -> [u8; FRAME_LEN] {
    let ethernet =
        Ethernet2Header { destination: DESTINATION, source: hardware_address, ether_type: EtherType::ARP };
    let arp = ArpEthIpv4Packet {
        operation: ArpOperation::REQUEST,
        sender_mac: hardware_address,
        sender_ipv4: ip.octets(),
        target_mac: [0; 6],
        target_ipv4: ip.octets(),
    };
    let mut frame = [0; FRAME_LEN];
    let bytes = ethernet.to_bytes().into_iter().chain(arp.to_bytes());
    frame.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    frame
}

const FRAME_LEN: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_is_an_arp_request_for_and_from_the_address() {
        let frame = announcement([2, 0, 0, 0, 0, 1], Ipv4Addr::new(10, 0, 0, 9));

        #[rustfmt::skip]
        let expected = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  2, 0, 0, 0, 0, 1,  0x08, 0x06,
            0, 1,  0x08, 0x00,  6, 4,  0, 1,
            2, 0, 0, 0, 0, 1,  10, 0, 0, 9,
            0, 0, 0, 0, 0, 0,  10, 0, 0, 9,
        ];
        assert_eq!(frame[..42], expected);
        assert_eq!(frame[42..], [0; 18]);
    }
}
