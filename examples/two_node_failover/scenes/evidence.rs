//! What was seen, and what it proves: the evidence of a scene.

use std::{collections::BTreeMap, time::Duration};

use vrrp_engine::State;

use super::{BOUND, Change, Scene, Stage, Timing, names};
use crate::{
    Result,
    plan::{NAMES, NODES},
    world::{Seen, What, World},
};

impl<W: World> Stage<'_, W> {
    pub(super) fn masters(&self, router: usize) -> Vec<usize> {
        NODES.into_iter().filter(|node| self.states[router][*node] == Some(State::Master)).collect()
    }

    pub(super) fn master(&self, router: usize) -> Result<usize> {
        match self.masters(router)[..] {
            [master] => Ok(master),
            _ => Err(format!(
                "router {} has not one Master: the scenes cannot go on",
                self.plan.routers[router].vrid
            )
            .into()),
        }
    }

    pub(super) fn best(&self, router: usize) -> usize {
        let priorities = self.plan.routers[router].priorities;
        if priorities[0] > priorities[1] { 0 } else { 1 }
    }

    /// All that was seen in this scene from a moment on, in no sure order.
    pub(super) fn since(&self, begin: Duration) -> impl Iterator<Item = &Seen> {
        let scene = self.history.get(self.scene_start..).unwrap_or_default();
        scene.iter().filter(move |seen| seen.at >= begin)
    }

    pub(super) fn first_advertisement(
        &self,
        router: usize,
        node: usize,
        begin: Duration,
    ) -> Option<Duration> {
        self.since(begin).filter(|seen| seen.is_advertisement(router, node)).map(|seen| seen.at).min()
    }

    pub(super) fn transition(
        &self,
        router: usize,
        node: usize,
        begin: Duration,
        state: State,
    ) -> Option<Duration> {
        let is_it = |seen: &&Seen| {
            seen.node == node
                && matches!(seen.what, What::Transition { router: of, to, .. } if of == router && to == state)
        };
        self.since(begin).filter(is_it).map(|seen| seen.at).min()
    }

    /// The protocol's own time and the time it took, once both are known.
    pub(super) fn times(&self, change: &Change, begin: Duration) -> Option<Times> {
        let Change { router, winner, timing, .. } = *change;
        let first = self.first_advertisement(router, winner, begin);
        match timing {
            Timing::FromLastAdvertisement { of, takes } => {
                let first = first?;
                let is_it = |seen: &&Seen| seen.at < first && seen.is_advertisement(router, of);
                let last = self.history.iter().rfind(is_it).map(|seen| seen.at)?;
                Some(Times { start: last, protocol: takes, takeover: first - last })
            }
            Timing::FromRelease { of, takes } => {
                let is_it = |seen: &&Seen| {
                    seen.node == of
                        && matches!(seen.what, What::Advertisement { router: of, priority: 0 } if of == router)
                };
                let release = self.since(begin).filter(is_it).map(|seen| seen.at).min()?;
                let takeover = first?.saturating_sub(release);
                Some(Times { start: release, protocol: takes, takeover })
            }
            Timing::FromStart { takes } => {
                let started = self.transition(router, winner, begin, State::Backup)?;
                let takeover = first?.saturating_sub(started);
                Some(Times { start: started, protocol: takes, takeover })
            }
            Timing::WhenHeard { loser } => {
                let gave_way = self.transition(router, loser, begin, State::Backup)?;
                Some(Times { start: begin, protocol: first? - begin, takeover: gave_way - begin })
            }
            Timing::Unchanged { .. } => None,
        }
    }

    /// From the winner's first advertisement in this scene to its next answer to the client.
    pub(super) fn answered(&self, change: &Change, begin: Duration) -> Option<Duration> {
        let first = self.first_advertisement(change.router, change.winner, begin)?;
        let is_it = |seen: &&Seen| {
            seen.node == change.winner
                && matches!(seen.what, What::Reply { router, .. } if router == change.router)
        };
        self.since(first).filter(is_it).map(|seen| seen.at - first).min()
    }

    /// The times in which the client asked in vain: each from a ping without an answer to the next answer.
    pub(super) fn silences(
        &self,
        router: usize,
        begin: Duration,
        end: Duration,
    ) -> Vec<(Duration, Duration)> {
        let mut answers = BTreeMap::new();
        for seen in self.since(begin) {
            if let What::Reply { router: of, number } = seen.what
                && of == router
            {
                let first = answers.entry(number).or_insert(seen.at);
                *first = seen.at.min(*first);
            }
        }
        let (mut silences, mut since) = (Vec::new(), None);
        for seen in self.since(begin) {
            let What::Ping { router: of, number } = seen.what else { continue };
            if of != router {
                continue;
            }
            match answers.get(&number) {
                Some(answer) => silences.extend(since.take().map(|since| (since, *answer))),
                // An answer to the last ones may be on its way.
                None if seen.at + BOUND < end => since = since.or(Some(seen.at)),
                None => {}
            }
        }
        silences.extend(since.map(|since| (since, end)));
        silences
    }

    /// The longest time that a Master kept the others waiting for an advertisement, while it was Master and not cut off;
    /// less what the machine stood still.
    pub(super) fn longest_wait(
        &self,
        router: usize,
        node: usize,
        begin: Duration,
        end: Duration,
    ) -> Duration {
        if self.is_cut[node] {
            return Duration::ZERO;
        }
        let is_its = |seen: &&Seen| seen.is_advertisement(router, node);
        let became = self.transition(router, node, begin, State::Master);
        let from = if self.masters_before[router].contains(&node) {
            // Nobody could hear it before its cable was mended.
            let last =
                self.history.iter().filter(|seen| seen.at < begin).filter(is_its).map(|seen| seen.at).max();
            if self.was_cut[node] { Some(begin) } else { last }
        } else {
            became
        };
        let Some(from) = from else { return Duration::ZERO };
        let left = self.since(begin).filter(|seen| {
            let leaves = match seen.what {
                What::Transition { router: of, from, .. } => of == router && from == State::Master,
                What::Gone => true,
                What::Advertisement { .. } | What::Ping { .. } | What::Reply { .. } | What::Note(_) => false,
            };
            seen.node == node && leaves
        });
        let until = left.map(|seen| seen.at).min().unwrap_or(end);
        let adverts =
            self.since(begin).filter(is_its).map(|seen| seen.at).filter(|at| (from..until).contains(at));
        let mut moments: Vec<_> = [from, until.max(from)].into_iter().chain(adverts).collect();
        moments.sort();
        let waits = moments.windows(2).map(|pair| (pair[0], pair[1]));
        let longest = waits.max_by_key(|(from, to)| *to - *from).unwrap_or_default();
        (longest.1 - longest.0).saturating_sub(self.world.stalled(longest.0, longest.1))
    }

    pub(super) fn has_come_about(&self, change: &Change, begin: Duration) -> bool {
        // The cheap question first: it is asked at each event, and mostly answered with no.
        if self.masters(change.router) != change.masters {
            return false;
        }
        match change.timing {
            Timing::Unchanged { watch } => self.world.now() >= begin + watch,
            Timing::FromLastAdvertisement { .. }
            | Timing::FromRelease { .. }
            | Timing::FromStart { .. }
            | Timing::WhenHeard { .. } => {
                self.times(change, begin).is_some() && self.answered(change, begin).is_some()
            }
        }
    }

    pub(super) fn measure(
        &self,
        name: &'static str,
        begin: Duration,
        end: Duration,
        change: &Change,
        in_time: bool,
    ) -> Result<Scene> {
        let times = self.times(change, begin);
        let is_unchanged = matches!(change.timing, Timing::Unchanged { .. });
        let silences = self.silences(change.router, begin, end);
        let outage = silences.iter().copied().max_by_key(|(from, to)| *to - *from).unwrap_or_default();
        let mut scene = Scene {
            name,
            router: change.router,
            protocol: times.map(|times| times.protocol),
            takeover: times.map(|times| times.takeover),
            outage: outage.1 - outage.0,
            restored: None,
            stalled: times.map_or(Duration::ZERO, |times| times.stalled(self.world)),
            masters: self.masters(change.router),
            fault: None,
        };
        if !is_unchanged && let Some(answered) = self.answered(change, begin) {
            // Not before the client's last ping in vain was followed by an answer.
            let first = self.first_advertisement(change.router, change.winner, begin).unwrap_or(begin);
            let silence = silences.last().map_or(Duration::ZERO, |(_, to)| to.saturating_sub(first));
            let restored = answered.max(silence);
            scene.restored = Some(restored);
            scene.stalled += self.world.stalled(first, first + restored);
        }
        if is_unchanged {
            scene.stalled = self.world.stalled(outage.0, outage.1);
        }
        scene.fault = match self.find_deviation(change.router, begin, end)? {
            None => scene.find_fault(change, is_unchanged, in_time),
            deviation => deviation,
        };
        Ok(scene)
    }

    /// What is wrong with the nodes themselves, whatever they say of themselves.
    pub(super) fn find_deviation(
        &self,
        router: usize,
        begin: Duration,
        end: Duration,
    ) -> Result<Option<String>> {
        for node in NODES {
            let name = NAMES[node];
            let longest = self.longest_wait(router, node, begin, end);
            if longest > self.plan.interval() + BOUND {
                let millis = longest.as_millis();
                return Ok(Some(format!("{name} was Master and advertised nothing for {millis} ms")));
            }
            let Some(state) = self.states[router][node] else { continue };
            let holds = self.world.holds(node, router)?;
            if holds != (state == State::Master) {
                let verb = if holds { "holds" } else { "does not hold" };
                return Ok(Some(format!("{name} is {state} and {verb} the address")));
            }
            if state == State::Initialize && self.world.is_running(node) {
                return Ok(Some(format!("{name} was stopped and its process has not ended")));
            }
        }
        Ok(None)
    }
}

