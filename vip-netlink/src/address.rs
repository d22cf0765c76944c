use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    str::FromStr,
};

use crate::message::{Attributes, Malformed};

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
}

/// An address as an interface holds it now, listed by [`Netlink::addresses`](crate::Netlink::addresses).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct AssignedAddress {
    address: Address,
    state: AddressState,
}

impl AssignedAddress {
    /// Returns the address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Returns the IP, host bits included.
    pub fn ip(&self) -> IpAddr {
        self.address.ip
    }

    /// Returns what it can be used for.
    pub fn state(&self) -> AddressState {
        self.state
    }

    /// Tells whether a socket can be bound to it: it is neither tentative nor a duplicate.
    pub fn is_usable(&self) -> bool {
        match self.state {
            AddressState::Preferred | AddressState::Deprecated => true,
            AddressState::Tentative | AddressState::Duplicate => false,
        }
    }

    /// Reads the payload of an `RTM_NEWADDR` (`struct ifaddrmsg`, linux/if_addr.h): the interface's index and the
    /// address on it, if that is one [`Address`] can hold.
    pub(crate) fn parse(payload: &[u8]) -> Result<Option<(u32, Self)>, Malformed> {
        let (header, attributes) = payload.split_first_chunk::<8>().ok_or(Malformed)?;
        let &[family, prefix_len, flags, _scope, index @ ..] = header;
        let (mut local, mut peer, mut flags) = (None, None, u32::from(flags));
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            match attribute.kind {
                IFA_LOCAL => local = Some(attribute.value),
                IFA_ADDRESS => peer = Some(attribute.value),
                IFA_FLAGS => flags = u32::from_ne_bytes(attribute.array()?),
                _ => {}
            }
        }
        let ip = local.or(peer);
        let ip = match family {
            AF_INET => <[u8; 4]>::try_from(ip.ok_or(Malformed)?).map(IpAddr::from),
            AF_INET6 => <[u8; 16]>::try_from(ip.ok_or(Malformed)?).map(IpAddr::from),
            _ => return Ok(None),
        };
        let address = Address::new(ip.map_err(|_| Malformed)?, prefix_len).ok();
        let assigned = address.map(|address| Self { address, state: AddressState::of(flags) });
        Ok(assigned.map(|assigned| (u32::from_ne_bytes(index), assigned)))
    }
}

/// What an assigned address can be used for (RFC 4862 §2). The kernel does not look for duplicates of IPv4 addresses.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "these are the states of RFC 4862, and its failure")]
pub enum AddressState {
    /// Everything.
    Preferred,
    /// Everything, but the kernel does not choose it as a source while there is another: its preferred lifetime is over,
    /// or was 0 from the start, as that of a floating `/128`.
    Deprecated,
    /// Nothing yet: duplicate address detection goes on, for a second or two (`IFA_F_TENTATIVE`).
    Tentative,
    /// Nothing: duplicate address detection found another host that has it (`IFA_F_DADFAILED`).
    Duplicate,
}

impl AddressState {
    fn of(flags: u32) -> Self {
        match flags {
            flags if flags & IFA_F_DADFAILED != 0 => Self::Duplicate,
            flags if flags & IFA_F_TENTATIVE != 0 => Self::Tentative,
            flags if flags & IFA_F_DEPRECATED != 0 => Self::Deprecated,
            _ => Self::Preferred,
        }
    }
}

/// Reads a number as `Display` writes it: `u8::from_str` alone would take `+24` and `024` too.
fn parse_prefix_len(text: &str) -> Result<u8, AddressError> {
    let number: u8 = text.parse().map_err(|_| AddressError::Syntax)?;
    let canonical =
        text.bytes().all(|digit| digit.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    canonical.then_some(number).ok_or(AddressError::Syntax)
}

fn host_prefix_len(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

const AF_INET: u8 = nix::libc::AF_INET as u8;
const AF_INET6: u8 = nix::libc::AF_INET6 as u8;
const IFA_ADDRESS: u16 = nix::libc::IFA_ADDRESS;
const IFA_LOCAL: u16 = nix::libc::IFA_LOCAL;
const IFA_FLAGS: u16 = nix::libc::IFA_FLAGS;
const IFA_F_DADFAILED: u32 = nix::libc::IFA_F_DADFAILED;
const IFA_F_DEPRECATED: u32 = nix::libc::IFA_F_DEPRECATED;
const IFA_F_TENTATIVE: u32 = nix::libc::IFA_F_TENTATIVE;

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
    fn the_state_is_the_worst_of_the_flags() {
        use AddressState::{Deprecated, Duplicate, Preferred, Tentative};

        for (flags, state) in [
            (0x80, Preferred),
            (0x80 | 0x20, Deprecated),
            (0x80 | 0x40, Tentative),
            (0x80 | 0x40 | 0x20, Tentative),
            (0x80 | 0x40 | 0x08, Duplicate),
        ] {
            assert_eq!(AddressState::of(flags), state, "{flags:#x}");
        }
    }

    #[test]
    fn the_wide_flags_go_before_the_narrow_ones() {
        let header = [AF_INET6, 64, 0x80, 0, 2, 0, 0, 0];
        let ip = [&[20, 0, 1, 0][..], &Ipv6Addr::LOCALHOST.octets()].concat();
        let flags = [&[8, 0, 8, 0][..], &0xc0_u32.to_ne_bytes()].concat();
        let payload = [&header[..], &ip, &flags].concat();

        let (_, assigned) = AssignedAddress::parse(&payload).unwrap().unwrap();

        assert_eq!(assigned.address().to_string(), "::1/64");
        assert_eq!(assigned.state(), AddressState::Tentative);
        assert!(!assigned.is_usable());
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
