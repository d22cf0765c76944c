//! What a simulated LAN is made of, in plain values.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(crate) use vrrp_proto::{Family, Version};

use super::host::{Farewell, OnPause, Preempt, Reassert};

/// A moment, or a time, in nanoseconds.
pub(crate) type Nanos = u64;

/// As many virtual routers has a host at most.
pub(crate) const MAX_ROLES: usize = 3;

/// What one host is to be in one virtual router.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Role {
    pub(crate) vrid: u8,
    pub(crate) version: Version,
    pub(crate) family: Family,
    pub(crate) priority: u8,
    pub(crate) centis: u16,
    pub(crate) preempt: Preempt,
    pub(crate) farewell: Farewell,
    pub(crate) reassert: Reassert,
    pub(crate) on_pause: OnPause,
}

impl Role {
    /// VRID 51 of IPv4, with that version's defaults, once a second.
    pub(crate) const fn plain(version: Version, priority: u8, preempt: Preempt) -> Self {
        let reassert = match version {
            Version::V2 => Reassert::Stay,
            Version::V3 => Reassert::Advertise,
        };
        let (family, farewell, on_pause) = (Family::V4, Farewell::Send, OnPause::StepBack);
        Self { vrid: 51, version, family, priority, centis: 100, preempt, farewell, reassert, on_pause }
    }

    pub(crate) const fn interval(&self) -> Nanos {
        self.centis as Nanos * 10_000_000
    }
}

/// A host: the last byte of its addresses, and its place in each of the LAN's virtual routers, if it has one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    pub(crate) last: u8,
    pub(crate) roles: [Option<Role>; MAX_ROLES],
}

impl Spec {
    pub(crate) fn source(&self, family: Family) -> IpAddr {
        match family {
            Family::V4 => Ipv4Addr::new(192, 0, 2, self.last).into(),
            Family::V6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, self.last.into()).into(),
        }
    }

    /// Its places, and which of the virtual routers they are in.
    pub(crate) fn roles(&self) -> impl Iterator<Item = (usize, Role)> + use<> {
        self.roles.into_iter().enumerate().filter_map(|(index, role)| Some((index, role?)))
    }
}
