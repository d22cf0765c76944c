use std::{borrow::Cow, fmt};

use kernel_netlink::{Attributes, Malformed, find};

/// A network interface as it was when [`Netlink::interface`](crate::Netlink::interface) looked, or a
/// [`Monitor`](crate::Monitor) was told.
///
/// The flags are a snapshot: look again for the present state. The index stays the same until the interface is deleted.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct Interface {
    index: u32,
    name: Name,
    hardware_type: u16,
    hardware_address: Option<[u8; 6]>,
    flags: u32,
    mtu: u32,
    parent: Option<u32>,
    ipv6_role: Ipv6Role,
    kind: Option<Name>,
}

impl Interface {
    /// Returns the kernel's number for the interface, never 0.
    pub fn index(&self) -> u32 {
        self.index
    }

    /// Returns the name, such as `eth0`; where it was looked up by an alternative name, the real one. What of it is no UTF-8,
    /// which the kernel does not mind, is `?` here.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Returns the MAC address, `None` where the interface has none of six bytes (loopback, tunnels, InfiniBand).
    pub fn hardware_address(&self) -> Option<[u8; 6]> {
        self.hardware_address
    }

    /// Tells whether the interface is administratively up (`IFF_UP`).
    pub fn is_up(&self) -> bool {
        self.flags & IFF_UP != 0
    }

    /// Tells whether the interface is operational: up and with a carrier, as far as its driver knows (`IFF_RUNNING`).
    pub fn is_running(&self) -> bool {
        self.flags & IFF_RUNNING != 0
    }

    /// Tells whether neighbours are found by ARP, or neighbour discovery, over Ethernet here: not on loopback, tunnels and
    /// the like.
    pub fn supports_arp(&self) -> bool {
        self.hardware_type == ARPHRD_ETHER && self.flags & (IFF_NOARP | IFF_LOOPBACK) == 0
    }

    /// Returns the largest IP packet the interface sends, in bytes.
    pub fn mtu(&self) -> u32 {
        self.mtu
    }

    /// Returns what the host is to its IPv6 neighbours here: a router where the sysctl
    /// `net.ipv6.conf.INTERFACE.forwarding` says so.
    pub fn ipv6_role(&self) -> Ipv6Role {
        self.ipv6_role
    }

    /// Returns the index of the interface that this one is stacked on or wired to: the parent of a macvlan or VLAN, the other
    /// end of a veth (`IFLA_LINK`). `None` where there is none, or it is in another network namespace.
    pub fn parent(&self) -> Option<u32> {
        self.parent
    }

    /// Returns what sort of virtual interface it is, such as `macvlan`, `veth` or `bridge` (`IFLA_INFO_KIND`); `None` for
    /// real ones and loopback.
    pub fn kind(&self) -> Option<&str> {
        self.kind.as_ref().map(Name::as_str)
    }

    pub(crate) fn hardware_type(&self) -> u16 {
        self.hardware_type
    }

    pub(crate) fn short_name(&self) -> Name {
        self.name
    }

    /// Reads the payload of an `RTM_NEWLINK` (`struct ifinfomsg`, linux/rtnetlink.h).
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let (header, attributes) = payload.split_first_chunk::<16>().ok_or(Malformed)?;
        let &[_family, _pad, t0, t1, i0, i1, i2, i3, f0, f1, f2, f3, _, _, _, _] = header;
        let mut name = None;
        let mut hardware_address = None;
        let mut mtu = 0;
        let mut ipv6_role = Ipv6Role::Host;
        let (mut parent, mut is_parent_elsewhere, mut kind) = (None, false, None);
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            match attribute.kind {
                IFLA_IFNAME => name = Name::lossy(attribute.value),
                IFLA_ADDRESS => hardware_address = attribute.array().ok().filter(|mac| *mac != [0; 6]),
                IFLA_MTU => mtu = u32::from_ne_bytes(attribute.array()?),
                IFLA_AF_SPEC => ipv6_role = Ipv6Role::parse(attribute.value)?,
                IFLA_LINK => parent = Some(attribute.number()?).filter(|index| *index != 0),
                IFLA_LINK_NETNSID => is_parent_elsewhere = true,
                IFLA_LINKINFO => {
                    let info = find(attribute.value, IFLA_INFO_KIND)?;
                    kind = info.and_then(|kind| kind.text()).and_then(Name::new);
                }
                _ => {}
            }
        }
        Ok(Self {
            index: u32::from_ne_bytes([i0, i1, i2, i3]),
            name: name.ok_or(Malformed)?,
            hardware_type: u16::from_ne_bytes([t0, t1]),
            hardware_address,
            flags: u32::from_ne_bytes([f0, f1, f2, f3]) & KNOWN_FLAGS,
            mtu,
            parent: parent.filter(|_| !is_parent_elsewhere),
            ipv6_role,
            kind,
        })
    }
}

