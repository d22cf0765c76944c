//! The checkers of a real server: `TCP_CHECK`, `HTTP_GET` and the others.

use std::{net::SocketAddr, ops::RangeInclusive, time::Duration};

use healthcheck::{RecordType, presets::Keepalived};

use super::{
    globals::Defaults,
    model::{Check, CheckKind, Config, HttpCheck, HttpUrl, Tls},
    tree::Item,
    unheeded,
    values::Context,
};

/// When it is checked: what a virtual server says, a real server may say for itself, and a checker again.
#[derive(Clone, Debug, Default)]
pub(super) struct Timing {
    delay_loop: Option<Duration>,
    retry: Option<u32>,
    delay_before_retry: Option<Duration>,
    connect_timeout: Option<Duration>,
    warmup: Option<Duration>,
    alpha: Option<bool>,
}

impl Timing {
    /// Reads what is about it; returns whether the item is.
    pub(super) fn read(&mut self, context: &Context, item: &Item) -> bool {
        let seconds = |least| context.seconds(item, least..=86_400.0);
        match item.keyword() {
            "delay_loop" => self.delay_loop = seconds(0.000_001).or(self.delay_loop),
            "retry" | "nb_get_retry" | "nb_sock_retry" => {
                self.retry = context.number(item, 0..=10_000_u32).or(self.retry);
            }
            "delay_before_retry" => self.delay_before_retry = seconds(0.0).or(self.delay_before_retry),
            "connect_timeout" => self.connect_timeout = seconds(0.000_001).or(self.connect_timeout),
            "warmup" => self.warmup = seconds(0.0).or(self.warmup),
            "alpha" => self.alpha = Some(context.switch(item)),
            _ => return false,
        }
        true
    }

    fn over(&self, preset: Keepalived) -> Keepalived {
        Keepalived {
            delay_loop: self.delay_loop.unwrap_or(preset.delay_loop),
            retry: self.retry.unwrap_or(preset.retry),
            delay_before_retry: self.delay_before_retry.or(preset.delay_before_retry),
            connect_timeout: self.connect_timeout.unwrap_or(preset.connect_timeout),
            warmup: self.warmup.or(preset.warmup),
            alpha: self.alpha.unwrap_or(preset.alpha),
        }
    }
}

pub(super) fn is_checker(item: &Item) -> bool {
    let kinds = [
        "TCP_CHECK",
        "HTTP_GET",
        "SSL_GET",
        "SMTP_CHECK",
        "DNS_CHECK",
        "MISC_CHECK",
        "UDP_CHECK",
        "PING_CHECK",
        "FILE_CHECK",
    ];
    kinds.contains(&item.keyword())
}

/// What a checker takes from around it.
pub(super) struct Surroundings<'s> {
    pub(super) address: SocketAddr,
    pub(super) timing: Timing,
    pub(super) virtual_host: Option<String>,
    pub(super) client: Option<&'s Tls>,
    pub(super) config: &'s Config,
    pub(super) defaults: &'s Defaults,
}

/// Where a checker goes.
#[derive(Clone, Debug)]
struct Way {
    address: SocketAddr,
    source: Option<SocketAddr>,
    interface: Option<String>,
    mark: Option<u32>,
}

impl Way {
    fn read(&mut self, context: &Context, item: &Item) -> bool {
        match item.keyword() {
            "connect_ip" => {
                if let Some(ip) = context.needs(item).and_then(|word| context.ip(word)) {
                    self.address.set_ip(ip);
                }
            }
            "connect_port" => {
                if let Some(port) = context.number(item, 1..=u16::MAX) {
                    self.address.set_port(port);
                }
            }
            "bindto" => {
                if let Some(ip) = context.needs(item).and_then(|word| context.ip(word)) {
                    self.source = Some(SocketAddr::new(ip, self.source.map_or(0, |source| source.port())));
                }
            }
            "bind_port" => {
                if let Some(word) = item.words.first() {
                    context.warn(
                        word,
                        "checks leave from a port of the kernel's choice: bind_port has no effect".into(),
                    );
                }
            }
            "bind_if" => self.interface = context.text(item),
            "fwmark" => self.mark = context.number(item, 1..=u32::MAX),
            _ => return false,
        }
        true
    }
}

