//! Any bytes: decoding does not panic, and what it accepts is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vrrp_proto::{Advertisement, Authentication, ParseError};

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    // Hardly any bytes have a right checksum. With it made right, the checks behind it are reached.
    if let Err(ParseError::Checksum { computed, .. }) = Advertisement::decode(bytes) {
        let mut bytes = bytes.to_vec();
        bytes[6..8].copy_from_slice(&computed.to_be_bytes());
        assert!(!matches!(Advertisement::decode(&bytes), Err(ParseError::Checksum { .. })));
        check(&bytes);
    }
});

fn check(bytes: &[u8]) {
    let Ok(advertisement) = Advertisement::decode(bytes) else { return };
    assert_eq!(advertisement.encoded_len(), bytes.len());
    let mut buffer = [0; Advertisement::MAX_LEN];
    let again = advertisement.encode(&mut buffer).expect("the longest fits");
    assert_eq!(Advertisement::decode(again), Ok(advertisement));
    // The checksum has two forms of zero, and the authentication data of type 0 is not kept; all else is.
    let (header, rest) = (6, 8..bytes.len() - 8);
    assert_eq!(again[..header], bytes[..header]);
    assert_eq!(again[rest.clone()], bytes[rest]);
    if advertisement.authentication() != Authentication::None {
        assert_eq!(again[bytes.len() - 8..], bytes[bytes.len() - 8..]);
    }
}
