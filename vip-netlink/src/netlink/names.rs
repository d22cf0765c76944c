//! The alternative names of an interface: texts of up to 127 bytes that the kernel keeps with it.

use nix::libc;

use super::{Change, Netlink, get_link, link_header};
use crate::{error::Failure, link::Interface};
use kernel_netlink::{Attributes, Malformed, NLM_F_CREATE, NLM_F_EXCL, find};

impl Netlink {
    /// Lists the alternative names of an interface.
    pub(crate) fn alternative_names(&mut self, interface: &Interface) -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        self.socket.request(
            |envelope| get_link(envelope, interface.index(), None),
            |kind, payload| {
                if kind == libc::RTM_NEWLINK {
                    names = read(payload)?;
                }
                Ok(())
            },
        )?;
        Ok(names)
    }

    /// Gives an interface one more name, which no other interface of the namespace may have. Needs `CAP_NET_ADMIN`.
    pub(crate) fn add_alternative_name(
        &mut self,
        interface: &Interface,
        name: &str,
    ) -> Result<Change, Failure> {
        self.change_names(RTM_NEWLINKPROP, NLM_F_CREATE | NLM_F_EXCL, interface, name, libc::EEXIST)
    }

    /// Takes a name off an interface. Needs `CAP_NET_ADMIN`.
    pub(crate) fn remove_alternative_name(
        &mut self,
        interface: &Interface,
        name: &str,
    ) -> Result<Change, Failure> {
        self.change_names(RTM_DELLINKPROP, 0, interface, name, libc::ENOENT)
    }

    fn change_names(
        &mut self,
        kind: u16,
        flags: u16,
        interface: &Interface,
        name: &str,
        already_so: i32,
    ) -> Result<Change, Failure> {
        let outcome = self.socket.request(
            |envelope| {
                envelope.message(kind, flags, |payload| {
                    link_header(payload, interface.index(), 0, 0);
                    payload.nested(libc::IFLA_PROP_LIST, |list| {
                        list.text(libc::IFLA_ALT_IFNAME, name);
                    });
                });
            },
            |_, _| Ok(()),
        );
        match outcome {
            Ok(()) => Ok(Change::Made),
            Err(failure) if failure.is(already_so) => Ok(Change::AlreadySo),
            Err(failure) => Err(failure.into()),
        }
    }
}

/// Finds the names in the payload of an `RTM_NEWLINK`.
fn read(payload: &[u8]) -> Result<Vec<String>, Malformed> {
    let attributes = payload.get(LINK_HEADER_LEN..).ok_or(Malformed)?;
    let Some(list) = find(attributes, libc::IFLA_PROP_LIST)? else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for attribute in Attributes::new(list.value) {
        let attribute = attribute?;
        if attribute.kind == libc::IFLA_ALT_IFNAME {
            names.extend(attribute.text().map(str::to_owned));
        }
    }
    Ok(names)
}

const LINK_HEADER_LEN: usize = 16;
/// linux/rtnetlink.h, since Linux 5.5.
const RTM_NEWLINKPROP: u16 = 108;
const RTM_DELLINKPROP: u16 = 109;
