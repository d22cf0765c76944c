//! An interface with what matters to virtual MACs.

use nix::libc;

use crate::{
    link::Interface,
    message::{
        Malformed,
        read::{Attributes, find},
    },
    virtual_mac::{Mark, ParentSettings},
};

#[derive(Debug)]
pub(in crate::netlink) struct Link {
    pub(in crate::netlink) interface: Interface,
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
    pub(super) fn parse(payload: &[u8]) -> Result<Self, Malformed> {
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
