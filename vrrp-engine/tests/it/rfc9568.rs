//! RFC 9568 §6, a test for each clause: first those in which it differs from RFC 3768, and IPv6, then the others.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::Duration,
};

use vrrp_engine::{
    Config, ConfigError, Instant, Output, Preempt, Reason, Reassert, State, VirtualRouter, VrrpRouter,
};
use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, Authentication, Checksum, Endpoints, MULTICAST_V6, Packet,
    Password, Priority, Version, Vrid,
};

use super::{ABOVE, BELOW, Did, SEC, advert_of, at, builder, drain, master, started, transition};

fn v3(priority: u8) -> Config {
    builder(priority).version(Version::V3).build().unwrap()
}

fn centis(centis: u16) -> AdvertInterval {
    AdvertInterval::from_centis(centis).unwrap()
}

fn advert(priority: u8, interval: AdvertInterval) -> Advertisement<'static> {
    advert_of(Version::V3, priority, interval)
}

/// The checklist's values.
#[test]
fn s6_1_the_skew_time_is_a_part_of_the_interval() {
    let cases = [(100, 100, 609_375_000), (254, 1, 78_125), (255, 100, 3_906_250), (1, 4095, 40_790_039_062)];
    for (priority, interval, nanos) in cases {
        let config = builder(priority).version(Version::V3).interval(centis(interval)).build().unwrap();
        assert_eq!(config.skew_time(), Duration::from_nanos(nanos));
        let expected = Duration::from_millis(10) * (3 * u32::from(interval)) + config.skew_time();
        assert_eq!(config.master_down_interval(), expected);
    }
}

#[test]
fn s6_4_1_a_backup_starts_with_its_own_interval() {
    let router = started(builder(100).version(Version::V3).interval(centis(25)).build().unwrap());
    assert_eq!(router.master_interval(), centis(25));
    assert_eq!(router.poll_timeout(), Some(at(750_000 + 152_343) + Duration::from_nanos(750)));
}

#[test]
fn s6_4_2_the_master_s_interval_is_learned_and_decides_when_it_is_dead() {
    let mut router = started(v3(100));
    router.handle_advertisement(at(SEC), ABOVE, &advert(200, centis(10))).unwrap();
    assert_eq!(router.master_interval(), centis(10));
    let skew = Duration::from_millis(100) * 156 / 256;
    assert_eq!(router.poll_timeout(), Some(at(SEC) + Duration::from_millis(300) + skew));
}

#[test]
fn s6_4_2_a_release_takes_the_skew_time_of_the_master_s_interval() {
    let mut router = started(v3(100));
    router.handle_advertisement(at(SEC), ABOVE, &advert(200, centis(10))).unwrap();
    router.handle_advertisement(at(SEC + 1), ABOVE, &advert(0, centis(4095))).unwrap();
    assert_eq!(router.poll_timeout(), Some(at(SEC + 1) + Duration::from_millis(100) * 156 / 256));
}

#[test]
fn s6_4_2_nothing_is_learned_from_a_master_that_is_preempted() {
    let mut router = started(v3(100));
    let due = router.poll_timeout();
    router.handle_advertisement(at(SEC), ABOVE, &advert(99, centis(10))).unwrap();
    assert_eq!((router.poll_timeout(), router.master_interval()), (due, AdvertInterval::DEFAULT));
}

#[test]
fn s6_4_2_a_new_master_goes_by_its_own_interval_again() {
    let mut router = started(v3(100));
    router.handle_advertisement(at(SEC), ABOVE, &advert(200, centis(10))).unwrap();
    let now = router.poll_timeout().unwrap();
    router.handle_timeout(now);
    drain(&mut router);
    assert_eq!((router.state(), router.master_interval()), (State::Master, AdvertInterval::DEFAULT));
    assert_eq!(router.poll_timeout(), Some(now + Duration::from_secs(1)));
}

