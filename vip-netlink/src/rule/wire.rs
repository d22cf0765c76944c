//! Rules as messages.
//!
//! ```text
//! +---------------+---------------+---------------+---------------+
//! |    family     | dest. length  | source length |      tos      |  fib_rule_hdr (linux/fib_rules.h): what the table's
//! +---------------+---------------+---------------+---------------+  eight bits cannot hold is in FRA_TABLE
//! |     table     |   reserved    |   reserved    |    action     |
//! +---------------+---------------+---------------+---------------+
//! |                             flags                             |
//! +---------------------------------------------------------------+
//! ```

use std::net::IpAddr;

use nix::libc;

use super::{Action, Ports, Rule, Selector, Sense};
use crate::{
    address::Family,
    link::Name,
    netlink::Owner,
    route::{Prefix, Table},
};
use kernel_netlink::{Attribute, Attributes, Envelope, Malformed, NLM_F_CREATE, NLM_F_EXCL, Payload};

/// A rule of the kernel's, whoever put it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Installed {
    pub(crate) rule: Rule,
    /// `FRA_PROTOCOL`: 0 to 4 are the kernel's and the administrator's.
    pub(crate) protocol: u8,
}

/// What to do if something is there.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Addition {
    /// Fail with `EEXIST`, if it is the same or one that says more.
    New,
    /// Stand beside it.
    Beside,
}

impl Rule {
    pub(crate) fn write_add(&self, envelope: Envelope<'_>, owner: Owner, addition: Addition) {
        let flags = match addition {
            Addition::New => NLM_F_CREATE | NLM_F_EXCL,
            Addition::Beside => NLM_F_CREATE,
        };
        envelope.message(libc::RTM_NEWRULE, flags, |payload| self.write(payload, owner));
    }

    /// Writes the request to remove it, which fails with `ENOENT` where this owner has none that [`covers`](Self::covers)
    /// it, and removes the first of those.
    pub(crate) fn write_remove(&self, envelope: Envelope<'_>, owner: Owner) {
        envelope.message(libc::RTM_DELRULE, 0, |payload| self.write(payload, owner));
    }

    /// Tells whether the request to remove this rule would remove the other (`rule_find`, net/core/fib_rules.c): the kernel
    /// compares what the request says, and takes what it does not say for any. Whether a rule is inverted, and where it
    /// goes to, it does not compare.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        fn says<T: PartialEq>(this: Option<T>, other: Option<T>) -> bool {
            this.is_none() || this == other
        }
        let (one, two) = (&self.selector, &other.selector);
        let is_same_action = match (self.action, other.action) {
            (Action::Goto(_), Action::Goto(_)) => true,
            (one, two) => one == two,
        };
        (self.family, self.priority) == (other.family, other.priority)
            && is_same_action
            && says(self.suppressed_length, other.suppressed_length)
            && says(one.source, two.source)
            && says(one.destination, two.destination)
            && says(one.incoming, two.incoming)
            && says(one.outgoing, two.outgoing)
            && says(one.mark.filter(|(mark, _)| *mark != 0).map(|mark| mark.0), two.mark.map(|mark| mark.0))
            && says(one.mark.map(|mark| mark.1), two.mark.map(|mark| mark.1))
            && says(Some(one.tos).filter(|tos| *tos != 0), Some(two.tos))
            && says(Some(one.protocol).filter(|protocol| *protocol != 0), Some(two.protocol))
            && says(one.sources, two.sources)
            && says(one.destinations, two.destinations)
    }

    fn write(&self, payload: &mut Payload<'_>, owner: Owner) {
        let selector = &self.selector;
        let length = |prefix: Option<Prefix>| prefix.map_or(0, |prefix| prefix.length());
        let (action, table, target) = match self.action {
            Action::Lookup(table) => (FR_ACT_TO_TBL, table.get(), None),
            Action::Goto(priority) => (FR_ACT_GOTO, 0, Some(priority)),
            Action::Blackhole => (FR_ACT_BLACKHOLE, 0, None),
            Action::Unreachable => (FR_ACT_UNREACHABLE, 0, None),
            Action::Prohibit => (FR_ACT_PROHIBIT, 0, None),
        };
        let flags = match self.sense {
            Sense::Plain => 0,
            Sense::Inverted => FIB_RULE_INVERT,
        };
        let (to, from) = (length(selector.destination), length(selector.source));
        payload
            .header([self.family.number(), to, from, selector.tos])
            .header([u8::try_from(table).unwrap_or(libc::RT_TABLE_UNSPEC), 0, 0, action])
            .header(flags.to_ne_bytes())
            .number(FRA_PRIORITY, self.priority)
            .attribute(FRA_PROTOCOL, &[owner.get()]);
        for (kind, number) in [(FRA_TABLE, Some(table).filter(|table| *table != 0)), (FRA_GOTO, target)] {
            if let Some(number) = number {
                payload.number(kind, number);
            }
        }
        if let Some(length) = self.suppressed_length {
            payload.number(FRA_SUPPRESS_PREFIXLEN, length.into());
        }
        selector.write(payload);
    }
}

