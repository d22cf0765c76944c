//! An interface's settings, which sysctls are another way to: read and changed by netlink.

use nix::libc;

use super::{Netlink, get_link, link_header};
use crate::error::{Cause, Failure};
use kernel_netlink::{Envelope, Malformed, find};

impl Netlink {
    /// Reads a setting of an interface.
    pub(crate) fn ipv4_setting(&mut self, interface: u32, setting: Ipv4Setting) -> Result<u32, Failure> {
        let mut value = None;
        self.socket.request(
            |envelope| get_link(envelope, interface, None),
            |kind, payload| {
                if kind == libc::RTM_NEWLINK {
                    value = setting.read(payload)?;
                }
                Ok(())
            },
        )?;
        value.ok_or(Cause::Malformed.into())
    }

    /// Reads all interfaces, from the payload of each one's `RTM_NEWLINK`.
    pub(crate) fn list_links<T>(
        &mut self,
        read: impl Fn(&[u8]) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Failure> {
        Ok(self.socket.dump(
            |envelope| get_link(envelope, 0, None),
            |kind, payload| (kind == libc::RTM_NEWLINK).then(|| read(payload)).transpose(),
        )?)
    }

    /// Changes settings of an interface, all in one request. Needs `CAP_NET_ADMIN`.
    pub(crate) fn set_ipv4_settings(
        &mut self,
        interface: u32,
        settings: &[(Ipv4Setting, u32)],
    ) -> Result<(), Failure> {
        Ok(self
            .socket
            .request(|envelope| write_ipv4_settings(envelope, interface, settings), |_, _| Ok(()))?)
    }

    /// Reads the setting `rp_filter` of all interfaces (`net.ipv4.conf.all`), which counts wherever an interface's own is
    /// smaller.
    pub(super) fn rp_filter_of_all(&mut self) -> Result<u32, Failure> {
        let mut value = None;
        self.socket.request(
            |envelope| {
                envelope.message(RTM_GETNETCONF, 0, |payload| {
                    payload.header([libc::AF_INET as u8, 0, 0, 0]).number(NETCONFA_IFINDEX, ALL);
                });
            },
            |kind, payload| {
                if kind == RTM_NEWNETCONF {
                    let attributes = payload.get(NETCONF_HEADER_LEN..).ok_or(Malformed)?;
                    value = find(attributes, NETCONFA_RP_FILTER)?.map(|one| one.number()).transpose()?;
                }
                Ok(())
            },
        )?;
        value.ok_or(Cause::Malformed.into())
    }
}

/// Writes the request that changes settings of an interface.
pub(super) fn write_ipv4_settings(envelope: Envelope<'_>, interface: u32, settings: &[(Ipv4Setting, u32)]) {
    envelope.message(libc::RTM_SETLINK, 0, |payload| {
        link_header(payload, interface, 0, 0);
        payload.nested(libc::IFLA_AF_SPEC, |families| {
            families.nested(AF_INET, |inet| {
                inet.nested(IFLA_INET_CONF, |conf| {
                    for (setting, value) in settings {
                        conf.number(setting.number(), *value);
                    }
                });
            });
        });
    });
}

/// A setting of an interface for IPv4: a sysctl of that name in `net.ipv4.conf.INTERFACE`, by its number in linux/ip.h.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ipv4Setting {
    RpFilter = 8,
    ArpFilter = 13,
    ArpAnnounce = 18,
    ArpIgnore = 19,
    PromoteSecondaries = 20,
}

impl Ipv4Setting {
    fn number(self) -> u16 {
        self as u16
    }

    /// Finds the setting in the payload of an `RTM_NEWLINK`.
    pub(crate) fn read(self, payload: &[u8]) -> Result<Option<u32>, Malformed> {
        let Some(attributes) = payload.get(LINK_HEADER_LEN..) else { return Err(Malformed) };
        let Some(families) = find(attributes, libc::IFLA_AF_SPEC)? else { return Ok(None) };
        let Some(inet) = find(families.value, AF_INET)? else { return Ok(None) };
        let Some(conf) = find(inet.value, IFLA_INET_CONF)? else { return Ok(None) };
        // An array of numbers, the first of which is setting 1.
        let at = 4 * (usize::from(self.number()) - 1);
        let value = conf.value.get(at..).and_then(|rest| rest.first_chunk());
        Ok(value.map(|bytes| u32::from_ne_bytes(*bytes)))
    }
}

const LINK_HEADER_LEN: usize = 16;
const AF_INET: u16 = libc::AF_INET as u16;
/// linux/if_link.h.
const IFLA_INET_CONF: u16 = 1;
/// linux/rtnetlink.h.
const RTM_NEWNETCONF: u16 = 80;
const RTM_GETNETCONF: u16 = 82;
/// A struct netconfmsg (linux/netconf.h), padded.
const NETCONF_HEADER_LEN: usize = 4;
const NETCONFA_IFINDEX: u16 = 1;
const NETCONFA_RP_FILTER: u16 = 3;
/// `NETCONFA_IFINDEX_ALL`, which is -1.
const ALL: u32 = u32::MAX;
