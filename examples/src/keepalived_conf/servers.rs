//! `virtual_server`, `virtual_server_group`, `real_server`, `sorry_server`.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU16,
    time::Duration,
};

use ipvs_netlink::{
    Family, Forwarding, Granularity, Persistence, Protocol, Scheduler, Service, ServiceFlags, ServiceId,
    Tunnel,
};

use super::{
    checkers::{self, Timing},
    globals::Defaults,
    model::{Command, Config, RealServer, Sorry, Tls, VirtualServer},
    tree::{Item, Word},
    unheeded,
    values::Context,
};

/// What a virtual server is for: an address, a firewall mark, or a group of these.
#[derive(Clone, Debug, PartialEq)]
enum Target {
    Address(SocketAddr),
    Mark(u32),
}

pub(super) fn read_servers(context: &Context, top: &[Item], config: &mut Config, defaults: &Defaults) {
    let client = top.iter().find(|item| item.is("SSL")).and_then(|item| read_ssl(context, item));
    let mut taken = std::collections::HashMap::new();
    for block in top.iter().filter(|item| item.is("virtual_server")) {
        let Some(word) = block.words.first() else { continue };
        let mut draft = Draft::new(defaults, config, client.clone());
        for item in block.items() {
            draft.read_first(context, item);
        }
        let targets = targets(context, top, block);
        let Some(server) = draft.finish(context, block, targets) else { continue };
        for service in &server.services {
            if let Some(other) = taken.insert(service.id(), server.name.clone()) {
                context.error(word, format!("virtual server {} is there already, as {other}", service.id()));
            }
        }
        config.virtual_servers.push(server);
    }
}

fn read_ssl(context: &Context, block: &Item) -> Option<Tls> {
    let (mut certificate, mut key) = (None, None);
    for item in block.items() {
        match item.keyword() {
            "certificate" => certificate = context.text(item),
            "key" => key = context.text(item),
            _ => unheeded::note(context, item),
        }
    }
    Some(Tls { sni: None, client: Some((certificate?.into(), key?.into())) })
}

/// `IP [port]`, `fwmark N` or `group NAME`.
fn targets(context: &Context, top: &[Item], block: &Item) -> Option<(String, Vec<Target>)> {
    let first = context.needs(block)?;
    match first.text.as_str() {
        "fwmark" => {
            let mark = context.number_of(
                "fwmark",
                block.arg(2).or_else(|| missing(context, first))?,
                1..=u32::MAX,
            )?;
            Some((format!("FWM {mark}"), vec![Target::Mark(mark)]))
        }
        "group" => {
            let name = block.arg(2).or_else(|| missing(context, first))?;
            let is_it = |item: &&Item| {
                item.is("virtual_server_group") && item.arg(1).is_some_and(|it| it.text == name.text)
            };
            match top.iter().find(is_it) {
                Some(group) => Some((name.text.clone(), group_targets(context, group))),
                None => {
                    context.error(name, format!("there is no virtual_server_group {}", name.text));
                    None
                }
            }
        }
        _ => {
            let address = address(context, first, block.arg(2))?;
            Some((String::new(), vec![Target::Address(address)]))
        }
    }
}

fn missing<'w>(context: &Context, word: &'w Word) -> Option<&'w Word> {
    context.error(word, format!("{} needs a value", word.text));
    None
}

fn address(context: &Context, ip: &Word, port: Option<&Word>) -> Option<SocketAddr> {
    let ip = context.ip(ip)?;
    let port = match port {
        Some(word) => context.number_of("port", word, 0..=u16::MAX)?,
        None => 0,
    };
    Some(SocketAddr::new(ip, port))
}

