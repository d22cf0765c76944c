//! What can go wrong, by who is to blame: the operator ([`ConfigError`]), a text ([`ParseError`]), or the kernel ([`Error`]).

mod config;
mod kind;
mod operation;
mod parse;

use std::{fmt, io};

use kernel_netlink::Failure;
use nix::{errno::Errno, libc};

pub use self::{config::ConfigError, kind::ErrorKind, parse::ParseError};
pub(crate) use self::{operation::Operation, parse::Problem};

/// Why the kernel did not do what was asked.
///
/// Its `Display` is one sentence: what was tried, on what, why not, and what would help where that is known. For a
/// decision use [`kind`](Self::kind). IPVS says no more than an `errno`, and uses the same one for several things; the
/// sentence is about the one that it is here.
#[derive(Debug)]
pub struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    operation: Operation,
    cause: Cause,
    /// The same as in the cause, for `source`.
    os: Option<io::Error>,
}

/// Why, before it is known what was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The kernel has no family of that name, and could not load it.
    NotLoaded,
    /// What is there is not what was asked for: this.
    Differs(Box<str>),
    Netlink(Failure),
}

impl Cause {
    pub(crate) fn is(&self, errno: i32) -> bool {
        self.errno() == Some(errno)
    }

    /// Tells whether the kernel said that it does not have what the request named.
    pub(crate) fn is_missing(&self) -> bool {
        self.is(libc::ESRCH) || self.is(libc::ENOENT)
    }

    fn errno(&self) -> Option<i32> {
        match self {
            Self::Netlink(Failure::Os { errno, .. }) => Some(*errno),
            Self::NotLoaded | Self::Differs(_) | Self::Netlink(_) => None,
        }
    }
}

impl<T: Into<Failure>> From<T> for Cause {
    fn from(failure: T) -> Self {
        Self::Netlink(failure.into())
    }
}

impl Error {
    pub(crate) fn new(operation: Operation, cause: impl Into<Cause>) -> Self {
        let cause = cause.into();
        let os = cause.errno().map(io::Error::from_raw_os_error);
        Self(Box::new(Inner { operation, cause, os }))
    }

    /// Returns the class of the failure, to decide on.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::of(&self.0.operation, &self.0.cause)
    }

    /// Returns the `errno` the kernel answered with, `None` where no system call failed.
    pub fn raw_os_error(&self) -> Option<i32> {
        self.0.cause.errno()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { operation, cause, .. } = &*self.0;
        write!(f, "cannot {operation}: ")?;
        if let Some(sentence) = operation.explain(self.kind()) {
            return write!(f, "{sentence}");
        }
        match cause {
            Cause::NotLoaded => write!(f, "ip_vs is not loaded, or this kernel has none (modprobe ip_vs)"),
            Cause::Differs(there) => write!(f, "there is another: {there} (stop that first)"),
            Cause::Netlink(Failure::Os { errno, text }) => {
                write!(f, "{}", lower_case(Errno::from_raw(*errno).desc()))?;
                text.iter().try_for_each(|text| write!(f, " ({text})"))
            }
            Cause::Netlink(failure) => write!(f, "{failure}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.os.as_ref().map(|error| error as _)
    }
}

/// Has a system error's text fit into a sentence.
fn lower_case(text: &str) -> String {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Scheduler, Service, ServiceId, SyncDaemon, SyncRole};

    #[test]
    fn the_sentence_says_what_was_tried_why_not_and_what_would_help() {
        let id: ServiceId = "-t 192.0.2.1:80".parse().unwrap();
        let service = |text: &str| text.parse::<Service>().unwrap();
        let server = "10.0.0.1:80".parse().unwrap();
        let daemon = SyncDaemon::builder(SyncRole::Master, "eth9", 1).build().unwrap();
        let os = |errno| Cause::from(Failure::Os { errno, text: None });

        for (operation, cause, kind, sentence) in [
            (
                Operation::ListServices,
                Cause::NotLoaded,
                ErrorKind::NotLoaded,
                "cannot list the services: ip_vs is not loaded, or this kernel has none (modprobe ip_vs)",
            ),
            (
                Operation::Flush,
                os(libc::EPERM),
                ErrorKind::NotPermitted,
                "cannot remove all services: operation not permitted (needs CAP_NET_ADMIN in the initial user namespace, which root in a container may lack)",
            ),
            (
                Operation::AddService(service("-A -t 192.0.2.1:80 -s twos")),
                os(libc::ENOENT),
                ErrorKind::NoSuchModule,
                "cannot add service `-t 192.0.2.1:80`: the kernel has no scheduler twos (modprobe ip_vs_twos)",
            ),
            (
                Operation::EditService(service("-A -u 192.0.2.1:80 -s rr --pe sip")),
                os(libc::ENOENT),
                ErrorKind::NoSuchModule,
                "cannot edit service `-u 192.0.2.1:80`: the kernel has no scheduler rr (modprobe ip_vs_rr) or no persistence engine sip (modprobe ip_vs_pe_sip)",
            ),
            (
                Operation::AddService(service("-A -t 192.0.2.1:80")),
                os(libc::EEXIST),
                ErrorKind::AlreadyExists,
                "cannot add service `-t 192.0.2.1:80`: it exists already",
            ),
            (
                Operation::AddDestination(id, server),
                os(libc::ESRCH),
                ErrorKind::NoSuchService,
                "cannot add destination 10.0.0.1:80 to `-t 192.0.2.1:80`: there is no such service",
            ),
            (
                Operation::EditDestination(id, server),
                os(libc::ENOENT),
                ErrorKind::NoSuchDestination,
                "cannot edit destination 10.0.0.1:80 of `-t 192.0.2.1:80`: the service has no such destination",
            ),
            (
                Operation::AddDestination(id, "[2001:db8::1]:80".parse().unwrap()),
                os(libc::EINVAL),
                ErrorKind::Refused,
                "cannot add destination [2001:db8::1]:80 to `-t 192.0.2.1:80`: a destination of the other version of IP takes a tunnel, and cannot be while a sync daemon runs",
            ),
            (
                Operation::StartDaemon(daemon),
                os(libc::ENODEV),
                ErrorKind::NoSuchInterface,
                "cannot start the master sync daemon on eth9: there is no such interface (`ip link` lists those there are)",
            ),
            (
                Operation::StopDaemon(SyncRole::Backup),
                os(libc::ESRCH),
                ErrorKind::NoSuchDaemon,
                "cannot stop the backup sync daemon: none runs",
            ),
            (
                Operation::SetTimeouts,
                Cause::from(Failure::TimedOut),
                ErrorKind::TimedOut,
                "cannot set the timeouts: the kernel did not answer in time",
            ),
            (
                Operation::ReadInfo,
                os(libc::ENOBUFS),
                ErrorKind::Other,
                "cannot read the version: no buffer space available",
            ),
        ] {
            let error = Error::new(operation, cause);

            assert_eq!((error.kind(), error.to_string().as_str()), (kind, sentence));
        }
        assert_eq!(Scheduler::RR.module(), "ip_vs_rr");
    }
}
