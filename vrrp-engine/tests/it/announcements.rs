//! When, how often and how fast a Master announces its addresses.

use std::{net::IpAddr, time::Duration};

use vrrp_engine::{Announcements, Config, Instant, Output, VirtualRouter, VrrpRouter};
use vrrp_proto::{Priority, Vrid};

use super::{ABOVE, OURS, SEC, advert, at, builder};

const SECOND: Duration = Duration::from_secs(1);

fn owner(addresses: u8, announcements: Announcements) -> Config {
    let addresses = (0..addresses).map(|last| IpAddr::from([10, 0, 0, last]));
    let config = Config::builder(Vrid::new(51).unwrap(), OURS, addresses).priority(Priority::OWNER);
    config.announcements(announcements).build().unwrap()
}

/// Runs it until `end`, and returns when it announced, how many addresses and how often each.
fn announced(router: &mut VirtualRouter, end: u64) -> Vec<(u64, usize, u8)> {
    let mut all = Vec::new();
    let mut now = Instant::EPOCH;
    loop {
        while let Some(output) = router.poll_output() {
            if let Output::Announce(announce) = output {
                let millis = now.since_epoch().as_millis() as u64;
                all.push((millis, announce.addresses.len(), announce.times));
            }
        }
        now = router.poll_timeout().unwrap();
        if now > at(end * SEC) {
            return all;
        }
        router.handle_timeout(now);
    }
}

#[test]
fn the_default_is_keepaliveds_five_at_once_and_five_after_five_seconds() {
    let mut router = VirtualRouter::new(owner(3, Announcements::default()));
    router.start(Instant::EPOCH);
    assert_eq!(announced(&mut router, 60), [(0, 3, 5), (5000, 3, 5)]);
}

#[test]
fn a_refresh_comes_as_long_as_it_is_master() {
    let plan = Announcements::default().on_master(1, None).refresh(20 * SECOND, 2);
    let mut router = VirtualRouter::new(owner(3, plan));
    router.start(Instant::EPOCH);
    assert_eq!(announced(&mut router, 60), [(0, 3, 1), (20_000, 3, 2), (40_000, 3, 2), (60_000, 3, 2)]);
    router.shutdown(at(60 * SEC));
    assert_eq!(router.poll_timeout(), None);
}

#[test]
fn none_is_none() {
    let mut router = VirtualRouter::new(owner(3, Announcements::default().on_master(0, None)));
    router.start(Instant::EPOCH);
    assert_eq!(announced(&mut router, 9), []);
}

#[test]
fn with_a_gap_the_addresses_go_one_by_one_and_the_advertisements_keep_their_beat() {
    let gap = Duration::from_millis(10);
    let plan = Announcements::default().on_master(2, None).gap(gap);
    let mut router = VirtualRouter::new(owner(200, plan));
    router.start(Instant::EPOCH);
    let (mut last, mut order, mut beats) = (None, Vec::new(), Vec::new());
    let mut now = Instant::EPOCH;
    while now < at(5 * SEC) {
        while let Some(output) = router.poll_output() {
            match output {
                Output::Announce(announce) => {
                    assert!(last.is_none_or(|last| now - last >= gap), "too fast at {now:?}");
                    last = Some(now);
                    order.extend(announce.addresses.iter());
                }
                Output::Advertise(_) => beats.push(now),
                Output::Acquire(_) | Output::Release(_) | Output::Transition(_) | Output::Overdue(_) => {}
            }
        }
        now = router.poll_timeout().unwrap();
        router.handle_timeout(now);
    }
    let list: Vec<_> = (0..200).map(|last| IpAddr::from([10, 0, 0, last])).collect();
    assert_eq!(order, [list.clone(), list].concat());
    assert_eq!(beats, (0..5).map(|second| at(second * SEC)).collect::<Vec<_>>());
}

