//! keepalived's `auth_hmac`: its two known answers, its three modes, and its replays.

use std::time::Duration;

use proptest::prelude::*;
use vrrp_proto::{
    Addresses, AuthError, Checksum, Endpoints, Family, FieldError, HmacKey, HmacMode, HmacReplay,
    HmacSequence, Notes, Packet, ParseError, Prepared, PreparedHmac, Priority, Rules, Verifier, Violation,
};

use super::{VIPS, VIPS_V6, bytes, encoded, hex, multicast, packet, secs, v3, vrid};

const NOW: Duration = Duration::from_secs(1_800_000_000);
const WINDOW: Duration = Duration::from_secs(5);

fn key(id: u8) -> HmacKey {
    HmacKey::new(id, [id; 32]).unwrap()
}

fn sealed(key: &HmacKey, sequence: HmacSequence) -> Vec<u8> {
    let advertisement = v3(Addresses::V4(&VIPS));
    let mut prepared =
        PreparedHmac::new(&advertisement, &multicast(Family::V4), Checksum::default(), [0; 64]).unwrap();
    prepared.seal(key, sequence).to_vec()
}

fn at(time: Duration) -> Vec<u8> {
    sealed(&key(1), HmacSequence::at(time))
}

fn verify(
    mode: HmacMode,
    replay: &mut HmacReplay,
    received_at: Duration,
    message: &[u8],
) -> Result<Notes, Violation> {
    let packet = packet(message);
    let rules = Rules::v3(vrid(), secs(1), Addresses::V4(&VIPS));
    let keys = [key(1), key(2)];
    rules.check(&packet.decode().unwrap(), Verifier::Hmac { keys: &keys, mode, replay, received_at })
}

fn enforce(replay: &mut HmacReplay, received_at: Duration, message: &[u8]) -> Result<Notes, Violation> {
    verify(HmacMode::Enforce, replay, received_at, message)
}

fn auth(error: AuthError) -> Result<Notes, Violation> {
    Err(Violation::Auth(error))
}

/// The key, the time and the answers are those of keepalived's own test.
#[test]
fn keepalived_s_known_answers_are_given_and_believed() {
    let key = HmacKey::new(1, (0..32).collect::<Vec<u8>>()).unwrap();
    let time = Duration::new(0x6800_0000, 500_000_000);
    let cases = [
        (
            Endpoints::multicast([198, 51, 100, 10].into()),
            Checksum::MessageOnly,
            "3133c80100644402c0000264010100006800000080000000\
             1b84bc4e8e43892dc6d98448f8ee2265",
        ),
        (
            Endpoints::new("fe80::10".parse().unwrap(), "fe80::20".parse().unwrap()).unwrap(),
            Checksum::PseudoHeader,
            "3133c8010064a2e9fe800000000000000000000000000100010100006800000080000000\
             c8c56146ebfd66ee10ec4d8186461b78",
        ),
    ];
    for (endpoints, checksum, answer) in cases {
        let answer = bytes(answer);
        let packet = Packet::new(endpoints, 255, &answer);
        let decoded = packet.decode().unwrap();
        assert_eq!(decoded.checksum, checksum);
        let trailer = decoded.trailer.unwrap();
        assert_eq!((trailer.key_id(), trailer.sequence()), (1, HmacSequence::at(time).get()));

        let mut prepared = PreparedHmac::new(&decoded.advertisement, &endpoints, checksum, [0; 64]).unwrap();
        assert_eq!(hex(prepared.seal(&key, HmacSequence::at(time))), hex(&answer));

        let advertisement = decoded.advertisement;
        let peers = [vrrp_proto::UnicastPeer::neighbour(endpoints.source())];
        let rules = Rules::v3(advertisement.vrid(), secs(1), advertisement.addresses());
        let rules = if endpoints.is_multicast() { rules } else { rules.peers(&peers) };
        let (keys, mut replay) = ([key.clone()], HmacReplay::new(WINDOW).unwrap());
        let mode = HmacMode::Enforce;
        let verifier = Verifier::Hmac { keys: &keys, mode, replay: &mut replay, received_at: time };
        assert_eq!(rules.check(&decoded, verifier), Ok(Notes::default()));
    }
}

