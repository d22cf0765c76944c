//! What a Master holds on this host: addresses, routes, rules, and the interface with the virtual router's hardware address.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::IpAddr,
    time::{Duration, Instant},
};

use vip_netlink::{Announcer, Batch, Interface, VrrpSocket};
use vrrp_engine::{Fault, State};

use super::{Instance, Vrrp};
use crate::{log, poll::Token, routes, statics::carry_out};

impl Vrrp {
    /// Puts everything on the interfaces: what is there already costs a look. A Master that cannot would keep others from
    /// serving the addresses, so it steps back and tries again.
    pub(super) fn acquire(&mut self, place: usize) {
        let Some(instance) = self.instances.get_mut(place) else { return };
        instance.has_left_behind = false;
        self.raise_vmac(place);
        self.block(place);
        let Some(instance) = self.instances.get(place) else { return };
        let picture = self.monitor.picture();
        let (mut batch, mut is_whole) = (Batch::new(), true);
        for (entry, name) in instance.entries() {
            match picture.interface_named(name) {
                Some(interface) => drop(batch.add(interface, entry.address)),
                None => {
                    log::error(
                        &instance.model.name,
                        format_args!("there is no interface {name} for {}", entry.address.ip()),
                    );
                    is_whole = false;
                }
            }
        }
        is_whole &= carry_out(&mut self.netlink, &batch, &instance.model.name);
        put_routes_and_rules(&mut self.netlink, self.monitor.picture(), instance);
        if !is_whole {
            let id = instance.id;
            log::error(&instance.model.name, "steps back, for it cannot hold its addresses");
            // Of an identifier that is known.
            let _ = self.router.raise(self.clock.now(), id, Fault::Operator);
            if let Some(instance) = self.instances.get_mut(place) {
                instance.retry_at = Some(Instant::now() + RETRY);
            }
        }
    }

    /// Takes everything off the interfaces, unless it stays Master: then it is for what it no longer has, which
    /// [`configure`](Self::configure) has taken care of.
    pub(super) fn release(&mut self, place: usize) {
        let Some(instance) = self.instances.get_mut(place) else { return };
        let state = self.router.get(instance.id).map_or(State::Initialize, vrrp_engine::VirtualRouter::state);
        if state == State::Master {
            return;
        }
        let is_first = instance.state == State::Initialize && state == State::Backup;
        let picture = self.monitor.picture();
        if is_first && left_behind(instance, picture, self.netlink.owner()) {
            log::info(
                &instance.model.name,
                "a predecessor has left its addresses: they stay until another Master is heard",
            );
            instance.has_left_behind = true;
            return;
        }
        self.drop_all(place);
    }

    /// Gives up what a predecessor left, if it is still there.
    pub(super) fn drop_what_was_left(&mut self, place: usize) {
        if self.instances.get(place).is_some_and(|instance| instance.has_left_behind) {
            self.drop_all(place);
        }
    }

    fn drop_all(&mut self, place: usize) {
        let Some(instance) = self.instances.get_mut(place) else { return };
        instance.has_left_behind = false;
        self.lower_vmac(place);
        let Some(instance) = self.instances.get(place) else { return };
        let picture = self.monitor.picture();
        let mut batch = Batch::new();
        for entry in &instance.model.rules {
            batch.remove_rule(&entry.rule);
        }
        for entry in &instance.model.routes {
            if let Ok(route) = routes::resolve(entry, picture) {
                batch.remove_route(&route);
            }
        }
        for (entry, name) in instance.entries().filter(|(entry, _)| !instance.is_own(entry)) {
            if let Some(interface) = picture.interface_named(name) {
                batch.remove(interface, entry.address);
            }
        }
        carry_out(&mut self.netlink, &batch, &instance.model.name);
        self.unblock(place);
    }

