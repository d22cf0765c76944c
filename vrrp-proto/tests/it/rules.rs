//! The receive checks R1 to R16 that need the receiver's configuration, one by one and in their order.

use std::net::IpAddr;

use vrrp_proto::{
    AcceptChecksum, Addresses, AdvertInterval, Advertisement, AuthError, Authentication, Checksum, Counter,
    Endpoints, Family, MULTICAST_V4, Notes, OnMismatch, Packet, ParseError, Password, Priority, Rules,
    UnicastPeer, Verifier, Version, Violation, Vrid,
};

use super::{
    SOURCE, VIPS, VIPS_V6, encoded, encoded_for, multicast, packet, packet_v6, password, secs, usual, v2, v3,
    vrid,
};

const US: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 20));

fn rules_v2() -> Rules<'static> {
    Rules::v2(vrid(), secs(1), Addresses::V4(&VIPS))
}

fn rules_v3() -> Rules<'static> {
    Rules::v3(vrid(), secs(1), Addresses::V4(&VIPS))
}

fn rules_v6() -> Rules<'static> {
    Rules::v3(vrid(), secs(1), Addresses::V6(&VIPS_V6))
}

fn check(rules: &Rules<'_>, packet: &Packet<'_>) -> Result<Notes, Violation> {
    rules.check(&packet.decode().unwrap(), Verifier::None)
}

/// What the rules make of an advertisement sent to the group.
fn judge(rules: &Rules<'_>, advertisement: &Advertisement<'_>) -> Result<Notes, Violation> {
    let message = encoded(advertisement);
    match advertisement.addresses().family() {
        Family::V4 => check(rules, &packet(&message)),
        Family::V6 => check(rules, &packet_v6(&message)),
    }
}

#[test]
fn what_is_as_it_should_be_is_taken_without_a_note() {
    assert_eq!(judge(&rules_v2(), &usual()), Ok(Notes::default()));
    assert_eq!(judge(&rules_v3(), &v3(Addresses::V4(&VIPS))), Ok(Notes::default()));
    assert_eq!(judge(&rules_v6(), &v3(Addresses::V6(&VIPS_V6))), Ok(Notes::default()));
}

#[test]
fn r1_the_hop_limit_of_a_peer_has_bounds() {
    let endpoints = Endpoints::new(SOURCE.into(), US).unwrap();
    let message = encoded_for(&usual(), &endpoints, Checksum::default());
    let check_with = |hop_limits, hop_limit| {
        let peers = [UnicastPeer { address: SOURCE.into(), hop_limits }];
        check(&rules_v2().peers(&peers), &Packet::new(endpoints, hop_limit, &message))
    };
    assert_eq!(UnicastPeer::neighbour(US).hop_limits, 255..=255);
    for hop_limit in 0..=255 {
        assert!(check_with(0..=255, hop_limit).is_ok());
        let refused = Violation::HopLimit { hop_limit, min: 253, max: 254 };
        let expected = if (253..=254).contains(&hop_limit) { Ok(Notes::default()) } else { Err(refused) };
        assert_eq!(check_with(253..=254, hop_limit), expected);
    }
}

#[test]
fn r2_the_version_is_the_virtual_router_s() {
    assert_eq!(judge(&rules_v3(), &usual()), Err(Violation::Version(Version::V2)));
    assert_eq!(judge(&rules_v2(), &v3(Addresses::V4(&VIPS))), Err(Violation::Version(Version::V3)));
}

#[test]
fn r5_a_strict_receiver_takes_one_form_of_the_checksum() {
    let unicast = Endpoints::new(SOURCE.into(), US).unwrap();
    let peers = [UnicastPeer::neighbour(SOURCE.into())];
    let rules = rules_v3().peers(&peers);
    let cases = [
        (AcceptChecksum::Either, [true, true, true]),
        (AcceptChecksum::PseudoHeader, [true, false, false]),
        (AcceptChecksum::MessageOnly, [false, true, false]),
    ];
    for (accept, taken) in cases {
        for (checksum, taken) in
            [Checksum::PseudoHeader, Checksum::MessageOnly, Checksum::OldUnicast].into_iter().zip(taken)
        {
            let message = encoded_for(&v3(Addresses::V4(&VIPS)), &unicast, checksum);
            let expected = if taken { Ok(Notes::default()) } else { Err(Violation::Checksum(checksum)) };
            assert_eq!(check(&rules.checksum(accept), &Packet::new(unicast, 255, &message)), expected);
        }
        // These have but one form.
        assert!(judge(&rules_v2().checksum(accept), &usual()).is_ok());
        assert!(judge(&rules_v6().checksum(accept), &v3(Addresses::V6(&VIPS_V6))).is_ok());
    }
}

