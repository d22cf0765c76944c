//! From messages to events, by way of the picture: no socket, so that it is tested and fuzzed with any bytes.

use std::collections::{BTreeSet, VecDeque};

use nix::libc;

use super::{
    event::{Event, EventKind, Lost, Origin},
    picture::{Identity, Picture, runs},
};
use crate::{address::AssignedAddress, link::Interface};
use kernel_netlink::{Malformed, Message, Messages, find};

/// Follows what the kernel tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Follower {
    picture: Picture,
    events: VecDeque<Event>,
}

/// What a message says, as far as it matters.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum News {
    Interface(Interface),
    InterfaceGone(u32),
    Address(AssignedAddress),
    AddressGone(AssignedAddress),
}

impl Follower {
    pub(crate) fn picture(&self) -> &Picture {
        &self.picture
    }

    pub(crate) fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Takes in the events of a datagram. `who` says whose doing it is that something changed.
    pub(crate) fn handle_datagram(
        &mut self,
        datagram: &[u8],
        mut who: impl FnMut(&Message<'_>, &EventKind) -> Origin,
    ) -> Result<(), Malformed> {
        for message in Messages::new(datagram) {
            let message = message?;
            if let Some(news) = News::read(&message)? {
                self.handle(news, &mut |kind| who(&message, kind));
            }
        }
        Ok(())
    }

    /// Takes the lists that the kernel gave for the truth, and tells the differences.
    ///
    /// An event that was on its way while they were read is taken in afterwards. It may tell of a state older than the
    /// lists'; but events tell states, not differences, so whatever is newer than the lists is told again behind it.
    pub(crate) fn handle_lists(
        &mut self,
        interfaces: &[Interface],
        addresses: &[AssignedAddress],
        lost: Lost,
    ) {
        let gone = missing(self.picture.interfaces(), interfaces, Interface::index);
        for interface in gone {
            self.remove_interface(interface.index(), &mut unknown);
        }
        for interface in interfaces {
            if self.picture.interface(interface.index()).is_some_and(|before| is_another(before, interface)) {
                self.remove_interface(interface.index(), &mut unknown);
            }
            self.put_interface(*interface, &mut unknown);
        }
        let gone = missing(self.picture.addresses(), addresses, Identity::of);
        for address in gone {
            self.remove_address(&address, &mut unknown);
        }
        for address in addresses {
            self.put_address(*address, &mut unknown);
        }
        self.tell(EventKind::Resynced(lost), Origin::Unknown);
    }

    /// Begins with lists, of which there is nothing to tell.
    pub(crate) fn start(interfaces: &[Interface], addresses: &[AssignedAddress]) -> Self {
        let mut picture = Picture::default();
        for interface in interfaces {
            picture.put_interface(*interface);
        }
        for address in addresses {
            picture.put_address(*address);
        }
        Self { picture, events: VecDeque::new() }
    }

    fn handle(&mut self, news: News, who: Who<'_>) {
        match news {
            News::Interface(interface) => self.put_interface(interface, who),
            News::InterfaceGone(index) => self.remove_interface(index, who),
            News::Address(address) => self.put_address(address, who),
            News::AddressGone(address) => self.remove_address(&address, who),
        }
    }

    fn put_interface(&mut self, now: Interface, who: Who<'_>) {
        let kind = match self.picture.interface(now.index()) {
            Some(before) if *before == now => return,
            Some(before) => EventKind::InterfaceChanged { before: *before, now },
            None => EventKind::InterfaceAdded(now),
        };
        self.change(now.index(), kind, who, |picture| picture.put_interface(now));
    }

    /// Removes an interface and the addresses it still has; the kernel has told most of them to be removed by now. It may
    /// have addresses and not be known itself, where they were told again behind lists that had neither.
    fn remove_interface(&mut self, index: u32, who: Who<'_>) {
        let left: Vec<_> = self.picture.addresses_of(index).copied().collect();
        for address in left {
            self.remove_address(&address, who);
        }
        if let Some(interface) = self.picture.interface(index).copied() {
            let kind = EventKind::InterfaceRemoved(interface);
            self.change(index, kind, who, |picture| picture.take_interface(index));
        }
    }

    /// Changes an interface, and tells what becomes usable or unusable by it: the interface, and those that rest on it.
    fn change(&mut self, index: u32, kind: EventKind, who: Who<'_>, make: impl FnOnce(&mut Picture)) {
        let origin = who(&kind);
        let before = (self.picture.is_usable(index), self.picture.is_running(index));
        make(&mut self.picture);
        let after = (self.picture.is_usable(index), self.picture.is_running(index));

        self.tell(kind, origin);
        if let Some(interface) = self.picture.interface(index).filter(|_| before.0 != after.0) {
            let kind = usability(*interface, after.0);
            self.events.push_back(Event { kind, origin });
        }
        if before.1 != after.1 {
            let children = self.picture.children(index);
            for child in children.filter(|child| runs(child) && child.index() != index) {
                self.events.push_back(Event { kind: usability(*child, after.1), origin });
            }
        }
    }

    fn put_address(&mut self, now: AssignedAddress, who: Who<'_>) {
        let kind = match self.picture.address_like(&now) {
            Some(before) if *before == now => return,
            Some(before) => EventKind::AddressChanged { before: *before, now },
            None => EventKind::AddressAdded(now),
        };
        self.picture.put_address(now);
        self.tell(kind, who(&kind));
    }

    fn remove_address(&mut self, address: &AssignedAddress, who: Who<'_>) {
        let before = self.picture.take_address(address).or_else(|| {
            // The kernel tells of a new IPv6 address a moment later, and of one that is removed by then only that. Whoever
            // added it is to hear that it is gone.
            let added = EventKind::AddressAdded(*address);
            let is_ours = address.ip().is_ipv6() && who(&added) == Origin::Us;
            is_ours.then(|| {
                self.tell(added, Origin::Us);
                *address
            })
        });
        if let Some(before) = before {
            let kind = EventKind::AddressRemoved(before);
            self.tell(kind, who(&kind));
        }
    }

    fn tell(&mut self, kind: EventKind, origin: Origin) {
        self.events.push_back(Event { kind, origin });
    }
}

type Who<'a> = &'a mut dyn FnMut(&EventKind) -> Origin;

fn unknown(_: &EventKind) -> Origin {
    Origin::Unknown
}

/// Returns what is known and not listed.
fn missing<'a, T: Copy + 'a, K: Ord>(
    known: impl Iterator<Item = &'a T>,
    listed: &[T],
    key: impl Fn(&T) -> K,
) -> Vec<T> {
    let listed: BTreeSet<_> = listed.iter().map(&key).collect();
    known.filter(|one| !listed.contains(&key(one))).copied().collect()
}

impl News {
    /// Reads a message; `None` for one that does not matter.
    fn read(message: &Message<'_>) -> Result<Option<Self>, Malformed> {
        let payload = message.payload();
        match message.kind() {
            libc::RTM_NEWLINK if is_whole(payload)? => Ok(Some(Self::Interface(Interface::parse(payload)?))),
            libc::RTM_DELLINK if is_whole(payload)? => {
                Ok(Some(Self::InterfaceGone(Interface::parse(payload)?.index())))
            }
            libc::RTM_NEWADDR => Ok(AssignedAddress::parse(payload)?.map(Self::Address)),
            libc::RTM_DELADDR => Ok(AssignedAddress::parse(payload)?.map(Self::AddressGone)),
            _ => Ok(None),
        }
    }
}

/// Tells whether a link message is about the interface as a whole: not about its being a port of a bridge, which it ceases
/// to be with an `RTM_DELLINK` of that family, and not an event of its wireless driver, which lacks most attributes.
fn is_whole(payload: &[u8]) -> Result<bool, Malformed> {
    let (header, attributes) = payload.split_first_chunk::<16>().ok_or(Malformed)?;
    let [family, ..] = *header;
    Ok(family == AF_UNSPEC && find(attributes, libc::IFLA_WIRELESS)?.is_none())
}

/// Tells whether an index was given to another interface, as far as can be known without the events between: it has
/// another kind, or neither the name nor the hardware address it had.
fn is_another(before: &Interface, now: &Interface) -> bool {
    before.hardware_type() != now.hardware_type()
        || (before.name() != now.name() && before.hardware_address() != now.hardware_address())
}

fn usability(interface: Interface, is_usable: bool) -> EventKind {
    if is_usable { EventKind::InterfaceUsable(interface) } else { EventKind::InterfaceUnusable(interface) }
}

const AF_UNSPEC: u8 = libc::AF_UNSPEC as u8;
