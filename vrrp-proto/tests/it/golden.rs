//! Packets of real implementations, each with the verdict it deserves (`vectors.txt`).

use std::net::Ipv4Addr;

use etherparse::{NetSlice, SlicedPacket};
use vrrp_proto::{Advertisement, HOP_LIMIT, ParseError};

const VECTORS: &str = include_str!("vectors.txt");

#[test]
fn every_packet_gets_its_verdict() {
    let mut seen = 0;
    for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
        let [source, packet, verdict] = line.split(" | ").collect::<Vec<_>>().try_into().unwrap();
        let (kind, hex) = packet.split_once(':').unwrap();
        assert_eq!(judge(kind, &bytes(hex)), verdict, "{source}");
        seen += 1;
    }
    assert_eq!(seen, 41, "a vector was lost");
}

#[test]
fn accepted_packets_encode_to_the_same_bytes() {
    for line in VECTORS.lines().filter(|line| line.contains("| accept")) {
        let (kind, hex) = line.split(" | ").nth(1).unwrap().split_once(':').unwrap();
        let packet = bytes(hex);
        let (_, message) = strip(kind, &packet);
        let advertisement = Advertisement::decode(message).unwrap();
        assert_eq!(super::encoded(&advertisement), message, "{line}");
    }
}

/// Says what the crate makes of a packet, in the words of `vectors.txt`.
fn judge(kind: &str, packet: &[u8]) -> String {
    let (ttl, message) = strip(kind, packet);
    if ttl != HOP_LIMIT {
        return "reject Ttl".to_owned();
    }
    match Advertisement::decode(message) {
        Ok(advertisement) => describe(&advertisement, message),
        Err(error) => format!("reject {}", variant(error)),
    }
}

fn describe(advertisement: &Advertisement<'_>, message: &[u8]) -> String {
    let addresses: Vec<_> =
        advertisement.addresses().iter().map(|address: Ipv4Addr| address.to_string()).collect();
    format!(
        "accept vrid {} prio {} count {} auth_type {} auth_data {} interval {} addrs {}",
        advertisement.vrid(),
        advertisement.priority(),
        addresses.len(),
        advertisement.authentication().auth_type(),
        hex(&message[message.len() - 8..]),
        advertisement.interval().as_secs(),
        addresses.join(","),
    )
}

fn variant(error: ParseError) -> String {
    let debug = format!("{error:?}");
    debug.split([' ', '(']).next().unwrap().to_owned()
}

/// Takes the headers off: the TTL and the VRRP message.
fn strip<'a>(kind: &str, packet: &'a [u8]) -> (u8, &'a [u8]) {
    let sliced = match kind {
        "vrrp" => return (HOP_LIMIT, packet),
        "ip" => SlicedPacket::from_ip(packet).unwrap(),
        "frame" => SlicedPacket::from_ethernet(packet).unwrap(),
        other => panic!("a packet of kind {other}"),
    };
    match sliced.net {
        Some(NetSlice::Ipv4(ip)) => (ip.header().ttl(), ip.payload().payload),
        other => panic!("not IPv4: {other:?}"),
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
