//! How a route is put together, and what of it does not fit.

use std::net::{IpAddr, Ipv4Addr};

use super::{Metric, Metrics, NextHop, Prefix, Route, RouteKind, RoutePreference, Table};
use crate::{
    address::{Family, Scope},
    link::Interface,
};

/// A [`Route`] in the making; [`build`](Self::build) tells whether its parts fit.
#[derive(Clone, Debug)]
#[must_use]
pub struct RouteBuilder {
    destination: Prefix,
    kind: RouteKind,
    /// The one that is put together piece by piece.
    single: NextHop,
    several: Vec<NextHop>,
    source: Option<IpAddr>,
    table: Option<Table>,
    metric: Option<u32>,
    scope: Option<Scope>,
    tos: u8,
    metrics: Metrics,
    excessive: Option<(Metric, u32)>,
    preference: RoutePreference,
}

impl RouteBuilder {
    pub(super) fn new(destination: Prefix) -> Self {
        Self {
            destination,
            kind: RouteKind::Unicast,
            single: NextHop::NOWHERE,
            several: Vec::new(),
            source: None,
            table: None,
            metric: None,
            scope: None,
            tos: 0,
            metrics: Metrics::default(),
            excessive: None,
            preference: RoutePreference::default(),
        }
    }

    /// Sets what becomes of the packets.
    pub fn kind(self, kind: RouteKind) -> Self {
        Self { kind, ..self }
    }

    /// Sends them to a gateway. That of an IPv4 route may be an IPv6 address (RFC 8950).
    pub fn gateway(self, gateway: impl Into<IpAddr>) -> Self {
        Self { single: NextHop { gateway: Some(gateway.into()), ..self.single }, ..self }
    }

    /// Sends them out on an interface: to the gateway there, or, without one, to the destination itself.
    pub fn interface(self, interface: &Interface) -> Self {
        Self { single: self.single.interface(interface), ..self }
    }

    /// Believes that the gateway is a neighbour, though no address of the interface says so.
    pub fn onlink(self) -> Self {
        Self { single: self.single.onlink(), ..self }
    }

    /// Shares them out to several places (`RTA_MULTIPATH`), at most 256.
    pub fn next_hops(self, next_hops: impl IntoIterator<Item = NextHop>) -> Self {
        Self { several: next_hops.into_iter().collect(), ..self }
    }