/// A takeover, timed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Times {
    /// When the protocol's own time began.
    start: Duration,
    protocol: Duration,
    takeover: Duration,
}

impl Times {
    /// How long the machine stood still where that can have made the takeover look late: while what began it was on its
    /// way, and when it was due. Or early: when its beginning was noted.
    fn stalled(self, world: &impl World) -> Duration {
        let Self { start, protocol, takeover } = self;
        let over = takeover.saturating_sub(protocol);
        let under = protocol.saturating_sub(takeover);
        world.stalled(start.saturating_sub(under), start + over)
            + world.stalled(start + protocol, start + protocol + over)
    }
}

impl Scene {
    /// How much longer the takeover took than the protocol asks for, in milliseconds.
    pub(crate) fn over_protocol_ms(&self) -> Option<f64> {
        Some((self.takeover?.as_secs_f64() - self.protocol?.as_secs_f64()) * 1e3)
    }

    pub(super) fn find_fault(&self, change: &Change, is_unchanged: bool, in_time: bool) -> Option<String> {
        // What the machine stood still is not the protocol's fault, nor the nodes'.
        let stalled = self.stalled.as_secs_f64() * 1e3;
        let bound = BOUND.as_secs_f64() * 1e3 + stalled;
        if self.masters != change.masters {
            return Some(format!(
                "Master should be {}, not {}",
                names(&change.masters),
                names(&self.masters)
            ));
        }
        if is_unchanged {
            let outage = Some(self.outage).filter(|outage| *outage > BOUND + self.stalled);
            return outage.map(|outage| format!("the client had no answer for {} ms", outage.as_millis()));
        }
        match self.over_protocol_ms() {
            Some(over) if over > bound => {
                return Some(format!("{over:.1} ms over the protocol's time, more than {bound:.0}"));
            }
            // Clocks of different processes are compared: half a millisecond is no contradiction.
            Some(over) if over < -0.5 - stalled => {
                return Some(format!("{:.1} ms before the protocol's time", -over));
            }
            Some(_) => {}
            None => return Some("no takeover was seen".to_owned()),
        }
        match self.restored {
            Some(restored) if restored > BOUND + self.stalled => Some(format!(
                "the client's outage ended {:.1} ms after the first advertisement, more than {bound:.0}",
                restored.as_secs_f64() * 1e3
            )),
            Some(_) if in_time => None,
            Some(_) => Some("it took too long".to_owned()),
            None => Some("the client never had an answer from the new Master".to_owned()),
        }
    }
}
