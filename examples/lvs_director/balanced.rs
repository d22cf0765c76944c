//! One `virtual_server`: the pool behind it, and what the kernel was told of it.

use std::{collections::BTreeMap, net::SocketAddr, time::Instant};

use failover_examples::keepalived_conf::model;
use healthcheck::{
    Action, CheckId, Checker, Health, Pool, PoolConfig, PoolConfigError, PoolEvent, Standing, Target,
};
use ipvs_netlink::{ConfigError, Destination, Ipvs, Protocol, ServiceId, Table, VirtualServer, plan};

use crate::{log, outbox::LvsNews};

/// Who may be behind a virtual server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    Real(SocketAddr),
    Sorry,
}

/// A virtual server with its pool.
#[derive(Debug)]
pub(crate) struct Balanced {
    pub(crate) model: model::VirtualServer,
    pub(crate) pool: Pool<Key, CheckId>,
    /// Which check is whose.
    pub(crate) checks: Vec<(SocketAddr, model::Check, CheckId)>,
    /// What the pool has ordered so far: who is to be in the table, with which weight.
    pub(crate) entries: BTreeMap<Key, u32>,
    /// What the kernel was told, service by service.
    written: Table,
    /// The kernel may have something else: it refused, or somebody has changed it.
    is_doubtful: bool,
    /// Whether its checks are suspended, because this host does not have its address (`ha_suspend`).
    pub(crate) is_suspended: bool,
}

