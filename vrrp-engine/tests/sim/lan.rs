use std::{collections::BTreeMap, fmt::Display};

use super::{
    clock::Clock,
    dice::Dice,
    host::Did,
    invariants::{self, Broken},
    model::State,
    packet::Datagram,
    spec::{MAX_ROLES, Nanos, Role, Spec},
    witness::{Fate, Orderings, Witness},
};

/// Hosts on a wire that is as good or as bad as it is told to be, on a virtual clock.
#[derive(Debug)]
pub(crate) struct Lan {
    pub(crate) nodes: Vec<Node>,
    pub(crate) now: Nanos,
    pub(crate) weather: Weather,
    /// Whether what the first sends reaches the second.
    pub(crate) cut: Vec<Vec<bool>>,
    pub(crate) dice: Dice,
    /// What has happened, for those who want to read it.
    pub(crate) trace: Option<Vec<String>>,
    /// Packets handed to hosts, and deadlines kept.
    pub(crate) events: u64,
    /// For how long each virtual router had no Master.
    gaps: [Gap; MAX_ROLES],
    /// How late a host wakes up at most.
    pub(crate) lateness: Nanos,
    wire: BTreeMap<(Nanos, u64), Flight>,
    /// When the last packet from the first host to the second arrives.
    arrivals: Vec<Vec<Nanos>>,
    sent: u64,
}

/// A machine: running or not, with its interface and its clock.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) spec: Spec,
    clock: Clock,
    /// `None` after a crash, until it is booted.
    pub(crate) witness: Option<Witness>,
    pub(crate) paused: Option<Paused>,
    /// The addresses that the last crash has left on the interface.
    left: [bool; MAX_ROLES],
    /// The deadline that it sleeps for, and when it will wake up.
    alarm: Option<(Nanos, Nanos)>,
}

impl Node {
    /// Whether it is Master of a virtual router, and not paused.
    fn is_master(&self, vr: usize) -> bool {
        let state = self.witness.as_ref().and_then(|witness| witness.state(vr));
        self.paused.is_none() && state == Some(State::Master)
    }
}

/// A host that does not run for a while.
#[derive(Debug)]
pub(crate) struct Paused {
    since: Nanos,
    how: Pause,
    inbox: Vec<(Datagram, Fate)>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Pause {
    /// The process is stopped; so many packets wait for it, the rest is lost.
    Stopped(usize),
    /// The virtual machine is stopped; packets are lost; afterwards its clock knows how long it was.
    Suspended,
    /// As before, but its clock knows nothing.
    Frozen,
}

/// How a packet fares.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    /// In percent.
    pub(crate) loss: u64,
    pub(crate) twice: u64,
    /// Each packet takes up to this.
    pub(crate) delay: Nanos,
    /// Whether packets from one host to another may overtake each other.
    ///
    /// They don't where all is well: a Backup that hears priority 0 first, and then what the Master had sent before, waits
    /// for the whole Master_Down_Interval, and the RFCs know no help.
    pub(crate) overtaking: bool,
}

#[derive(Clone, Debug)]
struct Flight {
    to: usize,
    datagram: Datagram,
    fate: Fate,
}

#[derive(Clone, Copy, Debug, Default)]
struct Gap {
    since: Option<Nanos>,
    longest: Nanos,
}

impl Lan {
    pub(crate) fn new(specs: &[Spec], clocks: Vec<Clock>, calm: Weather, dice: Dice) -> Self {
        let node = |(spec, clock): (&Spec, Clock)| {
            let left = [false; MAX_ROLES];
            Node { spec: *spec, clock, witness: None, paused: None, left, alarm: None }
        };
        Self {
            nodes: specs.iter().zip(clocks).map(node).collect(),
            now: 0,
            weather: calm,
            cut: vec![vec![false; specs.len()]; specs.len()],
            dice,
            trace: None,
            events: 0,
            gaps: [Gap::default(); MAX_ROLES],
            lateness: 0,
            wire: BTreeMap::new(),
            arrivals: vec![vec![0; specs.len()]; specs.len()],
            sent: 0,
        }
    }

    /// Boots a host that is not there, or starts one that was shut down.
    pub(crate) fn start(&mut self, which: usize) -> Result<(), Broken> {
        let node = &mut self.nodes[which];
        let spec = node.spec;
        let now = node.clock.local(self.now);
        let witness = node.witness.get_or_insert_with(|| Witness::new(spec, node.left));
        let orderings = witness.start(now)?;
        self.follow(which, orderings);
        Ok(())
    }