    /// Announces addresses, and with the first of them those that are not advertised.
    pub(super) fn announce(&mut self, place: usize, addresses: &[IpAddr], times: u8) {
        let Some(instance) = self.instances.get_mut(place) else { return };
        instance.announcements += u64::from(times) * addresses.len() as u64;
        let Some(instance) = self.instances.get(place) else { return };
        let first = instance.model.addresses.first().map(|entry| entry.address.ip());
        let has_first = first.is_some_and(|first| addresses.contains(&first));
        let picture = self.monitor.picture();
        let mut by_interface = BTreeMap::<u32, (Interface, Vec<IpAddr>)>::new();
        for (number, (entry, name)) in instance.entries().enumerate() {
            let is_excluded = number >= instance.model.addresses.len();
            let ip = entry.address.ip();
            let is_meant = if is_excluded { has_first } else { addresses.contains(&ip) };
            if let Some(interface) =
                picture.interface_named(name).filter(|interface| is_meant && interface.supports_arp())
            {
                by_interface.entry(interface.index()).or_insert((*interface, Vec::new())).1.push(ip);
            }
        }
        for (index, (interface, ips)) in by_interface {
            let announcer = match self.announcers.entry(index) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => match Announcer::open(&interface) {
                    Ok(announcer) => entry.insert(announcer),
                    Err(error) => {
                        log::warn(&instance.model.name, error);
                        continue;
                    }
                },
            };
            for _ in 0..times {
                if let Err(error) = announcer.announce_all(ips.iter().copied()) {
                    log::warn(&instance.model.name, error);
                    break;
                }
            }
        }
    }

    /// Looks after everything that is held: what somebody took away comes back, and who could not hold its addresses tries again.
    pub(super) fn look_after(&mut self, now: Instant) {
        for place in 0..self.instances.len() {
            let Some(instance) = self.instances.get_mut(place) else { continue };
            if instance.retry_at.is_some_and(|retry_at| now >= retry_at) {
                instance.retry_at = None;
                // Of an identifier that is known.
                let _ = self.router.clear(self.clock.now(), instance.id, Fault::Operator);
            }
            let Some(instance) = self.instances.get(place) else { continue };
            if instance.state == State::Master {
                put_routes_and_rules(&mut self.netlink, self.monitor.picture(), instance);
            }
        }
        self.follow();
        self.settle_channels();
        self.settle_all();
    }

    /// Puts an address back that is not advertised, after somebody has taken it.
    pub(super) fn restore(&mut self, place: usize, ip: IpAddr) {
        let Some(instance) = self.instances.get(place) else { return };
        let picture = self.monitor.picture();
        let mut batch = Batch::new();
        for (entry, name) in instance.entries().filter(|(entry, _)| entry.address.ip() == ip) {
            if let Some(interface) = picture.interface_named(name) {
                batch.add(interface, entry.address);
            }
        }
        log::warn(&instance.model.name, format_args!("{ip} was taken off the interface, and is put back"));
        carry_out(&mut self.netlink, &batch, &instance.model.name);
    }

    /// Keeps the host from accepting packets to addresses that it only answers for.
    fn block(&mut self, place: usize) {
        let Some(instance) = self.instances.get(place) else { return };
        if instance.model.accept || instance.model.priority.is_owner() {
            return;
        }
        let Some(filter) = &mut self.filter else { return };
        let picture = self.monitor.picture();
        for (entry, name) in instance.entries() {
            let Some(interface) = picture.interface_named(name) else { continue };
            if let Err(error) = filter.block(interface, &[entry.address.ip()]) {
                log::error(&instance.model.name, error);
            }
        }
    }

    fn unblock(&mut self, place: usize) {
        let Some(instance) = self.instances.get(place) else { return };
        let Some(filter) = &mut self.filter else { return };
        let picture = self.monitor.picture();
        for (entry, name) in instance.entries().filter(|_| !instance.model.accept) {
            let Some(interface) = picture.interface_named(name) else { continue };
            if let Err(error) = filter.unblock(interface, &[entry.address.ip()]) {
                log::warn(&instance.model.name, error);
            }
        }
    }

    /// Makes the interface with the virtual router's hardware address, or takes over a predecessor's.
    pub(super) fn make_vmac(&mut self, place: usize) {
        let Some(Instance { vmac: Some(vmac), model, .. }) = self.instances.get(place) else { return };
        let Some(parent) = self.monitor.picture().interface_named(&model.interface).copied() else { return };
        if self
            .monitor
            .picture()
            .interface_named(vmac.name())
            .is_some_and(|it| it.parent() == Some(parent.index()))
        {
            return;
        }
        match self.netlink.create_virtual_mac(&parent, *vmac) {
            Ok(_) => self.follow(),
            Err(error) => log::error(&model.name, error),
        }
    }

    /// Has that interface up while the instance is Master, and only then: what it sends tells switches where the address is.
    pub(super) fn raise_vmac(&mut self, place: usize) {
        self.make_vmac(place);
        let Some(interface) = self.vmac_interface(place) else { return };
        let Some(instance) = self.instances.get(place) else { return };
        if let Err(error) = self.netlink.bring_up(&interface) {
            log::error(&instance.model.name, error);
        }
        if instance.sends_from_vmac() && instance.vmac_socket.is_none() {
            self.open_vmac_socket(place, &interface);
        }
    }

    /// Takes it down again.
    pub(super) fn lower_vmac(&mut self, place: usize) {
        let Some(interface) = self.vmac_interface(place) else { return };
        let Some(instance) = self.instances.get_mut(place) else { return };
        instance.vmac_socket = None;
        if let Err(error) = self.netlink.take_down(&interface) {
            log::error(&instance.model.name, error);
        }
    }

    fn vmac_interface(&self, place: usize) -> Option<Interface> {
        let vmac = self.instances.get(place)?.vmac?;
        self.monitor.picture().interface_named(vmac.name()).copied()
    }

    /// Opens a socket on the virtual MAC, to send from it, and to hear others who have the same: as long as it is up, the kernel
    /// takes what they send for its own, and gives it to nobody else.
    fn open_vmac_socket(&mut self, place: usize, interface: &Interface) {
        let Some(instance) = self.instances.get_mut(place) else { return };
        let number = instance.id.interface;
        let Some(channel) = self.channels.get(number as usize).and_then(Option::as_ref) else { return };
        let Some(source) = channel.source else { return };
        let opened = VrrpSocket::open(interface, source, channel.key.reception, channel.key.protocol);
        let opened =
            opened.and_then(|socket| socket.receive_only([instance.model.vrid.get()]).map(|()| socket));
        match opened {
            Ok(socket) => {
                if let Err(error) = self.poll.add(&socket, Token::Channel(number)) {
                    log::error(&instance.model.name, error);
                }
                instance.vmac_socket = Some(socket);
            }
            Err(error) => log::error(&instance.model.name, error),
        }
    }

    pub(super) fn remove_vmac(&mut self, place: usize) {
        let Some(instance) = self.instances.get_mut(place) else { return };
        instance.vmac_socket = None;
        let Some(vmac) = instance.vmac.take() else { return };
        let Some(interface) = self.monitor.picture().interface_named(vmac.name()).copied() else { return };
        match self.netlink.remove_virtual_mac(&interface) {
            // An instance that is to have the same is not to believe that it is still there.
            Ok(_) => self.follow(),
            Err(error) => log::warn(&instance.model.name, error),
        }
    }
}

fn put_routes_and_rules(
    netlink: &mut vip_netlink::Netlink,
    picture: &vip_netlink::Picture,
    instance: &Instance,
) {
    let mut batch = Batch::new();
    for entry in &instance.model.routes {
        match routes::resolve(entry, picture) {
            Ok(route) => drop(batch.add_route(&route)),
            Err(error) => log::warn(&instance.model.name, error),
        }
    }
    for entry in &instance.model.rules {
        batch.add_rule(&entry.rule);
    }
    carry_out(netlink, &batch, &instance.model.name);
}

/// Whether a program like this one put one of the addresses there, and did not take it off.
fn left_behind(instance: &Instance, picture: &vip_netlink::Picture, owner: vip_netlink::Owner) -> bool {
    instance.entries().any(|(entry, name)| {
        let Some(interface) = picture.interface_named(name) else { return false };
        let mut same = picture.addresses_with(interface.index(), entry.address.ip());
        same.any(|address| address.owner() == Some(owner))
    })
}

const RETRY: Duration = Duration::from_secs(5);
