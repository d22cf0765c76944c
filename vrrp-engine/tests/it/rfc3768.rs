//! RFC 3768 §6.4, a test for each clause.

use vrrp_engine::{Farewell, Instant, OnPause, Preempt, State, VirtualRouter, VrrpRouter};

use super::{ABOVE, BELOW, Did, OURS, SEC, advert, at, builder, config, drain, master, started, transition};

/// Skew_Time and Master_Down_Interval of priority 100 at one second.
const SKEW: u64 = 609_375;
const MASTER_DOWN: u64 = 3 * SEC + SKEW;

// 6.4.1 Initialize

#[test]
fn s6_4_1_a_startup_of_the_owner_becomes_master_at_once() {
    let mut owner = VirtualRouter::new(config(255));
    owner.start(Instant::EPOCH);
    assert_eq!(
        drain(&mut owner),
        [Did::Advertise(255), Did::Acquire, Did::Announce, transition("Initialize -> Master: started")]
    );
    assert_eq!(owner.poll_timeout(), Some(at(SEC)));
}

#[test]
fn s6_4_1_a_startup_of_another_becomes_backup_and_clears_what_a_predecessor_left() {
    let mut router = VirtualRouter::new(config(100));
    router.start(Instant::EPOCH);
    assert_eq!(drain(&mut router), [Did::Release, transition("Initialize -> Backup: started")]);
    assert_eq!(router.poll_timeout(), Some(at(MASTER_DOWN)));
}

#[test]
fn s6_4_1_nothing_but_a_startup_is_answered() {
    let mut router = VirtualRouter::new(config(100));
    router.handle_timeout(at(SEC));
    router.shutdown(at(SEC));
    assert!(router.handle_advertisement(at(SEC), BELOW, &advert(0)).is_err());
    assert_eq!(drain(&mut router), []);
    assert_eq!((router.state(), router.poll_timeout()), (State::Initialize, None));
}

// 6.4.2 Backup

#[test]
fn s6_4_2_shutdown_says_nothing() {
    let mut router = started(config(100));
    router.shutdown(at(SEC));
    assert_eq!(drain(&mut router), [transition("Backup -> Initialize: shut down")]);
    assert_eq!(router.poll_timeout(), None);
}

#[test]
fn s6_4_2_when_the_master_down_timer_fires_it_becomes_master() {
    let mut router = started(config(100));
    router.handle_timeout(at(MASTER_DOWN - 1));
    assert_eq!(drain(&mut router), []);
    router.handle_timeout(at(MASTER_DOWN));
    assert_eq!(
        drain(&mut router),
        [
            Did::Advertise(100),
            Did::Acquire,
            Did::Announce,
            transition("Backup -> Master: no Master was heard")
        ]
    );
    assert_eq!(router.poll_timeout(), Some(at(MASTER_DOWN + SEC)));
}

#[test]
fn s6_4_2_priority_0_sets_the_timer_to_skew_time() {
    for preempt in [Preempt::Allow, Preempt::Forbid] {
        let mut router = started(builder(100).preempt(preempt).build().unwrap());
        router.handle_advertisement(at(SEC), BELOW, &advert(0)).unwrap();
        assert_eq!(router.poll_timeout(), Some(at(SEC + SKEW)));
        router.handle_timeout(at(SEC + SKEW));
        assert_eq!(
            drain(&mut router).pop(),
            Some(transition("Backup -> Master: Master 192.0.2.9 gave up its office"))
        );
    }
}

#[test]
fn s6_4_2_a_priority_equal_or_higher_resets_the_timer() {
    for priority in [100, 101, 255] {
        let mut router = started(config(100));
        router.handle_advertisement(at(SEC), BELOW, &advert(priority)).unwrap();
        assert_eq!(router.poll_timeout(), Some(at(SEC + MASTER_DOWN)));
        assert_eq!(router.master().unwrap().priority.get(), priority);
    }
}

#[test]
fn s6_4_2_a_lower_priority_resets_the_timer_if_preempt_mode_is_false() {
    let mut router = started(builder(100).preempt(Preempt::Forbid).build().unwrap());
    router.handle_advertisement(at(SEC), ABOVE, &advert(99)).unwrap();
    assert_eq!(router.poll_timeout(), Some(at(SEC + MASTER_DOWN)));
    router.handle_timeout(at(SEC + MASTER_DOWN));
    assert_eq!(
        drain(&mut router).pop(),
        Some(transition("Backup -> Master: Master 192.0.2.11 (priority 99) fell silent"))
    );
}

