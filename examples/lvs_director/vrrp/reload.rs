//! From one configuration to another, by their difference: who stays the same does not notice.

use std::{collections::BTreeSet, time::Duration};

use failover_examples::keepalived_conf::model::{self, Config};
use vip_netlink::{AcceptFilter, Batch};
use vrrp_engine::{Fault, State};

use super::{
    Instance, Vrrp,
    channel::Key,
    groups::Group,
    instance::{self, entries},
};
use crate::{log, outbox::Word, routes, statics::carry_out};

impl Vrrp {
    /// Makes the instances and groups those of this configuration: the first, or another.
    pub(crate) fn configure(&mut self, config: &Config) {
        self.globals = config.globals.clone();
        self.open_filter(config);
        self.disband(config);
        self.remove_instances(config);
        for model in &config.instances {
            let key = Key::of(model);
            let number = self.find_channel(&key);
            match self.instances.iter().position(|it| it.model.name == model.name) {
                Some(place) => self.change(place, model),
                None => self.add(model, number),
            }
        }
        self.close_channels();
        self.watch_links(config);
        self.settle_channels();
        for place in 0..self.instances.len() {
            self.settle_interface(place);
        }
        self.form_groups(config);
        self.track_all();
        self.may_have_other_priorities = true;
        self.router.start(self.clock.now());
        self.carry_out();
    }

    fn open_filter(&mut self, config: &Config) {
        if self.filter.is_none() && config.instances.iter().any(|instance| !instance.accept) {
            match AcceptFilter::open() {
                Ok(filter) => self.filter = Some(filter),
                Err(error) => log::error("accept", error),
            }
        }
    }

    /// Takes out who is no longer there, or has become somebody else: another number, family, interface or way to speak.
    fn remove_instances(&mut self, config: &Config) {
        let is_same = |old: &model::Instance, new: &model::Instance| {
            old.vrid == new.vrid && old.vmac == new.vmac && Key::of(old) == Key::of(new)
        };
        let mut place = 0;
        while let Some(instance) = self.instances.get(place) {
            let successor = config.instances.iter().find(|model| model.name == instance.model.name);
            if successor.is_some_and(|model| is_same(&instance.model, model)) {
                place += 1;
                continue;
            }
            let id = instance.id;
            let _ = self.router.remove(self.clock.now(), id);
            self.carry_out();
            self.drop_what_was_left(place);
            self.remove_vmac(place);
            if successor.is_none() {
                self.tell_deleted(place);
            }
            self.instances.remove(place);
            self.places.remove(&id);
            self.places = self.instances.iter().enumerate().map(|(place, it)| (it.id, place)).collect();
        }
    }

    /// As keepalived: who has no word for it is told of a fault.
    fn tell_deleted(&mut self, place: usize) {
        let has_word = self.instances.get(place).is_some_and(|it| it.model.notify.deleted.is_some());
        self.tell(place, if has_word { Word::Deleted } else { Word::Fault });
    }

    fn add(&mut self, model: &model::Instance, number: u32) {
        let config = match instance::config(model, &self.globals, None) {
            Ok(config) => config,
            Err(error) => return log::error(&model.name, error),
        };
        let id = match self.router.add(number, config) {
            Ok(id) => id,
            Err(error) => return log::error(&model.name, error),
        };
        // Until its channel has found one.
        let _ = self.router.raise(self.clock.now(), id, Fault::NoSourceAddress);
        let instance = Instance::new(model.clone(), id, self.monitor.picture());
        self.places.insert(id, self.instances.len());
        self.instances.push(instance);
        self.listen(number);
        // A socket that is there already has its source.
        if let Some(source) =
            self.channels.get(number as usize).and_then(Option::as_ref).and_then(|it| it.source)
        {
            self.reconfigure(self.instances.len() - 1, Some(source));
            let _ = self.router.clear(self.clock.now(), id, Fault::NoSourceAddress);
        }
    }

    /// Gives an instance another model. What it holds and has no longer goes first.
    fn change(&mut self, place: usize, model: &model::Instance) {
        let Some(instance) = self.instances.get_mut(place) else { return };
        if instance.model == *model {
            return;
        }
        let old = std::mem::replace(&mut instance.model, model.clone());
        instance.own.retain(|own| entries(model).any(|entry| entry.address.address() == *own));
        let (id, is_master) = (instance.id, instance.state == State::Master);
        // What a predecessor left is not in the new model either, and nobody else knows of it.
        if is_master || instance.has_left_behind {
            self.drop_former(place, &old);
        }
        let source =
            self.channels.get(id.interface as usize).and_then(Option::as_ref).and_then(|it| it.source);
        self.reconfigure(place, source);
        if is_master {
            // The engine acquires the addresses it knows; those that are not advertised, routes and rules are ours.
            self.acquire(place);
        }
    }

