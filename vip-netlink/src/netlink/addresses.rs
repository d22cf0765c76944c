//! The addresses of interfaces: listed, added, removed, and found again after a crash.

use std::collections::BTreeSet;

use nix::libc;

use super::{
    Batch, Change, Netlink,
    batch::{Place, Request},
    get_link,
    settings::{Ipv4Setting, write_ipv4_settings},
};
use kernel_netlink::AT_ONCE;

use crate::{
    address::{AssignedAddress, Family, VirtualAddress},
    error::{Cause, Error, ErrorKind, Failure, Operation},
    link::Interface,
};

impl Netlink {
    /// Lists the addresses of an interface in the kernel's order, those of IPv4 first (`RTM_GETADDR`). Needs no privilege.
    ///
    /// When the kernel says that the list changed while it was read, it is read again. A list of hundreds of addresses, read
    /// while another program removes some, may still lack one that stays, in rare cases: the kernel notices a change a
    /// moment after making it.
    ///
    /// Left out is what [`Address`](crate::Address) cannot hold, such as 0.0.0.0, though the kernel lets a user add it.
    ///
    /// # Errors
    ///
    /// [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface);
    /// [`KeptChanging`](crate::ErrorKind::KeptChanging), after some attempts, when other programs change addresses so
    /// fast that no consistent list can be read.
    pub fn addresses(&mut self, interface: &Interface) -> Result<Vec<AssignedAddress>, Error> {
        self.list(interface)
            .map_err(|failure| Operation::ListAddresses(interface.short_name()).failed(failure))
    }

    fn list(&mut self, interface: &Interface) -> Result<Vec<AssignedAddress>, Failure> {
        let mut addresses = self.list_all()?;
        addresses.retain(|assigned| assigned.interface() == interface.index());
        if addresses.is_empty() {
            // No addresses, or no interface?
            self.socket.request(|envelope| get_link(envelope, interface.index(), None), |_, _| Ok(()))?;
        }
        Ok(addresses)
    }

    /// Lists the addresses of all interfaces.
    pub(crate) fn list_all(&mut self) -> Result<Vec<AssignedAddress>, Failure> {
        let mut addresses = self.list_family(Family::V4)?;
        addresses.extend(self.list_family(Family::V6)?);
        Ok(addresses)
    }

    /// The kernel would filter by interface, and would dump both families at once, but then does not always say that the
    /// list changed while it was being dumped: it takes the sequence number it compares (`cb->seq` in `inet_dump_ifaddr`,
    /// net/ipv4/devinet.c) when it does not filter, and forgets it between two families (`rtnl_dump_all`,
    /// net/core/rtnetlink.c). A kernel without a family answers with all others.
    fn list_family(&mut self, family: Family) -> Result<Vec<AssignedAddress>, Failure> {
        Ok(self.socket.dump(
            |envelope| {
                envelope.message(libc::RTM_GETADDR, 0, |payload| {
                    payload.header([family.number(), 0, 0, 0, 0, 0, 0, 0]);
                });
            },
            |kind, payload| {
                if kind != libc::RTM_NEWADDR {
                    return Ok(None);
                }
                let assigned = AssignedAddress::parse(payload)?;
                Ok(assigned.filter(|assigned| Family::of(assigned.ip()) == family))
            },
        )?)
    }

    /// Puts a floating address on an interface (`RTM_NEWADDR`), marked as this socket's [`owner`](Self::owner)'s. Needs
    /// `CAP_NET_ADMIN`.
    ///
    /// Adding what is there changes nothing, whoever added it, and is [`Change::AlreadySo`]. The same IPv4 address with
    /// another prefix length or peer, or any on another interface, is another address.
    ///
    /// An IPv6 address is usable at once, unless [`VirtualAddress::detect_duplicates`] was asked for: one that is there but not
    /// usable ([`is_usable`](AssignedAddress::is_usable)) is removed and added again. Sockets can be bound to it when the call
    /// returns; the kernel takes packets for it and answers for it a moment later, in general less than a millisecond.
    ///
    /// Packets to an IPv6 address are accepted a moment after this returns: usually a tenth of a millisecond, longer after many
    /// additions or on a busy host. Those that come before are dropped. So if the address is announced at once, a
    /// neighbour's first packet may be lost, and a new TCP connection then takes a second more. To avoid that, announce it
    /// when a [`Monitor`](crate::Monitor) tells that it was added, which is when the kernel begins to accept.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted), [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface);
    /// [`Unsuitable`](crate::ErrorKind::Unsuitable) for an IPv6 address where IPv6 is disabled on the interface, or where
    /// it has the address with another prefix length.
    pub fn add(
        &mut self,
        interface: &Interface,
        address: impl Into<VirtualAddress>,
    ) -> Result<Change, Error> {
        self.carry_out_one(Request::AddAddress(Place::of(interface), address.into()))
    }

