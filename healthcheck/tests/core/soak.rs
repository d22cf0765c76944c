//! Fifty thousand monitors in virtual time.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::Arc,
    time::{Duration, Instant},
};

use healthcheck::{Health, Jitter, Monitor, Policy, Pool, PoolConfig, Target};

use super::{at, fail, ms, pass};

const MONITORS: u32 = 50_000;

/// Each tenth target is dead between the tenth and the twentieth second, each seventh never passes.
fn is_dead(number: u32, now: Instant) -> bool {
    number.is_multiple_of(7) || (number.is_multiple_of(10) && (at(10_000)..at(20_000)).contains(&now))
}

#[test]
fn fifty_thousand_monitors_keep_their_pace_and_find_what_is_so() {
    let policy = Policy::builder().rise(2).fall(2).jitter(Jitter::Around(5)).build().unwrap();
    let (policy, interval) = (Arc::new(policy.clone()), policy.interval());
    let mut pool = Pool::new(at(0), PoolConfig::default());
    let (mut monitors, mut queue) = (Vec::new(), BinaryHeap::new());
    let mut targets = Vec::new();
    for number in 0..MONITORS {
        let mut monitor = Monitor::new(Arc::clone(&policy), number.into());
        monitor.start(at(0), number, MONITORS);
        queue.push(Reverse((monitor.next_start().unwrap(), number)));
        targets.push((number, Target::new(1).check(number, monitor.standing())));
        monitors.push(monitor);
    }
    pool.set_targets(at(0), targets);

    let mut wrong = 0;
    let mut starts_in_slot = vec![0u32; 300];
    while let Some(Reverse((now, number))) = queue.pop().filter(|Reverse((now, _))| *now < at(30_000)) {
        let monitor = &mut monitors[number as usize];
        monitor.begin(now).unwrap();
        starts_in_slot[(now - at(0)).as_millis() as usize / 100] += 1;
        monitor.handle_outcome(now + ms(1), &if is_dead(number, now) { fail() } else { pass() });
        if monitor.poll_event().is_some() {
            pool.handle_check(now, number, monitor.standing());
        }
        // Two intervals, and the jitter, after the truth has changed, it is known.
        let is_settled = |change: Instant| now < change || now > change + interval * 3;
        if [at(0), at(10_000), at(20_000)].into_iter().all(is_settled) {
            wrong += u32::from((monitor.health() == Health::Up) == is_dead(number, now));
        }
        queue.push(Reverse((monitor.next_start().unwrap(), number)));
    }

    assert_eq!(wrong, 0);
    let runs: u32 = starts_in_slot.iter().sum();
    let expected = f64::from(MONITORS) * 15.0;
    assert!((f64::from(runs) / expected - 1.0).abs() < 0.01, "{runs} runs");
    // Evenly spread at the start and ever after, 2,500 in each tenth of a second; but where the first interval ends, a quarter of
    // these come early by their jitter while the last of the first round still start.
    for (slot, starts) in starts_in_slot.into_iter().enumerate() {
        let most = if slot == 19 { 3300 } else { 2800 };
        assert!((1700..=most).contains(&starts), "{starts} starts in slot {slot}");
    }
    let dead = (0..MONITORS).filter(|number| is_dead(*number, at(29_999))).count() as u32;
    assert_eq!(pool.snapshot().up, MONITORS - dead);
    assert_eq!(pool.poll_actions().len(), (MONITORS - dead) as usize);
    let latest = monitors.iter().filter_map(Monitor::next_start).max().unwrap();
    assert!(latest < at(30_000) + interval + Duration::from_millis(100));
}
