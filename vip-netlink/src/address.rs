//! Addresses: what they are, how an interface holds them, and how they are put there.

mod assigned;
mod virtual_address;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

use nix::libc;

pub use self::{
    assigned::{AddressState, AssignedAddress},
    virtual_address::{Lifetime, Scope, VirtualAddress},
};
use kernel_netlink::Malformed;

/// An IP address with a prefix length, as an interface holds it.
///
/// A virtual address is best a `/32` or `/128`: it then brings no route of its own, and removing it takes no other address
/// along. The kernel tells two IPv4 addresses with the same IP and different prefix lengths apart, and so does this type;
/// of IPv6 addresses it holds an IP once per interface.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    ip: IpAddr,
    prefix_len: u8,
}

impl Address {
    /// Builds an address, refusing what the kernel would accept although no host can use it.
    ///
    /// # Errors
    ///
    /// A prefix length above 32, for IPv6 above 128; an unspecified, multicast or broadcast IP.
    pub fn new(ip: impl Into<IpAddr>, prefix_len: u8) -> Result<Self, AddressError> {
        let ip = ip.into();
        let bound = host_prefix_len(ip);
        if prefix_len > bound {
            return Err(AddressError::PrefixLength { prefix_len, bound });
        }
        if ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
            return Err(AddressError::NotUnicast(ip));
        }
        Ok(Self { ip, prefix_len })
    }

    /// Returns the IP, host bits included.
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// Returns the prefix length, 0 to 32, for IPv6 to 128.
    pub fn prefix_len(&self) -> u8 {
        self.prefix_len
    }

    /// Tells whether it is valid on its link only: `fe80::/10` (RFC 4291 §2.5.6), `169.254.0.0/16` (RFC 3927).
    ///
    /// VRRP over IPv6 advertises from such an address (RFC 9568 §5.1.2.1).
    pub fn is_link_local(&self) -> bool {
        match self.ip {
            IpAddr::V4(ip) => ip.is_link_local(),
            IpAddr::V6(ip) => ip.is_unicast_link_local(),
        }
    }

    /// Returns the highest address of an IPv4 subnet, which is its broadcast address (RFC 922 §7), `None` where the subnet
    /// has none: of a `/31` or `/32`, and of IPv6.
    pub fn subnet_broadcast(&self) -> Option<Ipv4Addr> {
        match self.ip {
            IpAddr::V4(ip) if self.prefix_len < 31 => {
                Some((u32::from(ip) | (u32::MAX >> self.prefix_len)).into())
            }
            IpAddr::V4(_) | IpAddr::V6(_) => None,
        }
    }

    /// Tells whether the prefix is the whole address: `/32`, for IPv6 `/128`.
    pub(crate) fn is_host(&self) -> bool {
        self.prefix_len == host_prefix_len(self.ip)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix_len)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads `10.0.0.1/24` or `2001:db8::1/64`; without a prefix length it is 32 or 128.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (ip, prefix_len) = match text.split_once('/') {
            Some((ip, prefix_len)) => (ip, Some(parse_prefix_len(prefix_len)?)),
            None => (text, None),
        };
        let ip = ip.parse().map_err(|_| AddressError::Syntax)?;
        Self::new(ip, prefix_len.unwrap_or(host_prefix_len(ip)))
    }
}

/// Why a text or a pair of numbers is not an [`Address`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// The text is not of the form `10.0.0.1/24` or `2001:db8::1`.
    #[error("not an IP address, like 10.0.0.1/24 or 2001:db8::1")]
    Syntax,
    /// The prefix is longer than the address.
    #[error("prefix length {prefix_len} is above {bound}")]
    PrefixLength {
        /// What was given.
        prefix_len: u8,
        /// The length of an address of this family in bits, 32 or 128.
        bound: u8,
    },
    /// The IP is unspecified, multicast or broadcast.
    #[error("{0} cannot be the address of a host")]
    NotUnicast(IpAddr),
    /// A label is empty, longer than 15 bytes or has a NUL, or is for an IPv6 address.
    #[error("a label has 1 to 15 bytes, and is for IPv4 addresses only")]
    Label,
    /// A peer or broadcast address is of the other version of IP.
    #[error("{0} is of the other version of IP")]
    OtherFamily(IpAddr),
}

