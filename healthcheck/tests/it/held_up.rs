//! The starvation guard: who looks late knows less.

use std::{
    io::Write,
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use healthcheck::{Budget, Check, Ended, Engine, Event, Expect, Kind, Tcp, Turn, Verdict};

use crate::support::{ended, engine, listener, silent, start};

const TIMEOUT: Duration = Duration::from_secs(8);

/// An engine with a check on its way, to a target that accepts; and when it started.
fn on_its_way(probe: Tcp) -> (Engine, TcpListener, Instant) {
    let (listener, address) = listener();
    let mut engine = engine();
    start(&mut engine, Check::new(address, probe).timeout(TIMEOUT));
    let now = Instant::now();
    assert_eq!(engine.turn(now, Budget::default()), Turn::Finished);
    (engine, listener, now)
}

fn asking() -> Tcp {
    Tcp::connect().expect(Expect::starts_with(b"220"))
}

/// Has the engine run at this time, which need not have come yet.
fn run_at(engine: &mut Engine, now: Instant) -> Option<Ended> {
    while engine.turn(now, Budget::default()) == Turn::Unfinished {}
    engine.poll_event().map(|event| {
        let Event::Ended(ended) = event else { panic!("{event:?}") };
        ended
    })
}

pub(crate) fn a_timeout_that_a_late_loop_sees_says_nothing() {
    let (mut engine, _listener, start) = on_its_way(asking());

    let ended = run_at(&mut engine, start + TIMEOUT * 3).expect("an outcome");

    assert_eq!((ended.outcome.verdict, ended.outcome.cause.kind), (Verdict::Inconclusive, Kind::HeldUp));
    assert_eq!((engine.stats().held_up, engine.stats().timed_out), (1, 0));
}

pub(crate) fn a_late_loop_excuses_also_those_whom_it_sees_in_a_later_turn() {
    let (_listener, address) = listener();
    let mut engine = engine();
    for _ in 0..10 {
        start(&mut engine, Check::new(address, asking()).timeout(TIMEOUT));
    }
    let start = Instant::now();
    while engine.turn(start, Budget::default()) == Turn::Unfinished {}

    while engine.turn(start + TIMEOUT * 3, Budget::default().steps(4)) == Turn::Unfinished {}

    assert_eq!((engine.stats().held_up, engine.stats().timed_out), (10, 0));
}

pub(crate) fn a_loop_that_stood_still_before_the_deadline_was_late_too() {
    let (mut engine, _listener, start) = on_its_way(asking());
    let step = TIMEOUT / 16;

    // In time, but for a little more than a quarter of the timeout once.
    let mut now = start;
    let mut ended = None;
    while ended.is_none() {
        now += if now == start + step * 4 { step * 5 } else { step };
        ended = run_at(&mut engine, now);
    }

    assert_eq!(ended.map(|ended| ended.outcome.cause.kind), Some(Kind::HeldUp));
}

pub(crate) fn an_answer_that_came_while_the_loop_stood_still_counts() {
    let (mut engine, listener, start) = on_its_way(asking());
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"220 ready\r\n").unwrap();

    let ended = run_at(&mut engine, start + TIMEOUT * 3).expect("an outcome");

    assert_eq!(ended.outcome.verdict, Verdict::Pass);
}

pub(crate) fn a_loop_that_is_in_time_sees_failures() {
    let (mut engine, _listener, start) = on_its_way(asking());

    let mut now = start;
    let mut ended = None;
    while ended.is_none() {
        now += TIMEOUT / 5;
        ended = run_at(&mut engine, now);
    }

    assert_eq!(ended.map(|ended| ended.outcome.cause.kind), Some(Kind::TimedOut));
    assert_eq!((engine.stats().held_up, engine.stats().timed_out), (0, 1));
}

pub(crate) fn a_thread_that_really_stood_still_is_excused() {
    let timeout = Duration::from_millis(200);
    let (_listener, address) = silent();
    let mut engine = engine();
    start(&mut engine, Check::new(address, asking()).timeout(timeout));
    engine.turn(Instant::now(), Budget::default());

    // As if stopped by a signal.
    thread::sleep(timeout * 2);

    assert_eq!(ended(&mut engine).outcome.cause.kind, Kind::HeldUp);
}
