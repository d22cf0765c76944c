//! The executor: many checks, one descriptor, no thread.
//!
//! - `table` has the checks, `agenda` when each wants to be looked at, `limits` who waits for whom;
//! - `turn` is what happens in a call of [`Engine::turn`]; `run` what happens to one run;
//! - `conversation` drives a probe over a socket, `echoes` all pings over shared ones, `child` a program;
//! - `socket` opens and connects, and knows whose fault an error is; `io` is the event loop.

use std::{
    collections::VecDeque,
    io,
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::epoll::{EpollEvent, EpollTimeout},
};

use crate::Class;

mod agenda;
mod check;
mod child;
mod conversation;
mod echoes;
mod event;
mod io_loop;
mod limits;
mod run;
mod socket;
mod stats;
mod table;
mod time;
mod token;
#[cfg(feature = "tokio")]
mod tokio;
mod turn;

use check::MIN_TIMEOUT;
pub use check::{Check, CheckId};
pub use event::{Ended, Event};
pub use limits::Limits;
pub use stats::Stats;
#[cfg(feature = "tokio")]
pub use tokio::AsyncEngine;
pub use turn::{Budget, Turn};

use agenda::Agenda;
use child::Child;
use echoes::Echoes;
use io_loop::Io;
use limits::Lines;
use table::{State, Table};
use time::{Clock, Time};

/// Runs checks when they are due, and tells what they found.
///
/// It holds all sockets, programs and timers behind one descriptor, which is readable when there is something to do
/// ([`AsFd`]): put it into the event loop you have, or let [`wait`](Self::wait) be the loop. Then call
/// [`turn`](Self::turn), which never blocks and does no more than its budget allows, and take what has happened from
/// [`poll_event`](Self::poll_event).
///
/// It decides nothing about targets. A check runs when it is [scheduled](Self::schedule), once; whoever gets the outcome says when
/// it runs next. A check never overlaps itself: scheduled while it runs, it starts again when that run has ended.
///
/// ```no_run
/// use std::time::{Duration, Instant};
///
/// use healthcheck::{Budget, Check, Engine, Event, Limits, Tcp};
///
/// let mut engine = Engine::new(Limits::default())?;
/// let interval = Duration::from_secs(2);
/// let mut checks = Vec::new();
/// for host in 1..=100 {
///     let target = std::net::SocketAddr::from(([10, 0, 0, host], 80));
///     checks.push(engine.add(Check::new(target, Tcp::connect()).timeout(Duration::from_secs(1)))?);
/// }
/// engine.schedule_evenly(&checks, Instant::now(), interval);
///
/// loop {
///     engine.wait(None)?;
///     engine.turn(Instant::now(), Budget::default());
///     while let Some(event) = engine.poll_event() {
///         if let Event::Ended(ended) = event {
///             println!("target {}: {:?}", ended.check.index(), ended.outcome.verdict);
///             engine.schedule(ended.check, ended.planned + interval);
///         }
///     }
/// }
/// # #[expect(unreachable_code)]
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # A loop that is late
///
/// If the engine was not run for more than a quarter of a run's timeout while that run was going on, and its deadline has passed,
/// and a last look finds nothing, then the run is [`Inconclusive`](crate::Verdict::Inconclusive) with
/// [`Kind::HeldUp`](crate::Kind::HeldUp), not failed: a program that is stopped, starved or swapped out must not take all
/// targets for dead. So that it can be known, a run that waits has the engine woken every eighth of its timeout.
///
/// So a loop must wait for the descriptor, or look more often than that. One that ticks, and each time after more than a quarter of
/// the timeout, takes no silent target for dead, ever: [`Stats::held_up`] tells.
///
/// # What it needs
///
/// Descriptors: [`descriptors_needed`](Self::descriptors_needed) of them, below `RLIMIT_NOFILE`. Where one is missing, the
/// run is inconclusive with [`Layer::Local`](crate::Layer::Local), as after any other failure of this host. Sockets belong to
/// the network namespace of the thread that calls `turn`. Programs need that SIGCHLD is not ignored, and that nobody in the
/// process waits for children that are not its own.
///
/// Dropped, it closes all sockets and kills all programs.
#[derive(Debug)]
pub struct Engine {
    io: Io,
    clock: Clock,
    table: Table,
    agenda: Agenda,
    lines: Lines,
    echoes: Echoes,
    /// Programs of checks that were removed.
    orphans: Vec<Child>,
    /// Runs that could go on, but others had waited.
    unfinished: VecDeque<CheckId>,
    events: VecDeque<Event>,
    ready: Ready,
    /// When the last turn began.
    looked: Time,
    gap: Gap,
    /// What the timer is set to.
    alarm: Option<Duration>,
    stats: Stats,
}

