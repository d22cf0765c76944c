//! Entries of `virtual_routes` and `static_routes`, `virtual_rules` and `static_rules`: the language of `ip route` and `ip rule`.

use std::net::IpAddr;

use vip_netlink::{Action, Metric, Prefix, RouteKind, RoutePreference, Rule, RuleBuilder, Table};

use super::{
    addresses::scope,
    model::{Config, RouteEntry, RouteHop, RuleEntry},
    tree::{Item, Word},
    values::Context,
};

pub(super) fn read_static(context: &Context, item: &Item, config: &mut Config) {
    match item.keyword() {
        "static_routes" => config.static_routes.extend(read_routes(context, item)),
        "static_rules" => config.static_rules.extend(read_rules(context, item)),
        _ => {}
    }
}

pub(super) fn read_routes(context: &Context, block: &Item) -> Vec<RouteEntry> {
    lines(block).filter_map(|words| read_route(context, words)).collect()
}

pub(super) fn read_rules(context: &Context, block: &Item) -> Vec<RuleEntry> {
    lines(block).filter_map(|words| read_rule(context, words)).collect()
}

fn lines(block: &Item) -> impl Iterator<Item = &[Word]> {
    let own = std::iter::once(block.args());
    own.chain(block.items().iter().map(|item| &item.words[..])).filter(|words| !words.is_empty())
}

/// `[KIND] [to] PREFIX [via IP] [dev IF] [src IP] [table T] [metric N] ...`, and the old `IP1 or IP2` for two gateways.
fn read_route(context: &Context, words: &[Word]) -> Option<RouteEntry> {
    let mut rest = words.iter().peekable();
    // `src IP DESTINATION` comes first in old files.
    let mut source = None;
    if rest.next_if(|word| word.text == "src").is_some() {
        source = context.ip(rest.next()?);
    }
    let kind = rest.peek().and_then(|word| kind(&word.text));
    if kind.is_some() {
        rest.next();
    }
    rest.next_if(|word| word.text == "to");
    let first = words.first()?;
    let Some(destination) = rest.next() else {
        context.error(first, "a route needs a destination".into());
        return None;
    };
    let is_v6 = words.iter().any(|word| word.text.contains(':'));
    let mut entry = RouteEntry {
        destination: prefix(context, destination, is_v6)?,
        kind: kind.unwrap_or(RouteKind::Unicast),
        hops: Vec::new(),
        source,
        table: None,
        metric: None,
        scope: None,
        tos: None,
        values: Vec::new(),
        preference: None,
        no_track: false,
    };
    let mut plain = RouteHop { weight: 1, ..RouteHop::default() };
    let mut in_hops = false;
    while let Some(word) = rest.next() {
        let hop = if in_hops { entry.hops.last_mut()? } else { &mut plain };
        match word.text.as_str() {
            "nexthop" => {
                entry.hops.push(RouteHop { weight: 1, ..RouteHop::default() });
                in_hops = true;
                continue;
            }
            "onlink" => hop.onlink = true,
            "no_track" => entry.no_track = true,
            name => {
                let Some(value) = value_of(&mut rest, name) else {
                    context.error(word, format!("{name} needs a value"));
                    return None;
                };
                match name {
                    "via" | "gw" | "gateway" => hop.gateway = context.ip(value),
                    "or" => {
                        entry.hops = vec![
                            plain.clone(),
                            RouteHop { gateway: context.ip(value), weight: 1, ..RouteHop::default() },
                        ];
                    }
                    "dev" | "oif" => hop.interface = Some(value.text.clone()),
                    "weight" => hop.weight = context.number_of(name, value, 1..=256_u16).unwrap_or(1),
                    _ => set_route(context, &mut entry, word, value),
                }
            }
        }
    }
    if entry.hops.is_empty() && (plain.gateway.is_some() || plain.interface.is_some()) {
        entry.hops.push(plain);
    }
    if entry.hops.is_empty() && entry.kind == RouteKind::Unicast {
        context.error(first, "a route needs a gateway (via) or an interface (dev)".into());
        return None;
    }
    Some(entry)
}

/// The word behind a name, and behind `lock` where that is said.
fn value_of<'w>(rest: &mut impl Iterator<Item = &'w Word>, name: &str) -> Option<&'w Word> {
    let value = rest.next()?;
    match (name, value.text.as_str()) {
        ("via", "inet" | "inet6") => rest.next(),
        _ => Some(value),
    }
}

