//! What tells services apart.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use nix::libc;

use crate::error::ConfigError;

/// What tells one service from another: protocol, address and port, or a firewall mark and the version of IP.
///
/// Its `Display` is `ipvsadm`'s: `-t 192.0.2.1:80`, `-u [2001:db8::1]:53`, `--sctp-service 192.0.2.1:5060`, `-f 7`, `-f 7 -6`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceId(Key);

#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Key {
    Address(Protocol, SocketAddr),
    Mark(u32, Family),
}

impl ServiceId {
    /// Names the service at an address and port. Port 0 is every port that has no service of its own; such a service must
    /// be persistent.
    ///
    /// Flow label and scope of an IPv6 address are no part of it.
    ///
    /// # Errors
    ///
    /// An unspecified, multicast or broadcast address, or an IPv4 address in IPv6's clothes; a protocol that IPVS does not balance ([`Protocol::Other`]). The
    /// kernel accepts these and never finds a packet for them.
    pub fn new(protocol: Protocol, address: SocketAddr) -> Result<Self, ConfigError> {
        if let Protocol::Other(number) = protocol {
            return Err(ConfigError::Protocol { number });
        }
        let ip = address.ip();
        // Of IPv4 in IPv6's clothes, `to_canonical` is the one that clients send to.
        if ip.is_unspecified()
            || ip.is_multicast()
            || ip == IpAddr::V4(Ipv4Addr::BROADCAST)
            || ip != ip.to_canonical()
        {
            return Err(ConfigError::ServiceAddress { address: ip });
        }
        Ok(Self::from_kernel(protocol, address))
    }

    /// Names the service of the packets that netfilter has given this mark, for one version of IP.
    ///
    /// # Errors
    ///
    /// Mark 0, which all other packets have. The kernel takes it for something else.
    pub fn firewall_mark(mark: u32, family: Family) -> Result<Self, ConfigError> {
        if mark == 0 { Err(ConfigError::FirewallMark) } else { Ok(Self(Key::Mark(mark, family))) }
    }

    /// Takes what the kernel holds, which accepts more.
    pub(crate) fn from_kernel(protocol: Protocol, address: SocketAddr) -> Self {
        Self(Key::Address(protocol, plain(address)))
    }

    pub(crate) fn mark_from_kernel(mark: u32, family: Family) -> Self {
        Self(Key::Mark(mark, family))
    }

    /// Returns the protocol, `None` for a firewall mark.
    pub fn protocol(&self) -> Option<Protocol> {
        match self.0 {
            Key::Address(protocol, _) => Some(protocol),
            Key::Mark(..) => None,
        }
    }

    /// Returns address and port, `None` for a firewall mark.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.0 {
            Key::Address(_, address) => Some(address),
            Key::Mark(..) => None,
        }
    }

    /// Returns the firewall mark, if it is one.
    pub fn mark(&self) -> Option<u32> {
        match self.0 {
            Key::Address(..) => None,
            Key::Mark(mark, _) => Some(mark),
        }
    }

    /// Returns the version of IP that clients use.
    pub fn family(&self) -> Family {
        match self.0 {
            Key::Address(_, address) => Family::of(address.ip()),
            Key::Mark(_, family) => family,
        }
    }
}

impl fmt::Display for ServiceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Key::Address(protocol, address) => write!(f, "{protocol} {address}"),
            Key::Mark(mark, Family::V4) => write!(f, "-f {mark}"),
            Key::Mark(mark, Family::V6) => write!(f, "-f {mark} -6"),
        }
    }
}

/// The transport protocol of a service. `Display` writes `ipvsadm`'s option for it.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// What somebody else has put into the kernel, which does not check it. No service can be made with it.
    Other(u16),
}

impl Protocol {
    pub(crate) fn from_number(number: u16) -> Self {
        [Self::Tcp, Self::Udp, Self::Sctp]
            .into_iter()
            .find(|known| known.number() == number)
            .unwrap_or(Self::Other(number))
    }

    /// Returns the number that IANA has assigned.
    pub fn number(self) -> u16 {
        match self {
            Self::Tcp => libc::IPPROTO_TCP as u16,
            Self::Udp => libc::IPPROTO_UDP as u16,
            Self::Sctp => libc::IPPROTO_SCTP as u16,
            Self::Other(number) => number,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp => write!(f, "-t"),
            Self::Udp => write!(f, "-u"),
            Self::Sctp => write!(f, "--sctp-service"),
            Self::Other(number) => write!(f, "--protocol-{number}"),
        }
    }
}

/// The versions of IP.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "IPVS knows no others, and a new one would be a new crate")]
pub enum Family {
    /// Version 4.
    V4,
    /// Version 6.
    V6,
}

impl Family {
    pub(crate) fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    pub(crate) fn number(self) -> u16 {
        match self {
            Self::V4 => libc::AF_INET as u16,
            Self::V6 => libc::AF_INET6 as u16,
        }
    }

    pub(crate) fn from_number(number: u16) -> Option<Self> {
        [Self::V4, Self::V6].into_iter().find(|family| family.number() == number)
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4 => write!(f, "IPv4"),
            Self::V6 => write!(f, "IPv6"),
        }
    }
}

/// Takes away what the kernel does not hold.
pub(crate) fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port())
}
