//! When a better Backup takes over: the two meanings of a preemption delay, and the start delay.

use std::time::Duration;

use vrrp_engine::{Instant, Preempt, State, VirtualRouter};
use vrrp_proto::{Advertisement, Endpoints, Packet, Priority, Vrid};

use super::{ABOVE, SEC, advert, at, builder, config, drain, started, transition};

const MASTER_DOWN: u64 = 3 * SEC + 609_375;

fn delayed(preempt: Preempt) -> VirtualRouter {
    started(builder(100).preempt(preempt).build().unwrap())
}

/// Hears an advertisement of that priority each second from the first to the last given, or until it is Master; and then lets
/// timers run. Returns when it became Master.
fn takeover(
    router: &mut VirtualRouter,
    priority: u8,
    seconds: std::ops::RangeInclusive<u64>,
) -> Option<Instant> {
    for second in seconds {
        while router.state() == State::Backup && router.poll_timeout().unwrap() < at(second * SEC) {
            router.handle_timeout(router.poll_timeout().unwrap());
        }
        if router.state() == State::Master {
            break;
        }
        router.handle_advertisement(at(second * SEC), ABOVE, &advert(priority)).unwrap();
    }
    let due = router.poll_timeout().unwrap();
    if router.state() == State::Backup {
        router.handle_timeout(due);
        return (router.state() == State::Master).then_some(due);
    }
    // It advertises a second after it became Master.
    Some(Instant::from_epoch(due.since_epoch() - Duration::from_secs(1)))
}

#[test]
fn with_a_hold_time_it_takes_over_when_that_is_over_since_it_first_heard_a_worse_master() {
    let mut router = delayed(Preempt::HoldTime(Duration::from_secs(20)));
    assert_eq!(takeover(&mut router, 50, 2..=99), Some(at(22 * SEC)));
    assert_eq!(
        drain(&mut router).pop(),
        Some(transition("Backup -> Master: Master 192.0.2.11 (priority 50) has a lower priority"))
    );
}

#[test]
fn a_hold_time_makes_nobody_take_over_sooner_than_without() {
    let mut router = delayed(Preempt::HoldTime(Duration::from_millis(100)));
    assert_eq!(takeover(&mut router, 50, 1..=99), Some(at(MASTER_DOWN)));
}

#[test]
fn with_keepaliveds_delay_the_masters_signs_of_life_count_until_it_is_over() {
    let mut router = delayed(Preempt::Delay(Duration::from_secs(20)));
    // The last that counts is that of second 21; the one of second 22 comes when 20 s are over.
    assert_eq!(takeover(&mut router, 50, 2..=99), Some(at(21 * SEC + MASTER_DOWN)));
}

#[test]
fn a_master_that_dies_in_the_meantime_is_replaced_without_delay() {
    for preempt in [Preempt::HoldTime, Preempt::Delay] {
        let mut router = delayed(preempt(Duration::from_secs(20)));
        assert_eq!(takeover(&mut router, 50, 2..=5), Some(at(5 * SEC + MASTER_DOWN)));
    }
}

#[test]
fn without_any_master_there_is_no_delay() {
    for preempt in [Preempt::HoldTime, Preempt::Delay] {
        let router = delayed(preempt(Duration::from_secs(20)));
        assert_eq!(router.poll_timeout(), Some(at(MASTER_DOWN)));
    }
}

#[test]
fn a_better_master_stops_the_delay_and_the_next_worse_one_begins_it_anew() {
    let mut router = delayed(Preempt::HoldTime(Duration::from_secs(20)));
    router.handle_advertisement(at(2 * SEC), ABOVE, &advert(50)).unwrap();
    router.handle_advertisement(at(3 * SEC), ABOVE, &advert(150)).unwrap();
    assert_eq!(takeover(&mut router, 50, 4..=99), Some(at(24 * SEC)));
}

#[test]
fn the_owner_knows_no_delay() {
    let owner = builder(255).preempt(Preempt::HoldTime(Duration::from_secs(20))).build().unwrap();
    let mut owner = started(owner);
    owner.handle_advertisement(at(SEC), ABOVE, &advert(255)).unwrap();
    assert_eq!(owner.state(), State::Backup, "the other owner is better");
    let down = owner.poll_timeout();
    owner.handle_advertisement(at(2 * SEC), ABOVE, &advert(50)).unwrap();
    assert_eq!(owner.poll_timeout(), down);
}

#[test]
fn until_the_start_delay_is_over_it_neither_listens_nor_sends() {
    let delay = Duration::from_secs(5);
    let mut router = VirtualRouter::new(builder(100).start_delay(delay).build().unwrap());
    router.start(Instant::EPOCH);
    assert_eq!(drain(&mut router), []);
    assert_eq!((router.state(), router.poll_timeout()), (State::Initialize, Some(at(5 * SEC))));
    assert!(router.handle_advertisement(at(SEC), ABOVE, &advert(200)).is_err());
    router.handle_timeout(at(5 * SEC));
    assert_eq!((router.state(), router.poll_timeout()), (State::Backup, Some(at(5 * SEC + MASTER_DOWN))));

    let mut stopped = VirtualRouter::new(builder(100).start_delay(delay).build().unwrap());
    stopped.start(Instant::EPOCH);
    stopped.shutdown(at(SEC));
    assert_eq!(stopped.poll_timeout(), None, "stopped before it has begun");
}