    /// Takes an address off an interface (`RTM_DELADDR`), whoever put it there. Needs `CAP_NET_ADMIN`.
    ///
    /// Removing what is not there changes nothing and is [`Change::AlreadySo`]. Other addresses stay: where the kernel would
    /// remove those of the same subnet too, because the sysctl `promote_secondaries` is not set for the interface, it is
    /// set for that moment. Of many of one IPv4 subnet, the first had better go last: whenever the first goes, the kernel
    /// makes the routes of all others anew, which takes it seconds for a thousand.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted), [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface).
    pub fn remove(
        &mut self,
        interface: &Interface,
        address: impl Into<VirtualAddress>,
    ) -> Result<Change, Error> {
        self.carry_out_one(Request::RemoveAddress(Place::of(interface), address.into()))
    }

    /// Takes over what a predecessor with the same [`owner`](Self::owner) left behind in this namespace, on whatever
    /// interface: keeps the addresses that are still wanted, without interruption, and removes the others. Returns those
    /// it keeps. Addresses without the mark are left alone. `is_wanted` may be asked of one more than once. Needs
    /// `CAP_NET_ADMIN` if there is something to remove.
    ///
    /// Linux keeps the mark since 5.18; before, nothing is found.
    ///
    /// # Errors
    ///
    /// As [`addresses`](Self::addresses) and [`remove`](Self::remove); the first of them, after all was tried.
    pub fn adopt(
        &mut self,
        mut is_wanted: impl FnMut(&AssignedAddress) -> bool,
    ) -> Result<Vec<AssignedAddress>, Error> {
        let mut kept = Vec::new();
        for _ in 0..ADOPT_ATTEMPTS {
            let mut owned = self.list_all().map_err(|failure| Operation::ListOwned.failed(failure))?;
            owned.retain(|assigned| assigned.owner() == Some(self.owner));
            let stale;
            (kept, stale) = owned.into_iter().partition(|assigned| is_wanted(assigned));
            if stale.is_empty() {
                break;
            }
            // And look again: the kernel may skip one that is there when others remove addresses meanwhile.
            self.remove_all(&stale)?;
        }
        Ok(kept)
    }

    /// Removes what a predecessor with the same [`owner`](Self::owner) left behind: all rules, routes in whatever table,
    /// virtual MACs, and addresses on whatever interface that carry the mark, in this order, and no other. Needs
    /// `CAP_NET_ADMIN` if there are any.
    ///
    /// # Errors
    ///
    /// As [`adopt_rules`](Self::adopt_rules), [`adopt_routes`](Self::adopt_routes),
    /// [`adopt_virtual_macs`](Self::adopt_virtual_macs) and [`adopt`](Self::adopt); the first of them, after all was tried.
    pub fn flush(&mut self) -> Result<(), Error> {
        let rules = self.adopt_rules(|_| false).map(drop);
        let routes = self.adopt_routes(|_| false).map(drop);
        let virtual_macs = self.adopt_virtual_macs(|_| false).map(drop);
        let addresses = self.adopt(|_| false).map(drop);
        rules.and(routes).and(virtual_macs).and(addresses)
    }

    fn remove_all(&mut self, stale: &[AssignedAddress]) -> Result<(), Error> {
        if stale.is_empty() {
            return Ok(());
        }
        let interfaces = self.interfaces()?;
        let mut batch = Batch::new();
        // The first of an IPv4 subnet last: the kernel would make the next one the first, and all their routes anew.
        for assigned in stale.iter().rev() {
            if let Some(interface) = interfaces.iter().find(|one| one.index() == assigned.interface()) {
                batch.remove(interface, *assigned);
            }
        }
        // An interface that went took its addresses along.
        let is_gone = |error: &Error| error.kind() == ErrorKind::NoSuchInterface;
        let mut failed = self.carry_out(&batch).into_iter().filter_map(Result::err);
        failed.find(|error| !is_gone(error)).map_or(Ok(()), Err)
    }

    /// Removes addresses, and no others with them.
    pub(super) fn remove_addresses(&mut self, requests: &[Request]) -> Vec<Result<Change, Failure>> {
        let may_take_others = requests.iter().any(|request| request.may_take_others_along().is_some());
        // With a setting before each and one after it in one system call.
        let at_once = if may_take_others { AT_ONCE / 3 } else { AT_ONCE };
        requests.chunks(at_once).flat_map(|some| self.remove_some(some)).collect()
    }