/// What is wrong with the values of one, which the reader does not let through.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Impossible {
    #[error(transparent)]
    Pool(#[from] PoolConfigError),
    #[error(transparent)]
    Ipvs(#[from] ConfigError),
}

impl Balanced {
    /// Makes one whose real servers have these checks.
    pub(crate) fn new(
        model: model::VirtualServer,
        checks: Vec<(SocketAddr, model::Check, CheckId)>,
        checker: &Checker,
        now: Instant,
    ) -> Result<Self, Impossible> {
        let mut pool = Pool::new(now, pool_config(&model)?);
        pool.set_targets(now, targets(&model, &checks, checker));
        let mut balanced = Self {
            model,
            pool,
            checks,
            entries: BTreeMap::new(),
            written: Table::default(),
            is_doubtful: true,
            is_suspended: false,
        };
        balanced.take_orders();
        // What is wrong with them shows here, before anything is written.
        balanced.wanted()?;
        Ok(balanced)
    }

    /// Gives it another model. Real servers that are the same stay as they are.
    pub(crate) fn change(
        &mut self,
        model: model::VirtualServer,
        checks: Vec<(SocketAddr, model::Check, CheckId)>,
        checker: &Checker,
        now: Instant,
    ) -> Result<(), Impossible> {
        self.pool.retune(now, pool_config(&model)?);
        self.pool.set_targets(now, targets(&model, &checks, checker));
        (self.model, self.checks) = (model, checks);
        Ok(())
    }

    /// Takes what a check says now.
    pub(crate) fn handle_check(&mut self, now: Instant, check: CheckId, standing: Standing) {
        self.pool.handle_check(now, check, standing);
    }

    /// Returns what the kernel is to have, as things stand.
    pub(crate) fn wanted(&self) -> Result<Table, ConfigError> {
        let entry = |key: &Key| self.entries.get(key).copied();
        let mut destinations = BTreeMap::<SocketAddr, Destination>::new();
        for real in &self.model.real_servers {
            let weight = entry(&Key::Real(real.address));
            if let Some(weight) = weight.or(real.inhibit.then_some(0)) {
                let mut destination =
                    Destination::builder(real.address).forwarding(real.forwarding).weight(weight);
                if let Some(connections) = real.upper_threshold {
                    destination = destination.upper_threshold(connections);
                }
                if let Some(connections) = real.lower_threshold {
                    destination = destination.lower_threshold(connections);
                }
                destinations.insert(real.address, destination.build()?);
            }
        }
        if let Some(sorry) = &self.model.sorry {
            let weight = entry(&Key::Sorry).or(sorry.inhibit.then_some(0));
            // One that is a real server too is there already, with its own weight.
            let is_free = !destinations.contains_key(&sorry.address) || entry(&Key::Sorry).is_some();
            if let Some(weight) = weight.filter(|_| is_free) {
                let sorry = Destination::builder(sorry.address)
                    .forwarding(sorry.forwarding)
                    .weight(weight)
                    .build()?;
                destinations.insert(sorry.address(), sorry);
            }
        }
        let all = || destinations.values().copied();
        let servers = self.model.services.iter().map(|service| VirtualServer::new(*service, all()));
        Table::new(servers.collect::<Result<Vec<_>, _>>()?)
    }

    /// Tells the kernel what is to be there and was not told yet; returns how many writes that took.
    pub(crate) fn write(&mut self, ipvs: &mut Ipvs) -> usize {
        let has_orders = self.take_orders();
        if self.is_doubtful {
            return self.verify(ipvs);
        }
        if !has_orders && self.is_written() {
            return 0;
        }
        let Ok(wanted) = self.wanted() else { return 0 };
        let plan = plan(&wanted, &self.written, |_| true);
        match ipvs.carry_out(&plan) {
            Ok(writes) => {
                self.written = wanted;
                writes
            }
            Err(error) => {
                self.is_doubtful = true;
                log::error(&self.model.name, error);
                0
            }
        }
    }

    /// Takes what the pool orders; returns whether it was anything.
    fn take_orders(&mut self) -> bool {
        let orders = self.pool.poll_actions();
        for order in orders {
            match *order {
                Action::Add { key, weight } | Action::SetWeight { key, weight } => {
                    self.entries.insert(key, weight);
                }
                Action::Remove { key } => drop(self.entries.remove(&key)),
            }
        }
        !orders.is_empty()
    }

    /// Whether the services that were written are those of the model: another scheduler is no order of the pool's.
    fn is_written(&self) -> bool {
        self.wanted().is_ok_and(|wanted| wanted == self.written)
    }

    /// Reads what the kernel has of it, and puts right what is not as it should be.
    pub(crate) fn verify(&mut self, ipvs: &mut Ipvs) -> usize {
        let Ok(wanted) = self.wanted() else { return 0 };
        let outcome = read(ipvs, &self.model).and_then(|actual| {
            let plan = plan(&wanted, &actual, |_| false);
            let writes = ipvs.carry_out(&plan)?;
            Ok((plan, writes))
        });
        match outcome {
            Ok((plan, writes)) => {
                if writes > 0 && self.written == wanted {
                    log::warn(&self.model.name, format_args!("somebody has changed it; put right:\n{plan}"));
                }
                self.written = wanted;
                self.is_doubtful = false;
                writes
            }
            Err(error) => {
                if !self.is_doubtful || self.written == wanted {
                    log::error(&self.model.name, error);
                }
                self.is_doubtful = true;
                // So that what is refused again is not said again.
                self.written = Table::default();
                0
            }
        }
    }

    /// Whether the kernel was told all, and took it.
    pub(crate) fn is_in_order(&self) -> bool {
        !self.is_doubtful
    }

    /// Knows that the kernel has what it is to have.
    pub(crate) fn note_written(&mut self) {
        if let Ok(wanted) = self.wanted() {
            self.written = wanted;
            self.is_doubtful = false;
        }
    }

    /// Takes it out of the kernel, service by service.
    pub(crate) fn remove(&mut self, ipvs: &mut Ipvs) {
        let ids: Vec<ServiceId> = self.model.services.iter().map(|service| service.id()).collect();
        self.remove_services(ipvs, &ids);
    }

    /// Takes services out of the kernel that it has no longer.
    pub(crate) fn remove_services(&mut self, ipvs: &mut Ipvs, ids: &[ServiceId]) {
        for id in ids {
            if let Err(error) = ipvs.remove_service(id) {
                log::warn(&self.model.name, error);
            }
        }
        self.written = Table::default();
        self.is_doubtful = true;
    }

    /// Returns what there is to tell.
    pub(crate) fn take_news(&mut self, tells_first: bool) -> Vec<LvsNews> {
        let mut news = Vec::new();
        while let Some(event) = self.pool.poll_event() {
            match event {
                PoolEvent::Target { key: Key::Real(address), from, to }
                    if (from != Health::Unknown && from.serves() != to.serves()) || tells_first =>
                {
                    log::info(&self.model.name, format_args!("{address}: {from} -> {to}"));
                    news.extend(self.real_news(address, to.serves()));
                }
                PoolEvent::QuorumGained { .. } => news.push(self.quorum_news(true)),
                PoolEvent::QuorumLost { .. } => news.push(self.quorum_news(false)),
                PoolEvent::Mode { from, to } => log::info(&self.model.name, format_args!("{from} -> {to}")),
                PoolEvent::Target { .. } | _ => {}
            }
        }
        news
    }

    /// What is told when it is taken down in order, of one that wants that (`omega`).
    pub(crate) fn farewell(&self) -> Vec<LvsNews> {
        if !self.model.omega {
            return Vec::new();
        }
        let up =
            self.pool.targets().filter(|target| target.health.serves()).filter_map(|target| {
                match target.key {
                    Key::Real(address) => Some(address),
                    Key::Sorry => None,
                }
            });
        let mut news: Vec<_> = up.filter_map(|address| self.real_news(address, false)).collect();
        if self.pool.has_quorum() {
            news.push(self.quorum_news(false));
        }
        news
    }

    fn real_news(&self, address: SocketAddr, is_up: bool) -> Option<LvsNews> {
        let real = self.model.real_servers.iter().find(|real| real.address == address)?;
        let word = word(is_up);
        let name = self.real_name(address);
        let vs = &self.model.name;
        Some(LvsNews {
            queue: vs.clone(),
            command: if is_up { real.notify_up.clone() } else { real.notify_down.clone() },
            fifo_line: format!("RS {name} {vs} {word}"),
            mail: real.mail.then(|| {
                let done = if is_up { "successful" } else { "failed" };
                (
                    format!("Realserver {name} of virtual server {vs} - {word}"),
                    format!("=> CHECK {done} : service is now {} <=", word.to_lowercase()),
                )
            }),
        })
    }

    fn quorum_news(&self, is_up: bool) -> LvsNews {
        let vs = &self.model.name;
        let what = if is_up { "gained" } else { "lost" };
        let snapshot = self.pool.snapshot();
        log::info(vs, format_args!("quorum {what}: {} of {}", snapshot.weight, snapshot.needed));
        LvsNews {
            queue: vs.clone(),
            command: if is_up { self.model.quorum_up.clone() } else { self.model.quorum_down.clone() },
            fifo_line: format!("VS {vs} {}", word(is_up)),
            mail: self.model.mail.then(|| {
                let subject = format!("Virtual server {vs} - {}", word(is_up));
                (subject, format!("=> {what} quorum {}, {} up <=", snapshot.needed, snapshot.weight))
            }),
        }
    }

    /// As keepalived writes it: with the protocol of the virtual server.
    pub(crate) fn real_name(&self, address: SocketAddr) -> String {
        let protocol = self.model.services.first().and_then(|service| service.id().protocol());
        let protocol = protocol.map_or("none", protocol_name);
        format!("[{}]:{protocol}:{}", address.ip(), address.port())
    }
}

pub(crate) fn protocol_name(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
        Protocol::Other(_) | _ => "none",
    }
}

