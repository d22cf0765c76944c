//! An interface with what matters to virtual MACs.

use nix::libc;

use crate::{
    link::Interface,
    virtual_mac::{Mark, ParentSettings},
};
use kernel_netlink::{Attributes, Malformed, find};

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) interface: Interface,
    /// What its alias says, where it is ours.
    pub(super) mark: Option<Mark>,
    /// `IFLA_MACVLAN_MODE`.
    pub(super) mode: Option<u32>,
    pub(super) group: u32,
    /// The VRF it is in.
    pub(super) vrf: Option<u32>,
    pub(super) is_ipv6_disabled: bool,
}

impl Link {
    pub(in crate::netlink) fn index(&self) -> u32 {
        self.interface.index()
    }

    pub(super) fn is_macvlan(&self) -> bool {
        self.interface.kind() == Some(MACVLAN)
    }

    /// How its parent was set before, if this is a virtual MAC over that parent, whoever owns it.
    pub(super) fn saved_for(&self, parent: u32) -> Option<ParentSettings> {
        let mark = self.mark.filter(|mark| self.is_macvlan() && mark.parent == parent)?;
        mark.before
    }

    /// Tells whether frames of the two leave through the same interface: a macvlan over a macvlan is one beside it.
    pub(super) fn shares_a_wire_with(&self, other: &Self) -> bool {
        self.wire() == other.wire()
    }

    /// Tells whether this one has the hardware address that the other needs to come up.
    pub(in crate::netlink) fn keeps_down(&self, other: &Self) -> bool {
        self.index() != other.index()
            && self.shares_a_wire_with(other)
            && self.interface.is_up()
            && self.interface.hardware_address() == other.interface.hardware_address()
    }

    fn wire(&self) -> u32 {
        self.interface.parent().filter(|_| self.is_macvlan()).unwrap_or(self.index())
    }

    /// Reads the payload of an `RTM_NEWLINK`.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let interface = Interface::parse(payload)?;
        let mut link =
            Self { interface, mark: None, mode: None, group: 0, vrf: None, is_ipv6_disabled: false };
        let (mut master, mut is_in_vrf) = (None, false);
        for attribute in Attributes::new(payload.get(HEADER_LEN..).ok_or(Malformed)?) {
            let attribute = attribute?;
            match attribute.kind {
                libc::IFLA_IFALIAS => link.mark = attribute.text().and_then(Mark::parse),
                libc::IFLA_GROUP => link.group = attribute.number()?,
                libc::IFLA_MASTER => master = Some(attribute.number()?),
                libc::IFLA_LINKINFO => {
                    let slave_kind = find(attribute.value, libc::IFLA_INFO_SLAVE_KIND)?;
                    is_in_vrf = slave_kind.and_then(|kind| kind.text()) == Some(VRF);
                    if interface.kind() == Some(MACVLAN) {
                        link.mode = read_mode(attribute.value)?;
                    }
                }
                libc::IFLA_AF_SPEC => link.is_ipv6_disabled = is_ipv6_disabled(attribute.value)?,
                _ => {}
            }
        }
        link.vrf = master.filter(|_| is_in_vrf);
        Ok(link)
    }
}

fn read_mode(info: &[u8]) -> Result<Option<u32>, Malformed> {
    let Some(data) = find(info, libc::IFLA_INFO_DATA)? else { return Ok(None) };
    find(data.value, IFLA_MACVLAN_MODE)?.map(|mode| mode.number()).transpose()
}

/// Reads an `IFLA_AF_SPEC`. An interface without settings of IPv6 has no IPv6.
fn is_ipv6_disabled(families: &[u8]) -> Result<bool, Malformed> {
    let Some(inet6) = find(families, libc::AF_INET6 as u16)? else { return Ok(true) };
    let Some(conf) = find(inet6.value, IFLA_INET6_CONF)? else { return Ok(true) };
    let disabled = conf.value.get(4 * DEVCONF_DISABLE_IPV6..).and_then(|rest| rest.first_chunk::<4>());
    Ok(disabled.is_some_and(|value| *value != [0; 4]))
}

pub(super) const MACVLAN: &str = "macvlan";
const VRF: &str = "vrf";
const HEADER_LEN: usize = 16;
/// linux/if_link.h.
pub(super) const IFLA_MACVLAN_MODE: u16 = 1;
pub(super) const MODE_PRIVATE: u32 = 1;
const IFLA_INET6_CONF: u16 = 2;
/// linux/ipv6.h, counted from 0.
const DEVCONF_DISABLE_IPV6: usize = 26;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::Owner;
    use lab::written::{attribute_bytes, ne32};

    #[test]
    fn a_virtual_mac_is_read() {
        let alias = b"vip-netlink 1 owner=91 parent=3\0";
        let data = attribute_bytes(IFLA_MACVLAN_MODE, &ne32(4));
        let link = link("macvlan", &[(libc::IFLA_IFALIAS, alias), (libc::IFLA_GROUP, &ne32(7))], &data);

        assert_eq!((link.interface.name(), link.index(), link.is_macvlan()), ("vrrp.51", 9, true));
        assert_eq!(link.mark, Some(Mark { owner: Owner::default(), parent: 3, before: None }));
        assert_eq!((link.mode, link.group, link.vrf), (Some(4), 7, None));
        assert!(link.is_ipv6_disabled);
    }

    #[test]
    fn of_masters_only_a_vrf_counts() {
        for (kind, vrf) in [(&b"vrf\0"[..], Some(5)), (b"bridge\0", None)] {
            let slave_kind = attribute_bytes(libc::IFLA_INFO_SLAVE_KIND, kind);
            let info = [attribute_bytes(libc::IFLA_INFO_KIND, b"veth\0"), slave_kind].concat();
            let payload = payload(&[(libc::IFLA_MASTER, &ne32(5)), (libc::IFLA_LINKINFO, &info)]);

            assert_eq!(Link::parse(&payload).unwrap().vrf, vrf);
        }
    }

    #[test]
    fn where_ipv6_is_disabled_is_read() {
        for (value, is_disabled) in [(0, false), (1, true)] {
            let mut conf = [0; 4 * 30];
            conf[4 * DEVCONF_DISABLE_IPV6..][..4].copy_from_slice(&ne32(value));
            let inet6 = attribute_bytes(libc::AF_INET6 as u16, &attribute_bytes(IFLA_INET6_CONF, &conf));

            let link = Link::parse(&payload(&[(libc::IFLA_AF_SPEC, &inet6)])).unwrap();

            assert_eq!(link.is_ipv6_disabled, is_disabled);
        }
    }

    fn link(kind: &str, attributes: &[(u16, &[u8])], data: &[u8]) -> Link {
        let kind = attribute_bytes(libc::IFLA_INFO_KIND, format!("{kind}\0").as_bytes());
        let info = [kind, attribute_bytes(libc::IFLA_INFO_DATA, data)].concat();
        let no_ipv6 = (libc::IFLA_AF_SPEC, &[][..]);
        let all = [attributes, &[(libc::IFLA_LINKINFO, &info), no_ipv6]].concat();
        Link::parse(&payload(&all)).unwrap()
    }

    /// An interface with the index 9.
    fn payload(attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = [&[0; 4][..], &ne32(9), &[0; 8]].concat();
        bytes.extend(attribute_bytes(libc::IFLA_IFNAME, b"vrrp.51\0"));
        for (kind, value) in attributes {
            bytes.extend(attribute_bytes(*kind, value));
        }
        bytes
    }
}
