//! What can be wrong with a real server.

use std::{fmt, net::IpAddr};

use crate::address::Address;

/// Why a host is no real server for a virtual address. Its `Display` is a sentence, [`hint`](Self::hint) what to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Problem {
    /// The loopback interface is down: nothing that is on it is taken.
    LoopbackDown,
    /// The loopback interface does not have the address, with whatever prefix length.
    Missing {
        /// The virtual address.
        vip: IpAddr,
    },
    /// The loopback interface has the address with a subnet, to which this host then has no way any more: of IPv4 it takes all
    /// addresses for its own, of IPv6 it sends nowhere what is for them.
    Subnet {
        /// The virtual address, as it is.
        address: Address,
    },
    /// Another interface has the address too, and neighbours find it there.
    OnInterface {
        /// The virtual address, as it is.
        address: Address,
        /// The name of that interface.
        interface: String,
    },
    /// An interface answers ARP requests for addresses of the loopback interface: neighbours take this host for the director.
    ArpIgnore {
        /// The name of the interface.
        interface: String,
        /// The sysctl `net.ipv4.conf.all.arp_ignore`.
        all: i32,
        /// The sysctl `net.ipv4.conf.INTERFACE.arp_ignore`; the higher of the two counts.
        own: i32,
    },
    /// An interface sends ARP requests from addresses of the loopback interface, by which those asked take this host for the
    /// director.
    ArpAnnounce {
        /// The name of the interface.
        interface: String,
        /// The sysctl `net.ipv4.conf.all.arp_announce`.
        all: i32,
        /// The sysctl `net.ipv4.conf.INTERFACE.arp_announce`; the higher of the two counts.
        own: i32,
    },
}

impl Problem {
    /// Returns what to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::LoopbackDown => "ip link set lo up, then start again".into(),
            Self::Missing { vip } => format!("start, or: ip address add {vip} dev lo"),
            Self::Subnet { address } => {
                format!("ip address del {address} dev lo, then start")
            }
            Self::OnInterface { address, interface } => {
                format!("ip address del {address} dev {interface}")
            }
            Self::ArpIgnore { interface, own, .. } => set("arp_ignore", 1, interface, *own),
            Self::ArpAnnounce { interface, own, .. } => set("arp_announce", 2, interface, *own),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoopbackDown => write!(f, "lo is down, and its addresses with it"),
            Self::Missing { vip } => write!(f, "{vip} is not on lo: packets for it are not taken"),
            Self::Subnet { address } if address.ip().is_ipv4() => {
                write!(f, "lo has {address}: the whole subnet is this host, none of it can be reached")
            }
            Self::Subnet { address } => {
                write!(f, "lo has {address}: what is for the subnet may be sent to nobody")
            }
            Self::OnInterface { address, interface } => {
                write!(f, "{interface} has {address} too, and answers for it")
            }
            Self::ArpIgnore { interface, all, own } => write!(
                f,
                "{interface} answers ARP requests for addresses of lo: arp_ignore is {all} for all and {own} for it"
            ),
            Self::ArpAnnounce { interface, all, own } => write!(
                f,
                "{interface} may ask by ARP in the name of addresses of lo: arp_announce is {all} for all and {own} for it"
            ),
        }
    }
}

/// What to set, so that the higher of two values is this one.
fn set(setting: &str, value: i32, interface: &str, own: i32) -> String {
    let all = format!("sysctl net.ipv4.conf.all.{setting}={value}");
    if own > value { format!("{all} net.ipv4.conf.{interface}.{setting}={value}") } else { all }
}
