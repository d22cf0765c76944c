//! The evidence that the engine is right: a LAN of hosts that misbehaves by seed, every short history there is, and a
//! plain model of the RFCs beside every virtual router.
//!
//! Real bytes go through encoder and decoder; hosts crash, stop, and are shut down; their clocks drift; packets are lost,
//! doubled, late, damaged and forged. The invariants of one host are checked after each call to its engine, those of the
//! LAN when the trouble is over (`invariants`: each is one function, under its name). Nothing sleeps or reads a clock.
//!
//! The schedules of a change are those of the seeds 1 to 10,000. More, from another seed on:
//!
//! ```text
//! SIM_SCHEDULES=1000000 SIM_SEED=1000000 cargo test --release -p vrrp-engine --test sim schedules
//! ```
//!
//! A schedule that fails tells its seed, and this plays it again, word for word:
//!
//! ```text
//! SIM_SEED=4711 SIM_TRACE=1 cargo test -p vrrp-engine --test sim replay
//! ```
//!
//! `SIM_DEPTH=2` explores two steps deeper than usual. That each invariant can fail is shown by `.ci/mutants`, which breaks
//! the engine in one place after the other; `SIM_WITHOUT=follows_the_model` leaves invariants out, to see what the others
//! are worth.

#![allow(clippy::unwrap_used, reason = "a test that unwraps an error has failed")]

mod clock;
mod dice;
mod differential;
mod explore;
mod garbage;
mod host;
mod invariants;
mod lan;
mod memory;
mod model;
mod packet;
mod scenarios;
mod schedule;
mod spec;
mod trouble;
mod witness;

use std::{
    collections::BTreeMap,
    env,
    io::Write,
    str::FromStr,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Instant,
};

use schedule::play;

#[test]
fn schedules() {
    let count = number("SIM_SCHEDULES").unwrap_or(10_000);
    let first = number("SIM_SEED").unwrap_or(1);
    let (next, events, broken) = (AtomicU64::new(0), AtomicU64::new(0), Mutex::new(BTreeMap::new()));
    let began = Instant::now();
    let work = || {
        loop {
            let done = next.fetch_add(1, Ordering::Relaxed);
            if done >= count {
                break;
            }
            let outcome = play(first + done, false);
            let events = events.fetch_add(outcome.events, Ordering::Relaxed) + outcome.events;
            if let Err(found) = outcome.verdict {
                let mut broken = broken.lock().unwrap();
                let seeds: &mut Vec<u64> = broken.entry(found.invariant).or_default();
                seeds.push(first + done);
            }
            if done > 0 && done % 50_000 == 0 {
                say(&format!("{done} of {count} schedules, {events} events"));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(work);
        }
    });
    let (seconds, events) = (began.elapsed().as_secs_f64(), events.into_inner());
    say(&format!(
        "{count} schedules, {events} events, {seconds:.1} s, {:.0} schedules a second",
        count as f64 / seconds
    ));

    let mut broken = broken.into_inner().unwrap();
    for (invariant, seeds) in &mut broken {
        seeds.sort_unstable();
        say(&format!("broken: {invariant} in {} schedules: {:?}", seeds.len(), &seeds[..seeds.len().min(5)]));
    }
    if let Some(seed) = broken.into_values().flatten().min() {
        report(seed, 40);
        panic!("SIM_SEED={seed} SIM_TRACE=1 cargo test -p vrrp-engine --test sim replay");
    }
}

/// Plays one schedule, twice: the same seed is the same schedule, word for word.
#[test]
fn replay() {
    let seed = number("SIM_SEED").unwrap_or(1);
    let (once, again) = (play(seed, true), play(seed, true));
    if env::var_os("SIM_TRACE").is_some() {
        report(seed, usize::MAX);
    }
    assert_eq!(once.trace, again.trace);
    if let Err(broken) = once.verdict {
        panic!("broken: {}: {}", broken.invariant, broken.seen);
    }
}

/// Tells what happened in a schedule, or the end of it.
fn report(seed: u64, lines: usize) {
    let outcome = play(seed, true);
    let skipped = outcome.trace.len().saturating_sub(lines);
    if skipped > 0 {
        say(&format!("seed {seed}: {skipped} lines before these"));
    }
    for line in &outcome.trace[skipped..] {
        say(line);
    }
    match outcome.verdict {
        Ok(()) => say(&format!("seed {seed}: all is well")),
        Err(broken) => say(&format!("seed {seed}: broken: {}: {}", broken.invariant, broken.seen)),
    }
}

/// Writes to standard error, past the test harness: a long run is to be seen while it runs.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "sim: {line}");
}

/// Reads a number from the environment.
fn number<N: FromStr>(name: &str) -> Option<N> {
    let text = env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}
