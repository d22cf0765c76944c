//! How other programs decide, to the letter: their words, their defaults, their rules.
//!
//! Each is a plain struct whose fields bear the names of that program's configuration; [`policy`](Keepalived::policy) makes a
//! [`Policy`] of it, and [`builder`](Keepalived::builder) one to depart from.
//!
//! ```
//! use std::time::Duration;
//! use healthcheck::presets::Keepalived;
//!
//! // TCP_CHECK { retry 2  delay_before_retry 1 } in a virtual server with delay_loop 6
//! let tcp = Keepalived { retry: 2, delay_loop: Duration::from_secs(6), ..Keepalived::TCP_CHECK };
//! assert_eq!(tcp.policy()?.fall(), 3); // two retries are three failures
//! # Ok::<(), healthcheck::PolicyError>(())
//! ```
//!
//! | | rise | fall | before the first result | a decisive failure | a failure of this host |
//! |---|---|---|---|---|---|
//! | [`Keepalived`] | 1 | retry + 1 | up, or down with `alpha`; the first decides | counts | is held |
//! | [`VrrpScript`] | rise | fall | unknown: the first decides; with `init_fail` down: it counts | counts | counts |
//! | [`Haproxy`] | rise | fall | `init_state` | counts | counts |
//! | [`Envoy`] | healthy_threshold | unhealthy_threshold | down; the first decides | is believed | counts |
//! | [`Consul`] | success_before_passing | failures_before_critical | down; the first decides | counts | counts |
//! | [`Seesaw`] | 1 | retries + 1 | unknown; the first decides | counts | counts |
//!
//! In one thing all of them are bettered: intervals are from planned start to planned start, where most of these programs wait
//! from the end of one run to the start of the next and so drift.

#![expect(
    clippy::exhaustive_structs,
    reason = "written with struct update; a new setting of these programs is a new release here"
)]

use std::time::Duration;

use super::{First, Initial, Jitter, OnDecisive, OnLocalFailure, Policy, PolicyBuilder, PolicyError, Spread};

/// keepalived's checkers of real servers.
///
/// A target that is up and fails is tried again `retry` times, `delay_before_retry` after the end of each failed run, and is then
/// down: N retries are N + 1 failures. One that is down is looked at every `delay_loop`, and up after one pass. No failure of
/// the very first run is tried again. A failure on this host is no verdict.
///
/// For `alpha`, see [`Keepalived::alpha`]. HTTP_GET's walk through its URLs is the probe's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalived {
    /// The time between runs.
    pub delay_loop: Duration,
    /// How often a failure is tried again.
    pub retry: u32,
    /// The time from a failure to its retry. `None` is `delay_loop`, counted from the end of the run.
    pub delay_before_retry: Option<Duration>,
    /// How long a run may take; keepalived's is for each step of a run, this is for the whole.
    pub connect_timeout: Duration,
    /// The first run comes 1 s and a random part of this after the start. `None` is `delay_loop`.
    pub warmup: Option<Duration>,
    /// Whether the target counts as down before its first result; else as up.
    pub alpha: bool,
}

impl Keepalived {
    /// TCP_CHECK with nothing configured; SMTP_CHECK, UDP_CHECK and PING_CHECK are the same.
    pub const TCP_CHECK: Self = Self {
        delay_loop: Duration::from_secs(60),
        retry: 1,
        delay_before_retry: Some(Duration::from_secs(1)),
        connect_timeout: Duration::from_secs(5),
        warmup: None,
        alpha: false,
    };
    /// HTTP_GET and SSL_GET with nothing configured.
    pub const HTTP_GET: Self = Self { delay_before_retry: Some(Duration::from_secs(3)), ..Self::TCP_CHECK };
    /// DNS_CHECK with nothing configured.
    pub const DNS_CHECK: Self = Self { retry: 3, delay_before_retry: None, ..Self::TCP_CHECK };
    /// MISC_CHECK with nothing configured: `misc_timeout`, here `connect_timeout`, is the `delay_loop`. Whoever changes the one
    /// must change the other.
    pub const MISC_CHECK: Self =
        Self { retry: 0, connect_timeout: Duration::from_secs(60), ..Self::TCP_CHECK };