/// The last time for which nobody looked, as long as there are runs that have not been told of it.
#[derive(Clone, Copy, Debug, Default)]
struct Gap {
    until: Time,
    length: Duration,
}

/// What the event loop has told, and how much of it has been looked at.
#[derive(Debug)]
struct Ready {
    events: Box<[EpollEvent]>,
    next: usize,
    end: usize,
}

impl Engine {
    /// Makes one without checks.
    ///
    /// # Errors
    ///
    /// File descriptors are used up.
    pub fn new(limits: Limits) -> Result<Self, EngineError> {
        let (io, clock) = Io::new()
            .and_then(|io| Ok((io, Clock::new()?)))
            .map_err(|errno| EngineError::Open(errno.into()))?;
        Ok(Self {
            io,
            clock,
            table: Table::default(),
            agenda: Agenda::default(),
            lines: Lines::new(&limits),
            echoes: Echoes::default(),
            orphans: Vec::new(),
            unfinished: VecDeque::new(),
            events: VecDeque::new(),
            ready: Ready { events: vec![EpollEvent::empty(); READY_LEN].into(), next: 0, end: 0 },
            looked: Time::default(),
            gap: Gap::default(),
            alarm: None,
            stats: Stats::default(),
        })
    }

    /// Takes a check. It does not run before it is scheduled.
    ///
    /// # Errors
    ///
    /// There are four billion already.
    pub fn add(&mut self, check: Check) -> Result<CheckId, EngineError> {
        let class = check.class;
        let id = self.table.insert(check).ok_or(EngineError::Full)?;
        self.make_room(self.table.capacity());
        if let Some(class) = class {
            self.lines.join(class);
        }
        Ok(id)
    }

    /// Takes the memory that so many checks need: when they are added, not when many of them happen to end at once.
    fn make_room(&mut self, count: usize) {
        self.agenda.make_room(count);
        reserve(&mut self.unfinished, count);
        reserve(&mut self.events, count.min(EVENTS_LEN));
    }

    /// Takes a check away. A run that is going on is given up, and not reported. One that is not there is no matter.
    pub fn remove(&mut self, check: CheckId) {
        let Some((state, work, class)) = self.table.remove(check) else { return };
        self.agenda.set(check.index, None);
        if let Some(class) = class {
            self.lines.quit(class);
        }
        if let State::Running(run) = state {
            if let Some(class) = class {
                self.lines.leave(class);
            }
            self.give_up(run.doing, &work);
        }
    }

    /// Plans the next run of a check, in place of what was planned; a moment that has passed is now.
    ///
    /// While the check runs, the plan waits until that run has ended. One that is not there is no matter.
    pub fn schedule(&mut self, check: CheckId, at: Instant) {
        let at = self.clock.time(at);
        self.plan(check, at);
        self.set_alarm();
    }

    /// Plans the next runs of many checks so that they are spread over a time: the first at its beginning, the others at equal
    /// distances. For the start of a program, with the checks' interval.
    pub fn schedule_evenly(&mut self, checks: &[CheckId], from: Instant, over: Duration) {
        let from = self.clock.time(from);
        let count = u32::try_from(checks.len()).unwrap_or(u32::MAX).max(1);
        for (number, check) in (0..).zip(checks) {
            // Multiplied as nanoseconds: a fraction of a nanosecond for each would add up.
            let nanoseconds = over.as_nanos() * u128::from(number as u32) / u128::from(count);
            let offset = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
            self.plan(*check, from.after(offset));
        }
        self.set_alarm();
    }

    /// Takes back the plan of a check. A run that is going on ends, and is reported.
    pub fn cancel(&mut self, check: CheckId) {
        let Some(slot) = self.table.get_mut(check) else { return };
        match &mut slot.state {
            State::Running(run) => run.next = None,
            State::Planned(_) | State::Waiting(_) => {
                slot.state = State::Idle;
                self.agenda.set(check.index, None);
            }
            State::Free | State::Idle => {}
        }
    }

    /// Tells whether the check is there, and has not been removed.
    #[must_use]
    pub fn contains(&self, check: CheckId) -> bool {
        self.table.get(check).is_some()
    }

    /// Tells whether a run of the check is going on.
    #[must_use]
    pub fn is_running(&self, check: CheckId) -> bool {
        self.table.get(check).is_some_and(|slot| matches!(slot.state, State::Running(_)))
    }

    /// Sets how long runs of a check may take, from the next one on: [`Check::timeout`].
    pub fn set_timeout(&mut self, check: CheckId, timeout: Duration) {
        if let Some(slot) = self.table.get_mut(check) {
            slot.timeout = timeout.max(MIN_TIMEOUT);
        }
    }

