//! What a virtual MAC is, apart from how the kernel is told.

mod mark;

pub(crate) use self::mark::{Mark, ParentSettings};
use crate::{address::Family, link::Name};

/// The hardware address of a virtual router (RFC 9568 §7.3), and the interface that is to have it.
///
/// The interface is a macvlan: a second hardware address on the wire of another interface, its parent. When the virtual
/// router moves to another host its hardware address moves along, and no neighbour has to learn anything.
/// [`Netlink::create_virtual_mac`](crate::Netlink::create_virtual_mac) makes it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct VirtualMac {
    family: Family,
    number: u8,
    name: Name,
}

impl VirtualMac {
    /// The hardware address 00-00-5E-00-01-`number` of a virtual router for IPv4, on an interface named `vrrp.NUMBER`.
    /// `None` for 0, which is no virtual router's number.
    pub fn ipv4(number: u8) -> Option<Self> {
        Self::new(Family::V4, number, &format!("vrrp.{number}"))
    }

    /// The hardware address 00-00-5E-00-02-`number` of a virtual router for IPv6, on an interface named `vrrp6.NUMBER`.
    /// `None` for 0, which is no virtual router's number.
    pub fn ipv6(number: u8) -> Option<Self> {
        Self::new(Family::V6, number, &format!("vrrp6.{number}"))
    }

    /// Chooses another name for the interface: virtual routers of one number on two parents need two. `None` where the
    /// kernel would not take it as it is: empty, longer than 15 bytes, `.`, `..`, or with a slash, colon, white space or NUL,
    /// or with a per cent sign, for which it puts a number.
    pub fn named(self, name: &str) -> Option<Self> {
        let is_refused = |byte: u8| matches!(byte, b'/' | b':' | b'%' | 0x0b) || byte.is_ascii_whitespace();
        let name =
            Name::new(name).filter(|_| !matches!(name, "." | "..") && !name.bytes().any(is_refused))?;
        Some(Self { name, ..self })
    }

    /// Returns the hardware address.
    pub fn hardware_address(&self) -> [u8; 6] {
        let family = match self.family {
            Family::V4 => 1,
            Family::V6 => 2,
        };
        [0, 0, 0x5e, 0, family, self.number]
    }

    /// Returns the name of the interface.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    pub(crate) fn short_name(&self) -> Name {
        self.name
    }

    pub(crate) fn family(&self) -> Family {
        self.family
    }

    fn new(family: Family, number: u8, name: &str) -> Option<Self> {
        let name = Name::new(name).filter(|_| number != 0)?;
        Some(Self { family, number, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_address_and_name_follow_family_and_number() {
        let [v4, v6] = [VirtualMac::ipv4(51), VirtualMac::ipv6(255)].map(Option::unwrap);

        assert_eq!((v4.hardware_address(), v4.name()), ([0, 0, 0x5e, 0, 1, 51], "vrrp.51"));
        assert_eq!((v6.hardware_address(), v6.name()), ([0, 0, 0x5e, 0, 2, 255], "vrrp6.255"));
        assert_eq!((VirtualMac::ipv4(0), VirtualMac::ipv6(0)), (None, None));
    }

    #[test]
    fn a_name_the_kernel_would_not_take_is_none() {
        let vmac = VirtualMac::ipv4(51).unwrap();

        for name in ["", ".", "..", "a/b", "a:b", "a b", "a\tb", "a\u{b}b", "a\0b", "a%d", "sixteen-bytes-ab"]
        {
            assert_eq!(vmac.named(name), None, "{name:?}");
        }
        assert_eq!(vmac.named("fifteen-bytes-x").unwrap().name(), "fifteen-bytes-x");
    }
}
