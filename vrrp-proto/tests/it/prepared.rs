//! Advertisements written once: that the bytes are right is `round_trip`'s business and the authentications' own.

use vrrp_proto::{Authentication, Checksum, EncodeError, Family, Prepared};

use super::{VIPS, encoded, multicast, password, usual, v2};

#[test]
fn a_buffer_may_be_longer_than_the_message_and_not_shorter() {
    let endpoints = multicast(Family::V4);
    let prepared = Prepared::new(&usual(), &endpoints, Checksum::default(), [0xaa; 64]).unwrap();
    assert_eq!(prepared.as_bytes(), encoded(&usual()));
    let refused = Prepared::new(&usual(), &endpoints, Checksum::default(), [0xaa; 23]).unwrap_err();
    assert_eq!(refused, EncodeError::BufferTooSmall { needed: 24, available: 23 });
}

#[test]
fn debug_does_not_show_the_password() {
    let secret = v2(&VIPS, password("hunter2"));
    let prepared = Prepared::new(&secret, &multicast(Family::V4), Checksum::default(), vec![0; 64]).unwrap();
    let shown = format!("{prepared:?} {secret:?} {secret} {:?}", secret.authentication());
    assert!(!shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
    assert!(matches!(secret.authentication(), Authentication::SimpleText(_)));
}
