//! Looks for what is wrong.

use std::net::IpAddr;

use super::{
    LOOPBACK, Problem,
    settings::{Setting, Sysctls},
};
use crate::{
    address::{AssignedAddress, Scope},
    error::{Error, Operation},
    link::Interface,
    netlink::{Ipv4Setting, Netlink},
};
use kernel_netlink::Malformed;

pub(super) fn find(netlink: &mut Netlink, sysctls: &Sysctls, vips: &[IpAddr]) -> Result<Vec<Problem>, Error> {
    let links = netlink.list_links(Link::parse);
    let mut links = links.map_err(|failure| Operation::ListInterfaces.failed(failure))?;
    let lo = links.extract_if(.., |link| link.interface.name() == LOOPBACK).last().map(|link| link.interface);
    let index = lo.map_or(0, |lo| lo.index());
    let addresses = netlink.list_all().map_err(|failure| Operation::ListAllAddresses.failed(failure))?;
    let (on_lo, elsewhere): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .filter(|one| vips.contains(&one.ip()))
        .partition(|one| one.interface() == index);

    let mut problems = Vec::new();
    if !lo.is_some_and(|lo| lo.is_up()) {
        problems.push(Problem::LoopbackDown);
    }
    for vip in vips {
        if !on_lo.iter().any(|one| one.ip() == *vip) {
            problems.push(Problem::Missing { vip: *vip });
        }
    }
    let subnets = on_lo.iter().map(AssignedAddress::address).filter(|address| !address.is_host());
    problems.extend(subnets.map(|address| Problem::Subnet { address }));

    let all = (sysctls.read(Setting::ArpIgnore)?, sysctls.read(Setting::ArpAnnounce)?);
    // An interface without a carrier counts too: it may get it back any time.
    for link in links.iter().filter(|link| link.interface.is_up() && link.interface.supports_arp()) {
        let here = elsewhere.iter().filter(|one| one.interface() == link.interface.index());
        problems.extend(here.filter_map(|one| link.answers_for_own(one, all.0)));
        if vips.iter().any(IpAddr::is_ipv4) {
            problems.extend(link.answers_for_loopback(&on_lo, all.0));
            problems.extend(link.asks_for_loopback(all.1));
        }
    }
    Ok(problems)
}

/// An interface with its own values of the sysctls.
struct Link {
    interface: Interface,
    /// `None` where it has nothing to do with IPv4.
    ignore: Option<u32>,
    announce: Option<u32>,
}

impl Link {
    fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        Ok(Self {
            interface: Interface::parse(payload)?,
            ignore: Ipv4Setting::ArpIgnore.read(payload)?,
            announce: Ipv4Setting::ArpAnnounce.read(payload)?,
        })
    }

    fn answers_for_own(&self, assigned: &AssignedAddress, all: i32) -> Option<Problem> {
        let is_silent = assigned.ip().is_ipv4() && own(self.ignore)?.max(all) == SILENCE;
        (!is_silent).then(|| Problem::OnInterface { address: assigned.address(), interface: self.name() })
    }

    fn answers_for_loopback(&self, on_lo: &[AssignedAddress], all: i32) -> Option<Problem> {
        let own = own(self.ignore)?;
        let value = own.max(all);
        let mut on_lo = on_lo.iter().filter(|one| one.ip().is_ipv4());
        let is_silent = Setting::ArpIgnore.is_strict(value)
            || (value == HIDES_HOST_SCOPE && on_lo.all(|one| one.scope() == Scope::HOST));
        (!is_silent).then(|| Problem::ArpIgnore { interface: self.name(), all, own })
    }

    fn asks_for_loopback(&self, all: i32) -> Option<Problem> {
        let own = own(self.announce)?;
        (!Setting::ArpAnnounce.is_strict(own.max(all))).then(|| Problem::ArpAnnounce {
            interface: self.name(),
            all,
            own,
        })
    }

    fn name(&self) -> String {
        self.interface.name().to_owned()
    }
}

/// The kernel's numbers have a sign, which netlink leaves out.
fn own(value: Option<u32>) -> Option<i32> {
    value.map(u32::cast_signed)
}

/// The values of `arp_ignore` (`arp_ignore`, net/ipv4/arp.c) that are more than strict or less.
const SILENCE: i32 = 8;
const HIDES_HOST_SCOPE: i32 = 3;
