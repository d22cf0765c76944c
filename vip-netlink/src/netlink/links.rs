//! Interfaces brought up and taken down.

use nix::libc;

use super::{Netlink, link_header};
use crate::{
    error::{Cause, Error, Failure, Operation},
    link::Interface,
};
use kernel_netlink::Envelope;

impl Netlink {
    /// Brings an interface administratively up. Needs `CAP_NET_ADMIN`. One that is up stays so.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted), [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface);
    /// [`Taken`](crate::ErrorKind::Taken) for a virtual MAC whose hardware address another interface has over the same
    /// parent, where that one came up first.
    pub fn bring_up(&mut self, interface: &Interface) -> Result<(), Error> {
        self.tell(|envelope| write_up(envelope, interface.index(), IFF_UP))
            .map_err(|failure| self.name_who_has_the_hardware_address(interface, failure))
            .map_err(|failure| Operation::BringUp(interface.short_name()).failed(failure))
    }

    /// Takes an interface administratively down. Needs `CAP_NET_ADMIN`. One that is down stays so.
    ///
    /// The kernel takes its IPv6 addresses off, without a word to the neighbours, and with the addresses of either family
    /// the routes through it.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted), [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface).
    pub fn take_down(&mut self, interface: &Interface) -> Result<(), Error> {
        self.tell(|envelope| write_up(envelope, interface.index(), 0))
            .map_err(|failure| Operation::TakeDown(interface.short_name()).failed(failure))
    }

    /// Sends a request whose answer holds nothing but how it ended.
    pub(super) fn tell(&mut self, write: impl FnOnce(Envelope<'_>)) -> Result<(), Failure> {
        Ok(self.socket.request(write, |_, _| Ok(()))?)
    }

    fn name_who_has_the_hardware_address(&mut self, interface: &Interface, failure: Failure) -> Failure {
        if !failure.is(libc::EADDRINUSE) {
            return failure;
        }
        let other = self.links().ok().and_then(|links| {
            let this = links.iter().find(|link| link.index() == interface.index())?;
            let other = links.iter().find(|other| other.keeps_down(this))?;
            Some(other.interface.short_name())
        });
        other.map_or(failure, |other| Cause::HardwareAddressTaken(other).into())
    }
}

fn write_up(envelope: Envelope<'_>, index: u32, flags: u32) {
    envelope.message(libc::RTM_SETLINK, 0, |payload| link_header(payload, index, flags, IFF_UP));
}

const IFF_UP: u32 = libc::IFF_UP as u32;
