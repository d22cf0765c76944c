//! VRRP packets: read, checked and written.
//!
//! VRRP lets a group of hosts share an IP address that outlives any of them: the Master announces itself with an
//! [`Advertisement`] every second or so, and when it falls silent a Backup takes the address over. This crate reads and
//! writes those packets and does nothing else: no sockets, no clock, no allocation, no unsafe code, `no_std`. The state
//! machine that decides who is Master is the crate `vrrp-engine`.
//!
//! It speaks version 2 (RFC 2338, RFC 3768) and version 3 (RFC 5798, RFC 9568), over IPv4 and IPv6, with up to 255
//! addresses, and the authentication of RFC 2338 and of keepalived.
//!
//! # Five minutes
//!
//! A received packet is dealt with in three steps. [`Packet`] is what the network brought, its IP header taken off.
//! [`Packet::decode`] reads it: strictly, without copying the addresses. [`Rules`] say whether this router wants it.
//!
//! ```
//! use vrrp_proto::{
//!     Addresses, AdvertInterval, Advertisement, Checksum, Endpoints, Packet, Priority, Rules, Verifier, Vrid,
//! };
//!
//! // What the Master of virtual router 51 says once a second about 192.0.2.100, from 192.0.2.1 to the group:
//! let (vrid, interval) = (Vrid::new(51)?, AdvertInterval::from_secs(1)?);
//! let addresses = Addresses::V4(&[[192, 0, 2, 100]]);
//! let advertisement = Advertisement::v3(vrid, Priority::new(150), interval, addresses)?;
//! let endpoints = Endpoints::multicast([192, 0, 2, 1].into());
//!
//! let mut buffer = [0; Advertisement::MAX_LEN];
//! let message = advertisement.encode(&endpoints, Checksum::PseudoHeader, &mut buffer)?;
//! assert_eq!(message.len(), 12);
//!
//! // And what a Backup makes of it.
//! let packet = Packet::new(endpoints, 255, message); // Or Packet::from_ipv4(datagram), from a raw socket.
//! let decoded = packet.decode()?; // Whatever is wrong with the bytes is one variant of `ParseError`.
//! assert_eq!(decoded.advertisement, advertisement);
//! assert_eq!(
//!     decoded.advertisement.to_string(),
//!     "VRRPv3, Advertisement, vrid 51, prio 150, intvl 100cs, length 12, addrs: 192.0.2.100",
//! );
//! let rules = Rules::v3(vrid, interval, addresses);
//! rules.check(&decoded, Verifier::None)?; // Whatever this router does not want is one of `Violation`.
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! To send the same advertisement again and again, keep it [`Prepared`].
//!
//! # What is checked, and in which order
//!
//! All of the receive checks of RFC 3768 §7.1 and RFC 9568 §7.1, each with a variant and a [`Counter`] of its own:
//!
//! 1. around the message, if it is a whole datagram ([`Packet::from_ipv4`]): the IP header, the protocol, the total length,
//!    no fragment, the Authentication Header;
//! 2. in the message ([`Packet::decode`]): the hop limit of what was sent to a group, at least a header, version, type, some
//!    addresses, exact length, checksum, VRID, authentication type, interval;
//! 3. against this router's configuration ([`Rules::check`]): VRID, version, our own address, destination, peer and hop
//!    limit, what the checksum covers, authentication, owner, interval, first IPv6 address, list of addresses.
//!
//! The first that fails is the one that is told. Where RFCs and practice differ, [`Rules`] have a switch.
//!
//! What a checksum of version 3 over IPv4 covers is a question that RFC 5798 left open and routers answer in two ways: see
//! [`Checksum`]. All forms are recognised and told; none is taken unchecked.
//!
//! # Authentication
//!
//! [`Verifier`] has what keepalived has, and what RFC 3768 has dropped: the password of authentication type 1, which
//! anybody on the LAN can read ([`Password`]); and with the feature `auth` the Authentication Header of type 2
//! (`AhKey`, `PreparedAh`) and keepalived 2.4's `auth_hmac` (`HmacKey`, `PreparedHmac`), the only one that keeps an attacker
//! out. Digests are compared in constant time. Keys are wiped where they were kept when they are dropped; copies that the
//! compiler makes when it moves them are not. Neither keys nor passwords are shown by `Debug`.
//!
//! # Words
//!
//! *Master* and *Backup* are RFC 3768's and RFC 8347's words; RFC 9568 calls the Master the Active Router. A *message* is
//! what follows the IP header, a *packet* the message and what the IP header says.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `auth`: the Authentication Header and `auth_hmac`.
//! - `bytes`: `Advertisement::put`, which encodes into any `bytes::BufMut`. (`bytes` is stable at 1.x; it and `serde` are the
//!   foreign names in this crate's signatures, and only with their features.) It links `alloc`, which the others do not.
//! - `serde`: `Serialize` for what was decoded, and for the values in it; `Deserialize` for the values that have a range.

#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::indexing_slicing, clippy::unwrap_used)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod addresses;
mod advertisement;
mod auth;
mod checksum;
mod counter;
mod endpoints;
mod error;
mod fields;
mod packet;
mod prepared;
mod rules;
#[cfg(feature = "serde")]
mod serialize;
mod trailer;
mod v2;
mod v3;
mod violation;

pub use addresses::Addresses;
pub use advertisement::Advertisement;
#[cfg(feature = "auth")]
#[cfg_attr(docsrs, doc(cfg(feature = "auth")))]
pub use auth::{AhKey, AhReplay, HmacKey, HmacMode, HmacReplay, HmacSequence, PreparedAh, PreparedHmac};
pub use auth::{AuthError, Authentication, Password, Verifier};
pub use checksum::Checksum;
pub use counter::Counter;
pub use endpoints::Endpoints;
pub use error::{EncodeError, FieldError, ParseError};
pub use fields::{
    AH_PROTOCOL, AdvertInterval, Family, HOP_LIMIT, MULTICAST_V4, MULTICAST_V6, PROTOCOL, Priority,
    TRAFFIC_CLASS, Version, Vrid,
};
pub use packet::{Decoded, Packet};
pub use prepared::Prepared;
pub use rules::{AcceptChecksum, Notes, OnMismatch, Rules, UnicastPeer};
pub use trailer::Trailer;
pub use violation::Violation;

/// The README's example runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
