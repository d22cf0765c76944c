//! Steady state allocates nothing: counted, by an allocator that counts.
#![allow(clippy::unwrap_used, reason = "a test that unwraps an error has failed")]

use std::{net::Ipv4Addr, time::Duration};

use vrrp_engine::{Config, Health, Instant, Link, MemberWeights, Output, State, Tracker, VrrpRouter};
use vrrp_proto::{Advertisement, Endpoints, Packet, Priority, Vrid};

#[global_allocator]
static ALLOCATOR: lab::CountingAllocator = lab::CountingAllocator;

const ROUTERS: u8 = 100;

/// A router with a hundred virtual routers, all of that priority, started.
fn router(source: Ipv4Addr, priority: u8) -> VrrpRouter {
    let mut router = VrrpRouter::new();
    for vrid in 1..=ROUTERS {
        let vips = (0..=vrid).map(|last| Ipv4Addr::new(10, 0, vrid, last));
        let config =
            Config::builder(Vrid::new(vrid).unwrap(), source, vips).priority(Priority::new(priority));
        router.add(1, config.build().unwrap()).unwrap();
    }
    router.start(Instant::EPOCH);
    router
}

/// Plays the LAN from one Master's timeout to the next; returns how many advertisements were sent and received.
fn play(master: &mut VrrpRouter, backup: &mut VrrpRouter, source: Ipv4Addr, seconds: u32) -> (u64, u64) {
    let (mut sent, mut received) = (0, 0);
    let (mut buffer, endpoints) = ([0; Advertisement::MAX_LEN], Endpoints::multicast(source.into()));
    let end = master.poll_timeout().unwrap() + Duration::from_secs(u64::from(seconds));
    while let Some(now) = master.poll_timeout().filter(|now| *now < end) {
        master.handle_timeout(now);
        while let Some((_, output)) = master.poll_output() {
            let Output::Advertise(advertise) = output else {
                continue;
            };
            sent += 1;
            let bytes = advertise.encode(&mut buffer).unwrap();
            backup.handle_packet(now, 1, &Packet::new(endpoints, 255, bytes)).unwrap();
            received += 1;
        }
        backup.handle_timeout(now);
        while backup.poll_output().is_some() {}
    }
    (sent, received)
}

#[test]
fn steady_state_allocates_nothing() {
    let (source, other) = (Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2));
    let (mut master, mut backup) = (router(source, 200), router(other, 100));
    play(&mut master, &mut backup, source, 5); // elections, and every path once

    let before = lab::allocations();
    let (sent, received) = play(&mut master, &mut backup, source, 100);
    let allocations = lab::allocations() - before;

    assert!(sent >= 9_900 && received == sent, "{sent} sent, {received} received");
    assert_eq!(allocations, 0, "{allocations} allocations in {sent} advertisements sent and received");
}

#[test]
fn faults_trackers_sync_groups_and_faster_clocks_allocate_nothing() {
    let mut router = router(Ipv4Addr::new(192, 0, 2, 1), 255);
    let ids: Vec<_> = router.iter().map(|(id, _)| id).collect();
    let mut now = Instant::EPOCH;
    let tracker = router.add_tracker();
    for members in ids.chunks(16) {
        let group = router.add_group(now, members.iter().copied(), MemberWeights::Apply).unwrap();
        router.track_group(now, group, tracker, Tracker::fault()).unwrap();
    }
    let mut beat = |router: &mut VrrpRouter, health| {
        now = now + Duration::from_millis(500);
        router.report(now, tracker, health);
        router.handle_link(now, 1, if health == Health::Up { Link::Up } else { Link::Down });
        router.handle_timeout(now);
        let mut orders = 0;
        while router.poll_output().is_some() {
            orders += 1;
        }
        let snapshots = router.snapshots(now).filter(|(_, snapshot)| snapshot.state == State::Master);
        (orders, snapshots.count())
    };
    for health in [Health::Up, Health::Down] {
        beat(&mut router, health); // every path once
    }

    let before = lab::allocations();
    for _ in 0..10 {
        assert_eq!(beat(&mut router, Health::Up), (400, usize::from(ROUTERS)));
        assert_eq!(beat(&mut router, Health::Down), (300, 0));
    }
    assert_eq!(lab::allocations() - before, 0);
}
