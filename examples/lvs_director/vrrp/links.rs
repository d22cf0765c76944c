//! Interfaces and their addresses: what happens to them, and what that does to instances.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, Instant},
};

use vip_netlink::{AssignedAddress, EventKind, Origin};
use vrrp_engine::{Fault, State};

use super::{
    Tracked, Vrrp,
    channel::{Channel, Settled},
    instance,
};
use crate::log;

/// The interfaces that somebody depends on, and whether they count as up: what lasts too short does not
/// (`interface_up_down_delays`).
#[derive(Debug, Default)]
pub(crate) struct Links {
    by_name: BTreeMap<String, Link>,
}

#[derive(Debug)]
struct Link {
    is_up: bool,
    /// What it is to count as, and from when.
    pending: Option<(bool, Instant)>,
    delays: (Duration, Duration),
}

impl Links {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.by_name.values().filter_map(|link| link.pending.map(|(_, at)| at)).min()
    }

    pub(super) fn is_up(&self, name: &str) -> bool {
        self.by_name.get(name).is_some_and(|link| link.is_up)
    }

    /// Makes these the ones that matter. One that is new counts at once as what it is.
    pub(super) fn watch<'a>(
        &mut self,
        names: impl Iterator<Item = &'a str>,
        delays: impl Fn(&str) -> (Duration, Duration),
        is_usable: impl Fn(&str) -> bool,
    ) {
        let mut former = std::mem::take(&mut self.by_name);
        for name in names {
            let link = former.remove(name).unwrap_or_else(|| Link {
                is_up: is_usable(name),
                pending: None,
                delays: Default::default(),
            });
            self.by_name.entry(name.to_owned()).or_insert(link).delays = delays(name);
        }
    }

    /// Takes how an interface is; returns whether it now counts as something else.
    fn note(&mut self, name: &str, is_usable: bool, now: Instant) -> Option<bool> {
        let link = self.by_name.get_mut(name)?;
        if is_usable == link.is_up {
            link.pending = None;
            return None;
        }
        let delay = if is_usable { link.delays.1 } else { link.delays.0 };
        let (_, at) = *link.pending.get_or_insert((is_usable, now + delay));
        if now < at {
            return None;
        }
        (link.is_up, link.pending) = (is_usable, None);
        Some(is_usable)
    }
}

impl Vrrp {
    /// Takes what has happened to interfaces and addresses.
    pub(crate) fn handle_monitor(&mut self) {
        loop {
            match self.monitor.next_event() {
                Ok(Some(event)) => self.handle_event(event.kind, event.origin),
                Ok(None) => break,
                Err(error) => {
                    // It is asked again with the next look after everything.
                    log::warn("interfaces", error);
                    break;
                }
            }
        }
        self.settle_channels();
        self.settle_links(Instant::now());
        self.carry_out();
    }

    /// Follows what we did ourselves, where the picture must know it before the next wait.
    pub(super) fn follow(&mut self) {
        while let Ok(Some(event)) = self.monitor.next_event() {
            self.handle_event(event.kind, event.origin);
        }
    }

    fn handle_event(&mut self, kind: EventKind, origin: Origin) {
        match kind {
            EventKind::AddressRemoved(gone) if origin != Origin::Us => self.lose(&gone),
            EventKind::InterfaceRemoved(gone) => {
                self.announcers.remove(&gone.index());
                self.forget_vmac_socket(gone.name());
            }
            EventKind::InterfaceChanged { now, .. } => drop(self.announcers.remove(&now.index())),
            EventKind::Resynced(lost) => {
                log::warn("interfaces", format_args!("events were lost ({lost:?}): all is read anew"))
            }
            EventKind::InterfaceAdded(_)
            | EventKind::InterfaceUsable(_)
            | EventKind::InterfaceUnusable(_)
            | EventKind::AddressAdded(_)
            | EventKind::AddressChanged { .. }
            | EventKind::AddressRemoved(_)
            | _ => {}
        }
    }

    fn forget_vmac_socket(&mut self, name: &str) {
        for instance in &mut self.instances {
            if instance.vmac.is_some_and(|vmac| vmac.name() == name) {
                instance.vmac_socket = None;
            }
        }
    }