    /// Makes a policy of it.
    ///
    /// # Errors
    ///
    /// A [`PolicyError`] that names a value that can't be.
    pub fn policy(&self) -> Result<Policy, PolicyError> {
        self.builder()?.build()
    }

    /// Makes a policy of it to depart from.
    ///
    /// # Errors
    ///
    /// [`PolicyError::TooMany`] for too many retries.
    pub fn builder(&self) -> Result<PolicyBuilder, PolicyError> {
        let warmup = self.warmup.unwrap_or(self.delay_loop);
        Ok(Policy::builder()
            .rise(1)
            .fall(retries_and_one("retry", self.retry)?)
            .initial(if self.alpha { Initial::Down } else { Initial::Up })
            .first(First::Decides)
            .on_decisive(OnDecisive::Count)
            .on_local_failure(OnLocalFailure::Hold)
            .interval(self.delay_loop)
            .retry_delay(self.delay_before_retry.unwrap_or(self.delay_loop))
            .timeout(self.connect_timeout)
            .jitter(Jitter::None)
            .spread(Spread::Random { from: BOOTSTRAP, to: BOOTSTRAP.saturating_add(warmup) }))
    }
}

/// keepalived's `vrrp_script`: it feeds a VRRP instance, not a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VrrpScript {
    /// The time between runs. A run that is not over leaves out the next.
    pub interval: Duration,
    /// How long a run may take. `None` is the interval.
    pub timeout: Option<Duration>,
    /// How many passes make it up.
    pub rise: u16,
    /// How many failures make it down.
    pub fall: u16,
    /// Whether it counts as down before its first result, and then needs `rise` passes; else nothing is known, and the first
    /// result decides.
    pub init_fail: bool,
}

impl VrrpScript {
    /// Makes a policy of it.
    ///
    /// # Errors
    ///
    /// A [`PolicyError`] that names a value that can't be.
    pub fn policy(&self) -> Result<Policy, PolicyError> {
        self.builder().build()
    }

    /// Makes a policy of it to depart from.
    pub const fn builder(&self) -> PolicyBuilder {
        let timeout = match self.timeout {
            Some(timeout) => timeout,
            None => self.interval,
        };
        let (initial, first) = match self.init_fail {
            true => (Initial::Down, First::Counts),
            false => (Initial::Unknown, First::Decides),
        };
        Policy::builder()
            .rise(self.rise)
            .fall(self.fall)
            .initial(initial)
            .first(first)
            .on_decisive(OnDecisive::Count)
            .on_local_failure(OnLocalFailure::Fail)
            .interval(self.interval)
            .timeout(timeout)
            .jitter(Jitter::None)
            .spread(AT_ONCE)
    }
}

impl Default for VrrpScript {
    /// As it is with nothing configured: every second, rise 1, fall 1.
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), timeout: None, rise: 1, fall: 1, init_fail: false }
    }
}

/// HAProxy's `server … check`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Haproxy {
    /// The time between runs while the server is up.
    pub inter: Duration,
    /// The time between runs while it is on its way up or down. `None` is `inter`.
    pub fastinter: Option<Duration>,
    /// The time between runs while it is down. `None` is `inter`.
    pub downinter: Option<Duration>,
    /// How many passes make it up.
    pub rise: u16,
    /// How many failures make it down.
    pub fall: u16,
    /// `timeout check`. `None` is `inter`.
    pub timeout_check: Option<Duration>,
    /// `init-state`.
    pub init_state: InitState,
    /// `spread-checks`: by how many percent `inter` varies, 0 to 50.
    pub spread_checks: u8,
}

/// HAProxy's `init-state`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "HAProxy has these four")]
pub enum InitState {
    /// Up; it takes `fall` failures to go down.
    FullyUp,
    /// Up; the first failure takes it down.
    #[default]
    Up,
    /// Down; the first pass brings it up.
    Down,
    /// Down; it takes `rise` passes to come up.
    FullyDown,
}

