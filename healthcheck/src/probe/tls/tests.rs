use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    RootCertStore, ServerConfig, ServerConnection,
    crypto::ring,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    server::WebPkiClientVerifier,
};

use super::*;
use crate::{Expect, InTurn, Rounds, Tcp, Verdict};

const NAME: &str = "shop.example";

/// An authority, whose certificates servers show.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: Vec<u8>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        let (pem, der) = (certificate.pem(), certificate.der().to_vec());
        Self { issuer: Issuer::new(params, key), pem, der }
    }

    fn certificate(&self, name: &str, last_year: i32) -> (Vec<u8>, KeyPair, String) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(last_year, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().to_vec(), key, certificate.pem())
    }

    fn server(&self, name: &str, last_year: i32) -> ServerConfig {
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
        let (certificate, key, _) = self.certificate(name, last_year);
        builder.with_single_cert(vec![certificate.into()], private(&key)).unwrap()
    }

    fn trusted(&self) -> TlsConfig {
        TlsConfig::builder(self.pem.as_bytes()).build().unwrap()
    }
}

fn private(key: &KeyPair) -> PrivateKeyDer<'static> {
    PrivatePkcs8KeyDer::from(key.serialize_der()).into()
}

/// Asks for a greeting, and says something first.
fn greeting() -> Tcp {
    Tcp::connect().send(*b"who?").expect(Expect::starts_with(b"hello"))
}

fn probe(config: &TlsConfig) -> Tls<Tcp> {
    Tls::new(config, NAME, greeting()).unwrap()
}

/// Has a probe talk to a server that answers with a greeting and closes; both hear the other in pieces of so many bytes.
fn converse(probe: &mut dyn Probe, server: &ServerConfig, piece: usize) -> Step {
    let mut server = ServerConnection::new(Arc::new(server.clone())).unwrap();
    let mut step = probe.start(1);
    let mut is_closed = false;
    while step == Step::Continue {
        while step == Step::Continue && !probe.transmit().is_empty() {
            let count = probe.transmit().len().min(piece);
            let mut sent = &probe.transmit()[..count];
            server.read_tls(&mut sent).unwrap();
            let is_fine = server.process_new_packets().is_ok();
            step = probe.sent(count);
            let mut heard = Vec::new();
            let _ = server.reader().read_to_end(&mut heard);
            if is_fine && heard.ends_with(b"?") && !is_closed {
                server.writer().write_all(b"hello, who asks?").unwrap();
                server.send_close_notify();
                is_closed = true;
            }
        }
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer).unwrap();
        }
        if answer.is_empty() && step == Step::Continue && probe.transmit().is_empty() {
            step = probe.end();
        }
        for bytes in answer.chunks(piece) {
            if step == Step::Continue {
                step = probe.receive(bytes);
            }
        }
    }
    step
}

fn outcome(probe: &mut dyn Probe, server: &ServerConfig) -> Outcome {
    let outcomes = [usize::MAX, 1, 2, 7, 1000].map(|piece| {
        let step = converse(probe, server, piece);
        let Step::Done(outcome) = step else { panic!("{step:?}") };
        outcome
    });
    for outcome in &outcomes {
        assert_eq!(*outcome, outcomes[0]);
    }
    outcomes[0].clone()
}

#[test]
fn the_probe_inside_decides_once_the_server_is_who_it_should_be() {
    let authority = Authority::new("Test");
    let server = authority.server(NAME, 2050);
    let passed = outcome(&mut probe(&authority.trusted()), &server);

    assert_eq!(passed.verdict, Verdict::Pass);
    assert_eq!(passed.cause.layer, Layer::Application);
    let ends = passed.certificate_ends.unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    assert_eq!(ends.as_secs(), 2_524_608_000); // 2050-01-01

    let other = Tcp::connect().send(*b"?").expect(Expect::starts_with(b"goodbye"));
    let failed = outcome(&mut Tls::new(&authority.trusted(), NAME, other).unwrap(), &server);
    assert_eq!(failed.cause.kind, Kind::WrongContent);
    assert!(failed.certificate_ends.is_some());
}