    /// Sets the sysctl `promote_secondaries` on the interfaces where the kernel would remove more than it is told to, and
    /// sets it back: in one system call, half-way through which nobody is killed.
    fn remove_some(&mut self, requests: &[Request]) -> Vec<Result<Change, Failure>> {
        let to_set = self.would_take_others_along(requests);
        let set = |value| to_set.iter().map(move |interface| Step::Set(*interface, value));
        let steps: Vec<_> = set(1).chain(requests.iter().map(Step::Remove)).chain(set(0)).collect();
        let owner = self.owner;
        for request in requests {
            request.announce_to(&self.monitors);
        }
        let outcomes = self.socket.batch(steps.len(), |index, envelope| match steps.get(index) {
            Some(Step::Set(interface, value)) => {
                write_ipv4_settings(envelope, *interface, &[(Ipv4Setting::PromoteSecondaries, *value)]);
            }
            Some(Step::Remove(request)) => request.write(envelope, owner),
            None => {}
        });
        let mut results = Vec::with_capacity(requests.len());
        for (step, outcome) in steps.iter().zip(outcomes) {
            // Where the setting fails, so does the removal, for the same reason.
            if let Step::Remove(request) = step {
                let result = request.change(outcome);
                request.report_to(&self.monitors, &result);
                results.push(result);
            }
        }
        results
    }

    fn would_take_others_along(&mut self, requests: &[Request]) -> Vec<u32> {
        let may: BTreeSet<_> = requests.iter().filter_map(Request::may_take_others_along).collect();
        let is_unset = |interface: &u32| {
            self.ipv4_setting(*interface, Ipv4Setting::PromoteSecondaries).is_ok_and(|value| value == 0)
        };
        may.into_iter().filter(is_unset).collect()
    }

    /// Looks after IPv6 addresses that were there already: they may be there in another way.
    pub(super) fn make_usable(&mut self, requests: &[Request], results: &mut [Result<Change, Failure>]) {
        let mut present = None;
        for (request, result) in requests.iter().zip(results) {
            let Request::AddAddress(place, address) = request else { continue };
            if matches!(result, Ok(Change::AlreadySo)) && address.ip().is_ipv6() {
                let list = present.get_or_insert_with(|| self.list_family(Family::V6));
                *result = match list {
                    Ok(list) => {
                        let found = list.iter().find(|one| one.is_at(place.index, address.ip())).copied();
                        self.make_one_usable(*place, *address, found)
                    }
                    Err(failure) => Err(failure.clone()),
                };
            }
        }
    }

    fn make_one_usable(
        &mut self,
        place: Place,
        wanted: VirtualAddress,
        found: Option<AssignedAddress>,
    ) -> Result<Change, Failure> {
        let addition = Request::AddAddress(place, wanted);
        match found {
            Some(other) if other.address() != wanted.address() => {
                Err(Cause::OtherPrefixLength(other.address()).into())
            }
            Some(found) if found.is_usable() || wanted.detects_duplicates() => Ok(Change::AlreadySo),
            Some(_) => {
                self.once(&Request::RemoveAddress(place, wanted))?;
                self.once(&addition)
            }
            // It went meanwhile.
            None => self.once(&addition),
        }
    }

    fn once(&mut self, request: &Request) -> Result<Change, Failure> {
        let owner = self.owner;
        request.announce_to(&self.monitors);
        let result =
            request.change(self.socket.request(|envelope| request.write(envelope, owner), |_, _| Ok(())));
        request.report_to(&self.monitors, &result);
        result
    }
}

impl Request {
    /// The interface on which the kernel may remove more than this one: an IPv4 address that is the first of its subnet.
    fn may_take_others_along(&self) -> Option<u32> {
        match self {
            Self::RemoveAddress(place, address) => {
                (address.ip().is_ipv4() && address.may_share_its_subnet()).then_some(place.index)
            }
            Self::AddAddress(..)
            | Self::AddRoute(_)
            | Self::RemoveRoute(_)
            | Self::AddRule(_)
            | Self::RemoveRule(_) => None,
        }
    }
}

/// What to ask of the kernel so that just some addresses go.
enum Step<'r> {
    Set(u32, u32),
    Remove(&'r Request),
}

/// How often leftovers are looked for while there are any.
const ADOPT_ATTEMPTS: u32 = 3;
