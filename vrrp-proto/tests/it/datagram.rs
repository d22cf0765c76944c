//! Whole datagrams of IPv4: what is around a message is taken off with care.

use std::net::Ipv4Addr;

use vrrp_proto::{Endpoints, Packet, ParseError};

use super::{SOURCE, encoded, usual};

/// An IPv4 header of so many words in front of a message; its checksum is nobody's business here.
fn datagram(words: u8, message: &[u8]) -> Vec<u8> {
    let header_len = usize::from(words) * 4;
    let mut datagram = vec![0; header_len];
    let total = (header_len + message.len()) as u16;
    datagram[0] = 0x40 | words;
    datagram[2..4].copy_from_slice(&total.to_be_bytes());
    (datagram[8], datagram[9]) = (255, 112);
    datagram[12..16].copy_from_slice(&SOURCE.octets());
    datagram[16..20].copy_from_slice(&[224, 0, 0, 18]);
    datagram.extend_from_slice(message);
    datagram
}

fn with(at: usize, value: u8) -> Vec<u8> {
    let mut datagram = datagram(5, &encoded(&usual()));
    datagram[at] = value;
    datagram
}

#[test]
fn a_datagram_is_taken_apart_with_every_length_of_options() {
    for words in 5..=15 {
        let datagram = datagram(words, &encoded(&usual()));
        let packet = Packet::from_ipv4(&datagram).unwrap();
        let destination = Ipv4Addr::new(224, 0, 0, 18);
        assert_eq!(packet.endpoints(), Endpoints::V4 { source: SOURCE, destination });
        assert_eq!(
            (packet.hop_limit(), packet.message(), packet.has_ah()),
            (255, &*encoded(&usual()), false)
        );
        assert_eq!(packet.decode().unwrap().advertisement, usual());
    }
}

#[test]
fn ethernet_s_padding_is_cut_off() {
    for padding in 0..=26 {
        let mut datagram = datagram(5, &encoded(&usual()));
        datagram.resize(datagram.len() + padding, 0xaa);
        assert_eq!(Packet::from_ipv4(&datagram).unwrap().decode().unwrap().advertisement, usual());
    }
}

#[test]
fn what_is_no_ipv4_header_is_refused() {
    let good = with(0, 0x45);
    for len in 0..20 {
        assert_eq!(Packet::from_ipv4(&good[..len]), Err(ParseError::IpHeader));
    }
    for first in [0x05, 0x44, 0x40, 0x65] {
        assert_eq!(Packet::from_ipv4(&with(0, first)), Err(ParseError::IpHeader));
    }
    let options_cut = &datagram(15, &[])[..40];
    assert_eq!(Packet::from_ipv4(options_cut), Err(ParseError::IpHeader));
}

#[test]
fn a_total_length_that_cannot_be_is_refused() {
    let available = 44;
    for total in [0, 19, 45, 255] {
        let refused = ParseError::IpLength { total: total.into(), available };
        assert_eq!(Packet::from_ipv4(&with(3, total)), Err(refused));
    }
    let empty = with(3, 20);
    assert_eq!(Packet::from_ipv4(&empty).unwrap().decode(), Err(ParseError::Truncated { len: 0 }));
}

#[test]
fn what_is_not_vrrp_is_not_looked_at_further() {
    let mut stranger = with(9, 6);
    (stranger[3], stranger[6]) = (255, 0x20);
    assert_eq!(Packet::from_ipv4(&stranger), Err(ParseError::Protocol(6)));
}

#[test]
fn fragments_are_refused_and_dont_fragment_is_not() {
    for (at, value) in [(6, 0x20), (6, 0x1f), (7, 0x01), (7, 0xff)] {
        assert_eq!(Packet::from_ipv4(&with(at, value)), Err(ParseError::Fragment));
    }
    assert!(Packet::from_ipv4(&with(6, 0x40)).is_ok());
}

#[test]
fn any_other_protocol_is_refused() {
    for protocol in (0..=255).filter(|protocol| ![51, 112].contains(protocol)) {
        assert_eq!(Packet::from_ipv4(&with(9, protocol)), Err(ParseError::Protocol(protocol)));
    }
}

#[test]
fn an_authentication_header_that_is_none_is_refused() {
    let ah = |next_header, len| {
        let mut message = vec![0; 24];
        (message[0], message[1]) = (next_header, len);
        message.extend_from_slice(&encoded(&usual()));
        let mut datagram = datagram(5, &message);
        datagram[9] = 51;
        datagram
    };
    for len in [0, 3, 5] {
        assert_eq!(Packet::from_ipv4(&ah(112, len)), Err(ParseError::AhHeader));
    }
    // IPsec of somebody else's.
    for next_header in [6, 17, 51] {
        assert_eq!(Packet::from_ipv4(&ah(next_header, 4)), Err(ParseError::Protocol(next_header)));
    }
    let mut short = datagram(5, &ah(112, 4)[20..43]);
    short[9] = 51;
    assert_eq!(Packet::from_ipv4(&short), Err(ParseError::AhHeader));

    // It is one, but the message says that there is none.
    let good = ah(112, 4);
    let packet = Packet::from_ipv4(&good).unwrap();
    assert!(packet.has_ah());
    assert_eq!(packet.decode(), Err(ParseError::AuthHeader { auth_type: 0, has_ah: true }));
}
