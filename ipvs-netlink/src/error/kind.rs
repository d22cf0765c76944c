use kernel_netlink::Failure;
use nix::libc;

use super::{Cause, Operation};

/// The classes of failure a caller can tell apart.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// `ip_vs` is not loaded and could not be, or the kernel was built without it.
    NotLoaded,
    /// `CAP_NET_ADMIN` is missing in the initial user namespace (`EPERM`).
    NotPermitted,
    /// There is such a service, destination or sync daemon already (`EEXIST`).
    AlreadyExists,
    /// There is no such service (`ESRCH`).
    NoSuchService,
    /// The service has no such destination (`ENOENT`).
    NoSuchDestination,
    /// There is no module for the scheduler or the persistence engine (`ENOENT`).
    NoSuchModule,
    /// No such sync daemon runs (`ESRCH`).
    NoSuchDaemon,
    /// There is no such interface (`ENODEV`).
    NoSuchInterface,
    /// The kernel does not take these values (`EINVAL`, `ERANGE`).
    Refused,
    /// The kernel does not know what was asked for, or has no IPv6 (`EOPNOTSUPP`, `EAFNOSUPPORT`).
    Unsupported,
    /// The kernel did not answer within a second; whether the request was carried out is not known.
    TimedOut,
    /// The kernel's answer could not be understood.
    Malformed,
    /// Any other error of the operating system: see [`raw_os_error`](crate::Error::raw_os_error).
    Other,
}

impl ErrorKind {
    pub(super) fn of(operation: &Operation, cause: &Cause) -> Self {
        match cause {
            Cause::NotLoaded => Self::NotLoaded,
            Cause::Differs(_) => Self::AlreadyExists,
            Cause::Netlink(Failure::Os { errno, .. }) => Self::of_errno(operation, *errno),
            Cause::Netlink(Failure::TimedOut) => Self::TimedOut,
            Cause::Netlink(Failure::Malformed | Failure::TooLong { .. } | Failure::KeptChanging) => {
                Self::Malformed
            }
        }
    }

    /// What it means depends on what was tried: ip_vs_ctl.c and ip_vs_sync.c.
    fn of_errno(operation: &Operation, errno: i32) -> Self {
        match (errno, operation) {
            (libc::EPERM | libc::EACCES, _) => Self::NotPermitted,
            (libc::EEXIST, _) => Self::AlreadyExists,
            (libc::ESRCH, Operation::StartDaemon(_) | Operation::StopDaemon(_) | Operation::ListDaemons) => {
                Self::NoSuchDaemon
            }
            (libc::ESRCH, _) => Self::NoSuchService,
            (libc::ENOENT, Operation::AddService(_) | Operation::EditService(_)) => Self::NoSuchModule,
            (libc::ENOENT, Operation::EditDestination(..) | Operation::RemoveDestination(..)) => {
                Self::NoSuchDestination
            }
            (libc::ENODEV, Operation::StartDaemon(_)) => Self::NoSuchInterface,
            (libc::EINVAL | libc::ERANGE, _) => Self::Refused,
            (libc::EOPNOTSUPP | libc::EAFNOSUPPORT, _) => Self::Unsupported,
            _ => Self::Other,
        }
    }
}
