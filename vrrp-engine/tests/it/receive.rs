//! The receive checks of RFC 3768 §7.1: each failure has its cause and its counter, and moves nothing else.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use vrrp_engine::{Discard, Instant, Output, RouterStats, State, Stats, VrrpRouter};
use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, AuthError, Authentication, Checksum, Endpoints, MULTICAST_V4,
    Packet, ParseError, Password, Priority, Violation, Vrid,
};

use super::{ABOVE, BELOW, OURS, SEC, VIPS, advert, at, builder};

const ETH0: u32 = 7;

fn packet(bytes: &[u8]) -> Packet<'_> {
    packet_to(MULTICAST_V4.into(), bytes)
}

fn packet_to(destination: IpAddr, bytes: &[u8]) -> Packet<'_> {
    Packet::new(Endpoints::new(ABOVE, destination).unwrap(), 255, bytes)
}

fn bytes(advertisement: &Advertisement<'_>) -> Vec<u8> {
    let mut buffer = [0; Advertisement::MAX_LEN];
    advertisement.encode(&Endpoints::multicast(ABOVE), Checksum::default(), &mut buffer).unwrap().to_vec()
}

fn router(priority: u8) -> VrrpRouter {
    let mut router = VrrpRouter::new();
    router.add(ETH0, builder(priority).build().unwrap()).unwrap();
    router.start(Instant::EPOCH);
    while router.poll_output().is_some() {}
    router
}

fn stats(router: &VrrpRouter) -> Stats {
    router.iter().next().unwrap().1.stats()
}

/// Hands the packet in, and asserts that it changed nothing but counters.
fn discard(router: &mut VrrpRouter, packet: Packet<'_>) -> Discard {
    discard_on(ETH0, router, packet)
}

fn discard_on(interface: u32, router: &mut VrrpRouter, packet: Packet<'_>) -> Discard {
    let before = (router.poll_timeout(), router.iter().next().unwrap().1.state());
    let discard = router.handle_packet(at(4 * SEC), interface, &packet).unwrap_err();
    assert!(router.poll_output().is_none());
    assert_eq!((router.poll_timeout(), router.iter().next().unwrap().1.state()), before);
    discard
}

#[test]
fn s7_1_each_failure_before_the_virtual_router_is_known_has_its_counter() {
    let good = bytes(&advert(200));
    let with = |at: usize, value: u8| {
        let mut bytes = good.clone();
        bytes[at] = value;
        fix_checksum(&mut bytes);
        bytes
    };
    let broken = {
        let mut bytes = good.clone();
        bytes[6] ^= 1;
        bytes
    };
    let (head, short) = (good[..5].to_vec(), good[..20].to_vec());
    type Counter = fn(&RouterStats, &Stats) -> u64;
    let cases: [(u8, u32, Vec<u8>, Counter); 12] = [
        (254, ETH0, good.clone(), |router, _| router.ip_ttl_errors),
        (255, ETH0, head, |_, stats| stats.packet_length_errors),
        (255, ETH0, short, |_, stats| stats.packet_length_errors),
        (255, ETH0, with(0, 0x41), |router, _| router.version_errors),
        (255, ETH0, with(0, 0x22), |_, stats| stats.invalid_type_pkts_rcvd),
        (255, ETH0, with(3, 0), |_, stats| stats.address_count_errors),
        (255, ETH0, broken, |router, _| router.checksum_errors),
        (255, ETH0, with(1, 0), |router, _| router.vrid_errors),
        (255, ETH0, with(1, 52), |router, _| router.vrid_errors),
        (255, 8, good.clone(), |router, _| router.vrid_errors),
        (255, ETH0, with(4, 3), |_, stats| stats.invalid_auth_type),
        (255, ETH0, with(5, 0), |_, stats| stats.zero_interval_errors),
    ];
    for (hop_limit, interface, bytes, counter) in cases {
        let mut router = router(100);
        let cause =
            discard_on(interface, &mut router, Packet::new(Endpoints::multicast(ABOVE), hop_limit, &bytes));
        assert_eq!((router.stats().received, counter(&router.stats(), &stats(&router))), (1, 1), "{cause}");
        assert_eq!(sum(&router), 1, "{cause}: another counter moved too");
    }
}

