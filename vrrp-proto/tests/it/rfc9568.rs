//! The clauses of RFC 9568 §5 and §7.1 (and RFC 5798's) that a packet can keep or break by itself.

use std::{
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, Checksum, EncodeError, Endpoints, Family, FieldError,
    HOP_LIMIT, MULTICAST_V4, MULTICAST_V6, Packet, ParseError, Priority, Version, Vrid,
};

use super::{
    SOURCE, SOURCE_V6, VIPS, VIPS_V6, decode, decode_v6, encoded, encoded_for, multicast, packet_v6, secs,
    usual, v3, vrid, with_byte,
};

const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 20);

fn v4() -> Advertisement<'static> {
    v3(Addresses::V4(&VIPS))
}

fn v6() -> Advertisement<'static> {
    v3(Addresses::V6(&VIPS_V6))
}

/// To one peer.
fn unicast() -> Endpoints {
    Endpoints::V4 { source: SOURCE, destination: PEER }
}

#[test]
fn s5_1_1_the_constants_are_the_rfc_s() {
    assert_eq!((MULTICAST_V4, MULTICAST_V6), (Ipv4Addr::new(224, 0, 0, 18), "ff02::12".parse().unwrap()));
    assert_eq!((HOP_LIMIT, vrrp_proto::PROTOCOL), (255, 112));
}

#[test]
fn s5_1_1_3_a_forwarded_packet_is_refused_before_all_else() {
    let message = encoded(&v4());
    for hop_limit in 0..255 {
        let refused = Err(ParseError::HopLimit(hop_limit));
        assert_eq!(Packet::new(multicast(Family::V4), hop_limit, &message).decode(), refused);
        assert_eq!(Packet::new(multicast(Family::V4), hop_limit, b"soup").decode(), refused);
        assert_eq!(Packet::new(multicast(Family::V6), hop_limit, &encoded(&v6())).decode(), refused);
    }
    // What a peer has sent to this router alone is for the rules to judge.
    let message = encoded_for(&v4(), &unicast(), Checksum::PseudoHeader);
    assert!(Packet::new(unicast(), 64, &message).decode().is_ok());
}

#[test]
fn s5_1_lays_the_packet_out() {
    let message = encoded(&v4());
    assert_eq!(message[..6], [0x31, 10, 200, 2, 0, 100]);
    assert_eq!(message[8..], [192, 0, 2, 1, 192, 0, 2, 2]);

    let message = encoded(&v6());
    assert_eq!(message[..6], [0x31, 10, 200, 2, 0, 100]);
    assert_eq!(message[8..], VIPS_V6.concat());
}

#[test]
fn s5_2_2_any_other_type_is_refused() {
    for kind in (0..16).filter(|kind| *kind != 1) {
        assert_eq!(decode(&with_byte(encoded(&v4()), 0, 0x30 | kind)), Err(ParseError::Type(kind)));
        assert_eq!(decode_v6(&with_byte(encoded(&v6()), 0, 0x30 | kind)), Err(ParseError::Type(kind)));
    }
}

#[test]
fn s5_2_3_vrid_0_is_refused() {
    assert_eq!(decode(&with_byte(encoded(&v4()), 1, 0)), Err(ParseError::Vrid));
}

#[test]
fn s5_2_5_no_addresses_are_refused() {
    assert_eq!(decode(&with_byte(encoded(&v4())[..8].to_vec(), 3, 0)), Err(ParseError::NoAddresses));
    assert_eq!(decode_v6(&with_byte(encoded(&v6())[..8].to_vec(), 3, 0)), Err(ParseError::NoAddresses));
}

#[test]
fn s5_2_5_up_to_255_addresses_are_carried() {
    let list: Vec<_> = (0..=254).map(|last| Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last).octets()).collect();
    let advertisement = v3(Addresses::V6(&list));
    let message = encoded(&advertisement);
    assert_eq!(message.len(), Advertisement::MAX_LEN);
    assert_eq!(decode_v6(&message).unwrap().advertisement, advertisement);
}

