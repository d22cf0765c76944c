//! Routers that were not run for a while, and clocks that are set back.

use std::time::Duration;

use vrrp_engine::{OnPause, State, VirtualRouter};

use super::{BELOW, Did, SEC, advert, at, builder, config, drain, master, started, transition};

const SKEW: u64 = 609_375;
const MASTER_DOWN: u64 = 3 * SEC + SKEW;

#[test]
fn a_master_that_was_stopped_until_another_may_have_taken_over_steps_back_without_a_word() {
    let (mut router, _) = master(config(100));
    let resumed = MASTER_DOWN + 10 * SEC;
    router.handle_timeout(at(resumed));
    assert_eq!(
        drain(&mut router),
        [Did::Release, Did::Overdue, transition("Master -> Backup: not run for 9s past its deadline")]
    );
    assert_eq!(router.poll_timeout(), Some(at(resumed + MASTER_DOWN)));
    assert_eq!(router.stats().pauses, 1);
}

#[test]
fn it_steps_back_also_when_a_packet_comes_before_the_timer() {
    let (mut router, _) = master(config(100));
    let resumed = at(MASTER_DOWN + 10 * SEC);
    router.handle_advertisement(resumed, BELOW, &advert(99)).unwrap();
    assert_eq!(router.state(), State::Backup);
    assert!(!drain(&mut router).contains(&Did::Advertise(100)), "it claims nothing");
    assert_eq!(router.master().unwrap().source, BELOW);
}

#[test]
fn a_pause_that_nobody_can_have_noticed_changes_nothing() {
    // The fastest Backup there can be waits three intervals and 2/256 s.
    let limit = MASTER_DOWN + 3 * SEC + SEC * 2 / 256;
    for (resumed, state) in [(limit - 1, State::Master), (limit + 1, State::Backup)] {
        let (mut router, _) = master(config(100));
        router.handle_timeout(at(resumed));
        assert_eq!(router.state(), state);
        assert_eq!(router.stats().pauses, u64::from(state == State::Backup));
    }
}

#[test]
fn a_backup_that_was_stopped_past_its_deadline_listens_anew() {
    let mut router = started(config(100));
    let resumed = MASTER_DOWN + SEC + 1;
    router.handle_timeout(at(resumed));
    assert_eq!(drain(&mut router), [Did::Overdue]);
    assert_eq!((router.state(), router.poll_timeout()), (State::Backup, Some(at(resumed + MASTER_DOWN))));

    let mut in_time = started(config(100));
    in_time.handle_timeout(at(MASTER_DOWN + SEC));
    assert_eq!(in_time.state(), State::Master, "all others have less than a second more to wait");
}

#[test]
fn told_to_it_goes_on_and_says_that_it_was_late() {
    let going_on = builder(100).on_pause(OnPause::GoOn).build().unwrap();
    let (mut router, _) = master(going_on.clone());
    router.handle_timeout(at(MASTER_DOWN + 10 * SEC));
    assert_eq!(drain(&mut router), [Did::Advertise(100), Did::Overdue]);
    let mut backup = started(going_on);
    backup.handle_timeout(at(MASTER_DOWN + 10 * SEC));
    assert_eq!(backup.state(), State::Master);
    assert_eq!(backup.stats().pauses, 1);
}

#[test]
fn a_clock_that_is_set_back_does_no_harm() {
    for back in [1, 5_000, 20_000, 3 * SEC] {
        let (mut router, _) = master(config(100));
        // It advertises a second after it became Master, by the clock that was set back.
        let set_back = MASTER_DOWN + 500_000 - back;
        router.handle_timeout(at(MASTER_DOWN + 500_000));
        router.handle_timeout(at(set_back));
        assert_eq!(drain(&mut router), []);
        let due = router.poll_timeout().unwrap();
        let wait = due - at(set_back);
        let jitter = Duration::from_millis(10);
        assert!(
            wait >= Duration::from_millis(500) && wait <= Duration::from_millis(500) + jitter,
            "{wait:?}"
        );
        router.handle_timeout(due);
        assert_eq!(drain(&mut router), [Did::Advertise(100)]);
    }
}

#[test]
fn a_clock_that_jumps_ahead_is_a_pause() {
    let mut router = VirtualRouter::new(config(100));
    router.start(at(SEC));
    drain(&mut router);
    router.handle_timeout(at(9_999 * SEC));
    assert_eq!(router.state(), State::Backup);
    let snapshot = router.snapshot(at(9_999 * SEC));
    assert_eq!(snapshot.statistics.pauses, 1);
}

#[test]
fn what_comes_first_after_a_pause_does_not_hide_it() {
    type Call = fn(&mut VirtualRouter, vrrp_engine::Instant);
    let calls: [Call; 3] = [
        |router, now| router.set_weights(now, 20),
        |router, now| router.reconfigure(now, router.config().clone()).unwrap(),
        |router, now| router.handle_lost_address(now, super::VIPS[0].into()),
    ];
    for call in calls {
        let (mut master, _) = master(config(100));
        call(&mut master, at(MASTER_DOWN + 90 * SEC));
        assert_eq!(master.state(), State::Backup);
        assert!(drain(&mut master).iter().all(|did| !matches!(did, Did::Advertise(_) | Did::Announce)));
        let mut backup = started(config(100));
        call(&mut backup, at(MASTER_DOWN + 90 * SEC));
        backup.handle_timeout(at(MASTER_DOWN + 90 * SEC));
        assert_eq!((backup.state(), backup.stats().pauses), (State::Backup, 1));
    }
}

#[test]
fn a_machine_that_is_always_a_little_late_becomes_master_all_the_same() {
    let interval = vrrp_proto::AdvertInterval::from_centis(1).unwrap();
    let late = Duration::from_millis(11);
    let config = builder(100).version(vrrp_proto::Version::V3).interval(interval).build().unwrap();
    let mut router = started(config);
    for _ in 0..3 {
        let due = router.poll_timeout().unwrap();
        router.handle_timeout(due + late);
    }
    assert_eq!(router.state(), State::Master);
}
