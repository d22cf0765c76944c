//! Properties over all advertisements and over all bytes.

use proptest::prelude::*;
use vrrp_proto::{Addresses, AdvertInterval, Advertisement, Authentication, Password, Priority, Vrid};

use super::{encoded, with_byte};

fn authentication() -> impl Strategy<Value = Authentication> {
    prop_oneof![
        Just(Authentication::None),
        any::<[u8; 8]>().prop_map(|wire| Authentication::SimpleText(Password::from_wire(wire))),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        vrid in 1u8..,
        priority: u8,
        interval in 1u8..,
        addresses in prop::collection::vec(any::<[u8; 4]>(), 1..=255),
        authentication in authentication(),
    ) {
        let advertisement = Advertisement::v2(
            Vrid::new(vrid).unwrap(),
            Priority::new(priority),
            AdvertInterval::from_secs(interval).unwrap(),
            Addresses::V4(&addresses),
            authentication,
        ).unwrap();
        let message = encoded(&advertisement);
        prop_assert_eq!(message.len(), advertisement.encoded_len());
        prop_assert_eq!(Advertisement::decode(&message), Ok(advertisement));
    }

    #[test]
    fn what_is_read_from_any_bytes_is_written_back(bytes in prop::collection::vec(any::<u8>(), 0..1100)) {
        check(&bytes);
    }

    /// Random bytes hardly ever get past the first checks; a header that does not contradict itself does.
    #[test]
    fn what_is_read_from_likely_bytes_is_written_back(
        count in 0u8..6,
        auth_type in 0u8..3,
        body in prop::collection::vec(any::<u8>(), 40..64),
        excess in 0usize..2,
    ) {
        let mut message = body[..16 + usize::from(count) * 4 + excess].to_vec();
        (message[0], message[3], message[4]) = (0x21, count, auth_type);
        check(&with_byte(message, 0, 0x21));
    }
}

fn check(bytes: &[u8]) {
    if let Ok(advertisement) = Advertisement::decode(bytes) {
        let again = encoded(&advertisement);
        assert_eq!(again.len(), bytes.len());
        assert_eq!(Advertisement::decode(&again), Ok(advertisement));
    }
}
