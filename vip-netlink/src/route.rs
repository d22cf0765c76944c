//! Routes: where packets to a prefix go, and from which address.

mod builder;
mod metrics;
mod next_hop;
mod prefix;
mod wire;

use std::{fmt, net::IpAddr};

use self::metrics::Metrics;
pub(crate) use self::wire::{Addition, Installed};
pub use self::{
    builder::{RouteBuilder, RouteError},
    metrics::Metric,
    next_hop::NextHop,
    prefix::{Prefix, PrefixError},
};
use crate::address::{Family, Scope};

/// A route, complete and consistent: made by a [`RouteBuilder`], or listed by [`Netlink::routes`](crate::Netlink::routes).
///
/// The kernel holds one route for each destination, table, metric and, over IPv4, type of service. Of two metrics it
/// follows the lower one.
///
/// ```
/// use vip_netlink::{Prefix, Route, Table};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // What leaves from the virtual address takes a gateway of its own, if a `Rule` leads to this table.
/// let route = Route::to(Prefix::ALL_IPV4).gateway([192, 0, 2, 1]).source([192, 0, 2, 10]).table(Table::new(100)?).build()?;
///
/// assert_eq!(route.to_string(), "default via 192.0.2.1 table 100 src 192.0.2.10");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Route {
    destination: Prefix,
    kind: RouteKind,
    next_hops: Vec<NextHop>,
    source: Option<IpAddr>,
    table: Table,
    metric: u32,
    scope: Scope,
    tos: u8,
    metrics: Metrics,
    preference: RoutePreference,
    /// Whether the kernel's route says no more than this.
    is_whole: bool,
}

impl Route {
    /// Begins a route to a destination, of the kind [`RouteKind::Unicast`].
    pub fn to(destination: Prefix) -> RouteBuilder {
        RouteBuilder::new(destination)
    }

    /// Returns what it is for: packets to these addresses.
    pub fn destination(&self) -> Prefix {
        self.destination
    }

    /// Returns what becomes of them.
    pub fn kind(&self) -> RouteKind {
        self.kind
    }

    /// Returns where they go: one place or several, none for the kinds that lead nowhere.
    pub fn next_hops(&self) -> &[NextHop] {
        &self.next_hops
    }

    /// Returns the address they leave from, where their sender did not choose one.
    pub fn source(&self) -> Option<IpAddr> {
        self.source
    }

    /// Returns the table it is in.
    pub fn table(&self) -> Table {
        self.table
    }

    /// Returns the metric (`RTA_PRIORITY`): the lower one is followed.
    pub fn metric(&self) -> u32 {
        self.metric
    }

    /// Returns how far away the destination is, as IPv4 sees it.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Returns the type of service an IPv4 packet must have; 0 is any.
    pub fn tos(&self) -> u8 {
        self.tos
    }

    /// Returns what connections over it are to know, `None` where the kernel decides.
    pub fn value(&self, metric: Metric) -> Option<u32> {
        self.metrics.get(metric)
    }

    /// Returns how it compares with routes that routers advertise.
    pub fn preference(&self) -> RoutePreference {
        self.preference
    }

    /// Tells whether a route that was listed does what this one asks for: the same, or more precise in that it names
    /// interfaces where this one leaves them to the kernel.
    ///
    /// Never so if the kernel's has something that this type cannot hold, such as an encapsulation.
    pub fn is_met_by(&self, listed: &Self) -> bool {
        self.is_met_but_for_next_hops(listed) && next_hop::are_met_by(&self.next_hops, &listed.next_hops)
    }

    /// Tells whether a route that was listed is this one, to which somebody has appended next hops: the kernel makes one route
    /// of them, over IPv6.
    pub(crate) fn is_part_of(&self, listed: &Self) -> bool {
        self.family() == Family::V6
            && self.is_met_but_for_next_hops(listed)
            && next_hop::are_among(&self.next_hops, &listed.next_hops)
    }

    fn is_met_but_for_next_hops(&self, listed: &Self) -> bool {
        let rest = |route: &Self| (route.kind, route.source, route.scope, route.metrics, route.preference);
        listed.is_whole && self.has_place_of(listed) && rest(self) == rest(listed)
    }

    /// Tells whether the kernel takes the two for the same one.
    pub(crate) fn has_place_of(&self, other: &Self) -> bool {
        let place = |route: &Self| (route.destination, route.table, route.metric, route.tos);
        place(self) == place(other)
    }

    pub(crate) fn family(&self) -> Family {
        self.destination.family()
    }
}

