//! Bytes of the generic netlink family `IPVS`: [`Request`] is written, [`Object`] is read.
//!
//! ```text
//!  0               1               2               3
//! +-------------------------------+-------------------------------+
//! |  nlmsghdr, 16 bytes: see `netlink`                            |
//! +---------------+---------------+-------------------------------+
//! |    command    |   version 1   |               0               |  genlmsghdr (linux/genetlink.h)
//! +---------------+---------------+-------------------------------+
//! |  attributes IPVS_CMD_ATTR_* (linux/ip_vs.h): SERVICE, DEST    |  numbers in native byte order, but ports and
//! |  and DAEMON hold attributes of their own                      |  IPv4 masks in that of the network
//! +---------------------------------------------------------------+
//! ```
//!
//! What the kernel does not tell apart by itself: addresses have 16 bytes in either family; the multicast port of a daemon
//! is in native byte order, alone of all ports; an IPv6 netmask is a length, an IPv4 netmask a mask.

mod daemon;
mod destination;
mod service;
mod stats;
mod timeouts;

use std::net::{IpAddr, SocketAddr};

use self::daemon::{read_daemon, write_daemon, write_role};
use self::destination::{read_destination, write_address, write_destination};
use self::service::{read_service, write_id, write_service};
use self::timeouts::{read_info, read_timeouts, write_timeouts};
use crate::{
    daemon::{SyncDaemon, SyncRole},
    destination::Destination,
    info::{Info, Timeouts},
    netlink::{Malformed, generic, read::find, socket::Envelope, write::Payload},
    service::{Family, Service, ServiceId},
    stats::{Connections, Stats},
};

/// The name of the family.
pub(crate) const FAMILY: &str = "IPVS";

/// What can be asked of the kernel.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Request<'a> {
    NewService(&'a Service),
    SetService(&'a Service),
    DelService(&'a ServiceId),
    GetService(&'a ServiceId),
    /// A dump.
    GetServices,
    NewDestination(&'a ServiceId, &'a Destination),
    SetDestination(&'a ServiceId, &'a Destination),
    DelDestination(&'a ServiceId, SocketAddr),
    /// A dump, empty where the service is missing.
    GetDestinations(&'a ServiceId),
    NewDaemon(&'a SyncDaemon),
    DelDaemon(SyncRole),
    /// A dump.
    GetDaemons,
    SetTimeouts(&'a Timeouts),
    GetTimeouts,
    GetInfo,
    Zero(&'a ServiceId),
    ZeroAll,
    Flush,
}

impl Request<'_> {
    pub(crate) fn write(&self, envelope: Envelope<'_>, family: u16) {
        generic::request(envelope, family, self.command(), |payload| self.write_attributes(payload));
    }

    /// `IPVS_CMD_*` of linux/ip_vs.h.
    fn command(&self) -> u8 {
        match self {
            Self::NewService(_) => NEW_SERVICE,
            Self::SetService(_) => 2,
            Self::DelService(_) => 3,
            Self::GetService(_) | Self::GetServices => 4,
            Self::NewDestination(..) => NEW_DEST,
            Self::SetDestination(..) => 6,
            Self::DelDestination(..) => 7,
            Self::GetDestinations(_) => 8,
            Self::NewDaemon(_) => NEW_DAEMON,
            Self::DelDaemon(_) => 10,
            Self::GetDaemons => 11,
            Self::SetTimeouts(_) => SET_CONFIG,
            Self::GetTimeouts => 13,
            Self::GetInfo => 15,
            Self::Zero(_) | Self::ZeroAll => 16,
            Self::Flush => 17,
        }
    }

    fn write_attributes(&self, payload: &mut Payload<'_>) {
        match self {
            Self::NewService(service) | Self::SetService(service) => {
                payload.nested(SERVICE, |inside| write_service(inside, service));
            }
            Self::DelService(id) | Self::GetService(id) | Self::GetDestinations(id) | Self::Zero(id) => {
                payload.nested(SERVICE, |inside| write_id(inside, id));
            }
            Self::NewDestination(id, destination) | Self::SetDestination(id, destination) => {
                payload.nested(SERVICE, |inside| write_id(inside, id));
                payload.nested(DEST, |inside| write_destination(inside, destination));
            }
            Self::DelDestination(id, address) => {
                payload.nested(SERVICE, |inside| write_id(inside, id));
                payload.nested(DEST, |inside| write_address(inside, *address));
            }
            Self::NewDaemon(daemon) => {
                payload.nested(DAEMON, |inside| write_daemon(inside, daemon));
            }
            Self::DelDaemon(role) => {
                payload.nested(DAEMON, |inside| write_role(inside, *role));
            }
            Self::SetTimeouts(timeouts) => write_timeouts(payload, timeouts),
            Self::GetServices
            | Self::GetDaemons
            | Self::GetTimeouts
            | Self::GetInfo
            | Self::ZeroAll
            | Self::Flush => {}
        }
    }
}

/// What the kernel answers with.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Object {
    Service(Service, Stats),
    Destination(Destination, Stats, Connections),
    Daemon(SyncDaemon),
    Timeouts(Timeouts),
    Info(Info),
}

impl Object {
    /// Reads an answer. `family` is the service's, which a destination has too where the kernel says nothing else, as
    /// none did before Linux 3.18.
    pub(crate) fn read(payload: &[u8], family: Family) -> Result<Self, Malformed> {
        let (command, attributes) = generic::split(payload)?;
        let inside = |kind| Ok(find(attributes, kind)?.ok_or(Malformed)?.value);
        match command {
            NEW_SERVICE => read_service(inside(SERVICE)?).map(|(service, stats)| Self::Service(service, stats)),
            NEW_DEST => read_destination(inside(DEST)?, family)
                .map(|(destination, stats, connections)| Self::Destination(destination, stats, connections)),
            NEW_DAEMON => read_daemon(inside(DAEMON)?).map(Self::Daemon),
            SET_CONFIG => read_timeouts(attributes).map(Self::Timeouts),
            SET_INFO => read_info(attributes).map(Self::Info),
            _ => Err(Malformed),
        }
    }
}

/// Reads an address, which in an attribute has 16 bytes whatever its family.
fn read_ip(family: Family, bytes: &[u8]) -> Result<IpAddr, Malformed> {
    match family {
        Family::V4 => bytes.first_chunk::<4>().copied().map(IpAddr::from),
        Family::V6 => bytes.first_chunk::<16>().copied().map(IpAddr::from),
    }
    .ok_or(Malformed)
}

fn write_ip(payload: &mut Payload<'_>, kind: u16, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, c, d] = ip.octets();
            payload.attribute(kind, &[a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        }
        IpAddr::V6(ip) => {
            payload.attribute(kind, &ip.octets());
        }
    }
}

/// Keeps the first of attributes that are given twice, as `find` does.
fn keep<T>(place: &mut Option<T>, value: T) {
    place.get_or_insert(value);
}

const NEW_SERVICE: u8 = 1;
const NEW_DEST: u8 = 5;
const NEW_DAEMON: u8 = 9;
const SET_CONFIG: u8 = 12;
const SET_INFO: u8 = 14;

/// `IPVS_CMD_ATTR_*`.
const SERVICE: u16 = 1;
const DEST: u16 = 2;
const DAEMON: u16 = 3;
