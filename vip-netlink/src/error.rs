use std::{error, fmt, io, net::IpAddr};

use nix::libc;

use crate::{address::Address, link::Name, message::Malformed};

/// Why the kernel, or this crate on its behalf, refused an operation.
///
/// Its `Display` is one sentence: what was tried, on what, why not, and what would help where that is known. For a
/// decision use [`kind`](Self::kind); a daemon goes on running after every one of them.
#[derive(Debug)]
pub struct Error {
    operation: Operation,
    cause: Cause,
    kernel_message: Option<Box<str>>,
}

impl Error {
    /// Returns the class of the failure, to decide on.
    pub fn kind(&self) -> ErrorKind {
        match &self.cause {
            Cause::Os(_) => match self.raw_os_error().unwrap_or_default() {
                libc::EACCES if self.is_ipv6_disabled() => ErrorKind::Unsuitable,
                // To send from an address that is gone.
                libc::EINVAL if matches!(self.operation, Operation::Send(_)) => ErrorKind::InterfaceDown,
                libc::EPERM | libc::EACCES => ErrorKind::NotPermitted,
                libc::ENODEV | libc::ENXIO => ErrorKind::NoSuchInterface,
                libc::ENETDOWN | libc::ENETUNREACH => ErrorKind::InterfaceDown,
                libc::EAGAIN | libc::ENOBUFS => ErrorKind::Busy,
                libc::EMSGSIZE => ErrorKind::TooLong,
                _ => ErrorKind::Other,
            },
            Cause::TimedOut => ErrorKind::TimedOut,
            Cause::Malformed => ErrorKind::Malformed,
            Cause::KeptChanging => ErrorKind::KeptChanging,
            Cause::TooLong { .. } => ErrorKind::TooLong,
            Cause::NoArp
            | Cause::NotMulticast(_)
            | Cause::NotLocal(_)
            | Cause::OtherFamily(..)
            | Cause::AhOverIpv6
            | Cause::OtherPrefixLength(_) => ErrorKind::Unsuitable,
        }
    }

    /// Returns the `errno` the kernel answered with, `None` where no system call failed.
    pub fn raw_os_error(&self) -> Option<i32> {
        self.cause.os_error()?.raw_os_error()
    }

    /// Returns the kernel's own words (netlink's extended acknowledgement).
    ///
    /// Which errors come with a text, and which, differs from one kernel to the next.
    pub fn kernel_message(&self) -> Option<&str> {
        self.kernel_message.as_deref()
    }

    /// The kernel's `EACCES` for an IPv6 address (`addrconf_add_dev`, net/ipv6/addrconf.c).
    fn is_ipv6_disabled(&self) -> bool {
        matches!(self.operation, Operation::Add(address, _) if address.ip().is_ipv6())
            && self.raw_os_error() == Some(libc::EACCES)
    }

    fn hint(&self) -> Option<&'static str> {
        match (&self.operation, self.kind(), self.raw_os_error()) {
            (Operation::Add(..), ErrorKind::Unsuitable, Some(_)) => {
                Some("is the sysctl net.ipv6.conf.INTERFACE.disable_ipv6 set?")
            }
            (Operation::Add(..) | Operation::Remove(..), ErrorKind::NotPermitted, _) => {
                Some("needs CAP_NET_ADMIN")
            }
            (Operation::OpenAnnouncer(_) | Operation::OpenVrrp(_), ErrorKind::NotPermitted, _) => {
                Some("needs CAP_NET_RAW")
            }
            (Operation::OpenVrrp(_), _, Some(libc::EAFNOSUPPORT)) => Some("this kernel has no IPv6"),
            (Operation::Send(_), _, Some(libc::ENETUNREACH | libc::EINVAL)) => {
                Some("is the interface up, and the source still its address?")
            }
            (_, ErrorKind::InterfaceDown, _) => Some("is the interface up?"),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Operation::FindInterface(name), ErrorKind::NoSuchInterface) = (&self.operation, self.kind()) {
            return write!(f, "no interface named {name} (`ip link` lists those there are)");
        }
        write!(f, "cannot {}: {}", self.operation, self.cause)?;
        match (self.kernel_message(), self.hint()) {
            (None, None) => Ok(()),
            (Some(text), None) | (None, Some(text)) => write!(f, " ({text})"),
            (Some(text), Some(hint)) => write!(f, " ({text}; {hint})"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.cause.os_error().map(|error| error as _)
    }
}

/// The classes of failure a caller can tell apart.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The thread lacks the capability that the function's documentation names (`EPERM`, `EACCES`).
    NotPermitted,
    /// The interface does not exist, or no longer (`ENODEV`, `ENXIO`): look it up and open again.
    NoSuchInterface,
    /// The interface is administratively down (`ENETDOWN`): it passes when the interface comes up.
    ///
    /// To a [`VrrpSocket`](crate::VrrpSocket) it looks the same (`ENETUNREACH`, `EINVAL`) when the source address was
    /// removed, and over IPv4 when the interface was deleted.
    InterfaceDown,
    /// A queue or buffer is full (`EAGAIN`, `ENOBUFS`): try again later.
    Busy,
    /// The kernel did not answer a request within a second; whether it was carried out is not known.
    TimedOut,
    /// A datagram did not fit: what arrived into the caller's buffer, or what was sent into an IP packet.
    TooLong,
    /// The kernel's list of addresses kept changing while it was read.
    KeptChanging,
    /// What arrived, or was to be sent as a datagram, could not be understood.
    Malformed,
    /// The interface or address given cannot serve this purpose, whatever the kernel may say.
    Unsuitable,
    /// Any other error of the operating system: see [`Error::raw_os_error`].
    Other,
}

