//! Interfaces with the hardware address of a virtual router: made, taken over after a crash, removed.

mod link;
mod requests;

use std::{
    collections::hash_map::RandomState,
    fs,
    hash::{BuildHasher, Hasher},
};

use nix::libc;

pub(crate) use self::link::Link;
use self::{
    link::MODE_PRIVATE,
    requests::{
        set_mode, write_create, write_delete, write_mark, write_mtu, write_name, write_without_ipv6_address,
    },
};
use super::{Change, Ipv4Setting, Netlink, get_link, link_header, settings::write_ipv4_settings};
use crate::{
    address::Family,
    error::{Cause, Difference, Error, Failure, Operation},
    link::{Interface, Name},
    virtual_mac::{Mark, ParentSettings, VirtualMac},
};

impl Netlink {
    /// Makes an interface with a virtual router's hardware address over another, its parent, or takes over the one that is
    /// there with this [`owner`](Self::owner)'s mark. Needs `CAP_NET_ADMIN`.
    ///
    /// It is down at first. Have it up while the virtual router is Master, and only then: whatever an interface sends while
    /// it is up, switches take for the way to its hardware address. So a virtual address is acquired in this order:
    /// [`bring_up`](Self::bring_up), [`add`](Self::add), announce; and released in this one:
    /// [`take_down`](Self::take_down), [`remove`](Self::remove). What is taken over stays up or down, and keeps its
    /// addresses; whatever else is wrong about it is put right.
    ///
    /// While it is up, multicast packets from the same hardware address come to this interface alone, not to the parent: to
    /// hear another Master that sends its advertisements from it, as keepalived with `use_vmac` does, have a
    /// [`VrrpSocket`](crate::VrrpSocket) here too.
    ///
    /// It answers ARP for its own addresses alone, and takes no IPv6 address of itself; with that of a virtual router for
    /// IPv4, it has no IPv6 at all. To keep it from believing routers, and IPv6 from it, the thread has to be in the
    /// interface's network namespace and `/proc/sys` has to be writable. Otherwise, while it is up, it takes an address and a
    /// route where a router advertises them.
    ///
    /// With the first virtual MAC for IPv4, the parent is set to answer ARP for its own addresses alone, and to ask in their
    /// name alone (the sysctls `arp_ignore` and `arp_announce`). [`remove_virtual_mac`](Self::remove_virtual_mac) of the
    /// last one sets it back, also after a crash: what was set before is part of the mark. What somebody set to something
    /// else meanwhile stays. The sysctls for all interfaces must not forbid it: with `net.ipv4.conf.all.arp_filter` set, a
    /// virtual address of the parent's subnet is not answered for.
    ///
    /// A virtual MAC follows its parent: when that is taken down or loses its carrier it does not run, and runs again by
    /// itself; when the parent is renamed nothing changes; when it is deleted, the virtual MAC is too. A smaller MTU is
    /// taken over, a larger one is not: for that, call this again. Over a macvlan it is one beside it, and then it outlives
    /// this parent.
    ///
    /// # Errors
    ///
    /// After an error all is as it was before, unless there was one to be taken over.
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted), [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface);
    /// [`Taken`](crate::ErrorKind::Taken) where another interface has the name, or has the hardware address over the same
    /// parent: two virtual routers of one number;
    /// [`Unsuitable`](crate::ErrorKind::Unsuitable) where the parent is not an Ethernet interface, or IPv6 is disabled and
    /// the virtual MAC is for IPv6;
    /// [`Other`](crate::ErrorKind::Other) where the parent serves a bridge or bond (`EBUSY`) or one macvlan alone
    /// (`EINVAL`); [`Unsupported`](crate::ErrorKind::Unsupported) where the kernel has no macvlan (`EOPNOTSUPP`).
    pub fn create_virtual_mac(
        &mut self,
        parent: &Interface,
        virtual_mac: VirtualMac,
    ) -> Result<Interface, Error> {
        self.ensure(parent, virtual_mac).map_err(|failure| {
            Operation::CreateVirtualMac(virtual_mac.hardware_address(), parent.short_name()).failed(failure)
        })
    }

    /// Removes a virtual MAC, with the addresses on it, and sets its parent back if it was the last one there. Needs
    /// `CAP_NET_ADMIN`. One that is not there is [`Change::AlreadySo`].
    ///
    /// Where somebody else deletes it, nobody sets the parent back, unless there is another one over it.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted); [`Unsuitable`](crate::ErrorKind::Unsuitable) for an interface
    /// without this [`owner`](Self::owner)'s mark, which stays.
    pub fn remove_virtual_mac(&mut self, interface: &Interface) -> Result<Change, Error> {
        self.remove_if_ours(interface.index())
            .map_err(|failure| Operation::RemoveVirtualMac(interface.short_name()).failed(failure))
    }

    /// Takes over the virtual MACs that a predecessor with the same [`owner`](Self::owner) left behind in this namespace:
    /// keeps those that are still wanted, with their addresses, and removes the others. Returns those it keeps;
    /// [`create_virtual_mac`](Self::create_virtual_mac) puts right what is wrong about them. Interfaces without the mark are
    /// left alone. Needs `CAP_NET_ADMIN` if there is something to remove.
    ///
    /// Whoever was killed while it made one left it with a name of four letters and eleven digits, `vip-0123456789a`.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted), [`KeptChanging`](crate::ErrorKind::KeptChanging); the first of
    /// them, after all was tried.
    pub fn adopt_virtual_macs(
        &mut self,
        mut is_wanted: impl FnMut(&Interface) -> bool,
    ) -> Result<Vec<Interface>, Error> {
        let links = self.links().map_err(|failure| Operation::ListOwned.failed(failure))?;
        let ours = links.iter().filter(|link| self.is_ours(link)).map(|link| link.interface);
        let (kept, stale): (Vec<_>, Vec<_>) = ours.partition(|interface| is_wanted(interface));
        let removed: Vec<_> = stale.iter().map(|interface| self.remove_virtual_mac(interface)).collect();
        removed.into_iter().try_for_each(|result| result.map(drop))?;
        Ok(kept)
    }

    fn ensure(&mut self, parent: &Interface, wanted: VirtualMac) -> Result<Interface, Failure> {
        if !parent.supports_arp() {
            return Err(Cause::NoArp.into());
        }
        // Before the list of links: whoever sets the parent makes his virtual MAC first.
        let now = self.parent_settings(parent.index())?;
        let links = self.links()?;
        let Some(lower) = links.iter().find(|link| link.index() == parent.index()) else {
            return Err(nix::Error::ENODEV.into());
        };
        let found = links.iter().find(|link| self.is_wanted(link, parent, wanted));
        refuse_what_is_taken(&links, found, lower, wanted)?;
        let (index, made) = match found {
            Some(link) => {
                if is_provisional(link.interface.name()) {
                    // Whoever made it may have been killed before he came to this.
                    settle_ipv6(link.interface.short_name(), wanted.family());
                }
                (link.index(), false)
            }
            None => {
                let before = before(&links, parent.index()).unwrap_or(now);
                let before = (wanted.family() == Family::V4).then_some(before);
                let mark = Mark { owner: self.owner, parent: parent.index(), before };
                (self.make_marked(lower, wanted, mark)?, true)
            }
        };
        let furnished = self.furnish(index, &lower.interface, wanted);
        if furnished.is_err() && made {
            // It fails for the reason that is told already.
            let _ = self.remove_if_ours(index);
        }
        furnished
    }

    /// Makes the interface and puts the mark on it in one system call, so that nothing can be left without a mark. Until it
    /// has its mark it has a name that nobody else can have.
    fn make_marked(&mut self, parent: &Link, wanted: VirtualMac, mark: Mark) -> Result<u32, Failure> {
        let name = provisional_name().ok_or(nix::Error::ENAMETOOLONG)?;
        let mut outcomes = self.socket.batch(2, |index, envelope| match index {
            0 => write_create(envelope, parent, wanted, name),
            _ => write_mark(envelope, name, &mark.to_string()),
        });
        let marked = outcomes.pop().unwrap_or(Ok(()));
        outcomes.pop().unwrap_or(Ok(()))?;
        let index = self.link(0, Some(name))?.index();
        if marked.is_err() {
            let _ = self.tell(|envelope| write_delete(envelope, index));
        }
        marked?;
        settle_ipv6(name, wanted.family());
        Ok(index)
    }

    /// Sets everything about an interface as it has to be, except for whether it is up.
    fn furnish(&mut self, index: u32, parent: &Interface, wanted: VirtualMac) -> Result<Interface, Failure> {
        let link = self.link(index, None)?;
        self.tell(|envelope| write_without_ipv6_address(envelope, index))
            .or_else(|failure| accept_no_ipv6(failure, wanted.family()))?;
        if wanted.family() == Family::V6 && self.link(index, None)?.is_ipv6_disabled {
            return Err(Cause::NoIpv6.into());
        }
        if link.mode != Some(MODE_PRIVATE) {
            self.tell(|envelope| set_mode(envelope, index, MODE_PRIVATE))?;
        }
        if link.interface.mtu() != parent.mtu() {
            self.tell(|envelope| write_mtu(envelope, index, parent.mtu()))?;
        }
        self.set_arp(index, wanted.family())?;
        if wanted.family() == Family::V4 {
            let now = self.parent_settings(parent.index())?;
            let changes = now.changes_to(now.under_a_virtual_mac());
            if !changes.is_empty() {
                self.set_ipv4_settings(parent.index(), &changes)?;
            }
        }
        if link.interface.short_name() != wanted.short_name() {
            self.tell(|envelope| write_name(envelope, index, wanted.short_name()))?;
        }
        Ok(self.link(index, None)?.interface)
    }

    fn set_arp(&mut self, index: u32, family: Family) -> Result<(), Failure> {
        // It receives the broadcasts its parent receives, and would answer for the parent's addresses.
        let mut settings = vec![(Ipv4Setting::ArpIgnore, 1)];
        if family == Family::V4 {
            // The way back to who sends to a virtual address is through the parent. Of its own setting and that for all
            // interfaces the larger one counts: 1 would refuse that way, 2 lets it pass.
            let rp_filter = if self.rp_filter_of_all()? == 1 { 2 } else { 0 };
            settings.extend([
                (Ipv4Setting::ArpFilter, 0),
                (Ipv4Setting::RpFilter, rp_filter),
                (Ipv4Setting::PromoteSecondaries, 1),
            ]);
        }
        self.set_ipv4_settings(index, &settings)
    }

    fn remove_if_ours(&mut self, index: u32) -> Result<Change, Failure> {
        let mut links = self.links()?;
        let Some(at) = links.iter().position(|link| link.index() == index) else {
            return Ok(Change::AlreadySo);
        };
        let link = links.swap_remove(at);
        let Some(mark) = link.mark.filter(|_| self.is_ours(&link)) else {
            return Err(Cause::WithoutMark.into());
        };
        let back = self.changes_back(&links, mark);
        // In one system call, so that the mark is not gone before what it is needed for is done.
        let mut outcomes =
            self.socket.batch(1 + usize::from(!back.is_empty()), |number, envelope| match number {
                0 => write_delete(envelope, index),
                _ => write_ipv4_settings(envelope, mark.parent, &back),
            });
        let set_back = outcomes.split_off(1).pop().unwrap_or(Ok(()));
        let deleted = outcomes.pop().unwrap_or(Ok(()));
        let change = match deleted {
            Err(failure) if failure.is(libc::ENODEV) => Change::AlreadySo,
            deleted => deleted.map(|()| Change::Made)?,
        };
        set_back.map_err(Failure::from).or_else(accept_no_parent)?;
        if mark.before.is_some() && before(&links, mark.parent).is_some() {
            // Whoever removed that one meanwhile may have taken ours for the last.
            let links = self.links()?;
            let back = self.changes_back(&links, mark);
            if !back.is_empty() {
                self.set_ipv4_settings(mark.parent, &back).or_else(accept_no_parent)?;
            }
        }
        Ok(change)
    }

    /// What to set of the parent of a virtual MAC that goes, while these other links stay.
    fn changes_back(&mut self, others: &[Link], mark: Mark) -> Vec<(Ipv4Setting, u32)> {
        match mark.before {
            Some(settings) if before(others, mark.parent).is_none() => {
                // A parent that is gone has nothing to be set back.
                self.parent_settings(mark.parent).map_or(Vec::new(), |now| settings.changes_back(now))
            }
            _ => Vec::new(),
        }
    }

    fn is_ours(&self, link: &Link) -> bool {
        link.is_macvlan() && link.mark.is_some_and(|mark| mark.owner == self.owner)
    }

    fn is_wanted(&self, link: &Link, parent: &Interface, wanted: VirtualMac) -> bool {
        self.is_ours(link)
            && link.mark.is_some_and(|mark| mark.parent == parent.index())
            && link.interface.hardware_address() == Some(wanted.hardware_address())
    }

    fn parent_settings(&mut self, index: u32) -> Result<ParentSettings, Failure> {
        Ok(ParentSettings {
            arp_ignore: self.ipv4_setting(index, Ipv4Setting::ArpIgnore)?,
            arp_announce: self.ipv4_setting(index, Ipv4Setting::ArpAnnounce)?,
        })
    }

    fn link(&mut self, index: u32, name: Option<Name>) -> Result<Link, Failure> {
        let mut found = None;
        self.socket.request(
            |envelope| get_link(envelope, index, name),
            |kind, payload| {
                if kind == libc::RTM_NEWLINK {
                    found = Some(Link::parse(payload)?);
                }
                Ok(())
            },
        )?;
        found.ok_or(nix::Error::ENODEV.into())
    }

    pub(super) fn links(&mut self) -> Result<Vec<Link>, Failure> {
        Ok(self.socket.dump(
            |envelope| get_link(envelope, 0, None),
            |kind, payload| (kind == libc::RTM_NEWLINK).then(|| Link::parse(payload)).transpose(),
        )?)
    }
}

