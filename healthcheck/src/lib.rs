//! Is this server fit to serve?
//!
//! Health checks for whoever balances load: LVS, nftables, a proxy, a list of DNS records. The deciding is apart from the looking, and
//! each layer can be used alone:
//!
//! | layer | what it does |
//! |---|---|
//! | [`Probe`] | one kind of question to a target, as bytes in and out |
//! | [`Policy`] | says when a check runs and what its results mean; keepalived's, HAProxy's, Envoy's and Consul's ways are [`presets`] |
//! | [`Monitor`] | one check: is its target up, by the results so far, and when is the next run |
//! | [`Target`] | a server with several checks, one [`Health`] and one weight |
//! | [`Pool`] | the targets behind one balancer: quorum, fallback, panic, drain, slow start, and the fewest [`Action`]s that bring the balancer there |
//! | [`Engine`] | runs probes and programs over real sockets: one descriptor for ten thousand targets, no thread |
//! | [`Checker`] | an engine whose checks run as their policies say |
//!
//! Only the last two have sockets. The others have no clock, no thread and no log either: they are told what happened and when, and
//! answer with values. So they run under any event loop, and a test plays an hour in a millisecond.
//!
//! # Five minutes
//!
//! Two web servers, asked for a page every two seconds, and what to tell the balancer:
//!
//! ```no_run
//! use std::time::{Duration, Instant};
//! use healthcheck::{
//!     Budget, Check, Checker, CheckerEvent, Expect, Http, Limits, MonitorEvent, Policy, Pool, PoolConfig, Target,
//! };
//!
//! let policy = Policy::builder().rise(2).fall(3).interval(Duration::from_secs(2)).build()?;
//! let mut checker = Checker::new(Limits::default())?;
//! let mut pool = Pool::new(Instant::now(), PoolConfig::builder().fallback("sorry").build()?);
//! for (name, address) in [("web1", "192.0.2.1:80"), ("web2", "192.0.2.2:80")] {
//!     let page = Http::builder("shop.example").path("/health").expect_body(Expect::contains(b"OK")).build()?;
//!     let check = checker.add(Check::new(address.parse::<std::net::SocketAddr>()?, page), policy.clone())?;
//!     let standing = checker.monitor(check).expect("it was just added").standing();
//!     pool.set_target(Instant::now(), name, Target::new(10).check(check, standing));
//! }
//! checker.start(Instant::now());
//! loop {
//!     // Or wait for the checker's descriptor (`AsFd`) in the event loop that you have; with tokio, see `AsyncEngine`.
//!     let until = pool.poll_timeout().map(|time| time.saturating_duration_since(Instant::now()));
//!     checker.wait(until)?;
//!     checker.turn(Instant::now(), Budget::default());
//!     while let Some(event) = checker.poll_event() {
//!         if let CheckerEvent::Monitor { check, event } = event {
//!             println!("{event}"); // a line for the log
//!             if let Some(monitor) = checker.monitor(check) {
//!                 pool.handle_check(Instant::now(), check, monitor.standing());
//!             }
//!         }
//!     }
//!     pool.handle_timeout(Instant::now());
//!     for action in pool.poll_actions() {
//!         println!("to do: {action}"); // `add web1 with weight 10`
//!     }
//! }
//! # #[expect(unreachable_code)]
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What can be asked
//!
//! | probe | asks |
//! |---|---|
//! | [`Tcp`] | does somebody listen; does it say what it should |
//! | `Http` | is the page as it should be: status, headers, body, digest, regular expression (features `http`, `regex`) |
//! | `Tls` | any of these over TLS: is the certificate right, and for how long (feature `tls`) |
//! | [`InTurn`] | several questions in one check: keepalived's `url` blocks |
//! | [`Dns`] | does the name server answer, and right |
//! | [`Smtp`], [`Redis`], [`Grpc`] | does the mail server greet, the cache say `PONG`, the service say `SERVING` |
//! | [`Udp`] | does it answer, or at least not refuse |
//! | [`Echo`] | does the host answer a ping |
//! | [`Script`] | what does a program say: its exit status, and a weight |
//! | [`Push`] | has somebody reported in time |
//!
//! A question of your own is one trait, [`Probe`]. What goes through a virtual address, from another source or interface, or with a
//! mark, is said by the [`Endpoint`].
//!
//! # Without sockets
//!
//! Two web servers and a page that says sorry. Whatever looks at the servers (here, a list of what it finds) hands its
//! [`Outcome`]s in; what comes out is what to tell the balancer:
//!
//! ```
//! use std::time::{Duration, Instant};
//! use healthcheck::{Action, Cause, Kind, Layer, Monitor, Outcome, Policy, Pool, PoolConfig, Target};
//!
//! let policy = Policy::builder().rise(2).fall(2).interval(Duration::from_secs(2)).build()?;
//! let start = Instant::now();
//!
//! // A monitor for each server; the number is what the pool knows the check by.
//! let mut monitors: Vec<Monitor> = (0..2).map(|seed| Monitor::new(policy.clone(), seed)).collect();
//! let mut pool = Pool::new(start, PoolConfig::builder().fallback("sorry").build()?);
//! for (number, name) in ["web1", "web2"].into_iter().enumerate() {
//!     monitors[number].start(start, number as u32, 2);
//!     pool.set_target(start, name, Target::new(10).check(number, monitors[number].standing()));
//! }
//!
//! // What a look finds: all is well, until web1 dies after 5 seconds, and web2 after 11.
//! let look = |number: usize, now: Instant| {
//!     let dies_after = Duration::from_secs([5, 11][number]);
//!     match now - start > dies_after {
//!         false => Outcome::passed(Layer::Network),
//!         true => Outcome::failed(Cause::new(Layer::Network, Kind::Failed, 111)), // ECONNREFUSED
//!     }
//! };
//!
//! let mut log = Vec::new();
//! for millis in 0..20_000 {
//!     let now = start + Duration::from_millis(millis);
//!     // The loop of every caller: looks that are due, then news, then orders.
//!     for number in 0..monitors.len() {
//!         let monitor = &mut monitors[number];
//!         if monitor.begin(now).is_none() {
//!             continue; // none is due
//!         }
//!         monitor.handle_outcome(now, &look(number, now));
//!         while let Some(_event) = monitor.poll_event() { // a line for the log, if you like
//!             pool.handle_check(now, number, monitor.standing());
//!         }
//!     }
//!     pool.handle_timeout(now);
//!     log.extend(pool.poll_actions().iter().map(Action::to_string));
//! }
//!
//! assert_eq!(log, [
//!     "add web1 with weight 10",
//!     "add web2 with weight 10",
//!     "remove web1",
//!     "add sorry with weight 1",
//!     "remove web2",
//! ]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What it promises
//!
//! - A target comes up after so many passes in a row and goes down after so many failures in a row, and never otherwise, but for
//!   a first result that decides and a failure that leaves no doubt, where the policy says so.
//! - What this host fails at is kept apart from what the target fails at ([`OnLocalFailure`]), and a checker that was held up
//!   takes nobody for dead ([`judge_silence`], [`Kind::HeldUp`]).
//! - Runs start when planned, not when the last one ended, spread over the interval, and never overlap.
//! - Weights are worked out anew from what each check says: nothing is added to or taken from them, so nothing stays behind.
//! - Orders are what is missing now: none twice, none out of date, the same whenever they are polled. After a restart, what the
//!   balancer holds ([`Pool::handle_entry`]) and what was counted ([`Monitor::state`]) are taken up again.
//! - Every event has its reason: how far the run came ([`Layer`]), what happened there ([`Kind`]), the number that goes with it, how
//!   many in a row, how long the last one took.
//! - In steady state nothing allocates, but for TLS, programs, SMTP and gRPC, and the words that go with a failure.
//!
//! # What else it does
//!
//! | | |
//! |---|---|
//! | One probe for many services of the same server | hand its [`Monitor::standing`] to each [`Pool::handle_check`] |
//! | Take a server out of service | [`Monitor::set_admin`] for all pools, [`Pool::set_admin`] for one |
//! | Let connections end before a server is removed | [`PoolConfigBuilder::drain`], [`OnDown::Drain`], [`Pool::handle_drained`] |
//! | Reload a configuration | [`Pool::set_targets`], [`Monitor::retune`] |
//! | Hear of others' checks | [`Push`] |
//! | Show its state | [`Monitor::snapshot`], [`Pool::snapshot`], [`Pool::targets`], [`OpenMetrics`] |