impl Selector {
    fn write(&self, payload: &mut Payload<'_>) {
        for (kind, prefix) in [(FRA_DST, self.destination), (FRA_SRC, self.source)] {
            match prefix.map(|prefix| prefix.ip()) {
                Some(IpAddr::V4(ip)) => payload.attribute(kind, &ip.octets()),
                Some(IpAddr::V6(ip)) => payload.attribute(kind, &ip.octets()),
                None => payload,
            };
        }
        for (kind, name) in [(FRA_IIFNAME, &self.incoming), (FRA_OIFNAME, &self.outgoing)] {
            if let Some(name) = name {
                payload.text(kind, name.as_str());
            }
        }
        if let Some((mark, mask)) = self.mark {
            payload.number(FRA_FWMARK, mark).number(FRA_FWMASK, mask);
        }
        if self.protocol != 0 {
            payload.attribute(FRA_IP_PROTO, &[self.protocol]);
        }
        for (kind, ports) in [(FRA_SPORT_RANGE, self.sources), (FRA_DPORT_RANGE, self.destinations)] {
            if let Some(Ports { first, last }) = ports {
                payload.attribute(kind, [first, last].map(u16::to_ne_bytes).as_flattened());
            }
        }
    }
}

impl Installed {
    /// Reads the payload of an `RTM_NEWRULE`, if it is a rule of which [`Rule`] can hold family and action.
    pub(crate) fn parse(payload: &[u8]) -> Result<Option<Self>, Malformed> {
        let (header, attributes) = payload.split_first_chunk::<12>().ok_or(Malformed)?;
        let &[family, to, from, tos, table, _, _, action, f0, f1, f2, f3] = header;
        let flags = u32::from_ne_bytes([f0, f1, f2, f3]);
        let Some(family) = Family::from_number(family) else { return Ok(None) };
        let mut selector = Selector { tos, ..Selector::default() };
        let (mut table, mut priority, mut protocol) = (u32::from(table), 0, 0);
        let (mut target, mut suppressed_length, mut is_whole) = (None, None, true);
        let (mut mark, mut mask) = (0, 0);
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            match attribute.kind {
                FRA_DST => selector.destination = read_prefix(family, &attribute, to, &mut is_whole)?,
                FRA_SRC => selector.source = read_prefix(family, &attribute, from, &mut is_whole)?,
                FRA_IIFNAME => selector.incoming = attribute.text().and_then(Name::new),
                FRA_OIFNAME => selector.outgoing = attribute.text().and_then(Name::new),
                FRA_GOTO => target = Some(attribute.number()?),
                FRA_PRIORITY => priority = attribute.number()?,
                FRA_FWMARK => mark = attribute.number()?,
                FRA_FWMASK => mask = attribute.number()?,
                FRA_TABLE => table = attribute.number()?,
                // -1 is none.
                FRA_SUPPRESS_PREFIXLEN => suppressed_length = u8::try_from(attribute.number()?).ok(),
                FRA_PROTOCOL => [protocol] = attribute.array()?,
                FRA_IP_PROTO => [selector.protocol] = attribute.array()?,
                FRA_SPORT_RANGE => selector.sources = Some(read_ports(&attribute)?),
                FRA_DPORT_RANGE => selector.destinations = Some(read_ports(&attribute)?),
                FRA_SUPPRESS_IFGROUP => is_whole &= attribute.number()? == u32::MAX,
                // All bits of the one port in a range of one.
                FRA_SPORT_MASK | FRA_DPORT_MASK => is_whole &= attribute.array() == Ok([u8::MAX; 2]),
                FRA_PAD => {}
                _ => is_whole = false,
            }
        }
        selector.mark = Some((mark, mask)).filter(|(_, mask)| *mask != 0);
        let action = match (action, Table::new(table), target) {
            (FR_ACT_TO_TBL, Ok(table), _) => Action::Lookup(table),
            (FR_ACT_GOTO, _, Some(target)) => Action::Goto(target),
            (FR_ACT_BLACKHOLE, ..) => Action::Blackhole,
            (FR_ACT_UNREACHABLE, ..) => Action::Unreachable,
            (FR_ACT_PROHIBIT, ..) => Action::Prohibit,
            _ => return Ok(None),
        };
        let sense = if flags & FIB_RULE_INVERT == 0 { Sense::Plain } else { Sense::Inverted };
        let rule = Rule { family, priority, action, selector, sense, suppressed_length, is_whole };
        Ok(Some(Self { rule, protocol }))
    }
}

/// Reads a prefix. The kernel keeps bits that are set after it, which then is not one that [`Prefix`] can hold.
fn read_prefix(
    family: Family,
    attribute: &Attribute<'_>,
    length: u8,
    is_whole: &mut bool,
) -> Result<Option<Prefix>, Malformed> {
    let prefix = Prefix::new(family.read(attribute.value)?, length);
    *is_whole &= prefix.is_ok();
    Ok(prefix.ok().filter(|prefix| prefix.length() != 0))
}

