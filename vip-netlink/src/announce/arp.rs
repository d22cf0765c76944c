//! Gratuitous ARP: the announcement of RFC 5227 §2.3, or the reply of RFC 5944 §4.6, in an Ethernet frame.

use std::net::Ipv4Addr;

use etherparse::{ArpEthIpv4Packet, ArpOperation, EtherType, Ethernet2Header};

/// The kind of ARP packet that announces an IPv4 address: its sender and target are both the address.
///
/// By the RFCs hosts take either, but there is equipment that heeds one of them alone.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ArpForm {
    /// A request, its target hardware address zero (RFC 5227 §2.3).
    #[default]
    Request,
    /// A reply, its target hardware address that of the sender (RFC 5944 §4.6).
    ///
    /// With another one Linux takes it for an answer to somebody else, and ignores it while what it knows is less than a
    /// second old.
    Reply,
    /// A request and then a reply: two frames for each announcement.
    Both,
}

/// Everybody.
pub(super) const DESTINATION: [u8; 6] = [0xff; 6];

pub(super) const FRAME_LEN: usize = 60;

/// A frame that lacks only the address.
#[derive(Copy, Clone, Debug)]
pub(super) struct Template([u8; FRAME_LEN]);

impl Template {
    pub(super) fn request(hardware_address: [u8; 6]) -> Self {
        Self::new(ArpOperation::REQUEST, hardware_address, [0; 6])
    }

    pub(super) fn reply(hardware_address: [u8; 6]) -> Self {
        Self::new(ArpOperation::REPLY, hardware_address, hardware_address)
    }

    /// Builds the frame, padded with zeros to Ethernet's minimum (without the frame check sequence).
    fn new(operation: ArpOperation, sender_mac: [u8; 6], target_mac: [u8; 6]) -> Self {
        let ethernet =
            Ethernet2Header { destination: DESTINATION, source: sender_mac, ether_type: EtherType::ARP };
        let (sender_ipv4, target_ipv4) = ([0; 4], [0; 4]);
        let arp = ArpEthIpv4Packet { operation, sender_mac, sender_ipv4, target_mac, target_ipv4 };
        let mut frame = [0; FRAME_LEN];
        let bytes = ethernet.to_bytes().into_iter().chain(arp.to_bytes());
        frame.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
        Self(frame)
    }

    /// Returns the frame that announces an address.
    pub(super) fn of(&self, ip: Ipv4Addr) -> [u8; FRAME_LEN] {
        let Self(mut frame) = *self;
        frame[28..32].copy_from_slice(&ip.octets()); // sender
        frame[38..42].copy_from_slice(&ip.octets()); // target
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_for_and_from_the_address() {
        let frame = Template::request(MAC).of(Ipv4Addr::new(10, 0, 0, 9));

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

    #[test]
    fn the_reply_has_the_sender_for_a_target() {
        let frame = Template::reply(MAC).of(Ipv4Addr::new(10, 0, 0, 9));

        #[rustfmt::skip]
        let expected = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  2, 0, 0, 0, 0, 1,  0x08, 0x06,
            0, 1,  0x08, 0x00,  6, 4,  0, 2,
            2, 0, 0, 0, 0, 1,  10, 0, 0, 9,
            2, 0, 0, 0, 0, 1,  10, 0, 0, 9,
        ];
        assert_eq!(frame[..42], expected);
        assert_eq!(frame[42..], [0; 18]);
    }

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
}