/// What was tried, on which object. Holds names inline where the packet path may fail, so that failing allocates
/// nothing there either.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    OpenNetlink,
    FindInterface(Box<str>),
    ListInterfaces,
    ListAddresses(Name),
    ListOwned,
    ListAllAddresses,
    OpenMonitor,
    Watch,
    Add(Address, Name),
    Remove(Address, Name),
    OpenAnnouncer(Name),
    Announce(IpAddr, Name),
    OpenVrrp(Name),
    SetHopLimit(Name),
    Send(Name),
    Receive(Name),
}

impl Operation {
    pub(crate) fn failed(self, failure: impl Into<Failure>) -> Error {
        let Failure { cause, kernel_message } = failure.into();
        Error { operation: self, cause, kernel_message }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenNetlink => write!(f, "open a netlink socket"),
            Self::FindInterface(name) => write!(f, "look up interface {name}"),
            Self::ListInterfaces => write!(f, "list the interfaces"),
            Self::ListOwned => write!(f, "list the addresses that are ours"),
            Self::ListAllAddresses => write!(f, "list the addresses of all interfaces"),
            Self::OpenMonitor => write!(f, "open a monitor"),
            Self::Watch => write!(f, "watch interfaces and addresses"),
            Self::ListAddresses(name) => write!(f, "list the addresses of {name}"),
            Self::Add(address, name) => write!(f, "add {address} to {name}"),
            Self::Remove(address, name) => write!(f, "remove {address} from {name}"),
            Self::OpenAnnouncer(name) => write!(f, "open an announcer on {name}"),
            Self::Announce(address, name) => write!(f, "announce {address} on {name}"),
            Self::OpenVrrp(name) => write!(f, "open a VRRP socket on {name}"),
            Self::SetHopLimit(name) => write!(f, "set the hop limit on {name}"),
            Self::Send(name) => write!(f, "send on {name}"),
            Self::Receive(name) => write!(f, "receive on {name}"),
        }
    }
}

/// Why an operation failed, before it is known which one it was.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    pub(crate) kernel_message: Option<Box<str>>,
}

impl Failure {
    pub(crate) fn is(&self, errno: i32) -> bool {
        self.cause.os_error().and_then(io::Error::raw_os_error) == Some(errno)
    }
}

impl From<Malformed> for Failure {
    fn from(Malformed: Malformed) -> Self {
        Cause::Malformed.into()
    }
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        Self { cause, kernel_message: None }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Cause::Os(SystemError(error)).into()
    }
}

