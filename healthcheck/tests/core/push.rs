//! Checks that others report to.

use healthcheck::{Cause, Health, Kind, Layer, Outcome, Push};

use super::{at, exact, fail, monitor, ms, pass};

#[test]
fn silence_is_a_failure_for_each_time_that_passes() {
    let mut push = Push::new(at(0), ms(1000));
    assert_eq!(push.handle_timeout(at(999), at(990)), None);

    let silence = Outcome::failed(Cause::new(Layer::Application, Kind::Silent, 0));
    assert_eq!(push.handle_timeout(at(1000), at(990)), Some(silence.clone()));
    assert_eq!(push.handle_timeout(at(1001), at(1000)), None);
    assert_eq!(push.handle_timeout(at(2000), at(1990)), Some(silence));
}

#[test]
fn a_report_starts_the_time_anew() {
    let mut push = Push::new(at(0), ms(1000));
    push.report(at(900));
    assert_eq!(push.poll_timeout(), at(1900));
    assert_eq!(push.handle_timeout(at(1000), at(990)), None);
}

#[test]
fn silence_while_the_caller_was_stopped_says_nothing() {
    let mut push = Push::new(at(0), ms(1000));
    let outcome = push.handle_timeout(at(5000), at(500)).unwrap();
    assert_eq!(outcome.cause.kind, Kind::HeldUp);
    assert_eq!(push.poll_timeout(), at(6000));
}

#[test]
fn reports_and_silence_make_a_monitor_rise_and_fall() {
    let mut monitor = monitor(exact().rise(1).fall(2));
    let mut push = Push::new(at(0), ms(1000));
    push.report(at(100));
    monitor.handle_outcome(at(100), &pass());
    assert_eq!((monitor.health(), monitor.next_start()), (Health::Up, None));

    for (now, health) in [(1100, Health::Up), (2100, Health::Down)] {
        monitor.handle_outcome(at(now), &push.handle_timeout(at(now), at(now)).unwrap());
        assert_eq!(monitor.health(), health);
    }
    push.report(at(2200));
    monitor.handle_outcome(at(2200), &pass());
    assert_eq!(monitor.health(), Health::Up);
    monitor.handle_outcome(at(2300), &fail());
    assert_eq!(monitor.snapshot().failures, 1);
}
