//! One check: what its results say, and when it runs.

use std::mem::size_of;

use healthcheck::{
    Admin, Evidence, First, Health, Initial, Jitter, Layer, Monitor, MonitorEvent, OnLocalFailure, Outcome,
    Policy, PolicyError, Reason, Spread, Verdict, WeightHint,
};
use proptest::prelude::*;

use super::{
    REFUSED, at, drain, exact, fail, healths, held_up, local, monitor, ms, pass, run, up, with_verdict,
};

#[test]
fn a_monitor_is_small() {
    assert!(size_of::<Monitor>() <= 256, "{} bytes", size_of::<Monitor>());
}

#[test]
fn runs_are_planned_from_the_plan_and_not_from_the_end() {
    let mut monitor = monitor(exact());
    monitor.start(at(0), 0, 1);
    let starts: Vec<_> = [900, 0, 1999, 700].map(|took| run(&mut monitor, &pass(), took)).into();
    assert_eq!(starts, [at(0), at(2000), at(4000), at(6000)]);
}

#[test]
fn a_late_start_does_not_shift_the_beat() {
    let mut monitor = monitor(exact());
    monitor.start(at(0), 0, 1);
    monitor.begin(at(300)).unwrap();
    monitor.handle_outcome(at(400), &pass());
    assert_eq!(monitor.next_start(), Some(at(2000)));
}

#[test]
fn a_run_never_overlaps_the_next_and_what_it_misses_is_left_out() {
    let mut monitor = monitor(exact().timeout(ms(9000)));
    monitor.start(at(0), 0, 1);
    assert_eq!(monitor.begin(at(0)), Some(at(9000)));
    assert_eq!((monitor.next_start(), monitor.begin(at(8000))), (None, None));
    monitor.handle_outcome(at(8500), &fail());
    assert_eq!(monitor.next_start(), Some(at(10_000)));
}

#[test]
fn first_runs_are_spread_evenly_over_the_interval() {
    for (nth, of, expected) in [(0, 4, 0), (1, 4, 500), (3, 4, 1500), (5, 4, 500), (0, 0, 0)] {
        let mut monitor = monitor(exact());
        monitor.start(at(0), nth, of);
        assert_eq!(monitor.next_start(), Some(at(expected)), "{nth} of {of}");
    }
}

#[test]
fn jitter_parts_what_meets_and_keeps_the_mean() {
    let mut monitor = monitor(Policy::builder().jitter(Jitter::Around(5)));
    monitor.start(at(0), 0, 1);
    let starts: Vec<_> = (0..1001).map(|_| run(&mut monitor, &pass(), 10)).collect();
    let waits: Vec<_> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(waits.iter().all(|wait| (ms(1900)..=ms(2100)).contains(wait)));
    assert!(waits.iter().any(|wait| *wait < ms(1920)) && waits.iter().any(|wait| *wait > ms(2080)));
    // The deviation of the sum of a thousand of these is 1.8 s.
    let total = starts[1000] - starts[0];
    assert!((ms(1_991_000)..=ms(2_009_000)).contains(&total), "{total:?}");
}

#[test]
fn a_change_tells_why_and_after_how_many() {
    let mut monitor = up(exact().fall(2));
    let mut slow = fail();
    slow.latency = ms(7);
    run(&mut monitor, &slow, 7);
    assert_eq!(
        drain(&mut monitor),
        [MonitorEvent::Pending { n: 1, of: 2, towards: Health::Down, cause: REFUSED }]
    );
    run(&mut monitor, &slow, 7);
    let events = drain(&mut monitor);
    let [MonitorEvent::Changed(change)] = events[..] else { panic!("{events:?}") };
    assert_eq!((change.from, change.to), (Health::Up, Health::Down));
    assert_eq!(change.reason, Reason::Results { count: 2, cause: REFUSED, latency: ms(7) });
    assert_eq!(change.to_string(), "up -> down: network: failed (111), 7.0ms, 2 in a row");
}

#[test]
fn changes_that_nobody_has_polled_become_one_or_none() {
    let mut monitor = up(exact().rise(1).fall(1));
    run(&mut monitor, &fail(), 0);
    run(&mut monitor, &pass(), 0);
    assert_eq!(drain(&mut monitor), []);
    for outcome in [fail(), pass(), fail()] {
        run(&mut monitor, &outcome, 0);
    }
    assert_eq!(healths(&mut monitor), [(Health::Up, Health::Down)]);
}

