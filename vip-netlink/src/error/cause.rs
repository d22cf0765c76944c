use std::{fmt, io, net::IpAddr};

use crate::{address::Address, link::Name, route::Route, rule::Rule};
use kernel_netlink::Malformed;

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

impl From<kernel_netlink::Failure> for Failure {
    fn from(failure: kernel_netlink::Failure) -> Self {
        use kernel_netlink::Failure as Netlink;
        match failure {
            Netlink::Os { errno, text } => Self {
                cause: Cause::Os(SystemError(io::Error::from_raw_os_error(errno))),
                kernel_message: text,
            },
            Netlink::TimedOut => Cause::TimedOut.into(),
            Netlink::TooLong { length, room } => Cause::TooLong { length, room }.into(),
            Netlink::KeptChanging => Cause::KeptChanging.into(),
            Netlink::Malformed => Cause::Malformed.into(),
        }
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
pub(super) struct Mac(pub(super) [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, last] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{last:02x}")
    }
}

/// An error of the operating system, which can be told to everybody whom it concerns.
#[derive(Debug)]
pub(crate) struct SystemError(io::Error);

impl SystemError {
    /// 0 where there is none.
    pub(super) fn errno(&self) -> i32 {
        self.0.raw_os_error().unwrap_or_default()
    }
}

impl Clone for SystemError {
    fn clone(&self) -> Self {
        Self(match self.0.raw_os_error() {
            Some(errno) => io::Error::from_raw_os_error(errno),
            None => self.0.kind().into(),
        })
    }
}

impl Cause {
    pub(super) fn os_error(&self) -> Option<&io::Error> {
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
