//! What an advertisement costs: to read, to refuse, to write, and to take through the engine.
//!
//! The peer is the crate `vrrp_packet`, a view of a v2 packet that checks nothing.
#![allow(missing_docs, reason = "criterion's macros make public items without docs")]

use std::{
    hint::black_box,
    net::{Ipv4Addr, Ipv6Addr},
    time::Duration,
};

use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
use vrrp_engine::{Config, Fault, Instant, MemberWeights, Output, RouterId, VrrpRouter};
use vrrp_packet::VrrpPacket;
use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, Authentication, Checksum, Endpoints, HOP_LIMIT, Packet,
    Prepared, Priority, Vrid,
};

const MASTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const MASTER_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const BACKUP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

fn v2(vrid: u8, addresses: &[[u8; 4]]) -> Advertisement<'_> {
    let vrid = Vrid::new(vrid).expect("not zero");
    let (priority, interval) = (Priority::new(200), AdvertInterval::DEFAULT);
    Advertisement::v2(vrid, priority, interval, Addresses::V4(addresses), Authentication::None)
        .expect("some addresses")
}

fn v3(addresses: Addresses<'_>) -> Advertisement<'_> {
    let (vrid, priority) = (Vrid::new(51).expect("not zero"), Priority::new(200));
    Advertisement::v3(vrid, priority, AdvertInterval::DEFAULT, addresses).expect("some addresses")
}

fn bytes(advertisement: &Advertisement<'_>, endpoints: &Endpoints) -> Vec<u8> {
    let mut buffer = [0; Advertisement::MAX_LEN];
    advertisement.encode(endpoints, Checksum::PseudoHeader, &mut buffer).expect("it fits").to_vec()
}

fn addresses(count: u8) -> Vec<[u8; 4]> {
    (1..=count).map(|last| [192, 0, 2, last]).collect()
}

fn decode(c: &mut Criterion) {
    let (from_v4, from_v6) = (Endpoints::multicast(MASTER.into()), Endpoints::multicast(MASTER_V6.into()));
    let (one, many) = (addresses(1), addresses(255));
    let (short, long) = (bytes(&v2(51, &one), &from_v4), bytes(&v2(51, &many), &from_v4));
    let v3_ipv4 = bytes(&v3(Addresses::V4(&one)), &from_v4);
    let v3_ipv6 = bytes(&v3(Addresses::V6(&[MASTER_V6.octets()])), &from_v6);
    let mut wrong = short.clone();
    wrong[6] ^= 1;

    let mut group = c.benchmark_group("codec");
    let mut decode = |name: &str, endpoints: Endpoints, message: &[u8]| {
        let packet = Packet::new(endpoints, HOP_LIMIT, message);
        group.bench_function(name, |b| {
            b.iter(|| {
                // By reference: moving the result is not decoding.
                black_box(&black_box(&packet).decode());
            });
        });
    };
    decode("decode_v2_advert", from_v4, &short);
    decode("decode_v3_ipv4_advert", from_v4, &v3_ipv4);
    decode("decode_v3_ipv6_advert", from_v6, &v3_ipv6);
    decode("decode_v2_255_addresses", from_v4, &long);
    decode("reject_bad_checksum", from_v4, &wrong);
    group.bench_function("peer_vrrp_packet_decode_v2", |b| b.iter(|| peer_decode(black_box(&short))));
    group.bench_function("peer_vrrp_packet_decode_v2_255_addresses", |b| {
        b.iter(|| peer_decode(black_box(&long)));
    });
    // What no decoder that checks can go below: the sum over as many bytes.
    group.bench_function("bound_sum_v2_255_addresses", |b| b.iter(|| plain_sum(black_box(&long))));
    group.finish();
}

fn encode(c: &mut Criterion) {
    let endpoints = Endpoints::multicast(MASTER.into());
    let one = addresses(1);
    let advertisement = v2(51, &one);
    let short = bytes(&advertisement, &endpoints);
    let mut buffer = [0; Advertisement::MAX_LEN];

    let mut group = c.benchmark_group("codec");
    group.bench_function("encode_v2_advert", |b| {
        b.iter(|| {
            let message =
                black_box(&advertisement).encode(&endpoints, Checksum::default(), black_box(&mut buffer));
            message.map(|message| message.len())
        });
    });
    group.bench_function("patch_priority", |b| {
        let mut prepared =
            Prepared::new(&advertisement, &endpoints, Checksum::default(), [0; 64]).expect("it fits");
        b.iter(|| black_box(&mut prepared).set_priority(black_box(Priority::RELEASE)));
    });
    group.bench_function("bound_copy_v2_advert", |b| {
        b.iter(|| black_box(&mut buffer[..20]).copy_from_slice(black_box(&short)));
    });
    group.finish();
}

/// The one's complement sum of RFC 1071 §4.1's example, in words of 32 bits.
fn plain_sum(bytes: &[u8]) -> u64 {
    bytes.as_chunks::<4>().0.iter().fold(0, |sum, word| sum + u64::from(u32::from_ne_bytes(*word)))
}

/// All fields of a packet, as the peer gives them: the addresses as a vector of bytes.
fn peer_decode(message: &[u8]) -> Option<Vec<u8>> {
    let packet = VrrpPacket::new(message)?;
    black_box((packet.get_version(), packet.get_vrid(), packet.get_priority()));
    black_box((packet.get_auth_type(), packet.get_advert_int(), packet.get_checksum()));
    Some(packet.get_ip_addresses())
}

fn engine(c: &mut Criterion) {
    let mut group = c.benchmark_group("engine");
    // The Master's advertisement, the same again: what a Backup receives as long as all is well.
    receive(&mut group, "backup_receives_advert", 1, &[200], Wait::Later);
    receive(&mut group, "router_1_of_4", 4, &[200], Wait::Later);
    receive(&mut group, "router_1_of_4000", 4000, &[200], Wait::Later);
    // The same, with a wait after each: deadlines are put in order for it.
    receive(&mut group, "backup_receives_advert_and_waits", 1, &[200], Wait::Each);
    receive(&mut group, "router_1_of_4000_and_waits", 4000, &[200], Wait::Each);
    // Never the same twice: decoded, checked and compared each time.
    receive(&mut group, "backup_receives_other_advert", 1, &[200, 201], Wait::Later);
    group.bench_function("master_timeout_to_bytes", |b| {
        let (mut router, _) = masters(1, 1);
        let mut buffer = [0; Advertisement::MAX_LEN];
        b.iter(|| {
            let now = router.poll_timeout()?;
            router.handle_timeout(now);
            let mut sent = 0;
            while let Some((_, output)) = router.poll_output() {
                if let Output::Advertise(advertise) = output {
                    sent += advertise.encode(&mut buffer).map_or(0, |message| message.len());
                }
            }
            Some(sent)
        });
    });
    // All members of a group from Master to Fault and back to Master, their orders polled.
    group.bench_function("sync_group_of_16_transition", |b| {
        let (mut router, ids) = masters(16, 16);
        b.iter(|| {
            let now = router.poll_timeout()?;
            router.raise(now, ids[0], Fault::Operator).ok()?;
            let orders = drain(&mut router);
            router.clear(now, ids[0], Fault::Operator).ok()?;
            router.handle_timeout(now);
            Some(orders + drain(&mut router))
        });
    });
    // The bound: as many virtual routers that have nothing to do with each other.
    group.bench_function("bound_16_alone_transition", |b| {
        let (mut router, ids) = masters(16, 1);
        b.iter(|| {
            let now = router.poll_timeout()?;
            for id in &ids {
                router.raise(now, *id, Fault::Operator).ok()?;
            }
            let orders = drain(&mut router);
            for id in &ids {
                router.clear(now, *id, Fault::Operator).ok()?;
            }
            router.handle_timeout(now);
            Some(orders + drain(&mut router))
        });
    });
    group.finish();
}

/// When the caller asks for the next deadline.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wait {
    /// After many packets.
    Later,
    /// After each.
    Each,
}