#[test]
fn s6_4_3_the_interval_of_a_better_master_is_learned() {
    let (mut router, now) = master(v3(100));
    router.handle_advertisement(now, BELOW, &advert(101, centis(50))).unwrap();
    assert_eq!((router.state(), router.master_interval()), (State::Backup, centis(50)));
}

#[test]
fn s6_4_3_a_worse_master_is_answered_at_once_and_the_beat_stays() {
    let (mut router, start) = master(v3(100));
    let (due, now) = (router.poll_timeout(), start + Duration::from_millis(1));
    for (priority, source) in [(99, ABOVE), (100, BELOW)] {
        router.handle_advertisement(now, source, &advert(priority, AdvertInterval::DEFAULT)).unwrap();
        assert_eq!(drain(&mut router), [Did::Advertise(100)]);
        assert_eq!((router.state(), router.poll_timeout()), (State::Master, due));
    }
}

#[test]
fn s6_4_3_whether_a_worse_master_is_answered_can_be_chosen_in_both_versions() {
    for version in [Version::V2, Version::V3] {
        for (reassert, answered) in [(Reassert::Advertise, true), (Reassert::Stay, false)] {
            let (mut router, now) = master(builder(100).version(version).reassert(reassert).build().unwrap());
            let worse = advert_of(version, 99, AdvertInterval::DEFAULT);
            router.handle_advertisement(now, ABOVE, &worse).unwrap();
            assert_eq!(drain(&mut router).contains(&Did::Advertise(100)), answered);
        }
    }
    assert_eq!(builder(100).build().unwrap().reassert(), Reassert::Stay);
}

#[test]
fn s7_1_another_interval_is_taken_and_counted() {
    let mut router = started(v3(100));
    let message = encoded(&advert(200, centis(7)), &Endpoints::multicast(ABOVE), Checksum::PseudoHeader);
    let packet = Packet::new(Endpoints::multicast(ABOVE), 255, &message);
    router.handle_packet(at(SEC), &packet.decode().unwrap()).unwrap();
    assert_eq!((router.stats().advertisement_rcvd, router.stats().interval_mismatches), (1, 1));
}

fn encoded(advertisement: &Advertisement<'_>, endpoints: &Endpoints, checksum: Checksum) -> Vec<u8> {
    let mut buffer = [0; Advertisement::MAX_LEN];
    advertisement.encode(endpoints, checksum, &mut buffer).unwrap().to_vec()
}

const SOURCES: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2)];
const VIPS: [Ipv6Addr; 2] =
    [Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x100), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x100)];

fn v6(source: Ipv6Addr) -> Config {
    Config::builder(Vrid::new(51).unwrap(), source, VIPS).build().unwrap()
}

/// Two routers of equal priority over IPv6, through bytes: both think that they are alone, then they meet.
#[test]
fn over_ipv6_the_higher_link_local_address_wins_a_tie() {
    let mut routers = SOURCES.map(|source| {
        let mut router = VrrpRouter::new();
        router.add(1, v6(source)).unwrap();
        router.start(Instant::EPOCH);
        router
    });
    let now = routers[0].poll_timeout().unwrap();
    let mut messages = Vec::new();
    for router in &mut routers {
        router.handle_timeout(now);
        while let Some((_, output)) = router.poll_output() {
            if let Output::Advertise(advertise) = output {
                assert_eq!(advertise.endpoints.destination(), IpAddr::V6(MULTICAST_V6));
                assert_eq!(advertise.advertisement.version(), Version::V3);
                assert_eq!(advertise.advertisement.addresses(), Addresses::V6(&VIPS.map(|vip| vip.octets())));
                let mut buffer = [0; 64];
                messages.push((advertise.endpoints, advertise.encode(&mut buffer).unwrap().to_vec()));
            }
        }
    }
    let [(low, from_low), (high, from_high)] = messages.try_into().unwrap();
    routers[0].handle_packet(now, 1, &Packet::new(high, 255, &from_high)).unwrap();
    routers[1].handle_packet(now, 1, &Packet::new(low, 255, &from_low)).unwrap();

    let states = routers.each_ref().map(|router| router.iter().next().unwrap().1.state());
    assert_eq!(states, [State::Backup, State::Master]);
    let mut reasons = Vec::new();
    while let Some((_, output)) = routers[0].poll_output() {
        if let Output::Transition(transition) = output {
            reasons.push(transition.reason);
        }
    }
    assert!(matches!(reasons[..], [Reason::BetterMaster(peer)] if peer.source == SOURCES[1]), "{reasons:?}");
}

