//! The mark on a virtual MAC's interface, which outlives the process that made it.

use std::{fmt, iter};

use crate::netlink::{Ipv4Setting, Owner};

/// Whose a virtual MAC is, which interface it was made over, and how that was set before: the interface's alias
/// (`IFLA_IFALIAS`, shown by `ip link`).
///
/// ```text
/// vip-netlink 1 owner=91 parent=3 arp_ignore=0 arp_announce=0
/// ```
///
/// The 1 is the format's version; a virtual MAC for IPv6 leaves its parent as it is, and its mark ends before the settings.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) owner: Owner,
    pub(crate) parent: u32,
    pub(crate) before: Option<ParentSettings>,
}

impl Mark {
    /// Reads an alias; `None` for any text that this version would not have written.
    pub(crate) fn parse(alias: &str) -> Option<Self> {
        let mut fields = alias.strip_prefix(PREFIX)?.split(' ').map(|field| field.split_once('='));
        let mut next = |name| {
            let (found, value) = fields.next()??;
            (found == name).then_some(value)
        };
        let owner = Owner::new(next("owner")?.parse().ok()?)?;
        let parent = next("parent")?.parse().ok()?;
        let before = next("arp_ignore").and_then(|arp_ignore| {
            Some(ParentSettings {
                arp_ignore: arp_ignore.parse().ok()?,
                arp_announce: next("arp_announce")?.parse().ok()?,
            })
        });
        let mark = Self { owner, parent, before };
        // Nothing left out, nothing more, and each number written in one way.
        (mark.to_string() == alias).then_some(mark)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}owner={} parent={}", self.owner.get(), self.parent)?;
        match self.before {
            Some(ParentSettings { arp_ignore, arp_announce }) => {
                write!(f, " arp_ignore={arp_ignore} arp_announce={arp_announce}")
            }
            None => Ok(()),
        }
    }
}

/// Settings of a parent that are changed while there is a virtual MAC for IPv4 over it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct ParentSettings {
    pub(crate) arp_ignore: u32,
    pub(crate) arp_announce: u32,
}

impl ParentSettings {
    /// How the parent has to be set, where it was set like this before:
    ///
    /// - it answers for its own addresses alone (`arp_ignore` 1, 2 or 8: what is stricter stays);
    /// - it asks in the name of its own addresses alone (`arp_announce` 2). Otherwise it would ask in that of a virtual
    ///   address whenever it answers to a packet sent there, and whoever is asked learns the parent's hardware address.
    pub(crate) fn under_a_virtual_mac(self) -> Self {
        let arp_ignore = if matches!(self.arp_ignore, 1 | 2 | 8) { self.arp_ignore } else { 1 };
        Self { arp_ignore, arp_announce: 2 }
    }

    /// What to change to get from here to `wanted`.
    pub(crate) fn changes_to(self, wanted: Self) -> Vec<(Ipv4Setting, u32)> {
        let pairs = iter::zip(self.list(), wanted.list());
        pairs.filter(|(now, wanted)| now != wanted).map(|(_, wanted)| wanted).collect()
    }

    /// What to change to undo [`under_a_virtual_mac`](Self::under_a_virtual_mac), where things are `now` like this. What
    /// is set to anything else by now has been set by somebody, and is left alone.
    pub(crate) fn changes_back(self, now: Self) -> Vec<(Ipv4Setting, u32)> {
        let ours = self.under_a_virtual_mac().list();
        let back = iter::zip(iter::zip(now.list(), ours), self.list());
        back.filter(|((now, ours), before)| now == ours && ours != before).map(|(_, before)| before).collect()
    }

    fn list(self) -> [(Ipv4Setting, u32); 2] {
        [(Ipv4Setting::ArpIgnore, self.arp_ignore), (Ipv4Setting::ArpAnnounce, self.arp_announce)]
    }
}

const PREFIX: &str = "vip-netlink 1 ";

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use Ipv4Setting::{ArpAnnounce, ArpIgnore};

    #[test]
    fn the_mark_is_what_the_documentation_says() {
        let before = Some(ParentSettings { arp_ignore: 0, arp_announce: 0 });
        let mark = Mark { owner: Owner::default(), parent: 3, before };

        assert_eq!(mark.to_string(), "vip-netlink 1 owner=91 parent=3 arp_ignore=0 arp_announce=0");
        assert_eq!(Mark { before: None, ..mark }.to_string(), "vip-netlink 1 owner=91 parent=3");
    }

    #[test]
    fn what_this_version_would_not_write_is_no_mark() {
        for text in [
            "",
            "uplink to the core",
            "vip-netlink 2 owner=91 parent=3",
            "vip-netlink 1 owner=91",
            "vip-netlink 1 owner=4 parent=3",
            "vip-netlink 1 owner=256 parent=3",
            "vip-netlink 1 owner=91 parent=03",
            "vip-netlink 1 owner=+91 parent=3",
            "vip-netlink 1 owner=91  parent=3",
            "vip-netlink 1 owner=91 parent=3 ",
            "vip-netlink 1 owner=91 parent=3 arp_ignore=0",
            "vip-netlink 1 owner=91 parent=3 arp_announce=0 arp_ignore=0",
            "vip-netlink 1 owner=91 parent=3 arp_ignore=0 arp_announce=-1",
            "vip-netlink 1 owner=91 parent=3 arp_ignore=0 arp_announce=0 rp_filter=0",
        ] {
            assert_eq!(Mark::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn what_is_stricter_stays() {
        for (before, under) in [((0, 0), (1, 2)), ((2, 1), (2, 2)), ((3, 2), (1, 2)), ((8, 0), (8, 2))] {
            assert_eq!(settings(before).under_a_virtual_mac(), settings(under), "{before:?}");
        }
    }

    #[test]
    fn what_somebody_set_meanwhile_stays() {
        let before = settings((0, 0));

        assert_eq!(before.changes_to(settings((1, 2))), [(ArpIgnore, 1), (ArpAnnounce, 2)]);
        assert_eq!(before.changes_back(settings((1, 2))), [(ArpIgnore, 0), (ArpAnnounce, 0)]);
        assert_eq!(before.changes_back(settings((2, 2))), [(ArpAnnounce, 0)]);
        assert_eq!(before.changes_back(settings((1, 1))), [(ArpIgnore, 0)]);
        assert_eq!(settings((1, 2)).changes_back(settings((1, 2))), []);
    }

    fn settings((arp_ignore, arp_announce): (u32, u32)) -> ParentSettings {
        ParentSettings { arp_ignore, arp_announce }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(owner in 5..=u8::MAX, parent: u32, before: Option<(u32, u32)>) {
            let owner = Owner::new(owner).unwrap();
            let mark = Mark { owner, parent, before: before.map(settings) };

            prop_assert_eq!(Mark::parse(&mark.to_string()), Some(mark));
            prop_assert!(mark.to_string().len() < 128);
        }

        #[test]
        fn any_text_is_read_without_panic(text in "(vip-netlink 1 )?[a-z_=0-9 ]{0,60}") {
            Mark::parse(&text);
        }
    }
}