#[test]
fn the_down_multiplier_replaces_the_three() {
    let router = started(builder(100).down_multiplier(10).build().unwrap());
    assert_eq!(router.poll_timeout(), Some(at(10 * SEC + 609_375)));
    assert!(builder(100).down_multiplier(0).build().is_err());
    assert!(builder(100).down_multiplier(101).build().is_err());
}

#[test]
fn unicast_advertisements_go_to_each_peer_and_come_from_peers_alone() {
    use vrrp_engine::{Output, VrrpRouter};
    use vrrp_proto::UnicastPeer;
    let peers = [ABOVE, super::BELOW].map(UnicastPeer::neighbour);
    let mut router = VrrpRouter::new();
    router.add(1, builder(100).peers(peers).hop_limit(64).build().unwrap()).unwrap();
    router.start(Instant::EPOCH);
    while router.poll_output().is_some() {}

    let mut buffer = [0; Advertisement::MAX_LEN];
    let mut hear = |router: &mut VrrpRouter, source, destination, hop_limit| {
        let endpoints = Endpoints::new(source, destination).unwrap();
        let bytes = advert(200).encode(&endpoints, Default::default(), &mut buffer).unwrap();
        router.handle_packet(at(SEC), 1, &Packet::new(endpoints, hop_limit, bytes)).is_ok()
    };
    let group = vrrp_proto::MULTICAST_V4.into();
    let stranger = [192, 0, 2, 99].into();
    assert!(hear(&mut router, ABOVE, super::OURS, 255));
    assert!(!hear(&mut router, ABOVE, super::OURS, 64), "a neighbour's packets come with 255");
    assert!(!hear(&mut router, stranger, super::OURS, 255));
    assert!(!hear(&mut router, ABOVE, group, 255));
    let stats = router.iter().next().unwrap().1.stats();
    assert_eq!((stats.ip_ttl_errors, stats.source_errors, stats.destination_errors), (1, 1, 1));

    router.handle_timeout(at(SEC + MASTER_DOWN));
    let mut destinations = Vec::new();
    while let Some((_, output)) = router.poll_output() {
        if let Output::Advertise(advertise) = output {
            assert_eq!((advertise.hop_limit, advertise.advertisement.priority()), (64, Priority::new(100)));
            destinations.push(advertise.endpoints.destination());
        }
    }
    assert_eq!(destinations, [ABOVE, super::BELOW]);
    assert_eq!(router.iter().next().unwrap().1.stats().advertisement_sent, 2);
}

#[test]
fn a_configuration_that_cannot_work_is_refused_by_name() {
    use vrrp_engine::ConfigError;
    use vrrp_proto::UnicastPeer;
    let error = |peers: &[std::net::IpAddr], hop_limit| {
        let peers = peers.iter().copied().map(UnicastPeer::neighbour);
        builder(100).peers(peers).hop_limit(hop_limit).build().unwrap_err()
    };
    assert_eq!(error(&[super::OURS], 255), ConfigError::Peer { peer: super::OURS });
    assert_eq!(
        error(&["fe80::1".parse().unwrap()], 255),
        ConfigError::Peer { peer: "fe80::1".parse().unwrap() }
    );
    assert_eq!(error(&[ABOVE, ABOVE], 255), ConfigError::DuplicatePeer { peer: ABOVE });
    assert_eq!(error(&[ABOVE], 0), ConfigError::HopLimit { hop_limit: 0 });
    let to_group = builder(100).hop_limit(64).build();
    assert_eq!(to_group.unwrap_err(), ConfigError::HopLimit { hop_limit: 64 });
    assert!(config(100).to_builder().build().is_ok());
    let _ = Vrid::new(1);
}

#[test]
fn a_worse_master_that_dies_fell_silent() {
    let mut router = delayed(Preempt::Delay(Duration::from_secs(300)));
    router.handle_advertisement(at(2 * SEC), ABOVE, &advert(50)).unwrap();
    router.handle_timeout(router.poll_timeout().unwrap());
    assert_eq!(
        drain(&mut router).pop(),
        Some(transition("Backup -> Master: Master 192.0.2.11 (priority 50) fell silent"))
    );
}

#[test]
fn a_delay_can_be_changed_while_it_runs() {
    for (new, expected) in [
        (Preempt::HoldTime(Duration::from_secs(5)), Some(31)),
        (Preempt::HoldTime(Duration::from_secs(60)), Some(62)),
        (Preempt::Forbid, None),
    ] {
        let mut router = delayed(Preempt::HoldTime(Duration::from_secs(40)));
        for second in 2..=30 {
            router.handle_advertisement(at(second * SEC), ABOVE, &advert(50)).unwrap();
        }
        let changed = at(30 * SEC + SEC / 2);
        let config = router.config().to_builder().preempt(new).build().unwrap();
        router.reconfigure(changed, config).unwrap();
        let mut second = 31;
        while router.state() == State::Backup && second < 99 {
            router.handle_advertisement(at(second * SEC), ABOVE, &advert(50)).unwrap();
            while router.poll_timeout().is_some_and(|due| due < at((second + 1) * SEC)) {
                router.handle_timeout(router.poll_timeout().unwrap());
                if router.state() == State::Master {
                    break;
                }
            }
            second += 1;
        }
        let took_over = (router.state() == State::Master).then_some(second - 1);
        assert_eq!(took_over, expected, "{new:?}");
        assert_eq!(router.stats().pauses, 0);
    }
}
