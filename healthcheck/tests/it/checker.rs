//! Checks that run as their policies say.

use std::{
    net::TcpListener,
    time::{Duration, Instant},
};

use healthcheck::{
    Admin, Budget, Cause, Check, CheckId, Checker, CheckerEvent, Expect, Health, Kind, Layer, Limits,
    MonitorEvent, Outcome, Policy, Pool, PoolConfig, Target, Tcp,
};

use crate::support::{PATIENCE, closed, says, silent};

fn policy() -> Policy {
    let quick = Policy::builder().rise(2).fall(2).interval(Duration::from_millis(20)).timeout(PATIENCE / 2);
    quick.build().unwrap()
}

fn checker(checks: impl IntoIterator<Item = Check>) -> (Checker, Vec<CheckId>) {
    let mut checker = Checker::new(Limits::default()).unwrap();
    let checks = checks.into_iter().map(|check| checker.add(check, policy()).unwrap()).collect();
    checker.start(Instant::now());
    (checker, checks)
}

fn next(checker: &mut Checker) -> CheckerEvent {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(event) = checker.poll_event() {
            return event;
        }
        let left = end.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "nothing happened in {PATIENCE:?}");
        checker.wait(Some(left)).unwrap();
        checker.turn(Instant::now(), Budget::default());
    }
}

/// The next change of a check's health.
fn change(checker: &mut Checker) -> (CheckId, Health) {
    loop {
        if let CheckerEvent::Monitor { check, event: MonitorEvent::Changed(change) } = next(checker) {
            return (check, change.to);
        }
    }
}

pub(crate) fn a_target_goes_down_and_comes_up_as_its_policy_says() {
    let address = closed();
    let (mut checker, checks) = checker([Check::new(address, Tcp::connect())]);

    assert_eq!(change(&mut checker), (checks[0], Health::Down));
    let listener = TcpListener::bind(address).unwrap();
    assert_eq!(change(&mut checker), (checks[0], Health::Up));
    // It took two passes to come up, and takes two failures to go down.
    drop(listener);
    let mut failures = 0;
    loop {
        let event = next(&mut checker);
        if let CheckerEvent::Ended(ended) = &event {
            failures += u32::from(ended.outcome.cause.kind == Kind::Failed);
        }
        if let CheckerEvent::Monitor { event: MonitorEvent::Changed(change), .. } = event {
            assert_eq!(change.to, Health::Down);
            break;
        }
    }
    assert_eq!(failures, 2);
}

pub(crate) fn pools_follow_their_checks() {
    let (up, down) = (says(b"220 ready"), closed());
    let probe = Tcp::connect().expect(Expect::starts_with(b"220"));
    let (mut checker, checks) = checker([up, down].map(|address| Check::new(address, probe.clone())));
    let now = Instant::now();
    let mut pool = Pool::new(now, PoolConfig::builder().build().unwrap());
    for (name, check) in ["up", "down"].into_iter().zip(&checks) {
        let standing = checker.monitor(*check).unwrap().standing();
        pool.set_target(now, name, Target::new(1).check(*check, standing));
    }

    let mut orders = Vec::new();
    while checker.monitors().any(|(_, monitor)| monitor.health() == Health::Unknown) {
        if let CheckerEvent::Monitor { check, .. } = next(&mut checker) {
            pool.handle_check(Instant::now(), check, checker.monitor(check).unwrap().standing());
            orders.extend(pool.poll_actions().iter().map(ToString::to_string));
        }
    }

    assert_eq!(orders, ["add up with weight 1"]);
}

