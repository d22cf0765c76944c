use std::{mem, sync::Arc, time::Instant};

use crate::{
    Admin, Evidence, Health, Kind, Layer, OnDecisive, OnLocalFailure, Outcome, Policy, Standing, Verdict,
    WeightHint, dice::Dice, policy::Way,
};

mod counter;
mod event;
mod snapshot;

use counter::{Counter, Failure};
use event::{Because, Pending};
pub use event::{Change, MonitorEvent, Reason};
pub use snapshot::{LastResult, MonitorSnapshot, MonitorStats};

/// What one check's results say of its target, and when the check runs next.
///
/// It knows neither socket nor clock. Whoever runs the check asks [`next_start`](Self::next_start) when, hands what came of it to
/// [`handle_outcome`](Self::handle_outcome), and polls the events. What it says of the target is its
/// [`standing`](Self::standing), a value to hand to as many targets and pools as have this check.
///
/// ```
/// use std::time::{Duration, Instant};
/// use healthcheck::{Cause, Kind, Layer, Monitor, MonitorEvent, Outcome, Policy, Standing};
///
/// let policy = Policy::builder().rise(2).fall(2).interval(Duration::from_secs(2)).build()?;
/// let mut monitor = Monitor::new(policy, 4711);
/// let mut now = Instant::now();
/// monitor.start(now, 0, 1);
///
/// let refused = Cause::new(Layer::Network, Kind::Failed, 111);
/// let mut log = Vec::new();
/// for outcome in [Outcome::passed(Layer::Network), Outcome::failed(refused), Outcome::failed(refused)] {
///     now = monitor.next_start().expect("it was started");
///     monitor.begin(now); // connect, and so on
///     monitor.handle_outcome(now, &outcome);
///     while let Some(event) = monitor.poll_event() {
///         log.push(event.to_string());
///     }
/// }
///
/// assert_eq!(log, [
///     "unknown -> up: network: passed, 0.0ns, 1 in a row",
///     "1/2 down: network: failed (111)",
///     "up -> down: network: failed (111), 0.0ns, 2 in a row",
/// ]);
/// # Ok::<(), healthcheck::PolicyError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Monitor {
    policy: Arc<Policy>,
    dice: Dice,
    counter: Counter,
    admin: Admin,
    /// The target, while up, has asked for no new connections.
    is_draining: bool,
    is_stale: bool,
    /// Failures of this host in a row.
    local_failures: u16,
    weight: Option<WeightHint>,
    phase: Phase,
    /// When it was started or last heard of a run.
    heard_at: Option<Instant>,
    changed_at: Option<Instant>,
    last: Option<LastResult>,
    pending: Pending,
    stats: MonitorStats,
}

/// What the check does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Stopped,
    Waiting { planned: Instant },
    Running { planned: Instant },
}

/// What a result is worth under the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    Pass,
    Fail(Failure),
    Nothing,
}

impl Monitor {
    /// Makes one that is not started. The seed, for jitter, is best another for each monitor.
    pub fn new(policy: impl Into<Arc<Policy>>, seed: u64) -> Self {
        Self {
            policy: policy.into(),
            dice: Dice::new(seed),
            counter: Counter::default(),
            admin: Admin::Auto,
            is_draining: false,
            is_stale: false,
            local_failures: 0,
            weight: None,
            phase: Phase::Stopped,
            heard_at: None,
            changed_at: None,
            last: None,
            pending: Pending::default(),
            stats: MonitorStats::default(),
        }
    }

    /// Has the check run, the first time after its share of the spread: it is number `nth`, from 0, of `of` checks that start
    /// together. One that runs already goes on as it is.
    pub fn start(&mut self, now: Instant, nth: u32, of: u32) {
        if self.phase == Phase::Stopped {
            let wait = self.policy.first_wait(nth, of, &mut self.dice);
            self.phase = Phase::Waiting { planned: now + wait };
            self.heard_at = Some(now);
        }
    }