/// Backups take their Masters' advertisements, of these priorities in turn: all checks, the right virtual router out of many,
/// and its timer moved.
fn receive(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    routers: u32,
    priorities: &[u8],
    wait: Wait,
) {
    group.bench_function(name, |b| {
        let (mut router, packets) = backups(routers, priorities);
        let endpoints = Endpoints::multicast(MASTER.into());
        let packets: Vec<_> = packets
            .iter()
            .map(|(interface, bytes)| (*interface, Packet::new(endpoints, HOP_LIMIT, bytes)))
            .collect();
        let mut now = Instant::EPOCH;
        let mut next = 0;
        b.iter(|| {
            now = now + Duration::from_nanos(1);
            next = if next + 1 < packets.len() { next + 1 } else { 0 };
            let (interface, packet) = &packets[next];
            let is_taken = router.handle_packet(now, *interface, packet).is_ok();
            let deadline = if wait == Wait::Each { router.poll_timeout() } else { None };
            (is_taken, router.poll_output().is_some(), deadline)
        });
    });
}

/// So many owners of an address each, all Master, in sync groups of that size.
fn masters(count: u8, group_size: usize) -> (VrrpRouter, Vec<RouterId>) {
    let mut router = VrrpRouter::new();
    let ids = (1..=count).map(|vrid| {
        let vrid = Vrid::new(vrid).expect("not zero");
        let config = Config::builder(vrid, MASTER, [Ipv4Addr::new(192, 0, 2, 100 + vrid.get())]);
        let config = config.priority(Priority::OWNER).build().expect("a good configuration");
        router.add(1, config).expect("each once")
    });
    let ids: Vec<_> = ids.collect();
    for members in ids.chunks(group_size).filter(|members| members.len() > 1) {
        router
            .add_group(Instant::EPOCH, members.iter().copied(), MemberWeights::Ignore)
            .expect("each in one");
    }
    router.start(Instant::EPOCH);
    router.handle_timeout(Instant::EPOCH);
    drain(&mut router);
    (router, ids)
}

fn drain(router: &mut VrrpRouter) -> usize {
    let mut orders = 0;
    while let Some((_, output)) = router.poll_output() {
        black_box(&output);
        orders += 1;
    }
    orders
}

/// So many Backups, 250 on an interface, and advertisements of these priorities for each.
fn backups(count: u32, priorities: &[u8]) -> (VrrpRouter, Vec<(u32, Vec<u8>)>) {
    let one = addresses(1);
    let mut router = VrrpRouter::new();
    let mut packets = Vec::new();
    for number in 0..count {
        let (interface, vrid) = (1 + number / 250, 1 + (number % 250) as u8);
        let advertisement = v2(vrid, &one);
        let config = Config::builder(advertisement.vrid(), BACKUP, one.iter().copied().map(Ipv4Addr::from));
        router.add(interface, config.build().expect("a good configuration")).expect("each once");
        packets.extend(priorities.iter().map(|priority| {
            let advertisement = advertisement.with_priority(Priority::new(*priority));
            (interface, bytes(&advertisement, &Endpoints::multicast(MASTER.into())))
        }));
    }
    router.start(Instant::EPOCH);
    while router.poll_output().is_some() {}
    (router, packets)
}

criterion_group!(benches, decode, encode, engine);
criterion_main!(benches);
