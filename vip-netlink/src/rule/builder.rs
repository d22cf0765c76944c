//! How a rule is put together, and what of it does not fit.

use std::ops::RangeInclusive;

use super::{Action, Ports, Rule, Selector, Sense};
use crate::{address::Family, link::Name, route::Prefix};

/// A [`Rule`] in the making; [`build`](Self::build) tells whether its parts fit.
#[derive(Clone, Debug)]
#[must_use]
pub struct RuleBuilder {
    family: Family,
    priority: u32,
    action: Action,
    selector: Selector,
    sense: Sense,
    suppressed_length: Option<u8>,
    error: Option<RuleError>,
}

impl RuleBuilder {
    pub(super) fn new(family: Family, priority: u32, action: Action) -> Self {
        let selector = Selector::default();
        Self { family, priority, action, selector, sense: Sense::Plain, suppressed_length: None, error: None }
    }

    /// Is for packets from these addresses.
    ///
    /// Packets whose source is not chosen yet, as those of a socket that is not bound, are not from any: the rule does not see
    /// them.
    pub fn from(mut self, source: Prefix) -> Self {
        self.expect_family(source);
        self.selector.source = Some(source).filter(|prefix| prefix.length() != 0);
        self
    }

    /// Is for packets to these addresses.
    pub fn to(mut self, destination: Prefix) -> Self {
        self.expect_family(destination);
        self.selector.destination = Some(destination).filter(|prefix| prefix.length() != 0);
        self
    }

    /// Is for packets that come in by the interface of this name, which need not exist yet; `lo` stands for the host's own.
    pub fn incoming(mut self, interface: &str) -> Self {
        self.selector.incoming = self.name(interface);
        self
    }

    /// Is for packets of sockets that are bound to the interface of this name, which need not exist yet.
    pub fn outgoing(mut self, interface: &str) -> Self {
        self.selector.outgoing = self.name(interface);
        self
    }

    /// Is for packets whose mark, in the bits of the mask, is this one.
    pub fn mark(mut self, mark: u32, mask: u32) -> Self {
        if mask == 0 || mark & !mask != 0 {
            self.fail(RuleError::Mark { mark, mask });
        }
        self.selector.mark = Some((mark, mask));
        self
    }

    /// Is for packets with this type of service, the lower two bits of which are not part of it; 0 is any.
    pub fn tos(mut self, tos: u8) -> Self {
        if tos & 0b11 != 0 {
            self.fail(RuleError::Tos(tos));
        }
        self.selector.tos = tos;
        self
    }

    /// Is for packets of this protocol, by its number in the IP header: 6 is TCP, 17 UDP; 0 is any.
    pub fn protocol(mut self, protocol: u8) -> Self {
        self.selector.protocol = protocol;
        self
    }

    /// Is for packets from these ports, which are from 1 to 65534.
    pub fn source_ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.selector.sources = Some(self.ports(ports));
        self
    }

    /// Is for packets to these ports, which are from 1 to 65534.
    pub fn destination_ports(mut self, ports: RangeInclusive<u16>) -> Self {
        self.selector.destinations = Some(self.ports(ports));
        self
    }

    /// Is for all packets but these.
    pub fn inverted(self) -> Self {
        Self { sense: Sense::Inverted, ..self }
    }

    /// Passes over routes to prefixes of this length or shorter: with 0, over default routes.
    pub fn suppress_prefix_length(self, length: u8) -> Self {
        Self { suppressed_length: Some(length), ..self }
    }

    /// Puts it together.
    ///
    /// # Errors
    ///
    /// What the kernel would refuse, or take for something else than was meant: see [`RuleError`].
    pub fn build(self) -> Result<Rule, RuleError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.priority == 0 {
            return Err(RuleError::Priority);
        }
        if let Action::Goto(target) = self.action
            && target <= self.priority
        {
            return Err(RuleError::Backward { priority: self.priority, target });
        }
        if let Some(length) = self.suppressed_length {
            let bound = if self.family == Family::V4 { 32 } else { 128 };
            if length > bound || !matches!(self.action, Action::Lookup(_)) {
                return Err(RuleError::Suppression(length));
            }
        }
        let Self { family, priority, action, selector, sense, suppressed_length, error: _ } = self;
        Ok(Rule { family, priority, action, selector, sense, suppressed_length, is_whole: true })
    }

    fn expect_family(&mut self, prefix: Prefix) {
        if prefix.family() != self.family {
            self.fail(RuleError::OtherFamily(prefix));
        }
    }

    fn name(&mut self, interface: &str) -> Option<Name> {
        let name = Name::new(interface);
        if name.is_none() {
            self.fail(RuleError::InterfaceName);
        }
        name
    }

    fn ports(&mut self, ports: RangeInclusive<u16>) -> Ports {
        let ports = Ports::from(ports);
        let Ports { first, last } = ports;
        if first == 0 || last == u16::MAX || first > last {
            self.fail(RuleError::Ports { first, last });
        }
        ports
    }

    /// Keeps the first error for the end.
    fn fail(&mut self, error: RuleError) {
        self.error.get_or_insert(error);
    }
}