    pub(crate) fn shutdown(&mut self, which: usize) -> Result<(), Broken> {
        let node = &mut self.nodes[which];
        let now = node.clock.local(self.now);
        let Some(witness) = &mut node.witness else { return Ok(()) };
        let orderings = witness.shutdown(now)?;
        self.follow(which, orderings);
        Ok(())
    }

    /// The power fails: what it knew is lost; its addresses stay where they are.
    pub(crate) fn crash(&mut self, which: usize) -> Result<(), Broken> {
        let node = &mut self.nodes[which];
        let Some(witness) = node.witness.take() else { return Ok(()) };
        node.left = witness.holds;
        if let Some(Paused { since, how: Pause::Frozen, .. }) = node.paused.take() {
            node.clock.stood_still += self.now - since;
        }
        node.alarm = None;
        self.look_for_gaps();
        witness.audit()
    }

    pub(crate) fn pause(&mut self, which: usize, how: Pause) {
        let node = &mut self.nodes[which];
        node.paused.get_or_insert(Paused { since: self.now, how, inbox: Vec::new() });
    }

    /// Lets a paused host run again: it reads what has waited for it before it looks at its timers.
    pub(crate) fn resume(&mut self, which: usize) -> Result<(), Broken> {
        let node = &mut self.nodes[which];
        let Some(Paused { since, how, inbox }) = node.paused.take() else { return Ok(()) };
        if matches!(how, Pause::Frozen) {
            node.clock.stood_still += self.now - since;
        }
        node.alarm = None;
        for (datagram, fate) in inbox {
            self.deliver(which, datagram, fate)?;
        }
        self.set_alarm(which);
        Ok(())
    }

    /// Sends a packet to one host, as from a stranger.
    pub(crate) fn inject(&mut self, to: usize, after: Nanos, datagram: Datagram, fate: Fate) {
        self.sent += 1;
        self.wire.insert((self.now + after, self.sent), Flight { to, datagram, fate });
    }

    /// Lets the next thing happen, if it does so by `end`; otherwise goes there, and returns false.
    pub(crate) fn step(&mut self, end: Nanos) -> Result<bool, Broken> {
        let alarms = self.nodes.iter().enumerate().filter(|(_, node)| node.paused.is_none());
        let alarm = alarms.filter_map(|(which, node)| Some((node.alarm?.1, which))).min();
        let arrival = self.wire.keys().next().map(|(at, _)| *at);
        let Some(next) =
            [alarm.map(|(at, _)| at), arrival].into_iter().flatten().min().filter(|at| *at <= end)
        else {
            self.now = end;
            return Ok(false);
        };
        self.now = next.max(self.now);
        self.events += 1;
        invariants::there_is_no_storm(self.events, MOST_EVENTS)?;
        if arrival == Some(next) {
            let (_, Flight { to, datagram, fate }) = self.wire.pop_first().unwrap();
            self.deliver(to, datagram, fate)?;
        } else if let Some((_, which)) = alarm {
            self.wake(which)?;
        }
        Ok(true)
    }

    pub(crate) fn run(&mut self, time: Nanos) -> Result<(), Broken> {
        let end = self.now + time;
        while self.step(end)? {}
        Ok(())
    }

    /// Returns when the last packet that is on its way will arrive.
    pub(crate) fn last_arrival(&self) -> Nanos {
        self.wire.keys().next_back().map_or(self.now, |(at, _)| *at)
    }

    /// Returns who takes part in a virtual router, is neither crashed nor shut down nor paused, and as what.
    pub(crate) fn running(&self, vr: usize) -> Vec<(usize, Role)> {
        let runs = |node: &Node| {
            let state = node.witness.as_ref()?.state(vr)?;
            node.spec.roles[vr].filter(|_| node.paused.is_none() && state != State::Initialize)
        };
        self.nodes.iter().enumerate().filter_map(|(which, node)| Some((which, runs(node)?))).collect()
    }

    pub(crate) fn masters(&self, vr: usize) -> Vec<usize> {
        (0..self.nodes.len()).filter(|which| self.nodes[*which].is_master(vr)).collect()
    }

    /// Forgets the times without a Master up to now.
    pub(crate) fn mind_the_gaps(&mut self) {
        self.gaps = Default::default();
        self.look_for_gaps();
    }

