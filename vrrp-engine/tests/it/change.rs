//! What may change while a router runs, and what it does about it.

use std::{net::IpAddr, time::Duration};

use vrrp_engine::{
    Announcements, Config, ConfigError, Fault, Health, Instant, OnAddressLoss, Output, State, Tracker,
    VirtualRouter, VrrpRouter,
};
use vrrp_proto::{AdvertInterval, Endpoints, Packet, Priority, UnicastPeer, Version, Vrid};

use super::{
    ABOVE, Did, OURS, SEC, VIPS, advert, advert_of, at, builder, config, drain, master, started, transition,
};

const SKEW: u64 = 609_375;
const MASTER_DOWN: u64 = 3 * SEC + SKEW;

/// All that it orders, as lines.
fn orders(router: &mut VirtualRouter) -> Vec<String> {
    let mut lines = Vec::new();
    while let Some(output) = router.poll_output() {
        lines.push(output.to_string());
    }
    lines
}

#[test]
fn a_master_takes_another_list_of_addresses_and_stays_master() {
    let (mut router, now) = master(config(100));
    let other = [[192, 0, 2, 101], [192, 0, 2, 102]].map(IpAddr::from);
    let config = router.config().to_builder().addresses(other).build().unwrap();
    router.reconfigure(now, config).unwrap();
    assert_eq!(
        orders(&mut router),
        [
            "advertise priority 100 to 224.0.0.18",
            "release 192.0.2.100",
            "acquire 192.0.2.101 and 1 more",
            "announce 192.0.2.101 and 1 more 1 times",
        ]
    );
    assert_eq!(router.state(), State::Master);
}

#[test]
fn addresses_that_come_and_go_before_anybody_polls_end_where_they_should() {
    let (mut router, now) = master(config(100));
    let with = |router: &VirtualRouter, list: &[[u8; 4]]| {
        let list = list.iter().copied().map(IpAddr::from);
        router.config().to_builder().addresses(list).build().unwrap()
    };
    let [one, two] = VIPS;
    let gone = with(&router, &[one]);
    router.reconfigure(now, gone).unwrap();
    let back = with(&router, &[one, two]);
    router.reconfigure(now, back).unwrap();
    let lines = orders(&mut router);
    assert!(lines.iter().all(|line| !line.starts_with("release")), "{lines:?}");
}

#[test]
fn an_address_is_released_once_for_it_may_be_anothers_by_then() {
    let (mut router, now) = master(config(100));
    let [one, two] = VIPS;
    for (list, released) in [(vec![one], 1), (vec![one, [192, 0, 2, 103]], 0), (vec![two, one], 1)] {
        let list = list.into_iter().map(IpAddr::from);
        let config = router.config().to_builder().addresses(list).build().unwrap();
        router.reconfigure(now, config).unwrap();
        let lines = orders(&mut router);
        assert_eq!(lines.iter().filter(|line| line.starts_with("release")).count(), released, "{lines:?}");
    }
}

#[test]
fn a_backups_timer_ends_when_it_would_have_with_the_new_priority_from_the_start() {
    let mut router = started(config(100));
    let better = router.config().to_builder().priority(Priority::new(200)).build().unwrap();
    router.reconfigure(at(SEC), better).unwrap();
    assert_eq!(router.poll_timeout(), Some(at(3 * SEC + 218_750)));
    router.set_weights(at(2 * SEC), -100);
    assert_eq!(router.poll_timeout(), Some(at(MASTER_DOWN)));
    assert_eq!(router.priority().get(), 100);
    assert_eq!(router.config().priority().get(), 200);
}

#[test]
fn a_timer_that_would_have_ended_ends_now_and_not_before() {
    let mut router = started(config(1));
    let now = at(3 * SEC + 900_000);
    router.set_weights(now, 253);
    assert_eq!(router.poll_timeout(), Some(now));
}

#[test]
fn a_master_advertises_a_changed_priority_at_once() {
    let (mut router, now) = master(config(100));
    router.set_weights(now, -30);
    assert_eq!(drain(&mut router), [Did::Advertise(70)]);
    router.set_weights(now, -30);
    assert_eq!(drain(&mut router), [], "nothing has changed");
}