impl fmt::Display for Route {
    /// Writes it as `ip route` does, but for interfaces, which are numbered: `dev if3`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind != RouteKind::Unicast {
            write!(f, "{} ", self.kind.name())?;
        }
        match self.destination {
            Prefix::ALL_IPV4 | Prefix::ALL_IPV6 => write!(f, "default")?,
            destination => write!(f, "{destination}")?,
        }
        if let [one] = self.next_hops.as_slice() {
            write!(f, "{one}")?;
        }
        if self.table != Table::MAIN {
            write!(f, " table {}", self.table.get())?;
        }
        if let Some(source) = self.source {
            write!(f, " src {source}")?;
        }
        if self.tos != 0 {
            write!(f, " tos {:#04x}", self.tos)?;
        }
        if self.metric != builder::default_metric(self.family()) {
            write!(f, " metric {}", self.metric)?;
        }
        if let several @ [_, _, ..] = self.next_hops.as_slice() {
            for one in several {
                write!(f, " nexthop{one} weight {}", one.weight())?;
            }
        }
        Ok(())
    }
}

/// What becomes of packets that a route is for (`rtm_type`, linux/rtnetlink.h).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RouteKind {
    /// They go to a gateway, or to their destination on an interface.
    Unicast,
    /// They are this host's own.
    Local,
    /// They go to all on the link.
    Broadcast,
    /// They are this host's own, and others'.
    Anycast,
    /// They go to a group.
    Multicast,
    /// They vanish without a word.
    Blackhole,
    /// They are refused: the host is unreachable.
    Unreachable,
    /// They are refused: administratively prohibited.
    Prohibit,
    /// The table has nothing for them: the next rule decides.
    Throw,
}

impl RouteKind {
    const ALL: [Self; 9] = [
        Self::Unicast,
        Self::Local,
        Self::Broadcast,
        Self::Anycast,
        Self::Multicast,
        Self::Blackhole,
        Self::Unreachable,
        Self::Prohibit,
        Self::Throw,
    ];

    /// Tells whether packets go anywhere: such a route has a next hop, any other none.
    pub(crate) fn leads_somewhere(self) -> bool {
        match self {
            Self::Unicast | Self::Local | Self::Broadcast | Self::Anycast | Self::Multicast => true,
            Self::Blackhole | Self::Unreachable | Self::Prohibit | Self::Throw => false,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Unicast => "unicast",
            Self::Local => "local",
            Self::Broadcast => "broadcast",
            Self::Anycast => "anycast",
            Self::Multicast => "multicast",
            Self::Blackhole => "blackhole",
            Self::Unreachable => "unreachable",
            Self::Prohibit => "prohibit",
            Self::Throw => "throw",
        }
    }

    fn number(self) -> u8 {
        match self {
            Self::Unicast => 1,
            Self::Local => 2,
            Self::Broadcast => 3,
            Self::Anycast => 4,
            Self::Multicast => 5,
            Self::Blackhole => 6,
            Self::Unreachable => 7,
            Self::Prohibit => 8,
            Self::Throw => 9,
        }
    }

    fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }
}

/// A routing table, by its number from 1 to 2³² - 1. iproute2 lists those with names in `rt_tables`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Table(u32);

impl Table {
    /// The one looked into after `MAIN`: empty but for what users put there.
    pub const DEFAULT: Self = Self(253);
    /// The one for everybody.
    pub const MAIN: Self = Self(254);
    /// The kernel's, of the host's own addresses: looked into first.
    pub const LOCAL: Self = Self(255);

    /// Makes a table of its number.
    ///
    /// # Errors
    ///
    /// [`RouteError::Table`] for 0, which the kernel takes for none.
    pub const fn new(number: u32) -> Result<Self, RouteError> {
        match number {
            0 => Err(RouteError::Table),
            number => Ok(Self(number)),
        }
    }

    /// Returns the number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// How an IPv6 route compares with others to the same destination that routers advertise (RFC 4191 §2.1).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, Default)]
#[expect(clippy::exhaustive_enums, reason = "these are the values of RFC 4191")]
pub enum RoutePreference {
    /// Worse.
    Low,
    /// Neither.
    #[default]
    Medium,
    /// Better.
    High,
}

impl RoutePreference {
    fn number(self) -> u8 {
        match self {
            Self::Medium => 0,
            Self::High => 1,
            Self::Low => 3,
        }
    }

    fn from_number(number: u8) -> Self {
        [Self::Low, Self::High].into_iter().find(|one| one.number() == number).unwrap_or_default()
    }
}
