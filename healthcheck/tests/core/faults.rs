//! Faults that were seen in other health checkers, as far as they concern what is decided here. Those of probes and of sockets
//! are tested there.

use healthcheck::{
    Action, Health, OnDown, OnLocalFailure, Outcome, Pool, PoolConfig, Standing, Target, WeightHint,
    presets::Keepalived,
};

use super::{at, exact, fail, local, monitor, ms, pass, run, up, weighs};

/// A deadline that each read pushes back never comes: a run here has one, from its start.
#[test]
fn fault_1_a_run_has_one_absolute_deadline() {
    let mut monitor = monitor(exact().timeout(ms(5000)));
    monitor.start(at(0), 0, 1);
    assert_eq!(monitor.begin(at(100)), Some(at(5100)));
    assert_eq!(monitor.begin(at(4900)), None, "it goes on");
}

/// Weights kept as differences left 435 and 667 behind when a script was killed.
#[test]
fn fault_5_weights_are_worked_out_anew_and_leave_nothing_behind() {
    let mut monitor = up(exact().rise(1).fall(1));
    let mut pool = Pool::new(at(0), PoolConfig::default());
    pool.set_target(at(0), 1, Target::new(100).check("script", monitor.standing()));
    for round in 0..50u32 {
        let dynamic = pass().with_weight(WeightHint::Absolute(round * 5));
        for outcome in [dynamic, fail(), local(), pass().with_weight(WeightHint::Absolute(253))] {
            let now = run(&mut monitor, &outcome, 0);
            pool.handle_check(now, "script", monitor.standing());
        }
        assert_eq!(pool.target(1).unwrap().weight(), 253);
    }
    pool.set_target(at(0), 1, Target::new(100).check("tcp", Standing::UP));
    assert_eq!(pool.target(1).unwrap().weight(), 100);
}

/// The timeout of a script came from another object's interval: here each policy states its own.
#[test]
fn fault_6_a_timeout_is_the_policys_own() {
    let check = Keepalived { delay_loop: ms(1000), connect_timeout: ms(300), ..Keepalived::MISC_CHECK };
    assert_eq!(check.policy().unwrap().timeout(), ms(300));
}

/// Counters that are cleared only by a transition add up failures that are far apart.
#[test]
fn fault_10_only_results_in_a_row_count_and_runs_do_not_overlap() {
    let mut monitor = up(exact().rise(3).fall(3));
    for _ in 0..100 {
        for outcome in [fail(), fail(), pass()] {
            run(&mut monitor, &outcome, 0);
            assert_eq!(monitor.health(), Health::Up);
        }
    }
    for _ in 0..3 {
        run(&mut monitor, &fail(), 0);
    }
    for _ in 0..100 {
        for outcome in [pass(), pass(), fail()] {
            run(&mut monitor, &outcome, 0);
            assert_eq!(monitor.health(), Health::Down);
        }
    }
    monitor.begin(monitor.next_start().unwrap()).unwrap();
    assert_eq!(monitor.next_start(), None);
}

/// A weight of 0 brought a balancer down, and was refused by another.
#[test]
fn fault_11_a_weight_of_0_is_a_weight() {
    let mut pool = Pool::new(at(0), PoolConfig::default());
    pool.set_target(at(0), 1, Target::new(0).check(1, Standing::UP));
    assert_eq!(pool.poll_actions(), [Action::Add { key: 1, weight: 0 }]);
    pool.handle_check(at(1), 1, weighs(0));
    assert_eq!(pool.poll_actions(), []);
}

/// One sweep in sequence took a minute with sixty dead targets: here a dead one delays nobody.
#[test]
fn fault_11_a_target_that_hangs_delays_no_other() {
    let mut monitors: Vec<_> = (0..60).map(|_| monitor(exact())).collect();
    for (nth, monitor) in (0..60).zip(&mut monitors) {
        monitor.start(at(0), nth, 60);
    }
    let (hanging, others) = monitors.split_first_mut().unwrap();
    hanging.begin(at(0)).unwrap();
    assert!(others.iter().all(|monitor| monitor.next_start().unwrap() < at(2000)));
}

/// The first check came only after a whole interval.
#[test]
fn fault_12_the_first_run_comes_within_the_first_interval() {
    let mut monitor = monitor(exact());
    monitor.start(at(0), 0, 1);
    assert_eq!(monitor.next_start(), Some(at(0)));
}

/// One failure removed a destination at once, without a drain.
#[test]
fn fault_13_one_failure_is_not_enough_and_who_goes_may_drain() {
    let mut monitor = up(exact().fall(3));
    run(&mut monitor, &fail(), 0);
    assert_eq!(monitor.health(), Health::Up);
    let config = PoolConfig::builder().on_down(OnDown::Drain(ms(5000))).build().unwrap();
    let mut pool = Pool::new(at(0), config);
    pool.set_target(at(0), 1, Target::new(1).check("tcp", monitor.standing()));
    assert_eq!(pool.poll_actions(), [Action::Add { key: 1, weight: 1 }]);

    for _ in 0..2 {
        run(&mut monitor, &fail(), 0);
    }
    pool.handle_check(at(6000), "tcp", monitor.standing());

    assert_eq!(pool.poll_actions(), [Action::SetWeight { key: 1, weight: 0 }]);
    pool.handle_timeout(at(11_000));
    assert_eq!(pool.poll_actions(), [Action::Remove { key: 1 }]);
}

/// No descriptors: the target has done nothing, but nobody must stay up for ever unseen.
#[test]
fn a_host_that_cannot_look_says_so_and_after_three_times_assumes_the_worst() {
    let mut monitor = up(exact().fall(1).on_local_failure(OnLocalFailure::default()));
    let healths = [(); 3].map(|()| {
        run(&mut monitor, &local(), 0);
        monitor.health()
    });
    assert_eq!(healths, [Health::Up, Health::Up, Health::Down]);
}

#[test]
fn an_outcome_that_nobody_asked_for_is_harmless() {
    let mut monitor = monitor(exact());
    monitor.handle_outcome(at(0), &Outcome::passed(healthcheck::Layer::Script));
    assert_eq!((monitor.health(), monitor.next_start()), (Health::Up, None));
}