#[test]
fn a_slower_master_says_so_before_its_backups_would_miss_it() {
    let fast = AdvertInterval::from_centis(10).unwrap();
    let slow = AdvertInterval::from_centis(1000).unwrap();
    let (mut router, now) = master(builder(100).version(Version::V3).interval(fast).build().unwrap());
    let config = router.config().to_builder().interval(slow).build().unwrap();
    router.reconfigure(now, config).unwrap();
    let Some(Output::Advertise(advertise)) = router.poll_output() else { panic!("it advertises at once") };
    assert_eq!(advertise.advertisement.interval(), slow);
    while router.poll_output().is_some() {}
    assert_eq!(router.poll_timeout(), Some(now + Duration::from_secs(10)));
}

#[test]
fn another_number_is_another_virtual_router() {
    let mut router = started(config(100));
    let other = Config::builder(Vrid::new(52).unwrap(), OURS, VIPS.map(IpAddr::from)).build().unwrap();
    assert_eq!(router.reconfigure(at(SEC), other), Err(ConfigError::Identity));
    assert_eq!(router.config().vrid().get(), 51);
}

#[test]
fn a_fault_ends_a_masters_office_and_its_end_begins_anew_as_backup() {
    let (mut router, now) = master(config(100));
    router.raise(now, Fault::InterfaceDown);
    router.raise(now, Fault::Tracker);
    assert_eq!(
        drain(&mut router),
        [Did::Advertise(0), Did::Release, transition("Master -> Fault: the interface is down")]
    );
    assert_eq!(router.poll_timeout(), None);
    assert!(router.handle_advertisement(now, ABOVE, &advert(50)).is_err());
    router.clear(now, Fault::InterfaceDown);
    assert_eq!(router.state(), State::Fault, "one is left");
    router.clear(now, Fault::Tracker);
    assert_eq!(drain(&mut router), [transition("Fault -> Backup: no longer so: what it tracks has failed")]);
    assert_eq!(router.poll_timeout(), Some(now + Duration::from_micros(MASTER_DOWN)));
}

#[test]
fn what_is_at_fault_starts_in_fault_and_the_owner_leaves_it_as_master() {
    let mut owner = VirtualRouter::new(config(255));
    owner.raise(Instant::EPOCH, Fault::NoSourceAddress);
    owner.start(Instant::EPOCH);
    assert_eq!(owner.state(), State::Fault);
    owner.clear(at(SEC), Fault::NoSourceAddress);
    assert_eq!(owner.state(), State::Master);
    owner.raise(at(SEC), Fault::Operator);
    owner.shutdown(at(SEC));
    assert_eq!(owner.state(), State::Initialize);
}

#[test]
fn a_lost_address_makes_a_healthier_backup_master_soon_or_is_restored() {
    let (mut router, now) = master(config(100));
    router.handle_lost_address(now, [203, 0, 113, 9].into());
    assert_eq!(drain(&mut router), [], "not one of ours");
    router.handle_lost_address(now, VIPS[1].into());
    assert_eq!(
        drain(&mut router),
        [
            Did::Advertise(0),
            Did::Release,
            transition("Master -> Backup: 192.0.2.101 was taken off the interface")
        ]
    );
    assert_eq!(router.poll_timeout(), Some(now + Duration::from_micros(SKEW)));

    let restoring = builder(100).on_address_loss(OnAddressLoss::Restore).build().unwrap();
    let (mut router, now) = master(restoring);
    router.handle_lost_address(now, VIPS[1].into());
    assert_eq!(drain(&mut router), [Did::Acquire, Did::Announce]);
    assert_eq!((router.state(), router.stats().addresses_lost), (State::Master, 1));
}

fn tracking(weights: &[(Tracker, Health)]) -> (VrrpRouter, Vec<vrrp_engine::TrackerId>) {
    let mut router = VrrpRouter::new();
    let id = router.add(1, config(100)).unwrap();
    let trackers = weights.iter().map(|(tracker, health)| {
        let tracked = router.add_tracker();
        router.report(Instant::EPOCH, tracked, *health);
        router.track(Instant::EPOCH, id, tracked, *tracker).unwrap();
        tracked
    });
    let trackers = trackers.collect();
    router.start(Instant::EPOCH);
    while router.poll_output().is_some() {}
    (router, trackers)
}

