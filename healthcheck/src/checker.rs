use std::{
    collections::VecDeque,
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    Admin, Budget, Check, CheckId, Ended, Engine, EngineError, Event, Limits, Monitor, MonitorEvent, Outcome,
    Policy, Turn,
};

/// An [`Engine`] whose checks run as their policies say: each has a [`Monitor`], which plans the next run from what the last one
/// found, and says what it means.
///
/// As the engine, it is one descriptor to wait for ([`AsFd`]), does a bounded amount of work in a [`turn`](Self::turn), and has no
/// thread. What an operator orders, and what is counted, is the monitor's.
///
/// ```no_run
/// use std::{net::SocketAddr, time::{Duration, Instant}};
/// use healthcheck::{Budget, Check, Checker, CheckerEvent, Limits, Policy, Tcp};
///
/// let policy = Policy::builder().rise(2).fall(3).interval(Duration::from_secs(2)).build()?;
/// let mut checker = Checker::new(Limits::default())?;
/// for host in 1..=100 {
///     checker.add(Check::new(SocketAddr::from(([10, 0, 0, host], 80)), Tcp::connect()), policy.clone())?;
/// }
/// checker.start(Instant::now());
/// loop {
///     checker.wait(None)?; // or wait for its descriptor in a loop that you have
///     checker.turn(Instant::now(), Budget::default());
///     while let Some(event) = checker.poll_event() {
///         if let CheckerEvent::Monitor { check, event } = event {
///             println!("10.0.0.{}: {event}", check.index() + 1);
///         }
///     }
/// }
/// # #[expect(unreachable_code)]
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Checker {
    engine: Engine,
    /// By the index of the check.
    monitors: Vec<Option<Watched>>,
    /// Those that were added since the last start.
    fresh: Vec<CheckId>,
    /// Whose monitors may have something to say.
    speaking: VecDeque<CheckId>,
}

#[derive(Debug)]
struct Watched {
    check: CheckId,
    monitor: Monitor,
}

/// What a [`Checker`] has to say.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CheckerEvent {
    /// A run has ended. What follows from it comes next.
    Ended(Ended),
    /// What a monitor has to say: a change of health or weight, a first doubt.
    Monitor {
        /// Of which check.
        check: CheckId,
        /// What.
        event: MonitorEvent,
    },
    /// A [`Check::alarm`] of the engine is due.
    Due {
        /// Which.
        check: CheckId,
        /// For when it was scheduled.
        planned: Instant,
    },
}

impl Checker {
    /// Makes one without checks.
    ///
    /// # Errors
    ///
    /// File descriptors are used up.
    pub fn new(limits: Limits) -> Result<Self, EngineError> {
        Ok(Self {
            engine: Engine::new(limits)?,
            monitors: Vec::new(),
            fresh: Vec::new(),
            speaking: VecDeque::new(),
        })
    }

    /// Takes a check, to be run as the policy says, with its timeout. It does not run before [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// There are four billion already.
    pub fn add(&mut self, check: Check, policy: impl Into<Arc<Policy>>) -> Result<CheckId, EngineError> {
        let policy = policy.into();
        let id = self.engine.add(check.timeout(policy.timeout()))?;
        let monitor = Monitor::new(policy, self.engine.random());
        if self.monitors.len() <= id.index() {
            self.monitors.resize_with(id.index() + 1, || None);
        }
        if let Some(place) = self.monitors.get_mut(id.index()) {
            *place = Some(Watched { check: id, monitor });
        }
        self.fresh.push(id);
        Ok(id)
    }

    /// Has the checks run that were added since the last call, spread as their policies say: all of one configuration are best
    /// added before.
    pub fn start(&mut self, now: Instant) {
        let fresh = std::mem::take(&mut self.fresh);
        let of = u32::try_from(fresh.len()).unwrap_or(u32::MAX);
        for (nth, check) in (0..).zip(fresh) {
            self.with(check, |monitor| monitor.start(now, nth, of));
        }
    }

    /// Has a check not run any more until [`resume`](Self::resume). What is known of the target stays, and a run that is going on
    /// counts.
    pub fn stop(&mut self, check: CheckId) {
        self.fresh.retain(|fresh| *fresh != check);
        self.with(check, Monitor::stop);
    }

    /// Has a check run again that was stopped, or one that was not started, from now on. One that runs goes on as it is.
    pub fn resume(&mut self, check: CheckId, now: Instant) {
        self.fresh.retain(|fresh| *fresh != check);
        self.with(check, |monitor| monitor.start(now, 0, 1));
    }

