//! Requests to the Linux kernel over netlink.
//!
//! What the crates of this family that speak netlink have in common: messages that are written into one buffer ([`Writer`])
//! and read in place ([`Messages`], [`Attributes`]), and a socket ([`RequestSocket`]) that sends requests and understands
//! answers: refusals with the kernel's own words, lists that are whole or read again, a hundred requests in one system call,
//! and netfilter's transactions. It knows no subsystem of the kernel: kinds of messages and attributes are the caller's.
//!
//! ```
//! use kernel_netlink::{Attributes, RequestSocket};
//!
//! const NETLINK_ROUTE: i32 = 0;
//! const RTM_GETLINK: u16 = 18;
//! const IFLA_IFNAME: u16 = 3;
//! const IFINFOMSG_LEN: usize = 16;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut socket = RequestSocket::open(NETLINK_ROUTE)?;
//! let names = socket.dump(
//!     |envelope| {
//!         envelope.message(RTM_GETLINK, 0, |payload| {
//!             payload.header([0; IFINFOMSG_LEN]);
//!         });
//!     },
//!     |_kind, payload| {
//!         let attributes = payload.get(IFINFOMSG_LEN..).ok_or(kernel_netlink::Malformed)?;
//!         let name = kernel_netlink::find(attributes, IFLA_IFNAME)?;
//!         Ok(name.and_then(|name| name.text()).map(String::from))
//!     },
//! )?;
//! assert!(names.contains(&"lo".to_owned()));
//! # Ok(())
//! # }
//! ```
//!
//! # Bytes
//!
//! ```text
//!  0               1               2               3
//! +-------------------------------+-------------------------------+
//! |                            length                             |  nlmsghdr (linux/netlink.h), native byte order;
//! +-------------------------------+-------------------------------+  length counts these 16 bytes too, the next
//! |             kind              |             flags             |  message starts at the next multiple of 4
//! +-------------------------------+-------------------------------+
//! |                           sequence                            |
//! +---------------------------------------------------------------+
//! |                             port                              |
//! +-------------------------------+-------------------------------+
//! |   fixed header of the kind, then attributes: u16 length,      |
//! |   u16 type, value, each padded to a multiple of 4             |
//! +---------------------------------------------------------------+
//! ```

#![warn(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::unwrap_used))]

mod failure;
mod read;
mod socket;
mod transaction;
mod write;

pub use failure::{Failure, Malformed};
pub use read::{Attribute, Attributes, Message, Messages, Outcome, Reply, find};
pub use socket::{AT_ONCE, BUFFER_LEN, Envelope, RequestSocket, TIMEOUT, open};
pub use transaction::Transaction;
pub use write::{NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, Payload, Writer};

/// The length of a message's header, `struct nlmsghdr`.
const HEADER_LEN: usize = 16;

/// The next multiple of 4: where whatever follows begins.
fn align(length: usize) -> usize {
    length.checked_next_multiple_of(4).unwrap_or(usize::MAX)
}

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
