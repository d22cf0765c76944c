use nix::libc;

use super::{Cause, Operation};

/// The classes of failure a caller can tell apart.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The thread lacks the capability that the function's documentation names (`EPERM`, `EACCES`), or the container does
    /// not let it change settings (`EROFS`).
    NotPermitted,
    /// The interface does not exist, or no longer (`ENODEV`, `ENXIO`): look it up, and open or rejoin.
    NoSuchInterface,
    /// The interface is administratively down (`ENETDOWN`): it passes when the interface comes up.
    ///
    /// To a [`VrrpSocket`](crate::VrrpSocket) it looks the same (`ENETUNREACH`, `EINVAL`) when the source address was
    /// removed, and over IPv4 when the interface was deleted.
    InterfaceDown,
    /// No interface that is up leads to a route's gateway (`ENETUNREACH`, `EHOSTUNREACH`): it passes when one has an address
    /// in the gateway's subnet. A rule that keeps packets from the gateway has this effect, too.
    NoWayToGateway,
    /// A queue or buffer is full (`EAGAIN`, `ENOBUFS`), or another process is in the way: try again later.
    Busy,
    /// The kernel did not answer a request within a second; whether it was carried out is not known.
    TimedOut,
    /// A datagram did not fit: what arrived into the caller's buffer, or what was sent into an IP packet.
    TooLong,
    /// The kernel's list of addresses, routes or rules kept changing while it was read.
    KeptChanging,
    /// What arrived, or was to be sent as a datagram, could not be understood.
    Malformed,
    /// Something else has the name, the hardware address (`EEXIST`, `EADDRINUSE`) or the route's place.
    Taken,
    /// The interface, address or route given cannot serve this purpose, whatever the kernel may say.
    Unsuitable,
    /// The kernel does not have what is needed, because it is too old or was built without it.
    Unsupported,
    /// Any other error of the operating system: see [`raw_os_error`](crate::Error::raw_os_error).
    Other,
}

impl ErrorKind {
    pub(super) fn of(operation: &Operation, cause: &Cause) -> Self {
        match cause {
            Cause::Os(error) => Self::of_errno(operation, error.errno()),
            Cause::TimedOut => Self::TimedOut,
            Cause::Malformed => Self::Malformed,
            Cause::KeptChanging => Self::KeptChanging,
            Cause::TooLong { .. } => Self::TooLong,
            Cause::Occupied => Self::Busy,
            Cause::NoMarks => Self::Unsupported,
            Cause::RouteTaken { .. } | Cause::NameTaken(..) | Cause::HardwareAddressTaken(_) => Self::Taken,
            Cause::NoArp
            | Cause::NotMulticast(_)
            | Cause::NotLocal(_)
            | Cause::OtherFamily(..)
            | Cause::AhOverIpv6
            | Cause::NotUnicast(_)
            | Cause::OtherPrefixLength(_)
            | Cause::InTheWay(_)
            | Cause::WithoutMark
            | Cause::NoIpv6
            | Cause::NotReachable => Self::Unsuitable,
        }
    }

    fn of_errno(operation: &Operation, errno: i32) -> Self {
        match (operation, errno) {
            // Where IPv6 is disabled: `addrconf_add_dev`, net/ipv6/addrconf.c, and `fib6_nh_init`, net/ipv6/route.c.
            (Operation::Add(address, _), libc::EACCES) if address.ip().is_ipv6() => Self::Unsuitable,
            (Operation::AddRoute(route), libc::EACCES) if route.destination().ip().is_ipv6() => {
                Self::Unsuitable
            }
            (Operation::AddRoute(_), libc::EINVAL) => Self::Unsuitable,
            (Operation::AddRoute(_), libc::ENETUNREACH | libc::EHOSTUNREACH) => Self::NoWayToGateway,
            // From an address that is gone.
            (Operation::Send(_), libc::EINVAL) => Self::InterfaceDown,
            (Operation::CreateVirtualMac(..), libc::EOPNOTSUPP) => Self::Unsupported,
            // Kernels without nf_tables, without its family `inet`, or from before there were owners of tables (5.12),
            // refuse in various ways what is known to be well-formed.
            (
                Operation::OpenFilter | Operation::CreateTable(_),
                libc::EPROTONOSUPPORT | libc::EOPNOTSUPP | libc::EAFNOSUPPORT | libc::EINVAL | libc::ENOENT,
            ) => Self::Unsupported,
            (_, libc::EPERM | libc::EACCES | libc::EROFS) => Self::NotPermitted,
            (_, libc::ENODEV | libc::ENXIO) => Self::NoSuchInterface,
            (_, libc::ENETDOWN | libc::ENETUNREACH) => Self::InterfaceDown,
            (_, libc::EAGAIN | libc::ENOBUFS) => Self::Busy,
            (_, libc::EMSGSIZE) => Self::TooLong,
            (_, libc::EEXIST | libc::EADDRINUSE) => Self::Taken,
            _ => Self::Other,
        }
    }
}
