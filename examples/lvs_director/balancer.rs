//! Who gets the connections: virtual servers, the checks of their real servers, and the kernel's table.

use std::{
    collections::BTreeMap,
    mem,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use failover_examples::keepalived_conf::model::{self, CheckKind, Config, FlushOnStop, Globals};
use healthcheck::{
    Budget, Cause, CheckId, Checker, CheckerEvent, Kind, Layer, Limits, MonitorEvent, Outcome, WeightHint,
};
use ipvs_netlink::{Ipvs, ServiceId, Table};

use crate::{
    balanced::{Balanced, Impossible},
    checks, log,
    outbox::LvsNews,
    poll::{Poll, Token},
};

/// All virtual servers.
#[derive(Debug)]
pub(crate) struct Balancer {
    ipvs: Ipvs,
    checker: Checker,
    servers: Vec<Balanced>,
    /// Whose a check is, by its place.
    owners: BTreeMap<CheckId, usize>,
    globals: Globals,
    news: Vec<LvsNews>,
    /// Who is next to be compared with the kernel, and when.
    next_look: usize,
    look_at: Instant,
    writes: u64,
}

impl Balancer {
    /// Opens what it needs. There are no virtual servers yet: [`configure`](Self::configure) brings them.
    pub(crate) fn open(
        poll: &Poll,
        globals: &Globals,
        now: Instant,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let mut ipvs = Ipvs::open()?;
        let checker = Checker::new(Limits::default())?;
        poll.add(&checker, Token::Checks)?;
        if globals.lvs_flush {
            ipvs.flush()?;
        }
        Ok(Self {
            ipvs,
            checker,
            servers: Vec::new(),
            owners: BTreeMap::new(),
            globals: globals.clone(),
            news: Vec::new(),
            next_look: 0,
            look_at: now,
            writes: 0,
        })
    }

    /// Makes the virtual servers those of this configuration: the first, or another, by their difference. A check that is the same
    /// goes on, and its server stays what it is.
    ///
    /// # Errors
    ///
    /// Nothing has changed then.
    pub(crate) fn configure(&mut self, config: &Config, now: Instant) -> Result<(), Impossible> {
        let is_first = self.servers.is_empty();
        let prepared = self.prepare(config)?;
        self.globals = config.globals.clone();
        self.set_timeouts();
        let mut former: BTreeMap<String, Balanced> = mem::take(&mut self.servers)
            .into_iter()
            .map(|server| (server.model.name.clone(), server))
            .collect();
        let ids = all_ids(config);
        for (model, built) in config.virtual_servers.iter().zip(prepared) {
            let old = former.remove(&model.name);
            if let Some(server) = self.succeed(old, model, built, &ids, now) {
                self.servers.push(server);
            }
        }
        for (_, mut server) in former {
            self.retire(&mut server, &ids);
        }
        self.owners = (0..)
            .zip(&self.servers)
            .flat_map(|(place, server)| server.checks.iter().map(move |(_, _, check)| (*check, place)))
            .collect();
        let suspended = self.servers.iter().filter(|server| server.is_suspended);
        for (_, _, check) in suspended.flat_map(|server| &server.checks) {
            self.checker.stop(*check);
        }
        self.checker.start(now);
        if is_first {
            self.apply_all();
        }
        self.write_all();
        Ok(())
    }

    /// Builds every check that is new, so that one that cannot be is found before anything has changed.
    fn prepare(&self, config: &Config) -> Result<Vec<Vec<NewCheck>>, Impossible> {
        let old: BTreeMap<&str, &Balanced> =
            self.servers.iter().map(|server| (server.model.name.as_str(), server)).collect();
        let mut all = Vec::with_capacity(config.virtual_servers.len());
        for model in &config.virtual_servers {
            let mut built = Vec::new();
            match old.get(model.name.as_str()) {
                Some(server) if server.model == *model => {}
                former => {
                    for real in &model.real_servers {
                        for check in &real.checks {
                            let same = former.and_then(|server| server.find_check(real.address, check));
                            built.push(match same {
                                Some(id) => NewCheck::Kept(real.address, check.clone(), id),
                                None => NewCheck::Built(real.address, check.clone(), checks::build(check)),
                            });
                        }
                    }
                }
            }
            all.push(built);
        }
        Ok(all)
    }

    /// Makes of a former virtual server what a model says, or a new one.
    fn succeed(
        &mut self,
        old: Option<Balanced>,
        model: &model::VirtualServer,
        built: Vec<NewCheck>,
        ids: &[ServiceId],
        now: Instant,
    ) -> Option<Balanced> {
        let old = match old {
            Some(server) if server.model == *model => return Some(server),
            old => old,
        };
        let mut checks = Vec::new();
        for new in built {
            match new {
                NewCheck::Kept(address, model, id) => checks.push((address, model, id)),
                NewCheck::Built(address, check, outcome) => {
                    let added = outcome.and_then(|(built, policy)| Ok(self.checker.add(built, policy)?));
                    match added {
                        Ok(id) => checks.push((address, check, id)),
                        Err(error) => {
                            log::error(&model.name, format_args!("{address} is not checked: {error}"))
                        }
                    }
                }
            }
        }
        let outcome = match old {
            None => Balanced::new(model.clone(), checks, &self.checker, now).map(Some),
            Some(mut server) => {
                for (_, _, id) in
                    server.checks.iter().filter(|(_, _, id)| !checks.iter().any(|(.., kept)| kept == id))
                {
                    self.checker.remove(*id);
                }
                let gone: Vec<_> =
                    server.model.services.iter().map(|it| it.id()).filter(|id| !ids.contains(id)).collect();
                if !gone.is_empty() {
                    server.remove_services(&mut self.ipvs, &gone);
                }
                server.change(model.clone(), checks, &self.checker, now).map(|()| Some(server))
            }
        };
        outcome.unwrap_or_else(|error| {
            log::error(&model.name, error);
            None
        })
    }

    /// Takes a virtual server out that is no longer there. Its services may be another's by now.
    fn retire(&mut self, server: &mut Balanced, ids: &[ServiceId]) {
        self.news.extend(server.farewell());
        for (_, _, check) in &server.checks {
            self.checker.remove(*check);
        }
        let gone: Vec<_> =
            server.model.services.iter().map(|it| it.id()).filter(|id| !ids.contains(id)).collect();
        server.remove_services(&mut self.ipvs, &gone);
    }

    /// Makes the kernel's table the desired one at a start, whatever a predecessor has left of it.
    fn apply_all(&mut self) {
        let wanted: Vec<_> = self.servers.iter().filter_map(|server| server.wanted().ok()).collect();
        let servers = wanted.iter().flat_map(|table| table.servers().iter().cloned());
        let outcome = Table::new(servers)
            .map_err(|error| error.to_string())
            .and_then(|table| self.ipvs.apply(&table, |_| false).map_err(|error| error.to_string()));
        match outcome {
            Ok(applied) => {
                self.writes += applied.writes as u64;
                for server in &mut self.servers {
                    server.note_written();
                }
            }
            Err(error) => log::error("ipvs", error),
        }
    }

    fn write_all(&mut self) {
        for place in 0..self.servers.len() {
            self.write(place);
        }
    }

    fn write(&mut self, place: usize) {
        if let Some(server) = self.servers.get_mut(place) {
            self.writes += server.write(&mut self.ipvs) as u64;
            self.news.extend(server.take_news(self.globals.rs_init_notifies));
        }
    }

    fn set_timeouts(&mut self) {
        if let Some(timeouts) = &self.globals.lvs_timeouts
            && let Err(error) = self.ipvs.set_timeouts(timeouts)
        {
            log::error("lvs_timeouts", error);
        }
    }

    /// Does what is due, and what follows from the checks that have ended.
    pub(crate) fn turn(&mut self, now: Instant) {
        self.checker.turn(now, Budget::default());
        while let Some(event) = self.checker.poll_event() {
            if let CheckerEvent::Monitor { check, event } = event {
                self.handle_monitor(now, check, &event);
            }
        }
        for place in 0..self.servers.len() {
            let is_due =
                self.servers.get(place).is_some_and(|it| it.pool.poll_timeout().is_some_and(|at| at <= now));
            if is_due {
                if let Some(server) = self.servers.get_mut(place) {
                    server.pool.handle_timeout(now);
                }
                self.write(place);
            }
        }
        self.look(now);
    }

    fn handle_monitor(&mut self, now: Instant, check: CheckId, event: &MonitorEvent) {
        let Some(place) = self.owners.get(&check).copied() else { return };
        let Some(standing) = self.checker.monitor(check).map(|monitor| monitor.standing()) else { return };
        if let Some(server) = self.servers.get_mut(place) {
            if let Some((address, model, _)) = server.checks.iter().find(|(.., id)| *id == check) {
                log::info(&server.model.name, format_args!("{address}: {}: {event}", name_of(&model.kind)));
            }
            server.handle_check(now, check, standing);
        }
        self.write(place);
    }

    /// Compares some of the virtual servers with what the kernel has, so that each has its turn every [`LOOK_ROUND`].
    fn look(&mut self, now: Instant) {
        if now < self.look_at || self.servers.is_empty() {
            return;
        }
        self.look_at = now + LOOK;
        for _ in 0..self.servers.len().div_ceil(LOOKS_IN_A_ROUND) {
            self.next_look = (self.next_look + 1) % self.servers.len();
            if let Some(server) = self.servers.get_mut(self.next_look) {
                self.writes += server.verify(&mut self.ipvs) as u64;
            }
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let pools = self.servers.iter().filter_map(|server| server.pool.poll_timeout()).min();
        let look = (!self.servers.is_empty()).then_some(self.look_at);
        [pools, look].into_iter().flatten().min()
    }

    /// Returns what there is to tell, oldest first.
    pub(crate) fn take_news(&mut self) -> Vec<LvsNews> {
        mem::take(&mut self.news)
    }

    /// Returns the files whose number counts for real servers.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        let checks = self.servers.iter().flat_map(|server| &server.checks);
        checks.filter_map(|(_, check, _)| match &check.kind {
            CheckKind::File { path, .. } => Some(path.clone()),
            CheckKind::Tcp
            | CheckKind::Http(_)
            | CheckKind::Smtp { .. }
            | CheckKind::Dns { .. }
            | CheckKind::Misc { .. }
            | CheckKind::Udp { .. }
            | CheckKind::Ping => None,
        })
    }

    /// Takes what number is in a file.
    pub(crate) fn report_file(&mut self, path: &Path, number: i64, now: Instant) {
        let mut outcomes = Vec::new();
        for (_, check, id) in self.servers.iter().flat_map(|server| &server.checks) {
            if let CheckKind::File { path: file, weight, reverse } = &check.kind
                && file == path
            {
                outcomes.push((*id, file_outcome(number, *weight, *reverse)));
            }
        }
        for (id, outcome) in outcomes {
            self.checker.report(id, now, &outcome);
        }
        self.turn(now);
    }

    /// Suspends the checks of those who want it while this host does not have their address, and resumes them.
    pub(crate) fn suspend(&mut self, now: Instant, has_address: impl Fn(IpAddr) -> bool) {
        for server in &mut self.servers {
            let mut addresses = server.model.services.iter().filter_map(|service| service.id().address());
            let is_suspended = server.model.ha_suspend && !addresses.any(|address| has_address(address.ip()));
            if is_suspended == server.is_suspended {
                continue;
            }
            server.is_suspended = is_suspended;
            log::info(&server.model.name, if is_suspended { "checks suspended" } else { "checks resumed" });
            for (_, _, check) in &server.checks {
                if is_suspended {
                    self.checker.stop(*check);
                } else {
                    self.checker.resume(*check, now);
                }
            }
        }
    }

    /// Takes everything out that it has put in, in order.
    pub(crate) fn shutdown(&mut self) {
        for server in &self.servers {
            self.news.extend(server.farewell());
        }
        if self.globals.lvs_flush_on_stop == FlushOnStop::All {
            if let Err(error) = self.ipvs.flush() {
                log::error("ipvs", error);
            }
            return;
        }
        for server in &mut self.servers {
            server.remove(&mut self.ipvs);
        }
    }

    pub(crate) fn servers(&self) -> &[Balanced] {
        &self.servers
    }

    pub(crate) fn checker(&self) -> &Checker {
        &self.checker
    }

    pub(crate) fn ipvs(&mut self) -> &mut Ipvs {
        &mut self.ipvs
    }

    /// How many writes to the kernel's table it took so far.
    pub(crate) fn writes(&self) -> u64 {
        self.writes
    }
}

/// A check of a model: one that goes on, or one that is new.
enum NewCheck {
    Kept(SocketAddr, model::Check, CheckId),
    Built(SocketAddr, model::Check, Result<Built, Box<dyn std::error::Error>>),
}

type Built = (healthcheck::Check, std::sync::Arc<healthcheck::Policy>);

impl Balanced {
    fn find_check(&self, address: SocketAddr, check: &model::Check) -> Option<CheckId> {
        let mut same = self.checks.iter().filter(|(at, model, _)| *at == address && model == check);
        same.next().map(|(.., id)| *id)
    }
}

fn all_ids(config: &Config) -> Vec<ServiceId> {
    config
        .virtual_servers
        .iter()
        .flat_map(|server| server.services.iter().map(|service| service.id()))
        .collect()
}

/// A number that is added to the weight, or says that the server is down: as of a tracked file.
fn file_outcome(number: i64, weight: i32, reverse: bool) -> Outcome {
    let weight = number.saturating_mul(weight.into());
    let weight = if reverse { weight.saturating_neg() } else { weight };
    match i32::try_from(weight) {
        Ok(i32::MIN | -2_147_483_647) | Err(_) if weight < 0 => {
            Outcome::failed(Cause::new(Layer::Script, Kind::WrongContent, 0))
        }
        Ok(delta) => Outcome::passed(Layer::Script).with_weight(WeightHint::Delta(delta)),
        Err(_) => Outcome::passed(Layer::Script).with_weight(WeightHint::Delta(i32::MAX)),
    }
}

pub(crate) fn name_of(kind: &CheckKind) -> &'static str {
    match kind {
        CheckKind::Tcp => "TCP_CHECK",
        CheckKind::Http(http) if http.tls.is_some() => "SSL_GET",
        CheckKind::Http(_) => "HTTP_GET",
        CheckKind::Smtp { .. } => "SMTP_CHECK",
        CheckKind::Dns { .. } => "DNS_CHECK",
        CheckKind::Misc { .. } => "MISC_CHECK",
        CheckKind::Udp { .. } => "UDP_CHECK",
        CheckKind::Ping => "PING_CHECK",
        CheckKind::File { .. } => "FILE_CHECK",
    }
}

const LOOK: Duration = Duration::from_secs(1);
const LOOKS_IN_A_ROUND: usize = 10;
