use core::net::IpAddr;

use thiserror::Error;

use crate::{AdvertInterval, AuthError, Checksum, Counter, Version, Vrid};

/// Says which rule a packet breaks. A peer is to blame, or a stranger, or this router's configuration or the peer's:
/// discard the packet and count it.
///
/// The variants stand in the order in which the checks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Violation {
    /// It is of another virtual router. R6 of the receive checks.
    #[error("virtual router {0} is not this one")]
    Vrid(Vrid),
    /// It is of another version of the protocol than this virtual router speaks. R2.
    #[error("VRRP version {0} is not this virtual router's")]
    Version(Version),
    /// It comes from our own address: our own packet, sent back to us by the network, or a host with our address. R16.
    #[error("it comes from our own address")]
    OwnAddress,
    /// It was sent to another group, to a group where peers are configured, or to one address where none are.
    #[error("sent to {0}, which this virtual router does not listen to")]
    Destination(IpAddr),
    /// It comes from none of the peers.
    #[error("{0} is not a peer")]
    Source(IpAddr),
    /// It comes from farther away than its sender is, or from nearer: a peer has bounds of its own, a group 255 alone. R1.
    #[error("hop limit {hop_limit} is out of the peer's bounds: {min} to {max}")]
    HopLimit {
        /// The packet's TTL or hop limit.
        hop_limit: u8,
        /// The least that is taken.
        min: u8,
        /// The most that is taken.
        max: u8,
    },
    /// Its checksum is right, but covers something else than it is to cover. R5.
    #[error("the checksum {}", form(*.0))]
    Checksum(Checksum),
    /// It does not prove that it comes from the group. R8.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// This router owns the addresses and listens to nobody. R7.
    #[error("this router owns the addresses")]
    Owner,
    /// Its advertisement interval is not ours. R9.
    ///
    /// RFC 3768 §7.1 demands the discard, and it makes two Masters of one misconfigured pair: tell the operator.
    #[error("an advertisement interval of {theirs} is not ours, {ours}")]
    Interval {
        /// The interval configured here.
        ours: AdvertInterval,
        /// The packet's interval.
        theirs: AdvertInterval,
    },
    /// Its first IPv6 address is not link-local. R12.
    #[error("the first IPv6 address is not link-local")]
    NotLinkLocal,
    /// Its addresses are not ours. R13.
    #[error("its addresses are not ours")]
    AddressList,
}

impl Violation {
    /// Returns the counter it belongs to.
    pub const fn counter(&self) -> Counter {
        match self {
            Self::Vrid(_) => Counter::Vrid,
            Self::Version(_) => Counter::Version,
            Self::Destination(_) => Counter::Destination,
            Self::Source(_) => Counter::Source,
            Self::HopLimit { .. } => Counter::HopLimit,
            Self::OwnAddress => Counter::OwnAddress,
            Self::Checksum(_) => Counter::Checksum,
            Self::Auth(error) => error.counter(),
            Self::Owner => Counter::Owner,
            Self::Interval { .. } => Counter::Interval,
            Self::NotLinkLocal => Counter::NotLinkLocal,
            Self::AddressList => Counter::AddressList,
        }
    }
}

const fn form(checksum: Checksum) -> &'static str {
    match checksum {
        Checksum::PseudoHeader => "covers the pseudo header",
        Checksum::MessageOnly => "does not cover the pseudo header",
        Checksum::OldUnicast => {
            "covers a pseudo header with the group in it, as keepalived's did up to 1.3.6"
        }
    }
}
