//! An address as the kernel tells of it.

use std::net::IpAddr;

use nix::libc;

use super::{Address, Family, Scope};
use crate::{link::Name, netlink::Owner};
use kernel_netlink::{Attributes, Malformed};

/// An address as an interface holds it now, listed by [`Netlink::addresses`](crate::Netlink::addresses).
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct AssignedAddress {
    interface: u32,
    address: Address,
    peer: Option<IpAddr>,
    state: AddressState,
    scope: Scope,
    label: Option<Name>,
    owner: Option<Owner>,
}

impl AssignedAddress {
    /// Returns the index of the interface that holds it.
    pub fn interface(&self) -> u32 {
        self.interface
    }

    /// Returns the address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Returns the IP, host bits included.
    pub fn ip(&self) -> IpAddr {
        self.address.ip
    }

    /// Returns the address at the other end, where that is another one: the prefix length is then that of its subnet.
    pub fn peer(&self) -> Option<IpAddr> {
        self.peer
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

    /// Returns how far away it is valid.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Returns the name that an IPv4 address has beside that of its interface, which is the same if nobody chose another.
    pub fn label(&self) -> Option<&str> {
        self.label.as_ref().map(Name::as_str)
    }

    /// Returns the mark of who put it there (`IFA_PROTO`), `None` where nobody left one, and before Linux 5.18.
    pub fn owner(&self) -> Option<Owner> {
        self.owner
    }

    pub(crate) fn is_at(&self, interface: u32, ip: IpAddr) -> bool {
        self.interface == interface && self.ip() == ip
    }

    /// Reads the payload of an `RTM_NEWADDR` (`struct ifaddrmsg`, linux/if_addr.h), if the address is one [`Address`] can
    /// hold.
    pub(crate) fn parse(payload: &[u8]) -> Result<Option<Self>, Malformed> {
        let (header, attributes) = payload.split_first_chunk::<8>().ok_or(Malformed)?;
        let &[family, prefix_len, flags, scope, index @ ..] = header;
        let Some(family) = Family::from_number(family) else { return Ok(None) };
        let (mut local, mut other, mut flags) = (None, None, u32::from(flags));
        let (mut label, mut owner) = (None, None);
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            match attribute.kind {
                libc::IFA_LOCAL => local = Some(family.read(attribute.value)?),
                libc::IFA_ADDRESS => other = Some(family.read(attribute.value)?),
                libc::IFA_LABEL => label = attribute.text().and_then(Name::new),
                libc::IFA_FLAGS => flags = attribute.number()?,
                IFA_PROTO => owner = attribute.array().ok().and_then(|[number]| Owner::new(number)),
                _ => {}
            }
        }
        let ip = local.or(other).ok_or(Malformed)?;
        Ok(Address::new(ip, prefix_len).ok().map(|address| Self {
            interface: u32::from_ne_bytes(index),
            address,
            peer: other.filter(|other| *other != ip),
            state: AddressState::of(flags),
            scope: Scope::new(scope),
            label,
            owner,
        }))
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
            flags if flags & libc::IFA_F_DADFAILED != 0 => Self::Duplicate,
            flags if flags & libc::IFA_F_TENTATIVE != 0 => Self::Tentative,
            flags if flags & libc::IFA_F_DEPRECATED != 0 => Self::Deprecated,
            _ => Self::Preferred,
        }
    }
}

/// linux/if_addr.h.
pub(super) const IFA_PROTO: u16 = 11;

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

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
        let header = [10, 64, 0x80, 0, 2, 0, 0, 0];
        let ip = [&[20, 0, 1, 0][..], &Ipv6Addr::LOCALHOST.octets()].concat();
        let flags = [&[8, 0, 8, 0][..], &0xc0_u32.to_ne_bytes()].concat();
        let payload = [&header[..], &ip, &flags].concat();

        let assigned = AssignedAddress::parse(&payload).unwrap().unwrap();

        assert_eq!(assigned.address().to_string(), "::1/64");
        assert_eq!(assigned.state(), AddressState::Tentative);
        assert!(!assigned.is_usable());
    }

    #[test]
    fn a_peer_a_label_and_an_owner_are_read() {
        #[rustfmt::skip]
        let payload = [
            &[2, 32, 0x80, 253][..], &7_u32.to_ne_bytes(),
            &[8, 0, 1, 0, 203, 0, 113, 1], // IFA_ADDRESS
            &[8, 0, 2, 0, 192, 0, 2, 20], // IFA_LOCAL
            &[11, 0, 3, 0], b"eth0:1\0\0", // IFA_LABEL
            &[5, 0, 11, 0, 91, 0, 0, 0], // IFA_PROTO
        ]
        .concat();

        let assigned = AssignedAddress::parse(&payload).unwrap().unwrap();

        assert_eq!(assigned.address().to_string(), "192.0.2.20/32");
        assert_eq!(assigned.peer(), Some(IpAddr::from([203, 0, 113, 1])));
        assert_eq!((assigned.interface(), assigned.label()), (7, Some("eth0:1")));
        assert_eq!((assigned.scope(), assigned.owner()), (Scope::LINK, Some(Owner::default())));
    }
}
