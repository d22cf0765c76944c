//! `global_defs`: what holds for all, and the defaults of what each instance and server may say for itself.

use std::{net::IpAddr, time::Duration};

use ipvs_netlink::Timeouts;
use vrrp_proto::Version;

use super::{
    model::{Fifo, FlushOnStop, Globals, SyncDaemon, User},
    tree::{Item, Word},
    unheeded,
    values::Context,
};

/// What an instance or a server is that does not say otherwise.
#[derive(Clone, Debug)]
pub(super) struct Defaults {
    pub(super) script_user: Option<User>,
    pub(super) interface: String,
    pub(super) version: Version,
    pub(super) garp: Garp,
    pub(super) lower_prio_no_advert: bool,
    pub(super) strict: bool,
    pub(super) down_multiplier: u8,
    pub(super) owner_ignore_adverts: bool,
    pub(super) checksum_as_v2: bool,
    pub(super) priority_changes: bool,
    pub(super) helo_name: String,
    alert: Option<bool>,
    alert_vrrp: Option<bool>,
    alert_checker: Option<bool>,
    no_checker_mails: bool,
}

/// When addresses are announced.
#[derive(Clone, Copy, Debug)]
pub(super) struct Garp {
    pub(super) delay: Duration,
    pub(super) repeat: u8,
    pub(super) refresh: Duration,
    pub(super) refresh_repeat: u8,
    pub(super) lower_prio_delay: Option<Duration>,
    pub(super) lower_prio_repeat: Option<u8>,
}

impl Defaults {
    pub(super) fn new(context: &Context) -> Self {
        let found =
            context.environment.may_look_around.then(|| nix::unistd::User::from_name("keepalived_script"));
        let found = found.and_then(Result::ok).flatten();
        Self {
            script_user: found.map(|user| User { uid: user.uid.as_raw(), gid: user.gid.as_raw() }),
            interface: "eth0".into(),
            version: Version::V2,
            garp: Garp {
                delay: Duration::from_secs(5),
                repeat: 5,
                refresh: Duration::ZERO,
                refresh_repeat: 1,
                lower_prio_delay: None,
                lower_prio_repeat: None,
            },
            lower_prio_no_advert: false,
            strict: false,
            down_multiplier: 3,
            owner_ignore_adverts: false,
            checksum_as_v2: false,
            priority_changes: false,
            helo_name: context.environment.host_name.clone(),
            alert: None,
            alert_vrrp: None,
            alert_checker: None,
            no_checker_mails: false,
        }
    }

    /// Whether instances and groups mail: not, unless they or the file say so.
    pub(super) fn vrrp_mails(&self) -> bool {
        self.alert_vrrp.or(self.alert).unwrap_or(false)
    }

    /// Whether virtual servers mail.
    pub(super) fn server_mails(&self) -> bool {
        !self.no_checker_mails && self.alert_checker.or(self.alert).unwrap_or(false)
    }

    /// Whether real servers mail: they do, unless the file says otherwise.
    pub(super) fn real_server_mails(&self) -> bool {
        !self.no_checker_mails && self.alert_checker.or(self.alert).unwrap_or(true)
    }
}

pub(super) fn read(context: &Context, block: &Item, globals: &mut Globals, defaults: &mut Defaults) {
    for item in block.items() {
        let is_known = read_mail(context, item, globals, defaults)
            || read_vrrp(context, item, globals, defaults)
            || read_garp(context, item, globals, defaults)
            || read_lvs(context, item, globals)
            || read_operation(context, item, globals, defaults);
        if !is_known {
            unheeded::note(context, item);
        }
    }
}

/// Fills in what depends on the host.
pub(super) fn finish(context: &Context, globals: &mut Globals, defaults: &mut Defaults) {
    let host = &context.environment.host_name;
    if globals.router_id.is_empty() {
        globals.router_id.clone_from(host);
    }
    let mail = &mut globals.mail;
    if mail.from.is_empty() {
        mail.from = format!("keepalived@{host}");
    }
    if mail.helo_name.is_empty() {
        mail.helo_name.clone_from(host);
    }
    defaults.helo_name.clone_from(&mail.helo_name);
}

