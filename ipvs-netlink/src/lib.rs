//! The Linux kernel's load balancer, IPVS.
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