#[test]
fn r6_the_vrid_is_the_virtual_router_s() {
    let other = Vrid::new(11).unwrap();
    let rules = Rules::v2(other, secs(1), Addresses::V4(&VIPS));
    assert_eq!(judge(&rules, &usual()), Err(Violation::Vrid(vrid())));
}

#[test]
fn r7_the_owner_listens_or_does_not() {
    let owner = |on_owner| rules_v2().owner(on_owner);
    assert_eq!(judge(&owner(OnMismatch::Note), &usual()), Ok(note(|notes| notes.owner = true)));
    assert_eq!(judge(&owner(OnMismatch::Discard), &usual()), Err(Violation::Owner));
}

#[test]
fn r8_authentication_is_of_our_type_and_passes() {
    let ours = Password::new("s3cr3t").unwrap();
    let judge = |authentication, verifier: Verifier<'_>| {
        let message = encoded(&v2(&VIPS, authentication));
        let packet = packet(&message);
        rules_v2().check(&packet.decode().unwrap(), verifier)
    };
    let mismatch = |ours, theirs| Err(Violation::Auth(AuthError::TypeMismatch { ours, theirs }));
    assert_eq!(judge(password("s3cr3t"), Verifier::None), mismatch(0, 1));
    assert_eq!(judge(Authentication::None, Verifier::SimpleText(&ours)), mismatch(1, 0));
    assert_eq!(judge(password("s3cr3T"), Verifier::SimpleText(&ours)), Err(AuthError::Password.into()));
    assert_eq!(judge(password("s3cr3t"), Verifier::SimpleText(&ours)), Ok(Notes::default()));
}

#[test]
fn r9_another_interval_is_discarded_in_version_2_and_noted_in_version_3() {
    let (vrid, priority, addresses) = (vrid(), Priority::DEFAULT, Addresses::V4(&VIPS));
    let slow = Advertisement::v2(vrid, priority, secs(2), addresses, Authentication::None).unwrap();
    let refused = Violation::Interval { ours: secs(1), theirs: secs(2) };
    let noted = Ok(note(|notes| notes.other_interval = true));
    assert_eq!(judge(&rules_v2(), &slow), Err(refused));
    assert_eq!(judge(&rules_v2().on_interval(OnMismatch::Note), &slow), noted);

    let slow = Advertisement::v3(vrid, priority, secs(2), addresses).unwrap();
    assert_eq!(judge(&rules_v3(), &slow), noted);
    assert_eq!(judge(&rules_v3().on_interval(OnMismatch::Discard), &slow), Err(refused));
    let fast = Advertisement::v3(vrid, priority, AdvertInterval::from_centis(1).unwrap(), addresses).unwrap();
    assert_eq!(judge(&rules_v3(), &fast), noted);
}

#[test]
fn r12_a_first_ipv6_address_that_is_not_link_local_is_noted_or_discarded() {
    let [link_local, global] = VIPS_V6;
    for (first, is_fine) in [(link_local, true), (global, false)] {
        let list = [first, global];
        let rules = Rules::v3(vrid(), secs(1), Addresses::V6(&list));
        let advertisement = v3(Addresses::V6(&list));
        assert_eq!(judge(&rules, &advertisement), Ok(note(|notes| notes.not_link_local = !is_fine)));
        let strict = judge(&rules.on_link_local(OnMismatch::Discard), &advertisement);
        assert_eq!(strict, if is_fine { Ok(Notes::default()) } else { Err(Violation::NotLinkLocal) });
    }
}

