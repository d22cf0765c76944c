//! Packets of real implementations, each with the verdict it deserves: `vectors.txt`, and what keepalived 2.2.7 sent
//! (`tests/keepalived-2.2.7`, each capture beside the configuration it was made with).

use std::{fs, net::IpAddr, path::Path};

use etherparse::{LaxNetSlice, LaxSlicedPacket};
use vrrp_proto::{
    AhKey, AhReplay, Authentication, Checksum, Endpoints, Packet, ParseError, Password, PreparedAh, Priority,
    Rules, UnicastPeer, Verifier,
};

use super::{bytes, encoded_for};

const VECTORS: &str = include_str!("vectors.txt");

#[test]
fn every_packet_gets_its_verdict() {
    let mut seen = 0;
    for line in VECTORS.lines().filter(|line| !line.starts_with('#')) {
        let [source, packet, verdict] = line.split(" | ").collect::<Vec<_>>().try_into().unwrap();
        let (kind, hex) = packet.rsplit_once(':').unwrap();
        let bytes = bytes(hex);
        assert_eq!(
            taken_apart(kind, &bytes).map_or_else(rejected, |packet| judged(&packet)),
            verdict,
            "{source}"
        );
        seen += 1;
    }
    assert_eq!(seen, 100, "a vector was lost");
}

#[test]
fn accepted_packets_encode_to_the_same_bytes() {
    let mut seen = 0;
    for line in VECTORS.lines().filter(|line| line.contains("| accept")) {
        let (kind, hex) = line.split(" | ").nth(1).unwrap().rsplit_once(':').unwrap();
        let bytes = bytes(hex);
        assert_same_bytes(&taken_apart(kind, &bytes).unwrap());
        seen += 1;
    }
    assert_eq!(seen, 67, "a vector was lost");
}

#[test]
fn keepalived_is_understood_and_believed_packet_by_packet() {
    let mut seen = Vec::new();
    for (name, frames) in captures() {
        let mut replay = AhReplay::new();
        for frame in &frames {
            let Some(packet) = from_frame(frame).unwrap() else { continue };
            let decoded = packet.decode().unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_same_bytes(&packet);

            let password = Password::new("s3cr3t").unwrap();
            let key = AhKey::new("k4lkey00").unwrap();
            let verifier = match name.as_str() {
                "v2pass" => Verifier::SimpleText(&password),
                "v2ah" => Verifier::Ah { key: &key, replay: &mut replay },
                _ => Verifier::None,
            };
            let neighbours = [UnicastPeer::neighbour(packet.endpoints().source())];
            let sent = decoded.advertisement;
            let rules = if name.starts_with("v2") { Rules::v2 } else { Rules::v3 };
            let mut rules = rules(sent.vrid(), sent.interval(), sent.addresses());
            if name.ends_with("unicast") {
                rules = rules.peers(&neighbours);
            }
            let notes = rules.check(&decoded, verifier);
            assert_eq!(notes, Ok(vrrp_proto::Notes::default()), "{name}");
            seen.push(name.clone());
        }
    }
    // Each capture has some, and each ends with the one that gives the office up.
    assert_eq!(seen.len(), 50, "{seen:?}");
}

#[test]
fn keepalived_s_authentication_headers_are_made_byte_for_byte() {
    let (_, frames) = captures().into_iter().find(|(name, _)| name == "v2ah").unwrap();
    let key = AhKey::new("k4lkey00").unwrap();
    let mut prepared: Option<PreparedAh<Vec<u8>>> = None;
    for (sequence, frame) in (1..).zip(frames.iter().filter(|frame| frame[12..14] == [8, 0])) {
        let datagram = &frame[14..];
        let packet = Packet::from_ipv4(datagram).unwrap();
        let advertisement = packet.decode().unwrap().advertisement;
        assert_eq!(advertisement.authentication(), Authentication::Header);
        let prepared = prepared.get_or_insert_with(|| {
            PreparedAh::new(&advertisement, &packet.endpoints(), 255, vec![0; 64]).unwrap()
        });
        prepared.set_priority(advertisement.priority());
        assert_eq!(prepared.seal(&key, sequence), datagram);
    }
    assert_eq!(
        prepared.unwrap().seal(&key, 9)[46],
        Priority::RELEASE.get(),
        "the last one gave the office up"
    );
}