    /// Has the check not run any more. What is known of the target stays.
    pub const fn stop(&mut self) {
        self.phase = Phase::Stopped;
    }

    /// Returns when the next run is to start: `None` while one is going on, in maintenance, and if the check is stopped. It may be
    /// past, if that moment was missed.
    #[must_use]
    pub const fn next_start(&self) -> Option<Instant> {
        match (self.phase, self.admin) {
            (_, Admin::Maintenance) | (Phase::Stopped | Phase::Running { .. }, _) => None,
            (
                Phase::Waiting { planned },
                Admin::Auto | Admin::Drain | Admin::ForcedUp | Admin::ForcedDown,
            ) => Some(planned),
        }
    }

    /// Says that the run that is due has started, so that no other is until [`handle_outcome`](Self::handle_outcome); returns its
    /// deadline. `None`, and nothing changes, if none is due.
    ///
    /// Callers whose engine keeps runs apart itself need not call it.
    pub fn begin(&mut self, now: Instant) -> Option<Instant> {
        let planned = self.next_start().filter(|planned| *planned <= now)?;
        self.phase = Phase::Running { planned };
        Some(now + self.policy.timeout())
    }

    /// Takes what a run found; it need not have been announced by [`begin`](Self::begin), so it may be somebody's report. In
    /// maintenance it is not heard.
    pub fn handle_outcome(&mut self, now: Instant, outcome: &Outcome) {
        if self.admin == Admin::Maintenance {
            return;
        }
        let (was, counter) = (self.health(), self.counter);
        let worth = self.weigh(outcome);
        self.count(outcome);
        self.last = Some(LastResult {
            verdict: outcome.verdict,
            cause: outcome.cause,
            latency: outcome.latency,
            certificate_ends: outcome.certificate_ends,
        });
        self.heard_at = Some(now);
        (self.is_stale, self.pending.is_stale) = (false, false);
        match worth {
            Worth::Pass => {
                self.counter = self.counter.pass(&self.policy);
                self.is_draining = outcome.verdict == Verdict::Drain;
                self.hear_weight(outcome.weight);
            }
            Worth::Fail(failure) => self.counter = self.counter.fail(&self.policy, failure),
            Worth::Nothing => {}
        }
        self.settle(now, was, Because::Results(results(counter, self.counter)));
        if worth != Worth::Nothing {
            self.count_turns(counter);
            self.changed_at = self.changed_at.or(Some(now));
            self.pending.is_doubtful = self.counter.doubt(&self.policy).is_some();
        }
        self.plan(now, outcome);
    }

    /// Does as the operator orders.
    pub fn set_admin(&mut self, now: Instant, admin: Admin) {
        if admin == self.admin {
            return;
        }
        let before = self.health();
        match (mem::replace(&mut self.admin, admin), admin) {
            (_, Admin::Maintenance) => {
                (self.counter, self.is_draining, self.local_failures) = (Counter::default(), false, 0);
                self.pending.is_doubtful = false;
                if self.phase != Phase::Stopped {
                    self.phase = Phase::Waiting { planned: now };
                }
            }
            (Admin::Maintenance, _) => {
                if let Phase::Waiting { planned } = &mut self.phase {
                    (*planned, self.heard_at) = ((*planned).max(now), Some(now));
                }
            }
            (Admin::Auto | Admin::Drain | Admin::ForcedUp | Admin::ForcedDown, _) => {}
        }
        self.settle(now, before, Because::Operator);
    }

    /// Puts another policy in force. What has been counted stays, and no result is asked for anew; the next run comes no later than
    /// the new intervals have it.
    pub fn retune(&mut self, now: Instant, policy: impl Into<Arc<Policy>>) {
        let before = self.health();
        self.policy = policy.into();
        if let Phase::Waiting { planned } = self.phase {
            let latest = self.policy.next_start(now, now, self.counter.way(), &mut self.dice);
            self.phase = Phase::Waiting { planned: planned.min(latest) };
        }
        self.settle(now, before, Because::Policy);
    }