#[test]
fn r13_another_list_of_addresses_is_noted_or_discarded_and_their_order_does_not_matter() {
    let [one, other] = VIPS;
    let third = [192, 0, 2, 3];
    let lists: [(&[[u8; 4]], bool); 7] = [
        (&[one, other], true),
        (&[other, one], true),
        (&[one], false),
        (&[one, one], false),
        (&[one, third], false),
        (&[one, other, third], false),
        // As much in sum as ours.
        (&[[192, 0, 2, 0], third], false),
    ];
    for (list, is_ours) in lists {
        let advertisement = v2(list, Authentication::None);
        assert_eq!(
            judge(&rules_v2(), &advertisement),
            Ok(note(|notes| notes.other_addresses = !is_ours)),
            "{list:?}"
        );
        let strict = rules_v2().on_addresses(OnMismatch::Discard);
        let expected = if is_ours { Ok(Notes::default()) } else { Err(Violation::AddressList) };
        assert_eq!(judge(&strict, &advertisement), expected, "{list:?}");
        // RFC 3768 §7.1: the owner's packet is processed all the same.
        assert!(judge(&strict, &advertisement.with_priority(Priority::OWNER)).is_ok());
    }
}

#[test]
fn r13_as_many_of_each_make_the_same_set_in_every_order_of_ipv6_too() {
    let list: Vec<[u8; 16]> =
        (0..255u8).map(|last| [[0xfe; 15].as_slice(), &[last]].concat().try_into().unwrap()).collect();
    let mut turned = list.clone();
    turned.reverse();
    assert!(Addresses::V6(&list).same_set(&Addresses::V6(&turned)));
    turned[7] = turned[8];
    assert!(!Addresses::V6(&list).same_set(&Addresses::V6(&turned)));
    assert!(!Addresses::V6(&list).same_set(&Addresses::V4(&VIPS)));
}

#[test]
fn r15_a_packet_of_the_other_family_was_not_sent_to_our_group() {
    let v6 = v3(Addresses::V6(&VIPS_V6));
    let destination = multicast(Family::V6).destination();
    assert_eq!(judge(&rules_v3(), &v6), Err(Violation::Destination(destination)));
}

#[test]
fn r16_our_own_packet_comes_back_without_effect_whatever_its_priority() {
    let (ours, other) = (rules_v2().own(SOURCE.into()), rules_v2().own(US));
    for priority in [0, 100, 200] {
        let echo = usual().with_priority(Priority::new(priority));
        assert_eq!(judge(&ours, &echo), Err(Violation::OwnAddress));
        assert_eq!(judge(&other, &echo), Ok(Notes::default()));
    }
}

#[test]
fn what_was_sent_elsewhere_or_by_strangers_is_discarded() {
    let message = encoded(&usual());
    let to = |destination| Packet::new(Endpoints::new(SOURCE.into(), destination).unwrap(), 255, &message);
    let other_group = IpAddr::from([224, 0, 0, 19]);
    assert_eq!(check(&rules_v2(), &to(US)), Err(Violation::Destination(US)));
    assert_eq!(check(&rules_v2(), &to(other_group)), Err(Violation::Destination(other_group)));
    assert!(check(&rules_v2().group(other_group), &to(other_group)).is_ok());

    let (peers, strangers) = ([UnicastPeer::neighbour(SOURCE.into())], [UnicastPeer::neighbour(US)]);
    let group = IpAddr::V4(MULTICAST_V4);
    assert!(check(&rules_v2().peers(&peers), &to(US)).is_ok());
    assert_eq!(check(&rules_v2().peers(&peers), &to(group)), Err(Violation::Destination(group)));
    assert_eq!(check(&rules_v2().peers(&strangers), &to(US)), Err(Violation::Source(SOURCE.into())));
}