/// `IP[-LAST] [PORT[-LAST]]` or `fwmark N`, a line each.
fn group_targets(context: &Context, group: &Item) -> Vec<Target> {
    let mut targets = Vec::new();
    for item in group.items() {
        let Some(first) = item.words.first() else { continue };
        if first.text == "fwmark" {
            targets.extend(context.number(item, 1..=u32::MAX).map(Target::Mark));
            continue;
        }
        let ips = ip_range(context, first);
        let ports = match item.arg(1) {
            Some(word) => port_range(context, word),
            None => 0..=0,
        };
        for ip in ips {
            targets.extend(ports.clone().map(|port| Target::Address(SocketAddr::new(ip, port))));
        }
        if targets.len() > MOST_SERVICES {
            context.error(
                first,
                format!("a group of more than {MOST_SERVICES} services is a mistake: use a firewall mark"),
            );
            targets.truncate(1);
        }
    }
    targets
}

fn ip_range(context: &Context, word: &Word) -> Vec<IpAddr> {
    let (start, last) = word.text.split_once('-').unwrap_or((&word.text, ""));
    let first: Option<IpAddr> = start.parse().ok();
    let range = match first {
        Some(IpAddr::V4(ip)) if last.is_empty() => Some(vec![IpAddr::V4(ip)]),
        Some(IpAddr::V6(ip)) if last.is_empty() => Some(vec![IpAddr::V6(ip)]),
        Some(IpAddr::V4(ip)) => {
            let [a, b, c, low] = ip.octets();
            last.parse::<u8>()
                .ok()
                .filter(|last| *last >= low)
                .map(|last| (low..=last).map(|d| IpAddr::V4(Ipv4Addr::new(a, b, c, d))).collect())
        }
        Some(IpAddr::V6(ip)) => {
            let low = ip.segments()[7];
            u16::from_str_radix(last, 16).ok().filter(|last| *last >= low && last - low < 4096).map(|last| {
                let base = ip.to_bits() & !0xffff;
                (low..=last).map(|part| IpAddr::V6(Ipv6Addr::from_bits(base | u128::from(part)))).collect()
            })
        }
        None => None,
    };
    range.unwrap_or_else(|| {
        context.error(word, format!("{} is no address, or range of addresses", word.text));
        Vec::new()
    })
}

fn port_range(context: &Context, word: &Word) -> std::ops::RangeInclusive<u16> {
    let (low, high) = word.text.split_once('-').unwrap_or((&word.text, &word.text));
    match (low.parse(), high.parse()) {
        (Ok(low), Ok(high)) if low <= high => low..=high,
        _ => {
            context.error(word, format!("{} is no port, or range of ports", word.text));
            0..=0
        }
    }
}

struct Draft<'i, 'c> {
    defaults: &'c Defaults,
    config: &'c Config,
    client: Option<Tls>,
    is_ipv6: Option<bool>,
    scheduler: Scheduler,
    flags: ServiceFlags,
    forwarding: Forwarding,
    persistence: Option<Duration>,
    persistence_engine: Option<String>,
    granularity: Option<&'i Word>,
    protocol: Option<Protocol>,
    timing: Timing,
    virtual_host: Option<String>,
    weight: u32,
    inhibit: bool,
    quorum: u32,
    hysteresis: Option<(u32, &'i Word)>,
    quorum_up: Option<Command>,
    quorum_down: Option<Command>,
    mail: bool,
    omega: bool,
    ha_suspend: bool,
    sorry: Option<&'i Item>,
    sorry_inhibit: bool,
    sorry_forwarding: Option<Forwarding>,
    real_servers: Vec<&'i Item>,
    quorum_word: Option<&'i Word>,
}

impl<'i, 'c> Draft<'i, 'c> {
    fn new(defaults: &'c Defaults, config: &'c Config, client: Option<Tls>) -> Self {
        Self {
            defaults,
            config,
            client,
            is_ipv6: None,
            scheduler: Scheduler::WLC,
            flags: ServiceFlags::EMPTY,
            forwarding: Forwarding::Masquerade,
            persistence: None,
            persistence_engine: None,
            granularity: None,
            protocol: None,
            timing: Timing::default(),
            virtual_host: None,
            weight: 1,
            inhibit: false,
            quorum: 1,
            hysteresis: None,
            quorum_up: None,
            quorum_down: None,
            mail: defaults.server_mails(),
            omega: false,
            ha_suspend: false,
            sorry: None,
            sorry_inhibit: false,
            sorry_forwarding: None,
            real_servers: Vec::new(),
            quorum_word: None,
        }
    }