    fn reconfigure(&mut self, place: usize, source: Option<std::net::IpAddr>) {
        let Some(instance) = self.instances.get(place) else { return };
        let name = &instance.model.name;
        match instance::config(&instance.model, &self.globals, source) {
            Ok(config) => {
                if let Err(error) = self.router.reconfigure(self.clock.now(), instance.id, config) {
                    log::error(name, error);
                }
            }
            Err(error) => log::error(name, error),
        }
    }

    fn drop_former(&mut self, place: usize, old: &model::Instance) {
        let Some(instance) = self.instances.get(place) else { return };
        let picture = self.monitor.picture();
        let mut batch = Batch::new();
        for entry in old.rules.iter().filter(|entry| !instance.model.rules.contains(entry)) {
            batch.remove_rule(&entry.rule);
        }
        for entry in old.routes.iter().filter(|entry| !instance.model.routes.contains(entry)) {
            if let Ok(route) = routes::resolve(entry, picture) {
                batch.remove_route(&route);
            }
        }
        for entry in entries(old).filter(|entry| !entries(&instance.model).any(|other| other == *entry)) {
            if let Some(interface) = picture.interface_named(instance.interface_of(entry)) {
                batch.remove(interface, entry.address);
            }
        }
        carry_out(&mut self.netlink, &batch, &instance.model.name);
    }

    /// Has a channel let in what is for its instances.
    fn listen(&mut self, number: u32) {
        let of_it = self.instances.iter().filter(|instance| instance.id.interface == number);
        let vrids = of_it.map(|instance| instance.model.vrid.get()).collect();
        if let Some(channel) = self.channels.get_mut(number as usize).and_then(Option::as_mut) {
            channel.listen_for(vrids);
        }
    }

    fn close_channels(&mut self) {
        let used: BTreeSet<u32> = self.instances.iter().map(|instance| instance.id.interface).collect();
        for (number, slot) in (0_u32..).zip(&mut self.channels) {
            if !used.contains(&number) {
                *slot = None;
            }
        }
        for number in used {
            self.listen(number);
        }
    }

    fn watch_links(&mut self, config: &Config) {
        let own = config.instances.iter().map(|instance| instance.interface.as_str());
        let of_instances = config.instances.iter().flat_map(|instance| &instance.track.interfaces);
        let of_groups = config.groups.iter().flat_map(|group| &group.track.interfaces);
        let tracked = of_instances.chain(of_groups).map(|track| track.name.as_str());
        let delays = |name: &str| {
            let found = config.interface_delays.iter().find(|delay| delay.interface == name);
            found.map_or((Duration::ZERO, Duration::ZERO), |delay| (delay.down, delay.up))
        };
        let picture = self.monitor.picture();
        let is_usable =
            |name: &str| picture.interface_named(name).is_some_and(|it| picture.is_usable(it.index()));
        self.links.watch(own.chain(tracked), delays, is_usable);
    }

    /// Takes apart the groups that are not there any more as they were.
    fn disband(&mut self, config: &Config) {
        let now = self.clock.now();
        self.groups.retain_mut(|group| {
            let stays = config.groups.iter().any(|model| {
                let old = &group.model;
                (&model.name, &model.members, model.weights, &model.track)
                    == (&old.name, &old.members, old.weights, &old.track)
            });
            if let Some(id) = group.id.filter(|_| !stays) {
                let _ = self.router.remove_group(now, id);
            }
            stays
        });
    }

    fn form_groups(&mut self, config: &Config) {
        for model in &config.groups {
            let place = match self.groups.iter().position(|group| group.model.name == model.name) {
                Some(place) => place,
                None => {
                    self.groups.push(Group::new(model.clone()));
                    self.groups.len() - 1
                }
            };
            let Some(group) = self.groups.get_mut(place) else { continue };
            group.model = model.clone();
            // A member that was replaced has left its group.
            let members: Vec<_> = self
                .instances
                .iter()
                .filter(|instance| model.members.contains(&instance.model.name))
                .map(|instance| instance.id)
                .collect();
            if let Some(id) = group.id
                && self.router.group_len(id) != members.len()
            {
                let _ = self.router.remove_group(self.clock.now(), id);
                group.id = None;
            }
            if group.id.is_none() {
                match self.router.add_group(self.clock.now(), members, model.weights) {
                    Ok(id) => group.id = Some(id),
                    Err(error) => log::error(&model.name, error),
                }
            }
        }
    }

    /// Has channels and interfaces looked at again: something may have come that nobody told of.
    pub(super) fn settle_all(&mut self) {
        for place in 0..self.instances.len() {
            self.settle_interface(place);
        }
    }
}