    /// Sets the address they leave from, where their sender did not choose one (`RTA_PREFSRC`): a virtual address, say, which
    /// must be there before the route.
    ///
    /// When the address is removed, the kernel removes an IPv4 route with it, and takes it out of an IPv6 route.
    pub fn source(self, source: impl Into<IpAddr>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// Sets the table; otherwise it is [`Table::MAIN`], and [`Table::LOCAL`] for routes to the host itself and to all on a
    /// link.
    pub fn table(self, table: Table) -> Self {
        Self { table: Some(table), ..self }
    }

    /// Sets the metric (`RTA_PRIORITY`), the lower one of which is followed; otherwise it is 0, for IPv6 1024, and so is an
    /// IPv6 route's 0.
    pub fn metric(self, metric: u32) -> Self {
        Self { metric: Some(metric), ..self }
    }

    /// Sets how far away an IPv4 destination is. Otherwise it is as near as the kind and the next hop say: the host itself,
    /// the link, or anywhere behind a gateway. IPv6 routes have none.
    pub fn scope(self, scope: Scope) -> Self {
        Self { scope: Some(scope), ..self }
    }

    /// Is for IPv4 packets with this type of service alone, the lower two bits of which are not part of it; 0 is any.
    pub fn tos(self, tos: u8) -> Self {
        Self { tos, ..self }
    }

    /// Sets what connections over it are to know; with 0 the kernel decides.
    pub fn value(mut self, metric: Metric, value: u32) -> Self {
        self.excessive = self.excessive.or((value > metric.bound()).then_some((metric, value)));
        self.metrics.set(metric, value);
        self
    }

    /// Keeps a value what it is, whatever the kernel learns: with [`Metric::Mtu`], that packets can be larger or not.
    pub fn lock(mut self, metric: Metric) -> Self {
        self.metrics.lock(metric);
        self
    }

    /// Sets how an IPv6 route compares with those that routers advertise.
    pub fn preference(self, preference: RoutePreference) -> Self {
        Self { preference, ..self }
    }

    /// Puts it together.
    ///
    /// # Errors
    ///
    /// What the kernel would refuse, or take for something else than was meant: see [`RouteError`].
    pub fn build(mut self) -> Result<Route, RouteError> {
        let family = self.destination.family();
        let next_hops = self.take_next_hops()?;
        if let Some(source) = self.source {
            if !self.kind.leads_somewhere() {
                return Err(RouteError::LeadsNowhere(self.kind));
            }
            expect_unicast(source)?;
            if Family::of(source) != family {
                return Err(RouteError::OtherFamily { destination: self.destination, other: source });
            }
        }
        if self.tos & 0b11 != 0 || (self.tos != 0 && family == Family::V6) {
            return Err(RouteError::Tos(self.tos));
        }
        if let Some((metric, value)) = self.excessive {
            return Err(RouteError::Value { metric, value, bound: metric.bound() });
        }
        if self.preference != RoutePreference::Medium && family == Family::V4 {
            return Err(RouteError::Preference);
        }
        Ok(Route {
            destination: self.destination,
            kind: self.kind,
            source: self.source,
            table: self.table.unwrap_or(default_table(self.kind)),
            metric: self.metric.filter(|metric| *metric != 0).unwrap_or(default_metric(family)),
            scope: match family {
                Family::V4 => self.scope.unwrap_or(default_scope(self.kind, &next_hops)),
                Family::V6 => Scope::GLOBAL,
            },
            next_hops,
            tos: self.tos,
            metrics: self.metrics,
            preference: self.preference,
            is_whole: true,
        })
    }

    fn take_next_hops(&mut self) -> Result<Vec<NextHop>, RouteError> {
        let has_single = self.single != NextHop::NOWHERE;
        let mut next_hops = std::mem::take(&mut self.several);
        if has_single && !next_hops.is_empty() {
            return Err(RouteError::SingleAndSeveral);
        }
        if has_single {
            next_hops.push(self.single);
        }
        match (self.kind.leads_somewhere(), next_hops.len()) {
            (true, 0) => return Err(RouteError::NoNextHop),
            (false, 1..) => return Err(RouteError::LeadsNowhere(self.kind)),
            (true, MOST_NEXT_HOPS..) => return Err(RouteError::TooManyNextHops(next_hops.len())),
            (false, 0) | (true, 1..) => {}
        }
        for (index, one) in next_hops.iter().enumerate() {
            self.expect_sound(one, next_hops.len())?;
            let is_same = |other: &&NextHop| (other.gateway, other.interface) == (one.gateway, one.interface);
            if next_hops.iter().skip(index + 1).any(|other| is_same(&other)) {
                return Err(RouteError::Twice(*one));
            }
        }
        if let [one] = next_hops.as_mut_slice() {
            one.weight = 1; // It takes all packets in any case.
        }
        Ok(next_hops)
    }

    fn expect_sound(&self, one: &NextHop, count: usize) -> Result<(), RouteError> {
        let is_ipv6 = self.destination.family() == Family::V6;
        if !(1..=256).contains(&one.weight) {
            return Err(RouteError::Weight(one.weight));
        }
        match one.gateway {
            Some(gateway) => {
                expect_unicast(gateway)?;
                if is_ipv6 && gateway.is_ipv4() {
                    return Err(RouteError::OtherFamily { destination: self.destination, other: gateway });
                }
                let needs_interface = match gateway {
                    IpAddr::V4(_) => one.is_onlink,
                    IpAddr::V6(ip) => one.is_onlink || ip.is_unicast_link_local(),
                };
                if needs_interface && one.interface.is_none() {
                    return Err(RouteError::NoInterface(gateway));
                }
            }
            None if one.interface.is_none() => return Err(RouteError::NoNextHop),
            None if one.is_onlink => return Err(RouteError::NoGateway),
            None if is_ipv6 && count > 1 => return Err(RouteError::NoGateway),
            None => {}
        }
        Ok(())
    }
}

/// Why the parts of a route do not fit.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RouteError {
    /// The number of a table is 0.
    #[error("there is no table 0")]
    Table,
    /// It leads somewhere, but is not told where.
    #[error("a route needs a gateway, an interface, or a kind that leads nowhere, such as blackhole")]
    NoNextHop,
    /// It leads nowhere, but has a next hop or a source.
    #[error("a route of the kind {kind} leads nowhere: it has no gateway, interface or source", kind = .0.name())]
    LeadsNowhere(RouteKind),
    /// It has a gateway or interface and several next hops.
    #[error("a route has either one gateway and interface, or several next hops")]
    SingleAndSeveral,
    /// It has more than 256 next hops.
    #[error("{0} next hops are more than 256")]
    TooManyNextHops(usize),
    /// Two next hops are the same.
    #[error("the next hop{0} is there twice: weights say how much it takes")]
    Twice(NextHop),
    /// The weight is not from 1 to 256.
    #[error("a weight is 1 to 256, not {0}")]
    Weight(u16),
    /// A gateway that is on the link is not told on which.
    #[error("the gateway {0} is there on every link or on none: name the interface")]
    NoInterface(IpAddr),
    /// A next hop is on-link, or one of several over IPv6, and has no gateway.
    #[error("a next hop that is on-link, or is one of several over IPv6, needs a gateway")]
    NoGateway,
    /// A gateway or source is unspecified, multicast or broadcast.
    #[error("{0} cannot be the address of a host")]
    NotUnicast(IpAddr),
    /// A gateway or source is of the other version of IP; an IPv4 route may have an IPv6 gateway.
    #[error("{other} does not fit a route to {destination}: it is of the other version of IP")]
    OtherFamily {
        /// Where the route leads.
        destination: Prefix,
        /// What does not fit.
        other: IpAddr,
    },
    /// A type of service has its lower two bits set, or is that of an IPv6 route.
    #[error("a type of service is a multiple of 4, and for IPv4 only, not {0:#04x}")]
    Tos(u8),
    /// A value is one that the kernel would lower.
    #[error("{metric:?} is at most {bound}, not {value}")]
    Value {
        /// Of what.
        metric: Metric,
        /// What was given.
        value: u32,
        /// The highest value.
        bound: u32,
    },
    /// A preference is that of an IPv4 route.
    #[error("only IPv6 routes have a preference")]
    Preference,
}