fn read_ports(attribute: &Attribute<'_>) -> Result<Ports, Malformed> {
    let [f0, f1, l0, l1] = attribute.array()?;
    Ok(Ports { first: u16::from_ne_bytes([f0, f1]), last: u16::from_ne_bytes([l0, l1]) })
}

/// linux/fib_rules.h.
const FR_ACT_TO_TBL: u8 = 1;
const FR_ACT_GOTO: u8 = 2;
const FR_ACT_BLACKHOLE: u8 = 6;
const FR_ACT_UNREACHABLE: u8 = 7;
const FR_ACT_PROHIBIT: u8 = 8;
const FIB_RULE_INVERT: u32 = 2;
const FRA_DST: u16 = 1;
const FRA_SRC: u16 = 2;
const FRA_IIFNAME: u16 = 3;
const FRA_GOTO: u16 = 4;
const FRA_PRIORITY: u16 = 6;
const FRA_FWMARK: u16 = 10;
const FRA_SUPPRESS_IFGROUP: u16 = 13;
const FRA_SUPPRESS_PREFIXLEN: u16 = 14;
const FRA_TABLE: u16 = 15;
const FRA_FWMASK: u16 = 16;
const FRA_OIFNAME: u16 = 17;
const FRA_PAD: u16 = 18;
const FRA_PROTOCOL: u16 = 21;
const FRA_IP_PROTO: u16 = 22;
const FRA_SPORT_RANGE: u16 = 23;
const FRA_DPORT_RANGE: u16 = 24;
const FRA_SPORT_MASK: u16 = 28;
const FRA_DPORT_MASK: u16 = 29;

#[cfg(test)]
mod tests {
    use proptest::{option, prelude::*};

    use super::*;
    use kernel_netlink::{Messages, Writer};

    proptest! {
        #[test]
        fn a_rule_is_read_as_it_was_written(rule in rules(), owner in 5_u8..) {
            let owner = Owner::new(owner).unwrap();
            let mut writer = Writer::default();
            rule.write_add(Envelope::new(&mut writer, 0, 1), owner, Addition::New);

            let message = Messages::new(writer.bytes()).next().unwrap().unwrap();
            let read = Installed::parse(message.payload()).unwrap().unwrap();

            prop_assert!(rule.covers(&read.rule));
            prop_assert_eq!(read, Installed { rule, protocol: owner.get() });
        }

        #[test]
        fn a_damaged_rule_is_read_without_panic(rule in rules(), at: prop::sample::Index, byte: u8) {
            let mut writer = Writer::default();
            rule.write_add(Envelope::new(&mut writer, 0, 1), Owner::default(), Addition::New);
            let mut bytes = writer.bytes().to_vec();
            *at.get_mut(&mut bytes) = byte;

            crate::fuzzing::read_netlink(&bytes);
        }
    }

    fn rules() -> impl Strategy<Value = Rule> {
        let action = prop_oneof![
            (1_u32..).prop_map(|table| Action::Lookup(Table::new(table).unwrap())),
            (1000_u32..).prop_map(Action::Goto),
            Just(Action::Blackhole),
            Just(Action::Unreachable),
            Just(Action::Prohibit),
        ];
        let port = || option::of(1_u16..65534);
        let name = || option::of("[a-z]{1,15}");
        let parts = (any::<bool>(), 1_u32..1000, action, option::of(any::<u32>()), name(), name());
        let more = (option::of(any::<u32>()), 0_u8..64, any::<u8>(), port(), port(), any::<bool>());
        (parts, more).prop_map(|((is_ipv6, priority, action, source, incoming, outgoing), more)| {
            let (mark, tos, protocol, from, to, is_inverted) = more;
            let mut rule = if is_ipv6 { Rule::ipv6(priority, action) } else { Rule::ipv4(priority, action) };
            rule = rule.tos(tos * 4).protocol(protocol);
            if let Some(bits) = source {
                let ip: IpAddr = match is_ipv6 {
                    true => u128::from(bits).to_be_bytes().into(),
                    false => bits.to_be_bytes().into(),
                };
                rule = rule.from(ip.into()).to(ip.into());
            }
            if let Some(name) = incoming {
                rule = rule.incoming(&name);
            }
            if let Some(name) = outgoing {
                rule = rule.outgoing(&name);
            }
            if let Some(mark) = mark {
                rule = rule.mark(mark, mark | 1);
            }
            if let Some(port) = from {
                rule = rule.source_ports(port..=port);
            }
            if let Some(port) = to {
                rule = rule.destination_ports(1..=port);
            }
            if is_inverted {
                rule = rule.inverted();
            } else if matches!(action, Action::Lookup(_)) {
                rule = rule.suppress_prefix_length(0);
            }
            rule.build().unwrap()
        })
    }
}
