//! Where packets are not to go: the elements of the table's sets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::nftables::{DATA_VALUE, LIST_ELEM, Verb};
use crate::link::Interface;
use kernel_netlink::{Payload, Transaction};

/// An address, with the interface where that is a part of it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Destination {
    Ipv4(Ipv4Addr),
    Ipv6(Ipv6Addr),
    /// The same on two links is two addresses.
    LinkLocal(Ipv6Addr, u32),
}

impl Destination {
    /// `None` for what no host has: to block a group would block the router's own protocols.
    pub(super) fn new(interface: &Interface, ip: IpAddr) -> Option<Self> {
        if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return None;
        }
        Some(match ip {
            IpAddr::V4(ip) => Self::Ipv4(ip),
            IpAddr::V6(ip) if ip.is_unicast_link_local() => Self::LinkLocal(ip, interface.index()),
            IpAddr::V6(ip) => Self::Ipv6(ip),
        })
    }

    pub(super) fn ip(&self) -> IpAddr {
        match *self {
            Self::Ipv4(ip) => ip.into(),
            Self::Ipv6(ip) | Self::LinkLocal(ip, _) => ip.into(),
        }
    }

    fn set(&self) -> Set {
        match self {
            Self::Ipv4(_) => Set::Ipv4,
            Self::Ipv6(_) => Set::Ipv6,
            Self::LinkLocal(..) => Set::LinkLocal,
        }
    }

    fn write(&self, elements: &mut Payload<'_>) {
        elements.nested(LIST_ELEM, |element| {
            element.nested(SET_ELEM_KEY, |key| {
                match self {
                    Self::Ipv4(ip) => key.attribute(DATA_VALUE, &ip.octets()),
                    Self::Ipv6(ip) => key.attribute(DATA_VALUE, &ip.octets()),
                    Self::LinkLocal(ip, interface) => {
                        key.attribute(DATA_VALUE, &[&ip.octets()[..], &interface.to_ne_bytes()].concat())
                    }
                };
            });
        });
    }
}

/// The table's sets.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Set {
    Ipv4,
    Ipv6,
    LinkLocal,
}

impl Set {
    pub(super) const ALL: [Self; 3] = [Self::Ipv4, Self::Ipv6, Self::LinkLocal];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::LinkLocal => "ipv6_link_local",
        }
    }

    pub(super) fn key_len(self) -> u32 {
        match self {
            Self::Ipv4 => 4,
            Self::Ipv6 => 16,
            Self::LinkLocal => 20,
        }
    }

    /// The type of the elements to the program `nft`, which the kernel keeps for it.
    pub(super) fn key_type(self) -> u32 {
        const IPV4_ADDR: u32 = 7;
        const IPV6_ADDR: u32 = 8;
        const IFACE_INDEX: u32 = 20;
        match self {
            Self::Ipv4 => IPV4_ADDR,
            Self::Ipv6 => IPV6_ADDR,
            Self::LinkLocal => IPV6_ADDR << 6 | IFACE_INDEX,
        }
    }
}

/// Adds or deletes elements, in as many requests as they take.
pub(super) fn write<'d>(
    transaction: &mut Transaction<'_>,
    table: &str,
    verb: Verb,
    destinations: impl IntoIterator<Item = &'d Destination>,
) {
    let destinations: Vec<_> = destinations.into_iter().collect();
    for set in Set::ALL {
        let of_set: Vec<_> = destinations.iter().filter(|destination| destination.set() == set).collect();
        for chunk in of_set.chunks(PER_REQUEST) {
            verb.write(transaction.request(), |payload| {
                write_set(payload, table, set);
                payload.nested(SET_ELEM_LIST_ELEMENTS, |elements| {
                    for destination in chunk {
                        destination.write(elements);
                    }
                });
            });
        }
    }
}

/// Empties all sets.
pub(super) fn write_flush(transaction: &mut Transaction<'_>, table: &str) {
    for set in Set::ALL {
        // Not to say which elements means all of them.
        Verb::DeleteElements.write(transaction.request(), |payload| write_set(payload, table, set));
    }
}

fn write_set(payload: &mut Payload<'_>, table: &str, set: Set) {
    payload.text(SET_ELEM_LIST_TABLE, table).text(SET_ELEM_LIST_SET, set.name());
}

/// An element has 32 bytes at most, and the attribute that holds them all fewer than 65,536.
const PER_REQUEST: usize = 1_000;
const SET_ELEM_LIST_TABLE: u16 = 1;
const SET_ELEM_LIST_SET: u16 = 2;
const SET_ELEM_LIST_ELEMENTS: u16 = 3;
const SET_ELEM_KEY: u16 = 1;