fn read_mail(context: &Context, item: &Item, globals: &mut Globals, defaults: &mut Defaults) -> bool {
    let mail = &mut globals.mail;
    match item.keyword() {
        "notification_email" => {
            for word in item.listed() {
                mail.to.push(address(context, word));
            }
        }
        "notification_email_from" => {
            mail.from = context.needs(item).map(|word| address(context, word)).unwrap_or_default()
        }
        "smtp_server" => {
            let port = match item.arg(2) {
                Some(word) => context.number_of("port", word, 1..=u16::MAX).unwrap_or(25),
                None => 25,
            };
            mail.server = context.text(item).map(|server| (server, port));
        }
        "smtp_helo_name" => mail.helo_name = context.text(item).unwrap_or_default(),
        "smtp_connect_timeout" => {
            if let Some(timeout) = context.seconds(item, 1.0..=3600.0) {
                mail.timeout = timeout;
            }
        }
        "smtp_alert" => defaults.alert = Some(context.switch(item)),
        "smtp_alert_vrrp" => defaults.alert_vrrp = Some(context.switch(item)),
        "smtp_alert_checker" => defaults.alert_checker = Some(context.switch(item)),
        "no_email_faults" => mail.no_faults = true,
        "no_checker_emails" => defaults.no_checker_mails = true,
        "router_id" => globals.router_id = context.text(item).unwrap_or_default(),
        _ => return false,
    }
    true
}

/// A mail address; one without a host is this host's.
fn address(context: &Context, word: &Word) -> String {
    match word.text.contains('@') {
        true => word.text.clone(),
        false => format!("{}@{}", word.text, context.environment.host_name),
    }
}

fn read_vrrp(context: &Context, item: &Item, globals: &mut Globals, defaults: &mut Defaults) -> bool {
    match item.keyword() {
        "vrrp_mcast_group4" => match context.needs(item).and_then(|word| Some((context.ip(word)?, word))) {
            Some((IpAddr::V4(group), _)) if group.is_multicast() => globals.group_v4 = group,
            Some((_, word)) => context.error(word, format!("{} is no IPv4 multicast group", word.text)),
            None => {}
        },
        "vrrp_mcast_group6" => match context.needs(item).and_then(|word| Some((context.ip(word)?, word))) {
            Some((IpAddr::V6(group), _)) if group.is_multicast() => globals.group_v6 = group,
            Some((_, word)) => context.error(word, format!("{} is no IPv6 multicast group", word.text)),
            None => {}
        },
        "vrrp_version" => {
            if let Some(version) = version(context, item) {
                defaults.version = version;
            }
        }
        "vrrp_strict" => defaults.strict = context.switch(item),
        "vrrp_down_timer_adverts" => {
            if let Some(count) = context.number(item, 1..=100_u8) {
                defaults.down_multiplier = count;
            }
        }
        "vrrp_lower_prio_no_advert" => defaults.lower_prio_no_advert = context.switch(item),
        // A Master that gives way says so in any case.
        "vrrp_higher_prio_send_advert" => drop(context.switch(item)),
        "vrrp_owner_ignore_adverts" => defaults.owner_ignore_adverts = context.switch(item),
        "v3_checksum_as_v2" => defaults.checksum_as_v2 = context.switch(item),
        "vrrp_startup_delay" => {
            globals.startup_delay = context.seconds(item, 0.0..=1000.0).unwrap_or_default();
        }
        "vrrp_notify_priority_changes" => defaults.priority_changes = context.switch(item),
        "log_unknown_vrids" => globals.log_unknown_vrids = true,
        "default_interface" => {
            if let Some(name) = context.text(item) {
                defaults.interface = name;
            }
        }
        _ => return false,
    }
    true
}