#[test]
fn s5_2_6_the_reserved_bits_are_zero_on_transmit_and_ignored_on_receipt() {
    let message = encoded(&v4());
    assert_eq!(message[4] >> 4, 0);
    let message = with_byte(message, 4, 0xf0);
    assert_eq!(decode(&message).unwrap().advertisement, v4());
}

#[test]
fn s5_2_7_the_interval_has_twelve_bits_of_centiseconds_and_is_not_0() {
    for centis in [1, 25, 100, 4095] {
        let interval = AdvertInterval::from_centis(centis).unwrap();
        let addresses = Addresses::V4(&VIPS);
        let message = encoded(&Advertisement::v3(vrid(), Priority::DEFAULT, interval, addresses).unwrap());
        assert_eq!(message[4..6], centis.to_be_bytes());
        let read = decode(&message).unwrap().advertisement.interval();
        assert_eq!((read, read.as_duration()), (interval, Duration::from_millis(10) * centis.into()));
    }
    let zero = with_byte(encoded(&v4()), 5, 0);
    assert_eq!(decode(&zero), Err(ParseError::Interval));
    for centis in [0, 4096, u16::MAX] {
        let interval = Duration::from_millis(10) * centis.into();
        assert_eq!(AdvertInterval::from_centis(centis), Err(FieldError::AdvertInterval { interval }));
    }
}

#[test]
fn s5_2_7_version_3_does_not_carry_every_interval_of_version_2() {
    let of = |secs_| Advertisement::v3(vrid(), Priority::DEFAULT, secs(secs_), Addresses::V4(&VIPS));
    assert!(of(40).is_ok());
    let interval = Duration::from_secs(41);
    assert_eq!(of(41), Err(FieldError::IntervalOfVersion { interval, version: Version::V3 }));
}

#[test]
fn an_interval_is_taken_from_a_duration_only_if_a_packet_carries_it_exactly() {
    let taken =
        |millis| AdvertInterval::try_from(Duration::from_millis(millis)).map(AdvertInterval::as_duration);
    for millis in [10, 250, 1000, 40_950, 41_000, 255_000] {
        assert_eq!(taken(millis), Ok(Duration::from_millis(millis)));
    }
    for millis in [0, 5, 1001, 40_955, 41_500, 256_000, u64::MAX] {
        assert!(taken(millis).is_err(), "{millis}");
    }
}

#[test]
fn s5_2_8_each_form_of_the_checksum_is_written_and_recognised() {
    for checksum in [Checksum::PseudoHeader, Checksum::MessageOnly, Checksum::OldUnicast] {
        let message = encoded_for(&v4(), &unicast(), checksum);
        let decoded = Packet::new(unicast(), 255, &message).decode().unwrap();
        assert_eq!((decoded.advertisement, decoded.checksum), (v4(), checksum));
    }
    // Its old form covers the group that a packet to one peer was not sent to; sent to the group, it is the new form.
    let old = encoded_for(&v4(), &unicast(), Checksum::OldUnicast);
    assert_eq!(decode(&old).unwrap().checksum, Checksum::PseudoHeader);
    assert_eq!(old, encoded_for(&v4(), &multicast(Family::V4), Checksum::OldUnicast));
}

#[test]
fn s5_2_8_the_old_form_is_for_what_was_sent_to_one_peer() {
    let group = Endpoints::V4 { source: SOURCE, destination: Ipv4Addr::new(224, 0, 0, 19) };
    let old = encoded_for(&v4(), &unicast(), Checksum::OldUnicast);
    assert!(matches!(Packet::new(group, 255, &old).decode(), Err(ParseError::Checksum { .. })));
}

/// Summed by hand: more bytes than one holds, so that the length in the pseudo header has two.
#[test]
fn s5_2_8_the_pseudo_header_has_the_whole_length() {
    let list = [[10, 0, 0, 1]; 255];
    let message = encoded(&v3(Addresses::V4(&list)));
    let length = (message.len() as u16).to_be_bytes();
    let pseudo_header = [&SOURCE.octets()[..], &[224, 0, 0, 18, 0, 112], &length].concat();
    assert_eq!(super::sum(&[pseudo_header, message].concat()), 0xffff);
}

