//! What a balancer is told.

use healthcheck::{
    Action, Admin, Health, Mode, OnDown, Pool, PoolConfig, PoolConfigBuilder, PoolConfigError, PoolEvent,
    Standing, Target, WeightHint,
};

use super::{at, ms, says};

/// A pool whose targets have these weights; number i has check i, and all are up and told.
fn pool(config: PoolConfigBuilder<u8>, weights: &[u32]) -> Pool<u8, u8> {
    let mut pool = Pool::new(at(0), config.build().unwrap());
    pool.set_targets(at(0), targets(weights, Standing::UP));
    let _ = pool.poll_actions();
    events(&mut pool);
    pool
}

fn targets(weights: &[u32], standing: Standing) -> Vec<(u8, Target<u8>)> {
    (0..).zip(weights).map(|(key, weight)| (key, Target::new(*weight).check(key, standing))).collect()
}

fn events(pool: &mut Pool<u8, u8>) -> Vec<PoolEvent<u8>> {
    std::iter::from_fn(|| pool.poll_event()).collect()
}

fn add(key: u8, weight: u32) -> Action<u8> {
    Action::Add { key, weight }
}

fn set(key: u8, weight: u32) -> Action<u8> {
    Action::SetWeight { key, weight }
}

fn remove(key: u8) -> Action<u8> {
    Action::Remove { key }
}

const SORRY: u8 = 200;

#[test]
fn what_is_there_is_not_added_twice() {
    let mut pool = pool(PoolConfig::builder(), &[1, 2]);
    assert_eq!(pool.poll_actions(), []);
    pool.set_targets(at(1), targets(&[1, 2], Standing::UP));
    pool.handle_check(at(1), 0, Standing::UP);
    assert_eq!(pool.poll_actions(), []);
    assert_eq!(pool.snapshot().stats.added, 2);
}

#[test]
fn a_late_caller_gets_the_newest_orders() {
    let mut pool = pool(PoolConfig::builder(), &[1, 1]);
    pool.handle_check(at(1), 0, Standing::DOWN);
    pool.handle_check(at(2), 0, Standing::UP);
    assert_eq!(pool.poll_actions(), []);
    assert_eq!(events(&mut pool), []);
    pool.handle_check(at(3), 1, Standing::DOWN);
    pool.remove_target(at(4), 1);
    pool.set_target(at(5), 2, Target::new(3));
    assert_eq!(pool.poll_actions(), [add(2, 3), remove(1)]);
}

#[test]
fn what_goes_down_is_removed_inhibited_or_drained() {
    for (on_down, down, later) in [
        (OnDown::Remove, vec![remove(0)], vec![]),
        (OnDown::Inhibit, vec![set(0, 0)], vec![]),
        (OnDown::Drain(ms(5000)), vec![set(0, 0)], vec![remove(0)]),
    ] {
        let mut pool = pool(PoolConfig::builder().on_down(on_down), &[7]);
        pool.handle_check(at(1000), 0, Standing::DOWN);
        assert_eq!(pool.poll_actions(), down, "{on_down:?}");
        pool.handle_timeout(at(5999));
        assert_eq!(pool.poll_actions(), [], "{on_down:?}");
        pool.handle_timeout(at(6000));
        assert_eq!(pool.poll_actions(), later, "{on_down:?}");
    }
}

#[test]
fn one_that_comes_back_while_it_drains_gets_its_weight_back() {
    let mut pool = pool(PoolConfig::builder().on_down(OnDown::Drain(ms(5000))), &[7]);
    pool.handle_check(at(1000), 0, Standing::DOWN);
    assert_eq!(pool.poll_timeout(), Some(at(6000)));
    assert_eq!(pool.poll_actions(), [set(0, 0)]);
    pool.handle_check(at(2000), 0, Standing::UP);
    pool.handle_timeout(at(6000));
    assert_eq!(pool.poll_actions(), [set(0, 7)]);
    assert_eq!(pool.poll_timeout(), None);
}