fn only(router: &VrrpRouter) -> &VirtualRouter {
    router.iter().next().unwrap().1
}

#[test]
fn what_is_tracked_adds_up() {
    let plus = Tracker::weight(20).unwrap();
    let minus = Tracker::weight(-50).unwrap();
    let (mut router, ids) = tracking(&[(plus, Health::Up), (minus, Health::Up)]);
    assert_eq!(only(&router).priority().get(), 120);
    router.report(at(SEC), ids[1], Health::Down);
    assert_eq!(only(&router).priority().get(), 70);
    assert_eq!(router.health(ids[1]), Some(Health::Down));
    router.report(at(SEC), ids[0], Health::Unknown);
    assert_eq!(only(&router).priority().get(), 50);
    let id = router.iter().next().unwrap().0;
    router.untrack(at(SEC), id, ids[1]).unwrap();
    assert_eq!(only(&router).priority().get(), 100);
}

#[test]
fn what_is_not_known_yet_keeps_it_in_fault_until_it_is() {
    let (mut router, ids) = tracking(&[(Tracker::fault(), Health::Unknown), (Tracker::fault(), Health::Up)]);
    assert_eq!(only(&router).state(), State::Fault);
    router.report(at(SEC), ids[0], Health::Up);
    assert_eq!(only(&router).state(), State::Backup);
    router.report(at(SEC), ids[1], Health::Down);
    router.report(at(SEC), ids[0], Health::Down);
    router.report(at(SEC), ids[1], Health::Up);
    assert_eq!(only(&router).state(), State::Fault, "one is still down");
}

#[test]
fn a_link_concerns_the_virtual_routers_on_it() {
    use vrrp_engine::Link;
    let mut router = VrrpRouter::new();
    let ids = [1, 2].map(|interface| router.add(interface, config(100)).unwrap());
    router.start(Instant::EPOCH);
    router.handle_link(at(SEC), 1, Link::Down);
    let states = ids.map(|id| router.get(id).unwrap().state());
    assert_eq!(states, [State::Fault, State::Backup]);
    router.handle_link(at(SEC), 1, Link::Up);
    assert_eq!(router.get(ids[0]).unwrap().state(), State::Backup);
}

#[test]
fn one_that_is_removed_gives_up_its_office_and_its_number_is_free() {
    let mut router = VrrpRouter::new();
    let id = router.add(1, config(255)).unwrap();
    router.start(Instant::EPOCH);
    while router.poll_output().is_some() {}
    router.remove(at(SEC), id).unwrap();
    assert!(router.get(id).is_none() && router.iter().next().is_none());
    let again = router.add(1, config(100)).unwrap();
    assert_eq!(again, id);
    let mut lines = Vec::new();
    while let Some((whose, output)) = router.poll_output() {
        assert_eq!(whose, id);
        lines.push(output.to_string());
    }
    assert_eq!(
        lines,
        [
            "advertise priority 0 to 224.0.0.18",
            "release 192.0.2.100 and 1 more",
            "Master -> Initialize: shut down"
        ]
    );
    assert_eq!(router.poll_timeout(), None);
    assert!(router.remove(at(SEC), id).is_ok());
    assert_eq!(
        router.remove(at(SEC), id).unwrap_err().to_string(),
        "there is no virtual router 51 on interface 1"
    );
}

#[test]
fn advertisements_go_before_all_other_orders_of_all_routers() {
    let mut router = VrrpRouter::new();
    for vrid in 1..=3 {
        let config = Config::builder(Vrid::new(vrid).unwrap(), OURS, [IpAddr::from([10, 0, 0, vrid])]);
        router.add(1, config.priority(Priority::OWNER).build().unwrap()).unwrap();
    }
    router.start(Instant::EPOCH);
    let mut lines = Vec::new();
    while let Some((_, output)) = router.poll_output() {
        lines.push(matches!(output, Output::Advertise(_)));
    }
    assert_eq!(lines[..3], [true; 3]);
    assert!(lines[3..].iter().all(|is_advertisement| !is_advertisement));
}

