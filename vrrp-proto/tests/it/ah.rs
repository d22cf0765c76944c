//! RFC 2338's authentication type 2. That its bytes are keepalived's is shown in `golden`.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;
use vrrp_proto::{
    Addresses, AhKey, AhReplay, AuthError, Authentication, EncodeError, Endpoints, Family, FieldError, Notes,
    Packet, PreparedAh, Priority, Rules, UnicastPeer, Verifier, Violation,
};

use super::{SOURCE, VIPS, multicast, secs, usual, v2, vrid};

const PEER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 20);

fn key() -> AhKey {
    AhKey::new("k4lkey00").unwrap()
}

fn sealed_from(endpoints: &Endpoints, key: &AhKey, sequence: u32) -> Vec<u8> {
    let advertisement = v2(&VIPS, Authentication::Header);
    PreparedAh::new(&advertisement, endpoints, 255, vec![0; 100]).unwrap().seal(key, sequence).to_vec()
}

fn sealed(sequence: u32) -> Vec<u8> {
    sealed_from(&multicast(Family::V4), &key(), sequence)
}

fn verify(replay: &mut AhReplay, datagram: &[u8]) -> Result<Notes, Violation> {
    let packet = Packet::from_ipv4(datagram).unwrap();
    let peers = [UnicastPeer { address: SOURCE.into(), hop_limits: 0..=255 }];
    let mut rules = Rules::v2(vrid(), secs(1), Addresses::V4(&VIPS));
    if !packet.endpoints().is_multicast() {
        rules = rules.peers(&peers);
    }
    rules.check(&packet.decode().unwrap(), Verifier::Ah { key: &key(), replay })
}

fn auth(error: AuthError) -> Result<Notes, Violation> {
    Err(Violation::Auth(error))
}

#[test]
fn a_packet_is_taken_once_and_none_before_it() {
    let mut replay = AhReplay::new();
    let [first, second, third] = [sealed(7), sealed(8), sealed(9)];
    assert!(verify(&mut replay, &first).is_ok());
    assert!(verify(&mut replay, &third).is_ok());
    for (datagram, sequence) in [(&first, 7), (&second, 8), (&third, 9)] {
        assert_eq!(verify(&mut replay, datagram), auth(AuthError::Replayed { sequence, last: 9 }));
    }
    assert!(verify(&mut replay, &sealed(u32::MAX)).is_ok());
}

#[test]
fn each_sender_has_its_own_numbers() {
    let mut replay = AhReplay::new();
    let other = |sequence| {
        let endpoints = Endpoints::multicast(PEER.into());
        sealed_from(&endpoints, &key(), sequence)
    };
    assert!(verify(&mut replay, &sealed(1000)).is_ok());
    assert!(verify(&mut replay, &other(1)).is_ok());
    assert!(verify(&mut replay, &other(1)).is_err());
    assert!(verify(&mut replay, &sealed(1001)).is_ok());
}

#[test]
fn a_sender_that_starts_anew_is_taken_once_it_is_forgotten() {
    let mut replay = AhReplay::new();
    assert!(verify(&mut replay, &sealed(1000)).is_ok());
    assert!(verify(&mut replay, &sealed(1)).is_err());
    replay.forget(IpAddr::V4(SOURCE));
    assert!(verify(&mut replay, &sealed(1)).is_ok());
}

#[test]
fn a_forgery_is_not_remembered() {
    let mut replay = AhReplay::new();
    let forged = sealed_from(&multicast(Family::V4), &AhKey::new("another").unwrap(), 5000);
    assert_eq!(verify(&mut replay, &forged), auth(AuthError::Digest));
    assert!(verify(&mut replay, &sealed(1)).is_ok());
}

