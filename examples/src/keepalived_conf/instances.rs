//! `vrrp_instance`.

use std::{net::IpAddr, time::Duration};

use vrrp_engine::{Announcements, Preempt, State};
use vrrp_proto::{
    AcceptChecksum, AdvertInterval, AhKey, Checksum, Password, Priority, UnicastPeer, Version, Vrid,
};

use super::{
    addresses,
    globals::{Defaults, Garp, read_garp_setting, version},
    model::{AddressEntry, Auth, Config, Globals, Instance, Notify, RouteEntry, RuleEntry, Tracks, Vmac},
    routes,
    tracking::read_tracks,
    tree::{Item, Word},
    unheeded,
    values::Context,
};

pub(super) fn read_instances(context: &Context, top: &[Item], config: &mut Config, defaults: &Defaults) {
    let mut seen: Vec<(Instance, &Item)> = Vec::new();
    for block in top.iter().filter(|item| item.is("vrrp_instance")) {
        let Some(name) = context.needs(block) else { continue };
        if seen.iter().any(|(other, _)| other.name == name.text) {
            context.error(name, format!("there is a vrrp_instance {} already", name.text));
            continue;
        }
        let mut draft = Draft::new(defaults);
        for item in block.items() {
            draft.read(context, top, item, defaults);
        }
        if let Some(instance) = draft.finish(context, name, &config.globals) {
            let key = |it: &Instance| {
                (it.interface.clone(), it.vrid, it.is_ipv6, it.group, it.source, it.peers.is_empty())
            };
            if let Some((other, _)) = seen.iter().find(|(other, _)| key(other) == key(&instance)) {
                let message = format!(
                    "virtual_router_id {} on {} is {}'s already",
                    instance.vrid, instance.interface, other.name
                );
                context.error(
                    block
                        .items()
                        .iter()
                        .find(|it| it.is("virtual_router_id"))
                        .and_then(|it| it.arg(1))
                        .unwrap_or(name),
                    message,
                );
            }
            seen.push((instance, block));
        }
    }
    check_addresses(context, &seen);
    config.instances = seen.into_iter().map(|(instance, _)| instance).collect();
}

/// No address may be two instances' on one interface.
fn check_addresses(context: &Context, all: &[(Instance, &Item)]) {
    let mut taken = std::collections::HashMap::new();
    for (instance, block) in all {
        let lists = ["virtual_ipaddress", "virtual_ipaddress_excluded"];
        for item in block.items().iter().filter(|item| lists.contains(&item.keyword())) {
            // What is wrong with them has been said.
            let silent =
                Context::new(super::tree::Lines(Vec::new()), Vec::new(), context.environment.clone());
            for (entry, word) in addresses::read_list(&silent, item, &instance.interface) {
                let key = (entry.address.ip(), entry.interface.clone());
                if let Some(other) = taken.insert(key, &instance.name) {
                    context.warn(
                        word,
                        format!(
                            "{} is {other}'s too: whoever gives up takes it from both",
                            entry.address.ip()
                        ),
                    );
                }
            }
        }
    }
}

