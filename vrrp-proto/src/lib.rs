//! VRRP advertisements as bytes.
//!
//! VRRP (RFC 3768) lets a group of hosts share an IP address that outlives any of them: the Master announces itself
//! with an [`Advertisement`] every second or so, and when it falls silent a Backup takes the address over. This crate
//! reads and writes those packets and does nothing else: no sockets, no clock, no allocation, no unsafe code, `no_std`.
//! The state machine that decides who is Master is the crate `vrrp-engine`.
//!
//! # Five minutes
//!
//! ```
//! use vrrp_proto::{Addresses, AdvertInterval, Advertisement, Authentication, Priority, Vrid};
//!
//! // What the Master of virtual router 51 says once a second about 192.0.2.100:
//! let advertisement = Advertisement::v2(
//!     Vrid::new(51)?,
//!     Priority::new(150),
//!     AdvertInterval::from_secs(1)?,
//!     Addresses::V4(&[[192, 0, 2, 100]]),
//!     Authentication::None,
//! )?;
//!
//! let mut buffer = [0; Advertisement::MAX_LEN];
//! let message = advertisement.encode(&mut buffer)?;
//! assert_eq!(message.len(), 20);
//!
//! // And what a Backup makes of it. Decoding borrows the addresses from the packet and checks every rule of
//! // RFC 3768 that the bytes alone can break; whatever is wrong is one variant of `ParseError`.
//! let received = Advertisement::decode(message)?;
//! assert_eq!(received.priority(), Priority::new(150));
//! assert_eq!(received, advertisement);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is in a packet
//!
//! VRRP runs directly over IP, [`PROTOCOL`] 112, to the group [`MULTICAST_V4`], with a TTL of exactly [`HOP_LIMIT`]
//! (a packet that a router has forwarded is thereby recognised and must be discarded). `Advertisement::decode` takes
//! what follows the IP header; the TTL, the source and the destination are the receiver's to check, and `vrrp-engine`
//! does.
//!
//! Version 2 is what keepalived sends unless told otherwise, and what this release speaks, with RFC 2338's
//! authentication types *none* and *simple text*. Version 3 and IPv6 are not decoded yet: they are refused as
//! [`ParseError::Version`].
//!
//! # Words
//!
//! *Master* and *Backup* are RFC 3768's and RFC 8347's words; RFC 9568 calls the Master the Active Router.
//!
//! # Features
//!
//! - `bytes`: [`Advertisement::put`], which encodes into any `bytes::BufMut`. (`bytes` is stable at 1.x; it is the one
//!   foreign name in this crate's signatures, and only with this feature.)

#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::unwrap_used)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod addresses;
mod advertisement;
mod auth;
mod checksum;
mod error;
mod fields;
mod v2;

pub use addresses::Addresses;
pub use advertisement::Advertisement;
pub use auth::{Authentication, Password};
pub use error::{BufferTooSmall, FieldError, ParseError};
pub use fields::{AdvertInterval, HOP_LIMIT, MULTICAST_V4, PROTOCOL, Priority, Vrid};

/// The README's example runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