#[test]
fn a_busy_caller_sends_an_advertisement_that_becomes_due_between_two_orders() {
    let (mut router, now) = master(builder(100).announcements(Announcements::default()).build().unwrap());
    let lost = VIPS[0].into();
    let restoring = router.config().to_builder().on_address_loss(OnAddressLoss::Restore).build().unwrap();
    router.reconfigure(now, restoring).unwrap();
    while router.poll_output().is_some() {}
    router.handle_lost_address(now, lost);
    assert!(matches!(router.poll_output(), Some(Output::Acquire(_))));
    router.handle_timeout(now + Duration::from_secs(1));
    assert!(matches!(router.poll_output(), Some(Output::Advertise(_))));
    assert!(matches!(router.poll_output(), Some(Output::Announce(_))));
}

#[test]
fn a_transition_names_the_packet_or_the_timer_that_caused_it() {
    let (mut router, now) = master(config(100));
    let interval = AdvertInterval::DEFAULT;
    router.handle_advertisement(now, ABOVE, &advert_of(Version::V2, 200, interval)).unwrap();
    let mut last = None;
    while let Some(output) = router.poll_output() {
        if let Output::Transition(transition) = output {
            last = Some(format!("{transition:#}"));
        }
    }
    assert_eq!(
        last.as_deref(),
        Some(
            "Master -> Backup: Master 192.0.2.11 (priority 200) is better (advertisement from 192.0.2.11 (priority 200))"
        )
    );
    let mut late = started(config(100));
    late.handle_timeout(at(MASTER_DOWN + 1500));
    let mut last = None;
    while let Some(output) = late.poll_output() {
        last = Some(output.to_string());
        if let Output::Transition(transition) = output {
            last = Some(format!("{transition:#}"));
        }
    }
    assert_eq!(last.as_deref(), Some("Backup -> Master: no Master was heard (timer, 1.5ms late)"));
}

#[test]
fn a_snapshot_says_what_rfc_8347_asks_for() {
    let mut router = VrrpRouter::new();
    router.add(1, config(100)).unwrap();
    router.start(Instant::EPOCH);
    let mut buffer = [0; 64];
    let endpoints = Endpoints::multicast(ABOVE);
    let bytes = advert(200).encode(&endpoints, Default::default(), &mut buffer).unwrap();
    router.handle_packet(at(SEC), 1, &Packet::new(endpoints, 255, bytes)).unwrap();
    let (_, snapshot) = router.snapshots(at(5 * SEC / 2)).next().unwrap();
    let json = serde_json::to_value(snapshot).unwrap();
    assert_eq!(json["state"], "backup");
    assert_eq!(json["is-owner"], false);
    assert_eq!(json["last-adv-source"], "192.0.2.11");
    assert_eq!(json["in-state-for"], 2.5);
    assert_eq!(json["master-down-interval"], 360);
    assert_eq!(json["skew-time"], 609_375);
    assert_eq!(json["last-event"], "startup");
    assert_eq!(json["new-master-reason"], "not-master");
    assert_eq!(json["statistics"]["advertisement-rcvd"], 1);
    assert_eq!(json["addresses"][0], "192.0.2.100");
    assert_eq!(snapshot.to_string(), "virtual router 51: Backup, priority 100, Master 192.0.2.11, for 2.5s");
}

#[test]
fn a_release_that_was_heard_is_followed_up_whatever_the_interval_becomes() {
    let mut router = started(config(100));
    router.handle_advertisement(at(2 * SEC), ABOVE, &advert(0)).unwrap();
    let due = router.poll_timeout();
    let slow = router.config().to_builder().interval(AdvertInterval::from_secs(10).unwrap());
    router.reconfigure(at(2 * SEC), slow.build().unwrap()).unwrap();
    assert_eq!(router.poll_timeout(), due);
}