impl Surroundings<'_> {
    pub(super) fn read(&self, context: &Context, block: &Item) -> Option<Check> {
        let mut way = Way { address: self.address, source: None, interface: None, mark: None };
        let mut timing = self.timing.clone();
        let mut rest = Vec::new();
        for item in block.items() {
            let is_common =
                way.read(context, item) || timing.read(context, item) || item.is("log_all_failures");
            if item.is("host") {
                // The old way to name the server of an SMTP_CHECK.
                for item in item.items() {
                    if !way.read(context, item) {
                        unheeded::note(context, item);
                    }
                }
            } else if !is_common {
                rest.push(item);
            }
        }
        let (kind, preset) = self.kind(context, block, &rest, way.address, &mut timing)?;
        let timing = timing.over(preset);
        if let Err(error) = timing.policy() {
            context.error(block.words.first()?, error.to_string());
        }
        if way.source.is_some_and(|source| source.is_ipv6() != way.address.is_ipv6()) {
            context.error(block.words.first()?, "bindto is of the other family than the server".into());
        }
        let Way { address, source, interface, mark } = way;
        Some(Check { kind, address, source, interface, mark, timing })
    }

    fn kind(
        &self,
        context: &Context,
        block: &Item,
        rest: &[&Item],
        address: SocketAddr,
        timing: &mut Timing,
    ) -> Option<(CheckKind, Keepalived)> {
        Some(match block.keyword() {
            "TCP_CHECK" => {
                none(context, rest);
                (CheckKind::Tcp, Keepalived::TCP_CHECK)
            }
            "PING_CHECK" => {
                none(context, rest);
                (CheckKind::Ping, Keepalived::TCP_CHECK)
            }
            "HTTP_GET" => (self.http(context, block, rest, address, false)?, Keepalived::HTTP_GET),
            "SSL_GET" => (self.http(context, block, rest, address, true)?, Keepalived::HTTP_GET),
            "SMTP_CHECK" => (self.smtp(context, rest), Keepalived::TCP_CHECK),
            "DNS_CHECK" => (dns(context, rest)?, Keepalived::DNS_CHECK),
            "MISC_CHECK" => (self.misc(context, block, rest, timing)?, Keepalived::MISC_CHECK),
            "UDP_CHECK" => (udp(context, rest)?, Keepalived::TCP_CHECK),
            _ => (self.file(context, block, rest)?, Keepalived::TCP_CHECK),
        })
    }

    fn http(
        &self,
        context: &Context,
        block: &Item,
        rest: &[&Item],
        address: SocketAddr,
        is_tls: bool,
    ) -> Option<CheckKind> {
        let mut check = HttpCheck { tls: None, urls: Vec::new(), http_1_0: true, fast_recovery: false };
        let mut virtual_host = self.virtual_host.clone();
        let (mut enable_sni, mut sni) = (false, None);
        for item in rest {
            match item.keyword() {
                "url" => {}
                "virtualhost" => virtual_host = context.text(item),
                "fast_recovery" => check.fast_recovery = true,
                "enable_sni" => enable_sni = context.switch(item),
                "sni_name" => (sni, enable_sni) = (context.text(item), true),
                "http_protocol" => match context.text(item).as_deref() {
                    Some("1.0") | None => check.http_1_0 = true,
                    Some("1.0C" | "1.1") => check.http_1_0 = false,
                    Some(other) => {
                        context
                            .error(item.words.first()?, format!("http_protocol {other}: 1.0, 1.0C or 1.1"));
                    }
                },
                "tls_compliant" => {}
                _ => unheeded::note(context, item),
            }
        }
        for item in rest.iter().filter(|item| item.is("url")) {
            check.urls.extend(url(context, item, virtual_host.as_deref(), address, is_tls));
        }
        if check.urls.is_empty() {
            context.error(block.words.first()?, format!("{} has no url", block.keyword()));
        }
        if is_tls {
            let sni = enable_sni.then_some(sni.or(virtual_host)).flatten();
            check.tls = Some(Tls { sni, client: self.client.and_then(|tls| tls.client.clone()) });
        }
        Some(CheckKind::Http(Box::new(check)))
    }

    fn smtp(&self, context: &Context, rest: &[&Item]) -> CheckKind {
        let mut helo_name = self.defaults.helo_name.clone();
        for item in rest {
            match item.keyword() {
                "helo_name" => helo_name = context.text(item).unwrap_or(helo_name),
                _ => unheeded::note(context, item),
            }
        }
        CheckKind::Smtp { helo_name }
    }

    fn misc(
        &self,
        context: &Context,
        block: &Item,
        rest: &[&Item],
        timing: &mut Timing,
    ) -> Option<CheckKind> {
        let (mut path, mut dynamic, mut user) = (None, false, self.defaults.script_user);
        // Without misc_timeout a run may take until the next is due.
        timing.connect_timeout = timing.delay_loop;
        for item in rest {
            match item.keyword() {
                "misc_path" => path = context.needs(item),
                "misc_timeout" => timing.connect_timeout = context.seconds(item, 0.000_001..=86_400.0),
                "misc_dynamic" => dynamic = true,
                "user" => user = context.needs(item).and_then(|name| context.user(name, item.arg(2))),
                _ => unheeded::note(context, item),
            }
        }
        match path {
            Some(word) => Some(CheckKind::Misc { command: context.command_of(word, user)?, dynamic }),
            None => {
                context.error(block.words.first()?, "MISC_CHECK has no misc_path".into());
                None
            }
        }
    }

    fn file(&self, context: &Context, block: &Item, rest: &[&Item]) -> Option<CheckKind> {
        let (mut path, mut weight, mut reverse) = (None, 1, false);
        for item in rest {
            match item.keyword() {
                "track_file" => {
                    let name = context.needs(item)?;
                    path = self
                        .config
                        .files
                        .iter()
                        .find(|file| file.name == name.text)
                        .map(|file| file.path.clone());
                    if path.is_none() {
                        context.error(name, format!("there is no track_file {}", name.text));
                    }
                }
                "weight" => {
                    weight = context.number(item, i32::MIN..=i32::MAX).unwrap_or(1);
                    reverse = item.args().iter().any(|word| word.text == "reverse");
                }
                _ => unheeded::note(context, item),
            }
        }
        if path.is_none() {
            context.error(block.words.first()?, "FILE_CHECK has no track_file".into());
        }
        Some(CheckKind::File { path: path?, weight, reverse })
    }
}