/// A packet that breaks all rules breaks the first; mended, the next; and so on in the documented order.
#[test]
fn the_checks_are_made_in_their_order() {
    let (us, them) = (IpAddr::from([192, 0, 2, 9]), IpAddr::V4(SOURCE));
    let endpoints = Endpoints::new(them, us).unwrap();
    let message = encoded_for(&v3(Addresses::V4(&VIPS)), &endpoints, Checksum::PseudoHeader);
    let decoded = Packet::new(endpoints, 254, &message).decode().unwrap();

    let foreign = Addresses::V4(&[[10, 0, 0, 1]]);
    let strict = |rules: Rules<'static>| {
        let rules = rules.on_addresses(OnMismatch::Discard).on_interval(OnMismatch::Discard);
        rules.owner(OnMismatch::Discard).checksum(AcceptChecksum::MessageOnly).own(them)
    };
    let other_vrid = strict(Rules::v2(Vrid::new(1).unwrap(), secs(9), foreign));
    let other_version = strict(Rules::v2(vrid(), secs(9), foreign));
    let own = strict(Rules::v3(vrid(), secs(9), foreign));
    let group = own.own(IpAddr::from([192, 0, 2, 8]));
    let (stranger, neighbour) = ([UnicastPeer::neighbour(us)], [UnicastPeer::neighbour(them)]);
    let near = [UnicastPeer { address: them, hop_limits: 254..=254 }];
    let (unknown, far, checksum) =
        (group.own(us).peers(&stranger), group.own(us).peers(&neighbour), group.own(us).peers(&near));
    let either = checksum.checksum(AcceptChecksum::Either);
    let interval = Rules::v3(vrid(), secs(9), foreign).peers(&near).on_interval(OnMismatch::Discard);
    let list = Rules::v3(vrid(), secs(1), foreign).peers(&near).on_addresses(OnMismatch::Discard);
    let password = Password::new("x").unwrap();
    let steps: [(Rules<'_>, bool, Counter); 11] = [
        (other_vrid, false, Counter::Vrid),
        (other_version, false, Counter::Version),
        (own, false, Counter::OwnAddress),
        (group, false, Counter::Destination),
        (unknown, false, Counter::Source),
        (far, false, Counter::HopLimit),
        (checksum, false, Counter::Checksum),
        (either, false, Counter::AuthTypeMismatch),
        (either, true, Counter::Owner),
        (interval, true, Counter::Interval),
        (list, true, Counter::AddressList),
    ];
    for (rules, is_authentic, counter) in steps {
        let verifier = if is_authentic { Verifier::None } else { Verifier::SimpleText(&password) };
        assert_eq!(rules.check(&decoded, verifier).unwrap_err().counter(), counter);
    }
    let good = Rules::v3(vrid(), secs(1), Addresses::V4(&VIPS)).peers(&near).own(us);
    assert_eq!(good.check(&decoded, Verifier::None), Ok(Notes::default()));
}

#[test]
fn r1_a_group_that_is_none_needs_the_full_hop_limit_too() {
    let endpoints = Endpoints::new(SOURCE.into(), US).unwrap();
    let message = encoded_for(&usual(), &endpoints, Checksum::default());
    let refused = Violation::HopLimit { hop_limit: 3, min: 255, max: 255 };
    let rules = rules_v2().group(US);
    assert_eq!(check(&rules, &Packet::new(endpoints, 3, &message)), Err(refused));
    assert_eq!(check(&rules, &Packet::new(endpoints, 255, &message)), Ok(Notes::default()));
}

#[test]
fn what_a_peer_has_sent_to_all_or_to_another_is_discarded() {
    let peers = [UnicastPeer { address: SOURCE.into(), hop_limits: 0..=255 }];
    let message = encoded(&usual());
    let to = |destination| Packet::new(Endpoints::new(SOURCE.into(), destination).unwrap(), 255, &message);
    let (all, other) = (IpAddr::from([255; 4]), IpAddr::from([192, 0, 2, 21]));
    let rules = rules_v2().peers(&peers);
    assert_eq!(check(&rules, &to(all)), Err(Violation::Destination(all)));
    assert_eq!(check(&rules.own(US), &to(other)), Err(Violation::Destination(other)));
    assert_eq!(check(&rules.own(US), &to(US)), Ok(Notes::default()));
}

/// Between these two the pseudo header sums up to nothing: the decoder names one form, and both are right.
#[test]
fn r5_where_both_forms_are_right_each_strict_receiver_takes_the_packet() {
    let vips = [[192, 168, 0, 1]];
    let both =
        (0..=255u8).flat_map(|x| (0..=255u8).map(move |y| IpAddr::from([192, 168, x, y]))).find(|source| {
            let endpoints = Endpoints::multicast(*source);
            let form = |checksum| encoded_for(&v3(Addresses::V4(&vips)), &endpoints, checksum);
            form(Checksum::PseudoHeader) == form(Checksum::MessageOnly)
        });
    let endpoints = Endpoints::multicast(both.unwrap());
    let message = encoded_for(&v3(Addresses::V4(&vips)), &endpoints, Checksum::MessageOnly);
    for accept in [AcceptChecksum::Either, AcceptChecksum::PseudoHeader, AcceptChecksum::MessageOnly] {
        let rules = Rules::v3(vrid(), secs(1), Addresses::V4(&vips)).checksum(accept);
        assert_eq!(check(&rules, &Packet::new(endpoints, 255, &message)), Ok(Notes::default()));
    }
}