/// Made by another program: without options, with Router Alert, with all there is room for; to the group and to a peer.
#[test]
fn ip_options_are_covered_and_understood() {
    let datagrams = [
        "45c0004400090000ff3317b0c00002fbe000001270040000c00002fb00000009d181bf5267c4bacaabcbd412210ac802\
         020190edc0000201c00002020000000000000000",
        "46c0004800090000ff3382a7c00002fbe00000129404000070040000c00002fb000000096cbfce63be469e8b60b45da2\
         210ac802020190edc0000201c00002020000000000000000",
        "4fc0006c00090000ff336771c00002fbe000001294040000010101010101010101010101010101010101010101010101\
         01010101010101010101010170040000c00002fb00000009a3983849bf7b16c2f447c8cd210ac802020190edc0000201\
         c00002020000000000000000",
        "46c00048000900003d3362a6c00002fbc00002149404000070040000c00002fb00000009c436e7770f1d0ac426c881ec\
         210ac802020190edc0000201c00002020000000000000000",
        "4fc0006c00090000ff33856fc00002fbc000021494040000010101010101010101010101010101010101010101010101\
         01010101010101010101010170040000c00002fb000000090681474d3862e89513d382cd210ac802020190edc0000201\
         c00002020000000000000000",
    ];
    for datagram in datagrams.map(super::bytes) {
        assert_eq!(verify(&mut AhReplay::new(), &datagram), Ok(Notes::default()));
        let options = 20..usize::from(datagram[0] & 0xf) * 4;
        for at in options {
            let mut changed = datagram.clone();
            changed[at] ^= 1;
            assert_eq!(verify(&mut AhReplay::new(), &changed), auth(AuthError::Digest));
        }
    }
}

#[test]
fn more_senders_than_are_remembered_are_refused_and_none_is_taken_twice() {
    let mut replay = AhReplay::new();
    let from = |sender: u8, sequence| {
        let endpoints = Endpoints::multicast([10, 0, 0, sender].into());
        sealed_from(&endpoints, &key(), sequence)
    };
    for sequence in [100, 200] {
        for sender in 0..16 {
            assert!(verify(&mut replay, &from(sender, sequence)).is_ok());
        }
    }
    assert_eq!(verify(&mut replay, &from(16, 1)), auth(AuthError::TooManySenders));
    for sender in 0..16 {
        assert!(verify(&mut replay, &from(sender, 100)).is_err(), "a replay");
    }
    replay.forget([10, 0, 0, 3].into());
    assert!(verify(&mut replay, &from(16, 1)).is_ok());
}

#[test]
fn a_header_and_a_trailer_do_not_go_together() {
    let mut message = sealed(7)[20..].to_vec();
    message.extend_from_slice(&[1, 1, 0, 0]);
    message.extend_from_slice(&[0; 24]);
    let mut datagram = sealed(7)[..20].to_vec();
    datagram.extend_from_slice(&message);
    datagram[3] += 28;
    assert_eq!(verify(&mut AhReplay::new(), &datagram), auth(AuthError::UnexpectedTrailer));
}

#[test]
fn version_3_has_no_authentication_header() {
    let mut datagram = sealed(7);
    let endpoints = multicast(Family::V4);
    let v3 =
        super::encoded_for(&super::v3(Addresses::V4(&VIPS)), &endpoints, vrrp_proto::Checksum::MessageOnly);
    datagram.truncate(44);
    datagram.extend_from_slice(&v3);
    datagram[3] = datagram.len() as u8;
    let refused = Packet::from_ipv4(&datagram).unwrap().decode().unwrap_err();
    assert_eq!(refused, vrrp_proto::ParseError::AuthHeader { auth_type: 0, has_ah: true });
    assert_eq!(refused.counter(), vrrp_proto::Counter::AuthTypeMismatch);
    assert_eq!(vrrp_proto::ParseError::AhHeader.counter(), vrrp_proto::Counter::InvalidAuthType);
}

/// What routers on the way may change is not covered; everything else is.
#[test]
fn one_changed_bit_anywhere_is_noticed_but_where_the_digest_does_not_look() {
    let good = sealed(7);
    for bit in 0..good.len() * 8 {
        let mut datagram = good.clone();
        datagram[bit / 8] ^= 1 << (bit % 8);
        let taken = Packet::from_ipv4(&datagram).is_ok_and(|packet| packet.decode().is_ok())
            && verify(&mut AhReplay::new(), &datagram).is_ok();
        // Type of service, Don't Fragment and the reserved flag, the header checksum.
        let is_mutable = matches!(bit / 8, 1 | 10 | 11) || matches!(bit, 54 | 55);
        assert_eq!(taken, is_mutable, "bit {bit}");
    }
}

#[test]
fn in_unicast_the_ttl_is_not_covered_either() {
    let endpoints = Endpoints::V4 { source: SOURCE, destination: PEER };
    let mut datagram = sealed_from(&endpoints, &key(), 7);
    datagram[8] = 61;
    assert!(verify(&mut AhReplay::new(), &datagram).is_ok());
}