fn set_route(context: &Context, entry: &mut RouteEntry, name: &Word, value: &Word) {
    let number = || context.number_of(&name.text, value, 0..=u32::MAX);
    let metric = match name.text.as_str() {
        "mtu" => Some(Metric::Mtu),
        "window" => Some(Metric::Window),
        "advmss" => Some(Metric::AdvertisedMss),
        "reordering" => Some(Metric::Reordering),
        "hoplimit" => Some(Metric::HopLimit),
        "initcwnd" => Some(Metric::InitialWindow),
        "rto_min" => Some(Metric::MinimumRto),
        "initrwnd" => Some(Metric::InitialReceiveWindow),
        "quickack" => Some(Metric::QuickAck),
        _ => None,
    };
    if let Some(metric) = metric {
        entry.values.extend(number().map(|number| (metric, number, false)));
        return;
    }
    match name.text.as_str() {
        "src" => entry.source = context.ip(value),
        "table" => entry.table = table(context, value),
        "metric" | "priority" | "preference" => entry.metric = number(),
        "scope" => entry.scope = scope(context, value),
        "tos" | "dsfield" => entry.tos = hex_byte(context, name, value),
        "pref" => {
            entry.preference = match value.text.as_str() {
                "low" => Some(RoutePreference::Low),
                "medium" => Some(RoutePreference::Medium),
                "high" => Some(RoutePreference::High),
                other => {
                    context.error(value, format!("pref {other}: low, medium or high"));
                    None
                }
            };
        }
        other => context.warn(name, format!("{other} has no effect here: it is left out")),
    }
}

fn kind(text: &str) -> Option<RouteKind> {
    Some(match text {
        "unicast" => RouteKind::Unicast,
        "local" => RouteKind::Local,
        "broadcast" => RouteKind::Broadcast,
        "anycast" => RouteKind::Anycast,
        "multicast" => RouteKind::Multicast,
        "blackhole" => RouteKind::Blackhole,
        "unreachable" => RouteKind::Unreachable,
        "prohibit" => RouteKind::Prohibit,
        "throw" => RouteKind::Throw,
        _ => return None,
    })
}

fn prefix(context: &Context, word: &Word, is_v6: bool) -> Option<Prefix> {
    let text = match word.text.as_str() {
        "default" | "all" if is_v6 => return Some(Prefix::ALL_IPV6),
        "default" | "all" => return Some(Prefix::ALL_IPV4),
        text if text.contains('/') => text.to_owned(),
        text => format!("{text}/{}", if text.contains(':') { 128 } else { 32 }),
    };
    match text.parse::<Prefix>() {
        Ok(prefix) => Some(prefix),
        // Host bits are no part of it.
        Err(error) => match without_host_bits(&text) {
            Some(prefix) => Some(prefix),
            None => {
                context.error(word, format!("{}: {error}", word.text));
                None
            }
        },
    }
}

fn without_host_bits(text: &str) -> Option<Prefix> {
    let (ip, length) = text.split_once('/')?;
    let length: u8 = length.parse().ok()?;
    let ip: IpAddr = match ip.parse().ok()? {
        IpAddr::V4(ip) => {
            let mask = u32::MAX.checked_shl(32_u32.checked_sub(length.into())?).unwrap_or(0);
            std::net::Ipv4Addr::from_bits(ip.to_bits() & mask).into()
        }
        IpAddr::V6(ip) => {
            let mask = u128::MAX.checked_shl(128_u32.checked_sub(length.into())?).unwrap_or(0);
            std::net::Ipv6Addr::from_bits(ip.to_bits() & mask).into()
        }
    };
    Prefix::new(ip, length).ok()
}

fn table(context: &Context, word: &Word) -> Option<Table> {
    match word.text.as_str() {
        "main" => Some(Table::MAIN),
        "default" => Some(Table::DEFAULT),
        "local" => Some(Table::LOCAL),
        _ => match Table::new(context.number_of("table", word, 1..=u32::MAX)?) {
            Ok(table) => Some(table),
            Err(error) => {
                context.error(word, error.to_string());
                None
            }
        },
    }
}

fn hex_byte(context: &Context, name: &Word, word: &Word) -> Option<u8> {
    match word.text.strip_prefix("0x").map(|digits| u8::from_str_radix(digits, 16)) {
        Some(Ok(byte)) => Some(byte),
        _ => context.number_of(&name.text, word, 0..=u8::MAX),
    }
}

