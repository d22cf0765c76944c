//! Routes of the configuration, on the interfaces there are now.

use failover_examples::keepalived_conf::model::{RouteEntry, RouteHop};
use vip_netlink::{NextHop, Picture, Route};

/// Says it with the interfaces' numbers; an error is that one is not there, or that the kernel would not take it.
pub(crate) fn resolve(entry: &RouteEntry, picture: &Picture) -> Result<Route, String> {
    let find =
        |name: &str| picture.interface_named(name).ok_or_else(|| format!("there is no interface {name}"));
    let mut route = Route::to(entry.destination).kind(entry.kind);
    match &entry.hops[..] {
        [] => {}
        [RouteHop { gateway, interface, onlink, .. }] => {
            if let Some(gateway) = gateway {
                route = route.gateway(*gateway);
            }
            if let Some(name) = interface {
                route = route.interface(find(name)?);
            }
            if *onlink {
                route = route.onlink();
            }
        }
        hops => {
            let hops = hops.iter().map(|hop| next_hop(hop, &find)).collect::<Result<Vec<_>, _>>()?;
            route = route.next_hops(hops);
        }
    }
    if let Some(source) = entry.source {
        route = route.source(source);
    }
    if let Some(table) = entry.table {
        route = route.table(table);
    }
    if let Some(metric) = entry.metric {
        route = route.metric(metric);
    }
    if let Some(scope) = entry.scope {
        route = route.scope(scope);
    }
    if let Some(tos) = entry.tos {
        route = route.tos(tos);
    }
    if let Some(preference) = entry.preference {
        route = route.preference(preference);
    }
    for (metric, value, is_locked) in &entry.values {
        route = route.value(*metric, *value);
        if *is_locked {
            route = route.lock(*metric);
        }
    }
    route.build().map_err(|error| error.to_string())
}

fn next_hop<'i>(
    hop: &RouteHop,
    find: &impl Fn(&str) -> Result<&'i vip_netlink::Interface, String>,
) -> Result<NextHop, String> {
    let RouteHop { gateway, interface, weight, onlink } = hop;
    let mut next = match (gateway, interface) {
        (Some(gateway), None) => NextHop::via(*gateway),
        (None, Some(name)) => NextHop::on(find(name)?),
        (Some(gateway), Some(name)) => NextHop::via(*gateway).interface(find(name)?),
        (None, None) => return Err("a next hop has neither gateway nor interface".into()),
    };
    if *onlink {
        next = next.onlink();
    }
    Ok(next.weighing((*weight).max(1)))
}
