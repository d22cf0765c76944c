//! Policies, monitors, targets and pools: what the core of the crate decides, in virtual time.
#![allow(clippy::unwrap_used, reason = "a test that unwraps an error has failed")]

mod alloc_free;
mod faults;
mod guard;
mod metrics;
mod monitor;
mod pool;
mod pool_any_history;
mod presets;
mod push;
mod reload;
mod shared;
mod soak;
mod target;

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use healthcheck::{
    Cause, Health, Jitter, Kind, Layer, Monitor, MonitorEvent, Outcome, Policy, PolicyBuilder, Standing,
    Verdict, WeightHint,
};

#[global_allocator]
static ALLOCATOR: lab::CountingAllocator = lab::CountingAllocator;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

const REFUSED: Cause = Cause::new(Layer::Network, Kind::Failed, 111);

/// A moment in milliseconds since the tests began.
fn at(millis: u64) -> Instant {
    *START + Duration::from_millis(millis)
}

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn pass() -> Outcome {
    Outcome::passed(Layer::Network)
}

fn fail() -> Outcome {
    Outcome::failed(REFUSED)
}

/// A failure that leaves no room for chance.
fn wrong() -> Outcome {
    Outcome::failed(Cause::new(Layer::Application, Kind::WrongStatus, 500)).decisive()
}

/// A failure of this host: no descriptors.
fn local() -> Outcome {
    Outcome::inconclusive(Cause::new(Layer::Local, Kind::Failed, 24))
}

fn held_up() -> Outcome {
    Outcome::inconclusive(Cause::new(Layer::Network, Kind::HeldUp, 0))
}

/// Every 2 s within 1 s, without jitter.
fn exact() -> PolicyBuilder {
    Policy::builder().jitter(Jitter::None)
}

fn monitor(policy: PolicyBuilder) -> Monitor {
    Monitor::new(policy.build().unwrap(), 1)
}

/// A monitor that is started, and has passed once: up.
fn up(policy: PolicyBuilder) -> Monitor {
    let mut monitor = monitor(policy);
    monitor.start(at(0), 0, 1);
    run(&mut monitor, &pass(), 0);
    drain(&mut monitor);
    assert_eq!(monitor.health(), Health::Up);
    monitor
}

/// Plays the next run: it starts when it is due and takes so many milliseconds. Returns when it started.
fn run(monitor: &mut Monitor, outcome: &Outcome, took: u64) -> Instant {
    let started = monitor.next_start().unwrap();
    assert!(monitor.begin(started).is_some());
    monitor.handle_outcome(started + ms(took), outcome);
    started
}

fn drain(monitor: &mut Monitor) -> Vec<MonitorEvent> {
    std::iter::from_fn(|| monitor.poll_event()).collect()
}

fn healths(monitor: &mut Monitor) -> Vec<(Health, Health)> {
    let changes = drain(monitor).into_iter().filter_map(|event| {
        if let MonitorEvent::Changed(change) = event { Some((change.from, change.to)) } else { None }
    });
    changes.collect()
}

fn says(health: Health) -> Standing {
    let mut standing = Standing::UP;
    standing.health = health;
    standing
}

fn with_verdict(verdict: Verdict, mut outcome: Outcome) -> Outcome {
    outcome.verdict = verdict;
    outcome
}

fn weighs(weight: u32) -> Standing {
    Standing::UP.with_weight(WeightHint::Absolute(weight))
}