/// Why the parts of a rule do not fit.
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The priority is 0, the kernel's.
    #[error("priority 0 is the kernel's own")]
    Priority,
    /// A prefix is of the other version of IP.
    #[error("{0} is of the other version of IP than the rule")]
    OtherFamily(Prefix),
    /// The name of an interface is empty, longer than 15 bytes, or has a NUL.
    #[error("the name of an interface has 1 to 15 bytes")]
    InterfaceName,
    /// No packet has this mark, or the mask is 0.
    #[error("no packet is marked {mark:#x} in the bits {mask:#x}")]
    Mark {
        /// The mark.
        mark: u32,
        /// Its bits that count.
        mask: u32,
    },
    /// A type of service has its lower two bits set.
    #[error("a type of service is a multiple of 4, not {0:#04x}")]
    Tos(u8),
    /// Ports are in the wrong order, or beyond what the kernel takes.
    #[error("ports are a range from 1 to 65534, not {first}-{last}")]
    Ports {
        /// The first one.
        first: u16,
        /// The last one.
        last: u16,
    },
    /// It leads back, or to itself.
    #[error("a rule of priority {priority} cannot go to {target}, only on to a higher one")]
    Backward {
        /// Where it stands.
        priority: u32,
        /// Where it leads.
        target: u32,
    },
    /// A length to be passed over is longer than an address, or there is no table to be looked into.
    #[error(
        "prefixes up to length {0} can be passed over only when looking into a table, and as long as an address at most"
    )]
    Suppression(u8),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Table;

    #[test]
    fn what_does_not_fit_is_refused() {
        let [v4, v6] = ["192.0.2.0/24", "2001:db8::/32"].map(|text| text.parse::<Prefix>().unwrap());
        let rule = || Rule::ipv4(500, Action::Lookup(Table::MAIN));

        for (refused, error) in [
            (Rule::ipv6(0, Action::Prohibit), RuleError::Priority),
            (rule().from(v6), RuleError::OtherFamily(v6)),
            (Rule::ipv6(1, Action::Prohibit).to(v4), RuleError::OtherFamily(v4)),
            (rule().incoming(""), RuleError::InterfaceName),
            (rule().outgoing("sixteen-bytes-ab"), RuleError::InterfaceName),
            (rule().mark(5, 0), RuleError::Mark { mark: 5, mask: 0 }),
            (rule().mark(5, 1), RuleError::Mark { mark: 5, mask: 1 }),
            (rule().tos(3), RuleError::Tos(3)),
            (rule().source_ports(0..=5), RuleError::Ports { first: 0, last: 5 }),
            (rule().destination_ports(1..=65535), RuleError::Ports { first: 1, last: 65535 }),
            (rule().destination_ports(RangeInclusive::new(2, 1)), RuleError::Ports { first: 2, last: 1 }),
            (Rule::ipv4(500, Action::Goto(500)), RuleError::Backward { priority: 500, target: 500 }),
            (rule().suppress_prefix_length(33), RuleError::Suppression(33)),
            (Rule::ipv4(500, Action::Prohibit).suppress_prefix_length(0), RuleError::Suppression(0)),
        ] {
            assert_eq!(refused.build(), Err(error));
        }
    }
}