impl From<nix::Error> for Failure {
    fn from(errno: nix::Error) -> Self {
        io::Error::from(errno).into()
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Cause {
    Os(SystemError),
    TimedOut,
    Malformed,
    KeptChanging,
    TooLong {
        length: usize,
        room: usize,
    },
    NoArp,
    NotMulticast(IpAddr),
    NotLocal(IpAddr),
    /// These two addresses.
    OtherFamily(IpAddr, IpAddr),
    AhOverIpv6,
    /// The interface has the IP like this.
    OtherPrefixLength(Address),
}

/// An error of the operating system, which can be told to everybody whom it concerns.
#[derive(Debug)]
pub(crate) struct SystemError(io::Error);

impl Clone for SystemError {
    fn clone(&self) -> Self {
        Self(match self.0.raw_os_error() {
            Some(errno) => io::Error::from_raw_os_error(errno),
            None => self.0.kind().into(),
        })
    }
}

impl Cause {
    fn os_error(&self) -> Option<&io::Error> {
        match self {
            Self::Os(SystemError(error)) => Some(error),
            Self::TimedOut
            | Self::Malformed
            | Self::KeptChanging
            | Self::TooLong { .. }
            | Self::NoArp
            | Self::NotMulticast(_)
            | Self::NotLocal(_)
            | Self::OtherFamily(..)
            | Self::AhOverIpv6
            | Self::OtherPrefixLength(_) => None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Os(SystemError(error)) => match error.raw_os_error() {
                Some(errno) => write_lower_case(f, nix::Error::from_raw(errno).desc()),
                None => write!(f, "{error}"),
            },
            Self::TimedOut => write!(f, "the kernel did not answer in time"),
            Self::Malformed => write!(f, "malformed message"),
            Self::KeptChanging => write!(f, "they kept changing while they were read"),
            Self::TooLong { length, room } => {
                write!(f, "a datagram of {length} bytes does not fit into a buffer of {room}")
            }
            Self::NoArp => write!(f, "neighbours are not found by ARP over Ethernet there"),
            Self::NotMulticast(group) => write!(f, "{group} is not a multicast address"),
            Self::NotLocal(source @ IpAddr::V4(_)) => write!(f, "{source} is not an address of this host"),
            Self::NotLocal(source @ IpAddr::V6(_)) => write!(
                f,
                "{source} is not an address of this host, or not yet (an address is tentative for a second or two)"
            ),
            Self::OtherFamily(one, other) => write!(f, "{one} and {other} are of different versions of IP"),
            Self::AhOverIpv6 => write!(f, "the authentication header is for IPv4 only"),
            Self::OtherPrefixLength(address) => write!(f, "it is there as {address} (remove that first)"),
        }
    }
}

/// Writes a system error's text to fit into a sentence, leaving words that are all capitals alone ("RPC ...").
fn write_lower_case(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            write!(f, "{}{}", first.to_lowercase(), letters.as_str())
        }
        _ => write!(f, "{text}"),
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;

    #[test]
    fn says_what_was_tried_why_not_and_what_would_help() {
        let eth0 = Name::new("eth0").unwrap();
        let address: Address = "10.0.0.1/24".parse().unwrap();
        let ipv6: Address = "2001:db8::1".parse().unwrap();

        let cases = [
            (
                Operation::Add(address, eth0).failed(os(libc::EPERM)),
                "cannot add 10.0.0.1/24 to eth0: operation not permitted (needs CAP_NET_ADMIN)",
                ErrorKind::NotPermitted,
            ),
            (
                Operation::OpenVrrp(eth0).failed(os(libc::EPERM)),
                "cannot open a VRRP socket on eth0: operation not permitted (needs CAP_NET_RAW)",
                ErrorKind::NotPermitted,
            ),
            (
                Operation::FindInterface("eth9".into()).failed(os(libc::ENODEV)),
                "no interface named eth9 (`ip link` lists those there are)",
                ErrorKind::NoSuchInterface,
            ),
            (
                Operation::Remove(address, eth0).failed(Failure {
                    kernel_message: Some("ipv4: Device not found".into()),
                    ..os(libc::ENODEV).into()
                }),
                "cannot remove 10.0.0.1/24 from eth0: no such device (ipv4: Device not found)",
                ErrorKind::NoSuchInterface,
            ),
            (
                Operation::Send(eth0).failed(os(libc::ENETUNREACH)),
                "cannot send on eth0: network is unreachable (is the interface up, and the source still its address?)",
                ErrorKind::InterfaceDown,
            ),
            (
                Operation::Receive(eth0).failed(Cause::TooLong { length: 1500, room: 128 }),
                "cannot receive on eth0: a datagram of 1500 bytes does not fit into a buffer of 128",
                ErrorKind::TooLong,
            ),
            (
                Operation::Add(ipv6, eth0).failed(os(libc::EACCES)),
                "cannot add 2001:db8::1/128 to eth0: permission denied (is the sysctl net.ipv6.conf.INTERFACE.disable_ipv6 set?)",
                ErrorKind::Unsuitable,
            ),
            (
                Operation::Add(ipv6, eth0)
                    .failed(Cause::OtherPrefixLength("2001:db8::1/64".parse().unwrap())),
                "cannot add 2001:db8::1/128 to eth0: it is there as 2001:db8::1/64 (remove that first)",
                ErrorKind::Unsuitable,
            ),
            (
                Operation::OpenVrrp(eth0).failed(Cause::NotMulticast(IpAddr::from([127, 0, 0, 1]))),
                "cannot open a VRRP socket on eth0: 127.0.0.1 is not a multicast address",
                ErrorKind::Unsuitable,
            ),
        ];

        for (error, text, kind) in cases {
            assert_eq!(error.to_string(), text);
            assert_eq!(error.kind(), kind, "{text}");
            assert_eq!(error.source().is_some(), error.raw_os_error().is_some(), "{text}");
        }
    }

    fn os(errno: i32) -> io::Error {
        io::Error::from_raw_os_error(errno)
    }
}