    /// Somebody has taken an address off an interface that a Master holds.
    fn lose(&mut self, gone: &AssignedAddress) {
        let Some(name) = self.monitor.picture().interface(gone.interface()).map(|it| it.name().to_owned())
        else {
            return;
        };
        let ip = gone.ip();
        for place in 0..self.instances.len() {
            let Some(instance) = self.instances.get(place) else { continue };
            let is_held = instance
                .entries()
                .any(|(entry, on)| entry.address.ip() == ip && on == name && !entry.no_track);
            if !is_held || instance.state != State::Master {
                continue;
            }
            let id = instance.id;
            if instance.model.addresses.iter().any(|entry| entry.address.ip() == ip) {
                self.router.handle_lost_address(self.clock.now(), id.interface, ip);
            } else {
                self.restore(place, ip);
            }
        }
    }

    /// Has each channel go with its interface and address.
    pub(super) fn settle_channels(&mut self) {
        let mut moved = Vec::new();
        let floating = self.floating();
        let owner = self.netlink.owner();
        let floats = |address: &AssignedAddress| {
            address.owner() == Some(owner) || floating.binary_search(&address.ip()).is_ok()
        };
        for (number, channel) in (0_u32..).zip(&mut self.channels) {
            let Some(channel) = channel else { continue };
            let settled = Channel::settle(channel, number, &self.poll, self.monitor.picture(), floats);
            if settled != Settled::AsBefore {
                moved.push((number, settled));
            }
        }
        for (number, settled) in moved {
            for place in 0..self.instances.len() {
                if self.instances.get(place).is_some_and(|instance| instance.id.interface == number) {
                    self.move_instance(place, settled);
                }
            }
        }
    }

    /// The addresses that move between hosts, in order.
    fn floating(&self) -> Vec<IpAddr> {
        let not_own = self.instances.iter().filter(|instance| !instance.model.priority.is_owner());
        let mut all: Vec<_> = not_own
            .flat_map(|instance| instance::entries(&instance.model).map(|entry| entry.address.ip()))
            .collect();
        all.sort_unstable();
        all
    }

    fn move_instance(&mut self, place: usize, settled: Settled) {
        let Some(instance) = self.instances.get_mut(place) else { return };
        instance.vmac_socket = None;
        let (id, now) = (instance.id, self.clock.now());
        // Of an identifier that is known.
        match settled {
            Settled::AsBefore => {}
            Settled::NoSource => drop(self.router.raise(now, id, Fault::NoSourceAddress)),
            Settled::Source(source) => match instance::config(&instance.model, &self.globals, Some(source)) {
                Ok(config) => {
                    let _ = self.router.reconfigure(now, id, config);
                    let _ = self.router.clear(now, id, Fault::NoSourceAddress);
                }
                Err(error) => {
                    log::error(&instance.model.name, error);
                    let _ = self.router.raise(now, id, Fault::NoSourceAddress);
                }
            },
        }
    }

    /// Tells the engine which interfaces count as up.
    pub(super) fn settle_links(&mut self, now: Instant) {
        let picture = self.monitor.picture();
        let mut changed = Vec::new();
        let names: Vec<String> = self.links.by_name.keys().cloned().collect();
        for name in names {
            let is_usable = picture.interface_named(&name).is_some_and(|it| picture.is_usable(it.index()));
            if let Some(is_up) = self.links.note(&name, is_usable, now) {
                changed.push((name, is_up));
            }
        }
        for (name, is_up) in changed {
            log::info(&name, if is_up { "is up" } else { "is down" });
            self.report(&Tracked::Interface(name.clone()), is_up);
            for place in 0..self.instances.len() {
                if self.instances.get(place).is_some_and(|instance| instance.model.interface == name) {
                    self.settle_interface(place);
                }
            }
        }
    }

    /// An instance depends on its own interface, unless it is told not to.
    pub(super) fn settle_interface(&mut self, place: usize) {
        let Some(instance) = self.instances.get(place) else { return };
        let is_up = self.links.is_up(&instance.model.interface) || instance.model.dont_track_primary;
        let (id, now) = (instance.id, self.clock.now());
        // Of an identifier that is known.
        let _ = if is_up {
            self.router.clear(now, id, Fault::InterfaceDown)
        } else {
            self.router.raise(now, id, Fault::InterfaceDown)
        };
        if is_up {
            self.make_vmac(place);
        }
    }
}
