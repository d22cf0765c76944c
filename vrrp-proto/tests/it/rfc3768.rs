//! The clauses of RFC 3768 §5 and §7.1 (and RFC 2338 §5.3.10) that bytes alone can keep or break.

use std::time::Duration;

use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, Authentication, Checksum, EncodeError, Family, FieldError,
    ParseError, Password, Priority, Version, Vrid,
};

use super::{VIPS_V6, decode, encoded, multicast, password, secs, usual, v2, vrid, with_byte};

#[test]
fn s5_1_lays_the_packet_out() {
    let message = encoded(&usual());
    assert_eq!(message[..6], [0x21, 10, 200, 2, 0, 1]);
    assert_eq!(message[8..], [192, 0, 2, 1, 192, 0, 2, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn s5_3_1_any_other_version_is_refused() {
    for version in (0..16).filter(|version| ![2, 3].contains(version)) {
        let message = with_byte(encoded(&usual()), 0, version << 4 | 1);
        assert_eq!(decode(&message), Err(ParseError::Version(version)));
    }
}

#[test]
fn s5_3_2_any_other_type_is_refused() {
    for kind in (0..16).filter(|kind| *kind != 1) {
        let message = with_byte(encoded(&usual()), 0, 0x20 | kind);
        assert_eq!(decode(&message), Err(ParseError::Type(kind)));
    }
}

#[test]
fn s5_3_3_vrid_0_is_refused() {
    let message = with_byte(encoded(&usual()), 1, 0);
    assert_eq!(decode(&message), Err(ParseError::Vrid));
    assert_eq!(Vrid::new(0), Err(FieldError::Vrid));
}

#[test]
fn s5_3_4_every_priority_is_read() {
    for priority in 0..=255 {
        let message = with_byte(encoded(&usual()), 2, priority);
        assert_eq!(decode(&message).unwrap().advertisement.priority(), Priority::new(priority));
    }
}

#[test]
fn s5_3_5_no_addresses_are_refused() {
    let message = with_byte(encoded(&usual())[..16].to_vec(), 3, 0);
    assert_eq!(decode(&message), Err(ParseError::NoAddresses));
}

#[test]
fn s5_3_5_up_to_255_addresses_are_carried_and_no_more() {
    let list: Vec<_> = (0..=255).map(|last| [10, 0, 0, last]).collect();
    let message = encoded(&v2(&list[..255], Authentication::None));
    assert_eq!(message.len(), 8 + 255 * 4 + 8);
    assert_eq!(decode(&message).unwrap().advertisement.addresses(), Addresses::V4(&list[..255]));
    for refused in [&list[..0], &list[..]] {
        let result = Advertisement::v2(
            Vrid::new(1).unwrap(),
            Priority::DEFAULT,
            AdvertInterval::DEFAULT,
            Addresses::V4(refused),
            Authentication::None,
        );
        assert_eq!(result, Err(FieldError::AddressCount { count: refused.len() }));
    }
}

#[test]
fn s5_3_6_any_other_authentication_type_is_refused() {
    for auth_type in 3..=255 {
        let message = with_byte(encoded(&usual()), 4, auth_type);
        assert_eq!(decode(&message), Err(ParseError::AuthType(auth_type)));
    }
}

#[test]
fn s5_3_7_an_interval_of_0_is_refused() {
    let message = with_byte(encoded(&usual()), 5, 0);
    assert_eq!(decode(&message), Err(ParseError::Interval));
    assert_eq!(AdvertInterval::from_secs(0), Err(FieldError::AdvertInterval { interval: Duration::ZERO }));
}

#[test]
fn s5_3_8_one_wrong_bit_anywhere_fails_the_checksum_or_an_earlier_check() {
    let good = encoded(&v2(&[[192, 0, 2, 1]], password("secret")));
    for bit in 0..good.len() * 8 {
        let mut message = good.clone();
        message[bit / 8] ^= 1 << (bit % 8);
        let error = decode(&message).unwrap_err();
        let earlier =
            matches!(error, ParseError::Version(_) | ParseError::Type(_) | ParseError::Length { .. });
        let count = bit / 8 == 3 && error == ParseError::NoAddresses;
        assert!(earlier || count || matches!(error, ParseError::Checksum { .. }), "bit {bit}: {error:?}");
    }
}

#[test]
fn s5_3_8_a_wrong_checksum_is_reported_with_the_right_one() {
    let mut message = encoded(&usual());
    let right = u16::from_be_bytes([message[6], message[7]]);
    message[6..8].fill(0);
    assert_eq!(decode(&message), Err(ParseError::Checksum { found: 0, computed: right }));
}

#[test]
fn s5_3_10_authentication_data_of_type_0_is_zero_on_transmit_and_ignored_on_receipt() {
    let message = encoded(&usual());
    assert_eq!(message[message.len() - 8..], [0; 8]);
    let message = with_byte(message, 20, 0xaa);
    assert_eq!(decode(&message).unwrap().advertisement, usual());
}

#[test]
fn rfc2338_s5_3_10_a_password_is_filled_up_with_zeros() {
    let message = encoded(&v2(&[[192, 0, 2, 1]], password("s3cr3t")));
    assert_eq!(message[4], 1);
    assert_eq!(&message[12..], b"s3cr3t\0\0");
}

#[test]
fn a_password_has_1_to_8_bytes_and_does_not_show_itself() {
    assert_eq!(Password::new(""), Err(FieldError::Password { len: 0 }));
    assert_eq!(Password::new("123456789"), Err(FieldError::Password { len: 9 }));
    assert_eq!(Password::new("12345678").unwrap().as_wire(), b"12345678");
    assert!(!format!("{:?}", password("hunter2")).contains("hunter2"));
    assert_ne!(password("hunter2"), password("hunter3"));
}

#[test]
fn s7_1_a_packet_cut_anywhere_is_refused_for_its_length() {
    let message = encoded(&usual());
    for len in 0..message.len() {
        let expected = match len {
            0..8 => ParseError::Truncated { len },
            _ => ParseError::Length { expected: message.len(), actual: len },
        };
        assert_eq!(decode(&message[..len]), Err(expected));
    }
}

#[test]
fn s7_1_a_packet_with_bytes_too_many_is_refused_for_its_length() {
    for excess in 1..=64 {
        let mut message = encoded(&usual());
        message.resize(message.len() + excess, 0);
        assert_eq!(decode(&message), Err(ParseError::Length { expected: 24, actual: 24 + excess }));
    }
}

#[test]
fn a_buffer_too_small_is_left_alone() {
    let too_small = EncodeError::BufferTooSmall { needed: 24, available: 23 };
    let (endpoints, checksum) = (multicast(Family::V4), Checksum::default());
    let mut buffer = [0xaa; 23];
    assert_eq!(usual().encode(&endpoints, checksum, &mut buffer), Err(too_small));
    assert_eq!(buffer, [0xaa; 23]);

    let mut place = &mut buffer[..];
    assert_eq!(usual().put(&endpoints, checksum, &mut place), Err(too_small));
    assert_eq!(buffer, [0xaa; 23]);
}

#[test]
fn encode_leaves_what_is_behind_the_packet_alone() {
    let mut buffer = [0xaa; 30];
    let message = usual().encode(&multicast(Family::V4), Checksum::default(), &mut buffer).unwrap();
    assert_eq!(message.len(), 24);
    assert_eq!(buffer[24..], [0xaa; 6]);
    assert_eq!(buffer[..24], encoded(&usual()));
}

#[test]
fn version_2_carries_whole_seconds_and_ipv4_and_nothing_else() {
    let with = |interval, addresses| {
        Advertisement::v2(vrid(), Priority::DEFAULT, interval, addresses, Authentication::None).unwrap_err()
    };
    let addresses = Addresses::V4(&[[192, 0, 2, 1]]);
    for centis in [1, 50, 150, 4095] {
        let interval = AdvertInterval::from_centis(centis).unwrap();
        let refused =
            FieldError::IntervalOfVersion { interval: interval.as_duration(), version: Version::V2 };
        assert_eq!(with(interval, addresses), refused);
    }
    assert_eq!(with(secs(1), Addresses::V6(&VIPS_V6)), FieldError::FamilyOfVersion);
    assert_eq!(secs(255).as_duration(), Duration::from_secs(255));
    assert_eq!((secs(255).as_secs(), secs(255).as_centis()), (Some(255), None));
}