fn word(is_up: bool) -> &'static str {
    if is_up { "UP" } else { "DOWN" }
}

fn pool_config(model: &model::VirtualServer) -> Result<PoolConfig<Key>, PoolConfigError> {
    let mut config = PoolConfig::builder().quorum(model.quorum).hysteresis(model.hysteresis);
    if model.sorry.is_some() {
        config = config.fallback(Key::Sorry);
    }
    config.build()
}

fn targets(
    model: &model::VirtualServer,
    checks: &[(SocketAddr, model::Check, CheckId)],
    checker: &Checker,
) -> Vec<(Key, Target<CheckId>)> {
    let target = |real: &model::RealServer| {
        let mut target = Target::new(real.weight);
        for (_, _, id) in checks.iter().filter(|(address, ..)| *address == real.address) {
            let standing = checker.monitor(*id).map_or(Standing::UNKNOWN, |monitor| monitor.standing());
            target = target.check(*id, standing);
        }
        (Key::Real(real.address), target)
    };
    model.real_servers.iter().map(target).collect()
}

/// Reads what the kernel has of a virtual server: the services of it that are there.
fn read(ipvs: &mut Ipvs, model: &model::VirtualServer) -> Result<Table, ipvs_netlink::ApplyError> {
    let mut servers = Vec::new();
    for service in &model.services {
        let Some(entry) = ipvs.service(&service.id())? else { continue };
        let destinations = ipvs.destinations(&service.id())?.into_iter().map(|entry| entry.destination);
        // What the kernel has and we would not put there is put right by being left out here.
        if let Ok(server) = VirtualServer::new(entry.service, destinations) {
            servers.push(server);
        }
    }
    Ok(Table::new(servers).unwrap_or_default())
}
