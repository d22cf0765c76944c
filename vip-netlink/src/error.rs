use std::{error, fmt, io, net::IpAddr};

use nix::libc;

use crate::{address::Address, link::Name, message::Malformed, route::Route, rule::Rule};

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
    /// Takes the cause out, to tell it of another operation.
    pub(crate) fn into_failure(self) -> Failure {
        Failure { cause: self.cause, kernel_message: self.kernel_message }
    }

    /// Returns the class of the failure, to decide on.
    pub fn kind(&self) -> ErrorKind {
        match &self.cause {
            Cause::Os(_) => match self.raw_os_error().unwrap_or_default() {
                libc::EACCES if self.is_ipv6_disabled() => ErrorKind::Unsuitable,
                // To send from an address that is gone.
                libc::EINVAL if matches!(self.operation, Operation::Send(_)) => ErrorKind::InterfaceDown,
                libc::ENETUNREACH | libc::EHOSTUNREACH if self.is_of_route() => ErrorKind::NoWayToGateway,
                libc::EINVAL if self.is_of_route() => ErrorKind::Unsuitable,
                libc::EPERM | libc::EACCES | libc::EROFS => ErrorKind::NotPermitted,
                libc::ENODEV | libc::ENXIO => ErrorKind::NoSuchInterface,
                libc::ENETDOWN | libc::ENETUNREACH => ErrorKind::InterfaceDown,
                libc::EAGAIN | libc::ENOBUFS => ErrorKind::Busy,
                libc::EMSGSIZE => ErrorKind::TooLong,
                libc::EEXIST | libc::EADDRINUSE => ErrorKind::Taken,
                libc::EPROTONOSUPPORT
                | libc::EOPNOTSUPP
                | libc::EAFNOSUPPORT
                | libc::EINVAL
                | libc::ENOENT
                    if self.is_about_a_new_table() =>
                {
                    ErrorKind::Unsupported
                }
                libc::EOPNOTSUPP if matches!(self.operation, Operation::CreateVirtualMac(..)) => {
                    ErrorKind::Unsupported
                }
                _ => ErrorKind::Other,
            },
            Cause::TimedOut => ErrorKind::TimedOut,
            Cause::Malformed => ErrorKind::Malformed,
            Cause::KeptChanging => ErrorKind::KeptChanging,
            Cause::TooLong { .. } => ErrorKind::TooLong,
            Cause::Occupied => ErrorKind::Busy,
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
            | Cause::NotReachable => ErrorKind::Unsuitable,
            Cause::NoMarks => ErrorKind::Unsupported,
            Cause::RouteTaken { .. } | Cause::NameTaken(..) | Cause::HardwareAddressTaken(_) => {
                ErrorKind::Taken
            }
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

    /// The kernel's `EACCES` for an IPv6 address (`addrconf_add_dev`, net/ipv6/addrconf.c) or route
    /// (`fib6_nh_init`, net/ipv6/route.c).
    fn is_ipv6_disabled(&self) -> bool {
        let is_ipv6 = matches!(&self.operation, Operation::Add(address, _) if address.ip().is_ipv6())
            || matches!(&self.operation, Operation::AddRoute(route) if route.destination().ip().is_ipv6());
        is_ipv6 && self.raw_os_error() == Some(libc::EACCES)
    }

    fn is_of_route(&self) -> bool {
        matches!(self.operation, Operation::AddRoute(_))
    }

    /// Kernels without nf_tables, without its family `inet`, or from before there were owners of tables (5.12), refuse in
    /// various ways what is known to be well-formed.
    fn is_about_a_new_table(&self) -> bool {
        matches!(self.operation, Operation::OpenFilter | Operation::CreateTable(_))
    }

    fn hint(&self) -> Option<&'static str> {
        match (&self.operation, self.kind(), self.raw_os_error()) {
            (Operation::AddRoute(_), ErrorKind::NoWayToGateway, _) => {
                Some("is the gateway in a subnet of an interface that is up?")
            }
            (Operation::AddRoute(route), _, Some(libc::EINVAL)) if route.source().is_some() => {
                Some("is the source an address of this host?")
            }
            (Operation::Add(..) | Operation::AddRoute(_), ErrorKind::Unsuitable, Some(libc::EACCES)) => {
                Some("is the sysctl net.ipv6.conf.INTERFACE.disable_ipv6 set?")
            }
            (Operation::ChangeSetting(..), _, Some(libc::EROFS)) => {
                Some("/proc/sys is read-only in this container: set it from outside")
            }
            (
                Operation::Add(..)
                | Operation::Remove(..)
                | Operation::AddRoute(_)
                | Operation::RemoveRoute(_)
                | Operation::AddRule(_)
                | Operation::RemoveRule(_)
                | Operation::CreateVirtualMac(..)
                | Operation::RemoveVirtualMac(_)
                | Operation::BringUp(_)
                | Operation::TakeDown(_)
                | Operation::CreateTable(_)
                | Operation::ChangeTable(_)
                | Operation::ReadTable(_)
                | Operation::ChangeSetting(..)
                | Operation::KeepSetting(_)
                | Operation::ForgetSetting(_),
                ErrorKind::NotPermitted,
                _,
            ) => Some("needs CAP_NET_ADMIN"),
            (Operation::OpenFile(_), _, Some(libc::ENOENT)) => Some("is /proc mounted?"),
            (Operation::CreateVirtualMac(..), _, Some(libc::EBUSY)) => {
                Some("does it serve a bridge or bond? That is the parent then")
            }
            (Operation::CreateVirtualMac(..), _, Some(libc::EINVAL)) => {
                Some("is there a macvlan in mode passthru over it?")
            }
            (Operation::CreateVirtualMac(..), ErrorKind::Unsupported, _) => {
                Some("macvlan is not loaded: modprobe macvlan")
            }
            (Operation::OpenFilter | Operation::CreateTable(_), ErrorKind::Unsupported, _) => {
                Some("needs Linux 5.12 or later with nf_tables")
            }
            (Operation::CreateTable(_), ErrorKind::Taken, _) => Some("and it is not ours"),
            (Operation::ChangeTable(_), ErrorKind::TooLong, _) => {
                Some("there are more addresses than the sysctl net.core.wmem_max lets through at once")
            }
            (
                Operation::OpenAnnouncer(_) | Operation::OpenVrrp(_) | Operation::Rejoin(_),
                ErrorKind::NotPermitted,
                _,
            ) => Some("needs CAP_NET_RAW"),
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
    AddRoute(Box<Route>),
    RemoveRoute(Box<Route>),
    ListRoutes,
    AddRule(Box<Rule>),
    RemoveRule(Box<Rule>),
    ListRules,
    /// A hardware address, and the parent.
    CreateVirtualMac([u8; 6], Name),
    RemoveVirtualMac(Name),
    BringUp(Name),
    TakeDown(Name),
    OpenAnnouncer(Name),
    Announce(IpAddr, Name),
    OpenVrrp(Name),
    Rejoin(Name),
    SetFilter(Name),
    SetHopLimit(Name),
    Send(Name),
    Receive(Name),
    OpenFilter,
    CreateTable(Box<str>),
    ChangeTable(Box<str>),
    ReadTable(Box<str>),
    OpenFile(&'static str),
    ReadSetting(&'static str),
    ChangeSetting(&'static str, i32),
    /// In the form of this alternative name of the loopback interface.
    KeepSetting(Box<str>),
    ForgetSetting(Box<str>),
    Serve(IpAddr),
    BeRealServer,
    /// It failed for this reason.
    UndoStart(Box<str>),
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
            Self::ListOwned => write!(f, "list what is ours"),
            Self::ListAllAddresses => write!(f, "list the addresses of all interfaces"),
            Self::OpenMonitor => write!(f, "open a monitor"),
            Self::Watch => write!(f, "watch interfaces and addresses"),
            Self::ListAddresses(name) => write!(f, "list the addresses of {name}"),
            Self::Add(address, name) => write!(f, "add {address} to {name}"),
            Self::Remove(address, name) => write!(f, "remove {address} from {name}"),
            Self::AddRoute(route) => write!(f, "add the route {route}"),
            Self::RemoveRoute(route) => write!(f, "remove the route {route}"),
            Self::ListRoutes => write!(f, "list the routes"),
            Self::AddRule(rule) => write!(f, "add the rule {rule}"),
            Self::RemoveRule(rule) => write!(f, "remove the rule {rule}"),
            Self::ListRules => write!(f, "list the rules"),
            Self::CreateVirtualMac(mac, parent) => write!(f, "create {} over {parent}", Mac(*mac)),
            Self::RemoveVirtualMac(name) => write!(f, "remove the virtual MAC {name}"),
            Self::BringUp(name) => write!(f, "bring {name} up"),
            Self::TakeDown(name) => write!(f, "take {name} down"),
            Self::OpenAnnouncer(name) => write!(f, "open an announcer on {name}"),
            Self::Announce(address, name) => write!(f, "announce {address} on {name}"),
            Self::OpenVrrp(name) => write!(f, "open a VRRP socket on {name}"),
            Self::Rejoin(name) => write!(f, "rejoin on {name}"),
            Self::SetFilter(name) => write!(f, "set the filter on {name}"),
            Self::SetHopLimit(name) => write!(f, "set the hop limit on {name}"),
            Self::Send(name) => write!(f, "send on {name}"),
            Self::Receive(name) => write!(f, "receive on {name}"),
            Self::OpenFilter => write!(f, "open a netlink socket of netfilter"),
            Self::CreateTable(name) => write!(f, "create the nftables table {name}"),
            Self::ChangeTable(name) => write!(f, "change what the nftables table {name} drops"),
            Self::ReadTable(name) => write!(f, "read the counters of the nftables table {name}"),
            Self::OpenFile(path) => write!(f, "open {path}"),
            Self::ReadSetting(name) => write!(f, "read {name}"),
            Self::ChangeSetting(name, value) => write!(f, "set {name} to {value}"),
            Self::KeepSetting(name) => write!(f, "keep the old value as the name {name} of lo"),
            Self::ForgetSetting(name) => write!(f, "take the name {name} off lo"),
            Self::Serve(vip) => write!(f, "serve {vip}"),
            Self::BeRealServer => write!(f, "start or stop a real server"),
            Self::UndoStart(reason) => write!(f, "undo a start that failed ({reason})"),
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
    NotUnicast(IpAddr),
    /// The interface has the IP like this.
    OtherPrefixLength(Address),
    /// There is another program's route in its place.
    RouteTaken {
        route: Box<Route>,
        protocol: u8,
    },
    /// The kernel cannot be told to take another rule than this, which cannot be put back.
    InTheWay(Box<Rule>),
    /// An interface has the name, but is not the one that is wanted.
    NameTaken(Name, Difference),
    /// This interface has it, over the same parent.
    HardwareAddressTaken(Name),
    WithoutMark,
    NoIpv6,
    /// By another process that does the like.
    Occupied,
    NotReachable,
    /// Of who put an address there.
    NoMarks,
}

/// What keeps an interface from being the virtual MAC of its name.
#[derive(Copy, Clone, Debug)]
pub(crate) enum Difference {
    NoMacvlan,
    HardwareAddress([u8; 6]),
    Parent,
    NoMark,
    Owner,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMacvlan => write!(f, "is no macvlan"),
            Self::HardwareAddress(mac) => write!(f, "has {}", Mac(*mac)),
            Self::Parent => write!(f, "has another parent"),
            Self::NoMark => write!(f, "bears no mark of ours"),
            Self::Owner => write!(f, "bears another owner's mark"),
        }
    }
}

/// A hardware address, as `ip link` writes it.
struct Mac([u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, last] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{last:02x}")
    }
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
            | Self::NotUnicast(_)
            | Self::OtherPrefixLength(_)
            | Self::RouteTaken { .. }
            | Self::InTheWay(_)
            | Self::NameTaken(..)
            | Self::HardwareAddressTaken(_)
            | Self::WithoutMark
            | Self::NoIpv6
            | Self::Occupied
            | Self::NotReachable
            | Self::NoMarks => None,
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
            Self::NotUnicast(ip) => write!(f, "{ip} cannot be the address of a host"),
            Self::AhOverIpv6 => write!(f, "the authentication header is for IPv4 only"),
            Self::RouteTaken { route, protocol } => write!(
                f,
                "there is {route} in its place, of protocol {protocol}, not ours (remove that, or choose another metric or table)"
            ),
            Self::InTheWay(rule) => {
                write!(
                    f,
                    "the kernel would remove {rule}, which has more to it, in its place (remove that first)"
                )
            }
            Self::OtherPrefixLength(address) => write!(f, "it is there as {address} (remove that first)"),
            Self::NameTaken(name, difference) => {
                write!(f, "there is another interface {name}, which {difference}")
            }
            Self::HardwareAddressTaken(other) => {
                write!(
                    f,
                    "{other} has the hardware address already (are there two virtual routers of one number?)"
                )
            }
            Self::WithoutMark => write!(f, "it bears no mark of ours"),
            Self::NoIpv6 => {
                write!(f, "IPv6 is disabled there (is the sysctl net.ipv6.conf.default.disable_ipv6 set?)")
            }
            Self::Occupied => write!(f, "another process has been at it for seconds (`lslocks` shows which)"),
            Self::NotReachable => write!(f, "other hosts cannot reach a single host by it"),
            Self::NoMarks => {
                write!(f, "this kernel would not know later who put it there (Linux does since 5.18)")
            }
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
                Operation::CreateVirtualMac([0, 0, 0x5e, 0, 1, 51], eth0).failed(os(libc::EOPNOTSUPP)),
                "cannot create 00:00:5e:00:01:33 over eth0: operation not supported on transport endpoint (macvlan is not loaded: modprobe macvlan)",
                ErrorKind::Unsupported,
            ),
            (
                Operation::CreateVirtualMac([0, 0, 0x5e, 0, 2, 51], eth0)
                    .failed(Cause::NameTaken(eth0, Difference::Parent)),
                "cannot create 00:00:5e:00:02:33 over eth0: there is another interface eth0, which has another parent",
                ErrorKind::Taken,
            ),
            (
                Operation::BringUp(eth0).failed(os(libc::EADDRINUSE)),
                "cannot bring eth0 up: address already in use",
                ErrorKind::Taken,
            ),
            (
                Operation::CreateTable("vip_netlink_7".into()).failed(os(libc::EPERM)),
                "cannot create the nftables table vip_netlink_7: operation not permitted (needs CAP_NET_ADMIN)",
                ErrorKind::NotPermitted,
            ),
            (
                Operation::CreateTable("vip_netlink_7".into()).failed(os(libc::EEXIST)),
                "cannot create the nftables table vip_netlink_7: file exists (and it is not ours)",
                ErrorKind::Taken,
            ),
            (
                Operation::OpenFilter.failed(os(libc::EPROTONOSUPPORT)),
                "cannot open a netlink socket of netfilter: protocol not supported (needs Linux 5.12 or later with nf_tables)",
                ErrorKind::Unsupported,
            ),
            (
                Operation::CreateTable("vip_netlink_7".into()).failed(os(libc::EINVAL)),
                "cannot create the nftables table vip_netlink_7: invalid argument (needs Linux 5.12 or later with nf_tables)",
                ErrorKind::Unsupported,
            ),
            (
                Operation::ChangeTable("vip_netlink_7".into()).failed(os(libc::EINVAL)),
                "cannot change what the nftables table vip_netlink_7 drops: invalid argument",
                ErrorKind::Other,
            ),
            (
                Operation::ChangeTable("vip_netlink_7".into()).failed(os(libc::EMSGSIZE)),
                "cannot change what the nftables table vip_netlink_7 drops: message too long (there are more addresses than the sysctl net.core.wmem_max lets through at once)",
                ErrorKind::TooLong,
            ),
            (
                Operation::OpenVrrp(eth0).failed(Cause::NotMulticast(IpAddr::from([127, 0, 0, 1]))),
                "cannot open a VRRP socket on eth0: 127.0.0.1 is not a multicast address",
                ErrorKind::Unsuitable,
            ),
            (
                Operation::ChangeSetting("net.ipv4.conf.all.arp_ignore", 1).failed(os(libc::EROFS)),
                "cannot set net.ipv4.conf.all.arp_ignore to 1: read-only file system (/proc/sys is read-only in this container: set it from outside)",
                ErrorKind::NotPermitted,
            ),
            (
                Operation::OpenFile("/proc/thread-self/ns/net").failed(os(libc::ENOENT)),
                "cannot open /proc/thread-self/ns/net: no such file or directory (is /proc mounted?)",
                ErrorKind::Other,
            ),
            (
                Operation::Serve(ipv6.ip()).failed(Cause::NoMarks),
                "cannot serve 2001:db8::1: this kernel would not know later who put it there (Linux does since 5.18)",
                ErrorKind::Unsuitable,
            ),
            (
                Operation::UndoStart("cannot add 10.0.0.1/24 to eth0: no such device".into())
                    .failed(Operation::Remove(address, eth0).failed(Cause::TimedOut).into_failure()),
                "cannot undo a start that failed (cannot add 10.0.0.1/24 to eth0: no such device): the kernel did not answer in time",
                ErrorKind::TimedOut,
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