/// `[not] [from P] [to P] [iif IF] [oif IF] [fwmark N[/M]] [tos N] [priority N] table T | goto N | blackhole | ...`.
fn read_rule(context: &Context, words: &[Word]) -> Option<RuleEntry> {
    let is_v6 = words.iter().any(|word| word.text.contains(':') || word.text == "inet6" || word.text == "-6");
    let first = words.first()?;
    let (mut priority, mut action, mut no_track) = (None, None, false);
    let mut parts: Vec<Box<dyn Fn(RuleBuilder) -> RuleBuilder>> = Vec::new();
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        match word.text.as_str() {
            "not" => parts.push(Box::new(RuleBuilder::inverted)),
            "no_track" => no_track = true,
            "inet" | "inet6" | "-4" | "-6" | "l3mdev" => {}
            "blackhole" => action = Some(Action::Blackhole),
            "unreachable" => action = Some(Action::Unreachable),
            "prohibit" => action = Some(Action::Prohibit),
            name => {
                let Some(value) = rest.next() else {
                    context.error(word, format!("{name} needs a value"));
                    return None;
                };
                match name {
                    "priority" | "preference" | "pref" | "order" => {
                        priority = context.number_of(name, value, 0..=u32::MAX);
                    }
                    "table" | "lookup" => action = table(context, value).map(Action::Lookup),
                    "goto" => action = context.number_of(name, value, 1..=u32::MAX).map(Action::Goto),
                    "type" => {}
                    _ => parts.extend(selector(context, word, value, is_v6)),
                }
            }
        }
    }
    let Some(action) = action else {
        context.error(
            first,
            "a rule needs something to do: a table, goto, blackhole, unreachable or prohibit".into(),
        );
        return None;
    };
    let priority = priority.unwrap_or_else(|| {
        let next = context.next_priority.replace(context.next_priority.get().saturating_sub(1));
        context.warn(first, format!("the rule has no priority: it gets {next}"));
        next
    });
    let mut builder = if is_v6 { Rule::ipv6(priority, action) } else { Rule::ipv4(priority, action) };
    for part in parts {
        builder = part(builder);
    }
    match builder.build() {
        Ok(rule) => Some(RuleEntry { rule, no_track }),
        Err(error) => {
            context.error(first, error.to_string());
            None
        }
    }
}

type Selector = Box<dyn Fn(RuleBuilder) -> RuleBuilder>;

fn selector(context: &Context, name: &Word, value: &Word, is_v6: bool) -> Option<Selector> {
    Some(match name.text.as_str() {
        "from" | "to" => {
            let (prefix, is_from) = (prefix(context, value, is_v6)?, name.text == "from");
            Box::new(move |rule| if is_from { rule.from(prefix) } else { rule.to(prefix) })
        }
        "iif" | "dev" => {
            let interface = value.text.clone();
            Box::new(move |rule| rule.incoming(&interface))
        }
        "oif" => {
            let interface = value.text.clone();
            Box::new(move |rule| rule.outgoing(&interface))
        }
        "fwmark" => {
            let (mark, mask) = value.text.split_once('/').unwrap_or((&value.text, "0xffffffff"));
            match (parse_number(mark), parse_number(mask)) {
                (Some(mark), Some(mask)) => Box::new(move |rule| rule.mark(mark, mask)),
                _ => {
                    context.error(value, format!("fwmark {} is no number, or number and mask", value.text));
                    return None;
                }
            }
        }
        "tos" | "dsfield" => {
            let tos = hex_byte(context, name, value)?;
            Box::new(move |rule| rule.tos(tos))
        }
        "ipproto" => {
            let protocol = match value.text.as_str() {
                "tcp" => 6,
                "udp" => 17,
                "icmp" => 1,
                _ => context.number_of("ipproto", value, 1..=u8::MAX)?,
            };
            Box::new(move |rule| rule.protocol(protocol))
        }
        "sport" | "dport" => {
            let (low, high) = value.text.split_once('-').unwrap_or((&value.text, &value.text));
            let (Ok(low), Ok(high)) = (low.parse::<u16>(), high.parse::<u16>()) else {
                context.error(value, format!("{} {} is no port, or range of ports", name.text, value.text));
                return None;
            };
            let is_source = name.text == "sport";
            Box::new(move |rule| {
                if is_source { rule.source_ports(low..=high) } else { rule.destination_ports(low..=high) }
            })
        }
        "suppress_prefixlength" => {
            let length = context.number_of(&name.text, value, 0..=128_u8)?;
            Box::new(move |rule| rule.suppress_prefix_length(length))
        }
        other => {
            context.error(name, format!("{other} is no part of a rule that is known here"));
            return None;
        }
    })
}

fn parse_number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}