#[test]
fn what_leaves_the_configuration_drains_until_its_time_or_its_last_connection() {
    let mut pool = pool(PoolConfig::builder().drain(ms(5000)), &[1, 1, 1]);
    pool.set_targets(at(1000), targets(&[1], Standing::UP));
    assert_eq!(pool.poll_actions(), [set(1, 0), set(2, 0)]);
    pool.handle_drained(at(2000), 1);
    assert_eq!(pool.poll_actions(), [remove(1)]);
    // Added again while it drains, it is as it was.
    pool.set_target(at(3000), 2, Target::new(4));
    assert_eq!(pool.poll_actions(), [set(2, 4)]);
    pool.handle_drained(at(3000), 2);
    pool.handle_timeout(at(6000));
    assert_eq!(pool.poll_actions(), []);
}

#[test]
fn an_operator_drains_and_takes_into_maintenance() {
    let mut pool = pool(PoolConfig::builder().drain(ms(5000)), &[3, 3]);
    pool.set_admin(at(0), 0, Admin::Drain);
    pool.set_admin(at(0), 1, Admin::Maintenance);
    assert_eq!(pool.poll_actions(), [set(0, 0), set(1, 0)]);
    pool.handle_timeout(at(5000));
    assert_eq!(pool.poll_actions(), [remove(1)]);
    pool.set_admin(at(6000), 0, Admin::Auto);
    pool.set_admin(at(6000), 1, Admin::Auto);
    assert_eq!(pool.poll_actions(), [add(1, 3), set(0, 3)]);
}

/// keepalived: gained with quorum + hysteresis, lost below quorum - hysteresis or with no weight at all.
#[test]
fn the_quorum_is_gained_and_lost_in_weight_units() {
    let mut pool = pool(PoolConfig::builder().quorum(5).hysteresis(2), &[3, 2, 2, 1]);
    assert!(pool.has_quorum());
    for (check, health, weight, has_quorum) in [
        (0, Health::Down, 5, true),
        (1, Health::Down, 3, true),
        (3, Health::Down, 2, false),
        (3, Health::Up, 3, false),
        (0, Health::Up, 6, false),
        (1, Health::Up, 8, true),
        (3, Health::Down, 7, true),
    ] {
        pool.handle_check(at(1), check, says(health));
        let snapshot = pool.snapshot();
        assert_eq!((snapshot.weight, snapshot.has_quorum), (weight, has_quorum), "after {check} {health}");
    }
}

#[test]
fn without_a_fallback_the_loss_of_the_quorum_is_told_and_nothing_else() {
    let mut pool = pool(PoolConfig::builder().quorum(2), &[1, 1]);
    pool.handle_check(at(1), 0, Standing::DOWN);
    assert_eq!(pool.poll_actions(), [remove(0)]);
    assert_eq!(
        events(&mut pool),
        [
            PoolEvent::Target { key: 0, from: Health::Up, to: Health::Down },
            PoolEvent::QuorumLost { weight: 1, needed: 2 },
        ]
    );
    pool.handle_check(at(2), 0, Standing::UP);
    assert_eq!(pool.poll_actions(), [add(0, 1)]);
    assert_eq!(events(&mut pool)[1], PoolEvent::QuorumGained { weight: 2, needed: 2 });
}

#[test]
fn without_quorum_the_fallback_serves_alone_and_with_it_never() {
    let mut pool = pool(PoolConfig::builder().quorum(2).fallback(SORRY), &[1, 1, 1]);
    pool.handle_check(at(1), 0, Standing::DOWN);
    assert_eq!(pool.poll_actions(), [remove(0)]);
    pool.handle_check(at(2), 1, Standing::DOWN);
    assert_eq!(pool.poll_actions(), [add(SORRY, 1), remove(1), remove(2)]);
    assert!(events(&mut pool).contains(&PoolEvent::Mode { from: Mode::Normal, to: Mode::Fallback }));
    pool.handle_check(at(3), 1, Standing::UP);
    assert_eq!(pool.poll_actions(), [add(1, 1), add(2, 1), remove(SORRY)]);
}

