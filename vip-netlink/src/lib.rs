//! Virtual IP addresses on Linux.
//!
//! What a failover daemon asks of the kernel, and nothing of what it decides, for IPv4 and IPv6:
//!
//! - put an [`Address`] on an [`Interface`], with a [`Route`] and a [`Rule`] that follow it, and take it off again, one by
//!   one or many in a [`Batch`] ([`Netlink`]); give it a [`VirtualMac`];
//! - tell the neighbours where it is now ([`Announcer`]), as often and as fast as is good for them ([`PacedAnnouncer`]);
//! - see what happens to interfaces and addresses, and whose doing it was ([`Monitor`]);
//! - exchange messages with peers over IP protocol 112 ([`VrrpSocket`]);
//! - keep packets to an address from being accepted ([`AcceptFilter`]);
//! - be a real server of a load balancer that routes directly ([`RealServer`]).
//!
//! Each of these can be used without the others.
//!
//! ```no_run
//! use vip_netlink::{Address, Announcer, Change, Netlink, Protocol, Reception, VrrpSocket};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut netlink = Netlink::open()?;
//! let eth0 = netlink.interface("eth0")?;
//!
//! // Take over 2001:db8::10: first the address, then the neighbours.
//! let vip: Address = "2001:db8::10/128".parse()?;
//! if netlink.add(&eth0, vip)? == Change::AlreadySo {
//!     eprintln!("{vip} was on {} already", eth0.name());
//! }
//! Announcer::open(&eth0)?.announce(vip.ip())?;
//!
//! // Talk to the peers. The socket never blocks: wait on its file descriptor with poll, epoll or an async runtime.
//! let mut own = netlink.addresses(&eth0)?.into_iter();
//! let primary = own.find(|own| own.ip().is_ipv6() && own.address().is_link_local() && own.is_usable());
//! let primary = primary.ok_or("eth0 has no link-local address")?.ip();
//! let group = "ff02::12".parse()?;
//! let vrrp = VrrpSocket::open(&eth0, primary, Reception::Group(group), Protocol::Vrrp)?;
//! vrrp.send(group, b"a whole VRRP message")?;
//! let mut buffer = [0; 2048];
//! while let Some(packet) = vrrp.recv(&mut buffer)? {
//!     println!("{} bytes from {}, hop limit {}", packet.bytes.len(), packet.source, packet.hop_limit);
//! }
//!
//! // And give it back.
//! netlink.remove(&eth0, vip)?;
//! # Ok(())
//! # }
//! ```
//!
//! # With the virtual router's hardware address
//!
//! So that no neighbour has to learn a new hardware address when a virtual router moves, it may have one of its own
//! (RFC 9568 §7.3), on an interface over that of the host:
//!
//! ```no_run
//! # use vip_netlink::{Address, Announcer, Netlink, VirtualMac};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut netlink = Netlink::open()?;
//! let eth0 = netlink.interface("eth0")?;
//! let virtual_mac = VirtualMac::ipv4(51).ok_or("no virtual router has the number 0")?;
//! let vmac = netlink.create_virtual_mac(&eth0, virtual_mac)?; // 00:00:5e:00:01:33, and down.
//!
//! // As Master:
//! let vip: Address = "192.0.2.10/32".parse()?;
//! netlink.bring_up(&vmac)?;
//! netlink.add(&vmac, vip)?;
//! Announcer::open(&vmac)?.announce(vip.ip())?; // So that switches learn where it is.
//!
//! // No longer:
//! netlink.take_down(&vmac)?;
//! netlink.remove(&vmac, vip)?;
//!
//! // At the end:
//! netlink.remove_virtual_mac(&vmac)?;
//! # Ok(())
//! # }
//! ```
//!
//! # After a crash
//!
//! The kernel keeps what a killed process put somewhere. What is put there through a [`Netlink`] carries the mark of its
//! [`Owner`], so that the next process finds exactly that, and no other program's:
//!
//! ```no_run
//! # use vip_netlink::{Address, Netlink};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut netlink = Netlink::open()?;
//! let vip: Address = "192.0.2.10/32".parse()?;
//! let kept = netlink.adopt(|assigned| assigned.address() == vip)?; // Still wanted; all else of ours is removed.
//! netlink.flush()?; // Or: remove it all, routes, rules and virtual MACs too.
//! # Ok(())
//! # }
//! ```
//!
//! # What to rely on
//!
//! - Calls are idempotent: adding what is there and removing what is not is `Ok`.
//! - There is no thread, no signal handler and no global state. Each socket closes on `exec`, and belongs to the network
//!   namespace of the thread that opened it.
//! - No request waits for an answer longer than about a second. The kernel answers in the course of the system call,
//!   though, and that takes as long as the change does, and as those of others do that come first.
//! - Every error names what was tried, on what, and what would help: `cannot add 192.0.2.10/32 to eth0: operation not
//!   permitted (needs CAP_NET_ADMIN)`. [`ErrorKind`] tells the passing ones apart.
//!
//! # Privileges
//!
//! Whatever of [`Netlink`] changes something, [`RealServer::start`], [`RealServer::stop`] and all of [`AcceptFilter`] need
//! `CAP_NET_ADMIN` when called; [`Announcer::open`], [`VrrpSocket::open`] and [`VrrpSocket::rejoin`] need `CAP_NET_RAW`,
//! their other functions nothing more. Looking and watching need nothing. Both capabilities count in the user namespace that
//! owns the network namespace, so that `unshare --user --map-root-user --net` is enough to try it all.
//!
//! # Features
//!
//! - `tokio`: wrappers of [`Monitor`] and [`VrrpSocket`] that wait with tokio's reactor, in the module `tokio`. Without it,
//!   and with any other reactor, wait on the file descriptors.

#![warn(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::unwrap_used))]

mod accept_filter;
mod address;
mod announce;
mod error;
mod link;
mod monitor;
mod netlink;
mod packet;
mod real_server;
mod route;
mod rule;
mod virtual_mac;
mod vrrp_socket;

pub use accept_filter::{AcceptFilter, Dropped, Traffic};
pub use address::{Address, AddressError, AddressState, AssignedAddress, Lifetime, Scope, VirtualAddress};
pub use announce::{Announcer, ArpForm, BatchError, PacedAnnouncer, Pacing};
pub use error::{Error, ErrorKind};
pub use link::{Interface, Ipv6Role};
pub use monitor::{Event, EventKind, Lost, Monitor, Origin, Picture};
pub use netlink::{Batch, Change, Netlink, Owner};
pub use packet::Packet;
pub use real_server::{Departure, Problem, RealServer, SettingChange, Started, Stopped};
pub use route::{
    Metric, NextHop, Prefix, PrefixError, Route, RouteBuilder, RouteError, RouteKind, RoutePreference, Table,
};
pub use rule::{Action, Rule, RuleBuilder, RuleError};
pub use virtual_mac::VirtualMac;
pub use vrrp_socket::{Protocol, ReceiveBatch, Reception, VrrpSocket};

/// Asynchronous waiting, with [tokio](https://docs.rs/tokio)'s reactor.
#[cfg(feature = "tokio")]
pub mod tokio;

/// Entry points for fuzzing, no part of the API.
#[doc(hidden)]
pub mod fuzzing;

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