fn none(context: &Context, rest: &[&Item]) {
    rest.iter().for_each(|item| unheeded::note(context, item));
}

fn url(
    context: &Context,
    block: &Item,
    host: Option<&str>,
    address: SocketAddr,
    is_tls: bool,
) -> Option<HttpUrl> {
    let mut url = HttpUrl {
        path: "/".into(),
        host: host.map_or_else(|| host_of(address, is_tls), str::to_owned),
        statuses: Vec::new(),
        digest: None,
        regexes: Vec::new(),
    };
    for item in block.items() {
        match item.keyword() {
            "path" => {
                let word = context.needs(item)?;
                if !word.text.starts_with('/') {
                    context.error(word, format!("path {} does not begin with /", word.text));
                }
                url.path.clone_from(&word.text);
            }
            "virtualhost" => url.host = context.text(item).unwrap_or_default(),
            "status_code" => {
                url.statuses.extend(item.args().iter().filter_map(|word| statuses(context, word)))
            }
            "digest" => url.digest = context.value(item),
            "regex" => {
                let word = context.needs(item)?;
                if let Err(error) =
                    healthcheck::Http::builder("h").regex(&word.text, healthcheck::Found::Somewhere)
                {
                    context.error(word, error.to_string());
                }
                url.regexes.push((word.text.clone(), false));
            }
            "regex_no_match" => {
                for (_, must_not) in &mut url.regexes {
                    *must_not = true;
                }
                if url.regexes.is_empty() {
                    context.warn(
                        item.words.first()?,
                        "regex_no_match is for the regex before it: there is none".into(),
                    );
                }
            }
            _ => unheeded::note(context, item),
        }
    }
    Some(url)
}

fn host_of(address: SocketAddr, is_tls: bool) -> String {
    let is_usual = address.port() == if is_tls { 443 } else { 80 };
    match (address, is_usual) {
        (SocketAddr::V4(address), true) => address.ip().to_string(),
        (SocketAddr::V6(address), true) => format!("[{}]", address.ip()),
        (address, false) => address.to_string(),
    }
}

/// `200` or `200-299`.
fn statuses(context: &Context, word: &super::tree::Word) -> Option<RangeInclusive<u16>> {
    let (low, high) = word.text.split_once('-').unwrap_or((&word.text, &word.text));
    match (low.parse(), high.parse()) {
        (Ok(low), Ok(high)) if (100..=599).contains(&low) && (low..=599).contains(&high) => Some(low..=high),
        _ => {
            context.error(
                word,
                format!("status_code {} is no status, or range of statuses: 100 to 599", word.text),
            );
            None
        }
    }
}

fn dns(context: &Context, rest: &[&Item]) -> Option<CheckKind> {
    let (mut record, mut name) = ("SOA".parse::<RecordType>().ok()?, ".".to_owned());
    for item in rest {
        match item.keyword() {
            "type" => record = context.value(item).unwrap_or(record),
            "name" => {
                let word = context.needs(item)?;
                if let Err(error) = healthcheck::Dns::new(&word.text, record) {
                    context.error(word, error.to_string());
                }
                name.clone_from(&word.text);
            }
            _ => unheeded::note(context, item),
        }
    }
    Some(CheckKind::Dns { record, name })
}

fn udp(context: &Context, rest: &[&Item]) -> Option<CheckKind> {
    let (mut payload, mut reply, mut least, mut most) = (b"healthcheck".to_vec(), None, 0, 255);
    for item in rest {
        match item.keyword() {
            "payload" => payload = hex(context, item.arg(1)?)?,
            "require_reply" => {
                reply = Some(match item.arg(1) {
                    Some(word) => hex(context, word)?,
                    None => Vec::new(),
                });
            }
            "min_reply_length" => least = context.number(item, 0..=u16::MAX).unwrap_or(0),
            "max_reply_length" => most = context.number(item, 0..=u16::MAX).unwrap_or(255),
            _ => unheeded::note(context, item),
        }
    }
    Some(CheckKind::Udp { payload, reply, reply_length: least..=most })
}

fn hex(context: &Context, word: &super::tree::Word) -> Option<Vec<u8>> {
    let digits: Vec<u8> = word.text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let bytes = digits.chunks(2).map(|pair| {
        let text = std::str::from_utf8(pair).ok().filter(|text| text.len() == 2)?;
        u8::from_str_radix(text, 16).ok()
    });
    match bytes.collect() {
        Some(bytes) => Some(bytes),
        None => {
            context.error(word, format!("{} is not made of pairs of hexadecimal digits", word.text));
            None
        }
    }
}
