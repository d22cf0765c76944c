use std::{
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    time::{ClockId, ClockNanosleepFlags, clock_gettime, clock_nanosleep},
    unistd::Pid,
};

/// The times in which this machine itself stood still: a host that gives a virtual CPU to somebody else, or a CPU that
/// is kept from everybody.
///
/// A thread on each CPU asks to be woken every 2 ms and notes when it was not. It shares nothing with the programs under
/// test, so a program that is late by its own fault gains nothing by it; a measured time may be excused by what
/// [`between`](Self::between) says, and by no more.
///
/// Dropped, the threads end.
#[derive(Debug)]
pub struct Stalls {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    is_to_stop: AtomicBool,
    /// From when a thread should have run to when it did, by `CLOCK_MONOTONIC`.
    gaps: Mutex<Vec<(Duration, Duration)>>,
    /// When each thread ran last, in nanoseconds of `CLOCK_MONOTONIC`.
    seen: Vec<AtomicU64>,
}

impl Stalls {
    /// Begins to watch all CPUs that this process may run on.
    ///
    /// # Errors
    ///
    /// Those of asking for the CPUs and of starting threads.
    pub fn watch() -> io::Result<Self> {
        let allowed = sched_getaffinity(Pid::from_raw(0))?;
        let cpus: Vec<_> =
            (0..CpuSet::count()).filter(|cpu| allowed.is_set(*cpu).unwrap_or_default()).collect();
        let seen = cpus.iter().map(|_| AtomicU64::new(0)).collect();
        let shared = Arc::new(Shared { seen, ..Shared::default() });
        // Dropped half-way, it stops those that run.
        let mut stalls = Self { shared: Arc::clone(&shared), threads: Vec::new() };
        for (slot, cpu) in cpus.into_iter().enumerate() {
            let shared = Arc::clone(&shared);
            let thread = thread::Builder::new().name(format!("stalls{cpu}"));
            stalls.threads.push(thread.spawn(move || shared.watch(slot, cpu))?);
        }
        Ok(stalls)
    }

    /// How much of the time between two moments of `CLOCK_MONOTONIC` at least one CPU stood still.
    ///
    /// Pauses below 1 ms do not count: they are what a timer may be late by.
    #[must_use]
    pub fn between(&self, from: Duration, to: Duration) -> Duration {
        // A CPU that stands still has not told of it yet.
        let until = to.min(monotonic());
        let is_seen = |at: &AtomicU64| Duration::from_nanos(at.load(Ordering::Acquire)) >= until;
        while !self.shared.seen.iter().all(is_seen) && self.threads.iter().all(|thread| !thread.is_finished())
        {
            thread::sleep(PERIOD);
        }
        let mut gaps = self.shared.gaps.lock().unwrap_or_else(PoisonError::into_inner).clone();
        gaps.sort();
        covered(&gaps, from, to)
    }

    /// The longest time so far that a CPU stood still.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let gaps = self.shared.gaps.lock().unwrap_or_else(PoisonError::into_inner);
        gaps.iter().map(|(from, to)| *to - *from).max().unwrap_or_default()
    }
}

impl Drop for Stalls {
    fn drop(&mut self) {
        self.shared.is_to_stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // It cannot panic; if it did, there is nothing left to save.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn watch(&self, slot: usize, cpu: usize) {
        let mut set = CpuSet::new();
        // Where it may not be bound to its CPU, it watches whichever it runs on.
        let _ = set.set(cpu).and_then(|()| sched_setaffinity(Pid::from_raw(0), &set));
        let mut due = monotonic();
        while !self.is_to_stop.load(Ordering::Relaxed) {
            due += PERIOD;
            // A signal wakes it early, which is no harm.
            let _ =
                clock_nanosleep(ClockId::CLOCK_MONOTONIC, ClockNanosleepFlags::TIMER_ABSTIME, &due.into());
            let now = monotonic();
            if now > due + PAUSE {
                self.gaps.lock().unwrap_or_else(PoisonError::into_inner).push((due, now));
                due = now;
            }
            if let Some(seen) = self.seen.get(slot) {
                seen.store(now.as_nanos() as u64, Ordering::Release);
            }
        }
    }
}

/// How much of a span is covered by intervals, which are in the order of their beginnings and may overlap.
fn covered(intervals: &[(Duration, Duration)], from: Duration, to: Duration) -> Duration {
    let (mut sum, mut counted) = (Duration::ZERO, from);
    for (start, end) in intervals {
        let (start, end) = (*start.max(&counted), *end.min(&to));
        if start < end {
            sum += end - start;
            counted = end;
        }
    }
    sum
}

fn monotonic() -> Duration {
    // The clock exists on every Linux.
    clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}

const PERIOD: Duration = Duration::from_millis(2);

/// What a wake-up may be late by on a machine that is well.
const PAUSE: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_intervals_are_counted_once_and_only_within_the_span() {
        let ms = Duration::from_millis;
        let intervals =
            [(ms(0), ms(12)), (ms(20), ms(30)), (ms(22), ms(25)), (ms(28), ms(33)), (ms(95), ms(120))];
        assert_eq!(covered(&intervals, ms(10), ms(100)), ms(2 + 13 + 5));
        assert_eq!(covered(&intervals, ms(40), ms(90)), ms(0));
        assert_eq!(covered(&[], ms(0), ms(90)), ms(0));
    }
}
