//! Hosts in network namespaces, for the tests and examples of the family.
//!
//! A [`Namespace`] is a host, a [`Lan`] the switch between hosts, a [`Capture`] the look at one cable; [`Stalls`] tells when
//! the machine itself stood still. Namespaces have no names and live by file descriptors alone, so that everything vanishes
//! with the process, however it ends. No root is needed where user namespaces are allowed, and no other program at all.
//!
//! ```no_run
//! use std::net::{Ipv4Addr, UdpSocket};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! lab::enter()?; // First thing in main, while there is one thread.
//!
//! let (alice, bob) = (lab::Namespace::new()?, lab::Namespace::new()?);
//! let mut lan = lab::Lan::new()?;
//! lan.attach(&alice, "alice", Ipv4Addr::new(10, 0, 0, 1), 24)?;
//! lan.attach(&bob, "bob", Ipv4Addr::new(10, 0, 0, 2), 24)?;
//!
//! let receiver = bob.run(|| UdpSocket::bind("10.0.0.2:4000"))??;
//! let sender = alice.run(|| UdpSocket::bind("10.0.0.1:0"))??;
//! sender.send_to(b"hello", "10.0.0.2:4000")?;
//! receiver.recv(&mut [0; 5])?;
//! # Ok(())
//! # }
//! ```
//!
//! Test binaries use [`run_tests`] with [`tests!`], [`run_tests_where`] for what a kernel may lack, and [`need`] for programs
//! that may be missing.

mod allocations;
mod capture;
mod enter;
mod harness;
mod lan;
mod namespace;
mod rtnl;
mod stalls;
mod uml;
/// Netlink messages as the kernel would write them.
pub mod written;

pub use allocations::{CountingAllocator, allocations};
pub use capture::{Capture, Frame, all_frames_of};
pub use enter::{NotPermitted, enter};
pub use harness::{need, run_tests, run_tests_where};
pub use lan::Lan;
pub use namespace::Namespace;
pub use stalls::Stalls;
pub use uml::inside_uml;