#[test]
fn a_group_moves_in_three_steps_without_an_outage() {
    let (bare, sealed) = (encoded(&v3(Addresses::V4(&VIPS))), at(NOW));
    let sends = [HmacMode::ReceiveOnly, HmacMode::Permissive, HmacMode::Enforce].map(HmacMode::sends);
    assert_eq!(sends, [false, true, true]);
    for (mode, takes_bare) in
        [(HmacMode::ReceiveOnly, true), (HmacMode::Permissive, true), (HmacMode::Enforce, false)]
    {
        let mut replay = HmacReplay::new(WINDOW).unwrap();
        assert!(verify(mode, &mut replay, NOW, &sealed).is_ok());
        let expected = if takes_bare { Ok(Notes::default()) } else { auth(AuthError::NoTrailer) };
        assert_eq!(verify(mode, &mut replay, NOW, &bare), expected);
        // A trailer that is there is never taken on trust.
        let mut forged = sealed.clone();
        *forged.last_mut().unwrap() ^= 1;
        assert_eq!(
            verify(mode, &mut HmacReplay::new(WINDOW).unwrap(), NOW, &forged),
            auth(AuthError::Digest)
        );
    }
}

#[test]
fn a_packet_is_taken_once_and_none_before_it() {
    let mut replay = HmacReplay::new(WINDOW).unwrap();
    let [first, second, third] = [0, 1, 2].map(|secs| at(NOW + Duration::from_secs(secs)));
    let now = NOW + Duration::from_secs(2);
    assert!(enforce(&mut replay, now, &first).is_ok());
    assert!(enforce(&mut replay, now, &third).is_ok());
    for message in [first, second, third] {
        let refused = enforce(&mut replay, now, &message);
        assert!(matches!(refused, Err(Violation::Auth(AuthError::Replayed { .. }))), "{refused:?}");
    }
}

#[test]
fn a_packet_is_taken_only_within_the_window() {
    for (sent_after, is_taken) in [(-6, false), (-5, true), (0, true), (5, true), (6, false)] {
        let sent = Duration::from_secs(NOW.as_secs().saturating_add_signed(sent_after));
        let taken = enforce(&mut HmacReplay::new(WINDOW).unwrap(), NOW, &at(sent));
        let stale = AuthError::Stale { millis: sent_after * 1000 };
        assert_eq!(taken, if is_taken { Ok(Notes::default()) } else { auth(stale) }, "{sent_after}");
    }
    let stale = AuthError::Stale { millis: -6500 };
    assert_eq!(stale.to_string(), "made 6.5s ago, which is too far off");
}

#[test]
fn a_forgery_is_not_remembered() {
    let mut replay = HmacReplay::new(WINDOW).unwrap();
    let later = at(NOW + Duration::from_secs(4));
    // Another address, and a checksum that is right again.
    let forged = [&super::with_byte(later[..16].to_vec(), 12, 10), &later[16..]].concat();
    assert_eq!(enforce(&mut replay, NOW, &forged), auth(AuthError::Digest));
    assert!(enforce(&mut replay, NOW, &at(NOW)).is_ok());
}

#[test]
fn keys_are_told_apart_by_their_numbers() {
    let mut replay = HmacReplay::new(WINDOW).unwrap();
    let mut next = HmacSequence::at(NOW);
    for (number, key_bytes, taken) in [(1, 1, true), (2, 2, true), (3, 3, false), (2, 1, false)] {
        next = next.next(NOW, WINDOW);
        let key = HmacKey::new(number, [key_bytes; 32]).unwrap();
        let expected = match (taken, number) {
            (true, _) => Ok(Notes::default()),
            (false, 3) => auth(AuthError::UnknownKey(3)),
            (false, _) => auth(AuthError::Digest),
        };
        assert_eq!(enforce(&mut replay, NOW, &sealed(&key, next)), expected);
    }
}

#[test]
fn the_sequence_grows_when_the_clock_stands_still_or_is_set_back_a_little() {
    let first = HmacSequence::at(NOW);
    let second = first.next(NOW, WINDOW);
    assert_eq!(second.get(), first.get() + 1);
    let third = second.next(NOW - WINDOW, WINDOW);
    assert_eq!(third.get(), first.get() + 2);
    let later = NOW + Duration::from_secs(1);
    assert_eq!(third.next(later, WINDOW), HmacSequence::at(later));
}

