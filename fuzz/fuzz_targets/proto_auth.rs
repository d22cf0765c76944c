//! Authentication: sealed packets are believed once; tampered with, only where the digest does not look; and no bytes that
//! come instead of them panic.
#![no_main]

use std::time::Duration;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, AhKey, AhReplay, Authentication, Checksum, Endpoints, HmacKey,
    HmacMode, HmacReplay, HmacSequence, Packet, PreparedAh, PreparedHmac, Priority, Rules, Verifier, Vrid,
};

#[derive(Debug, Arbitrary)]
struct Input {
    key: [u8; 32],
    priority: u8,
    sequence: u32,
    secs: u32,
    late: i8,
    window: u16,
    edits: Vec<(u16, u8)>,
    instead: Option<Vec<u8>>,
}

const VIPS: Addresses<'_> = Addresses::V4(&[[192, 0, 2, 100], [192, 0, 2, 101]]);

fuzz_target!(|input: Input| {
    header(&input);
    trailer(&input);
});

fn vrid() -> Vrid {
    Vrid::new(51).expect("not zero")
}

/// RFC 2338's Authentication Header.
fn header(input: &Input) {
    let key = AhKey::new(&input.key[..8]).expect("8 bytes");
    let (priority, interval) = (Priority::new(input.priority), AdvertInterval::DEFAULT);
    let advertisement =
        Advertisement::v2(vrid(), priority, interval, VIPS, Authentication::Header).expect("two");
    let endpoints = Endpoints::multicast([192, 0, 2, 1].into());
    let mut prepared = PreparedAh::new(&advertisement, &endpoints, 255, [0; 100]).expect("it fits");
    let sealed = prepared.seal(&key, input.sequence).to_vec();

    let rules = Rules::v2(vrid(), interval, VIPS);
    let judge = |replay: &mut AhReplay, bytes: &[u8]| {
        let packet = Packet::from_ipv4(bytes).ok()?;
        let decoded = packet.decode().ok()?;
        rules.check(&decoded, Verifier::Ah { key: &key, replay }).ok()?;
        Some((decoded.advertisement.to_string(), packet.endpoints()))
    };
    let mut replay = AhReplay::new();
    let expected = Some((advertisement.to_string(), endpoints));
    // What came before does not keep it from being believed, unless it was believed itself.
    let before = judge(&mut replay, &tampered(input, &sealed));
    assert!(before.is_none() || before == expected, "{before:?}");
    let then = judge(&mut replay, &sealed);
    assert_eq!(then.is_some(), before.is_none());
    assert_eq!(judge(&mut replay, &sealed), None, "a replay");
}

/// keepalived's `auth_hmac`.
fn trailer(input: &Input) {
    let keys = [HmacKey::new(1, input.key).expect("32 bytes")];
    let (priority, interval) = (Priority::new(input.priority), AdvertInterval::DEFAULT);
    let advertisement = Advertisement::v3(vrid(), priority, interval, VIPS).expect("two");
    let endpoints = Endpoints::multicast([192, 0, 2, 1].into());
    let mut prepared =
        PreparedHmac::new(&advertisement, &endpoints, Checksum::default(), [0; 100]).expect("it fits");
    let sent = Duration::from_secs(u64::from(input.secs) + 200);
    let sealed = prepared.seal(&keys[0], HmacSequence::at(sent)).to_vec();

    let received_at = Duration::from_secs(sent.as_secs().saturating_add_signed(input.late.into()));
    let window = Duration::from_secs(u64::from(input.window) % 300 + 1);
    let is_fresh = u64::from(input.late.unsigned_abs()) <= window.as_secs();
    let rules = Rules::v3(vrid(), interval, VIPS);
    let judge = |replay: &mut HmacReplay, bytes: &[u8]| {
        let packet = Packet::new(endpoints, 255, bytes);
        let decoded = packet.decode().ok()?;
        let verifier = Verifier::Hmac { keys: &keys, mode: HmacMode::Enforce, replay, received_at };
        rules.check(&decoded, verifier).ok()?;
        Some(decoded.advertisement.to_string())
    };
    let mut replay = HmacReplay::new(window).expect("1 s to 300 s");
    let before = judge(&mut replay, &tampered(input, &sealed));
    assert!(before.is_none() || before == Some(advertisement.to_string()), "{before:?}");
    let then = judge(&mut replay, &sealed);
    assert_eq!(then.is_some(), is_fresh && before.is_none());
    assert_eq!(judge(&mut replay, &sealed), None, "a replay");
}

fn tampered(input: &Input, sealed: &[u8]) -> Vec<u8> {
    let mut bytes = input.instead.clone().unwrap_or_else(|| sealed.to_vec());
    for (at, mask) in &input.edits {
        let at = usize::from(*at) % bytes.len().max(1);
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= mask;
        }
    }
    bytes
}
