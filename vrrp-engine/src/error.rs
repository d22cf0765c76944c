use core::net::IpAddr;

use thiserror::Error;
use vrrp_proto::{AdvertInterval, Priority, Version, Vrid};

/// Says which value of a configuration can't be. The operator is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No addresses, or more than an advertisement can carry.
    #[error("{count} virtual addresses are out of range: 1 to 255")]
    AddressCount {
        /// How many there were.
        count: usize,
    },
    /// A virtual address that no host can have.
    #[error("virtual address {address} is not a unicast address")]
    Address {
        /// The address.
        address: IpAddr,
    },
    /// A virtual address given twice.
    #[error("virtual address {address} is given twice")]
    DuplicateAddress {
        /// The address.
        address: IpAddr,
    },
    /// A virtual address of another family than the source.
    #[error("virtual address {address} is not of the family of source address {source_address}")]
    Family {
        /// The address.
        address: IpAddr,
        /// The source address.
        source_address: IpAddr,
    },
    /// A source address that no host can have.
    #[error("source address {source_address} is not a unicast address")]
    Source {
        /// The address.
        source_address: IpAddr,
    },
    /// A group that is not a multicast address.
    #[error(
        "group {group} is not a multicast address of the source's family: 224.0.0.0 to 239.255.255.255, or ff00::/8"
    )]
    Group {
        /// The address.
        group: IpAddr,
    },
    /// Priority 0, which only a Master that ends sends.
    #[error("priority 0 is out of range: 1 to 254, or 255 for the owner of the addresses")]
    PriorityRelease,
    /// Version 2 with IPv6 addresses, which it does not know.
    #[error("VRRP version 2 knows no IPv6 addresses: use version 3")]
    VersionOfFamily,
    /// An interval that the version cannot carry.
    #[error("an advertisement interval of {interval} is out of range for version {version}: {}", range(*.version))]
    Interval {
        /// The interval given.
        interval: AdvertInterval,
        /// The version.
        version: Version,
    },
    /// A password in version 3, which has no authentication.
    #[error("VRRP version 3 has no authentication: use version 2")]
    AuthenticationOfVersion,
    /// An Authentication Header without a key for it.
    #[error("authentication by an IP Authentication Header needs a key")]
    AuthenticationHeader,
    /// A peer that no other host can be.
    #[error("peer {peer} is not a unicast address of another host, of the source's family")]
    Peer {
        /// The address.
        peer: IpAddr,
    },
    /// An empty list of peers, which would send to a group what was to be sent to peers.
    #[error("there are no peers to send to: name one, or do without a list")]
    NoPeers,
    /// A peer given twice.
    #[error("peer {peer} is given twice")]
    DuplicatePeer {
        /// The address.
        peer: IpAddr,
    },
    /// A TTL or hop limit of 0, or one that receivers of a group would discard.
    #[error("a TTL or hop limit of {hop_limit} is out of range: 255 to a group, 1 to 255 to peers")]
    HopLimit {
        /// The value given.
        hop_limit: u8,
    },
    /// A Master_Down_Interval of no intervals, or of too many.
    #[error("{multiplier} advertisement intervals are out of range: 1 to 100")]
    DownMultiplier {
        /// How many were given.
        multiplier: u8,
    },
    /// A weight out of range.
    #[error("a weight of {weight} is out of range: -253 to 253")]
    Weight {
        /// The weight given.
        weight: i16,
    },
    /// The source is one of the virtual addresses, so this router owns it, but the priority is not the owner's.
    #[error(
        "source address {source_address} is one of the virtual addresses, which asks for priority 255, not {priority}"
    )]
    NotOwner {
        /// The address.
        source_address: IpAddr,
        /// The priority given.
        priority: Priority,
    },
    /// A new configuration for a virtual router that is of another one.
    #[error("a running virtual router keeps its number and its address family: remove it and add another")]
    Identity,
    /// A second virtual router of the same number on one interface.
    #[error("virtual router {vrid} is already configured on interface {interface}")]
    DuplicateVrid {
        /// The number.
        vrid: Vrid,
        /// The interface's index.
        interface: u32,
    },
    /// A virtual router that there is not, or not any more.
    #[error("there is no virtual router {vrid} on interface {interface}")]
    UnknownRouter {
        /// The number.
        vrid: Vrid,
        /// The interface's index.
        interface: u32,
    },
    /// A member of a sync group that is in another one already.
    #[error("virtual router {vrid} on interface {interface} is already in a sync group")]
    InSyncGroup {
        /// The number.
        vrid: Vrid,
        /// The interface's index.
        interface: u32,
    },
    /// A sync group without members.
    #[error("a sync group needs members")]
    EmptySyncGroup,
    /// A sync group or tracker of another router.
    #[error("it is not one of this router's")]
    Foreign,
}

const fn range(version: Version) -> &'static str {
    match version {
        Version::V2 => "1 to 255 whole seconds",
        Version::V3 => "0.01 s to 40.95 s",
    }
}