#[test]
fn a_local_failure_is_kept_apart_from_the_targets() {
    for (on_local_failure, expected) in [
        (OnLocalFailure::Hold, [Health::Up; 4]),
        (OnLocalFailure::Fail, [Health::Down; 4]),
        (OnLocalFailure::FailAfter(3), [Health::Up, Health::Up, Health::Down, Health::Down]),
    ] {
        let mut monitor = up(exact().fall(1).on_local_failure(on_local_failure));
        let seen = expected.map(|_| {
            run(&mut monitor, &local(), 0);
            monitor.health()
        });
        assert_eq!(seen, expected, "{on_local_failure:?}");
        assert_eq!((monitor.stats().failed_locally, monitor.stats().failed), (4, 0));
    }
}

#[test]
fn local_failures_must_be_in_a_row_to_count() {
    let mut monitor = up(exact().fall(1).on_local_failure(OnLocalFailure::FailAfter(2)));
    for outcome in [local(), pass(), local(), pass(), local()] {
        run(&mut monitor, &outcome, 0);
    }
    assert_eq!(monitor.health(), Health::Up);
    // One that was held up is no result, and ends no row.
    for outcome in [held_up(), local()] {
        run(&mut monitor, &outcome, 0);
    }
    assert_eq!(monitor.health(), Health::Down);
}

#[test]
fn a_target_that_asks_for_it_drains_until_it_passes_again() {
    let mut monitor = up(exact().fall(2));
    let drains = with_verdict(Verdict::Drain, pass());
    for (outcome, health) in [
        (&drains, Health::Draining),
        (&fail(), Health::Draining),
        (&pass(), Health::Up),
        (&drains, Health::Draining),
        (&fail(), Health::Draining),
        (&fail(), Health::Down),
    ] {
        run(&mut monitor, outcome, 0);
        assert_eq!(monitor.health(), health);
    }
}

#[test]
fn forced_states_hold_and_the_checks_count_on_beneath() {
    let mut monitor = up(exact().rise(1).fall(1));
    monitor.set_admin(at(1), Admin::ForcedUp);
    run(&mut monitor, &fail(), 0);
    assert_eq!((monitor.health(), drain(&mut monitor)), (Health::Up, vec![]));
    monitor.set_admin(at(3000), Admin::Auto);
    assert_eq!(monitor.health(), Health::Down);
    monitor.set_admin(at(3000), Admin::ForcedDown);
    run(&mut monitor, &pass(), 0);
    assert_eq!(monitor.health(), Health::Down);
    monitor.set_admin(at(5000), Admin::Drain);
    assert_eq!(monitor.health(), Health::Draining);
}

#[test]
fn in_maintenance_nothing_runs_and_nothing_is_heard_and_afterwards_it_begins_anew() {
    let mut monitor = up(exact().initial(Initial::Unknown));
    monitor.begin(at(2000)).unwrap();
    monitor.set_admin(at(2100), Admin::Maintenance);
    assert_eq!((monitor.next_start(), monitor.poll_timeout()), (None, None));
    monitor.handle_outcome(at(2200), &pass());
    assert_eq!((monitor.health(), monitor.stats().passed), (Health::Maintenance, 1));

    monitor.set_admin(at(60_000), Admin::Auto);
    assert_eq!((monitor.health(), monitor.state()), (Health::Unknown, 0));
    assert_eq!(monitor.next_start(), Some(at(60_000)));
    assert_eq!(monitor.standing().evidence, Evidence::Assumed);
    assert_eq!(healths(&mut monitor), [(Health::Up, Health::Unknown)]);
}

#[test]
fn a_weight_holds_until_another_is_said() {
    let mut monitor = up(exact());
    let half = WeightHint::Percent(50);
    run(&mut monitor, &pass().with_weight(half), 0);
    assert_eq!(drain(&mut monitor), [MonitorEvent::Weight { from: None, to: Some(half) }]);
    run(&mut monitor, &pass(), 0);
    run(&mut monitor, &pass().with_weight(half), 0);
    assert_eq!((drain(&mut monitor), monitor.standing().weight), (vec![], Some(half)));
}

