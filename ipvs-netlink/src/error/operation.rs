use std::{fmt, net::SocketAddr};

use super::ErrorKind;
use crate::{
    daemon::{SyncDaemon, SyncRole},
    service::{Family, Service, ServiceId},
};

/// What was tried, on what.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Open,
    OpenIn,
    ListServices,
    ReadService(ServiceId),
    AddService(Service),
    EditService(Service),
    RemoveService(ServiceId),
    ZeroService(ServiceId),
    ZeroAll,
    Flush,
    ListDestinations(ServiceId),
    AddDestination(ServiceId, SocketAddr),
    EditDestination(ServiceId, SocketAddr),
    RemoveDestination(ServiceId, SocketAddr),
    ListDaemons,
    StartDaemon(SyncDaemon),
    StopDaemon(SyncRole),
    ReadTimeouts,
    SetTimeouts,
    ReadInfo,
}

impl Operation {
    /// Says why not, in more words than the kernel's, and what would help.
    pub(super) fn explain(&self, kind: ErrorKind) -> Option<String> {
        Some(match (kind, self) {
            (ErrorKind::NotPermitted, Self::Open | Self::OpenIn) => {
                "operation not permitted (to enter a namespace needs CAP_SYS_ADMIN)".into()
            }
            (ErrorKind::NotPermitted, _) => {
                "operation not permitted (needs CAP_NET_ADMIN in the initial user namespace, which root in a container may lack)".into()
            }
            (ErrorKind::AlreadyExists, Self::AddService(_) | Self::AddDestination(..)) => "it exists already".into(),
            (ErrorKind::NoSuchService, _) => "there is no such service".into(),
            (ErrorKind::NoSuchDestination, _) => "the service has no such destination".into(),
            (ErrorKind::NoSuchDaemon, _) => "none runs".into(),
            (ErrorKind::NoSuchInterface, _) => "there is no such interface (`ip link` lists those there are)".into(),
            (ErrorKind::NoSuchModule, Self::AddService(service) | Self::EditService(service)) => missing_module(service),
            (ErrorKind::Refused, Self::AddDestination(service, address)) => refused_destination(service, *address),
            (ErrorKind::Refused, Self::StartDaemon(_)) => {
                "invalid argument (are there destinations of another version of IP than their service, or has the interface no address?)".into()
            }
            (ErrorKind::Unsupported, Self::AddService(service)) if service.id().family() == Family::V6 => {
                "this kernel has no IPv6, or it is disabled".into()
            }
            _ => return None,
        })
    }
}

fn missing_module(service: &Service) -> String {
    let scheduler = service.scheduler();
    let missing = format!("the kernel has no scheduler {scheduler} (modprobe {})", scheduler.module());
    match service.persistence_engine() {
        None => missing,
        Some(engine) => format!("{missing} or no persistence engine {engine} (modprobe ip_vs_pe_{engine})"),
    }
}

fn refused_destination(service: &ServiceId, address: SocketAddr) -> String {
    if Family::of(address.ip()) == service.family() {
        // inet_addr_type() is asked in the namespace that the table is in.
        "invalid argument (is it the address of a host, as this host's routes see it?)".into()
    } else {
        "a destination of the other version of IP takes a tunnel, and cannot be while a sync daemon runs"
            .into()
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open => write!(f, "open a netlink socket"),
            Self::OpenIn => write!(f, "open a netlink socket in the network namespace"),
            Self::ListServices => write!(f, "list the services"),
            Self::ReadService(id) => write!(f, "read service `{id}`"),
            Self::AddService(service) => write!(f, "add service `{}`", service.id()),
            Self::EditService(service) => write!(f, "edit service `{}`", service.id()),
            Self::RemoveService(id) => write!(f, "remove service `{id}`"),
            Self::ZeroService(id) => write!(f, "zero the counters of `{id}`"),
            Self::ZeroAll => write!(f, "zero all counters"),
            Self::Flush => write!(f, "remove all services"),
            Self::ListDestinations(id) => write!(f, "list the destinations of `{id}`"),
            Self::AddDestination(id, address) => write!(f, "add destination {address} to `{id}`"),
            Self::EditDestination(id, address) => write!(f, "edit destination {address} of `{id}`"),
            Self::RemoveDestination(id, address) => write!(f, "remove destination {address} of `{id}`"),
            Self::ListDaemons => write!(f, "list the sync daemons"),
            Self::StartDaemon(daemon) => {
                write!(f, "start the {} sync daemon on {}", daemon.role(), daemon.interface())
            }
            Self::StopDaemon(role) => write!(f, "stop the {role} sync daemon"),
            Self::ReadTimeouts => write!(f, "read the timeouts"),
            Self::SetTimeouts => write!(f, "set the timeouts"),
            Self::ReadInfo => write!(f, "read the version"),
        }
    }
}
