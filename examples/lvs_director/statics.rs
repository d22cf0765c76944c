//! What is there as long as this program runs: static addresses, routes and rules. What somebody takes away comes back.

use failover_examples::keepalived_conf::model::Config;
use vip_netlink::{Batch, Change, ErrorKind, Netlink, Picture};

use crate::{log, routes};

/// Puts all of it where it belongs. What is there already costs a look.
pub(crate) fn put(netlink: &mut Netlink, picture: &Picture, config: &Config) {
    let mut batch = Batch::new();
    for entry in &config.static_addresses {
        if let Some(interface) = picture.interface_named(&entry.interface) {
            batch.add(interface, entry.address);
        }
    }
    for entry in &config.static_routes {
        match routes::resolve(entry, picture) {
            Ok(route) => drop(batch.add_route(&route)),
            Err(error) => log::warn("static_routes", error),
        }
    }
    for entry in &config.static_rules {
        batch.add_rule(&entry.rule);
    }
    carry_out(netlink, &batch, "static entries");
}

/// Takes away what a configuration had and another has not.
pub(crate) fn take_away(netlink: &mut Netlink, picture: &Picture, old: &Config, new: &Config) {
    let mut batch = Batch::new();
    for entry in old.static_rules.iter().filter(|entry| !new.static_rules.contains(entry)) {
        batch.remove_rule(&entry.rule);
    }
    for entry in old.static_routes.iter().filter(|entry| !new.static_routes.contains(entry)) {
        if let Ok(route) = routes::resolve(entry, picture) {
            batch.remove_route(&route);
        }
    }
    for entry in old.static_addresses.iter().filter(|entry| !new.static_addresses.contains(entry)) {
        if let Some(interface) = picture.interface_named(&entry.interface) {
            batch.remove(interface, entry.address);
        }
    }
    carry_out(netlink, &batch, "static entries");
}

/// Does it, and logs what cannot be done.
pub(crate) fn carry_out(netlink: &mut Netlink, batch: &Batch, whose: &str) -> bool {
    if batch.is_empty() {
        return true;
    }
    let mut is_done = true;
    for result in netlink.carry_out(batch) {
        match result {
            Ok(Change::Made | Change::AlreadySo) => {}
            // An interface that went away took its addresses along.
            Err(error) if error.kind() == ErrorKind::NoSuchInterface => is_done = false,
            Err(error) => {
                is_done = false;
                log::error(whose, error);
            }
        }
    }
    is_done
}
