//! The requests that make, change and delete an interface.

use nix::libc;

use super::{
    VirtualMac,
    link::{IFLA_MACVLAN_MODE, Link, MACVLAN, MODE_PRIVATE},
    link_header,
};
use crate::link::Name;
use kernel_netlink::{Envelope, NLM_F_CREATE, NLM_F_EXCL};

/// Creates the interface, down, in its parent's group and VRF.
pub(super) fn write_create(envelope: Envelope<'_>, parent: &Link, wanted: VirtualMac, name: Name) {
    envelope.message(libc::RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, |payload| {
        link_header(payload, 0, 0, 0);
        payload
            .number(libc::IFLA_LINK, parent.index())
            .text(libc::IFLA_IFNAME, name.as_str())
            .attribute(libc::IFLA_ADDRESS, &wanted.hardware_address())
            .number(libc::IFLA_GROUP, parent.group);
        if let Some(vrf) = parent.vrf {
            payload.number(libc::IFLA_MASTER, vrf);
        }
        payload.nested(libc::IFLA_LINKINFO, |info| {
            info.text(libc::IFLA_INFO_KIND, MACVLAN).nested(libc::IFLA_INFO_DATA, |data| {
                data.number(IFLA_MACVLAN_MODE, MODE_PRIVATE);
            });
        });
    });
}

/// Sets the alias, which the kernel does not take with the creation.
pub(super) fn write_mark(envelope: Envelope<'_>, name: Name, mark: &str) {
    envelope.message(libc::RTM_SETLINK, 0, |payload| {
        link_header(payload, 0, 0, 0);
        payload.text(libc::IFLA_IFNAME, name.as_str()).attribute(libc::IFLA_IFALIAS, mark.as_bytes());
    });
}

/// Keeps the kernel from making link-local addresses of the hardware address, which it does when the interface comes up.
/// It does not take this with the creation either.
pub(super) fn write_without_ipv6_address(envelope: Envelope<'_>, index: u32) {
    envelope.message(libc::RTM_SETLINK, 0, |payload| {
        link_header(payload, index, 0, 0);
        payload.nested(libc::IFLA_AF_SPEC, |families| {
            families.nested(libc::AF_INET6 as u16, |inet6| {
                inet6.attribute(IFLA_INET6_ADDR_GEN_MODE, &[IN6_ADDR_GEN_MODE_NONE]);
            });
        });
    });
}

pub(super) fn set_mode(envelope: Envelope<'_>, index: u32, mode: u32) {
    envelope.message(libc::RTM_NEWLINK, 0, |payload| {
        link_header(payload, index, 0, 0);
        payload.nested(libc::IFLA_LINKINFO, |info| {
            info.text(libc::IFLA_INFO_KIND, MACVLAN).nested(libc::IFLA_INFO_DATA, |data| {
                data.number(IFLA_MACVLAN_MODE, mode);
            });
        });
    });
}

pub(super) fn write_name(envelope: Envelope<'_>, index: u32, name: Name) {
    envelope.message(libc::RTM_SETLINK, 0, |payload| {
        link_header(payload, index, 0, 0);
        payload.text(libc::IFLA_IFNAME, name.as_str());
    });
}

pub(super) fn write_mtu(envelope: Envelope<'_>, index: u32, mtu: u32) {
    envelope.message(libc::RTM_SETLINK, 0, |payload| {
        link_header(payload, index, 0, 0);
        payload.number(libc::IFLA_MTU, mtu);
    });
}

pub(super) fn write_delete(envelope: Envelope<'_>, index: u32) {
    envelope.message(libc::RTM_DELLINK, 0, |payload| link_header(payload, index, 0, 0));
}

/// linux/if_link.h.
const IFLA_INET6_ADDR_GEN_MODE: u16 = 8;
const IN6_ADDR_GEN_MODE_NONE: u8 = 1;
