//! Properties over all advertisements and over all bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::prelude::*;
use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, Authentication, Checksum, Decoded, Endpoints, Packet, Password,
    Prepared, Priority, Version, Vrid,
};

use super::{encoded_for, with_byte};

/// What an advertisement borrows and all that it is made of.
#[derive(Clone, Debug)]
struct Recipe {
    vrid: u8,
    priority: u8,
    list: List,
    endpoints: Endpoints,
    checksum: Checksum,
}

#[derive(Clone, Debug)]
enum List {
    V2 { secs: u8, authentication: Authentication, addresses: Vec<[u8; 4]> },
    V3 { centis: u16, addresses: Vec<[u8; 4]> },
    V6 { centis: u16, addresses: Vec<[u8; 16]> },
}

impl Recipe {
    fn advertisement(&self) -> Advertisement<'_> {
        let (vrid, priority) = (Vrid::new(self.vrid).unwrap(), Priority::new(self.priority));
        let centis = |centis| AdvertInterval::from_centis(centis).unwrap();
        let advertisement = match &self.list {
            List::V2 { secs, authentication, addresses } => {
                let interval = AdvertInterval::from_secs(*secs).unwrap();
                Advertisement::v2(vrid, priority, interval, Addresses::V4(addresses), *authentication)
            }
            List::V3 { centis: interval, addresses } => {
                Advertisement::v3(vrid, priority, centis(*interval), Addresses::V4(addresses))
            }
            List::V6 { centis: interval, addresses } => {
                Advertisement::v3(vrid, priority, centis(*interval), Addresses::V6(addresses))
            }
        };
        advertisement.unwrap()
    }

    fn message(&self) -> Vec<u8> {
        encoded_for(&self.advertisement(), &self.endpoints, self.checksum)
    }
}

