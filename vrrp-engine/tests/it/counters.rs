//! Every counter moves, and for its own cause.

use std::{collections::BTreeSet, net::IpAddr};

use vrrp_engine::{Config, ConfigBuilder, Instant, OnAddressLoss, Owners, RouterStats, Stats, VrrpRouter};
use vrrp_proto::{
    AcceptChecksum, Addresses, AdvertInterval, Advertisement, Authentication, Checksum, Endpoints,
    OnMismatch, Packet, ParseError, Password, Priority, UnicastPeer, Version, Vrid,
};

use super::{ABOVE, BELOW, OURS, SEC, VIPS, advert, advert_of, at, builder};

/// The counters that are not zero, by name.
fn moved(stats: impl serde::Serialize) -> BTreeSet<String> {
    let json = serde_json::to_value(stats).unwrap();
    let fields = json.as_object().unwrap().iter();
    fields.filter(|(_, value)| value.as_u64() != Some(0)).map(|(name, _)| name.clone()).collect()
}

fn names(stats: impl serde::Serialize) -> BTreeSet<String> {
    serde_json::to_value(stats).unwrap().as_object().unwrap().keys().cloned().collect()
}

fn encode(advertisement: &Advertisement<'_>, endpoints: &Endpoints, checksum: Checksum) -> Vec<u8> {
    let mut buffer = [0; Advertisement::MAX_LEN];
    advertisement.encode(endpoints, checksum, &mut buffer).unwrap().to_vec()
}

/// What a virtual router of this configuration counts of one packet from above, but for what it counts of any it takes.
fn counts(builder: ConfigBuilder, endpoints: Endpoints, hop_limit: u8, bytes: &[u8]) -> Vec<String> {
    let mut router = VrrpRouter::new();
    router.add(1, builder.build().unwrap()).unwrap();
    router.start(Instant::EPOCH);
    while router.poll_output().is_some() {}
    let before = moved(router.iter().next().unwrap().1.stats());
    let _ = router.handle_packet(at(SEC), 1, &Packet::new(endpoints, hop_limit, bytes));
    let after = moved(router.iter().next().unwrap().1.stats());
    let taken = "advertisement-rcvd".to_owned();
    after
        .difference(&before)
        .chain(&moved_for_router(&router))
        .filter(|name| **name != taken)
        .cloned()
        .collect()
}

fn moved_for_router(router: &VrrpRouter) -> BTreeSet<String> {
    let mut moved = moved(router.stats());
    moved.remove("received");
    moved.into_iter().map(|name| format!("router: {name}")).collect()
}

/// With one byte another, and the checksum right again.
fn with(at: usize, value: u8) -> Vec<u8> {
    let endpoints = Endpoints::multicast(ABOVE);
    let mut bytes = encode(&advert(200), &endpoints, Checksum::default());
    bytes[at] = value;
    bytes[6..8].fill(0);
    if let Err(ParseError::Checksum { computed, .. }) = Packet::new(endpoints, 255, &bytes).decode() {
        bytes[6..8].copy_from_slice(&computed.to_be_bytes());
    }
    bytes
}