#[test]
fn r8_every_byte_of_a_password_counts() {
    let ours = Password::from_wire(*b"12345678");
    for at in 0..8 {
        let mut theirs = *b"12345678";
        theirs[at] ^= 1;
        let message = encoded(&v2(&VIPS, Authentication::SimpleText(Password::from_wire(theirs))));
        let packet = packet(&message);
        let refused = rules_v2().check(&packet.decode().unwrap(), Verifier::SimpleText(&ours));
        assert_eq!(refused, Err(AuthError::Password.into()));
    }
}

#[test]
fn r13_a_list_is_not_the_same_as_one_that_is_longer_or_has_others_as_often() {
    let [a, b, zero] = [[1, 2, 3, 4], [1, 2, 3, 5], [0; 4]];
    let same = |one: &[[u8; 4]], other: &[[u8; 4]]| Addresses::V4(one).same_set(&Addresses::V4(other));
    assert!(same(&[a, b, a], &[a, a, b]));
    assert!(!same(&[a, b], &[a, b, zero]));
    assert!(!same(&[a, a, b], &[a, b, b]));
    assert!(!same(&[], &[a]));
}

/// The names are those of the MIBs and of the YANG model, checked against the checklist by hand.
#[test]
fn each_failure_has_its_counter_in_each_model() {
    let cases = [
        (
            ParseError::HopLimit(1).counter(),
            "vrrpStatsIpTtlErrors",
            "vrrpv3StatisticsIpTtlErrors",
            "ip-ttl-errors",
        ),
        (
            ParseError::Truncated { len: 1 }.counter(),
            "vrrpStatsPacketLengthErrors",
            "vrrpv3StatisticsPacketLengthErrors",
            "packet-length-errors",
        ),
        (
            ParseError::Version(4).counter(),
            "vrrpRouterVersionErrors",
            "vrrpv3RouterVersionErrors",
            "version-errors",
        ),
        (
            ParseError::Type(2).counter(),
            "vrrpStatsInvalidTypePktsRcvd",
            "vrrpv3StatisticsRcvdInvalidTypePackets",
            "invalid-type-pkts-rcvd",
        ),
        (ParseError::Vrid.counter(), "vrrpRouterVrIdErrors", "vrrpv3RouterVrIdErrors", "vrid-errors"),
        (
            Violation::AddressList.counter(),
            "vrrpStatsAddressListErrors",
            "vrrpv3StatisticsAddressListErrors",
            "address-list-errors",
        ),
        (
            Violation::Checksum(Checksum::MessageOnly).counter(),
            "vrrpRouterChecksumErrors",
            "vrrpv3RouterChecksumErrors",
            "checksum-errors",
        ),
        (
            Counter::Interval,
            "vrrpStatsAdvertiseIntervalErrors",
            "vrrpv3StatisticsAdvIntervalErrors",
            "interval-errors",
        ),
        (ParseError::AuthType(9).counter(), "vrrpStatsInvalidAuthType", "", ""),
        (AuthError::TypeMismatch { ours: 0, theirs: 1 }.counter(), "vrrpStatsAuthTypeMismatch", "", ""),
        (AuthError::Password.counter(), "vrrpStatsAuthFailures", "", ""),
        (ParseError::NoAddresses.counter(), "", "", ""),
    ];
    for (counter, v2, v3, yang) in cases {
        assert!(counter.rfc8347().is_none_or(|leaf| leaf == counter.name()));
        let names = [counter.rfc2787(), counter.rfc6527(), counter.rfc8347()].map(Option::unwrap_or_default);
        assert_eq!(names, [v2, v3, yang], "{counter:?}");
    }
}

fn note(set: impl Fn(&mut Notes)) -> Notes {
    let mut notes = Notes::default();
    set(&mut notes);
    notes
}
