//! The Linux kernel's load balancer, IPVS, programmed exactly.
//!
//! What `ipvsadm` does from a command line, as typed calls over generic netlink, and what it does not do: bring the
//! kernel's table to a desired one with the fewest writes, and let a server finish its connections before it is removed.
//!
//! | | |
//! |---|---|
//! | [`Service`], [`Destination`] | values that the kernel holds; what it would take and misunderstand cannot be built |
//! | [`Ipvs`] | the calls: add, edit, put, remove, list, flush, zero; timeouts; the sync daemon |
//! | [`Table`], [`plan()`], [`Ipvs::apply`] | the desired services and destinations against the kernel's |
//! | [`Drain`] | weight 0, then removed when the last connection has ended, or at a deadline |
//!
//! # Five minutes
//!
//! ```no_run
//! use ipvs_netlink::{Destination, Forwarding, Ipvs, Protocol, Scheduler, Service, ServiceId};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut ipvs = Ipvs::open()?; // That of this network namespace. Loads the module when first needed.
//!
//! let web = ServiceId::new(Protocol::Tcp, "192.0.2.1:80".parse()?)?;
//! ipvs.put_service(&Service::builder(web).scheduler(Scheduler::WRR).build()?)?;
//! for (server, weight) in [("10.0.0.1:80", 3), ("10.0.0.2:80", 1)] {
//!     let server = Destination::builder(server.parse()?).forwarding(Forwarding::DirectRouting).weight(weight);
//!     ipvs.put_destination(&web, &server.build()?)?;
//! }
//!
//! for entry in ipvs.destinations(&web)? {
//!     println!("{}: {} connections", entry.destination, entry.connections.active);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # The table that is wanted
//!
//! A load balancer that knows what it wants says all of it, each time something changed, and after a restart. Connections to
//! what stays are not touched, nothing is written where nothing differs, and other programs' services are left alone:
//!
//! ```no_run
//! # use ipvs_netlink::{Ipvs, Table};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut ipvs = Ipvs::open()?;
//! // The text that `ipvsadm -Sn` prints, or `Table::new` with services and destinations.
//! let wanted: Table = "\
//! -A -t 192.0.2.1:80 -s wrr
//! -a -t 192.0.2.1:80 -r 10.0.0.1:80 -g -w 3
//! -a -t 192.0.2.1:80 -r 10.0.0.2:80 -g -w 1
//! "
//! .parse()?;
//! // What is at this address is ours, whether it is wanted or not.
//! let ours = |service: &ipvs_netlink::Service| {
//!     service.id().address().is_some_and(|address| address.ip().to_string() == "192.0.2.1")
//! };
//! print!("{}", ipvs.plan(&wanted, ours)?); // + -A -t 192.0.2.1:80 -s wrr ...
//! let applied = ipvs.apply(&wanted, ours)?;
//! println!("{} written", applied.writes);
//! # Ok(())
//! # }
//! ```
//!
//! # What to rely on
//!
//! - What gives is written before what takes: a service that has a destination before and after has one all the time.
//! - A list that is read while others write may lack entries, and the kernel does not say so. [`Ipvs::apply`] believes what
//!   it saw twice.
//! - [`put`](Ipvs::put_service) and [`remove`](Ipvs::remove_service) are idempotent; `add` and `edit` are the kernel's own,
//!   and say what was there.
//! - The number that generic netlink has for IPVS changes when the module is loaded again: it is asked for anew then.
//! - Errors name what was tried and what would help, where the kernel says `ENOENT` for four different things: `cannot add
//!   service `-t 192.0.2.1:80`: the kernel has no scheduler twos (modprobe ip_vs_twos)`. [`ErrorKind`] tells them apart.
//! - There is no thread, no signal handler, no other program and no global state. No request waits for an answer longer than
//!   about a second.
//!
//! # Privileges, kernels and tests
//!
//! Everything needs `CAP_NET_ADMIN` in the *initial* user namespace, listing too: root in a container that has a user
//! namespace of its own gets [`ErrorKind::NotPermitted`]. Linux 4.3 or later; single settings say since when they are.
//! There are no events: who wants to know what changed, asks.
//!
//! A kernel without IPVS is no reason not to test. Debian's package `user-mode-linux` is one with it, that runs as an
//! ordinary process; the repository's `.ci/uml-run COMMAND` runs any command inside.
//!
//! # Features
//!
//! - `tokio`: a handle whose calls do not hold up other tasks, in the module `tokio`.

#![warn(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::unwrap_used))]

#[cfg(test)]
mod arbitrary;
mod client;
mod daemon;
mod destination;
mod error;
mod generic;
mod info;
mod message;
mod name;
mod reconcile;
mod service;
mod stats;
mod table;

pub use client::{
    Applied, ApplyError, Change, DestinationEntry, Drain, Draining, Ending, Ipvs, Refusal, ServiceEntry,
};
pub use daemon::{SyncDaemon, SyncDaemonBuilder, SyncRole};
pub use destination::{Checksum, Destination, DestinationBuilder, Forwarding, Tunnel};
pub use error::{ConfigError, Error, ErrorKind, ParseError};
pub use info::{Info, Timeouts, Version};
pub use reconcile::{Plan, Step, plan};
pub use service::{
    Family, Granularity, Persistence, Protocol, Scheduler, Service, ServiceBuilder, ServiceFlags, ServiceId,
};
pub use stats::{Connections, Stats};
pub use table::{Table, VirtualServer};

/// For programs that run on tokio.
#[cfg(feature = "tokio")]
pub mod tokio;

/// Entry points for fuzzing, no part of the API.
#[doc(hidden)]
pub mod fuzzing;

#[cfg(test)]
#[global_allocator]
static ALLOCATOR: lab::CountingAllocator = lab::CountingAllocator;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