    /// Reads what does not depend on the rest.
    fn read_first(&mut self, context: &Context, item: &'i Item) {
        let is_known = self.read_service(context, item)
            || self.read_pool(context, item)
            || self.timing.read(context, item);
        if !is_known {
            unheeded::note(context, item);
        }
    }

    fn read_service(&mut self, context: &Context, item: &'i Item) -> bool {
        match item.keyword() {
            "ip_family" => match context.text(item).as_deref() {
                Some("inet") => self.is_ipv6 = Some(false),
                Some("inet6") => self.is_ipv6 = Some(true),
                Some(other) => {
                    context
                        .needs(item)
                        .into_iter()
                        .for_each(|word| context.error(word, format!("ip_family {other}: inet or inet6")));
                }
                None => {}
            },
            "lb_algo" | "lvs_sched" => {
                if let Some(scheduler) = context.value(item) {
                    self.scheduler = scheduler;
                }
                self.flags |= flags(context, item.args().get(1..).unwrap_or_default());
            }
            "hashed" => {}
            "ops" => self.flags |= ServiceFlags::ONE_PACKET,
            "flag-1" | "flag-2" | "flag-3" | "sh-port" | "sh-fallback" | "mh-port" | "mh-fallback" => {
                self.flags |= flags(context, &item.words);
            }
            "lb_kind" | "lvs_method" => {
                if let Some(forwarding) = forwarding(context, item) {
                    self.forwarding = forwarding;
                }
            }
            "persistence_timeout" => {
                let seconds = match item.arg(1) {
                    Some(word) => context.number_of("persistence_timeout", word, 0..=MOST_PERSISTENCE),
                    None => Some(DEFAULT_PERSISTENCE),
                };
                self.persistence =
                    seconds.filter(|seconds| *seconds > 0).map(|seconds| Duration::from_secs(seconds.into()));
            }
            "persistence_granularity" => self.granularity = context.needs(item),
            "persistence_engine" => self.persistence_engine = context.text(item),
            "protocol" => match context.text(item).as_deref() {
                Some("TCP") => self.protocol = Some(Protocol::Tcp),
                Some("UDP") => self.protocol = Some(Protocol::Udp),
                Some("SCTP") => self.protocol = Some(Protocol::Sctp),
                Some(other) => {
                    context
                        .needs(item)
                        .into_iter()
                        .for_each(|word| context.error(word, format!("protocol {other}: TCP, UDP or SCTP")));
                }
                None => {}
            },
            _ => return false,
        }
        true
    }

    fn read_pool(&mut self, context: &Context, item: &'i Item) -> bool {
        let command = || context.command(item, self.defaults.script_user);
        match item.keyword() {
            "virtualhost" => self.virtual_host = context.text(item),
            "weight" => self.weight = context.number(item, 0..=MOST_WEIGHT).unwrap_or(1),
            "inhibit_on_failure" => self.inhibit = true,
            "quorum" => {
                self.quorum = context.number(item, 1..=MOST_WEIGHT).unwrap_or(1);
                self.quorum_word = item.arg(1);
            }
            "hysteresis" => self.hysteresis = context.number(item, 0..=MOST_WEIGHT).zip(item.arg(1)),
            "quorum_up" => self.quorum_up = command(),
            "quorum_down" => self.quorum_down = command(),
            "smtp_alert" => self.mail = context.switch(item),
            "omega" => self.omega = true,
            "ha_suspend" => self.ha_suspend = true,
            "sorry_server" => self.sorry = Some(item),
            "sorry_server_inhibit" => self.sorry_inhibit = true,
            "sorry_server_lvs_method" => self.sorry_forwarding = forwarding(context, item),
            "real_server" => self.real_servers.push(item),
            "snmp_name" => {}
            _ => return false,
        }
        true
    }

