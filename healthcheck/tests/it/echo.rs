//! Pings.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};

use healthcheck::{Budget, Check, Class, Echo, Event, Kind, Layer, Turn, Verdict};
use lab::{Lan, Namespace};

use crate::support::{PATIENCE, ended, engine, is_alone, run, without_capabilities};

fn host(ip: impl Into<IpAddr>) -> SocketAddr {
    SocketAddr::new(ip.into(), 0)
}

/// Who may open ping sockets; where nobody may, root has raw ones.
#[derive(Clone, Copy, Debug)]
enum Pingers {
    /// As a namespace is made.
    Nobody,
    Everybody,
}

fn allow(who: Pingers) {
    let Pingers::Everybody = who else { return };
    let set = |range| fs::write("/proc/sys/net/ipv4/ping_group_range", range);
    // Of an ordinary user's namespace everybody is group 0, and there are no others to be named.
    set("0 2147483647").or_else(|_| set("0 0")).unwrap();
}

pub(crate) fn a_host_that_answers_passes_over_ipv4_and_ipv6() {
    Namespace::current().unwrap().enable_ipv6("lo").unwrap();
    for who in [Pingers::Nobody, Pingers::Everybody] {
        allow(who);
        for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()] {
            for length in [8, 56, 1000, 30_000] {
                let outcome = run(Check::new(host(ip), Echo::with_payload(length)).timeout(PATIENCE)).outcome;

                assert_eq!(outcome.verdict, Verdict::Pass, "{ip}, {length} bytes, {who:?}: {outcome:?}");
            }
        }
    }
}

pub(crate) fn a_host_that_is_not_there_fails() {
    let mut lan = Lan::new().unwrap();
    lan.attach(&Namespace::current().unwrap(), "checker", Ipv4Addr::new(10, 0, 0, 1), 24).unwrap();
    for who in [Pingers::Nobody, Pingers::Everybody] {
        allow(who);
        let silence =
            run(Check::new(host([10, 0, 0, 9]), Echo::new()).timeout(Duration::from_millis(200))).outcome;
        let unreachable = run(Check::new(host([192, 0, 2, 1]), Echo::new())).outcome;

        assert_eq!(silence.verdict, Verdict::Fail);
        assert_eq!((silence.cause.layer, silence.cause.kind), (Layer::Network, Kind::TimedOut));
        assert_eq!(unreachable.verdict, Verdict::Fail);
        assert_eq!((unreachable.cause.layer, unreachable.cause.kind), (Layer::Network, Kind::Failed));
    }
}

pub(crate) fn fault_8_a_thousand_hosts_share_one_socket() {
    if !is_alone("echo::fault_8_a_thousand_hosts_share_one_socket") {
        return;
    }
    for who in [Pingers::Nobody, Pingers::Everybody] {
        allow(who);
        let before = fs::read_dir("/proc/self/fd").unwrap().count();
        let mut engine = engine();
        for number in 0..1000_u16 {
            let [high, low] = number.to_be_bytes();
            let check = Check::new(host([127, 1, high, low]), Echo::new()).timeout(PATIENCE);
            let check = engine.add(check).unwrap();
            engine.schedule(check, Instant::now());
        }

        for _ in 0..1000 {
            let ended = ended(&mut engine);
            assert_eq!(ended.outcome.verdict, Verdict::Pass, "{ended:?}");
        }

        // The event loop, its timer, and one socket.
        assert_eq!(fs::read_dir("/proc/self/fd").unwrap().count() - before, 3, "{who:?}");
    }
}

pub(crate) fn replies_that_a_turn_leaves_are_left_for_the_next() {
    allow(Pingers::Everybody);
    let mut engine = engine();
    for number in 0..200 {
        let check = engine.add(Check::new(host([127, 1, 1, number]), Echo::new()).timeout(PATIENCE)).unwrap();
        engine.schedule(check, Instant::now());
    }
    while engine.turn(Instant::now(), Budget::default().steps(1000).time(PATIENCE)) == Turn::Unfinished {}
    let (mut count, mut turn) = (0, Turn::Unfinished);

    // Whoever is told of a change only, as tokio, is not told of what it has left.
    while turn == Turn::Unfinished {
        turn = engine.turn(Instant::now(), Budget::default().steps(1));
        count += std::iter::from_fn(|| engine.poll_event()).count();
    }

    assert_eq!(count, 200);
}

pub(crate) fn fault_8_sequence_numbers_come_round() {
    allow(Pingers::Everybody);
    let mut lan = Lan::new().unwrap();
    lan.attach(&Namespace::current().unwrap(), "checker", Ipv4Addr::new(10, 0, 0, 1), 24).unwrap();
    let mut engine = engine();
    // One waits for a reply that does not come while all other numbers are used up, and more.
    let lost = engine.add(Check::new(host([10, 0, 0, 9]), Echo::new()).timeout(PATIENCE * 10)).unwrap();
    engine.schedule(lost, Instant::now());
    let checks: Vec<_> =
        (0..100).map(|_| engine.add(Check::new(host([127, 0, 0, 1]), Echo::new())).unwrap()).collect();
    for check in &checks {
        engine.schedule(*check, Instant::now());
    }

    let mut count = 0;
    while count < 70_000 {
        engine.wait(Some(PATIENCE)).unwrap();
        engine.turn(Instant::now(), Budget::default());
        while let Some(Event::Ended(ended)) = engine.poll_event() {
            assert_ne!(ended.check, lost);
            assert_eq!(ended.outcome.verdict, Verdict::Pass, "{ended:?}");
            engine.schedule(ended.check, ended.planned);
            count += 1;
        }
    }

    assert!(engine.in_flight(Class::Echo) >= 1, "the one that waits was forgotten");
}

pub(crate) fn where_pings_are_forbidden_the_outcome_says_what_would_help() {
    allow(Pingers::Nobody);
    let outcome = without_capabilities(|| run(Check::new(host([127, 0, 0, 1]), Echo::new())).outcome);

    assert_eq!((outcome.verdict, outcome.cause.layer), (Verdict::Inconclusive, Layer::Local));
    let detail = outcome.detail.unwrap_or_default();
    assert!(detail.contains("ping_group_range") && detail.contains("CAP_NET_RAW"), "{detail}");
}
