//! Capture files: those of keepalived 2.2.7, and such as are made here.

use std::net::Ipv4Addr;

use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, Authentication, Checksum, Endpoints, Priority, Vrid,
};

pub(crate) const SOURCE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
pub(crate) const GROUP: Ipv4Addr = vrrp_proto::MULTICAST_V4;
pub(crate) const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

macro_rules! keepalived {
    ($($name:literal),*) => {
        [$((
            $name,
            include_bytes!(concat!("../../../vrrp-proto/tests/keepalived-2.2.7/", $name, ".pcap")).as_slice(),
        )),*]
    };
}

/// Files that are in the program, which also runs where the sources are not.
const KEEPALIVED: [(&str, &[u8]); 9] =
    keepalived!["v2none", "v2owner", "v2pass", "v2many", "v2ah", "v2unicast", "v3v4", "v3v6", "v3unicast"];

/// What keepalived 2.2.7 sent, by the names of its configurations.
pub(crate) fn keepalived() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    KEEPALIVED.into_iter()
}

/// One of them.
pub(crate) fn of_keepalived(name: &str) -> &'static [u8] {
    KEEPALIVED.into_iter().find(|(of, _)| *of == name).unwrap().1
}

/// How a capture file is written.
#[derive(Clone, Copy)]
pub(crate) struct Format {
    pub(crate) word: fn(u32) -> [u8; 4],
    pub(crate) magic: u32,
    /// Parts of a second in a second.
    pub(crate) unit: u32,
    pub(crate) link_type: u32,
}

/// Little-endian, with microseconds, IP without a link.
pub(crate) const RAW: Format =
    Format { word: u32::to_le_bytes, magic: 0xa1b2_c3d4, unit: 1_000_000, link_type: 101 };

/// Makes a file of packets half a second apart, of which no more than `kept` bytes each are kept.
pub(crate) fn file(format: Format, packets: &[&[u8]], kept: usize) -> Vec<u8> {
    let Format { word, magic, unit, link_type } = format;
    let version = if word(1)[0] == 1 { 4 << 16 | 2 } else { 2 << 16 | 4 };
    let mut file = [magic, version, 0, 0, 65535, link_type].map(word).concat();
    for (number, packet) in packets.iter().enumerate() {
        let half_seconds = number as u32;
        let (secs, fraction) = (SINCE_1970 + half_seconds / 2, half_seconds % 2 * (unit / 2));
        let kept = &packet[..kept.min(packet.len())];
        file.extend([secs, fraction, kept.len() as u32, packet.len() as u32].map(word).concat());
        file.extend(kept);
    }
    file
}

/// Makes a file of IP packets.
pub(crate) fn raw(packets: &[&[u8]]) -> Vec<u8> {
    file(RAW, packets, usize::MAX)
}

/// When these files begin.
pub(crate) const SINCE_1970: u32 = 1_700_000_000;

/// An advertisement of virtual router 51.
pub(crate) fn v2(priority: u8) -> Advertisement<'static> {
    Advertisement::v2(
        Vrid::new(51).unwrap(),
        Priority::new(priority),
        AdvertInterval::DEFAULT,
        Addresses::V4(&[[192, 0, 2, 100]]),
        Authentication::None,
    )
    .unwrap()
}

/// The same in version 3.
pub(crate) fn v3(addresses: Addresses<'_>) -> Advertisement<'_> {
    Advertisement::v3(Vrid::new(51).unwrap(), Priority::new(150), AdvertInterval::DEFAULT, addresses).unwrap()
}

/// Writes an advertisement as a message.
pub(crate) fn message(
    advertisement: &Advertisement<'_>,
    endpoints: &Endpoints,
    checksum: Checksum,
) -> Vec<u8> {
    let mut buffer = [0; Advertisement::MAX_LEN];
    advertisement.encode(endpoints, checksum, &mut buffer).unwrap().to_vec()
}

/// An advertisement of version 2, as it is sent to the group.
pub(crate) fn to_group(priority: u8) -> Vec<u8> {
    let endpoints = Endpoints::multicast(SOURCE.into());
    ipv4(GROUP, 255, &message(&v2(priority), &endpoints, Checksum::default()))
}

/// Puts an IPv4 header before a message.
pub(crate) fn ipv4(destination: Ipv4Addr, ttl: u8, message: &[u8]) -> Vec<u8> {
    let [l0, l1] = (20 + message.len() as u16).to_be_bytes();
    let header = [0x45, 0xc0, l0, l1, 0, 1, 0, 0, ttl, 112, 0, 0];
    [&header, &SOURCE.octets()[..], &destination.octets(), message].concat()
}

/// Puts an IPv6 header before what follows it, from fe80::1 to ff02::12.
pub(crate) fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let [l0, l1] = (payload.len() as u16).to_be_bytes();
    let header = [0x6c, 0, 0, 0, l0, l1, next_header, 255];
    let address = |a: u8, b: u8, last: u8| [a, b, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last];
    [&header[..], &address(0xfe, 0x80, 1), &address(0xff, 2, 0x12), payload].concat()
}