#[test]
fn a_check_that_nobody_runs_is_stale_and_keeps_what_it_knows() {
    let mut monitor = up(exact().stale_after(ms(10_000)));
    assert_eq!(monitor.poll_timeout(), Some(at(10_000)));
    monitor.handle_timeout(at(9999));
    assert!(!monitor.is_stale());
    monitor.handle_timeout(at(10_000));
    monitor.handle_timeout(at(20_000));
    assert_eq!(drain(&mut monitor), [MonitorEvent::Stale { silent_for: ms(10_000) }]);
    assert_eq!((monitor.health(), monitor.poll_timeout()), (Health::Up, None));
    run(&mut monitor, &pass(), 20_000);
    assert!(!monitor.is_stale());
}

#[test]
fn a_policy_says_what_is_out_of_range() {
    let error = |builder: healthcheck::PolicyBuilder| builder.build().unwrap_err().to_string();
    assert_eq!(error(exact().rise(0)), "rise is 0: it takes at least 1 result to decide");
    assert_eq!(error(exact().interval(ms(0))), "interval 0ns is out of range: 1ms to 365 days");
    assert_eq!(
        error(exact().jitter(Jitter::Around(51))),
        "a jitter of 51 percent is out of range: at most 50"
    );
    let (from, to) = (ms(2), ms(1));
    assert_eq!(exact().spread(Spread::Random { from, to }).build(), Err(PolicyError::Spread { from, to }));
}

/// What a model has seen: the passes or failures in a row.
#[derive(Default)]
struct Streak {
    passes: u32,
    failures: u32,
}

proptest! {
    #[test]
    fn it_comes_up_after_rise_passes_in_a_row_and_down_after_fall_failures_and_else_never(
        rise in 1u16..5, fall in 1u16..5, counts: bool, initially_up: bool,
        results in prop::collection::vec(0u8..4, 0..200),
    ) {
        let initial = if initially_up { Initial::Up } else { Initial::Down };
        let first = if counts { First::Counts } else { First::Decides };
        let mut monitor = monitor(exact().rise(rise).fall(fall).initial(initial).first(first)
            .on_local_failure(OnLocalFailure::Hold));
        monitor.start(at(0), 0, 1);
        let (mut streak, mut is_first, mut was) = (Streak::default(), true, monitor.health());
        for result in results {
            match result {
                0 | 1 => {
                    let is_pass = result == 0;
                    run(&mut monitor, &if is_pass { pass() } else { fail() }, 3);
                    streak = if is_pass {
                        Streak { passes: streak.passes + 1, failures: 0 }
                    } else {
                        Streak { passes: 0, failures: streak.failures + 1 }
                    };
                }
                _ => { run(&mut monitor, &local(), 3); }
            }
            let is = monitor.health();
            let decides = result < 2 && is_first && first == First::Decides;
            let expected = match (was, result) {
                (_, 0) if decides => Health::Up,
                (_, 1) if decides => Health::Down,
                (Health::Down, 0) if streak.passes >= u32::from(rise) => Health::Up,
                (Health::Up, 1) if streak.failures >= u32::from(fall) => Health::Down,
                (was, _) => was,
            };
            prop_assert_eq!(is, expected);
            is_first &= result >= 2;
            was = is;
        }
        let stats = monitor.stats();
        prop_assert_eq!(stats.inconclusive + stats.held_up + stats.timed_out, 0);
    }

    #[test]
    fn every_result_is_counted_once(
        results in prop::collection::vec((0u8..4, 0u8..3), 0..50),
    ) {
        let mut monitor = monitor(exact());
        let count = results.len() as u64;
        for (verdict, layer) in results {
            let layer = [Layer::Local, Layer::Network, Layer::Application][usize::from(layer)];
            let verdict = [Verdict::Pass, Verdict::Fail, Verdict::Drain, Verdict::Inconclusive][usize::from(verdict)];
            monitor.handle_outcome(at(0), &with_verdict(verdict, Outcome::passed(layer)));
        }
        let stats = monitor.stats();
        let sum = stats.passed + stats.failed + stats.timed_out + stats.failed_locally + stats.held_up
            + stats.inconclusive;
        prop_assert_eq!(sum, count);
    }
}
