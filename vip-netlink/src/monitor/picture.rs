//! What is known of interfaces and addresses.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use crate::{
    address::AssignedAddress,
    link::{Interface, Name},
};

/// The interfaces and addresses of a network namespace, as far as events have told.
///
/// It has taken in every event that was read from the kernel, those too that [`Monitor::next_event`](crate::Monitor::next_event) has yet to
/// return.
#[derive(Clone, Debug, Default)]
pub struct Picture {
    interfaces: BTreeMap<u32, Interface>,
    by_name: BTreeMap<Name, u32>,
    /// Parent and child.
    children: BTreeSet<(u32, u32)>,
    addresses: BTreeMap<Identity, AssignedAddress>,
}

impl Picture {
    /// Returns the interfaces, in the order of their indexes.
    pub fn interfaces(&self) -> impl ExactSizeIterator<Item = &Interface> {
        self.interfaces.values()
    }

    /// Looks up an interface by its index.
    pub fn interface(&self, index: u32) -> Option<&Interface> {
        self.interfaces.get(&index)
    }

    /// Looks up an interface by its name.
    pub fn interface_named(&self, name: &str) -> Option<&Interface> {
        self.interface(*self.by_name.get(&Name::new(name)?)?)
    }

    /// Returns the addresses, interface by interface, those of IPv4 first.
    pub fn addresses(&self) -> impl ExactSizeIterator<Item = &AssignedAddress> {
        self.addresses.values()
    }

    /// Returns the addresses of an interface, those of IPv4 first.
    pub fn addresses_of(&self, interface: u32) -> impl Iterator<Item = &AssignedAddress> {
        self.addresses.range(Identity::first_of(interface)..=Identity::last_of(interface)).map(|(_, one)| one)
    }

    /// Returns how an interface holds an IP: more than once perhaps, where it is of IPv4 and has several prefix lengths or
    /// peers.
    pub fn addresses_with(&self, interface: u32, ip: IpAddr) -> impl Iterator<Item = &AssignedAddress> {
        let key = |prefix_len| Identity { interface, ip, prefix_len, peer: None };
        let from = self.addresses.range(key(0)..).map(|(_, one)| one);
        from.take_while(move |one| one.is_at(interface, ip))
    }

    /// Tells whether packets pass through an interface: it is up and running, and so is the interface that it rests on
    /// ([`Interface::parent`]), if any. `false` for one that is not there.
    ///
    /// A macvlan goes on running when its parent is taken down.
    pub fn is_usable(&self, index: u32) -> bool {
        let parent = self.interface(index).and_then(Interface::parent);
        self.is_running(index) && parent.is_none_or(|parent| self.is_running(parent))
    }

    /// Tells whether an interface is up and running, whatever it rests on.
    pub(super) fn is_running(&self, index: u32) -> bool {
        self.interface(index).is_some_and(runs)
    }

    /// Returns the interfaces that rest on another.
    pub(super) fn children(&self, parent: u32) -> impl Iterator<Item = &Interface> {
        let children = self.children.range((parent, 0)..=(parent, u32::MAX));
        children.filter_map(|(_, child)| self.interface(*child))
    }

    pub(super) fn put_interface(&mut self, interface: Interface) {
        self.take_interface(interface.index());
        self.by_name.insert(interface.short_name(), interface.index());
        if let Some(parent) = interface.parent() {
            self.children.insert((parent, interface.index()));
        }
        self.interfaces.insert(interface.index(), interface);
    }

    pub(super) fn take_interface(&mut self, index: u32) {
        let Some(before) = self.interfaces.remove(&index) else { return };
        // Another may have taken over the name.
        if self.by_name.get(&before.short_name()) == Some(&index) {
            self.by_name.remove(&before.short_name());
        }
        if let Some(parent) = before.parent() {
            self.children.remove(&(parent, index));
        }
    }

    pub(super) fn address_like(&self, address: &AssignedAddress) -> Option<&AssignedAddress> {
        self.addresses.get(&Identity::of(address))
    }

    pub(super) fn put_address(&mut self, address: AssignedAddress) {
        self.addresses.insert(Identity::of(&address), address);
    }

    pub(super) fn take_address(&mut self, address: &AssignedAddress) -> Option<AssignedAddress> {
        self.addresses.remove(&Identity::of(address))
    }
}

pub(super) fn runs(interface: &Interface) -> bool {
    interface.is_up() && interface.is_running()
}

/// What tells two addresses apart, as the kernel does. Of IPv6 an interface holds an IP once; the prefix length is 0 here.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    interface: u32,
    ip: IpAddr,
    prefix_len: u8,
    peer: Option<IpAddr>,
}

impl Identity {
    pub(super) fn of(address: &AssignedAddress) -> Self {
        let (interface, ip) = (address.interface(), address.ip());
        match ip {
            IpAddr::V4(_) => {
                Self { interface, ip, prefix_len: address.address().prefix_len(), peer: address.peer() }
            }
            IpAddr::V6(_) => Self { interface, ip, prefix_len: 0, peer: None },
        }
    }

    fn first_of(interface: u32) -> Self {
        Self { interface, ip: IpAddr::from([0; 4]), prefix_len: 0, peer: None }
    }

    fn last_of(interface: u32) -> Self {
        Self { interface, ip: IpAddr::from([0xff; 16]), prefix_len: 0, peer: None }
    }
}