#[test]
fn one_number_may_be_two_virtual_routers_of_two_families() {
    let mut router = VrrpRouter::new();
    let v6 = router.add(1, v6(SOURCES[0])).unwrap();
    let v4 = router.add(1, v3(100)).unwrap();
    assert_ne!(v4, v6);
    router.start(Instant::EPOCH);
    while router.poll_output().is_some() {}

    let message =
        encoded(&advert(200, AdvertInterval::DEFAULT), &Endpoints::multicast(ABOVE), Checksum::MessageOnly);
    let taken = router.handle_packet(at(SEC), 1, &Packet::new(Endpoints::multicast(ABOVE), 255, &message));
    assert_eq!(taken.unwrap().router, v4);
    let heard = |id| router.get(id).and_then(VirtualRouter::master).is_some();
    assert_eq!((heard(v4), heard(v6)), (true, false));
}

#[test]
fn what_does_not_go_together_is_refused() {
    let of = |source: IpAddr, vip: IpAddr| Config::builder(Vrid::new(51).unwrap(), source, [vip]);
    let (v4, v6) = (IpAddr::from([192, 0, 2, 1]), IpAddr::V6(SOURCES[0]));
    let (vip4, vip6) = (IpAddr::from([192, 0, 2, 100]), IpAddr::V6(VIPS[0]));
    assert_eq!(of(v6, vip6).version(Version::V2).build().unwrap_err(), ConfigError::VersionOfFamily);
    assert!(matches!(of(v4, vip6).build().unwrap_err(), ConfigError::Family { .. }));
    assert!(matches!(of(v6, vip4).build().unwrap_err(), ConfigError::Family { .. }));
    assert!(matches!(of(v6, vip6).group([224, 0, 0, 18]).build().unwrap_err(), ConfigError::Group { .. }));
    let password = Authentication::SimpleText(Password::new("s3cr3t").unwrap());
    let with_password = of(v4, vip4).version(Version::V3).authentication(password).build();
    assert_eq!(with_password.unwrap_err(), ConfigError::AuthenticationOfVersion);
    let fast = of(v4, vip4).interval(centis(25)).build().unwrap_err();
    assert_eq!(
        fast.to_string(),
        "an advertisement interval of 250ms is out of range for version 2: 1 to 255 whole seconds"
    );
    let slow = of(v4, vip4).version(Version::V3).interval(AdvertInterval::from_secs(60).unwrap()).build();
    assert!(matches!(slow.unwrap_err(), ConfigError::Interval { .. }));
    assert_eq!(of(v6, vip6).build().unwrap().priority(), Priority::DEFAULT);
}

// What version 3 has in common with version 2, clause by clause: at one second, the times are the same.

/// Skew_Time and Master_Down_Interval of priority 100 at one second.
const SKEW: u64 = 609_375;
const MASTER_DOWN: u64 = 3 * SEC + SKEW;

fn said(priority: u8) -> Advertisement<'static> {
    advert(priority, AdvertInterval::DEFAULT)
}