    /// Returns the longest time that a virtual router had no Master, up to now.
    pub(crate) fn longest_gap(&self, vr: usize) -> Nanos {
        let Gap { since, longest } = self.gaps[vr];
        longest.max(since.map_or(0, |since| self.now - since))
    }

    pub(crate) fn note(&mut self, what: impl Display) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>16.6} ms  {what}", self.now as f64 / 1e6));
        }
    }

    fn deliver(&mut self, to: usize, datagram: Datagram, fate: Fate) -> Result<(), Broken> {
        let node = &mut self.nodes[to];
        if let Some(Paused { how, inbox, .. }) = &mut node.paused {
            if matches!(how, Pause::Stopped(room) if inbox.len() < *room) {
                inbox.push((datagram, fate));
            }
            return Ok(());
        }
        if node.witness.is_none() {
            return Ok(());
        }
        if self.trace.is_some() {
            let Datagram { source, bytes, .. } = &datagram;
            let what = match *bytes.as_ref() {
                [_, vrid, priority, ..] => format!("VRID {vrid}, priority {priority}"),
                _ => "next to nothing".to_owned(),
            };
            self.note(format_args!("host {to} hears from {source}: {what} ({fate:?})"));
        }
        let node = &mut self.nodes[to];
        let now = node.clock.local(self.now);
        let Some(witness) = &mut node.witness else { return Ok(()) };
        let orderings = witness.hear(now, &datagram, fate)?;
        self.follow(to, orderings);
        Ok(())
    }

    fn wake(&mut self, which: usize) -> Result<(), Broken> {
        let node = &mut self.nodes[which];
        node.alarm = None;
        let now = node.clock.local(self.now);
        let Some(witness) = &mut node.witness else { return Ok(()) };
        let orderings = witness.wake(now)?;
        self.follow(which, orderings);
        Ok(())
    }

    /// Sends what a host has ordered to be sent, and sets its alarm.
    fn follow(&mut self, from: usize, orderings: Orderings) {
        for (vr, did) in orderings {
            let vrid = self.nodes[from].spec.roles[vr].map_or(0, |role| role.vrid);
            match did {
                Did::Advertise(priority, datagram) => {
                    self.note(format_args!("host {from} VRID {vrid} advertises priority {priority}"));
                    self.broadcast(from, &datagram);
                }
                Did::Acquire | Did::Release | Did::Announce | Did::Overdue => {
                    self.note(format_args!("host {from} VRID {vrid} {did:?}"));
                }
                Did::Transition(old, new, reason) => {
                    self.note(format_args!("host {from} VRID {vrid} {old:?} -> {new:?}: {reason}"));
                }
            }
        }
        self.look_for_gaps();
        self.set_alarm(from);
    }

    fn broadcast(&mut self, from: usize, datagram: &Datagram) {
        let Weather { loss, twice, delay, overtaking } = self.weather;
        for to in (0..self.nodes.len()).filter(|to| *to != from) {
            if self.cut[from][to] || self.dice.chance(loss) {
                continue;
            }
            for _ in 0..1 + u8::from(self.dice.chance(twice)) {
                let mut arrival = self.now + 1 + self.dice.roll(delay);
                if !overtaking {
                    arrival = arrival.max(self.arrivals[from][to] + 1);
                }
                self.arrivals[from][to] = arrival;
                self.inject(to, arrival - self.now, datagram.clone(), Fate::Taken);
            }
        }
    }

    fn set_alarm(&mut self, which: usize) {
        let node = &mut self.nodes[which];
        let deadline = node.witness.as_ref().and_then(Witness::deadline);
        if deadline != node.alarm.map(|(deadline, _)| deadline) {
            let late = self.dice.roll(self.lateness + 1);
            node.alarm = deadline.map(|deadline| (deadline, node.clock.moment(deadline) + late));
        }
    }

    fn look_for_gaps(&mut self) {
        for vr in 0..MAX_ROLES {
            let has_master = self.nodes.iter().any(|node| node.is_master(vr));
            let Gap { since, longest } = &mut self.gaps[vr];
            match since {
                None if !has_master => *since = Some(self.now),
                Some(start) if has_master => {
                    *longest = (*longest).max(self.now - *start);
                    *since = None;
                }
                None | Some(_) => {}
            }
        }
    }
}

/// Far more than the liveliest schedule has.
const MOST_EVENTS: u64 = 100_000;