fn expect_unicast(ip: IpAddr) -> Result<(), RouteError> {
    let is_unicast = !ip.is_unspecified() && !ip.is_multicast() && ip != IpAddr::V4(Ipv4Addr::BROADCAST);
    if is_unicast { Ok(()) } else { Err(RouteError::NotUnicast(ip)) }
}

/// As `ip route` chooses.
fn default_table(kind: RouteKind) -> Table {
    match kind {
        RouteKind::Local | RouteKind::Broadcast | RouteKind::Anycast => Table::LOCAL,
        RouteKind::Unicast
        | RouteKind::Multicast
        | RouteKind::Blackhole
        | RouteKind::Unreachable
        | RouteKind::Prohibit
        | RouteKind::Throw => Table::MAIN,
    }
}

/// As `ip route` chooses.
fn default_scope(kind: RouteKind, next_hops: &[NextHop]) -> Scope {
    match kind {
        RouteKind::Local => Scope::HOST,
        RouteKind::Broadcast | RouteKind::Anycast | RouteKind::Multicast => Scope::LINK,
        RouteKind::Unicast if next_hops.iter().all(|one| one.gateway.is_none()) => Scope::LINK,
        RouteKind::Unicast
        | RouteKind::Blackhole
        | RouteKind::Unreachable
        | RouteKind::Prohibit
        | RouteKind::Throw => Scope::GLOBAL,
    }
}

/// What the kernel takes where none is given (`IP6_RT_PRIO_USER`, include/uapi/linux/ipv6_route.h).
pub(super) fn default_metric(family: Family) -> u32 {
    match family {
        Family::V4 => 0,
        Family::V6 => 1024,
    }
}

