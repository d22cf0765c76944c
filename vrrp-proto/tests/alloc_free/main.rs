//! Nothing here allocates: reading, judging, writing, patching, sealing and verifying, counted by an allocator that counts.
#![allow(clippy::unwrap_used, reason = "a test that unwraps an error has failed")]

use std::{hint::black_box, time::Duration};

use lab::{CountingAllocator, allocations};
use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, AhKey, AhReplay, Authentication, Checksum, Endpoints, HmacKey,
    HmacMode, HmacReplay, HmacSequence, Packet, Password, Prepared, PreparedAh, PreparedHmac, Priority,
    Rules, Verifier, Vrid,
};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

const VIPS: [[u8; 4]; 2] = [[192, 0, 2, 100], [192, 0, 2, 101]];
const VIPS_V6: [[u8; 16]; 1] = [[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]];

#[test]
fn nothing_allocates() {
    let before = allocations();
    for round in 1..=100 {
        plain(Authentication::None, Verifier::None);
        let password = Password::new("s3cr3t").unwrap();
        plain(Authentication::SimpleText(password), Verifier::SimpleText(&password));
        version_3();
        with_header(round);
        with_trailer(round);
        refused();
    }
    assert_eq!(allocations() - before, 0);
}

fn parts() -> (Vrid, Priority, AdvertInterval) {
    (Vrid::new(51).unwrap(), Priority::new(150), AdvertInterval::DEFAULT)
}

fn v4() -> Endpoints {
    Endpoints::multicast([192, 0, 2, 1].into())
}

fn plain(authentication: Authentication, verifier: Verifier<'_>) {
    let (vrid, priority, interval) = parts();
    let addresses = Addresses::V4(&VIPS);
    let advertisement = Advertisement::v2(vrid, priority, interval, addresses, authentication).unwrap();
    let mut prepared = Prepared::new(&advertisement, &v4(), Checksum::default(), [0; 64]).unwrap();
    prepared.set_priority(Priority::OWNER);
    let packet = Packet::new(v4(), 255, black_box(prepared.as_bytes()));
    let rules = Rules::v2(vrid, interval, addresses);
    rules.check(&packet.decode().unwrap(), verifier).unwrap();
}

fn version_3() {
    let (vrid, priority, interval) = parts();
    let endpoints = Endpoints::multicast(std::net::Ipv6Addr::LOCALHOST.into());
    for (addresses, endpoints) in [(Addresses::V4(&VIPS), v4()), (Addresses::V6(&VIPS_V6), endpoints)] {
        let advertisement = Advertisement::v3(vrid, priority, interval, addresses).unwrap();
        let mut buffer = [0; Advertisement::MAX_LEN];
        let message = advertisement.encode(&endpoints, Checksum::MessageOnly, &mut buffer).unwrap();
        let packet = Packet::new(endpoints, 255, black_box(message));
        let rules = Rules::v3(vrid, interval, addresses);
        rules.check(&packet.decode().unwrap(), Verifier::None).unwrap();
    }
}

fn with_header(sequence: u32) {
    let (vrid, priority, interval) = parts();
    let (addresses, authentication) = (Addresses::V4(&VIPS), Authentication::Header);
    let advertisement = Advertisement::v2(vrid, priority, interval, addresses, authentication).unwrap();
    let (key, mut replay) = (AhKey::new("k4lkey00").unwrap(), AhReplay::new());
    let mut prepared = PreparedAh::new(&advertisement, &v4(), 255, [0; 100]).unwrap();
    let packet = Packet::from_ipv4(black_box(prepared.seal(&key, sequence))).unwrap();
    let verifier = Verifier::Ah { key: &key, replay: &mut replay };
    Rules::v2(vrid, interval, addresses).check(&packet.decode().unwrap(), verifier).unwrap();
}

fn with_trailer(sequence: u32) {
    let (vrid, priority, interval) = parts();
    let addresses = Addresses::V4(&VIPS);
    let advertisement = Advertisement::v3(vrid, priority, interval, addresses).unwrap();
    let received_at = Duration::from_secs(sequence.into());
    let (keys, mut replay) =
        ([HmacKey::new(1, [7; 32]).unwrap()], HmacReplay::new(Duration::from_secs(5)).unwrap());
    let mut prepared = PreparedHmac::new(&advertisement, &v4(), Checksum::default(), [0; 64]).unwrap();
    let message = prepared.seal(&keys[0], HmacSequence::at(received_at));
    let packet = Packet::new(v4(), 255, black_box(message));
    let verifier = Verifier::Hmac { keys: &keys, mode: HmacMode::Enforce, replay: &mut replay, received_at };
    Rules::v3(vrid, interval, addresses).check(&packet.decode().unwrap(), verifier).unwrap();
}

fn refused() {
    let error = Packet::new(v4(), 255, black_box(b"soup")).decode().unwrap_err();
    assert_eq!(error.counter().rfc8347(), Some("packet-length-errors"));
    assert!(Packet::from_ipv4(black_box(&[0x45; 40])).is_err());
}