#[test]
fn each_cause_has_one_counter_and_each_counter_of_packets_its_cause() {
    let (multicast, to_us) = (Endpoints::multicast(ABOVE), Endpoints::new(ABOVE, OURS).unwrap());
    let good = encode(&advert(200), &multicast, Checksum::default());
    let slow = AdvertInterval::from_secs(2).unwrap();
    let v3 = |interval| advert_of(Version::V3, 200, interval);
    let v3_good = encode(&v3(AdvertInterval::DEFAULT), &multicast, Checksum::default());
    let password = |text: &str| Authentication::SimpleText(Password::new(text).unwrap());
    let said = |authentication, list: &[[u8; 4]]| {
        let (vrid, interval) = (Vrid::new(51).unwrap(), AdvertInterval::DEFAULT);
        let addresses = Addresses::V4(list);
        let advertisement =
            Advertisement::v2(vrid, Priority::new(200), interval, addresses, authentication).unwrap();
        encode(&advertisement, &multicast, Checksum::default())
    };
    let plain = || builder(100);
    let peers = || builder(100).peers([UnicastPeer::neighbour(ABOVE)]);
    let secret = || builder(100).authentication(password("secret"));
    let broken = {
        let mut bytes = good.clone();
        bytes[6] ^= 1;
        bytes
    };
    let stranger = Endpoints::new(BELOW, OURS).unwrap();
    let v6 = |first: &str| {
        let list: Vec<[u8; 16]> =
            [first, "2001:db8::1"].map(|ip| ip.parse::<std::net::Ipv6Addr>().unwrap().octets()).into();
        let endpoints = Endpoints::multicast("fe80::9".parse().unwrap());
        let (vrid, interval) = (Vrid::new(51).unwrap(), AdvertInterval::DEFAULT);
        let advertisement =
            Advertisement::v3(vrid, Priority::new(200), interval, Addresses::V6(&list)).unwrap();
        (endpoints, encode(&advertisement, &endpoints, Checksum::default()))
    };
    let (v6_endpoints, v6_bytes) = v6("2001:db8::2");
    let v6_config = || {
        let addresses = ["2001:db8::2", "2001:db8::1"].map(|ip| ip.parse::<IpAddr>().unwrap());
        Config::builder(Vrid::new(51).unwrap(), "fe80::1".parse::<IpAddr>().unwrap(), addresses)
    };
    let owner = || builder(255).owners(Owners::Ignore);
    #[rustfmt::skip] // A table.
    let cases: Vec<(&str, Vec<String>)> = vec![
        ("", counts(plain(), multicast, 255, &good)),
        ("priority-zero-pkts-rcvd", counts(plain(), multicast, 255, &encode(&advert(0), &multicast, Checksum::default()))),
        ("address-list-errors", counts(plain(), multicast, 255, &said(Authentication::None, &VIPS[..1]))),
        ("address-list-discards address-list-errors", counts(plain().on_addresses(OnMismatch::Discard), multicast, 255, &said(Authentication::None, &VIPS[..1]))),
        ("interval-mismatches", counts(plain().version(Version::V3), multicast, 255, &encode(&v3(slow), &multicast, Checksum::default()))),
        ("interval-errors", counts(plain(), multicast, 255, &encode(&advert_of(Version::V2, 200, slow), &multicast, Checksum::default()))),
        ("not-link-local", counts(v6_config(), v6_endpoints, 255, &v6_bytes)),
        ("not-running", counts(plain().start_delay(std::time::Duration::from_secs(9)), multicast, 255, &good)),
        ("invalid-type-pkts-rcvd", counts(plain(), multicast, 255, &with(0, 0x22))),
        ("packet-length-errors", counts(plain(), multicast, 255, &good[..20])),
        ("invalid-auth-type", counts(plain(), multicast, 255, &with(4, 3))),
        ("auth-type-mismatches", counts(secret(), multicast, 255, &good)),
        ("auth-failures", counts(secret(), multicast, 255, &said(password("secreT"), &VIPS))),
        ("address-count-errors", counts(plain(), multicast, 255, &with(3, 0))),
        ("zero-interval-errors", counts(plain(), multicast, 255, &with(5, 0))),
        ("version-errors", counts(plain(), multicast, 255, &v3_good)),
        ("checksum-errors", counts(plain().version(Version::V3).accept_checksum(AcceptChecksum::MessageOnly), multicast, 255, &v3_good)),
        ("ip-ttl-errors", counts(peers(), to_us, 254, &good)),
        ("destination-errors", counts(plain(), to_us, 255, &good)),
        ("source-errors", counts(peers(), stranger, 255, &good)),
        ("own-address", counts(plain(), Endpoints::multicast(OURS), 255, &good)),
        ("owner-ignored", counts(owner(), multicast, 255, &good)),
        ("router: ip-ttl-errors", counts(plain(), multicast, 254, &good)),
        ("router: version-errors", counts(plain(), multicast, 255, &with(0, 0x41))),
        ("router: checksum-errors", counts(plain(), multicast, 255, &broken)),
        ("router: vrid-errors", counts(plain(), multicast, 255, &with(1, 52))),
        ("router: packet-length-errors", counts(plain(), multicast, 255, &good[..1])),
        ("router: other-parse-errors", counts(plain(), multicast, 255, &[&[0x22, 52], &good[2..]].concat())),
    ];
    for (expected, counted) in &cases {
        let expected: Vec<_> = if expected.starts_with("router") {
            vec![*expected]
        } else {
            expected.split_whitespace().collect()
        };
        assert_eq!(*counted, expected);
    }

    // What moves for other causes than a packet is tested below.
    let others = [
        "master-transitions",
        "advertisement-rcvd",
        "advertisement-sent",
        "priority-zero-pkts-sent",
        "pauses",
        "addresses-lost",
        "other-errors",
    ];
    let all_names = cases.iter().flat_map(|(names, _)| [*names].into_iter().chain(names.split(' ')));
    let tested: BTreeSet<_> = all_names.chain(others).collect();
    let untested: Vec<_> =
        names(Stats::default()).into_iter().filter(|name| !tested.contains(name.as_str())).collect();
    assert_eq!(untested, [""; 0]);
    let routers = names(RouterStats::default()).into_iter().filter(|name| name != "received");
    let untested: Vec<_> =
        routers.filter(|name| !tested.contains(format!("router: {name}").as_str())).collect();
    assert_eq!(untested, [""; 0]);
}

#[test]
fn what_it_does_is_counted_when_it_is_done() {
    let mut router = VrrpRouter::new();
    let id = router.add(1, builder(100).on_address_loss(OnAddressLoss::Restore).build().unwrap()).unwrap();
    router.start(Instant::EPOCH);
    let now = router.poll_timeout().unwrap();
    router.handle_timeout(now);
    router.handle_lost_address(now, 1, VIPS[0].into());
    while router.poll_output().is_some() {}
    router.handle_timeout(now + std::time::Duration::from_secs(60));
    router.shutdown(now + std::time::Duration::from_secs(60));
    while router.poll_output().is_some() {}
    let stats = router.get(id).unwrap().stats();
    assert_eq!((stats.master_transitions, stats.advertisement_sent), (1, 1));
    assert_eq!((stats.addresses_lost, stats.pauses), (1, 1));
    let mut owner = VrrpRouter::new();
    let id = owner.add(1, builder(255).build().unwrap()).unwrap();
    owner.start(Instant::EPOCH);
    owner.shutdown(Instant::EPOCH);
    while owner.poll_output().is_some() {}
    let stats = owner.get(id).unwrap().stats();
    assert_eq!((stats.advertisement_sent, stats.priority_zero_pkts_sent), (1, 1));
}