#[test]
fn s7_1_each_failure_of_a_virtual_router_has_its_counter() {
    let interval = AdvertInterval::from_secs(2).unwrap();
    let with = |interval, authentication| {
        let (vrid, priority) = (Vrid::new(51).unwrap(), Priority::new(200));
        bytes(&Advertisement::v2(vrid, priority, interval, Addresses::V4(&VIPS), authentication).unwrap())
    };
    let password = |text: &str| Authentication::SimpleText(Password::new(text).unwrap());
    let good = bytes(&advert(200));

    let mut plain = router(100);
    let unicast = packet_to(OURS, &good);
    assert_eq!(discard(&mut plain, unicast), Violation::Destination(OURS).into());
    assert_eq!(stats(&plain).destination_errors, 1);
    let simple = with(AdvertInterval::DEFAULT, password("secret"));
    assert_eq!(discard(&mut plain, packet(&simple)), mismatch(0, 1));
    assert_eq!(stats(&plain).auth_type_mismatches, 1);
    let slow = with(interval, Authentication::None);
    assert!(
        matches!(discard(&mut plain, packet(&slow)), Discard::Rule(Violation::Interval { theirs, .. }) if theirs == interval)
    );
    assert_eq!(stats(&plain).interval_errors, 1);

    let mut secret = VrrpRouter::new();
    secret.add(ETH0, builder(100).authentication(password("secret")).build().unwrap()).unwrap();
    assert_eq!(discard(&mut secret, packet(&simple)), Discard::NotRunning);
    assert_eq!(stats(&secret).not_running, 1);
    secret.start(Instant::EPOCH);
    while secret.poll_output().is_some() {}
    assert_eq!(discard(&mut secret, packet(&good)), mismatch(1, 0));
    let wrong = with(AdvertInterval::DEFAULT, password("secreT"));
    assert_eq!(discard(&mut secret, packet(&wrong)), Violation::Auth(AuthError::Password).into());
    assert_eq!(stats(&secret).auth_failures, 1);
    assert!(secret.handle_packet(at(4 * SEC), ETH0, &packet(&simple)).is_ok());
}

fn mismatch(ours: u8, theirs: u8) -> Discard {
    Violation::Auth(AuthError::TypeMismatch { ours, theirs }).into()
}

#[test]
fn what_version_2_has_no_use_for_is_counted() {
    let (vrid, priority, interval) = (Vrid::new(51).unwrap(), Priority::new(200), AdvertInterval::DEFAULT);
    let mut router = router(100);
    let v3 = bytes(&Advertisement::v3(vrid, priority, interval, Addresses::V4(&VIPS)).unwrap());
    assert!(matches!(discard(&mut router, packet(&v3)), Discard::Rule(Violation::Version(_))));
    assert_eq!(stats(&router).version_errors, 1);

    let trailer = [&[1, 1][..], &[0; 26]].concat();
    let with_trailer = [bytes(&advert(200)), trailer].concat();
    let cause = discard(&mut router, packet(&with_trailer));
    assert_eq!(cause, Violation::Auth(AuthError::UnexpectedTrailer).into());
    assert_eq!(stats(&router).packet_length_errors, 1);
}

#[test]
fn our_own_packets_come_back_without_effect() {
    let mut router = router(100);
    let now = router.poll_timeout().unwrap();
    router.handle_timeout(now);
    while router.poll_output().is_some() {}
    let ours = bytes(&advert(100));
    let echo = Packet::new(Endpoints::multicast(OURS), 255, &ours);
    assert_eq!(discard(&mut router, echo), Violation::OwnAddress.into());
    assert_eq!(stats(&router).own_address, 1);
}

#[test]
fn s7_1_another_list_of_addresses_is_counted_and_taken() {
    let (vrid, interval) = (Vrid::new(51).unwrap(), AdvertInterval::DEFAULT);
    let [one, other] = VIPS;
    let lists: [(&[_], u64); 5] = [
        (&[one, other], 0),
        (&[other, one], 0),
        (&[one], 1),
        (&[one, one], 1),
        (&[one, [192, 0, 2, 102]], 1),
    ];
    for (list, errors) in lists {
        let mut router = router(100);
        let advertisement =
            Advertisement::v2(vrid, Priority::new(200), interval, Addresses::V4(list), Authentication::None)
                .unwrap();
        router.handle_packet(at(SEC), ETH0, &packet(&bytes(&advertisement))).unwrap();
        assert_eq!(stats(&router).address_list_errors, errors, "{list:?}");
        assert_eq!(stats(&router).advertisement_rcvd, 1);
    }
}