fn recipe() -> impl Strategy<Value = Recipe> {
    let authentication = prop_oneof![
        Just(Authentication::None),
        any::<[u8; 8]>().prop_map(|wire| Authentication::SimpleText(Password::from_wire(wire))),
    ];
    let v4 = || prop::collection::vec(any::<[u8; 4]>(), 1..=255);
    let list = prop_oneof![
        (1u8.., authentication, v4()).prop_map(|(secs, authentication, addresses)| List::V2 {
            secs,
            authentication,
            addresses
        }),
        (1u16..4096, v4()).prop_map(|(centis, addresses)| List::V3 { centis, addresses }),
        (1u16..4096, prop::collection::vec(any::<[u8; 16]>(), 1..=255))
            .prop_map(|(centis, addresses)| List::V6 { centis, addresses }),
    ];
    let checksum =
        prop_oneof![Just(Checksum::PseudoHeader), Just(Checksum::MessageOnly), Just(Checksum::OldUnicast)];
    let ends = (any::<[u8; 4]>(), any::<[u8; 4]>(), any::<[u8; 16]>(), any::<[u8; 16]>(), any::<bool>());
    (1u8.., any::<u8>(), list, checksum, ends).prop_map(|(vrid, priority, list, checksum, ends)| {
        let (source, destination, source_v6, destination_v6, is_multicast) = ends;
        let (source, destination): (IpAddr, IpAddr) = match list {
            List::V2 { .. } | List::V3 { .. } => (source.into(), destination.into()),
            List::V6 { .. } => (source_v6.into(), destination_v6.into()),
        };
        let endpoints = match is_multicast {
            true => Endpoints::multicast(source),
            false => Endpoints::new(source, destination).unwrap(),
        };
        Recipe { vrid, priority, list, endpoints, checksum }
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(recipe in recipe()) {
        let advertisement = recipe.advertisement();
        let message = recipe.message();
        prop_assert_eq!(message.len(), advertisement.encoded_len());
        let decoded = Packet::new(recipe.endpoints, 255, &message).decode().unwrap();
        prop_assert_eq!(decoded.advertisement, advertisement);
        prop_assert_eq!(encoded_for(&decoded.advertisement, &recipe.endpoints, decoded.checksum), &*message);
        // Where two forms have the same sum, the first one that fits is named.
        let is_certain = advertisement.version() == Version::V3 && recipe.checksum == Checksum::PseudoHeader;
        prop_assert!(!is_certain || decoded.checksum == Checksum::PseudoHeader);
    }

    /// What was flipped is seen: the packet is refused, or it is another advertisement, or its checksum covers something else.
    #[test]
    fn one_wrong_bit_never_goes_unnoticed(recipe in recipe(), bit in any::<prop::sample::Index>()) {
        let mut message = recipe.message();
        let was = Packet::new(recipe.endpoints, 255, &message).decode().unwrap();
        let was = (was.advertisement.to_string(), was.advertisement.authentication(), was.checksum);
        let bit = bit.index(message.len() * 8);
        message[bit / 8] ^= 1 << (bit % 8);
        if let Ok(Decoded { advertisement, checksum, .. }) = Packet::new(recipe.endpoints, 255, &message).decode() {
            prop_assert_ne!((advertisement.to_string(), advertisement.authentication(), checksum), was);
        }
    }

    /// (Of a message with a trailer, there is one prefix that is not: the message.)
    #[test]
    fn every_prefix_is_refused(recipe in recipe()) {
        let message = recipe.message();
        for len in 0..message.len() {
            prop_assert!(Packet::new(recipe.endpoints, 255, &message[..len]).decode().is_err());
        }
    }

    #[test]
    fn a_patched_priority_is_as_good_as_a_written_one(recipe in recipe(), priorities: [u8; 4]) {
        let advertisement = recipe.advertisement();
        let buffer = vec![0; advertisement.encoded_len()];
        let mut prepared = Prepared::new(&advertisement, &recipe.endpoints, recipe.checksum, buffer).unwrap();
        for priority in priorities.map(Priority::new) {
            prepared.set_priority(priority);
            let written = encoded_for(&advertisement.with_priority(priority), &recipe.endpoints, recipe.checksum);
            prop_assert_eq!(prepared.as_bytes(), written);
        }
    }

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..1100), is_v6: bool) {
        let source = if is_v6 { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
        check(&Packet::new(Endpoints::multicast(source), 255, &bytes));
        if let Ok(packet) = Packet::from_ipv4(&bytes) {
            check(&packet);
        }
    }

    /// Random bytes hardly ever get past the first checks; a header that does not contradict itself does.
    #[test]
    fn likely_bytes_are_survived(
        version in 2u8..=3,
        count in 0u8..6,
        auth_type in 0u8..4,
        body in prop::collection::vec(any::<u8>(), 80..100),
        excess in prop_oneof![Just(0), Just(1), Just(28)],
    ) {
        let rest = if version == 2 { 8 } else { 0 };
        let mut message = body[..8 + usize::from(count) * 4 + rest + excess].to_vec();
        (message[0], message[3], message[4]) = (version << 4 | 1, count, auth_type);
        let pdu = message.len() - if excess == 28 { 28 } else { 0 };
        let trailer = message.split_off(pdu);
        let message = [with_byte(message, 0, version << 4 | 1), trailer].concat();
        check(&Packet::new(Endpoints::multicast(Ipv4Addr::LOCALHOST.into()), 255, &message));
    }
}

/// What is read from whatever bytes can be written, and is read again as the same.
fn check(packet: &Packet<'_>) {
    let Ok(decoded) = packet.decode() else { return };
    let again = encoded_for(&decoded.advertisement, &packet.endpoints(), decoded.checksum);
    assert!(again.len() <= packet.message().len());
    let again = Packet::new(packet.endpoints(), packet.hop_limit(), &again).decode();
    // Type 2 needs its header, which is not written here.
    if decoded.advertisement.authentication() != Authentication::Header {
        assert_eq!(again.unwrap().advertisement, decoded.advertisement);
    }
}