#[test]
fn a_certificate_that_is_not_the_servers_own_and_valid_fails_at_once() {
    let authority = Authority::new("Test");
    let strangers = Authority::new("Strangers");
    for (server, problem) in [
        (authority.server(NAME, 2020), "expired"),
        (authority.server("other.example", 2050), "not valid for name"),
        (strangers.server(NAME, 2050), "UnknownIssuer"),
    ] {
        let failed = outcome(&mut probe(&authority.trusted()), &server);
        assert_eq!(failed.cause, Cause::new(Layer::Tls, Kind::Certificate, 0), "{problem}");
        assert!(failed.decisive);
        let detail = failed.detail.unwrap();
        assert!(detail.contains(problem), "{problem}: {detail}");

        let anybody = TlsConfig::danger_without_verification().build().unwrap();
        assert_eq!(outcome(&mut probe(&anybody), &server).verdict, Verdict::Pass, "{problem}");
    }
}

#[test]
fn a_certificate_that_ends_soon_can_fail() {
    let authority = Authority::new("Test");
    let server = authority.server(NAME, 2050);
    let days = |days: u64| Duration::from_secs(days * 86_400);

    let mut soon = probe(&authority.trusted()).valid_for(days(36_500));
    let failed = outcome(&mut soon, &server);
    assert_eq!((failed.cause.layer, failed.cause.kind), (Layer::Tls, Kind::Certificate));
    let left = failed.certificate_ends.unwrap().duration_since(SystemTime::now()).unwrap().as_secs() / 86_400;
    assert!(u64::try_from(failed.cause.code).unwrap().abs_diff(left) <= 1);
    let mut later = probe(&authority.trusted()).valid_for(days(1));
    assert_eq!(outcome(&mut later, &server).verdict, Verdict::Pass);
}

#[test]
fn a_server_that_wants_a_certificate_is_shown_one() {
    let authority = Authority::new("Test");
    let mut roots = RootCertStore::empty();
    roots.add(authority.der.clone().into()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let wants =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone()).build().unwrap();
    let (certificate, key, _) = authority.certificate(NAME, 2050);
    let server = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let server = server.with_client_cert_verifier(wants);
    let server = server.with_single_cert(vec![certificate.into()], private(&key)).unwrap();

    let (_, key, chain) = authority.certificate("checker.example", 2050);
    let known = TlsConfig::builder(authority.pem.as_bytes())
        .client_certificate(chain.as_bytes(), key.serialize_pem().as_bytes())
        .build()
        .unwrap();
    assert_eq!(outcome(&mut probe(&known), &server).verdict, Verdict::Pass);

    let refused = outcome(&mut probe(&authority.trusted()), &server);
    assert_eq!(refused.cause, Cause::new(Layer::Tls, Kind::Alert, 116)); // certificate_required
}

#[test]
fn what_is_no_tls_fails_and_silence_in_the_handshake_is_told_as_such() {
    let authority = Authority::new("Test");
    let mut probe = probe(&authority.trusted());
    let plain = crate::probe::play::outcome_of(&mut probe, b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(plain.cause, Cause::new(Layer::Tls, Kind::Malformed, 0));
    let closed = crate::probe::play::outcome_of(&mut probe, b"");
    assert_eq!(closed.cause, Cause::new(Layer::Tls, Kind::Closed, 0));

    let silence = Cause::new(Layer::Application, Kind::TimedOut, 0);
    probe.start(1);
    assert_eq!(probe.broken(silence).cause, Cause::new(Layer::Tls, Kind::TimedOut, 0));
    // Without a connection there was no handshake.
    let refused = Cause::new(Layer::Network, Kind::Failed, 111);
    assert_eq!(probe.broken(refused).cause, refused);
}

#[test]
fn each_of_several_conversations_has_its_handshake() {
    let authority = Authority::new("Test");
    let server = authority.server(NAME, 2050);
    let both = InTurn::new([greeting(), greeting()], Rounds::EveryRun);
    let mut probe = Tls::new(&authority.trusted(), NAME, both).unwrap();
    for _run in 0..2 {
        assert_eq!(converse(&mut probe, &server, 100), Step::Reopen);
        let Step::Done(outcome) = converse(&mut probe, &server, 100) else { panic!("it goes on") };
        assert_eq!(outcome.verdict, Verdict::Pass);
    }
    // A handshake that fails in the second is the end of the run.
    assert_eq!(converse(&mut probe, &server, 100), Step::Reopen);
    let Step::Done(outcome) = converse(&mut probe, &authority.server(NAME, 2020), 100) else { panic!() };
    assert_eq!(outcome.cause.kind, Kind::Certificate);
    assert_eq!(converse(&mut probe, &server, 100), Step::Reopen);
}

#[test]
fn the_last_words_of_the_probe_inside_are_sent() {
    let authority = Authority::new("Test");
    let farewell = Tcp::connect().send(*b"hello?");
    let mut probe = Tls::new(&authority.trusted(), NAME, farewell).unwrap();
    let mut server = ServerConnection::new(Arc::new(authority.server(NAME, 2050))).unwrap();
    let (mut step, mut heard) = (probe.start(1), String::new());
    while step == Step::Continue {
        let count = probe.transmit().len();
        server.read_tls(&mut probe.transmit()).unwrap();
        server.process_new_packets().unwrap();
        let _ = server.reader().read_to_string(&mut heard);
        step = probe.sent(count);
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer).unwrap();
        }
        if step == Step::Continue {
            step = probe.receive(&answer);
        }
    }
    assert_eq!(heard, "hello?");
}