/// What the parent was set to before the first virtual MAC came, as the virtual MACs over it say, whoever owns them.
fn before(links: &[Link], parent: u32) -> Option<ParentSettings> {
    links.iter().find_map(|link| link.saved_for(parent))
}

fn refuse_what_is_taken(
    links: &[Link],
    found: Option<&Link>,
    parent: &Link,
    wanted: VirtualMac,
) -> Result<(), Failure> {
    let mut others = links.iter().filter(|link| found.is_none_or(|found| found.index() != link.index()));
    if let Some(other) = others.clone().find(|link| link.interface.short_name() == wanted.short_name()) {
        let difference = match other.interface.hardware_address() {
            _ if !other.is_macvlan() => Difference::NoMacvlan,
            Some(mac) if mac != wanted.hardware_address() => Difference::HardwareAddress(mac),
            _ if other.mark.is_none() => Difference::NoMark,
            _ if found.is_none() && other.mark.is_some_and(|mark| mark.parent == parent.index()) => {
                Difference::Owner
            }
            _ => Difference::Parent,
        };
        return Err(Cause::NameTaken(wanted.short_name(), difference).into());
    }
    let same = others.find(|link| {
        link.shares_a_wire_with(parent)
            && link.interface.hardware_address() == Some(wanted.hardware_address())
    });
    same.map_or(Ok(()), |other| Err(Cause::HardwareAddressTaken(other.interface.short_name()).into()))
}