    /// Blocks until there is something to do, or for so long: for who has no event loop, instead of polling the descriptor.
    ///
    /// A signal ends it early.
    ///
    /// # Errors
    ///
    /// None that a valid descriptor has.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<(), EngineError> {
        if self.ready.next < self.ready.end {
            return Ok(());
        }
        // Not before the time is over: the unit is a millisecond.
        let milliseconds =
            timeout.map(|timeout| u32::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(u32::MAX));
        let timeout = match milliseconds {
            None => EpollTimeout::NONE,
            Some(milliseconds) => EpollTimeout::try_from(milliseconds).unwrap_or(EpollTimeout::MAX),
        };
        match self.io.ready(&mut self.ready.events, timeout) {
            Ok(count) => (self.ready.next, self.ready.end) = (0, count),
            Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(EngineError::Wait(errno.into())),
        }
        Ok(())
    }

    /// Returns what has happened, oldest first.
    ///
    /// What is not taken stays; there is no more of it than there are checks.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Returns how many runs of a class are going on.
    #[must_use]
    pub fn in_flight(&self, class: Class) -> u32 {
        self.lines.in_flight(class)
    }

    /// Returns how many file descriptors the engine may hold at once, with the checks that it has now and its limits.
    ///
    /// To be compared with `RLIMIT_NOFILE`, together with what the rest of the process needs.
    #[must_use]
    pub fn descriptors_needed(&self) -> u64 {
        let most = |class| self.lines.most(class);
        let sockets = most(Class::Stream) + most(Class::Tls) + most(Class::Datagram);
        // A program has a pidfd and the pipe it prints to; starting one takes some for a moment.
        let programs = 2 * most(Class::Script) + u64::from(most(Class::Script) > 0) * 6;
        EVENT_LOOP + sockets + programs + self.echoes.descriptors(self.lines.members(Class::Echo))
    }

    /// Returns what it has done.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats
    }

    pub(crate) fn random(&mut self) -> u64 {
        self.io.random()
    }

    fn plan(&mut self, check: CheckId, at: Time) {
        let Some(slot) = self.table.get_mut(check) else { return };
        match &mut slot.state {
            State::Running(run) => run.next = Some(at),
            State::Free => {}
            State::Idle | State::Planned(_) | State::Waiting(_) => {
                slot.state = State::Planned(at);
                self.agenda.set(check.index, Some(at));
            }
        }
    }

    /// Sets the timer to what is due next, if that is not what it is set to.
    fn set_alarm(&mut self) {
        let next = if self.has_more() {
            // In the past: at once.
            Some(Duration::ZERO)
        } else {
            self.agenda.earliest().map(|(time, _)| self.clock.alarm(time))
        };
        if let Some(at) = next
            && self.alarm != next
        {
            self.io.set_timer(at);
            self.alarm = next;
        }
    }

    /// Whether something can be done without waiting for anything.
    fn has_more(&self) -> bool {
        self.ready.next < self.ready.end || !self.unfinished.is_empty() || self.lines.has_next()
    }
}

impl AsFd for Engine {
    /// Readable when [`turn`](Self::turn) has something to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.io.epoll.0.as_fd()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let mut children: Vec<_> = self.table.children_mut().collect();
        children.extend(&mut self.orphans);
        for child in &mut children {
            child.kill();
        }
        for child in children {
            // Killed, they end at once, or (stuck in the kernel) not for a long time.
            let mut ended = [PollFd::new(child.pidfd(), PollFlags::POLLIN)];
            let _ = poll(&mut ended, PollTimeout::from(100_u8));
            let _ = child.reap();
        }
    }
}

/// Why an [`Engine`] cannot do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// No event loop or timer could be made.
    #[error("cannot make an event loop: {0} (raise RLIMIT_NOFILE if too many files are open)")]
    Open(#[source] io::Error),
    /// The event loop did not answer.
    #[error("cannot wait for events: {0}")]
    Wait(#[source] io::Error),
    /// It cannot take a further check.
    #[error("an engine has no more than {} checks: use a second one", u32::MAX)]
    Full,
}

/// Makes room for so many in all: `VecDeque::reserve` counts from those that are there.
fn reserve<T>(queue: &mut VecDeque<T>, count: usize) {
    queue.reserve(count.saturating_sub(queue.len()));
}

const READY_LEN: usize = 256;
/// As many events as a turn of the default budget may bring. Whoever asks for more in a turn has the queue grow, once.
const EVENTS_LEN: usize = 256;
/// It and its timer.
const EVENT_LOOP: u64 = 2;