    fn finish(
        self,
        context: &Context,
        block: &Item,
        targets: Option<(String, Vec<Target>)>,
    ) -> Option<VirtualServer> {
        let word = block.words.first()?;
        let (mut name, targets) = targets?;
        let port = match targets.first() {
            Some(Target::Address(address)) => Some(address.port()),
            Some(Target::Mark(_)) | None => None,
        };
        let real_servers: Vec<RealServer> =
            self.real_servers.iter().filter_map(|item| self.read_real(context, item, port)).collect();
        self.check_twice(context);
        let protocol = self.protocol.unwrap_or_else(|| {
            if port.is_some() {
                context.warn(
                    word,
                    "the virtual server has no protocol: it is UDP, as keepalived has it; better say so"
                        .into(),
                );
            }
            Protocol::Udp
        });
        let is_ipv6 = self.is_ipv6.or_else(|| Some(real_servers.first()?.address.is_ipv6())).unwrap_or(false);
        let services: Vec<Service> = targets
            .iter()
            .filter_map(|target| self.service(context, word, target, protocol, is_ipv6))
            .collect();
        if name.is_empty() {
            let id = services.first()?.id();
            let address = id.address()?;
            name = format!("[{}]:{}:{}", address.ip(), word_of(protocol), address.port());
        }
        let quorum = self.decide_quorum(context, &real_servers);
        let sorry = self.sorry.and_then(|item| self.read_sorry(context, item, port));
        Some(VirtualServer {
            name,
            services,
            sorry,
            quorum: quorum.0,
            hysteresis: quorum.1,
            quorum_up: self.quorum_up,
            quorum_down: self.quorum_down,
            mail: self.mail,
            omega: self.omega,
            ha_suspend: self.ha_suspend,
            real_servers,
        })
    }

    fn service(
        &self,
        context: &Context,
        word: &Word,
        target: &Target,
        protocol: Protocol,
        is_ipv6: bool,
    ) -> Option<Service> {
        let id = match target {
            Target::Address(address) => ServiceId::new(protocol, *address),
            Target::Mark(mark) => {
                ServiceId::firewall_mark(*mark, if is_ipv6 { Family::V6 } else { Family::V4 })
            }
        };
        let build = || -> Result<Service, String> {
            let id = id.map_err(|error| error.to_string())?;
            let mut service = Service::builder(id).scheduler(self.scheduler).flags(self.flags);
            let is_portless = matches!(target, Target::Address(address) if address.port() == 0);
            let timeout = self.persistence.or_else(|| {
                is_portless.then(|| {
                    context.warn(
                        word,
                        format!("a virtual server for all ports is persistent: {DEFAULT_PERSISTENCE} s"),
                    );
                    Duration::from_secs(DEFAULT_PERSISTENCE.into())
                })
            });
            if let Some(timeout) = timeout {
                let mut persistence = Persistence::new(timeout).map_err(|error| error.to_string())?;
                if let Some(word) = self.granularity {
                    persistence = persistence.granularity(granularity(&word.text)?);
                }
                service = service.persistence(persistence);
                if let Some(engine) = &self.persistence_engine {
                    service = service.persistence_engine(engine);
                }
            }
            service.build().map_err(|error| error.to_string())
        };
        match build() {
            Ok(service) => Some(service),
            Err(error) => {
                context.error(word, error);
                None
            }
        }
    }

    fn check_twice(&self, context: &Context) {
        let mut seen = std::collections::HashSet::new();
        for item in &self.real_servers {
            let words = item.args().iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
            if let (false, Some(word)) = (seen.insert(words.clone()), item.arg(1)) {
                context.error(word, format!("real_server {words} is there already"));
            }
        }
    }