pub(crate) fn what_an_operator_orders_holds_at_once_for_each() {
    let (_listener, address) = silent();
    let hanging = || Check::new(address, Tcp::connect().expect(Expect::at_least(1)));
    let (mut checker, checks) = checker([hanging(), hanging(), hanging()]);
    checker.turn(Instant::now() + Duration::from_millis(20), Budget::default());
    let now = Instant::now();

    checker.set_admin(checks[0], now, Admin::ForcedUp);
    checker.set_admin(checks[1], now, Admin::ForcedDown);
    checker.set_admin(checks[2], now, Admin::Maintenance);

    let mut changes = [Health::Unknown; 3];
    while let Some(event) = checker.poll_event() {
        if let CheckerEvent::Monitor { check, event: MonitorEvent::Changed(change) } = event {
            changes[check.index()] = change.to;
        }
    }
    assert_eq!(changes[..2], [Health::Up, Health::Down]);
    assert_eq!(checker.monitor(checks[2]).unwrap().health(), changes[2]);
    assert_eq!(checker.monitor(checks[2]).unwrap().next_start(), None);
}

pub(crate) fn a_check_that_is_stopped_does_not_run_until_it_is_resumed() {
    let (_listener, address) = silent();
    let mut checker = Checker::new(Limits::default()).unwrap();
    let quick = Policy::builder().interval(Duration::from_millis(20)).timeout(Duration::from_millis(20));
    let policy = quick.build().unwrap();
    let [stopped, other] = [(); 2].map(|()| {
        let check = Check::new(address, Tcp::connect().expect(Expect::contains(b"never")));
        checker.add(check, policy.clone()).unwrap()
    });
    checker.start(Instant::now());
    // In the midst of a run: its end is no reason to plan another.
    while !checker.engine().is_running(stopped) {
        let _ = next(&mut checker);
    }
    checker.stop(stopped);
    let (mut of_it, mut of_other) = (0, 0);
    while of_other < 10 {
        if let CheckerEvent::Ended(ended) = next(&mut checker) {
            *(if ended.check == other { &mut of_other } else { &mut of_it }) += 1;
        }
    }
    assert!(of_it <= 1, "{of_it} runs ended after it was stopped");

    checker.resume(stopped, Instant::now());
    while of_it < 5 {
        of_it +=
            u32::from(matches!(next(&mut checker), CheckerEvent::Ended(ended) if ended.check == stopped));
    }
}

pub(crate) fn a_check_that_is_stopped_before_it_was_started_stays_so() {
    let mut checker = Checker::new(Limits::default()).unwrap();
    let check = checker.add(Check::new(closed(), Tcp::connect()), policy()).unwrap();

    checker.stop(check);
    checker.start(Instant::now());
    assert_eq!(checker.monitor(check).unwrap().next_start(), None);

    checker.resume(check, Instant::now());
    assert_eq!(change(&mut checker), (check, Health::Down));
}

pub(crate) fn a_check_that_is_removed_is_forgotten() {
    let (_listener, address) = silent();
    let (mut checker, checks) = checker([Check::new(address, Tcp::connect())]);

    checker.remove(checks[0]);
    let successor = checker.add(Check::new(closed(), Tcp::connect()), policy()).unwrap();
    checker.start(Instant::now());
    checker.remove(checks[0]);

    assert!(checker.monitor(checks[0]).is_none());
    assert_eq!(change(&mut checker), (successor, Health::Down));
}

pub(crate) fn a_run_at_once_and_a_report_are_as_any_other() {
    let mut checker = Checker::new(Limits::default()).unwrap();
    let rare = Policy::builder().rise(1).fall(1).interval(PATIENCE * 100).build().unwrap();
    let (_listener, address) = silent();
    let check = checker.add(Check::new(address, Tcp::connect()), rare).unwrap();
    checker.start(Instant::now());
    assert_eq!(change(&mut checker), (check, Health::Up));

    checker.report(
        check,
        Instant::now(),
        &Outcome::failed(Cause::new(Layer::Application, Kind::WrongStatus, 503)),
    );
    assert_eq!(change(&mut checker), (check, Health::Down));
    checker.run_now(check, Instant::now());
    assert_eq!(change(&mut checker), (check, Health::Up));
}