/// One more than may be: so many fit into a message.
const MOST_NEXT_HOPS: usize = 257;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused() {
        let [v4, v6] = ["192.0.2.0/24", "2001:db8:1::/48"].map(|text| text.parse::<Prefix>().unwrap());
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let to = Route::to;
        let via = |text: &str| NextHop::via(ip(text));
        let on = |interface| NextHop { interface: Some(interface), ..NextHop::NOWHERE };
        let other = |destination, text: &str| RouteError::OtherFamily { destination, other: ip(text) };

        for (refused, error) in [
            (to(v4), RouteError::NoNextHop),
            (to(v4).next_hops([NextHop::NOWHERE]), RouteError::NoNextHop),
            (
                to(v4).kind(RouteKind::Blackhole).gateway([10, 0, 0, 1]),
                RouteError::LeadsNowhere(RouteKind::Blackhole),
            ),
            (to(v4).kind(RouteKind::Throw).source([10, 0, 0, 1]), RouteError::LeadsNowhere(RouteKind::Throw)),
            (to(v4).gateway([10, 0, 0, 1]).next_hops([via("10.0.0.2")]), RouteError::SingleAndSeveral),
            (to(v4).next_hops([via("10.0.0.2"); 2]), RouteError::Twice(via("10.0.0.2"))),
            (to(v4).next_hops((1..=257).map(on)), RouteError::TooManyNextHops(257)),
            (to(v4).next_hops([via("10.0.0.2").weighing(0)]), RouteError::Weight(0)),
            (to(v4).next_hops([via("10.0.0.2").weighing(257)]), RouteError::Weight(257)),
            (to(v4).gateway(ip("10.0.0.2")).onlink(), RouteError::NoInterface(ip("10.0.0.2"))),
            (to(v6).gateway(ip("fe80::1")), RouteError::NoInterface(ip("fe80::1"))),
            (to(v4).next_hops([on(2).onlink()]), RouteError::NoGateway),
            (to(v6).next_hops([on(2), on(3)]), RouteError::NoGateway),
            (to(v4).gateway(ip("224.0.0.1")), RouteError::NotUnicast(ip("224.0.0.1"))),
            (to(v6).gateway(ip("10.0.0.1")), other(v6, "10.0.0.1")),
            (to(v4).gateway([10, 0, 0, 1]).source(ip("::1")), other(v4, "::1")),
            (to(v4).gateway([10, 0, 0, 1]).tos(2), RouteError::Tos(2)),
            (to(v6).gateway(ip("2001:db8::1")).tos(4), RouteError::Tos(4)),
            (
                to(v4).gateway([10, 0, 0, 1]).value(Metric::Mtu, 65_521),
                RouteError::Value { metric: Metric::Mtu, value: 65_521, bound: 65_520 },
            ),
            (to(v4).gateway([10, 0, 0, 1]).preference(RoutePreference::High), RouteError::Preference),
        ] {
            assert_eq!(refused.build(), Err(error));
        }
        assert_eq!(Table::new(0), Err(RouteError::Table));
    }

    #[test]
    fn what_is_not_said_is_as_ip_route_chooses() {
        let [v4, v6] = ["192.0.2.0/24", "2001:db8:1::/48"].map(|text| text.parse::<Prefix>().unwrap());
        let on = NextHop { interface: Some(2), ..NextHop::NOWHERE };

        for (route, scope, table, metric) in [
            (Route::to(v4).gateway([10, 0, 0, 1]), Scope::GLOBAL, Table::MAIN, 0),
            (Route::to(v4).next_hops([on]), Scope::LINK, Table::MAIN, 0),
            (Route::to(v4).next_hops([on]).kind(RouteKind::Local), Scope::HOST, Table::LOCAL, 0),
            (Route::to(v4).kind(RouteKind::Prohibit), Scope::GLOBAL, Table::MAIN, 0),
            (Route::to(v6).next_hops([on]), Scope::GLOBAL, Table::MAIN, 1024),
            (Route::to(v6).next_hops([on]).metric(0), Scope::GLOBAL, Table::MAIN, 1024),
        ] {
            let route = route.build().unwrap();
            assert_eq!((route.scope(), route.table(), route.metric()), (scope, table, metric), "{route}");
        }
    }
}
