//! Rules: which packets look for their route in which table.

mod builder;
mod wire;

use std::{fmt, ops::RangeInclusive};

pub use self::builder::{RuleBuilder, RuleError};
pub(crate) use self::wire::{Addition, Installed};
use crate::{
    address::Family,
    link::Name,
    route::{Prefix, Table},
};

/// A rule, complete and consistent: made by a [`RuleBuilder`], or listed by [`Netlink::rules`](crate::Netlink::rules).
///
/// The kernel asks the rules in the order of their priorities, the lowest first, about each packet that needs a route. Those of
/// IPv4 and IPv6 are apart. The kernel's own have the priorities 0 (table `LOCAL`), 32766 (`MAIN`) and 32767 (`DEFAULT`).
///
/// ```
/// use vip_netlink::{Action, Rule, Table};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let rule = Rule::ipv4(500, Action::Lookup(Table::new(100)?)).from("192.0.2.10".parse()?).build()?;
///
/// assert_eq!(rule.to_string(), "from 192.0.2.10/32 lookup 100 priority 500");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    family: Family,
    priority: u32,
    action: Action,
    selector: Selector,
    sense: Sense,
    suppressed_length: Option<u8>,
    /// Whether the kernel's rule says no more than this.
    is_whole: bool,
}

impl Rule {
    /// Begins a rule for IPv4 packets, with its priority: at least 1, the lower one is asked first. Without further words it
    /// is for all of them.
    ///
    /// A priority is needed: the kernel would choose one, but another each time.
    pub fn ipv4(priority: u32, action: Action) -> RuleBuilder {
        RuleBuilder::new(Family::V4, priority, action)
    }

    /// Begins a rule for IPv6 packets, as [`ipv4`](Self::ipv4) does.
    pub fn ipv6(priority: u32, action: Action) -> RuleBuilder {
        RuleBuilder::new(Family::V6, priority, action)
    }

    /// Returns its place among the rules: the lowest is asked first.
    pub fn priority(&self) -> u32 {
        self.priority
    }

    /// Returns what is done with packets it is for.
    pub fn action(&self) -> Action {
        self.action
    }

    /// Tells whether it is for IPv6 packets.
    pub fn is_ipv6(&self) -> bool {
        self.family == Family::V6
    }

    /// Returns the sources it is for, `None` for all.
    pub fn source(&self) -> Option<Prefix> {
        self.selector.source
    }

    /// Returns the destinations it is for, `None` for all.
    pub fn destination(&self) -> Option<Prefix> {
        self.selector.destination
    }

    /// Returns the interface that packets come in by, if it is for those alone: `lo` for the host's own.
    pub fn incoming(&self) -> Option<&str> {
        self.selector.incoming.as_ref().map(Name::as_str)
    }

    /// Returns the interface that the sender's socket is bound to, if it is for those alone.
    pub fn outgoing(&self) -> Option<&str> {
        self.selector.outgoing.as_ref().map(Name::as_str)
    }

    /// Returns the mark of packets it is for, and which bits of it count; `None` for all.
    pub fn mark(&self) -> Option<(u32, u32)> {
        self.selector.mark
    }

    /// Returns the type of service of packets it is for, 0 for any.
    pub fn tos(&self) -> u8 {
        self.selector.tos
    }

    /// Returns the number of the protocol it is for, 0 for any.
    pub fn protocol(&self) -> u8 {
        self.selector.protocol
    }

    /// Returns the ports that packets it is for come from, `None` for all.
    pub fn source_ports(&self) -> Option<RangeInclusive<u16>> {
        self.selector.sources.map(|ports| ports.first..=ports.last)
    }

    /// Returns the ports that packets it is for go to, `None` for all.
    pub fn destination_ports(&self) -> Option<RangeInclusive<u16>> {
        self.selector.destinations.map(|ports| ports.first..=ports.last)
    }

    /// Tells whether it is for all packets but those that it describes.
    pub fn is_inverted(&self) -> bool {
        self.sense == Sense::Inverted
    }

    /// Returns the length up to which prefixes are passed over, `None` where none are.
    pub fn suppressed_prefix_length(&self) -> Option<u8> {
        self.suppressed_length
    }

    /// Tells whether the kernel's rule has no more to it than this type can hold: no range of users, say.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    pub(crate) fn family(&self) -> Family {
        self.family
    }
}

impl fmt::Display for Rule {
    /// Writes it as `ip rule` takes it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Selector { source, destination, incoming, outgoing, mark, tos, protocol, sources, destinations } =
            &self.selector;
        if self.sense == Sense::Inverted {
            write!(f, "not ")?;
        }
        match source {
            Some(source) => write!(f, "from {source}")?,
            None => write!(f, "from all")?,
        }
        if let Some(destination) = destination {
            write!(f, " to {destination}")?;
        }
        if *tos != 0 {
            write!(f, " tos {tos:#04x}")?;
        }
        if let Some((mark, mask)) = mark {
            write!(f, " fwmark {mark:#x}/{mask:#x}")?;
        }
        for (word, name) in [("iif", incoming), ("oif", outgoing)] {
            if let Some(name) = name {
                write!(f, " {word} {name}")?;
            }
        }
        if *protocol != 0 {
            write!(f, " ipproto {protocol}")?;
        }
        for (word, ports) in [("sport", sources), ("dport", destinations)] {
            if let Some(Ports { first, last }) = ports {
                write!(f, " {word} {first}-{last}")?;
            }
        }
        match self.action {
            Action::Lookup(table) => write!(f, " lookup {}", table.get())?,
            Action::Goto(priority) => write!(f, " goto {priority}")?,
            Action::Blackhole => write!(f, " blackhole")?,
            Action::Unreachable => write!(f, " unreachable")?,
            Action::Prohibit => write!(f, " prohibit")?,
        }
        if let Some(length) = self.suppressed_length {
            write!(f, " suppress_prefixlength {length}")?;
        }
        write!(f, " priority {}", self.priority)
    }
}

/// What a rule does with packets it is for.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Looks for their route in a table. If it has none for them, the next rule is asked.
    Lookup(Table),
    /// Goes on with the rule of this priority, which is a higher one.
    Goto(u32),
    /// Has them vanish without a word.
    Blackhole,
    /// Refuses them: the network is unreachable.
    Unreachable,
    /// Refuses them: administratively prohibited.
    Prohibit,
}

/// Whether a rule is for the packets that its words describe, or for all others.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
enum Sense {
    Plain,
    Inverted,
}

/// The packets a rule is for. What is not said is the kernel's 0.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
struct Selector {
    source: Option<Prefix>,
    destination: Option<Prefix>,
    incoming: Option<Name>,
    outgoing: Option<Name>,
    mark: Option<(u32, u32)>,
    tos: u8,
    protocol: u8,
    sources: Option<Ports>,
    destinations: Option<Ports>,
}

/// `struct fib_rule_port_range`, linux/fib_rules.h.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
struct Ports {
    first: u16,
    last: u16,
}

impl From<RangeInclusive<u16>> for Ports {
    fn from(ports: RangeInclusive<u16>) -> Self {
        Self { first: *ports.start(), last: *ports.end() }
    }
}