#[test]
fn s5_2_8_ipv6_has_the_pseudo_header_whatever_is_asked_for() {
    for checksum in [Checksum::MessageOnly, Checksum::OldUnicast] {
        assert_eq!(encoded_for(&v6(), &multicast(Family::V6), checksum), encoded(&v6()));
    }
    let message_only = with_byte(encoded(&v6()), 2, 200);
    assert!(matches!(decode_v6(&message_only), Err(ParseError::Checksum { .. })));
}

#[test]
fn s5_2_8_the_pseudo_header_covers_both_addresses() {
    let message = encoded(&v6());
    let source = "fe80::252".parse().unwrap();
    for endpoints in [
        Endpoints::V6 { source, destination: MULTICAST_V6 },
        Endpoints::V6 { source: SOURCE_V6, destination: "ff02::13".parse().unwrap() },
    ] {
        let refused = Packet::new(endpoints, 255, &message).decode();
        assert!(matches!(refused, Err(ParseError::Checksum { .. })), "{refused:?}");
    }
}

#[test]
fn s5_2_8_a_wrong_checksum_is_reported_with_the_right_one() {
    for (message, is_v6) in [(encoded(&v4()), false), (encoded(&v6()), true)] {
        let right = u16::from_be_bytes([message[6], message[7]]);
        for found in [0, 1, 0xffff, right ^ 0x8000] {
            let mut message = message.clone();
            message[6..8].copy_from_slice(&found.to_be_bytes());
            let decoded = if is_v6 { decode_v6(&message) } else { decode(&message) };
            assert_eq!(decoded, Err(ParseError::Checksum { found, computed: right }));
        }
    }
}

#[test]
fn s5_2_9_the_addresses_are_of_the_packet_s_family() {
    let refused = |advertisement: Advertisement<'_>, packet: Family| {
        let error = advertisement.encode(&multicast(packet), Checksum::default(), &mut [0; 64]).unwrap_err();
        assert_eq!(error, EncodeError::Family { addresses: advertisement.addresses().family(), packet });
    };
    refused(v4(), Family::V6);
    refused(usual(), Family::V6);
    refused(v6(), Family::V4);
    // One address of IPv6 is as long as four of IPv4: the count tells them apart.
    let one_v6 = encoded(&v3(Addresses::V6(&VIPS_V6[..1])));
    assert_eq!(decode(&one_v6), Err(ParseError::Length { expected: 12, actual: 24 }));
}

#[test]
fn version_2_does_not_exist_over_ipv6() {
    assert_eq!(packet_v6(&encoded(&usual())).decode(), Err(ParseError::V2OverIpv6));
}

#[test]
fn s7_1_any_length_but_the_right_one_is_refused() {
    for (message, is_v6) in [(encoded(&v4()), false), (encoded(&v6()), true)] {
        let decode = |bytes: &[u8]| if is_v6 { decode_v6(bytes).map(drop) } else { decode(bytes).map(drop) };
        for len in 0..message.len() {
            let refused = match len {
                0..8 => ParseError::Truncated { len },
                _ => ParseError::Length { expected: message.len(), actual: len },
            };
            assert_eq!(decode(&message[..len]), Err(refused));
        }
        for excess in 1..=64 {
            let mut longer = message.clone();
            longer.resize(message.len() + excess, 0);
            let (expected, actual) = (message.len(), longer.len());
            assert_eq!(decode(&longer), Err(ParseError::Length { expected, actual }));
        }
    }
}

#[test]
fn s7_3_the_virtual_mac_is_made_of_family_and_vrid() {
    let vrid = Vrid::new(0xab).unwrap();
    assert_eq!(vrid.virtual_mac(Family::V4), [0x00, 0x00, 0x5e, 0x00, 0x01, 0xab]);
    assert_eq!(vrid.virtual_mac(Family::V6), [0x00, 0x00, 0x5e, 0x00, 0x02, 0xab]);
}