#[test]
fn s6_4_2_a_lower_priority_moves_nothing_if_preempt_mode_is_true() {
    let mut router = started(config(100));
    for second in 1..=3 {
        router.handle_advertisement(at(second * SEC), ABOVE, &advert(99)).unwrap();
        assert_eq!(router.poll_timeout(), Some(at(MASTER_DOWN)));
    }
    router.handle_timeout(at(MASTER_DOWN));
    assert_eq!(
        drain(&mut router),
        [
            Did::Advertise(100),
            Did::Acquire,
            Did::Announce,
            transition("Backup -> Master: Master 192.0.2.11 (priority 99) has a lower priority")
        ]
    );
}

#[test]
fn s6_4_2_a_backup_does_not_break_ties() {
    let mut router = started(config(100));
    router.handle_advertisement(at(SEC), BELOW, &advert(100)).unwrap();
    assert_eq!(
        router.poll_timeout(),
        Some(at(SEC + MASTER_DOWN)),
        "an equal Master of lower address is left alone"
    );
}

#[test]
fn a_silent_master_is_named() {
    let mut router = started(config(100));
    router.handle_advertisement(at(SEC), ABOVE, &advert(200)).unwrap();
    router.handle_timeout(at(SEC + MASTER_DOWN));
    assert_eq!(
        drain(&mut router).pop(),
        Some(transition("Backup -> Master: Master 192.0.2.11 (priority 200) fell silent"))
    );
}

// 6.4.3 Master

#[test]
fn s6_4_3_shutdown_sends_priority_0_and_lets_go() {
    let (mut router, now) = master(config(100));
    router.shutdown(now);
    assert_eq!(
        drain(&mut router),
        [Did::Advertise(0), Did::Release, transition("Master -> Initialize: shut down")]
    );
    assert_eq!(router.poll_timeout(), None);
    assert_eq!(router.stats().priority_zero_pkts_sent, 1);
}

#[test]
fn s6_4_3_the_adver_timer_sends_an_advertisement_every_interval() {
    let (mut router, start) = master(config(100));
    let mut now = start;
    for beat in 1..=5 {
        now = router.poll_timeout().unwrap();
        assert_eq!(now, at(MASTER_DOWN + beat * SEC));
        router.handle_timeout(now);
        assert_eq!(drain(&mut router), [Did::Advertise(100)]);
    }
    router.handle_timeout(now);
    assert_eq!(drain(&mut router), [], "a repeated call does nothing");
}

#[test]
fn a_late_adver_timer_keeps_its_rhythm_and_does_not_catch_up() {
    let (mut router, _) = master(builder(100).on_pause(OnPause::GoOn).build().unwrap());
    router.handle_timeout(at(MASTER_DOWN + SEC + 300_000));
    assert_eq!(router.poll_timeout(), Some(at(MASTER_DOWN + 2 * SEC)));
    router.handle_timeout(at(MASTER_DOWN + 9 * SEC + 300_000));
    assert_eq!(router.poll_timeout(), Some(at(MASTER_DOWN + 10 * SEC + 300_000)));
    assert_eq!(drain(&mut router), [Did::Advertise(100), Did::Overdue], "one, not nine");
}

#[test]
fn s6_4_3_priority_0_is_answered_at_once() {
    let (mut router, _) = master(config(100));
    let now = at(MASTER_DOWN + 400_000);
    router.handle_advertisement(now, ABOVE, &advert(0)).unwrap();
    assert_eq!(drain(&mut router), [Did::Advertise(100)], "neighbours were told less than an interval ago");
    assert_eq!(router.poll_timeout(), Some(at(MASTER_DOWN + SEC)), "and are told again");
    router.handle_timeout(at(MASTER_DOWN + SEC));
    assert_eq!(drain(&mut router), [Did::Announce]);
    assert_eq!(router.poll_timeout(), Some(at(MASTER_DOWN + SEC + 400_000)), "the Adver_Timer was reset");
}

#[test]
fn s6_4_3_a_higher_priority_wins() {
    let (mut router, _) = master(config(100));
    let now = at(MASTER_DOWN + 400_000);
    router.handle_advertisement(now, BELOW, &advert(101)).unwrap();
    assert_eq!(
        drain(&mut router),
        [
            Did::Advertise(100),
            Did::Release,
            transition("Master -> Backup: Master 192.0.2.9 (priority 101) is better")
        ]
    );
    assert_eq!(router.poll_timeout(), Some(at(MASTER_DOWN + 400_000 + MASTER_DOWN)));
}

