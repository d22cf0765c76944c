//! What a health check costs apart from its probe: to begin a run, take what it found, plan the next and tell a pool.
//!
//! The bound is a plain counter with a deadline, the least that decides the same for one policy.
#![allow(missing_docs, reason = "criterion's macros make public items without docs")]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use healthcheck::{Cause, Kind, Layer, Monitor, Outcome, Policy, Pool, PoolConfig, Standing, Target};

/// So many that they do not fit into the nearest caches, as in a loop that looks at each in turn.
const MONITORS: u32 = 10_000;

fn monitors() -> Vec<Monitor> {
    let policy = Arc::new(Policy::default());
    let monitor = |number: u32| {
        let mut monitor = Monitor::new(Arc::clone(&policy), number.into());
        monitor.start(*START, number, MONITORS);
        monitor
    };
    (0..MONITORS).map(monitor).collect()
}

static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);

fn monitor(c: &mut Criterion) {
    let refused = Outcome::failed(Cause::new(Layer::Network, Kind::Failed, 111));
    let passed = Outcome::passed(Layer::Network);
    let mut group = c.benchmark_group("health");

    let mut step = |name: &str, outcomes: [&Outcome; 2]| {
        let (mut all, mut turn) = (monitors(), 0);
        group.bench_function(name, |b| {
            b.iter(|| {
                let monitor = &mut all[turn % MONITORS as usize];
                let now = monitor.next_start().expect("it was started");
                black_box(monitor.begin(now));
                monitor.handle_outcome(now, outcomes[turn / MONITORS as usize % 2]);
                while let Some(event) = monitor.poll_event() {
                    black_box(event);
                }
                turn += 1;
            });
        });
    };
    step("monitor_step", [&passed, &passed]);
    step("monitor_step_flapping", [&passed, &refused]);

    let mut plain = vec![(0_u8, *START); MONITORS as usize];
    let mut turn = 0;
    group.bench_function("bound_plain_counter", |b| {
        b.iter(|| {
            let (failures, next) = &mut plain[turn % MONITORS as usize];
            *failures = if black_box(true) { 0 } else { *failures + 1 };
            *next += Duration::from_secs(2);
            black_box((*failures >= 3, *next));
            turn += 1;
        });
    });
    group.finish();
}

fn pool(c: &mut Criterion) {
    let mut group = c.benchmark_group("health");
    let mut pool = Pool::new(*START, PoolConfig::default());
    let target = |number| (number, Target::new(1).check(number, Standing::UP));
    pool.set_targets(*START, (0..MONITORS).map(target));
    black_box(pool.poll_actions());
    let mut turn = 0;
    group.bench_function("pool_change_of_10000", |b| {
        b.iter(|| {
            let standing = if (turn / MONITORS).is_multiple_of(2) { Standing::DOWN } else { Standing::UP };
            pool.handle_check(*START, turn % MONITORS, standing);
            assert_eq!(pool.poll_actions().len(), 1);
            while pool.poll_event().is_some() {}
            turn += 1;
        });
    });
    group.finish();
}

criterion_group!(benches, monitor, pool);
criterion_main!(benches);