#[test]
fn the_fallback_may_be_one_of_the_targets() {
    let mut pool = pool(PoolConfig::builder().quorum(2).fallback(1), &[1, 1, 5]);
    for check in [0, 2] {
        pool.handle_check(at(1), check, Standing::DOWN);
    }
    assert_eq!(pool.mode(), Mode::Fallback);
    assert_eq!(pool.poll_actions(), [remove(0), remove(2)]);
    pool.handle_check(at(2), 1, Standing::DOWN);
    assert_eq!(pool.poll_actions(), [], "it is not checked as a fallback");
    pool.handle_check(at(3), 2, Standing::UP);
    assert_eq!(pool.poll_actions(), [add(2, 5), remove(1)]);
}

#[test]
fn a_quorum_above_all_weights_is_taken_for_that() {
    let pool = pool(PoolConfig::builder().quorum(10).hysteresis(3), &[1, 2]);
    assert!(pool.has_quorum());
}

#[test]
fn nothing_is_decided_before_all_have_been_looked_at() {
    let mut pool = Pool::new(at(0), PoolConfig::builder().quorum(2).fallback(SORRY).build().unwrap());
    pool.set_targets(at(0), targets(&[1, 1], Standing::UNKNOWN));
    assert_eq!(pool.poll_actions(), []);
    assert_eq!(events(&mut pool), []);
    pool.handle_check(at(1), 0, Standing::UP);
    assert_eq!(pool.poll_actions(), [add(0, 1)]);
    pool.handle_check(at(2), 1, Standing::DOWN);
    assert_eq!(pool.poll_actions(), [add(SORRY, 1), remove(0)]);
}

#[test]
fn when_too_many_fail_at_once_all_serve_but_those_the_operator_took_out() {
    let mut pool = pool(PoolConfig::builder().panic_below(50), &[1, 1, 1, 1, 1]);
    pool.set_admin(at(0), 4, Admin::ForcedDown);
    pool.handle_check(at(1), 0, Standing::DOWN);
    pool.handle_check(at(1), 1, Standing::DOWN);
    assert_eq!(pool.poll_actions(), [remove(4)]);
    assert_eq!(pool.mode(), Mode::Panic);
    pool.handle_check(at(2), 2, Standing::DOWN);
    pool.handle_check(at(2), 3, Standing::DOWN);
    assert_eq!(pool.poll_actions(), []);
    for check in 0..3 {
        pool.handle_check(at(3), check, Standing::UP);
    }
    assert_eq!(pool.mode(), Mode::Normal);
    assert_eq!(pool.poll_actions(), [remove(3)]);
}

#[test]
fn the_first_to_fail_after_a_start_is_no_reason_for_panic() {
    let mut pool = Pool::new(at(0), PoolConfig::builder().panic_below(50).build().unwrap());
    pool.set_targets(at(0), targets(&[1, 1, 1, 1], Standing::UNKNOWN));
    pool.handle_check(at(1), 0, Standing::DOWN);
    pool.handle_check(at(1), 1, Standing::DOWN);
    assert_eq!((pool.mode(), pool.poll_actions()), (Mode::Normal, &[][..]));
    pool.handle_check(at(2), 2, Standing::UP);
    assert_eq!(pool.poll_actions(), [add(2, 1)]);
    pool.handle_check(at(3), 3, Standing::DOWN);
    assert_eq!(pool.mode(), Mode::Panic);
    assert_eq!(pool.poll_actions(), [add(0, 1), add(1, 1), add(3, 1)]);
}