#[test]
fn all_on_an_interface_share_its_pace_and_others_do_not_wait_for_it() {
    let gap = Duration::from_millis(10);
    let mut router = VrrpRouter::new();
    for (interface, vrid) in [(1, 1), (1, 2), (1, 3), (2, 1)] {
        let addresses = (0..5).map(|last| IpAddr::from([10, 0, vrid, last]));
        let config = Config::builder(Vrid::new(vrid).unwrap(), OURS, addresses).priority(Priority::OWNER);
        let plan = Announcements::default().on_master(1, None).gap(gap);
        router.add(interface, config.announcements(plan).build().unwrap()).unwrap();
    }
    router.start(Instant::EPOCH);
    let mut now = Instant::EPOCH;
    let mut times = [Vec::new(), Vec::new()];
    while now < at(SEC / 2) {
        while let Some((id, output)) = router.poll_output() {
            if let Output::Announce(announce) = output {
                assert_eq!(announce.addresses.len(), 1);
                times[id.interface as usize - 1].push(now.since_epoch().as_millis());
            }
        }
        now = router.poll_timeout().unwrap();
        router.handle_timeout(now);
    }
    assert_eq!(times[0], (0..15).map(|slot| slot * 10).collect::<Vec<_>>());
    assert_eq!(times[1], (0..5).map(|slot| slot * 10).collect::<Vec<_>>());
}

#[test]
fn a_worse_master_is_answered_with_its_own_burst_and_again_later() {
    let plan = Announcements::default().on_master(1, None).on_worse_master(3, Some(2 * SECOND));
    let mut router = VirtualRouter::new(builder(255).announcements(plan).build().unwrap());
    router.start(Instant::EPOCH);
    while router.poll_output().is_some() {}
    router.handle_timeout(at(3 * SEC / 2));
    router.handle_advertisement(at(3 * SEC / 2), ABOVE, &advert(9)).unwrap();
    assert!(announced(&mut router, 60).ends_with(&[(3500, 2, 3)]));
}

#[test]
fn who_stops_being_master_stops_announcing() {
    let gap = Duration::from_millis(10);
    let mut router = VirtualRouter::new(owner(200, Announcements::default().gap(gap)));
    router.start(Instant::EPOCH);
    router.handle_timeout(at(15_000));
    router.raise(at(15_000), vrrp_engine::Fault::Operator);
    while let Some(output) = router.poll_output() {
        assert!(!matches!(output, Output::Announce(_)));
    }
    assert_eq!(router.poll_timeout(), None);
}

#[test]
fn a_refresh_can_be_turned_on_and_off_while_it_is_master() {
    let plan = Announcements::default().on_master(1, None);
    let mut router = VirtualRouter::new(owner(1, plan));
    router.start(Instant::EPOCH);
    let with = |plan| owner(1, plan);
    router.reconfigure(Instant::EPOCH, with(plan.refresh(10 * SECOND, 2))).unwrap();
    assert_eq!(announced(&mut router, 25), [(0, 1, 1), (10_000, 1, 2), (20_000, 1, 2)]);
    router.reconfigure(at(25 * SEC), with(plan)).unwrap();
    assert_eq!(announced(&mut router, 60), []);
}

#[test]
fn a_worse_master_takes_nothing_away_from_the_second_burst() {
    let plan = Announcements::default().on_worse_master(0, None);
    let mut router = VirtualRouter::new(builder(255).announcements(plan).build().unwrap());
    router.start(Instant::EPOCH);
    while router.poll_output().is_some() {}
    for second in 1..5 {
        router.handle_timeout(at(second * SEC));
        router.handle_advertisement(at(second * SEC), ABOVE, &advert(9)).unwrap();
        while router.poll_output().is_some() {}
    }
    assert_eq!(announced(&mut router, 60), [(5000, 2, 5)]);
}

#[test]
fn a_caller_that_is_late_keeps_the_gap_too() {
    let gap = Duration::from_millis(1);
    let mut router = VirtualRouter::new(owner(50, Announcements::default().on_master(2, None).gap(gap)));
    router.start(Instant::EPOCH);
    let mut last = Instant::EPOCH;
    while router.poll_output().is_some() {}
    for _ in 0..99 {
        let late = router.poll_timeout().unwrap() + 2 * gap;
        router.handle_timeout(late);
        let mut count = 0;
        while let Some(output) = router.poll_output() {
            count += usize::from(matches!(output, Output::Announce(_)));
        }
        assert!(count == 1 && late - last >= gap);
        last = late;
    }
}
