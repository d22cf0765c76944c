//! A loop that was held up takes nobody for dead.

use healthcheck::{Health, Kind, judge_silence};

use super::{at, drain, exact, fail, held_up, ms, run, up};

#[test]
fn silence_that_nobody_could_hear_is_not_the_targets() {
    for (seen, previous_turn, kind) in [
        (1000, 0, Kind::TimedOut),
        (1250, 0, Kind::TimedOut),
        (1251, 0, Kind::HeldUp),
        (60_000, 999, Kind::HeldUp),
        (60_000, 59_999, Kind::TimedOut),
        (900, 1100, Kind::TimedOut),
    ] {
        let judged = judge_silence(at(1000), ms(1000), at(seen), at(previous_turn));
        assert_eq!(judged, kind, "seen at {seen} ms, last turn at {previous_turn} ms");
    }
}

#[test]
fn a_run_that_was_held_up_neither_counts_nor_interrupts_the_count() {
    let mut monitor = up(exact().fall(3));
    for outcome in [fail(), held_up(), fail(), held_up()] {
        run(&mut monitor, &outcome, 1);
    }
    assert_eq!((monitor.health(), monitor.state()), (Health::Up, 3));
    run(&mut monitor, &fail(), 1);
    assert_eq!(monitor.health(), Health::Down);
    assert_eq!(monitor.stats().held_up, 2);
}

#[test]
fn a_stopped_program_keeps_all_its_targets() {
    let mut monitors: Vec<_> = (0..1000).map(|_| up(exact().fall(1))).collect();
    let stopped = at(2000);
    for monitor in &mut monitors {
        let deadline = monitor.begin(stopped).unwrap();
        let woken = deadline + ms(60_000);
        let kind = judge_silence(deadline, monitor.policy().timeout(), woken, stopped);
        let silence = if kind == Kind::HeldUp { held_up() } else { fail() };
        monitor.handle_outcome(woken, &silence);
        assert_eq!(monitor.health(), Health::Up);
        assert!(drain(monitor).is_empty());
    }
}
