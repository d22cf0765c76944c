//! `serde`: what is written for programs, and what is taken back only if it is in range.

use serde_json::json;
use vrrp_proto::{AdvertInterval, Priority, Vrid};

use super::{VIPS_V6, decode, decode_v6, encoded, password, usual, v2, v3};

#[test]
fn a_packet_is_data() {
    let message = encoded(&usual());
    let expected = json!({
        "advertisement": {
            "version": 2, "vrid": 10, "priority": 200, "interval_ms": 1000, "auth_type": 0,
            "addresses": ["192.0.2.1", "192.0.2.2"],
        },
        "checksum": "message_only",
        "trailer": null,
    });
    assert_eq!(serde_json::to_value(decode(&message).unwrap()).unwrap(), expected);

    let message = encoded(&v3(vrrp_proto::Addresses::V6(&VIPS_V6)));
    let expected = json!({
        "advertisement": {
            "version": 3, "vrid": 10, "priority": 200, "interval_ms": 1000,
            "addresses": ["fe80::1", "2001:db8::1"],
        },
        "checksum": "pseudo_header",
        "trailer": null,
    });
    assert_eq!(serde_json::to_value(decode_v6(&message).unwrap()).unwrap(), expected);
}

#[test]
fn a_trailer_and_a_counter_are_data() {
    let trailer = super::bytes("010100006800000080000003");
    let message = [encoded(&usual()), trailer, vec![7; 16]].concat();
    let decoded = serde_json::to_value(decode(&message).unwrap()).unwrap();
    let expected = json!({ "key_id": 1, "seconds": 0x6800_0000, "fraction": 0x8000, "counter": 3 });
    assert_eq!(decoded["trailer"], expected);
    assert_eq!(serde_json::to_value(vrrp_proto::Counter::HopLimit).unwrap(), "ip-ttl-errors");
}

#[test]
fn the_password_is_not_written() {
    let secret = v2(&[[192, 0, 2, 1]], password("hunter2"));
    let json = serde_json::to_string(&secret).unwrap();
    assert!(!json.contains("hunter2") && !json.contains("104"), "{json}");
}

#[test]
fn values_are_taken_back_only_in_range() {
    assert_eq!(serde_json::from_str::<Vrid>("51").unwrap(), Vrid::new(51).unwrap());
    assert_eq!(serde_json::from_str::<Priority>("0").unwrap(), Priority::RELEASE);
    assert_eq!(serde_json::from_str::<AdvertInterval>("1000").unwrap(), AdvertInterval::DEFAULT);
    assert!(serde_json::from_str::<Vrid>("0").is_err());
    assert!(serde_json::from_str::<Vrid>("256").is_err());
    for millis in ["0", "5", "41500"] {
        assert!(serde_json::from_str::<AdvertInterval>(millis).is_err());
    }
}