#[test]
fn s6_4_1_a_startup_of_the_owner_becomes_master_and_of_another_backup() {
    let mut owner = VirtualRouter::new(v3(255));
    owner.start(Instant::EPOCH);
    let orders =
        [Did::Advertise(255), Did::Acquire, Did::Announce, transition("Initialize -> Master: started")];
    assert_eq!(drain(&mut owner), orders);
    assert_eq!(owner.poll_timeout(), Some(at(SEC)));
    let mut other = VirtualRouter::new(v3(100));
    other.start(Instant::EPOCH);
    assert_eq!(drain(&mut other), [Did::Release, transition("Initialize -> Backup: started")]);
    assert_eq!(other.poll_timeout(), Some(at(MASTER_DOWN)));
}

#[test]
fn s6_4_2_shutdown_of_a_backup_says_nothing() {
    let mut router = started(v3(100));
    router.shutdown(at(SEC));
    assert_eq!(drain(&mut router), [transition("Backup -> Initialize: shut down")]);
}

#[test]
fn s6_4_2_the_active_down_timer_makes_it_master() {
    let mut router = started(v3(100));
    router.handle_timeout(at(MASTER_DOWN));
    let orders = [
        Did::Advertise(100),
        Did::Acquire,
        Did::Announce,
        transition("Backup -> Master: no Master was heard"),
    ];
    assert_eq!(drain(&mut router), orders);
    assert_eq!(router.poll_timeout(), Some(at(MASTER_DOWN + SEC)));
}

#[test]
fn s6_4_2_an_equal_or_higher_priority_resets_the_timer_and_a_lower_one_if_preempt_mode_is_false() {
    for (priority, preempt) in [(100, Preempt::Allow), (255, Preempt::Allow), (99, Preempt::Forbid)] {
        let mut router = started(builder(100).version(Version::V3).preempt(preempt).build().unwrap());
        router.handle_advertisement(at(SEC), ABOVE, &said(priority)).unwrap();
        assert_eq!(router.poll_timeout(), Some(at(SEC + MASTER_DOWN)));
    }
}

#[test]
fn s6_4_2_a_lower_priority_is_discarded_if_preempt_mode_is_true() {
    let mut router = started(v3(100));
    router.handle_advertisement(at(SEC), ABOVE, &said(99)).unwrap();
    assert_eq!(router.poll_timeout(), Some(at(MASTER_DOWN)));
}

#[test]
fn s6_4_3_shutdown_of_a_master_sends_priority_0() {
    let (mut router, now) = master(v3(100));
    router.shutdown(now);
    let orders = [Did::Advertise(0), Did::Release, transition("Master -> Initialize: shut down")];
    assert_eq!(drain(&mut router), orders);
    assert_eq!(router.poll_timeout(), None);
}

#[test]
fn s6_4_3_the_adver_timer_sends_and_is_reset() {
    let (mut router, now) = master(v3(100));
    for beat in 1..=3 {
        router.handle_timeout(now + Duration::from_secs(beat));
        assert_eq!(drain(&mut router), [Did::Advertise(100)]);
    }
}

#[test]
fn s6_4_3_priority_0_is_answered_and_the_timer_reset() {
    let (mut router, now) = master(v3(100));
    let later = now + Duration::from_millis(1400);
    router.handle_timeout(now + Duration::from_secs(1));
    drain(&mut router);
    router.handle_advertisement(later, ABOVE, &said(0)).unwrap();
    assert_eq!(drain(&mut router), [Did::Advertise(100), Did::Announce]);
    assert_eq!(router.poll_timeout(), Some(later + Duration::from_secs(1)));
}

#[test]
fn s6_4_3_a_higher_priority_or_an_equal_one_of_a_higher_address_wins() {
    for (source, priority, state) in [
        (BELOW, 101, State::Backup),
        (ABOVE, 100, State::Backup),
        (BELOW, 100, State::Master),
        (ABOVE, 99, State::Master),
    ] {
        let (mut router, now) = master(v3(100));
        router.handle_advertisement(now, source, &said(priority)).unwrap();
        assert_eq!(router.state(), state, "{source}, {priority}");
    }
}