pub(super) fn version(context: &Context, item: &Item) -> Option<Version> {
    match context.number(item, 2..=3_u8)? {
        2 => Some(Version::V2),
        _ => Some(Version::V3),
    }
}

fn read_garp(context: &Context, item: &Item, globals: &mut Globals, defaults: &mut Defaults) -> bool {
    match item.keyword() {
        "vrrp_garp_interval" | "vrrp_gna_interval" => {
            let gap = context.seconds(item, 0.0..=1000.0).unwrap_or_default();
            globals.announcement_gap = globals.announcement_gap.max(gap);
        }
        "vrrp_min_garp" => {
            if context.switch(item) {
                (defaults.garp.repeat, defaults.garp.delay) = (1, Duration::ZERO);
            }
        }
        keyword => match keyword.strip_prefix("vrrp_") {
            Some(keyword) => return read_garp_setting(context, item, keyword, &mut defaults.garp),
            None => return false,
        },
    }
    true
}

/// `garp_*`: for all, or for one instance.
pub(super) fn read_garp_setting(context: &Context, item: &Item, keyword: &str, garp: &mut Garp) -> bool {
    let seconds = || context.seconds(item, 0.0..=86_400.0);
    let times = |least| context.number(item, least..=u8::MAX);
    match keyword {
        "garp_master_delay" => garp.delay = seconds().unwrap_or(garp.delay),
        "garp_master_repeat" => garp.repeat = times(1).unwrap_or(garp.repeat),
        "garp_master_refresh" => garp.refresh = seconds().unwrap_or(garp.refresh),
        "garp_master_refresh_repeat" => garp.refresh_repeat = times(1).unwrap_or(garp.refresh_repeat),
        "garp_lower_prio_delay" => garp.lower_prio_delay = seconds(),
        "garp_lower_prio_repeat" => garp.lower_prio_repeat = times(0),
        _ => return false,
    }
    true
}

fn read_lvs(context: &Context, item: &Item, globals: &mut Globals) -> bool {
    match item.keyword() {
        "lvs_timeouts" => globals.lvs_timeouts = timeouts(context, item),
        "lvs_flush" => globals.lvs_flush = true,
        "lvs_flush_on_stop" => {
            globals.lvs_flush_on_stop = match item.arg(1) {
                Some(word) if word.text == "VS" => FlushOnStop::VirtualServers,
                Some(word) => {
                    context.error(word, format!("lvs_flush_on_stop {}: VS, or nothing", word.text));
                    FlushOnStop::All
                }
                None => FlushOnStop::All,
            }
        }
        "lvs_sync_daemon" => globals.sync_daemon = sync_daemon(context, item),
        "rs_init_notifies" => globals.rs_init_notifies = true,
        _ => return false,
    }
    true
}

fn timeouts(context: &Context, item: &Item) -> Option<Timeouts> {
    let mut timeouts = Timeouts::UNCHANGED;
    for pair in item.args().chunks(2) {
        let [name, value] = pair else {
            context.needs(&Item { words: pair.to_vec(), block: None });
            break;
        };
        let time = context.number_of(&name.text, value, 1..=86_400_000_u32)?;
        let time = Duration::from_secs(time.into());
        let set = match name.text.as_str() {
            "tcp" => timeouts.tcp(time),
            "tcpfin" => timeouts.tcp_fin(time),
            "udp" => timeouts.udp(time),
            other => {
                context.error(name, format!("lvs_timeouts {other}: tcp, tcpfin or udp"));
                return None;
            }
        };
        match set {
            Ok(set) => timeouts = set,
            Err(error) => context.error(value, error.to_string()),
        }
    }
    Some(timeouts)
}

