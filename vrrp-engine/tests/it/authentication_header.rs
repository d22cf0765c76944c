//! RFC 2338's Authentication Header, from one engine to another.

use vrrp_engine::{ConfigError, Discard, Instant, Output, VrrpRouter};
use vrrp_proto::{
    Advertisement, AhKey, AuthError, Authentication, Endpoints, Packet, PreparedAh, Priority, Version,
    Violation,
};

use super::{ABOVE, SEC, advert, at, builder};

fn key(text: &str) -> AhKey {
    AhKey::new(text).unwrap()
}

fn router(builder: vrrp_engine::ConfigBuilder) -> VrrpRouter {
    let mut router = VrrpRouter::new();
    router.add(1, builder.build().unwrap()).unwrap();
    router.start(Instant::EPOCH);
    router
}

/// The datagrams of a Master's first advertisement, sealed with these numbers.
fn sealed(password: &str, sequences: &[u32]) -> Vec<Vec<u8>> {
    let owner = builder(255).source(ABOVE).authentication_header(key(password));
    let mut master = router(owner);
    let Some((_, Output::Advertise(advertise))) = master.poll_output() else { panic!("an owner advertises") };
    let mut buffer = [0; Advertisement::MAX_LEN + PreparedAh::<&mut [u8]>::OVERHEAD];
    let datagrams = sequences.iter().map(|sequence| {
        let len = advertise.seal(*sequence, &mut buffer).unwrap().unwrap();
        buffer[..len].to_vec()
    });
    datagrams.collect()
}

#[test]
fn what_is_sealed_with_the_key_is_taken_once() {
    let mut backup = router(builder(100).authentication_header(key("secret")));
    let datagrams = sealed("secret", &[7, 9, 8]);
    let mut hear = |datagram: &[u8]| {
        backup.handle_packet(at(SEC), 1, &Packet::from_ipv4(datagram).unwrap()).map(|taken| taken.notes)
    };
    assert!(hear(&datagrams[0]).is_ok());
    assert!(hear(&datagrams[1]).is_ok());
    assert!(matches!(hear(&datagrams[1]), Err(Discard::Rule(Violation::Auth(AuthError::Replayed { .. })))));
    assert!(hear(&datagrams[2]).is_err(), "older than what was seen");
    let stats = backup.iter().next().unwrap().1.stats();
    assert_eq!((stats.advertisement_rcvd, stats.auth_failures), (2, 2));
}

#[test]
fn another_key_or_none_is_refused_and_no_deadline_moves() {
    let mut backup = router(builder(100).authentication_header(key("secret")));
    let due = backup.poll_timeout();
    let wrong = sealed("secreT", &[7]);
    assert!(backup.handle_packet(at(SEC), 1, &Packet::from_ipv4(&wrong[0]).unwrap()).is_err());
    let mut buffer = [0; 64];
    let endpoints = Endpoints::multicast(ABOVE);
    let plain = advert(200).encode(&endpoints, Default::default(), &mut buffer).unwrap();
    assert!(backup.handle_packet(at(SEC), 1, &Packet::new(endpoints, 255, plain)).is_err());
    assert_eq!(backup.poll_timeout(), due);
    let stats = backup.iter().next().unwrap().1.stats();
    assert_eq!((stats.auth_failures, stats.auth_type_mismatches), (1, 1));

    let mut open = router(builder(100));
    let header = sealed("secret", &[7]);
    assert!(open.handle_packet(at(SEC), 1, &Packet::from_ipv4(&header[0]).unwrap()).is_err());
}

#[test]
fn it_is_version_2s_and_needs_a_key() {
    let without = builder(100).authentication(Authentication::Header).build();
    assert_eq!(without.unwrap_err(), ConfigError::AuthenticationHeader);
    let v3 = builder(100).version(Version::V3).authentication_header(key("secret")).build();
    assert_eq!(v3.unwrap_err(), ConfigError::AuthenticationOfVersion);
    let mut plain = router(builder(255));
    let Some((_, Output::Advertise(advertise))) = plain.poll_output() else { panic!("an owner advertises") };
    assert!(advertise.seal(1, &mut [0; 64]).is_none(), "there is nothing to seal");
    assert_eq!(advertise.advertisement.priority(), Priority::OWNER);
}
