//! Entries of `virtual_ipaddress`, `virtual_ipaddress_excluded` and `static_ipaddress`.

use std::net::{IpAddr, Ipv4Addr};

use vip_netlink::{Address, AddressError, Lifetime, Scope, VirtualAddress};

use super::{
    globals::Defaults,
    model::{AddressEntry, Config},
    tree::{Item, Word},
    values::Context,
};

pub(super) fn read_static(context: &Context, item: &Item, config: &mut Config, defaults: &Defaults) {
    if item.is("static_ipaddress") {
        config
            .static_addresses
            .extend(read_list(context, item, &defaults.interface).into_iter().map(|(entry, _)| entry));
    }
}

/// Reads a list of addresses, a line each; those on `interface` that name none. Each comes with its word.
pub(super) fn read_list<'i>(
    context: &Context,
    block: &'i Item,
    interface: &str,
) -> Vec<(AddressEntry, &'i Word)> {
    let own = block.args();
    let lines = block.items().iter().map(|item| &item.words[..]);
    let lines = std::iter::once(own).chain(lines).filter(|words| !words.is_empty());
    lines.filter_map(|words| Some((read_entry(context, words, interface)?, words.first()?))).collect()
}

/// `IP[/N] [brd IP|+|-] [dev IF] [scope S] [label L] [peer IP] [-nodad] [noprefixroute] [preferred_lft N] [no_track]`.
fn read_entry(context: &Context, words: &[Word], interface: &str) -> Option<AddressEntry> {
    let first = words.first()?;
    let text = if first.text.contains('/') {
        first.text.clone()
    } else if first.text.contains(':') {
        format!("{}/128", first.text)
    } else {
        format!("{}/32", first.text)
    };
    let address: Address = match text.parse() {
        Ok(address) => address,
        Err(error) => {
            context.error(first, error_text(&first.text, error));
            return None;
        }
    };
    let mut entry = AddressEntry {
        address: VirtualAddress::from(address),
        interface: interface.to_owned(),
        has_dev: false,
        no_track: false,
    };
    let mut rest = words.iter().skip(1);
    while let Some(word) = rest.next() {
        match word.text.as_str() {
            "no_track" => entry.no_track = true,
            "-nodad" => entry.address = entry.address.detect_duplicates(),
            "noprefixroute" => entry.address = entry.address.no_prefix_route(),
            "home" | "mngtmpaddr" | "autojoin" | "use_vmac" | "use-vmac" => {
                context.warn(word, format!("{} has no effect here: it is left out", word.text));
            }
            "track_group" => drop(rest.next()),
            "dev" | "brd" | "broadcast" | "scope" | "label" | "peer" | "preferred_lft" => {
                let Some(value) = rest.next() else {
                    context.error(word, format!("{} needs a value", word.text));
                    return None;
                };
                set(context, &mut entry, &word.text, value, address);
            }
            other => context.error(word, format!("{other} is no part of an address")),
        }
    }
    Some(entry)
}

fn set(context: &Context, entry: &mut AddressEntry, what: &str, value: &Word, address: Address) {
    let fails = |error: AddressError| context.error(value, error_text(&value.text, error));
    match what {
        "dev" => {
            entry.interface.clone_from(&value.text);
            entry.has_dev = true;
        }
        "brd" | "broadcast" => {
            let broadcast = broadcast(context, value, address);
            match broadcast.map(|broadcast| entry.address.broadcast(broadcast)) {
                Some(Ok(address)) => entry.address = address,
                Some(Err(error)) => fails(error),
                None => {}
            }
        }
        "scope" => {
            if let Some(scope) = scope(context, value) {
                entry.address = entry.address.scope(scope);
            }
        }
        "label" => match entry.address.label(&value.text) {
            Ok(address) => entry.address = address,
            Err(error) => fails(error),
        },
        "peer" => {
            let ip = value.text.split('/').next().and_then(|ip| ip.parse::<IpAddr>().ok());
            match ip.map(|ip| entry.address.peer(ip)) {
                Some(Ok(address)) => entry.address = address,
                Some(Err(error)) => fails(error),
                None => context.error(value, format!("{} is no IP address", value.text)),
            }
        }
        _ => {
            let lifetime = match value.text.as_str() {
                "forever" => Some(Lifetime::Forever),
                _ => context.number_of(what, value, 0..=u32::MAX).map(Lifetime::Seconds),
            };
            if let Some(lifetime) = lifetime {
                entry.address = entry.address.preferred_lifetime(lifetime);
            }
        }
    }
}

/// An address, or `+` and `-` for the one with all host bits set, or none.
fn broadcast(context: &Context, value: &Word, address: Address) -> Option<Ipv4Addr> {
    match (value.text.as_str(), address.ip()) {
        ("+", IpAddr::V4(_)) => address.subnet_broadcast(),
        ("-", IpAddr::V4(ip)) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(address.prefix_len())).unwrap_or(0);
            Some(Ipv4Addr::from_bits(ip.to_bits() & mask))
        }
        (text, _) => match text.parse() {
            Ok(ip) => Some(ip),
            Err(_) => {
                context.error(value, format!("{text} is no broadcast address"));
                None
            }
        },
    }
}

pub(super) fn scope(context: &Context, value: &Word) -> Option<Scope> {
    Some(match value.text.as_str() {
        "global" | "universe" => Scope::GLOBAL,
        "site" => Scope::SITE,
        "link" => Scope::LINK,
        "host" => Scope::HOST,
        "nowhere" => Scope::new(255),
        _ => Scope::new(context.number_of("scope", value, 0..=u8::MAX)?),
    })
}

fn error_text(text: &str, error: AddressError) -> String {
    let error = error.to_string();
    if error.contains(text) { error } else { format!("{text}: {error}") }
}