#[test]
fn a_clock_that_was_wrong_is_believed_as_soon_as_it_is_right() {
    // The sender's clock and the receiver's are an hour ahead, and are set right; or an age behind, before they are set.
    for wrong in [NOW + Duration::from_secs(3600), Duration::from_secs(5)] {
        let mut replay = HmacReplay::new(WINDOW).unwrap();
        let sequence = HmacSequence::at(wrong);
        assert!(enforce(&mut replay, wrong, &sealed(&key(1), sequence)).is_ok());
        let sequence = sequence.next(NOW, WINDOW);
        assert_eq!(sequence, HmacSequence::at(NOW));
        assert!(enforce(&mut replay, NOW, &sealed(&key(1), sequence)).is_ok());
        assert!(enforce(&mut replay, NOW, &sealed(&key(1), sequence)).is_err());
    }
}

#[test]
fn the_window_is_exact_to_the_fraction_of_a_second() {
    for (nanos, is_taken) in [(0, true), (50_000_000, false), (900_000_000, false)] {
        let sent = NOW + WINDOW + Duration::from_nanos(nanos);
        assert_eq!(
            enforce(&mut HmacReplay::new(WINDOW).unwrap(), NOW, &at(sent)).is_ok(),
            is_taken,
            "{nanos}"
        );
    }
    for window in [Duration::ZERO, Duration::from_millis(999), Duration::from_secs(301), Duration::MAX] {
        assert_eq!(HmacReplay::new(window).unwrap_err(), FieldError::Window { window });
    }
    let default = |secs_: u8| HmacReplay::default_window(secs(secs_)).as_secs();
    assert_eq!([default(1), default(2), default(10), default(255)], [5, 6, 30, 300]);
}

/// Recorded packets of many senders must not push each other's marks out.
#[test]
fn more_senders_than_are_remembered_are_refused_and_none_is_taken_twice() {
    let from = |sender: u8, time: Duration| {
        let endpoints = Endpoints::multicast([10, 0, 0, sender].into());
        let advertisement = v3(Addresses::V4(&VIPS));
        let mut prepared =
            PreparedHmac::new(&advertisement, &endpoints, Checksum::default(), [0; 64]).unwrap();
        (endpoints, prepared.seal(&key(1), HmacSequence::at(time)).to_vec())
    };
    let mut replay = HmacReplay::new(WINDOW).unwrap();
    let mut taken = |now: Duration, (endpoints, message): &(Endpoints, Vec<u8>)| {
        let decoded = Packet::new(*endpoints, 255, message).decode().unwrap();
        let (keys, mode) = ([key(1)], HmacMode::Enforce);
        let verifier = Verifier::Hmac { keys: &keys, mode, replay: &mut replay, received_at: now };
        Rules::v3(vrid(), secs(1), Addresses::V4(&VIPS)).check(&decoded, verifier)
    };
    for sender in 0..16 {
        assert!(taken(NOW, &from(sender, NOW)).is_ok());
    }
    assert_eq!(taken(NOW, &from(16, NOW)), auth(AuthError::TooManySenders));
    for sender in 0..16 {
        assert!(taken(NOW, &from(sender, NOW)).is_err(), "a replay");
    }
    // Once their time is over, they do not matter any more.
    let later = NOW + WINDOW + Duration::from_secs(1);
    assert!(taken(later, &from(16, later)).is_ok());
}

#[test]
fn another_authentication_beside_it_is_refused() {
    let advertisement = super::v2(&VIPS, super::password("s3cr3t"));
    let refused = PreparedHmac::new(&advertisement, &multicast(Family::V4), Checksum::default(), [0; 64]);
    assert_eq!(refused.unwrap_err(), vrrp_proto::EncodeError::Authentication { auth_type: 1 });
}

#[test]
fn two_keys_of_one_number_are_both_tried() {
    let message = sealed(&HmacKey::new(1, [9; 32]).unwrap(), HmacSequence::at(NOW));
    let packet = packet(&message);
    let keys = [key(1), HmacKey::new(1, [9; 32]).unwrap()];
    let (mode, mut replay) = (HmacMode::Enforce, HmacReplay::new(WINDOW).unwrap());
    let verifier = Verifier::Hmac { keys: &keys, mode, replay: &mut replay, received_at: NOW };
    let rules = Rules::v3(vrid(), secs(1), Addresses::V4(&VIPS));
    assert_eq!(rules.check(&packet.decode().unwrap(), verifier), Ok(Notes::default()));
}

