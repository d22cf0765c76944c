//! Any bytes from a target, in any pieces: no probe panics, or sends without end; and what it makes of a stream does not depend
//! on how that was cut.
//!
//! The first byte chooses the probe, the second the cuts, the third whether something is sent in pieces; the rest is what the
//! target says.
#![no_main]

use std::sync::OnceLock;

use healthcheck::{
    Cause, Digest, Dns, Echo, Expect, Found, Grpc, Http, InTurn, Kind, Layer, Method, Outcome, Probe,
    RecordType, Redis, Rounds, Smtp, Step, Tcp, Tls, TlsConfig, Transport, Udp,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let [which, cuts, sends, answer @ ..] = bytes else { return };
    let mut probe = probe(*which);
    let whole = play(&mut *probe, &mut pieces(answer, 0), *sends);
    let cut = play(&mut *probe, &mut pieces(answer, *cuts), *sends);
    // TLS has keys of its own in every run; a datagram is not cut.
    if probe.transport() == Transport::Stream && probe.class() != healthcheck::Class::Tls {
        let [whole, cut] = [whole, cut].map(|outcome| (outcome.verdict, outcome.cause, outcome.decisive));
        assert_eq!(whole, cut, "{probe:?}");
    }
});

fn probe(which: u8) -> Box<dyn Probe> {
    let page = || Http::builder("shop.example");
    match which % 18 {
        0 => Box::new(Tcp::connect().send(*b"?").expect(Expect::contains(b"ab"))),
        1 => Box::new(Tcp::connect().expect(Expect::matches("0x xA ff".parse().unwrap()))),
        2 => Box::new(page().expect_body(Expect::contains(b"hello")).build().unwrap()),
        3 => Box::new(page().method(Method::Head).build().unwrap()),
        4 => {
            let digest: Digest = "5d41402abc4b2a76b9719d911017c592".parse().unwrap(); // of "hello"
            Box::new(page().digest(digest).expect_header("x", Expect::starts_with(b"y")).build().unwrap())
        }
        5 => Box::new(page().regex("h.l+o$", Found::Somewhere).unwrap().build().unwrap()),
        6 => Box::new(page().expect_body(Expect::starts_with(b"no")).body_limit(20).build().unwrap()),
        7 => {
            let pages = ["/", "/a"].map(|path| page().path(path).draining([503..=503]).build().unwrap());
            Box::new(InTurn::new(pages, Rounds::EveryRun))
        }
        8 => Box::new(Smtp::new("checker.example").unwrap()),
        9 => Box::new(Redis::new().auth("", "x")),
        10 => Box::new(Dns::new("www.example.com", RecordType::A).unwrap()),
        11 => Box::new(Dns::new("a", RecordType::Aaaa).unwrap().over_tcp()),
        12 => Box::new(Dns::new(".", RecordType::Soa).unwrap().or_no_record()),
        13 => Box::new(Udp::new(*b"?").expect(Expect::starts_with(b"!"))),
        14 => Box::new(Echo::new()),
        15 | 16 => Box::new(Grpc::new("shop.example").service("shop.Cart")),
        _ => Box::new(Tls::new(anybody(), "shop.example", page().build().unwrap()).unwrap()),
    }
}

fn anybody() -> &'static TlsConfig {
    static CONFIG: OnceLock<TlsConfig> = OnceLock::new();
    CONFIG.get_or_init(|| TlsConfig::danger_without_verification().build().unwrap())
}

/// The answer in pieces, which grow and shrink as the number says; in one, if that is 0.
fn pieces(mut answer: &[u8], cuts: u8) -> impl Iterator<Item = &[u8]> {
    let mut step = u32::from(cuts);
    std::iter::from_fn(move || {
        step = step.wrapping_mul(75).wrapping_add(74) % 65_537;
        let length = if cuts == 0 { usize::MAX } else { 1 + step as usize % (1 + usize::from(cuts) / 8) };
        let (piece, rest) = answer.split_at(length.min(answer.len()));
        answer = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

/// A run, with as many conversations as the probe wants, all of which hear the same.
fn play<'a>(probe: &mut dyn Probe, answer: &mut dyn Iterator<Item = &'a [u8]>, sends: u8) -> Outcome {
    let answer: Vec<_> = answer.collect();
    for _conversation in 0..5 {
        let mut step = probe.start(0x0123_4567_89ab_cdef);
        for piece in &answer {
            step = send(probe, step, sends);
            if step != Step::Continue {
                break;
            }
            step = probe.receive(piece);
        }
        step = send(probe, step, sends);
        if step == Step::Continue {
            step = probe.end();
        }
        match step {
            Step::Done(outcome) => return outcome,
            Step::Continue => return probe.broken(Cause::new(Layer::Application, Kind::TimedOut, 0)),
            _ => {}
        }
    }
    probe.broken(Cause::new(Layer::Network, Kind::Failed, 104))
}

fn send(probe: &mut dyn Probe, mut step: Step, sends: u8) -> Step {
    let mut sent = 0;
    while step == Step::Continue && !probe.transmit().is_empty() {
        let waiting = probe.transmit().len();
        let is_whole = sends == 0 || probe.transport() != Transport::Stream;
        let count = if is_whole { waiting } else { waiting.min(sends.into()) };
        sent += count;
        assert!(sent < 1 << 20, "it sends without end");
        step = probe.sent(count);
    }
    step
}