    /// No more than all servers have, and a hysteresis of less than that.
    fn decide_quorum(&self, context: &Context, real_servers: &[RealServer]) -> (u32, u32) {
        let all: u64 = real_servers.iter().map(|real| u64::from(real.weight)).sum();
        let mut quorum = self.quorum;
        if let Some(word) = self.quorum_word
            && u64::from(quorum) > all
        {
            quorum = u32::try_from(all).unwrap_or(quorum).max(1);
            context.warn(
                word,
                format!("quorum {} is more than all real servers weigh: it is {quorum}", self.quorum),
            );
        }
        let hysteresis = match self.hysteresis {
            Some((hysteresis, word)) if hysteresis >= quorum => {
                context.warn(
                    word,
                    format!("hysteresis {hysteresis} is not less than the quorum: it is {}", quorum - 1),
                );
                quorum - 1
            }
            Some((hysteresis, _)) => hysteresis,
            None => 0,
        };
        (quorum, hysteresis)
    }

    fn read_sorry(&self, context: &Context, item: &Item, port: Option<u16>) -> Option<Sorry> {
        let forwarding = self.sorry_forwarding.unwrap_or(self.forwarding);
        let address = self.real_address(context, item, port, forwarding)?;
        Some(Sorry { address, forwarding, inhibit: self.sorry_inhibit })
    }

    /// A real server's address: by direct routing and tunnels its port is the virtual server's.
    fn real_address(
        &self,
        context: &Context,
        item: &Item,
        port: Option<u16>,
        forwarding: Forwarding,
    ) -> Option<SocketAddr> {
        let mut address = address(context, context.needs(item)?, item.arg(2))?;
        let Some(port) = port else {
            if let Some(word) = item.arg(2).filter(|_| address.port() != 0) {
                context.warn(
                    word,
                    "behind a firewall mark the port is that of the connection: none is set".into(),
                );
            }
            address.set_port(0);
            return Some(address);
        };
        match (forwarding, item.arg(2)) {
            (Forwarding::Masquerade, Some(_)) => {}
            (_, Some(word)) if address.port() != port => {
                context.warn(
                    word,
                    format!("by direct routing and tunnels the port is the virtual server's: it is {port}"),
                );
                address.set_port(port);
            }
            (_, Some(_)) => {}
            (_, None) => address.set_port(port),
        }
        Some(address)
    }