#[test]
fn the_end_of_the_seconds_is_no_end() {
    let end = Duration::from_secs(1 << 32);
    let mut replay = HmacReplay::new(WINDOW).unwrap();
    let (before, after) = (end - Duration::from_millis(500), end + Duration::from_millis(500));
    assert!(HmacSequence::at(before).next(after, WINDOW).get() < HmacSequence::at(before).get());
    assert!(enforce(&mut replay, before, &at(before)).is_ok());
    assert!(enforce(&mut replay, before, &at(after)).is_ok());
    assert!(enforce(&mut replay, after, &at(before)).is_err());
}

#[test]
fn a_router_that_is_not_configured_for_it_refuses_the_trailer() {
    let message = at(NOW);
    let packet = packet(&message);
    let rules = Rules::v3(vrid(), secs(1), Addresses::V4(&VIPS));
    let refused = rules.check(&packet.decode().unwrap(), Verifier::None);
    assert_eq!(refused, auth(AuthError::UnexpectedTrailer));
    assert_eq!(refused.unwrap_err().counter(), vrrp_proto::Counter::PacketLength);
}

#[test]
fn what_is_no_trailer_is_a_wrong_length() {
    let good = at(NOW);
    for (at, value) in [(16, 0), (16, 2), (17, 0)] {
        let mut message = good.clone();
        message[at] = value;
        assert_eq!(packet(&message).decode(), Err(ParseError::Length { expected: 16, actual: 44 }));
    }
}

#[test]
fn over_ipv6_the_checksum_covers_the_trailer_and_is_right() {
    let advertisement = v3(Addresses::V6(&VIPS_V6));
    let endpoints = multicast(Family::V6);
    let mut prepared = PreparedHmac::new(&advertisement, &endpoints, Checksum::default(), [0; 128]).unwrap();
    for priority in [0, 1, 255] {
        prepared.set_priority(Priority::new(priority));
        let message = prepared.seal(&key(1), HmacSequence::at(NOW)).to_vec();
        assert_eq!(message.len(), 40 + 28);
        let decoded = Packet::new(endpoints, 255, &message).decode().unwrap().advertisement;
        assert_eq!(decoded, advertisement.with_priority(Priority::new(priority)));
    }
}

#[test]
fn a_key_has_32_to_64_bytes_and_a_number_and_does_not_show_itself() {
    for len in [0, 31, 65] {
        assert_eq!(HmacKey::new(1, vec![7; len]).unwrap_err(), FieldError::HmacKey { len });
    }
    assert_eq!(HmacKey::new(0, [7; 32]).unwrap_err(), FieldError::HmacKeyId);
    assert_eq!(format!("{:?}", HmacKey::new(9, [7; 64]).unwrap()), "HmacKey(9, ..)");
}

proptest! {
    #[test]
    fn what_is_sealed_is_believed_and_what_is_changed_is_not(
        key_bytes in prop::collection::vec(any::<u8>(), 32..=64),
        nanos in 0u64..0xffff_ffff_0000_0000,
        bit in any::<prop::sample::Index>(),
    ) {
        let (keys, time) = ([HmacKey::new(1, key_bytes).unwrap()], Duration::from_nanos(nanos));
        let good = sealed(&keys[0], HmacSequence::at(time));
        let judge = |message: &[u8]| {
            let packet = packet(message);
            let decoded = packet.decode().ok()?;
            let mut replay = HmacReplay::new(WINDOW).unwrap();
            let mode = HmacMode::Enforce;
            let verifier = Verifier::Hmac { keys: &keys, mode, replay: &mut replay, received_at: time };
            Rules::v3(vrid(), secs(1), Addresses::V4(&VIPS)).check(&decoded, verifier).ok()
        };
        prop_assert_eq!(judge(&good), Some(Notes::default()));
        let mut changed = good.clone();
        let bit = bit.index(good.len() * 8);
        changed[bit / 8] ^= 1 << (bit % 8);
        prop_assert_eq!(judge(&changed), None);
    }

    /// The message without a trailer is what `Prepared` would send.
    #[test]
    fn the_message_in_front_of_the_trailer_is_the_message(priority: u8) {
        let (advertisement, endpoints) = (v3(Addresses::V4(&VIPS)), multicast(Family::V4));
        let mut plain = Prepared::new(&advertisement, &endpoints, Checksum::default(), [0; 16]).unwrap();
        let mut sealed = PreparedHmac::new(&advertisement, &endpoints, Checksum::default(), [0; 44]).unwrap();
        plain.set_priority(Priority::new(priority));
        sealed.set_priority(Priority::new(priority));
        prop_assert_eq!(&sealed.seal(&key(1), HmacSequence::at(NOW))[..16], plain.as_bytes());
    }
}