/// What was read of an instance so far.
struct Draft<'i> {
    initial: Option<(State, &'i Word)>,
    interface: Option<String>,
    vrid: Option<u8>,
    priority: Option<u8>,
    version: Version,
    native_ipv6: bool,
    interval: Option<(Duration, &'i Word)>,
    down_multiplier: u8,
    password: Option<(&'i Word, bool)>,
    auth_type: Option<&'i Word>,
    vmac: Option<Vmac>,
    source: Option<IpAddr>,
    track_source: bool,
    group: Option<IpAddr>,
    peers: Option<(Vec<UnicastPeer>, &'i Word)>,
    unicast_ttl: Option<u8>,
    address_items: Vec<(&'i Item, bool)>,
    routes: Vec<RouteEntry>,
    rules: Vec<RuleEntry>,
    no_preempt: Option<&'i Word>,
    preempt_delay: Option<(Duration, &'i Word)>,
    garp: Garp,
    lower_prio_no_advert: bool,
    owner_ignore_adverts: bool,
    accept: Option<bool>,
    strict: bool,
    checksum_as_v2: bool,
    old_unicast_checksum: bool,
    promote_secondaries: bool,
    dont_track_primary: bool,
    track: Tracks,
    notify: Notify,
    mail: bool,
    sync_daemon_interface: Option<String>,
}

impl<'i> Draft<'i> {
    fn new(defaults: &Defaults) -> Self {
        Self {
            initial: None,
            interface: None,
            vrid: None,
            priority: None,
            version: defaults.version,
            native_ipv6: false,
            interval: None,
            down_multiplier: defaults.down_multiplier,
            password: None,
            auth_type: None,
            vmac: None,
            source: None,
            track_source: false,
            group: None,
            peers: None,
            unicast_ttl: None,
            address_items: Vec::new(),
            routes: Vec::new(),
            rules: Vec::new(),
            no_preempt: None,
            preempt_delay: None,
            garp: defaults.garp,
            lower_prio_no_advert: defaults.lower_prio_no_advert,
            owner_ignore_adverts: defaults.owner_ignore_adverts,
            accept: None,
            strict: defaults.strict,
            checksum_as_v2: defaults.checksum_as_v2,
            old_unicast_checksum: false,
            promote_secondaries: false,
            dont_track_primary: false,
            track: Tracks::default(),
            notify: Notify { priority_changes: defaults.priority_changes, ..Notify::default() },
            mail: defaults.vrrp_mails(),
            sync_daemon_interface: None,
        }
    }

    fn read(&mut self, context: &Context, top: &[Item], item: &'i Item, defaults: &Defaults) {
        let is_known = self.read_identity(context, item, defaults)
            || self.read_way(context, item)
            || self.read_belongings(context, item)
            || self.read_policy(context, item)
            || read_garp_setting(context, item, item.keyword(), &mut self.garp)
            || read_tracks(context, top, item, &mut self.track)
            || read_notify(context, item, &mut self.notify, defaults);
        if !is_known {
            unheeded::note(context, item);
        }
    }

    fn read_identity(&mut self, context: &Context, item: &'i Item, defaults: &Defaults) -> bool {
        match item.keyword() {
            "state" => {
                let Some(word) = context.needs(item) else { return true };
                match word.text.as_str() {
                    "MASTER" => self.initial = Some((State::Master, word)),
                    "BACKUP" => self.initial = Some((State::Backup, word)),
                    other => context.error(word, format!("state {other}: MASTER or BACKUP")),
                }
            }
            "interface" => self.interface = context.text(item),
            "virtual_router_id" => self.vrid = context.number(item, 1..=u8::MAX),
            "priority" => self.priority = context.number(item, 1..=u8::MAX),
            "version" => self.version = version(context, item).unwrap_or(defaults.version),
            "native_ipv6" => self.native_ipv6 = true,
            "advert_int" => {
                self.interval = context.seconds(item, 0.01..=255.0).zip(item.arg(1));
            }
            "down_timer_adverts" => {
                self.down_multiplier = context.number(item, 1..=100).unwrap_or(self.down_multiplier);
            }
            "authentication" => {
                for item in item.items() {
                    match item.keyword() {
                        "auth_type" => self.auth_type = context.needs(item),
                        "auth_pass" => self.password = context.needs(item).map(|word| (word, true)),
                        _ => unheeded::note(context, item),
                    }
                }
            }
            _ => return false,
        }
        true
    }

    /// How it speaks with the others.
    fn read_way(&mut self, context: &Context, item: &'i Item) -> bool {
        match item.keyword() {
            "use_vmac" => {
                let name = item.arg(1).map(|word| word.text.clone());
                self.vmac.get_or_insert_default().name = name;
            }
            "vmac_xmit_base" => self.vmac.get_or_insert_default().sends_from_base = true,
            "mcast_src_ip" | "unicast_src_ip" => {
                self.source = context.needs(item).and_then(|word| context.ip(word))
            }
            "track_src_ip" => self.track_source = true,
            "mcast_dst_ip" => {
                let Some(word) = context.needs(item) else { return true };
                self.group = context.ip(word);
                if self.group.is_some_and(|group| !group.is_multicast()) {
                    context.error(word, format!("{} is no multicast group", word.text));
                }
            }
            "unicast_peer" => {
                let peers = item.items().iter().filter_map(|item| peer(context, item));
                let own = item.args().iter().filter_map(|word| Some(any_distance(context.ip(word)?)));
                let peers = own.chain(peers).collect();
                self.peers = item.words.first().map(|word| (peers, word));
            }
            "unicast_ttl" => self.unicast_ttl = context.number(item, 1..=u8::MAX),
            "old_unicast_checksum" => {
                self.old_unicast_checksum = item.arg(1).is_none_or(|word| word.text != "never");
            }
            "v3_checksum_as_v2" => self.checksum_as_v2 = context.switch(item),
            // A source that is no peer is never believed.
            "check_unicast_src" => drop(context.switch(item)),
            _ => return false,
        }
        true
    }

    fn read_belongings(&mut self, context: &Context, item: &'i Item) -> bool {
        match item.keyword() {
            "virtual_ipaddress" => self.address_items.push((item, false)),
            "virtual_ipaddress_excluded" => self.address_items.push((item, true)),
            "virtual_routes" => self.routes.extend(routes::read_routes(context, item)),
            "virtual_rules" => self.rules.extend(routes::read_rules(context, item)),
            "promote_secondaries" => self.promote_secondaries = true,
            "dont_track_primary" => self.dont_track_primary = true,
            "lvs_sync_daemon_interface" => self.sync_daemon_interface = context.text(item),
            _ => return false,
        }
        true
    }

    fn read_policy(&mut self, context: &Context, item: &'i Item) -> bool {
        match item.keyword() {
            "nopreempt" => self.no_preempt = item.words.first(),
            "preempt" => self.no_preempt = None,
            "preempt_delay" => {
                self.preempt_delay = context.seconds(item, 0.0..=1000.0).zip(item.words.first());
            }
            "lower_prio_no_advert" => self.lower_prio_no_advert = context.switch(item),
            // A Master that gives way says so in any case.
            "higher_prio_send_advert" => drop(context.switch(item)),
            "owner_ignore_adverts" => self.owner_ignore_adverts = context.switch(item),
            "accept" => self.accept = Some(context.switch(item)),
            "no_accept" => self.accept = Some(!context.switch(item)),
            "strict_mode" => self.strict = context.switch(item),
            "smtp_alert" => self.mail = context.switch(item),
            "no_virtual_ipaddress" => {}
            _ => return false,
        }
        true
    }

    /// Puts it together, once all of it is known.
    fn finish(mut self, context: &Context, name: &Word, globals: &Globals) -> Option<Instance> {
        let (interface, vrid) = (self.interface.clone(), self.vrid);
        for (keyword, is_there) in [("interface", interface.is_some()), ("virtual_router_id", vrid.is_some())]
        {
            if !is_there {
                context.error(name, format!("{} has no {keyword}, or none that can be", name.text));
            }
        }
        let (addresses, excluded) = self.addresses(context, name, interface.as_deref().unwrap_or_default());
        let (interface, vrid) = (interface?, Vrid::new(vrid?).ok()?);
        let is_ipv6 = addresses.first().map_or(self.native_ipv6, |entry| entry.address.ip().is_ipv6());
        let version = self.decide_version(is_ipv6);
        let priority = self.priority.unwrap_or(if self.is_master() { 255 } else { 100 });
        let interval = self.decide_interval(context, version);
        let auth = self.decide_auth(context, version);
        let preempt = self.decide_preempt(context, priority);
        let peers = self.decide_peers(context, is_ipv6);
        let group =
            self.group.unwrap_or(if is_ipv6 { globals.group_v6.into() } else { globals.group_v4.into() });
        for ip in self.source.into_iter().chain([group]).chain(peers.iter().map(|peer| peer.address)) {
            if ip.is_ipv6() != is_ipv6 {
                context.error(name, format!("{ip} is of the other family than {}'s addresses", name.text));
            }
        }
        Some(Instance {
            name: name.text.clone(),
            interface,
            vrid,
            is_ipv6,
            initial: self.initial.map(|(state, _)| state),
            priority: Priority::new(priority),
            version,
            interval,
            down_multiplier: self.down_multiplier,
            auth,
            source: self.source,
            track_source: self.track_source,
            group,
            peers,
            unicast_ttl: self.unicast_ttl,
            addresses,
            excluded,
            preempt,
            announcements: announcements(self.garp, globals.announcement_gap, self.strict),
            lower_prio_no_advert: self.lower_prio_no_advert || self.strict,
            owner_ignore_adverts: self.owner_ignore_adverts || self.strict,
            accept: self.accept.unwrap_or(!self.strict),
            checksum: match (self.checksum_as_v2, self.old_unicast_checksum) {
                (true, _) => Checksum::MessageOnly,
                (false, true) => Checksum::OldUnicast,
                (false, false) => Checksum::PseudoHeader,
            },
            accept_checksum: AcceptChecksum::Either,
            promote_secondaries: self.promote_secondaries,
            dont_track_primary: self.dont_track_primary,
            vmac: self.vmac,
            routes: self.routes,
            rules: self.rules,
            track: self.track,
            notify: self.notify,
            mail: self.mail,
            sync_daemon_interface: self.sync_daemon_interface,
        })
    }

    fn is_master(&self) -> bool {
        matches!(self.initial, Some((State::Master, _)))
    }

    /// The addresses that are advertised, and those that are not. Of the latter's kind are those that an advertisement has no room
    /// for.
    fn addresses(
        &mut self,
        context: &Context,
        name: &Word,
        interface: &str,
    ) -> (Vec<AddressEntry>, Vec<AddressEntry>) {
        let (mut advertised, mut excluded) = (Vec::<AddressEntry>::new(), Vec::new());
        let items = std::mem::take(&mut self.address_items);
        // What is wrong with those that are there has been said.
        let has_some = items.iter().any(|(_, is_excluded)| !is_excluded);
        for (item, is_excluded) in items {
            for (entry, word) in addresses::read_list(context, item, interface) {
                let is_other = advertised
                    .first()
                    .is_some_and(|first| first.address.ip().is_ipv6() != entry.address.ip().is_ipv6());
                if is_excluded {
                    excluded.push(entry);
                } else if is_other {
                    let message = format!(
                        "{} is of the other family than the first: put it into virtual_ipaddress_excluded",
                        entry.address.ip()
                    );
                    context.error(word, message);
                } else if advertised.len() >= MOST_ADVERTISED {
                    context.warn(word, format!("an advertisement has room for {MOST_ADVERTISED} addresses: this one is held and not advertised"));
                    excluded.push(entry);
                } else {
                    advertised.push(entry);
                }
            }
        }
        if advertised.is_empty() && !has_some {
            context.error(
                name,
                format!("{} has no virtual_ipaddress: an advertisement needs at least one", name.text),
            );
        }
        (advertised, excluded)
    }

    /// Version 2 knows no IPv6.
    fn decide_version(&self, is_ipv6: bool) -> Version {
        if is_ipv6 { Version::V3 } else { self.version }
    }

    /// Version 2 has whole seconds, version 3 hundredths up to 40.95 s. keepalived rounds.
    fn decide_interval(&self, context: &Context, version: Version) -> AdvertInterval {
        let Some((wanted, word)) = self.interval else { return AdvertInterval::DEFAULT };
        let rounded = match version {
            Version::V2 => {
                let seconds = (wanted.as_secs_f64().round() as u64).clamp(1, 255);
                AdvertInterval::from_secs(u8::try_from(seconds).unwrap_or(u8::MAX))
            }
            Version::V3 => {
                let centis = (wanted.as_secs_f64() * 100.0).round().clamp(1.0, 4095.0);
                AdvertInterval::from_centis(centis as u16)
            }
        };
        let interval = rounded.unwrap_or(AdvertInterval::DEFAULT);
        if interval.as_duration() != wanted {
            let given = interval.as_duration();
            context.warn(
                word,
                format!(
                    "advert_int {} is no interval of version {}: it is {given:?}",
                    word.text,
                    version.get()
                ),
            );
        }
        interval
    }

    fn decide_auth(&self, context: &Context, version: Version) -> Auth {
        let Some(kind) = self.auth_type else { return Auth::None };
        if version == Version::V3 || self.strict {
            context.warn(kind, "version 3 and strict mode know no authentication: there is none".into());
            return Auth::None;
        }
        if kind.text == "NONE" || kind.text == "none" {
            return Auth::None;
        }
        let Some((word, _)) = self.password else {
            context.error(kind, "there is no auth_pass".into());
            return Auth::None;
        };
        let bytes = word.text.as_bytes();
        let cut = bytes.get(..8).unwrap_or(bytes);
        if cut.len() < bytes.len() {
            context.warn(word, "auth_pass is longer than 8 characters: only the first 8 count".into());
        }
        match kind.text.as_str() {
            "PASS" | "pass" => match Password::new(cut) {
                Ok(password) => Auth::Password(password),
                Err(error) => {
                    context.error(word, error.to_string());
                    Auth::None
                }
            },
            "AH" | "ah" => {
                let text = String::from_utf8_lossy(cut).into_owned();
                if let Err(error) = AhKey::new(&text) {
                    context.error(word, error.to_string());
                }
                Auth::Header(text)
            }
            other => {
                context.error(kind, format!("auth_type {other}: PASS or AH"));
                Auth::None
            }
        }
    }

    fn decide_preempt(&self, context: &Context, priority: u8) -> Preempt {
        let is_owner = priority == 255;
        match (self.no_preempt, self.preempt_delay) {
            (Some(word), _) if self.is_master() || is_owner => {
                context.warn(
                    word,
                    "nopreempt is for instances of state BACKUP and no owners: it has no effect".into(),
                );
                Preempt::Allow
            }
            (Some(_), Some((_, word))) => {
                context.warn(word, "preempt_delay has no effect with nopreempt".into());
                Preempt::Forbid
            }
            (Some(_), None) => Preempt::Forbid,
            (None, Some((_, word))) if self.is_master() || self.strict => {
                context.warn(word, "preempt_delay is for instances of state BACKUP and not for strict mode: it has no effect".into());
                Preempt::Allow
            }
            (None, Some((delay, _))) => Preempt::Delay(delay),
            (None, None) => Preempt::Allow,
        }
    }

    fn decide_peers(&mut self, context: &Context, is_ipv6: bool) -> Vec<UnicastPeer> {
        let Some((peers, word)) = self.peers.take() else { return Vec::new() };
        if peers.is_empty() {
            context.warn(word, "there is no peer: advertisements go to the group".into());
        }
        if self.strict && !peers.is_empty() {
            context.error(word, "strict mode knows no unicast".into());
        }
        let mut kept: Vec<UnicastPeer> = Vec::new();
        for peer in peers {
            if peer.address.is_ipv6() != is_ipv6 {
                context.error(word, format!("peer {} is of the other family", peer.address));
            } else if kept.iter().any(|other| other.address == peer.address) {
                context.warn(word, format!("peer {} is there twice: once is enough", peer.address));
            } else {
                kept.push(peer);
            }
        }
        kept
    }
}

/// A peer that may be any number of routers away, as keepalived takes them.
fn any_distance(address: IpAddr) -> UnicastPeer {
    UnicastPeer { address, hop_limits: 0..=u8::MAX }
}

/// `IP [min_ttl N] [max_ttl N]`.
fn peer(context: &Context, item: &Item) -> Option<UnicastPeer> {
    let mut peer = any_distance(context.ip(item.words.first()?)?);
    let mut rest = item.args().iter();
    while let Some(word) = rest.next() {
        let value = rest.next().and_then(|value| context.number_of(&word.text, value, 0..=u8::MAX))?;
        match word.text.as_str() {
            "min_ttl" => peer.hop_limits = value..=*peer.hop_limits.end(),
            "max_ttl" => peer.hop_limits = *peer.hop_limits.start()..=value,
            other => context.error(word, format!("{other}: a peer may be followed by min_ttl and max_ttl")),
        }
    }
    Some(peer)
}

fn announcements(garp: Garp, gap: Duration, is_strict: bool) -> Announcements {
    let again = |delay: Duration| (!delay.is_zero()).then_some(delay);
    let lower_repeat = if is_strict { 0 } else { garp.lower_prio_repeat.unwrap_or(garp.repeat) };
    Announcements::default()
        .on_master(garp.repeat, again(garp.delay))
        .on_worse_master(lower_repeat, again(garp.lower_prio_delay.unwrap_or(garp.delay)))
        .refresh(garp.refresh, garp.refresh_repeat)
        .gap(gap)
}

/// Reads who is told; returns whether the item is about that.
pub(super) fn read_notify(context: &Context, item: &Item, notify: &mut Notify, defaults: &Defaults) -> bool {
    let command = || context.command(item, defaults.script_user);
    match item.keyword() {
        "notify_master" => notify.master = command(),
        "notify_backup" => notify.backup = command(),
        "notify_fault" => notify.fault = command(),
        "notify_stop" => notify.stop = command(),
        "notify_deleted" => notify.deleted = command(),
        "notify_master_rx_lower_pri" => notify.master_rx_lower_pri = command(),
        "notify" => notify.any = command(),
        "notify_priority_changes" => notify.priority_changes = context.switch(item),
        _ => return false,
    }
    true
}

const MOST_ADVERTISED: usize = 255;