fn sync_daemon(context: &Context, item: &Item) -> Option<SyncDaemon> {
    let mut daemon = SyncDaemon {
        interface: context.text(item)?,
        instance: None,
        id: 0,
        max_len: None,
        port: None,
        ttl: None,
        group: None,
    };
    let mut rest = item.args().iter().skip(1).peekable();
    if let Some(word) =
        rest.next_if(|word| !["id", "maxlen", "port", "ttl", "group"].contains(&word.text.as_str()))
    {
        daemon.instance = Some(word.text.clone());
    }
    while let Some(name) = rest.next() {
        let Some(value) = rest.next() else {
            context.error(name, format!("{} needs a value", name.text));
            break;
        };
        match name.text.as_str() {
            "id" => daemon.id = context.number_of("id", value, 0..=u8::MAX).unwrap_or_default(),
            "maxlen" => daemon.max_len = context.number_of("maxlen", value, 1..=65_507_u16),
            "port" => daemon.port = context.number_of("port", value, 1..=u16::MAX),
            "ttl" => daemon.ttl = context.number_of("ttl", value, 1..=u8::MAX),
            "group" => daemon.group = context.ip(value),
            other => context.error(name, format!("lvs_sync_daemon {other}: id, maxlen, port, ttl or group")),
        }
    }
    Some(daemon)
}

fn read_operation(context: &Context, item: &Item, globals: &mut Globals, defaults: &mut Defaults) -> bool {
    match item.keyword() {
        "script_user" => {
            if let Some(user) = context.needs(item) {
                defaults.script_user = context.user(user, item.arg(2));
            }
        }
        "enable_script_security" => globals.script_security = true,
        "startup_script" => {
            let timeout = globals.startup_script.take().and_then(|(_, timeout)| timeout);
            globals.startup_script =
                context.command(item, defaults.script_user).map(|command| (command, timeout));
        }
        "startup_script_timeout" => {
            let timeout = context.seconds(item, 0.0..=1000.0);
            if let Some((_, place)) = &mut globals.startup_script {
                *place = timeout;
            }
        }
        "shutdown_script" => {
            let timeout = globals.shutdown_script.take().and_then(|(_, timeout)| timeout);
            globals.shutdown_script =
                context.command(item, defaults.script_user).map(|command| (command, timeout));
        }
        "shutdown_script_timeout" => {
            let timeout = context.seconds(item, 0.0..=1000.0);
            if let Some((_, place)) = &mut globals.shutdown_script {
                *place = timeout;
            }
        }
        "notify_fifo" => globals.fifo = fifo(context, item, globals.fifo.take()),
        "vrrp_notify_fifo" => globals.vrrp_fifo = fifo(context, item, globals.vrrp_fifo.take()),
        "lvs_notify_fifo" => globals.lvs_fifo = fifo(context, item, globals.lvs_fifo.take()),
        "notify_fifo_script" => fifo_script(context, item, &mut globals.fifo, defaults),
        "vrrp_notify_fifo_script" => fifo_script(context, item, &mut globals.vrrp_fifo, defaults),
        "lvs_notify_fifo_script" => fifo_script(context, item, &mut globals.lvs_fifo, defaults),
        "fifo_write_vrrp_states_on_reload" => globals.fifo_states_on_reload = true,
        _ => return false,
    }
    true
}

fn fifo(context: &Context, item: &Item, former: Option<Fifo>) -> Option<Fifo> {
    let path = context.text(item)?.into();
    let user = item.arg(2).and_then(|user| context.user(user, item.arg(3)));
    Some(Fifo { path, user, script: former.and_then(|fifo| fifo.script) })
}

fn fifo_script(context: &Context, item: &Item, fifo: &mut Option<Fifo>, defaults: &Defaults) {
    let command = context.command(item, defaults.script_user);
    match (fifo, item.words.first()) {
        (Some(fifo), _) => fifo.script = command,
        (None, Some(word)) => context.error(word, "the FIFO has to be named before its script".into()),
        (None, None) => {}
    }
}