    /// Returns all that its results have led to, as one integer: to be kept over a restart, under a name that is stable.
    ///
    /// 0: no result yet. n > 0: up, with n - 1 failures since the last pass. n < 0: down, with -n - 1 passes since the last
    /// failure. It does not depend on the policy.
    #[must_use]
    pub const fn state(&self) -> i32 {
        self.counter.get()
    }

    /// Takes up where another left off whose [`state`](Self::state) this was. Not an event: there has been no change.
    pub const fn restore(&mut self, state: i32) {
        self.counter = Counter::new(state);
    }

    /// Notices that nobody has reported for too long; early, late or repeated calls are harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|stale_at| stale_at <= now) {
            (self.is_stale, self.pending.is_stale) = (true, true);
        }
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is to be called. It is far off, and for all checks of an engine it
    /// is enough to look now and then.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let is_watched = !self.is_stale && self.phase != Phase::Stopped && self.admin != Admin::Maintenance;
        self.heard_at.filter(|_| is_watched)?.checked_add(self.policy.stale_after())
    }

    /// Returns what is new; call it until there is no more. A caller that polls late is told what holds now.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<MonitorEvent> {
        if let Some((from, to, because)) = self.pending.take_change() {
            return Some(MonitorEvent::Changed(Change { from, to, reason: self.reason(because) }));
        }
        if let Some(from) = self.pending.take_weight() {
            return Some(MonitorEvent::Weight { from, to: self.weight });
        }
        if mem::take(&mut self.pending.is_doubtful) {
            let (n, of) = self.counter.doubt(&self.policy)?;
            let towards = if self.counter.get() > 0 { Health::Down } else { Health::Up };
            let cause = self.last?.cause;
            return Some(MonitorEvent::Pending { n, of, towards, cause });
        }
        if mem::take(&mut self.pending.is_stale) {
            return Some(MonitorEvent::Stale { silent_for: self.policy.stale_after() });
        }
        None
    }

    /// Returns whether the target is fit to serve, the operator's order included.
    #[must_use]
    pub fn health(&self) -> Health {
        let health = match (self.counter.health(&self.policy), self.is_draining) {
            (Health::Up, true) => Health::Draining,
            (health, _) => health,
        };
        health.under(self.admin)
    }

    /// Returns what it says to those who depend on the target.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let is_seen = self.counter.has_result() || self.admin != Admin::Auto;
        let evidence = if is_seen { Evidence::Seen } else { Evidence::Assumed };
        Standing { weight: self.weight, ..Standing::new(self.health(), evidence) }
    }

    /// Returns the policy in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Returns the operator's order in force.
    #[must_use]
    pub const fn admin(&self) -> Admin {
        self.admin
    }

    /// Whether nobody has reported for too long.
    #[must_use]
    pub const fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Returns the counters.
    #[must_use]
    pub const fn stats(&self) -> MonitorStats {
        self.stats
    }

    /// Returns everything there is to know.
    #[must_use]
    pub fn snapshot(&self) -> MonitorSnapshot {
        let doubt = self.counter.doubt(&self.policy).map_or(0, |(n, _)| n);
        let (passes, failures) = if self.counter.get() < 0 { (doubt, 0) } else { (0, doubt) };
        MonitorSnapshot {
            health: self.health(),
            admin: self.admin,
            state: self.state(),
            passes,
            failures,
            weight: self.weight,
            last: self.heard_at.zip(self.last),
            changed_at: self.changed_at,
            next_start: self.next_start(),
            stats: self.stats,
        }
    }

    fn weigh(&mut self, outcome: &Outcome) -> Worth {
        let local_failures = mem::take(&mut self.local_failures);
        match outcome.verdict {
            Verdict::Pass | Verdict::Drain => Worth::Pass,
            Verdict::Fail | Verdict::Inconclusive if outcome.cause.kind == Kind::HeldUp => {
                self.local_failures = local_failures;
                Worth::Nothing
            }
            Verdict::Fail | Verdict::Inconclusive if outcome.cause.layer == Layer::Local => {
                self.local_failures = local_failures.saturating_add(1);
                let needed = match self.policy.on_local_failure() {
                    OnLocalFailure::Hold => return Worth::Nothing,
                    OnLocalFailure::Fail => 1,
                    OnLocalFailure::FailAfter(needed) => needed,
                };
                if self.local_failures >= needed { Worth::Fail(Failure::Counts) } else { Worth::Nothing }
            }
            Verdict::Inconclusive => Worth::Nothing,
            Verdict::Fail => match (self.policy.on_decisive(), outcome.decisive) {
                (OnDecisive::Believe, true) => Worth::Fail(Failure::Decides),
                (OnDecisive::Believe, false) | (OnDecisive::Count, _) => Worth::Fail(Failure::Counts),
            },
        }
    }

    fn count(&mut self, outcome: &Outcome) {
        let stats = &mut self.stats;
        let counter = match (outcome.verdict, outcome.cause.kind, outcome.cause.layer) {
            (Verdict::Pass | Verdict::Drain, _, _) => &mut stats.passed,
            (Verdict::Fail | Verdict::Inconclusive, Kind::HeldUp, _) => &mut stats.held_up,
            (Verdict::Fail | Verdict::Inconclusive, _, Layer::Local) => &mut stats.failed_locally,
            (Verdict::Fail, Kind::TimedOut, _) => &mut stats.timed_out,
            (Verdict::Fail, _, _) => &mut stats.failed,
            (Verdict::Inconclusive, _, _) => &mut stats.inconclusive,
        };
        *counter += 1;
    }

    /// What is said of the weight holds until something else is said: keepalived's and HAProxy's way.
    fn hear_weight(&mut self, hint: Option<WeightHint>) {
        if let Some(hint) = hint {
            let was = self.weight.replace(hint);
            self.pending.reweigh(was, self.weight);
        }
    }

    /// Notes what has become of the health, after anything that may have changed it.
    fn settle(&mut self, now: Instant, was: Health, because: Because) {
        let is = self.health();
        if is != was {
            self.changed_at = Some(now);
            self.pending.change(was, is, because);
        }
    }

    fn count_turns(&mut self, from: Counter) {
        let [was, is] = [from, self.counter].map(|counter| counter.health(&self.policy));
        self.stats.ups += u64::from(was != Health::Up && is == Health::Up);
        self.stats.downs += u64::from(was != Health::Down && is == Health::Down);
    }

    /// Sets when the next run starts, after one that ended now.
    fn plan(&mut self, now: Instant, outcome: &Outcome) {
        let planned = match self.phase {
            Phase::Stopped => return,
            Phase::Running { planned } => planned,
            // Nobody said that it began: it was the one that was due, or a report from elsewhere.
            Phase::Waiting { planned } => planned.min(now),
        };
        let is_local = outcome.cause.layer == Layer::Local && outcome.cause.kind != Kind::HeldUp;
        let way = match self.counter.way() {
            // A host without descriptors is not helped by haste.
            Way::Falling if is_local => Way::Steady,
            Way::Rising if is_local => Way::Down,
            way @ (Way::Steady | Way::Falling | Way::Rising | Way::Down) => way,
        };
        let planned = self.policy.next_start(planned, now, way, &mut self.dice);
        self.phase = Phase::Waiting { planned };
    }

    fn reason(&self, because: Because) -> Reason {
        match (because, self.last) {
            (Because::Results(count), Some(LastResult { cause, latency, .. })) => {
                Reason::Results { count, cause, latency }
            }
            (Because::Policy, _) => Reason::Policy,
            (Because::Operator | Because::Results(_), _) => Reason::Operator,
        }
    }
}

/// How many results in a row have led from the one to the other, the last one included.
fn results(from: Counter, to: Counter) -> u32 {
    let is_turn = from.get().signum() * to.get().signum() < 0;
    if is_turn { from.get().unsigned_abs() } else { 1 }
}