    fn read_real(&self, context: &Context, block: &Item, port: Option<u16>) -> Option<RealServer> {
        let find =
            |keywords: &[&str]| block.items().iter().rev().find(|item| keywords.contains(&item.keyword()));
        let forwarding =
            find(&["lvs_method"]).and_then(|item| forwarding(context, item)).unwrap_or(self.forwarding);
        let address = self.real_address(context, block, port, forwarding)?;
        let mut timing = self.timing.clone();
        let mut virtual_host = self.virtual_host.clone();
        let mut real = RealServer {
            address,
            forwarding,
            weight: self.weight,
            upper_threshold: None,
            lower_threshold: None,
            inhibit: self.inhibit,
            notify_up: None,
            notify_down: None,
            mail: self.defaults.real_server_mails(),
            checks: Vec::new(),
        };
        let command = |item| context.command(item, self.defaults.script_user);
        let mut checkers = Vec::new();
        for item in block.items() {
            match item.keyword() {
                "weight" => real.weight = context.number(item, 0..=MOST_WEIGHT).unwrap_or(1),
                "lvs_method" | "snmp_name" => {}
                "uthreshold" => {
                    real.upper_threshold = context.number(item, 0..=MOST_WEIGHT).filter(|it| *it > 0)
                }
                "lthreshold" => {
                    real.lower_threshold = context.number(item, 0..=MOST_WEIGHT).filter(|it| *it > 0)
                }
                "inhibit_on_failure" => real.inhibit = true,
                "notify_up" => real.notify_up = command(item),
                "notify_down" => real.notify_down = command(item),
                "smtp_alert" => real.mail = context.switch(item),
                "virtualhost" => virtual_host = context.text(item),
                _ if checkers::is_checker(item) => checkers.push(item),
                _ if timing.read(context, item) => {}
                _ => unheeded::note(context, item),
            }
        }
        let surroundings = checkers::Surroundings {
            address,
            timing,
            virtual_host,
            client: self.client.as_ref(),
            config: self.config,
            defaults: self.defaults,
        };
        real.checks = checkers.into_iter().filter_map(|item| surroundings.read(context, item)).collect();
        Some(real)
    }
}

fn flags(context: &Context, words: &[Word]) -> ServiceFlags {
    let mut flags = ServiceFlags::EMPTY;
    for word in words {
        flags |= match word.text.as_str() {
            "hashed" => ServiceFlags::EMPTY,
            "ops" => ServiceFlags::ONE_PACKET,
            "flag-1" => ServiceFlags::SCHEDULER_1,
            "flag-2" => ServiceFlags::SCHEDULER_2,
            "flag-3" => ServiceFlags::SCHEDULER_3,
            "sh-fallback" | "mh-fallback" => ServiceFlags::FALLBACK,
            "sh-port" | "mh-port" => ServiceFlags::PORT,
            other => {
                context.error(word, format!("{other} is no flag of a scheduler"));
                ServiceFlags::EMPTY
            }
        };
    }
    flags
}

/// `NAT | DR | TUN [type ipip|gue port N|gre] [nocsum|csum|remcsum]`.
fn forwarding(context: &Context, item: &Item) -> Option<Forwarding> {
    let word = context.needs(item)?;
    match word.text.as_str() {
        "NAT" => Some(Forwarding::Masquerade),
        "DR" => Some(Forwarding::DirectRouting),
        "TUN" => tunnel(context, item).map(Forwarding::Tunnel),
        other => {
            context.error(word, format!("{} {other}: NAT, DR or TUN", item.keyword()));
            None
        }
    }
}

fn tunnel(context: &Context, item: &Item) -> Option<Tunnel> {
    let (mut kind, mut port, mut checksum) = ("ipip", None, ipvs_netlink::Checksum::None);
    let mut rest = item.args().iter().skip(1);
    while let Some(word) = rest.next() {
        match word.text.as_str() {
            "type" => kind = rest.next().map_or("", |word| &word.text),
            "port" => {
                port = rest
                    .next()
                    .and_then(|word| context.number_of("port", word, 1..=u16::MAX))
                    .and_then(NonZeroU16::new);
            }
            "nocsum" => checksum = ipvs_netlink::Checksum::None,
            "csum" => checksum = ipvs_netlink::Checksum::Tunnel,
            "remcsum" => checksum = ipvs_netlink::Checksum::Remote,
            other => context.error(word, format!("{other} is no part of a tunnel")),
        }
    }
    let word = item.words.first()?;
    match (kind, port) {
        ("ipip", _) => Some(Tunnel::IPIP),
        ("gre", _) => Some(Tunnel::gre(checksum)),
        ("gue", Some(port)) => Some(Tunnel::gue(port, checksum)),
        ("gue", None) => {
            context.error(word, "a tunnel of type gue needs a port".into());
            None
        }
        (other, _) => {
            context.error(word, format!("tunnel type {other}: ipip, gue or gre"));
            None
        }
    }
}

fn word_of(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
        Protocol::Other(_) | _ => "none",
    }
}

fn granularity(text: &str) -> Result<Granularity, String> {
    let parsed = match text.parse::<u8>() {
        Ok(length) => Granularity::prefix(length),
        Err(_) => Granularity::netmask(
            text.parse().map_err(|_| format!("{text} is no netmask and no prefix length"))?,
        ),
    };
    parsed.map_err(|error| error.to_string())
}

const MOST_WEIGHT: u32 = i32::MAX.unsigned_abs();
const DEFAULT_PERSISTENCE: u32 = 360;
const MOST_PERSISTENCE: u32 = 31 * 86_400;
const MOST_SERVICES: usize = 65_536;