/// The sum of every place a packet can be counted in.
fn sum(router: &VrrpRouter) -> u64 {
    let RouterStats {
        ip_ttl_errors,
        packet_length_errors,
        version_errors,
        checksum_errors,
        vrid_errors,
        other_parse_errors,
        ..
    } = router.stats();
    let global = ip_ttl_errors
        + packet_length_errors
        + version_errors
        + checksum_errors
        + vrid_errors
        + other_parse_errors;
    global + router.iter().map(|(_, router)| rcvd_or_discarded(&router.stats())).sum::<u64>()
}

/// The packets that were for a virtual router, whatever became of them.
fn rcvd_or_discarded(stats: &Stats) -> u64 {
    stats.advertisement_rcvd
        + stats.not_running
        + stats.interval_errors
        + stats.address_list_discards
        + stats.invalid_type_pkts_rcvd
        + stats.packet_length_errors
        + stats.invalid_auth_type
        + stats.auth_type_mismatches
        + stats.auth_failures
        + stats.address_count_errors
        + stats.zero_interval_errors
        + stats.version_errors
        + stats.checksum_errors
        + stats.ip_ttl_errors
        + stats.destination_errors
        + stats.source_errors
        + stats.own_address
        + stats.owner_ignored
        + stats.other_errors
}

proptest! {
    /// Byte soup, most of it with our VRID and a plausible header: a packet that is refused leaves the deadline, the
    /// state and the output as they are, and every packet is counted in exactly one place.
    #[test]
    fn rejected_input_never_moves_a_deadline(
        packets in prop::collection::vec(
            (prop::collection::vec(any::<u8>(), 0..40), any::<bool>(), 254u8..=255, any::<bool>(), 0u64..4000), 1..60),
        priority in 1u8..=255,
    ) {
        let mut router = router(priority);
        let mut now = Instant::EPOCH;
        for (soup, likely, hop_limit, wrong_destination, wait) in &packets {
            let mut soup = soup.clone();
            if *likely {
                soup.resize(20, 0);
                soup[..2].copy_from_slice(&[0x21, 51]);
                soup[3..6].copy_from_slice(&[1, 0, 1]);
                fix_checksum(&mut soup);
            }
            now = now + std::time::Duration::from_millis(*wait);
            router.handle_timeout(now);
            while router.poll_output().is_some() {}
            let before = (router.poll_timeout(), router.iter().next().unwrap().1.state());
            let destination = if *wrong_destination { Ipv4Addr::new(224, 0, 0, 5) } else { MULTICAST_V4 }.into();
            let packet = Packet::new(Endpoints::new(BELOW, destination).unwrap(), *hop_limit, &soup);
            if router.handle_packet(now, ETH0, &packet).is_err() {
                prop_assert_eq!((router.poll_timeout(), router.iter().next().unwrap().1.state()), before);
                prop_assert!(router.poll_output().is_none());
            }
        }
        prop_assert_eq!(router.stats().received, packets.len() as u64);
        prop_assert_eq!(sum(&router), packets.len() as u64);
    }
}

/// Makes the checksum right again, so that only another fault is left.
fn fix_checksum(message: &mut [u8]) {
    message[6..8].fill(0);
    if let Err(ParseError::Checksum { computed, .. }) = packet(message).decode() {
        message[6..8].copy_from_slice(&computed.to_be_bytes());
    }
}

#[test]
fn a_flood_of_rejected_packets_does_not_silence_a_master() {
    let mut router = router(100);
    let start = router.poll_timeout().unwrap();
    router.handle_timeout(start);
    while router.poll_output().is_some() {}
    let mut soup = bytes(&advert(99));
    soup[10] ^= 1;
    let mut sent = 0;
    for milli in 0..10_000 {
        let now = start + std::time::Duration::from_millis(milli);
        router.handle_packet(now, ETH0, &packet(&soup)).unwrap_err();
        router.handle_timeout(now);
        while let Some((_, output)) = router.poll_output() {
            assert!(matches!(output, Output::Advertise(_)));
            sent += 1;
        }
    }
    assert_eq!(sent, 9);
    assert_eq!(router.iter().next().unwrap().1.state(), State::Master);
}