    /// Takes a check away, and with it all that was known. A run that goes on is given up and not reported.
    pub fn remove(&mut self, check: CheckId) {
        if self.monitor(check).is_some()
            && let Some(place) = self.monitors.get_mut(check.index())
        {
            *place = None;
        }
        self.fresh.retain(|fresh| *fresh != check);
        self.engine.remove(check);
    }

    /// Has a check run now, unless it is running: for an operator who does not want to wait.
    pub fn run_now(&mut self, check: CheckId, now: Instant) {
        let may_run = self.monitor(check).is_some_and(|monitor| monitor.next_start().is_some());
        if may_run && !self.engine.is_running(check) {
            self.engine.schedule(check, now);
        }
    }

    /// Does as the operator orders.
    pub fn set_admin(&mut self, check: CheckId, now: Instant, admin: Admin) {
        self.with(check, |monitor| monitor.set_admin(now, admin));
    }

    /// Puts another policy in force, the timeout of the next run included. What has been counted stays.
    pub fn retune(&mut self, check: CheckId, now: Instant, policy: impl Into<Arc<Policy>>) {
        let policy = policy.into();
        self.engine.set_timeout(check, policy.timeout());
        self.with(check, |monitor| monitor.retune(now, policy));
    }

    /// Takes up where another left off: [`Monitor::restore`].
    pub fn restore(&mut self, check: CheckId, state: i32) {
        if let Some(monitor) = self.monitor_mut(check) {
            monitor.restore(state);
        }
    }

    /// Takes what somebody else has found out about a check's target.
    pub fn report(&mut self, check: CheckId, now: Instant, outcome: &Outcome) {
        self.with(check, |monitor| monitor.handle_outcome(now, outcome));
    }

    /// Returns what is known of a check, `None` if it was removed.
    #[must_use]
    pub fn monitor(&self, check: CheckId) -> Option<&Monitor> {
        let watched = self.monitors.get(check.index())?.as_ref()?;
        (watched.check == check).then_some(&watched.monitor)
    }

    /// Returns all checks and what is known of them.
    pub fn monitors(&self) -> impl Iterator<Item = (CheckId, &Monitor)> {
        self.monitors.iter().flatten().map(|watched| (watched.check, &watched.monitor))
    }

    /// Does what there is to do now, without waiting, as far as the budget allows: [`Engine::turn`].
    pub fn turn(&mut self, now: Instant, budget: Budget) -> Turn {
        self.engine.turn(now, budget)
    }

    /// Blocks until there is something to do, or for so long: [`Engine::wait`].
    ///
    /// # Errors
    ///
    /// None that a valid descriptor has.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<(), EngineError> {
        self.engine.wait(timeout)
    }

    /// Returns what has happened, oldest first; after each turn, call it until there is no more: the next runs are planned by it.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<CheckerEvent> {
        while let Some(check) = self.speaking.front().copied() {
            if let Some(event) = self.monitor_mut(check).and_then(Monitor::poll_event) {
                return Some(CheckerEvent::Monitor { check, event });
            }
            self.speaking.pop_front();
        }
        match self.engine.poll_event()? {
            Event::Ended(ended) => {
                self.handle(&ended);
                Some(CheckerEvent::Ended(ended))
            }
            Event::Due { check, planned } => Some(CheckerEvent::Due { check, planned }),
        }
    }

    /// Returns the engine.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns the engine, for checks without a policy and for alarms.
    #[must_use]
    pub fn engine_mut(&mut self) -> &mut Engine {
        &mut self.engine
    }

    fn handle(&mut self, ended: &Ended) {
        let now = ended.started + ended.outcome.latency;
        self.with(ended.check, |monitor| {
            monitor.begin(ended.started);
            monitor.handle_outcome(now, &ended.outcome);
        });
    }

    /// Does something to a monitor, and what follows from it.
    fn with(&mut self, check: CheckId, act: impl FnOnce(&mut Monitor)) {
        let Some(monitor) = self.monitor_mut(check) else { return };
        act(monitor);
        match monitor.next_start() {
            // What follows a run is planned when it has ended.
            Some(_) if self.engine.is_running(check) => {}
            Some(next) => self.engine.schedule(check, next),
            None => self.engine.cancel(check),
        }
        self.speaking.push_back(check);
    }

    fn monitor_mut(&mut self, check: CheckId) -> Option<&mut Monitor> {
        let watched = self.monitors.get_mut(check.index())?.as_mut()?;
        (watched.check == check).then_some(&mut watched.monitor)
    }
}

impl AsFd for Checker {
    /// Readable when [`turn`](Self::turn) has something to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.engine.as_fd()
    }
}