/// What a host is to its IPv6 neighbours on a link: the Router flag of its neighbour advertisements (RFC 4861 §4.4).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the flag is one bit")]
pub enum Ipv6Role {
    /// It forwards packets.
    Router,
    /// It does not.
    Host,
}

impl Ipv6Role {
    /// Reads an `IFLA_AF_SPEC`: the kernel's settings of the interface, family by family.
    fn parse(families: &[u8]) -> Result<Self, Malformed> {
        let Some(inet6) = find(families, AF_INET6)? else { return Ok(Self::Host) };
        let Some(conf) = find(inet6.value, IFLA_INET6_CONF)? else { return Ok(Self::Host) };
        // An array of numbers, of which DEVCONF_FORWARDING (linux/ipv6.h) is the first.
        match conf.value.first_chunk::<4>() {
            Some(forwarding) if *forwarding != [0; 4] => Ok(Self::Router),
            Some(_) | None => Ok(Self::Host),
        }
    }
}

/// An interface's name, kept inline: at most 15 bytes (`IFNAMSIZ`, linux/if.h).
#[derive(Copy, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name {
    bytes: [u8; Self::MAX_LEN],
    len: u8,
}

impl Name {
    const MAX_LEN: usize = 15;

    /// Takes a name the kernel could hold: 1 to 15 bytes, none of them NUL.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let mut bytes = [0; Self::MAX_LEN];
        bytes.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
        let len = u8::try_from(name.len()).ok().filter(|len| *len > 0)?;
        (!name.contains('\0')).then_some(Self { bytes, len })
    }

    /// Takes a name as the kernel holds it, up to its NUL: any bytes but a few. What is not UTF-8 becomes question marks, as
    /// `ip link` shows it; nobody can look it up, but it does not keep others from being listed.
    fn lossy(bytes: &[u8]) -> Option<Self> {
        match String::from_utf8_lossy(bytes.split(|byte| *byte == 0).next()?) {
            Cow::Borrowed(name) => Self::new(name),
            Cow::Owned(name) => Self::new(&name.replace(char::REPLACEMENT_CHARACTER, "?")),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        // `new` copied `len` bytes of a `&str`, so neither of these can be missing.
        self.bytes
            .get(..usize::from(self.len))
            .and_then(|bytes| str::from_utf8(bytes).ok())
            .unwrap_or_default()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

const IFF_UP: u32 = nix::libc::IFF_UP as u32;
const IFF_LOOPBACK: u32 = nix::libc::IFF_LOOPBACK as u32;
const IFF_RUNNING: u32 = nix::libc::IFF_RUNNING as u32;
const IFF_NOARP: u32 = nix::libc::IFF_NOARP as u32;
/// The others, such as `IFF_PROMISC`, make no difference between two interfaces.
const KNOWN_FLAGS: u32 = IFF_UP | IFF_LOOPBACK | IFF_RUNNING | IFF_NOARP;
const ARPHRD_ETHER: u16 = nix::libc::ARPHRD_ETHER;
const IFLA_ADDRESS: u16 = nix::libc::IFLA_ADDRESS;
const IFLA_IFNAME: u16 = nix::libc::IFLA_IFNAME;
const IFLA_MTU: u16 = nix::libc::IFLA_MTU;
const IFLA_LINK: u16 = nix::libc::IFLA_LINK;
const IFLA_LINK_NETNSID: u16 = nix::libc::IFLA_LINK_NETNSID;
const IFLA_LINKINFO: u16 = nix::libc::IFLA_LINKINFO;
const IFLA_INFO_KIND: u16 = nix::libc::IFLA_INFO_KIND;
const IFLA_AF_SPEC: u16 = nix::libc::IFLA_AF_SPEC;
const AF_INET6: u16 = nix::libc::AF_INET6 as u16;
/// `IFLA_INET6_CONF`, linux/if_link.h.
const IFLA_INET6_CONF: u16 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_of_the_kernels_are_a_name() {
        for (bytes, name) in [
            (&b"eth0\0"[..], Some("eth0")),
            (b"no NUL", Some("no NUL")),
            (b"x\xffy\0", Some("x?y")),
            (b"\xc3\xff0\0", Some("??0")),
            ("\u{df}\0".as_bytes(), Some("\u{df}")),
            (&[0xff; 15], Some("???????????????")),
            (b"\0", None),
        ] {
            assert_eq!(Name::lossy(bytes).as_ref().map(Name::as_str), name);
        }
    }

    #[test]
    fn a_name_the_kernel_cannot_hold_is_none() {
        for name in ["", "a\0b", "sixteen-bytes-ab", "a name of more than 255 bytes ".repeat(9).as_str()] {
            assert_eq!(Name::new(name), None, "{name:?}");
        }
        assert_eq!(Name::new("fifteen-bytes-x").unwrap().as_str(), "fifteen-bytes-x");
    }
}
