//! What remains when all is seen.

use std::{collections::BTreeMap, fmt, net::IpAddr};

use vrrp_proto::{Advertisement, Counter, Endpoints, Family, Priority, Vrid};

use super::verdict::{Sighting, Verdict};

/// Counts packets, and keeps who was Master last.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    accepted: u64,
    truncated: u64,
    discarded: BTreeMap<Kind, u64>,
    routers: BTreeMap<(Family, Vrid), Router>,
}

/// A kind of discard: the error's name, and its counter's.
type Kind = (String, Counter);

#[derive(Debug)]
struct Router {
    master: IpAddr,
    priority: Priority,
    has_given_up: bool,
    /// All that have advertised.
    sources: BTreeMap<IpAddr, u64>,
}

impl Summary {
    /// Takes one more packet into account.
    pub(crate) fn add(&mut self, sighting: &Sighting<'_>) {
        match &sighting.verdict {
            Verdict::Accept { decoded, .. } => {
                self.accepted += 1;
                self.hear(decoded.packet().endpoints(), &decoded.advertisement);
            }
            Verdict::Discard { reason, .. } => {
                *self.discarded.entry((reason.name(), reason.counter())).or_default() += 1;
            }
            Verdict::Truncated { .. } => self.truncated += 1,
        }
    }

    /// Returns how many packets there were.
    pub(crate) fn seen(&self) -> u64 {
        self.accepted + self.truncated + self.discards()
    }

    fn discards(&self) -> u64 {
        self.discarded.values().sum()
    }

    fn hear(&mut self, endpoints: Endpoints, advertisement: &Advertisement<'_>) {
        let (source, priority) = (endpoints.source(), advertisement.priority());
        let id = (endpoints.family(), advertisement.vrid());
        let router = self.routers.entry(id).or_insert_with(|| Router {
            master: source,
            priority,
            has_given_up: false,
            sources: BTreeMap::new(),
        });
        *router.sources.entry(source).or_default() += 1;
        router.has_given_up = priority.is_release();
        // A farewell says nothing of the priority that the Master had.
        if router.master != source || !priority.is_release() {
            (router.master, router.priority) = (source, priority);
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seen, accepted, discarded) = (self.seen(), self.accepted, self.discards());
        write!(f, "packets seen: {seen}, accepted: {accepted}, discarded: {discarded}")?;
        if self.truncated > 0 {
            write!(f, ", truncated in the capture: {}", self.truncated)?;
        }
        writeln!(f)?;
        for ((name, counter), count) in &self.discarded {
            writeln!(f, "discarded as {name} [{}]: {count}", counter.name())?;
        }
        for ((family, vrid), router) in &self.routers {
            let Router { master, priority, has_given_up, sources } = router;
            write!(f, "virtual router {vrid} of {family}: last Master {master}")?;
            if !priority.is_release() {
                write!(f, ", priority {priority}")?;
            }
            if *has_given_up {
                write!(f, ", which gave up its office")?;
            }
            if sources.len() > 1 {
                write!(f, "; {} routers advertised", sources.len())?;
            }
            writeln!(f)?;
        }
        Ok(())
    }
}