#![warn(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::unwrap_used))]

mod checker;
mod dice;
#[cfg(feature = "http")]
mod digest;
mod endpoint;
mod engine;
mod guard;
mod health;
mod latency;
mod metrics;
mod monitor;
mod outcome;
mod policy;
mod pool;
mod probe;
mod push;
mod target;
mod words;

pub use checker::{Checker, CheckerEvent};
#[cfg(feature = "http")]
pub use digest::{Digest, DigestError};
pub use endpoint::{Close, Endpoint};
#[cfg(feature = "tokio")]
pub use engine::AsyncEngine;
pub use engine::{Budget, Check, CheckId, Ended, Engine, EngineError, Event, Limits, Stats, Turn};
pub use guard::judge_silence;
pub use health::{Admin, Evidence, Health, Standing};
pub use latency::LatencyHistogram;
pub use metrics::{CheckLabels, OpenMetrics};
pub use monitor::{Change, LastResult, Monitor, MonitorEvent, MonitorSnapshot, MonitorStats, Reason};
pub use outcome::{Cause, Kind, Layer, Outcome, Verdict, WeightHint};
pub use policy::{
    First, Initial, Jitter, OnDecisive, OnLocalFailure, Policy, PolicyBuilder, PolicyError, Spread, presets,
};
pub use pool::{
    Action, Mode, OnDown, Pool, PoolConfig, PoolConfigBuilder, PoolConfigError, PoolEvent, PoolSnapshot,
    PoolStats, TargetSnapshot,
};
#[cfg(feature = "regex")]
pub use probe::Found;
pub use probe::{
    Class, Dns, DnsError, Echo, ExitMap, Expect, Grpc, InTurn, Pattern, PatternError, Probe, RecordType,
    RecordTypeError, Redis, Rounds, Script, Smtp, SmtpError, Step, Tcp, Transport, Udp,
};
#[cfg(feature = "http")]
pub use probe::{Http, HttpBuilder, HttpError, Method};
#[cfg(feature = "tls")]
pub use probe::{Tls, TlsConfig, TlsConfigBuilder, TlsError};
pub use push::Push;
pub use target::{Rule, Target};
