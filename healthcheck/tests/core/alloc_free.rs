//! Steady state allocates nothing: counted, by an allocator that counts.

use healthcheck::{OnDown, Pool, PoolConfig, Standing, Target};

use super::{at, exact, fail, monitor, ms, pass};

const TARGETS: u32 = 100;

#[test]
fn monitors_and_pools_allocate_nothing_once_they_are_made() {
    let mut monitors: Vec<_> = (0..TARGETS).map(|_| monitor(exact().rise(1).fall(2))).collect();
    let config = PoolConfig::builder().quorum(50).fallback(u32::MAX).on_down(OnDown::Drain(ms(500)));
    let mut pool = Pool::new(at(0), config.slow_start(ms(1000)).build().unwrap());
    for number in 0..TARGETS {
        monitors[number as usize].start(at(0), number, TARGETS);
        pool.set_target(at(0), number, Target::new(1).check(number, Standing::UNKNOWN));
    }
    let (good, bad) = (pass(), fail());
    let mut actions = 0;
    let mut play = |from: u64, to: u64| {
        for millis in from..to {
            let now = at(millis);
            for (check, monitor) in (0..).zip(&mut monitors) {
                if monitor.begin(now).is_none() {
                    continue;
                }
                // For 10 s all pass, for 10 s every other one fails, for 10 s all fail.
                let fails = match millis / 10_000 % 3 {
                    0 => false,
                    1 => check % 2 == 0,
                    _ => true,
                };
                monitor.handle_outcome(now, if fails { &bad } else { &good });
                while monitor.poll_event().is_some() {}
                pool.handle_check(now, check, monitor.standing());
            }
            pool.handle_timeout(now);
            actions += pool.poll_actions().len();
            while pool.poll_event().is_some() {}
        }
    };
    play(0, 30_000);

    let before = lab::allocations();
    play(30_000, 90_000);
    assert_eq!(lab::allocations() - before, 0);
    assert!(actions > 500, "{actions} actions");
}