impl Haproxy {
    /// Makes a policy of it.
    ///
    /// # Errors
    ///
    /// A [`PolicyError`] that names a value that can't be.
    pub fn policy(&self) -> Result<Policy, PolicyError> {
        self.builder().build()
    }

    /// Makes a policy of it to depart from.
    pub fn builder(&self) -> PolicyBuilder {
        let (initial, first) = match self.init_state {
            InitState::FullyUp => (Initial::Up, First::Counts),
            InitState::Up => (Initial::Up, First::Decides),
            InitState::Down => (Initial::Down, First::Decides),
            InitState::FullyDown => (Initial::Down, First::Counts),
        };
        Policy::builder()
            .rise(self.rise)
            .fall(self.fall)
            .initial(initial)
            .first(first)
            .on_decisive(OnDecisive::Count)
            .on_local_failure(OnLocalFailure::Fail)
            .interval(self.inter)
            .transition_interval(self.fastinter.unwrap_or(self.inter))
            .down_interval(self.downinter.unwrap_or(self.inter))
            .timeout(self.timeout_check.unwrap_or(self.inter))
            .jitter(if self.spread_checks == 0 { Jitter::None } else { Jitter::Around(self.spread_checks) })
            .spread(Spread::Even)
    }
}

impl Default for Haproxy {
    /// As it is with nothing configured: every 2 s, rise 2, fall 3.
    fn default() -> Self {
        Self {
            inter: Duration::from_secs(2),
            fastinter: None,
            downinter: None,
            rise: 2,
            fall: 3,
            timeout_check: None,
            init_state: InitState::Up,
            spread_checks: 0,
        }
    }
}

/// Envoy's active health checking.
///
/// A failure that its protocol leaves no doubt about takes the host down at once; only network failures and what the probe calls
/// retriable are counted. `no_traffic_interval` is for the caller, who knows of traffic: another policy, by
/// [`retune`](crate::Monitor::retune).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envoy {
    /// The time between runs while the host is healthy.
    pub interval: Duration,
    /// How long a run may take.
    pub timeout: Duration,
    /// How many network failures make it unhealthy.
    pub unhealthy_threshold: u16,
    /// How many passes make it healthy.
    pub healthy_threshold: u16,
    /// The time between runs while it is unhealthy. `None` is `interval`.
    pub unhealthy_interval: Option<Duration>,
    /// The time to the next run after a failure that has not yet made it unhealthy. `None` is `unhealthy_interval`.
    pub unhealthy_edge_interval: Option<Duration>,
    /// The time to the next run after a pass that has not yet made it healthy. `None` is `interval`.
    pub healthy_edge_interval: Option<Duration>,
    /// The first run comes a random part of this after the start.
    pub initial_jitter: Duration,
    /// By up to how many percent intervals are longer: 0 to 100.
    pub interval_jitter_percent: u8,
}

impl Envoy {
    /// Something to begin with, for Envoy itself has no defaults: every 5 s, within 1 s, 3 failures, 2 passes.
    pub const EXAMPLE: Self = Self {
        interval: Duration::from_secs(5),
        timeout: Duration::from_secs(1),
        unhealthy_threshold: 3,
        healthy_threshold: 2,
        unhealthy_interval: None,
        unhealthy_edge_interval: None,
        healthy_edge_interval: None,
        initial_jitter: Duration::ZERO,
        interval_jitter_percent: 0,
    };

    /// Makes a policy of it.
    ///
    /// # Errors
    ///
    /// A [`PolicyError`] that names a value that can't be.
    pub fn policy(&self) -> Result<Policy, PolicyError> {
        self.builder().build()
    }

