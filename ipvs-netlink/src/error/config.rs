//! Values that cannot be.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use crate::service::{Family, Granularity, Protocol, ServiceId};

/// Says which value of a configuration can't be. The operator is to blame.
///
/// Much of it the kernel would accept, and do something else or nothing.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A protocol that IPVS does not balance.
    #[error("protocol {number} cannot be balanced: tcp (6), udp (17) or sctp (132)")]
    Protocol {
        /// Its number.
        number: u16,
    },
    /// A service's address that no packet is sent to.
    #[error("{address} cannot be the address of a service: it is {}", why_not(*address))]
    ServiceAddress {
        /// The address.
        address: IpAddr,
    },
    /// Firewall mark 0.
    #[error("firewall mark 0 is out of range: 1 to 4294967295")]
    FirewallMark,
    /// Port 0 of a service that is not persistent.
    #[error("port 0, which is every port, needs a persistent service")]
    EveryPort,
    /// One-packet scheduling of another protocol than UDP.
    #[error("one-packet scheduling is for udp and firewall marks, not for `{protocol}`")]
    OnePacket {
        /// The service's protocol.
        protocol: Protocol,
    },
    /// Flags that are not the caller's to set.
    #[error("flags {reserved:#x} are out of range: 0x1 is persistence, 0x2 the kernel's own")]
    Flags {
        /// Those of the bits that are not.
        reserved: u32,
    },
    /// A name that is too long or not a word.
    #[error("the name of the {field} has {length} bytes: it has to be one word of 1 to {bound}")]
    Name {
        /// What it names.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The longest that is possible.
        bound: usize,
    },
    /// A persistence timeout that the kernel cannot hold.
    #[error("a persistence timeout of {timeout:?} is out of range: whole seconds, 1 to 2678400 (31 days)")]
    PersistenceTimeout {
        /// The time given.
        timeout: Duration,
    },
    /// A netmask with gaps.
    #[error("{mask} is not a netmask, which has no ones after a zero")]
    Netmask {
        /// The mask.
        mask: Ipv4Addr,
    },
    /// The length of an IPv6 prefix.
    #[error("prefix length {length} is out of range: 1 to 128")]
    Prefix {
        /// The length.
        length: u8,
    },
    /// A netmask for IPv6 or a prefix length for IPv4.
    #[error("granularity {granularity} is not one of {family}: a netmask for IPv4, a prefix length for IPv6")]
    GranularityFamily {
        /// The granularity.
        granularity: Granularity,
        /// The service's version of IP.
        family: Family,
    },
    /// A destination's address that no server can have.
    #[error("{address} cannot be the address of a destination")]
    DestinationAddress {
        /// The address.
        address: IpAddr,
    },
    /// A number above what the kernel holds.
    #[error("{field} {value} is out of range: 0 to {bound}")]
    TooLarge {
        /// What it is.
        field: &'static str,
        /// The number given.
        value: u32,
        /// The largest there is.
        bound: u32,
    },
    /// A lower threshold above the upper one.
    #[error("lower threshold {lower} is above the upper threshold of {upper}")]
    Thresholds {
        /// The upper threshold, 0 if there is none.
        upper: u32,
        /// The lower threshold.
        lower: u32,
    },
    /// A forwarding method that IPVS does not have.
    #[error("forwarding method {number} is out of range: 0 to 4")]
    Forwarding {
        /// Its number.
        number: u8,
    },
    /// A combination of tunnel settings that has no meaning.
    #[error("tunnel type {kind} with port {port} and flags {flags:#x} is not one that the kernel knows")]
    Tunnel {
        /// 0 for ipip, 1 for gue, 2 for gre.
        kind: u8,
        /// The port, which only gue has.
        port: u16,
        /// 1 for a checksum, 2 for a remote one, which only gue has.
        flags: u16,
    },
    /// A destination of another version of IP than its service.
    #[error("destination {destination} is of the other version of IP than `{service}`: that takes a tunnel")]
    MixedFamilies {
        /// The service.
        service: ServiceId,
        /// The destination.
        destination: SocketAddr,
    },
    /// A service given twice.
    #[error("service `{service}` is given twice")]
    DuplicateService {
        /// The service.
        service: ServiceId,
    },
    /// A destination given twice.
    #[error("destination {destination} of `{service}` is given twice")]
    DuplicateDestination {
        /// The service.
        service: ServiceId,
        /// The destination.
        destination: SocketAddr,
    },
    /// A timeout of connections that the kernel cannot hold.
    #[error("a {field} timeout of {time:?} is out of range: whole seconds, 1 to 2147483")]
    Timeout {
        /// Which of the three.
        field: &'static str,
        /// The time given.
        time: Duration,
    },
    /// A group that is not a multicast address.
    #[error("group {group} is not a multicast address: 224.0.0.0 to 239.255.255.255, or ff00::/8")]
    Group {
        /// The address.
        group: IpAddr,
    },
}

fn why_not(address: IpAddr) -> String {
    match address.to_canonical() {
        other if other == address => "not a unicast address".into(),
        other => format!("what sockets of IPv6 call {other}"),
    }
}