fn accept_no_parent(failure: Failure) -> Result<(), Failure> {
    if failure.is(libc::ENODEV) { Ok(()) } else { Err(failure) }
}

fn accept_no_ipv6(failure: Failure, family: Family) -> Result<(), Failure> {
    match family {
        _ if !failure.is(libc::EAFNOSUPPORT) => Err(failure),
        Family::V4 => Ok(()),
        Family::V6 => Err(Cause::NoIpv6.into()),
    }
}

/// Keeps the kernel from doing things by itself over IPv6, for which netlink has no request. Nobody else has the name, so
/// that nothing happens in a thread that is in another namespace.
fn settle_ipv6(name: Name, family: Family) {
    let settings: &[_] = match family {
        Family::V4 => &[("disable_ipv6", "1")],
        // Of itself it would take addresses and a default route from routers, and ask for them.
        Family::V6 => &[("accept_ra", "0"), ("disable_ipv6", "0")],
    };
    for (setting, value) in settings {
        // It fails where there is no IPv6, in another namespace, and in containers: as documented.
        let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{name}/{setting}"), value);
    }
}

/// A name that no other interface has, by chance of 1 in 2 to the power of 44.
fn provisional_name() -> Option<Name> {
    let number = RandomState::new().build_hasher().finish() >> 20;
    Name::new(&format!("{PROVISIONAL}{number:011x}"))
}

fn is_provisional(name: &str) -> bool {
    name.strip_prefix(PROVISIONAL)
        .is_some_and(|number| number.len() == 11 && u64::from_str_radix(number, 16).is_ok())
}

const PROVISIONAL: &str = "vip-";