#[test]
fn the_index_is_the_source_address() {
    let mut datagram = sealed(7);
    datagram[24] ^= 1;
    let spi = u32::from_be_bytes(datagram[24..28].try_into().unwrap());
    assert_eq!(verify(&mut AhReplay::new(), &datagram), auth(AuthError::Spi(spi)));
}

#[test]
fn type_2_without_the_header_and_the_header_without_the_key_are_refused() {
    let datagram = sealed(7);
    let packet = Packet::from_ipv4(&datagram).unwrap();
    let rules = Rules::v2(vrid(), secs(1), Addresses::V4(&VIPS));
    let refused = rules.check(&packet.decode().unwrap(), Verifier::None);
    assert_eq!(refused, auth(AuthError::TypeMismatch { ours: 0, theirs: 2 }));

    let bare = Packet::new(packet.endpoints(), 255, packet.message());
    let refused = vrrp_proto::ParseError::AuthHeader { auth_type: 2, has_ah: false };
    assert_eq!(bare.decode(), Err(refused));
    assert!(refused.to_string().ends_with("in a packet without authentication header"), "{refused}");
}

#[test]
fn what_cannot_be_written_is_refused() {
    let advertisement = v2(&VIPS, Authentication::Header);
    let refused = |advertisement, endpoints, len| {
        PreparedAh::new(&advertisement, &endpoints, 255, vec![0; len]).unwrap_err()
    };
    assert_eq!(refused(usual(), multicast(Family::V4), 68), EncodeError::Authentication { auth_type: 0 });
    let too_small = EncodeError::BufferTooSmall { needed: 68, available: 67 };
    assert_eq!(refused(advertisement, multicast(Family::V4), 67), too_small);
    let header = vrrp_proto::Prepared::new(
        &advertisement,
        &multicast(Family::V4),
        vrrp_proto::Checksum::default(),
        [0; 64],
    );
    assert_eq!(header.unwrap_err(), EncodeError::Authentication { auth_type: 2 });
    let forwarded = PreparedAh::new(&advertisement, &multicast(Family::V4), 64, [0; 68]).unwrap_err();
    assert_eq!(forwarded, EncodeError::HopLimit { hop_limit: 64 });
    let family = EncodeError::Family { addresses: Family::V4, packet: Family::V6 };
    assert_eq!(refused(advertisement, multicast(Family::V6), 68), family);
}

#[test]
fn a_key_has_1_to_8_bytes_and_does_not_show_itself() {
    assert_eq!(AhKey::new("").unwrap_err(), FieldError::Password { len: 0 });
    assert_eq!(AhKey::new("123456789").unwrap_err(), FieldError::Password { len: 9 });
    assert_eq!(format!("{:?}", key()), "AhKey(..)");
}

#[test]
fn the_ip_header_is_whole() {
    // Identification 0 would have the kernel choose one, and break the digest.
    for (sequence, id) in [(1, 1), (0x1_0000, 1), (0x1_0001, 1), (0xffff, 0xffff)] {
        let datagram = sealed(sequence);
        assert_eq!(u16::from_be_bytes([datagram[4], datagram[5]]), id);
        assert_eq!(super::sum(&datagram[..20]), 0xffff);
        assert_eq!(usize::from(datagram[3]), datagram.len());
        assert_eq!((datagram[0], datagram[1], datagram[8], datagram[9]), (0x45, 0xc0, 255, 51));
    }
}

proptest! {
    #[test]
    fn what_is_sealed_is_believed(key in "[ -~]{1,8}", sequence: u32, priority: u8) {
        let key = AhKey::new(key).unwrap();
        let advertisement = v2(&VIPS, Authentication::Header);
        let mut prepared = PreparedAh::new(&advertisement, &multicast(Family::V4), 255, [0; 68]).unwrap();
        prepared.set_priority(Priority::new(priority));
        let packet = Packet::from_ipv4(prepared.seal(&key, sequence)).unwrap();
        let decoded = packet.decode().unwrap();
        prop_assert_eq!(decoded.advertisement, advertisement.with_priority(Priority::new(priority)));
        let rules = Rules::v2(vrid(), secs(1), Addresses::V4(&VIPS));
        let verifier = Verifier::Ah { key: &key, replay: &mut AhReplay::new() };
        prop_assert_eq!(rules.check(&decoded, verifier), Ok(Notes::default()));
    }
}