#[test]
fn s6_4_3_to_the_letter_it_gives_way_without_a_word() {
    let (mut router, now) = master(builder(100).farewell(Farewell::Omit).build().unwrap());
    router.handle_advertisement(now, BELOW, &advert(101)).unwrap();
    assert_eq!(
        drain(&mut router),
        [Did::Release, transition("Master -> Backup: Master 192.0.2.9 (priority 101) is better")]
    );
}

#[test]
fn s6_4_3_between_equals_the_higher_address_wins() {
    let (mut router, now) = master(config(100));
    router.handle_advertisement(now, BELOW, &advert(100)).unwrap();
    assert_eq!(router.state(), State::Master);
    router.handle_advertisement(now, ABOVE, &advert(100)).unwrap();
    assert_eq!(router.state(), State::Backup);
}

#[test]
fn s6_4_3_addresses_compare_as_numbers_in_network_order() {
    let (mut router, now) = master(config(100));
    let little_endian_trap = [10, 0, 0, 255].into();
    router.handle_advertisement(now, little_endian_trap, &advert(100)).unwrap();
    assert_eq!(router.state(), State::Master, "10.0.0.255 is below {OURS}");
}

#[test]
fn s6_4_3_a_lower_priority_is_not_answered_but_neighbours_are_told_again() {
    let (mut router, _) = master(config(100));
    let now = at(MASTER_DOWN + 2 * SEC);
    router.handle_timeout(now);
    drain(&mut router);
    let deadline = router.poll_timeout();
    router.handle_advertisement(now, ABOVE, &advert(99)).unwrap();
    assert_eq!(drain(&mut router), [Did::Announce]);
    assert_eq!(router.poll_timeout(), deadline);
}

#[test]
fn neighbours_are_told_again_once_an_interval_and_the_last_claim_is_answered() {
    let (mut router, _) = master(config(100));
    let mut announced = Vec::new();
    for tenth in 1..=40u64 {
        let now = at(MASTER_DOWN + tenth * SEC / 10);
        if tenth <= 25 {
            router.handle_advertisement(now, ABOVE, &advert(99)).unwrap();
        }
        router.handle_timeout(now);
        if drain(&mut router).contains(&Did::Announce) {
            announced.push(tenth);
        }
    }
    assert_eq!(announced, [10, 20, 30]);
}

#[test]
fn a_late_turn_tells_neighbours_once() {
    let (mut router, _) = master(config(100));
    router.handle_advertisement(at(MASTER_DOWN + SEC / 2), ABOVE, &advert(99)).unwrap();
    let late = at(MASTER_DOWN + SEC + SEC / 5);
    router.handle_advertisement(late, ABOVE, &advert(99)).unwrap();
    assert_eq!(drain(&mut router), [Did::Announce]);
    router.handle_timeout(late);
    assert_eq!(drain(&mut router), [Did::Advertise(100)], "the announcement that was due has been made");
}

#[test]
fn s7_1_the_owner_gives_way_to_no_backup_but_tells_neighbours_again() {
    let mut owner = started(config(255));
    for (second, priority) in [(1, 99), (3, 254)] {
        let now = at(second * SEC + SEC / 2);
        owner.handle_timeout(now);
        drain(&mut owner);
        owner.handle_advertisement(now, ABOVE, &advert(priority)).unwrap();
        assert_eq!(drain(&mut owner), [Did::Announce], "priority {priority}");
        assert_eq!(owner.state(), State::Master);
    }
}

#[test]
fn erratum_8298_of_two_owners_the_one_with_the_higher_address_stays() {
    let (now, two_owners) = (at(SEC / 2), [(BELOW, State::Master), (ABOVE, State::Backup)]);
    for (other, state) in two_owners {
        let mut owner = started(config(255));
        owner.handle_advertisement(now, other, &advert(255)).unwrap();
        assert_eq!(owner.state(), state, "against {other}");
    }
}

#[test]
fn the_end_of_time_is_reached_and_not_passed() {
    let end = Instant::from_epoch(std::time::Duration::MAX);
    let mut router = VrrpRouter::new();
    router.add(1, config(100)).unwrap();
    router.start(Instant::EPOCH);
    router.handle_timeout(end);
    router.handle_timeout(end);
    assert_eq!(router.iter().next().unwrap().1.state(), State::Master);
}

#[test]
fn starting_twice_changes_nothing() {
    let (mut router, now) = master(config(100));
    router.start(now);
    assert_eq!(drain(&mut router), []);
    assert_eq!(router.state(), State::Master);
}