/// The versions of IP.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }

    /// The number of the family in headers of netlink.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::V4 => libc::AF_INET as u8,
            Self::V6 => libc::AF_INET6 as u8,
        }
    }

    /// Reads an address of the family as attributes hold it.
    pub(crate) fn read(self, bytes: &[u8]) -> Result<IpAddr, Malformed> {
        match self {
            Self::V4 => <[u8; 4]>::try_from(bytes).map(IpAddr::from),
            Self::V6 => <[u8; 16]>::try_from(bytes).map(IpAddr::from),
        }
        .map_err(|_| Malformed)
    }

    pub(crate) fn from_number(number: u8) -> Option<Self> {
        [Self::V4, Self::V6].into_iter().find(|family| family.number() == number)
    }
}

/// Reads a number as `Display` writes it: `u8::from_str` alone would take `+24` and `024` too.
pub(crate) fn parse_prefix_len(text: &str) -> Result<u8, AddressError> {
    let number: u8 = text.parse().map_err(|_| AddressError::Syntax)?;
    let canonical =
        text.bytes().all(|digit| digit.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    canonical.then_some(number).ok_or(AddressError::Syntax)
}

pub(crate) fn host_prefix_len(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_without_prefix_length_is_a_host_address() {
        for (text, whole) in [("192.0.2.7", "192.0.2.7/32"), ("2001:db8::7", "2001:db8::7/128")] {
            let address: Address = text.parse().unwrap();

            assert_eq!(address, whole.parse().unwrap());
            assert_eq!(address.to_string(), whole);
        }
    }

    #[test]
    fn what_is_no_host_address_is_refused() {
        use AddressError::{NotUnicast, PrefixLength, Syntax};

        let cases = [
            ("10.0.0.1/33", PrefixLength { prefix_len: 33, bound: 32 }),
            ("2001:db8::1/129", PrefixLength { prefix_len: 129, bound: 128 }),
            ("0.0.0.0/0", NotUnicast(Ipv4Addr::UNSPECIFIED.into())),
            ("224.0.0.18/32", NotUnicast(Ipv4Addr::new(224, 0, 0, 18).into())),
            ("255.255.255.255", NotUnicast(Ipv4Addr::BROADCAST.into())),
            ("::/128", NotUnicast(Ipv6Addr::UNSPECIFIED.into())),
            ("ff02::12/128", NotUnicast("ff02::12".parse().unwrap())),
            ("", Syntax),
            ("10.0.0.1/", Syntax),
            ("10.0.0.1/+8", Syntax),
            ("10.0.0.1/08", Syntax),
            ("10.0.0.1/256", Syntax),
            ("10.0.0.1/24/24", Syntax),
            ("10.0.0/24", Syntax),
            (" 10.0.0.1", Syntax),
            ("fe80::1%eth0/64", Syntax),
        ];

        for (text, error) in cases {
            assert_eq!(text.parse::<Address>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn link_local_addresses_are_told_apart() {
        for (text, local) in [
            ("fe80::1/64", true),
            ("febf::1", true),
            ("fec0::1", false),
            ("169.254.1.1", true),
            ("10.0.0.1", false),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().is_link_local(), local, "{text}");
        }
    }

    #[test]
    fn the_broadcast_address_is_the_highest_of_the_subnet() {
        for (text, broadcast) in [
            ("10.0.0.1/24", Some([10, 0, 0, 255])),
            ("10.0.0.1/0", Some([255; 4])),
            ("10.0.0.1/30", Some([10, 0, 0, 3])),
            ("10.0.0.1/31", None),
            ("10.0.0.1/32", None),
            ("2001:db8::1/64", None),
        ] {
            let address: Address = text.parse().unwrap();

            assert_eq!(address.subnet_broadcast(), broadcast.map(Ipv4Addr::from), "{text}");
        }
    }

    proptest! {
        #[test]
        fn display_and_parse_are_inverse(ip: IpAddr, prefix_len in 0_u8..=128) {
            if let Ok(address) = Address::new(ip, prefix_len) {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,24}") {
            let _ = text.parse::<Address>();
        }
    }
}
