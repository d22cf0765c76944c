//! What instances and groups depend on: interfaces, scripts, processes, files.

use std::collections::{BTreeMap, BTreeSet};

use failover_examples::keepalived_conf::model::{FileTracker, Tracks};
use vrrp_engine::{Health, Tracker, TrackerId};

use super::Vrrp;

/// Something that is tracked, by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tracked {
    Interface(String),
    Script(String),
    Process(String),
}

/// The engine's numbers of what is tracked, and how it was last. They are kept for ever: another configuration may name it again.
#[derive(Debug, Default)]
pub(crate) struct Trackers {
    ids: BTreeMap<Tracked, TrackerId>,
    /// Of files, each user has a number of its own, for each weighs it in its own way.
    file_ids: BTreeMap<(String, User), TrackerId>,
    files: BTreeMap<String, i64>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum User {
    Instance(String),
    Group(String),
}

impl Vrrp {
    /// Says how something is.
    pub(crate) fn report(&mut self, tracked: &Tracked, is_well: bool) {
        if let Some(id) = self.trackers.ids.get(tracked) {
            let health = if is_well { Health::Up } else { Health::Down };
            self.router.report(self.clock.now(), *id, health);
        }
        self.may_have_other_priorities = true;
        self.carry_out();
    }

    /// Says what number is in a file.
    pub(crate) fn report_file(&mut self, name: &str, number: i64) {
        self.trackers.files.insert(name.to_owned(), number);
        self.weigh_files();
        self.may_have_other_priorities = true;
        self.carry_out();
    }

    /// Makes instances and groups depend on what their models say, and on nothing else.
    pub(super) fn track_all(&mut self) {
        self.number_all();
        let now = self.clock.now();
        for place in 0..self.instances.len() {
            let Some(instance) = self.instances.get(place) else { continue };
            let (id, track) = (instance.id, instance.model.track.clone());
            let wanted: BTreeSet<_> = self.plain(&track).map(|(tracker, _)| tracker).collect();
            let all: Vec<_> = self.trackers.ids.values().copied().collect();
            for tracker in all.into_iter().filter(|tracker| !wanted.contains(tracker)) {
                let _ = self.router.untrack(now, id, tracker);
            }
            let plain: Vec<_> = self.plain(&track).collect();
            for (tracker, effect) in plain {
                let _ = self.router.track(now, id, tracker, effect);
            }
        }
        for group in 0..self.groups.len() {
            let Some(group) = self.groups.get(group) else { continue };
            let (Some(id), track) = (group.id, group.model.track.clone()) else { continue };
            let plain: Vec<_> = self.plain(&track).collect();
            for (tracker, effect) in plain {
                let _ = self.router.track_group(now, id, tracker, effect);
            }
        }
        self.weigh_files();
    }

    /// Gives everything that is tracked a number, and says how interfaces are.
    fn number_all(&mut self) {
        let tracks: Vec<Tracks> = self
            .instances
            .iter()
            .map(|instance| instance.model.track.clone())
            .chain(self.groups.iter().map(|group| group.model.track.clone()))
            .collect();
        for tracked in tracks.iter().flat_map(plain_names) {
            if !self.trackers.ids.contains_key(&tracked) {
                let id = self.router.add_tracker();
                self.trackers.ids.insert(tracked.clone(), id);
            }
            if let Tracked::Interface(name) = &tracked {
                let is_up = self.links.is_up(name);
                let health = if is_up { Health::Up } else { Health::Down };
                if let Some(id) = self.trackers.ids.get(&tracked) {
                    self.router.report(self.clock.now(), *id, health);
                }
            }
        }
    }

    /// Returns what is tracked but for files, with what its failure does.
    fn plain<'t>(&'t self, track: &'t Tracks) -> impl Iterator<Item = (TrackerId, Tracker)> + 't {
        let effects = track.interfaces.iter().chain(&track.scripts).chain(&track.processes);
        let ids = plain_names(track).map(|tracked| self.trackers.ids.get(&tracked).copied());
        ids.zip(effects).filter_map(|(id, one)| Some((id?, one.tracker)))
    }

    /// Has the numbers in files do what each user says of them.
    fn weigh_files(&mut self) {
        let now = self.clock.now();
        let mut wanted = BTreeSet::new();
        for place in 0..self.instances.len() {
            let Some(instance) = self.instances.get(place) else { continue };
            let (router, name, files) =
                (instance.id, instance.model.name.clone(), instance.model.track.files.clone());
            for file in files {
                let key = (file.name.clone(), User::Instance(name.clone()));
                let (id, (tracker, health)) = (self.file_id(&key), self.weigh(&file));
                self.router.report(now, id, health);
                let _ = self.router.track(now, router, id, tracker);
                wanted.insert(key);
            }
            let stale: Vec<_> = self
                .trackers
                .file_ids
                .iter()
                .filter(|(key, _)| key.1 == User::Instance(name.clone()) && !wanted.contains(*key))
                .map(|(_, id)| *id)
                .collect();
            for id in stale {
                let _ = self.router.untrack(now, router, id);
            }
        }
        for place in 0..self.groups.len() {
            let Some(group) = self.groups.get(place) else { continue };
            let (Some(group_id), name, files) =
                (group.id, group.model.name.clone(), group.model.track.files.clone())
            else {
                continue;
            };
            for file in files {
                let key = (file.name.clone(), User::Group(name.clone()));
                let (id, (tracker, health)) = (self.file_id(&key), self.weigh(&file));
                self.router.report(now, id, health);
                let _ = self.router.track_group(now, group_id, id, tracker);
            }
        }
    }

    fn file_id(&mut self, key: &(String, User)) -> TrackerId {
        match self.trackers.file_ids.get(key) {
            Some(id) => *id,
            None => {
                let id = self.router.add_tracker();
                self.trackers.file_ids.insert(key.clone(), id);
                id
            }
        }
    }

    /// What a file's number comes to: a weight, or a fault. A file that is not there counts as 0.
    fn weigh(&self, file: &FileTracker) -> (Tracker, Health) {
        let number = self.trackers.files.get(&file.name).copied().unwrap_or(0);
        if file.weight == 0 {
            let is_fault = (number != 0) != file.reverse;
            return (Tracker::fault(), if is_fault { Health::Down } else { Health::Up });
        }
        let weight = number.saturating_mul(file.weight.into());
        let weight = if file.reverse { weight.saturating_neg() } else { weight };
        if weight <= FAULT {
            return (Tracker::fault(), Health::Down);
        }
        let health = if weight < 0 { Health::Down } else { Health::Up };
        let weight = i16::try_from(weight.clamp(-MOST, MOST)).unwrap_or(0);
        match Tracker::weight(weight) {
            Ok(tracker) => (tracker, health),
            // 0 is no weight: nothing is to follow from it.
            Err(_) => (Tracker::fault(), Health::Up),
        }
    }
}

fn plain_names(track: &Tracks) -> impl Iterator<Item = Tracked> {
    let interfaces = track.interfaces.iter().map(|one| Tracked::Interface(one.name.clone()));
    let scripts = track.scripts.iter().map(|one| Tracked::Script(one.name.clone()));
    let processes = track.processes.iter().map(|one| Tracked::Process(one.name.clone()));
    interfaces.chain(scripts).chain(processes)
}

/// From here on down, a file's weight is a fault.
const FAULT: i64 = -254;
const MOST: i64 = 253;
