//! What an advertisement costs: to read, to refuse, to write, and to take through the engine.
//!
//! The peer is the crate `vrrp_packet`, a view of a v2 packet that checks nothing.
#![allow(missing_docs, reason = "criterion's macros make public items without docs")]

use std::{hint::black_box, net::Ipv4Addr, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vrrp_engine::{Config, Instant, Received, VrrpRouter};
use vrrp_packet::VrrpPacket;
use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, Authentication, HOP_LIMIT, MULTICAST_V4, Priority, Vrid,
};

const MASTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const BACKUP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

fn advertisement(vrid: u8, addresses: &[[u8; 4]]) -> Advertisement<'_> {
    let vrid = Vrid::new(vrid).expect("not zero");
    let (priority, interval) = (Priority::new(200), AdvertInterval::DEFAULT);
    Advertisement::v2(vrid, priority, interval, Addresses::V4(addresses), Authentication::None)
        .expect("some addresses")
}

fn bytes(advertisement: &Advertisement<'_>) -> Vec<u8> {
    let mut buffer = [0; Advertisement::MAX_LEN];
    advertisement.encode(&mut buffer).expect("it fits").to_vec()
}

fn addresses(count: u8) -> Vec<[u8; 4]> {
    (1..=count).map(|last| [192, 0, 2, last]).collect()
}

fn codec(c: &mut Criterion) {
    let (one, many) = (addresses(1), addresses(255));
    let (short, long) = (bytes(&advertisement(51, &one)), bytes(&advertisement(51, &many)));
    let mut wrong = short.clone();
    wrong[6] ^= 1;

    let mut group = c.benchmark_group("codec");
    group.bench_function("decode_v2_advert", |b| b.iter(|| Advertisement::decode(black_box(&short))));
    group.bench_function("peer_vrrp_packet_decode_v2", |b| b.iter(|| peer_decode(black_box(&short))));
    group.bench_function("decode_v2_255_addresses", |b| b.iter(|| Advertisement::decode(black_box(&long))));
    group.bench_function("peer_vrrp_packet_decode_v2_255_addresses", |b| {
        b.iter(|| peer_decode(black_box(&long)))
    });
    group.bench_function("reject_bad_checksum", |b| b.iter(|| Advertisement::decode(black_box(&wrong))));

    let mut buffer = [0; Advertisement::MAX_LEN];
    let advertisement = advertisement(51, &one);
    group.bench_function("encode_v2_advert", |b| {
        b.iter(|| black_box(&advertisement).encode(black_box(&mut buffer)).map(|message| message.len()));
    });
    group.bench_function("bound_copy_v2_advert", |b| {
        b.iter(|| black_box(&mut buffer[..20]).copy_from_slice(black_box(&short)));
    });
    group.finish();
}

/// All fields of a packet, as the peer gives them: the addresses as a vector of bytes.
fn peer_decode(message: &[u8]) -> Option<Vec<u8>> {
    let packet = VrrpPacket::new(message)?;
    black_box((packet.get_version(), packet.get_vrid(), packet.get_priority()));
    black_box((packet.get_auth_type(), packet.get_advert_int(), packet.get_checksum()));
    Some(packet.get_ip_addresses())
}

/// A Backup takes its Master's advertisement: all checks, the right virtual router out of many, and its timer moved.
fn engine(c: &mut Criterion) {
    let mut group = c.benchmark_group("engine");
    group.throughput(Throughput::Elements(1));
    for routers in [1, 100, 1000] {
        group.bench_function(BenchmarkId::new("process_v2_advert", routers), |b| {
            let (mut router, packets) = backups(routers);
            let mut now = Instant::EPOCH;
            let mut next = (0..packets.len()).cycle();
            b.iter(|| {
                now = now + Duration::from_nanos(1);
                let (interface, bytes) = &packets[next.next().unwrap_or(0)];
                let (interface, hop_limit) = (*interface, HOP_LIMIT);
                let packet =
                    Received { interface, source: MASTER, destination: MULTICAST_V4, hop_limit, bytes };
                router.handle_packet(now, packet).map(|_| router.poll_output().is_some())
            });
        });
    }
    group.finish();
}

/// So many Backups, 250 on an interface, and an advertisement for each.
fn backups(count: u32) -> (VrrpRouter, Vec<(u32, Vec<u8>)>) {
    let one = addresses(1);
    let mut router = VrrpRouter::new();
    let packets = (0..count).map(|number| {
        let (interface, vrid) = (1 + number / 250, 1 + (number % 250) as u8);
        let advertisement = advertisement(vrid, &one);
        let config = Config::builder(advertisement.vrid(), BACKUP, advertisement.addresses().iter());
        router.add(interface, config.build().expect("a good configuration")).expect("each once");
        (interface, bytes(&advertisement))
    });
    let packets = packets.collect();
    router.start(Instant::EPOCH);
    while router.poll_output().is_some() {}
    (router, packets)
}

criterion_group!(benches, codec, engine);
criterion_main!(benches);