    /// Makes a policy of it to depart from.
    pub fn builder(&self) -> PolicyBuilder {
        let unhealthy = self.unhealthy_interval.unwrap_or(self.interval);
        let percent = self.interval_jitter_percent;
        Policy::builder()
            .rise(self.healthy_threshold)
            .fall(self.unhealthy_threshold)
            .initial(Initial::Down)
            .first(First::Decides)
            .on_decisive(OnDecisive::Believe)
            .on_local_failure(OnLocalFailure::Fail)
            .interval(self.interval)
            .down_interval(unhealthy)
            .falling_interval(self.unhealthy_edge_interval.unwrap_or(unhealthy))
            .rising_interval(self.healthy_edge_interval.unwrap_or(self.interval))
            .timeout(self.timeout)
            .jitter(if percent == 0 { Jitter::None } else { Jitter::Above(percent) })
            .spread(Spread::Random { from: Duration::ZERO, to: self.initial_jitter })
    }
}

/// Consul's checks of a service, as its agent runs them.
///
/// Its state *warning* is not modelled: [`Pending`](crate::MonitorEvent::Pending) tells when so many failures have been seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consul {
    /// The time between runs.
    pub interval: Duration,
    /// How long a run may take.
    pub timeout: Duration,
    /// How many passes make it passing; 0 is 1.
    pub success_before_passing: u16,
    /// How many failures make it critical; 0 is 1.
    pub failures_before_critical: u16,
}

impl Consul {
    /// Makes a policy of it.
    ///
    /// # Errors
    ///
    /// A [`PolicyError`] that names a value that can't be.
    pub fn policy(&self) -> Result<Policy, PolicyError> {
        self.builder().build()
    }

    /// Makes a policy of it to depart from.
    pub fn builder(&self) -> PolicyBuilder {
        Policy::builder()
            .rise(self.success_before_passing.max(1))
            .fall(self.failures_before_critical.max(1))
            .initial(Initial::Down)
            .first(First::Decides)
            .on_decisive(OnDecisive::Count)
            .on_local_failure(OnLocalFailure::Fail)
            .interval(self.interval)
            .timeout(self.timeout)
            .jitter(Jitter::None)
            .spread(Spread::Random { from: Duration::ZERO, to: self.interval })
    }
}

impl Default for Consul {
    /// Every 10 s, with a timeout of 10 s, every result believed.
    fn default() -> Self {
        let interval = Duration::from_secs(10);
        Self { interval, timeout: interval, success_before_passing: 0, failures_before_critical: 0 }
    }
}

/// Seesaw's health checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seesaw {
    /// The time between runs.
    pub interval: Duration,
    /// How long a run may take.
    pub timeout: Duration,
    /// How many failures of a healthy target are forgiven.
    pub retries: u32,
}

impl Seesaw {
    /// Makes a policy of it.
    ///
    /// # Errors
    ///
    /// A [`PolicyError`] that names a value that can't be.
    pub fn policy(&self) -> Result<Policy, PolicyError> {
        self.builder()?.build()
    }

    /// Makes a policy of it to depart from.
    ///
    /// # Errors
    ///
    /// [`PolicyError::TooMany`] for too many retries.
    pub fn builder(&self) -> Result<PolicyBuilder, PolicyError> {
        Ok(Policy::builder()
            .rise(1)
            .fall(retries_and_one("retries", self.retries)?)
            .initial(Initial::Unknown)
            .first(First::Decides)
            .on_decisive(OnDecisive::Count)
            .on_local_failure(OnLocalFailure::Fail)
            .interval(self.interval)
            .timeout(self.timeout)
            .jitter(Jitter::None)
            .spread(Spread::Even))
    }
}

impl Default for Seesaw {
    /// As it is with nothing configured: every 5 s, with a timeout of 30 s, nothing forgiven.
    fn default() -> Self {
        Self { interval: Duration::from_secs(5), timeout: Duration::from_secs(30), retries: 0 }
    }
}

fn retries_and_one(name: &'static str, retries: u32) -> Result<u16, PolicyError> {
    let failures = retries.checked_add(1).and_then(|failures| u16::try_from(failures).ok());
    failures.ok_or(PolicyError::TooMany { name, count: retries })
}

/// keepalived begins no check sooner.
const BOOTSTRAP: Duration = Duration::from_secs(1);
const AT_ONCE: Spread = Spread::Random { from: Duration::ZERO, to: Duration::ZERO };