/// Asks, and goes on whatever it hears.
#[derive(Debug)]
struct Patient {
    is_sent: bool,
}

impl Probe for Patient {
    fn transport(&self) -> Transport {
        Transport::Stream
    }

    fn start(&mut self, _random: u64) -> Step {
        self.is_sent = false;
        Step::Continue
    }

    fn transmit(&self) -> &[u8] {
        if self.is_sent { b"" } else { b"?" }
    }

    fn sent(&mut self, _count: usize) -> Step {
        self.is_sent = true;
        Step::Continue
    }

    fn receive(&mut self, _bytes: &[u8]) -> Step {
        Step::Continue
    }

    fn end(&mut self) -> Step {
        assert!(self.is_sent);
        self.is_sent = false; // a last word
        Step::Continue
    }
}

#[test]
fn the_probe_inside_hears_the_farewell_once() {
    let authority = Authority::new("Test");
    let mut probe = Tls::new(&authority.trusted(), NAME, Patient { is_sent: false }).unwrap();
    let mut server = ServerConnection::new(Arc::new(authority.server(NAME, 2100))).unwrap();
    let mut step = probe.start(1);
    let mut heard = Vec::new();
    while step == Step::Continue && heard != b"??" {
        let mut sent = probe.transmit();
        server.read_tls(&mut sent).unwrap();
        let count = probe.transmit().len();
        step = probe.sent(count);
        server.process_new_packets().unwrap();
        let _ = server.reader().read_to_end(&mut heard);
        if heard == b"?" {
            server.send_close_notify();
        }
        let mut answer = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut answer).unwrap();
        }
        step = if answer.is_empty() { step } else { probe.receive(&answer) };
    }

    assert_eq!(step, Step::Continue);
    assert_eq!(probe.end(), Step::Continue);
}

#[test]
fn what_is_no_certificate_key_or_name_is_told() {
    let authority = Authority::new("Test");
    let (pem, other) = (authority.pem.as_bytes(), KeyPair::generate().unwrap().serialize_pem());
    assert_eq!(TlsConfig::builder(b"").build().unwrap_err(), TlsError::Certificates);
    let builder = || TlsConfig::builder(pem);
    assert_eq!(builder().client_certificate(pem, b"x").build().unwrap_err(), TlsError::Key);
    assert_eq!(
        builder().client_certificate(b"x", other.as_bytes()).build().unwrap_err(),
        TlsError::Certificates
    );
    let mismatch = builder().client_certificate(pem, other.as_bytes()).build().unwrap_err();
    assert!(matches!(mismatch, TlsError::Config(_)), "{mismatch:?}");
    for name in ["", "a b", "x_y..z"] {
        let error = Tls::new(&authority.trusted(), name, greeting()).unwrap_err();
        assert_eq!(error, TlsError::Name(name.into()));
    }
    assert!(Tls::new(&authority.trusted(), "2001:db8::1", greeting()).is_ok());
}