#[test]
fn one_that_comes_back_starts_slowly_and_one_that_starts_does_not() {
    let mut pool = pool(PoolConfig::builder().slow_start(ms(10_000)), &[100, 1, 100]);
    pool.handle_check(at(0), 0, Standing::DOWN);
    pool.handle_check(at(0), 1, Standing::DOWN);
    let _ = pool.poll_actions();
    pool.handle_check(at(1000), 0, Standing::UP);
    pool.handle_check(at(1000), 1, Standing::UP);
    assert_eq!(pool.poll_actions(), [add(0, 5), add(1, 1)]);

    let mut weights = Vec::new();
    while let Some(now) = pool.poll_timeout() {
        pool.handle_timeout(now);
        for action in pool.poll_actions() {
            assert!(matches!(action, Action::SetWeight { key: 0, .. }), "{action:?}");
            if let Action::SetWeight { weight, .. } = action {
                weights.push((now - at(1000), *weight));
            }
        }
    }
    let expected: Vec<_> = (1..20u16).map(|step| (ms(500) * step.into(), 5 + 5 * u32::from(step))).collect();
    assert_eq!(weights, expected);
    assert_eq!(pool.snapshot().weight, 201);
}

#[test]
fn weights_of_checks_reach_the_balancer() {
    let mut pool = pool(PoolConfig::builder(), &[10]);
    pool.handle_check(at(1), 0, Standing::UP.with_weight(WeightHint::Percent(30)));
    assert_eq!(pool.poll_actions(), [set(0, 3)]);
    pool.handle_check(at(2), 0, Standing::UP.with_weight(WeightHint::Absolute(0)));
    assert_eq!(pool.poll_actions(), [set(0, 0)]);
    assert!(!pool.has_quorum());
}

#[test]
fn what_a_balancer_holds_after_a_restart_is_kept_corrected_or_removed() {
    let mut pool = Pool::new(at(0), PoolConfig::builder().drain(ms(1000)).build().unwrap());
    for (key, weight) in [(0, 1), (1, 5), (9, 3)] {
        pool.handle_entry(at(0), key, Some(weight));
    }
    pool.set_targets(at(0), targets(&[1, 1], Standing::UNKNOWN));
    // What is not known yet stays as it was found; what nobody knows drains.
    assert_eq!(pool.poll_actions(), [set(9, 0)]);
    pool.handle_check(at(500), 0, Standing::UP);
    pool.handle_check(at(500), 1, Standing::UP);
    assert_eq!(pool.poll_actions(), [set(1, 1)]);
    pool.handle_timeout(at(1000));
    assert_eq!(pool.poll_actions(), [remove(9)]);
}

#[test]
fn an_order_that_could_not_be_carried_out_is_given_again() {
    let mut pool = pool(PoolConfig::builder(), &[1]);
    pool.handle_entry(at(1), 0, None);
    assert_eq!(pool.poll_actions(), [add(0, 1)]);
    pool.handle_entry(at(2), 0, Some(4));
    assert_eq!(pool.poll_actions(), [set(0, 1)]);
}

#[test]
fn another_configuration_holds_for_what_is_there() {
    let mut pool = pool(PoolConfig::builder(), &[1, 1]);
    pool.handle_check(at(1), 0, Standing::DOWN);
    let _ = pool.poll_actions();
    pool.retune(at(2), PoolConfig::builder().quorum(2).fallback(SORRY).build().unwrap());
    assert_eq!(pool.poll_actions(), [add(SORRY, 1), remove(1)]);
    pool.retune(at(3), PoolConfig::builder().on_down(OnDown::Inhibit).build().unwrap());
    assert_eq!(pool.poll_actions(), [add(0, 0), add(1, 1), remove(SORRY)]);
}

#[test]
fn a_configuration_says_what_is_out_of_range() {
    let error = |config: PoolConfigBuilder<u8>| config.build().unwrap_err();
    assert_eq!(error(PoolConfig::builder().quorum(0)), PoolConfigError::Quorum);
    assert_eq!(
        error(PoolConfig::builder().quorum(2).hysteresis(2)).to_string(),
        "hysteresis 2 is out of range: less than the quorum, 2"
    );
    assert_eq!(error(PoolConfig::builder().panic_below(101)), PoolConfigError::Panic { percent: 101 });
}
