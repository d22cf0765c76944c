//! One probe for all who want to know.

use healthcheck::{Action, MonitorEvent, Pool, PoolConfig, Target};

use super::{at, exact, fail, run, up};

/// Five hundred virtual services in front of the same server: one check, one run, one standing that is handed around.
#[test]
fn one_monitor_feeds_many_pools() {
    let mut monitor = up(exact().fall(1));
    let mut pools: Vec<Pool<&str, u32>> = (0..500).map(|_| Pool::new(at(0), PoolConfig::default())).collect();
    for pool in &mut pools {
        pool.set_target(at(0), "web1", Target::new(1).check(7, monitor.standing()));
        assert_eq!(pool.poll_actions(), [Action::Add { key: "web1", weight: 1 }]);
    }

    let now = run(&mut monitor, &fail(), 0);
    while let Some(event) = monitor.poll_event() {
        if matches!(event, MonitorEvent::Changed(_) | MonitorEvent::Weight { .. }) {
            let told =
                pools.iter_mut().map(|pool| pool.handle_check(now, 7, monitor.standing())).sum::<usize>();
            assert_eq!(told, 500);
        }
    }

    for pool in &mut pools {
        assert_eq!(pool.poll_actions(), [Action::Remove { key: "web1" }]);
    }
    assert_eq!(monitor.stats().failed, 1);
}

/// A machine with several services: its ping is a part of each of them.
#[test]
fn one_monitor_feeds_many_targets_of_a_pool() {
    let ping = up(exact());
    let mut pool = Pool::new(at(0), PoolConfig::default());
    for port in [80u16, 443, 8080] {
        pool.set_target(at(0), port, Target::new(1).check("ping", ping.standing()));
    }
    pool.set_target(at(0), 53, Target::new(1));
    let _ = pool.poll_actions();

    assert_eq!(pool.handle_check(at(1), "ping", healthcheck::Standing::DOWN), 3);
    let removed = [80, 443, 8080].map(|key| Action::Remove { key });
    assert_eq!(pool.poll_actions(), removed);
    assert_eq!(pool.handle_check(at(2), "nobody's", ping.standing()), 0);
}
