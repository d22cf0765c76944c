//! The codec's tests: the RFCs' clauses, packets of other implementations, round trips, and tcpdump and tshark as readers.
#![allow(clippy::unwrap_used, reason = "a test that unwraps an error has failed")]

mod ah;
mod datagram;
mod golden;
mod hmac;
mod prepared;
mod readers;
mod rfc3768;
mod rfc9568;
mod round_trip;
mod rules;
mod serialize;

use std::net::{Ipv4Addr, Ipv6Addr};

use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, Authentication, Checksum, Decoded, Endpoints, Family, Packet,
    ParseError, Password, Priority, Vrid,
};

/// Where the packets of these tests come from, unless it matters.
const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 251);
const SOURCE_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x251);
const VIPS: [[u8; 4]; 2] = [[192, 0, 2, 1], [192, 0, 2, 2]];
/// fe80::1 and 2001:db8::1.
const VIPS_V6: [[u8; 16]; 2] = [
    [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
];

fn vrid() -> Vrid {
    Vrid::new(10).unwrap()
}

fn secs(secs: u8) -> AdvertInterval {
    AdvertInterval::from_secs(secs).unwrap()
}

fn multicast(family: Family) -> Endpoints {
    match family {
        Family::V4 => Endpoints::multicast(SOURCE.into()),
        Family::V6 => Endpoints::multicast(SOURCE_V6.into()),
    }
}

/// An advertisement of version 2 as most are: VRID 10, priority 200, one second, two addresses, no authentication.
fn usual() -> Advertisement<'static> {
    v2(&VIPS, Authentication::None)
}

fn v2(addresses: &[[u8; 4]], authentication: Authentication) -> Advertisement<'_> {
    let priority = Priority::new(200);
    Advertisement::v2(vrid(), priority, secs(1), Addresses::V4(addresses), authentication).unwrap()
}

fn v3(addresses: Addresses<'_>) -> Advertisement<'_> {
    Advertisement::v3(vrid(), Priority::new(200), secs(1), addresses).unwrap()
}

fn password(text: &str) -> Authentication {
    Authentication::SimpleText(Password::new(text).unwrap())
}

/// Written as for the group, with the pseudo header.
fn encoded(advertisement: &Advertisement<'_>) -> Vec<u8> {
    encoded_for(advertisement, &multicast(advertisement.addresses().family()), Checksum::PseudoHeader)
}

fn encoded_for(advertisement: &Advertisement<'_>, endpoints: &Endpoints, checksum: Checksum) -> Vec<u8> {
    let mut message = Vec::new();
    advertisement.put(endpoints, checksum, &mut message).unwrap();
    message
}

/// A message of IPv4, as received by the group.
fn packet(message: &[u8]) -> Packet<'_> {
    Packet::new(multicast(Family::V4), 255, message)
}

fn packet_v6(message: &[u8]) -> Packet<'_> {
    Packet::new(multicast(Family::V6), 255, message)
}

fn decode(message: &[u8]) -> Result<Decoded<'_>, ParseError> {
    packet(message).decode()
}

fn decode_v6(message: &[u8]) -> Result<Decoded<'_>, ParseError> {
    packet_v6(message).decode()
}

/// Changes one byte of a message and makes its checksum right again, so that only that fault is left.
fn with_byte(mut message: Vec<u8>, at: usize, value: u8) -> Vec<u8> {
    message[at] = value;
    message[6..8].fill(0);
    let checksum = !sum(&message);
    message[6..8].copy_from_slice(&checksum.to_be_bytes());
    message
}

/// RFC 1071's sum, by its definition.
fn sum(bytes: &[u8]) -> u16 {
    let sum = bytes.chunks(2).fold(0u32, |sum, pair| {
        let sum = sum + u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        (sum & 0xffff) + (sum >> 16)
    });
    sum as u16
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
