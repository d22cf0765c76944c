//! What is known survives a restart and a change of policy.

use std::sync::Arc;

use healthcheck::{Admin, Health, Initial, Policy, Pool, PoolConfig, Standing, Target};
use proptest::prelude::*;

use super::{at, drain, exact, fail, healths, monitor, ms, pass, run, up};

#[test]
fn one_integer_carries_a_count_over_a_restart() {
    let mut before = up(exact().fall(3));
    run(&mut before, &fail(), 0);
    run(&mut before, &fail(), 0);
    assert_eq!(before.state(), 3);

    let mut after = monitor(exact().fall(3));
    after.restore(before.state());
    after.start(at(0), 0, 1);
    assert_eq!((after.health(), drain(&mut after)), (Health::Up, vec![]));
    run(&mut after, &fail(), 0);
    assert_eq!(healths(&mut after), [(Health::Up, Health::Down)]);
}

#[test]
fn another_policy_keeps_the_count_and_the_sooner_start() {
    let mut monitor = up(exact().fall(5).interval(ms(60_000)));
    for _ in 0..2 {
        run(&mut monitor, &fail(), 0);
    }
    let planned = monitor.next_start().unwrap();
    monitor.retune(planned - ms(30_000), exact().fall(3).build().unwrap());
    assert_eq!(monitor.next_start(), Some(planned - ms(28_000)));
    assert_eq!((monitor.health(), monitor.state()), (Health::Up, 3));
    run(&mut monitor, &fail(), 0);
    assert_eq!(monitor.health(), Health::Down);
}

#[test]
fn a_stricter_policy_takes_nobody_down_by_itself() {
    let mut monitor = up(exact().fall(5));
    for _ in 0..4 {
        run(&mut monitor, &fail(), 0);
    }
    drain(&mut monitor);
    monitor.retune(at(20_000), exact().fall(2).initial(Initial::Down).build().unwrap());
    assert_eq!((monitor.health(), drain(&mut monitor)), (Health::Up, vec![]));
}

#[test]
fn a_new_check_does_not_take_a_target_down_before_it_has_run() {
    let mut pool = Pool::new(at(0), PoolConfig::<u8>::default());
    pool.set_target(at(0), 1, Target::new(1).check("tcp", Standing::UP));
    let _ = pool.poll_actions();
    let http = monitor(exact().initial(Initial::Down));
    assert_eq!(http.standing().health, Health::Down);

    pool.set_targets(at(1), [(1, Target::new(1).check("tcp", Standing::UP).check("http", http.standing()))]);
    pool.set_targets(at(2), [(1, Target::new(1).check("tcp", Standing::UP).check("http", http.standing()))]);
    pool.handle_check(at(2), "http", http.standing());
    assert_eq!(pool.poll_actions(), []);

    pool.handle_check(at(3), "http", Standing::DOWN);
    assert_eq!(pool.target(1).unwrap().health(), Health::Down);
}

#[test]
fn a_check_that_is_removed_takes_its_word_along() {
    let mut pool = Pool::new(at(0), PoolConfig::<u8>::default());
    pool.set_target(at(0), 1, Target::new(1).check("tcp", Standing::UP).check("http", Standing::DOWN));
    pool.set_target(at(1), 1, Target::new(1).check("tcp", Standing::UP));
    assert_eq!(pool.target(1).unwrap().health(), Health::Up);
    assert_eq!(pool.handle_check(at(2), "http", Standing::DOWN), 0);
}

#[test]
fn the_operators_order_survives_a_reload() {
    let mut pool = Pool::new(at(0), PoolConfig::<u8>::default());
    pool.set_target(at(0), 1, Target::new(1).check("tcp", Standing::UP));
    pool.set_admin(at(0), 1, Admin::Drain);
    pool.set_targets(at(1), [(1, Target::new(5).check("tcp", Standing::UP))]);
    assert_eq!(pool.target(1).unwrap().health(), Health::Draining);
}

#[test]
fn ten_thousand_monitors_share_one_policy() {
    let policy = Arc::new(Policy::default());
    let monitors: Vec<_> =
        (0..10_000).map(|seed| healthcheck::Monitor::new(Arc::clone(&policy), seed)).collect();
    assert_eq!(Arc::strong_count(&policy), monitors.len() + 1);
}

proptest! {
    #[test]
    fn whatever_is_restored_nothing_breaks(state: i32, rise in 1u16.., fall in 1u16.., results: Vec<bool>) {
        let mut monitor = monitor(exact().rise(rise).fall(fall));
        monitor.restore(state);
        monitor.start(at(0), 0, 1);
        for result in results {
            run(&mut monitor, &if result { pass() } else { fail() }, 0);
            let _ = (drain(&mut monitor), monitor.snapshot());
        }
    }
}
