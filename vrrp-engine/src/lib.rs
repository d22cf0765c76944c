//! What a VRRP router does next.
//!
//! VRRP (RFC 3768, RFC 9568) lets a group of hosts share an IP address that outlives any of them. This crate is its state
//! machine and nothing else: no socket, clock, thread or log. You tell it what happened and when ([`VrrpRouter`]'s
//! `handle_*` methods and verbs), it tells you what to do ([`Output`]) and when to come back
//! ([`poll_timeout`](VrrpRouter::poll_timeout)). So it runs the same under any event loop, on a simulated LAN, and in
//! a test that plays an hour in a millisecond. `no_std`; memory is allocated at configuration only.
//!
//! The packets are `vrrp-proto`'s, re-exported nowhere: depend on both. Sockets and addresses on Linux are in
//! `vip-netlink`, which knows nothing of this crate, nor this crate of it.
//!
//! # Five minutes
//!
//! Two routers on a LAN that is a loop in memory. The first dies; the second takes over, 3.6 seconds later by a clock
//! that nobody has to wait for:
//!
//! ```
//! use std::{net::Ipv4Addr, time::Duration};
//! use vrrp_engine::{Config, Instant, Output, State, VrrpRouter};
//! use vrrp_proto::{Advertisement, Endpoints, Packet, Priority, Vrid};
//!
//! const ETH0: u32 = 1;
//! let vip = Ipv4Addr::new(192, 0, 2, 100);
//! let sources = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
//! let mut now = Instant::EPOCH;
//!
//! // Priority 200 and priority 100, each with one virtual router, number 51.
//! let mut lan: Vec<VrrpRouter> = Vec::new();
//! for (source, priority) in sources.into_iter().zip([200, 100]) {
//!     let config = Config::builder(Vrid::new(51)?, source, [vip]).priority(Priority::new(priority)).build()?;
//!     let mut router = VrrpRouter::new();
//!     router.add(ETH0, config)?;
//!     router.start(now);
//!     lan.push(router);
//! }
//!
//! let mut log = Vec::new();
//! let mut alive = [true, true];
//! while now < Instant::from_epoch(Duration::from_secs(10)) {
//!     if now > Instant::from_epoch(Duration::from_secs(5)) {
//!         alive[0] = false; // the power fails
//!     }
//!     for node in [0, 1].into_iter().filter(|node| alive[*node]) {
//!         // The loop of every caller: time, then output until there is no more.
//!         lan[node].handle_timeout(now);
//!         let mut sent = Vec::new();
//!         while let Some((_, output)) = lan[node].poll_output() {
//!             match output {
//!                 Output::Advertise(advertise) => {
//!                     let mut buffer = [0; Advertisement::MAX_LEN];
//!                     sent.push(advertise.encode(&mut buffer)?.to_vec()); // to advertise.endpoints
//!                 }
//!                 Output::Acquire(_) | Output::Release(_) => {} // to the interface
//!                 Output::Announce(_) => {}                     // to the neighbours
//!                 Output::Transition(transition) => log.push(format!("node {node}: {transition}")),
//!                 Output::Overdue(_) => {}
//!             }
//!         }
//!         for bytes in sent {
//!             let packet = Packet::new(Endpoints::multicast(sources[node].into()), 255, &bytes);
//!             lan[1 - node].handle_packet(now, ETH0, &packet)?;
//!         }
//!     }
//!     now = now + Duration::from_millis(1);
//! }
//!
//! assert_eq!(log, [
//!     "node 0: Initialize -> Backup: started",
//!     "node 1: Initialize -> Backup: started",
//!     "node 0: Backup -> Master: no Master was heard",
//!     "node 1: Backup -> Master: Master 192.0.2.1 (priority 200) fell silent",
//! ]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! On a network the loop is: wait for the socket to be readable or for [`poll_timeout`](VrrpRouter::poll_timeout); hand in all
//! packets that wait, and only then call [`handle_timeout`](VrrpRouter::handle_timeout), for an advertisement that has
//! waited proves that its sender lives; then poll and carry out the output. It is in the README of the repository, a page long.
//!
//! # What it promises
//!
//! - A rejected packet changes a counter and nothing else: no deadline moves.
//! - Every [`Transition`] has its [`Reason`] and its [`Cause`], every packet that was not taken its [`Discard`], each with a
//!   counter.
//! - Orders come in the order in which they are to be carried out: advertisement, addresses, announcement, transition.
//!   A new Master advertises first, so that an old one lets go before neighbours are told; advertisements of all virtual
//!   routers go before all else.
//! - A caller that polls late is told what holds now; orders do not pile up.
//! - A caller that was stopped does not claim what another may hold by now ([`OnPause`]). A clock that is set back does no
//!   harm.
//! - In steady state nothing allocates.
//!
//! # What else it does
//!
//! | | |
//! |---|---|
//! | Change while it runs: priority, addresses, interval, peers | [`VrrpRouter::reconfigure`], with [`Config::to_builder`] |
//! | Depend on an interface, a script, a file, a health check | [`Tracker`], [`VrrpRouter::report`], [`VrrpRouter::handle_link`] |
//! | Be Master of several virtual routers together | [`VrrpRouter::add_group`] |
//! | Wait before taking over from a worse Master | [`Preempt::HoldTime`], [`Preempt::Delay`] |
//! | Wait before taking part at all | [`ConfigBuilder::start_delay`] |
//! | Send to peers instead of a group | [`ConfigBuilder::peers`]: nobody else is then listened to |
//! | Announce more often, later, or slower | [`Announcements`] |
//! | Notice that somebody removed a virtual address | [`VrrpRouter::handle_lost_address`] |
//! | Start, stop, add, remove one of many | [`VrrpRouter::start_one`], [`shutdown_one`](VrrpRouter::shutdown_one), [`add`](VrrpRouter::add), [`remove`](VrrpRouter::remove) |
//! | Be out of service | [`VrrpRouter::raise`], [`Fault::Operator`] |
//! | Show its state (RFC 8347) | [`VrrpRouter::snapshots`], [`VrrpRouter::stats`] |
//!
//! # Where it departs from the RFCs, and how to make it not
//!
//! | | by default | to the letter |
//! |---|---|---|
//! | A Master that gives way | says so with a last advertisement | [`Farewell::Omit`] |
//! | A Master that hears a worse one | announces its addresses again, for neighbours that were misled | [`Announcements::on_worse_master`] |
//! | Two owners (priority 255) | elect one, as erratum 8298 allows | [`Owners::Ignore`] |
//! | After a pause | listens before it advertises | [`OnPause::GoOn`] |
//! | Addresses that differ | are counted | [`ConfigBuilder::on_addresses`] |
//! | A Master that does not own the addresses | accepts packets to them | [`Accept::Forbid`] |
//!
//! And the state [`Fault`](State::Fault), which is keepalived's: the RFCs have Initialize for it.
//!
//! # Words
//!
//! *Master* and *Backup* are RFC 3768's and RFC 8347's words; RFC 9568 calls the Master the Active Router.
//!
//! # Features
//!
//! - `std` (default): [`Clock`], which reads `std::time::Instant`.
//! - `auth`: RFC 2338's IP Authentication Header.
//! - `serde`: `Serialize` for [`Snapshot`], [`Stats`] and [`RouterStats`], under RFC 8347's names.

#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::unwrap_used)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod announcements;
mod config;
mod deadlines;
mod discard;
mod error;
mod fault;
mod output;
mod policy;
mod snapshot;
mod stats;
mod sync_group;
mod time;
mod timers;
mod tracking;
mod transition;
mod virtual_router;
mod vrrp_router;

pub use announcements::Announcements;
pub use config::{Config, ConfigBuilder};
pub use discard::Discard;
pub use error::ConfigError;
pub use fault::{Fault, Faults};
pub use output::{Acquire, Advertise, Announce, Output};
pub use policy::{Accept, Farewell, OnAddressLoss, OnPause, Owners, Preempt, Reassert};
pub use snapshot::{LastEvent, NewMasterReason, Snapshot};
pub use stats::{RouterStats, Stats};
pub use sync_group::{GroupId, MemberWeights};
#[cfg(feature = "std")]
pub use time::Clock;
pub use time::Instant;
pub use tracking::{Effect, Health, Tracker, effective_priority};
pub use transition::{Cause, Peer, Reason, State, Transition};
pub use virtual_router::VirtualRouter;
pub use vrrp_router::{Link, RouterId, Taken, TrackerId, VrrpRouter};