#[test]
fn a_backup_told_of_a_shorter_interval_waits_for_it_from_then_on() {
    let slow = AdvertInterval::from_secs(30).unwrap();
    let mut router = started(builder(100).interval(slow).build().unwrap());
    router.handle_advertisement(at(SEC), ABOVE, &advert_of(Version::V2, 200, slow)).unwrap();
    let fast = router.config().to_builder().interval(AdvertInterval::DEFAULT).build().unwrap();
    router.reconfigure(at(20 * SEC), fast).unwrap();
    assert_eq!(router.poll_timeout(), Some(at(20 * SEC + MASTER_DOWN)));
}

#[test]
fn another_version_is_spoken_from_then_on_and_no_interval_of_the_old_one_is_kept() {
    let slow = AdvertInterval::from_secs(100).unwrap();
    let (mut router, now) = master(builder(100).interval(slow).build().unwrap());
    router.handle_advertisement(now, ABOVE, &advert_of(Version::V2, 200, slow)).unwrap();
    let v3 = router.config().to_builder().version(Version::V3).interval(AdvertInterval::DEFAULT);
    router.reconfigure(now, v3.build().unwrap()).unwrap();
    assert_eq!(router.master_interval(), AdvertInterval::DEFAULT);
    while router.poll_output().is_some() {}
    assert!(router.handle_advertisement(now, ABOVE, &advert_of(Version::V2, 200, slow)).is_err());
}

#[test]
fn peers_that_change_while_an_advertisement_is_sent_all_get_it() {
    let peers = |list: &[u8]| -> Vec<_> {
        list.iter().map(|last| UnicastPeer::neighbour([192, 0, 2, *last].into())).collect()
    };
    let mut router = VirtualRouter::new(builder(255).peers(peers(&[20, 21, 22])).build().unwrap());
    router.start(Instant::EPOCH);
    orders(&mut router);
    router.shutdown(at(SEC));
    assert!(matches!(router.poll_output(), Some(Output::Advertise(_))));
    assert!(matches!(router.poll_output(), Some(Output::Advertise(_))));
    let fewer = router.config().to_builder().peers(peers(&[30])).build().unwrap();
    router.reconfigure(at(SEC), fewer).unwrap();
    let lines = orders(&mut router);
    let expected = [
        "advertise priority 0 to 192.0.2.30",
        "release 192.0.2.100 and 1 more",
        "Master -> Initialize: shut down",
    ];
    assert_eq!(lines, expected);
    let none = builder(100).peers([]).build();
    assert_eq!(none.unwrap_err(), ConfigError::NoPeers);
}

#[test]
fn one_that_is_removed_is_not_started_again() {
    let mut router = VrrpRouter::new();
    let id = router.add(1, config(255)).unwrap();
    router.start(Instant::EPOCH);
    while router.poll_output().is_some() {}
    router.remove(at(SEC), id).unwrap();
    router.start(at(SEC));
    let mut lines = Vec::new();
    while let Some((_, output)) = router.poll_output() {
        lines.push(output.to_string());
    }
    assert_eq!(lines.last().map(String::as_str), Some("Master -> Initialize: shut down"), "{lines:?}");
    assert_eq!(router.poll_timeout(), None);
}

#[test]
fn one_can_be_stopped_and_started_by_itself() {
    let mut router = VrrpRouter::new();
    let ids = [1, 2].map(|interface| router.add(interface, config(255)).unwrap());
    router.start(Instant::EPOCH);
    router.shutdown_one(at(SEC), ids[0]).unwrap();
    assert_eq!(ids.map(|id| router.get(id).unwrap().state()), [State::Initialize, State::Master]);
    router.start_one(at(SEC), ids[0]).unwrap();
    assert_eq!(router.get(ids[0]).unwrap().state(), State::Master);
}

#[test]
fn tracked_again_it_is_tracked_anew() {
    let (mut router, ids) = tracking(&[(Tracker::weight(20).unwrap(), Health::Up)]);
    let id = router.iter().next().unwrap().0;
    router.track(at(SEC), id, ids[0], Tracker::weight(30).unwrap()).unwrap();
    assert_eq!(only(&router).priority().get(), 130);
}