/// What the crate makes of a packet, in the words of `vectors.txt`.
fn judged(packet: &Packet<'_>) -> String {
    let decoded = match packet.decode() {
        Ok(decoded) => decoded,
        Err(error) => return rejected(error),
    };
    assert_eq!(decoded.trailer, None);
    let covers = match decoded.checksum {
        Checksum::PseudoHeader => "pseudo header",
        Checksum::MessageOnly => "message only",
        Checksum::OldUnicast => "old unicast",
    };
    let ah = if packet.has_ah() { " ; ah" } else { "" };
    format!("accept {}: {} ; {covers}{ah}", packet.endpoints(), decoded.advertisement)
}

fn rejected(error: ParseError) -> String {
    let debug = format!("{error:?}");
    format!("reject {}", debug.split([' ', '(']).next().unwrap())
}

/// Writes a packet again, in the form in which it came.
fn assert_same_bytes(packet: &Packet<'_>) {
    let decoded = packet.decode().unwrap();
    let again = encoded_for(&decoded.advertisement, &packet.endpoints(), decoded.checksum);
    assert_eq!(again, packet.message(), "{packet:?}");
}

fn taken_apart<'a>(kind: &str, bytes: &'a [u8]) -> Result<Packet<'a>, ParseError> {
    match kind.strip_prefix("vrrp from ") {
        Some(source) => {
            let source: IpAddr = source.parse().unwrap();
            Ok(Packet::new(Endpoints::multicast(source), 255, bytes))
        }
        None if kind == "frame" => from_frame(bytes).map(Option::unwrap),
        None if bytes[0] >> 4 == 6 => Ok(from_ipv6(bytes).unwrap()),
        None => Packet::from_ipv4(bytes),
    }
}

/// The VRRP packet in an Ethernet frame; `None` if there is none.
fn from_frame(frame: &[u8]) -> Result<Option<Packet<'_>>, ParseError> {
    match frame[12..14] {
        [0x08, 0x00] => Packet::from_ipv4(&frame[14..]).map(Some),
        [0x86, 0xdd] => Ok(from_ipv6(&frame[14..])),
        _ => Ok(None),
    }
}

fn from_ipv6(datagram: &[u8]) -> Option<Packet<'_>> {
    let sliced = LaxSlicedPacket::from_ip(datagram).unwrap();
    let Some(LaxNetSlice::Ipv6(ip)) = sliced.net else { panic!("not IPv6") };
    let (source, destination) = (ip.header().source_addr(), ip.header().destination_addr());
    let endpoints = Endpoints::V6 { source, destination };
    let is_vrrp = ip.header().next_header().0 == vrrp_proto::PROTOCOL;
    is_vrrp.then(|| Packet::new(endpoints, ip.header().hop_limit(), ip.payload().payload))
}

/// The frames of each capture, by its name.
fn captures() -> Vec<(String, Vec<Vec<u8>>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/keepalived-2.2.7");
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut captures: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "pcap"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, frames(&fs::read(path).unwrap()))
        })
        .collect();
    captures.sort();
    assert_eq!(captures.len(), 9, "a capture was lost");
    captures
}

/// The frames of a capture file, in the byte order of the machine that made it and of nearly every other.
fn frames(mut file: &[u8]) -> Vec<Vec<u8>> {
    assert_eq!(file[..4], 0xa1b2_c3d4u32.to_le_bytes());
    file = &file[24..];
    let mut frames = Vec::new();
    while let Some((header, rest)) = file.split_at_checked(16) {
        let len = u32::from_le_bytes(header[8..12].try_into().unwrap()) as usize;
        frames.push(rest[..len].to_vec());
        file = &rest[len..];
    }
    frames
}
