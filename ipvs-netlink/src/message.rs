//! Bytes of the generic netlink family `IPVS`: [`Request`] is written, [`Object`] is read.
//!
//! ```text
//!  0               1               2               3
//! +-------------------------------+-------------------------------+
//! |  nlmsghdr, 16 bytes: see `kernel-netlink`                            |
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

use kernel_netlink::{Envelope, Malformed, Payload, find};

use self::daemon::{read_daemon, write_daemon, write_role};
use self::destination::{read_destination, write_address, write_destination};
use self::service::{read_service, write_id, write_service};
use self::timeouts::{read_info, read_timeouts, write_timeouts};
use crate::{
    daemon::{SyncDaemon, SyncRole},
    destination::Destination,
    generic,
    info::{Info, Timeouts},
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
            NEW_SERVICE => {
                read_service(inside(SERVICE)?).map(|(service, stats)| Self::Service(service, stats))
            }
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

/// Reads every message of a datagram as the client does: the entry for fuzzing.
pub(crate) fn read_everything(datagram: &[u8]) -> usize {
    use kernel_netlink::{Messages, Reply};

    let read = |family| {
        Messages::new(datagram)
            .map_while(Result::ok)
            .filter_map(|message| match message.read() {
                Ok(Reply::Data { payload, .. }) => Some(payload),
                Ok(Reply::End(_) | Reply::Nothing) | Err(Malformed) => None,
            })
            .map(move |payload| {
                let number = generic::read_number(payload).map_or(0, usize::from);
                number + Object::read(payload, family).map_or(0, |object| object.to_string().len())
            })
            .sum::<usize>()
    };
    read(Family::V4).wrapping_add(read(Family::V6))
}

impl std::fmt::Display for Object {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Service(service, _) => write!(f, "{service}"),
            Self::Destination(destination, ..) => write!(f, "{destination}"),
            Self::Daemon(daemon) => write!(f, "{daemon}"),
            Self::Timeouts(timeouts) => write!(f, "{timeouts:?}"),
            Self::Info(info) => write!(f, "{}", info.version),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::Index};

    use kernel_netlink::{Messages, Reply, Writer};
    use lab::written::{ne16, ne32};

    use super::*;
    use crate::arbitrary::{destinations, service_ids, services};

    #[test]
    fn a_service_of_direct_routing_is_these_bytes() {
        let service: Service = "-A -t 192.0.2.1:80 -s wrr -p 300 -M 255.255.255.0".parse().unwrap();
        let bytes = written(&Request::NewService(&service));

        #[rustfmt::skip]
        let expected = [
            &ne32(0)[..], &ne16(28), &ne16(1), &ne32(7), &ne32(0), // nlmsghdr
            &[1, 1, 0, 0],                                           // genlmsghdr
            &ne16(84), &ne16(0x8001),                               // SERVICE
                &ne16(6), &ne16(1), &ne16(2), &[0; 2],               // AF
                &ne16(6), &ne16(2), &ne16(6), &[0; 2],               // PROTOCOL
                &ne16(20), &ne16(3), &[192, 0, 2, 1], &[0; 12],      // ADDR
                &ne16(6), &ne16(4), &[0, 80], &[0; 2],               // PORT
                &ne16(8), &ne16(6), b"wrr\0",                        // SCHED_NAME
                &ne16(12), &ne16(7), &ne32(0x1), &ne32(0x3d),        // FLAGS
                &ne16(8), &ne16(8), &ne32(300),                      // TIMEOUT
                &ne16(8), &ne16(9), &[255, 255, 255, 0],             // NETMASK
        ]
        .concat();
        let expected = [&ne32(u32::try_from(expected.len()).unwrap())[..], &expected[4..]].concat();
        assert_eq!(bytes[20..], expected[20..]);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_daemons_port_is_in_native_byte_order() {
        let daemon = SyncDaemon::builder(SyncRole::Backup, "eth0", 51).port(8848).build().unwrap();
        let bytes = written(&Request::NewDaemon(&daemon));

        assert!(bytes.ends_with(&[&ne16(6)[..], &ne16(7), &ne16(8848), &[0; 2]].concat()));
    }

    #[test]
    fn a_destination_without_a_family_has_its_services() {
        let attributes = |family: &[u8]| {
            let mut writer = Writer::default();
            Envelope::new(&mut writer, 0, 1).message(28, 0, |payload| {
                payload.header([NEW_DEST, 1, 0, 0]).nested(DEST, |inside| {
                    write_ip(inside, 1, "2001:db8::1".parse().unwrap());
                    inside.attribute(2, &[0, 80]).number(3, 0).number(4, 1).number(5, 0).number(6, 0);
                    if !family.is_empty() {
                        inside.attribute(11, family);
                    }
                });
            });
            writer.bytes()[16..].to_vec()
        };
        let text = |bytes: &[u8], family| Object::read(bytes, family).map(|object| object.to_string());

        assert_eq!(text(&attributes(&[]), Family::V4), Ok("-r 32.1.13.184:80 -m -w 1".into()));
        assert_eq!(text(&attributes(&[]), Family::V6), Ok("-r [2001:db8::1]:80 -m -w 1".into()));
        assert_eq!(text(&attributes(&ne16(10)), Family::V4), Ok("-r [2001:db8::1]:80 -m -w 1".into()));
        assert_eq!(text(&attributes(&ne16(99)), Family::V4), Err(Malformed));
    }

    #[test]
    fn what_only_the_kernel_holds_is_told_and_cannot_be_made() {
        let odd = ServiceId::from_kernel(crate::Protocol::Other(1), "192.0.2.1:80".parse().unwrap());
        let destination = Destination::from_kernel(
            "10.0.0.1:81".parse().unwrap(),
            crate::Forwarding::from_number(7, crate::Tunnel::IPIP),
            1,
            0,
            9,
        );
        let bytes = written(&Request::NewDestination(&odd, &destination));

        let Ok(Object::Destination(read, ..)) = read(&bytes, Family::V4) else { panic!("no destination") };
        assert_eq!(read, destination);
        assert_eq!(format!("{odd} {read}"), "--protocol-1 192.0.2.1:80 -r 10.0.0.1:81 --unknown -w 1 -y 9");
        assert!(read.with_weight(0).is_err());
    }

    proptest! {
        #[test]
        fn services_are_read_as_written(service in service_ids().prop_flat_map(services)) {
            let bytes = written(&Request::SetService(&service));
            // A request has the attributes of an answer, under another command.
            let bytes = with_command(bytes, NEW_SERVICE);

            prop_assert_eq!(read(&bytes, service.id().family()), Ok(Object::Service(service, Stats::default())));
        }

        #[test]
        fn destinations_are_read_as_written(
            (id, destination) in service_ids().prop_flat_map(|id| (Just(id), destinations(id))),
        ) {
            let bytes = written(&Request::NewDestination(&id, &destination));

            let expected = Object::Destination(destination, Stats::default(), Connections::default());
            prop_assert_eq!(read(&bytes, id.family()), Ok(expected));
        }

        #[test]
        fn daemons_are_read_as_written(
            sync_id: u8, port: u16, ttl: u8, max_len: u16,
            group in proptest::sample::select(vec![None, Some("224.0.0.9"), Some("ff02::9")]),
        ) {
            let daemon = SyncDaemon::builder(SyncRole::Master, "eth0", sync_id).port(port).ttl(ttl).max_len(max_len);
            let daemon = group.into_iter().fold(daemon, |daemon, group| daemon.group(group.parse().unwrap()));
            let daemon = daemon.build().unwrap();

            prop_assert_eq!(read(&written(&Request::NewDaemon(&daemon)), Family::V4), Ok(Object::Daemon(daemon)));
        }

        #[test]
        fn damaged_bytes_are_read_without_panic(
            (id, destination) in service_ids().prop_flat_map(|id| (Just(id), destinations(id))),
            service in service_ids().prop_flat_map(services),
            damage in vec((any::<Index>(), any::<u8>()), 0..4),
            end: Index,
        ) {
            for request in [Request::NewDestination(&id, &destination), Request::NewService(&service)] {
                let mut bytes = written(&request);
                for (at, byte) in &damage {
                    *at.get_mut(&mut bytes) = *byte;
                }
                read_everything(&bytes);
                bytes.truncate(end.index(bytes.len() + 1));
                read_everything(&bytes);
            }
        }
    }

    fn written(request: &Request<'_>) -> Vec<u8> {
        let mut writer = Writer::default();
        request.write(Envelope::new(&mut writer, 0, 7), 28);
        writer.bytes().to_vec()
    }

    fn with_command(mut bytes: Vec<u8>, command: u8) -> Vec<u8> {
        bytes[16] = command;
        bytes
    }

    fn read(bytes: &[u8], family: Family) -> Result<Object, Malformed> {
        let message = Messages::new(bytes).next().unwrap()?;
        let Reply::Data { payload, .. } = message.read()? else { panic!("{message:?}") };
        Object::read(payload, family)
    }
}
