use std::{array, collections::BTreeMap};

use super::{
    host::{Did, Host, Refusal},
    invariants::{self, Answer, Broken, Verdict},
    model::{Model, Orders, State},
    packet::{self, Datagram},
    spec::{MAX_ROLES, Nanos, Spec, Version},
};

/// A running host, watched: every call to the engine goes through here, and the invariants of one host are checked after it.
///
/// All times are the host's own.
#[derive(Clone, Debug)]
pub(crate) struct Witness {
    spec: Spec,
    host: Host,
    models: [Option<Model>; MAX_ROLES],
    /// The state that each virtual router is in, by the transitions seen.
    told: [State; MAX_ROLES],
    /// Whether the interface has the addresses.
    pub(crate) holds: [bool; MAX_ROLES],
    /// The longest interval that each virtual router has learned from a peer.
    pub(crate) longest: [Nanos; MAX_ROLES],
    /// What the engine's counters must say.
    tally: BTreeMap<(Option<usize>, &'static str), u64>,
}

/// What virtual routers have ordered, each named by its index.
pub(crate) type Orderings = Vec<(usize, Did)>;

/// What is expected to become of a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// A peer has sent it: it is taken, if there is anybody to take it.
    Taken,
    /// The host refuses it, and counts it so.
    Stray(&'static str),
    /// It cannot be read, whatever the state; the virtual router that it names counts it so, or else the host.
    Unread(&'static str),
    /// The virtual router that it is for refuses it, and counts it so.
    Refused(&'static str),
    /// It was damaged, in whatever way.
    Unknown,
}

impl Witness {
    /// A host after its boot: not started, and its interface perhaps not clean.
    pub(crate) fn new(spec: Spec, holds: [bool; MAX_ROLES]) -> Self {
        let model = |role: usize| Some(Model::new(spec.roles[role]?, spec.source(spec.roles[role]?.family)));
        let (models, told) = (array::from_fn(model), [State::Initialize; MAX_ROLES]);
        Self {
            spec,
            host: Host::new(&spec),
            models,
            told,
            holds,
            longest: [0; MAX_ROLES],
            tally: BTreeMap::new(),
        }
    }

    pub(crate) fn start(&mut self, now: Nanos) -> Result<Orderings, Broken> {
        self.host.start(now);
        let expected = self.ask_models(|model| model.startup(now));
        self.settle(expected)
    }

    pub(crate) fn shutdown(&mut self, now: Nanos) -> Result<Orderings, Broken> {
        self.host.shutdown(now);
        let expected = self.ask_models(Model::shutdown);
        self.settle(expected)
    }

    pub(crate) fn wake(&mut self, now: Nanos) -> Result<Orderings, Broken> {
        self.host.timeout(now);
        let expected = self.ask_models(|model| model.wake(now));
        let orderings = self.settle(expected)?;
        invariants::deadlines_lie_ahead(now, self.host.deadline())?;
        self.time_out_for_nothing(now)?;
        Ok(orderings)
    }

    pub(crate) fn hear(&mut self, now: Nanos, datagram: &Datagram, fate: Fate) -> Result<Orderings, Broken> {
        if self.host.deadline().is_none_or(|deadline| deadline > now) {
            self.time_out_for_nothing(now)?;
        }
        let before = self.host.sight();
        let got = self.host.hear(now, datagram);
        if let Some(expected) = self.expected(datagram, fate) {
            invariants::packets_meet_their_fate(expected, got)?;
        }
        self.count(None, "received");
        match got {
            Ok(role) => self.take(now, role, datagram),
            Err(refusal) => {
                self.count(refusal.role, refusal.counter);
                let ordered = self.host.poll().is_some();
                let after = self.host.sight();
                invariants::rejected_input_changes_only_counters(refusal, &before, &after, ordered)?;
                Ok(Vec::new())
            }
        }
    }

    /// Checks what is checked at the end of a life.
    pub(crate) fn audit(&self) -> Verdict {
        invariants::counters_add_up(&self.host.counters(), &self.tally)
    }

    pub(crate) const fn spec(&self) -> &Spec {
        &self.spec
    }

    pub(crate) fn deadline(&self) -> Option<Nanos> {
        self.host.deadline()
    }

    /// Returns the state of its place in a virtual router, if it has one.
    pub(crate) fn state(&self, role: usize) -> Option<State> {
        self.spec.roles[role].map(|_| self.told[role])
    }

    /// Returns a hash of all it remembers but moments, and the moments.
    pub(crate) fn memory(&self) -> (u64, Vec<Nanos>) {
        self.host.memory()
    }

    fn take(&mut self, now: Nanos, role: usize, datagram: &Datagram) -> Result<Orderings, Broken> {
        let (priority, interval) = packet::read(&datagram.bytes);
        let own = self.spec.roles[role].unwrap();
        let before = self.told[role];
        self.longest[role] = self.longest[role].max(interval);
        self.count(Some(role), "advertisement_rcvd");
        if priority == 0 {
            self.count(Some(role), "priority_zero_pkts_rcvd");
        }
        if own.version == Version::V3 && interval != own.interval() {
            self.count(Some(role), "interval_mismatches");
        }
        if !packet::has_addresses_of(&own, &datagram.bytes) {
            // Damaged, and yet the checksum is right: it may cover a pseudo header or not, and is but 16 bits.
            self.count(Some(role), "address_list_errors");
        }
        let mut expected = [Orders::default(); MAX_ROLES];
        if let Some(model) = &mut self.models[role] {
            expected[role] = model.hear(now, datagram.source, priority, interval);
        }
        let orderings = self.settle(expected)?;
        let did: Vec<_> = orderings.iter().map(|(_, did)| did.clone()).collect();
        let answer = Answer { role: &own, before, after: self.told[role], did: &did };
        let address = self.spec.source(own.family);
        invariants::only_a_better_one_displaces_a_master(&answer, address, (priority, datagram.source))?;
        Ok(orderings)
    }

    /// Carries out what the engine orders, and checks it.
    fn settle(&mut self, expected: [Orders; MAX_ROLES]) -> Result<Orderings, Broken> {
        let mut orderings = Vec::new();
        while let Some(ordering) = self.host.poll() {
            orderings.push(ordering);
        }
        for (role, own) in self.spec.roles() {
            let did: Vec<_> =
                orderings.iter().filter(|(whose, _)| *whose == role).map(|(_, did)| did.clone()).collect();
            self.carry_out(role, &did);
            let (before, after) = (self.told[role], self.host.state(role));
            let answer = Answer { role: &own, before, after, did: &did };
            invariants::transitions_are_a_chain(&answer)?;
            invariants::orders_come_in_their_order(&answer)?;
            invariants::only_a_master_advertises(&answer)?;
            invariants::only_a_master_announces(&answer)?;
            invariants::a_release_precedes_the_end(&answer)?;
            self.told[role] = after;
            invariants::addresses_are_held_exactly_while_master(&answer, self.holds[role])?;
            if let Some(model) = &self.models[role] {
                let deadline = self.host.role_deadline(role);
                invariants::follows_the_model(&answer, deadline, model, expected[role])?;
            }
        }
        Ok(orderings)
    }

    fn carry_out(&mut self, role: usize, did: &[Did]) {
        for did in did {
            match did {
                Did::Advertise(priority, _) => {
                    self.count(Some(role), "advertisement_sent");
                    if *priority == 0 {
                        self.count(Some(role), "priority_zero_pkts_sent");
                    }
                }
                Did::Acquire => self.holds[role] = true,
                Did::Release => self.holds[role] = false,
                Did::Transition(_, State::Master, _) => self.count(Some(role), "master_transitions"),
                Did::Overdue => self.count(Some(role), "pauses"),
                Did::Announce | Did::Transition(..) => {}
            }
        }
    }

    fn time_out_for_nothing(&mut self, now: Nanos) -> Verdict {
        let before = self.host.sight();
        self.host.timeout(now);
        let ordered = self.host.poll().is_some() || self.host.is_anyone_early(now);
        invariants::an_early_or_repeated_timeout_does_nothing(&before, &self.host.sight(), ordered)
    }

    fn expected(&self, datagram: &Datagram, fate: Fate) -> Option<Result<usize, Refusal>> {
        let stray = |counter| Some(Err(Refusal { role: None, counter }));
        let (vrid, is_v4) = (datagram.bytes.get(1), datagram.source.is_ipv4());
        let is_it = |index: &usize| {
            self.spec.roles[*index].is_some_and(|role| {
                vrid == Some(&role.vrid) && self.spec.source(role.family).is_ipv4() == is_v4
            })
        };
        let role = (0..MAX_ROLES).find(is_it);
        let refused = |counter| Some(Err(Refusal { role, counter }));
        match (fate, role) {
            (Fate::Unknown, _) => None,
            (Fate::Stray(counter), _) => stray(counter),
            (Fate::Unread(counter), Some(_)) => refused(counter),
            (Fate::Unread("packet_length_errors"), None) => stray("packet_length_errors"),
            (Fate::Unread(_), None) => stray("other_parse_errors"),
            (Fate::Taken | Fate::Refused(_), None) => stray("vrid_errors"),
            (_, Some(role)) if self.told[role] == State::Initialize => refused("not_running"),
            (Fate::Refused(counter), Some(_)) => refused(counter),
            (Fate::Taken, Some(role)) => Some(Ok(role)),
        }
    }

    fn ask_models(&mut self, ask: impl Fn(&mut Model) -> Orders) -> [Orders; MAX_ROLES] {
        self.models.each_mut().map(|model| model.as_mut().map(&ask).unwrap_or_default())
    }

    fn count(&mut self, role: Option<usize>, counter: &'static str) {
        *self.tally.entry((role, counter)).or_default() += 1;
    }
}
