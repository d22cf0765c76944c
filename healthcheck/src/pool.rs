use std::{
    collections::{BTreeMap, VecDeque, btree_map::Entry},
    mem,
    time::Instant,
};

use crate::{Admin, Health, Standing, Target};

mod action;
mod config;
mod member;
mod snapshot;

pub use action::{Action, Mode, PoolEvent};
pub use config::{OnDown, PoolConfig, PoolConfigBuilder, PoolConfigError};
use member::{Member, Share, View};
pub use snapshot::{PoolSnapshot, PoolStats, TargetSnapshot};

/// The targets behind one balancer, and what the balancer must be told about them.
///
/// Targets are known by a key of the caller's (an address, a number), checks by an identifier of the caller's; a check may stand for
/// targets in many pools. What is polled are orders that lead from what the balancer was last told to what it shall have now: the
/// fewest there are, none twice, and a caller that polls late gets those that hold then. So the same pool serves IPVS,
/// nftables, a proxy or a list of DNS records.
///
/// ```
/// use std::time::Instant;
/// use healthcheck::{Action, Pool, PoolConfig, Standing, Target};
///
/// let now = Instant::now();
/// let mut pool = Pool::new(now, PoolConfig::builder().fallback("sorry").build()?);
/// pool.set_target(now, "web1", Target::new(2).check(1, Standing::UP));
/// pool.set_target(now, "web2", Target::new(1).check(2, Standing::UP));
/// assert_eq!(pool.poll_actions(), [
///     Action::Add { key: "web1", weight: 2 },
///     Action::Add { key: "web2", weight: 1 },
/// ]);
///
/// pool.handle_check(now, 1, Standing::DOWN);
/// pool.handle_check(now, 2, Standing::DOWN);
/// assert_eq!(pool.poll_actions(), [
///     Action::Add { key: "sorry", weight: 1 },
///     Action::Remove { key: "web1" },
///     Action::Remove { key: "web2" },
/// ]);
/// # Ok::<(), healthcheck::PoolConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Pool<K, C> {
    config: PoolConfig<K>,
    now: Instant,
    members: BTreeMap<K, Member<C>>,
    /// Whose the checks are.
    owners: BTreeMap<C, Vec<K>>,
    sums: Sums,
    has_quorum: bool,
    mode: Mode,
    /// What the caller was last told of these.
    told_quorum: Option<bool>,
    told_mode: Mode,
    /// Those whose entries, and whose health, may be other than what was told.
    touched: Vec<K>,
    changed: VecDeque<K>,
    all_touched: bool,
    batch: Vec<Action<K>>,
    /// No member's deadline is before this one.
    deadline: Option<Instant>,
    generation: u32,
    stats: PoolStats,
}

/// What all members' [`Share`]s come to. Written in one place, by the share that goes and the share that comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    weight: u64,
    configured: u64,
    up: u32,
    down: u32,
    unknown: u32,
    targets: u32,
}

impl<K: Copy + Ord, C: Copy + Ord> Pool<K, C> {
    /// Makes one without targets.
    #[must_use]
    pub fn new(now: Instant, config: PoolConfig<K>) -> Self {
        let mut pool = Self {
            config,
            now,
            members: BTreeMap::new(),
            owners: BTreeMap::new(),
            sums: Sums::default(),
            has_quorum: false,
            mode: Mode::Normal,
            told_quorum: None,
            told_mode: Mode::Normal,
            touched: Vec::new(),
            changed: VecDeque::new(),
            all_touched: false,
            batch: Vec::new(),
            deadline: None,
            generation: 0,
            stats: PoolStats::default(),
        };
        pool.add_fallback();
        pool
    }

    /// Puts another configuration in force. Targets stay, and what they have come to.
    pub fn retune(&mut self, now: Instant, config: PoolConfig<K>) {
        self.advance(now);
        self.config = config;
        self.add_fallback();
        self.all_touched = true;
        self.decide();
    }

    /// Adds a target, or changes one. One that is there already keeps its entry and the operator's order; if it serves, checks
    /// that it did not have may not take it down before they have a result.
    pub fn set_target(&mut self, now: Instant, key: K, target: Target<C>) {
        self.advance(now);
        self.put(key, target);
        self.decide();
    }

    /// Takes a target out of the configuration: it drains as is [configured](PoolConfigBuilder::drain), and is removed. One that
    /// is added again meanwhile is as it was.
    pub fn remove_target(&mut self, now: Instant, key: K) {
        self.advance(now);
        self.take_out(key);
        self.decide();
    }

    /// Makes these all its targets: as if each were [set](Self::set_target), and all others were
    /// [removed](Self::remove_target).
    pub fn set_targets(&mut self, now: Instant, targets: impl IntoIterator<Item = (K, Target<C>)>) {
        self.advance(now);
        self.generation = self.generation.wrapping_add(1);
        for (key, target) in targets {
            self.put(key, target);
        }
        let others = self.members.iter().filter(|(_, member)| member.generation != self.generation);
        let others: Vec<K> = others.map(|(key, _)| *key).collect();
        for key in others {
            self.take_out(key);
        }
        self.decide();
    }

    /// Takes what a check says now, for all targets that have it; returns how many these are. It need not be called if the
    /// [`Standing`] is the same as before.
    pub fn handle_check(&mut self, now: Instant, check: C, standing: Standing) -> usize {
        self.advance(now);
        // Lent for the loop: nothing below asks for it.
        let owners = self.owners.get_mut(&check).map(mem::take).unwrap_or_default();
        for key in &owners {
            if let Some(target) = self.members.get_mut(key).and_then(|member| member.target.as_mut()) {
                target.handle_check(check, standing);
                self.look(*key);
            }
        }
        let count = owners.len();
        if let Some(slot) = self.owners.get_mut(&check) {
            *slot = owners;
        }
        self.decide();
        count
    }

    /// Does with a target as the operator orders.
    pub fn set_admin(&mut self, now: Instant, key: K, admin: Admin) {
        self.advance(now);
        if let Some(target) = self.members.get_mut(&key).and_then(|member| member.target.as_mut()) {
            target.set_admin(admin);
            self.look(key);
            self.decide();
        }
    }

    /// Hears that the last connection of one that drains has ended, so that it can be removed before its time.
    pub fn handle_drained(&mut self, now: Instant, key: K) {
        self.advance(now);
        if let Some(member) = self.members.get_mut(&key)
            && member.leaves_at.is_some()
        {
            member.leaves_at = Some(now);
            self.touch(key);
        }
    }

    /// Hears what the balancer really holds for a key: its weight, or nothing. For what is found there at a start, for an order
    /// that could not be carried out, and for what somebody else has changed; what differs is ordered again.
    ///
    /// An entry that no target stands for drains and is removed, as one that leaves the configuration.
    pub fn handle_entry(&mut self, now: Instant, key: K, entry: Option<u32>) {
        self.advance(now);
        let member = match self.members.entry(key) {
            Entry::Vacant(_) if entry.is_none() => return,
            Entry::Vacant(place) => {
                let member = place.insert(Member::new(None));
                member.leaves_at = Some(now + self.config.drain);
                member
            }
            Entry::Occupied(place) => place.into_mut(),
        };
        member.entry = entry;
        self.make_room();
        self.touch(key);
    }

    /// Lets time have its effect: weights that grow, and drains that end. Early, late or repeated calls are harmless.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.advance(now);
        if self.deadline.is_none_or(|deadline| deadline > self.now) {
            return;
        }
        let view = View::new(self.now, self.mode, &self.config);
        self.deadline = None;
        self.all_touched = true;
        for member in self.members.values_mut() {
            let next = member.deadline(&view);
            self.deadline = [self.deadline, next].into_iter().flatten().min();
        }
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is to be called, or a little before that.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// Returns all that the balancer must be told now: additions first, then weights, then removals, so that there is always
    /// somebody. They count as carried out; [`handle_entry`](Self::handle_entry) is for those that were not.
    #[must_use]
    pub fn poll_actions(&mut self) -> &[Action<K>] {
        self.batch.clear();
        let view = View::new(self.now, self.mode, &self.config);
        let mut touched = mem::take(&mut self.touched);
        if mem::take(&mut self.all_touched) {
            touched.clear();
            for (key, member) in &mut self.members {
                self.batch.extend(order(*key, member, &view));
                if member.is_gone() && view.fallback != Some(*key) {
                    touched.push(*key);
                }
            }
        } else {
            touched.retain(|key| {
                let Some(member) = self.members.get_mut(key) else { return false };
                self.batch.extend(order(*key, member, &view));
                member.is_gone() && view.fallback != Some(*key)
            });
        }
        for key in touched.drain(..) {
            self.members.remove(&key);
        }
        self.touched = touched;
        self.batch.sort_unstable_by_key(Action::rank);
        for action in &self.batch {
            let counter = match action {
                Action::Add { .. } => &mut self.stats.added,
                Action::SetWeight { .. } => &mut self.stats.reweighed,
                Action::Remove { .. } => &mut self.stats.removed,
            };
            *counter += 1;
        }
        &self.batch
    }

    /// Returns what is new; call it until there is no more. A caller that polls late is told what holds now.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<PoolEvent<K>> {
        while let Some(key) = self.changed.pop_front() {
            let Some(member) = self.members.get_mut(&key) else { continue };
            member.is_changed = false;
            let to = member.health();
            let from = mem::replace(&mut member.told, to);
            if from != to {
                return Some(PoolEvent::Target { key, from, to });
            }
        }
        if self.is_decided() && self.told_quorum != Some(self.has_quorum) {
            self.told_quorum = Some(self.has_quorum);
            let (weight, needed) = (self.sums.weight, self.needed());
            return Some(if self.has_quorum {
                PoolEvent::QuorumGained { weight, needed }
            } else {
                PoolEvent::QuorumLost { weight, needed }
            });
        }
        let from = mem::replace(&mut self.told_mode, self.mode);
        (from != self.mode).then_some(PoolEvent::Mode { from, to: self.mode })
    }

    /// Returns a target.
    #[must_use]
    pub fn target(&self, key: K) -> Option<&Target<C>> {
        self.members.get(&key)?.target.as_ref()
    }

    /// Returns the configuration in force.
    #[must_use]
    pub const fn config(&self) -> &PoolConfig<K> {
        &self.config
    }

    /// Returns by which rules it goes.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Whether it has its quorum.
    #[must_use]
    pub const fn has_quorum(&self) -> bool {
        self.has_quorum
    }

    /// Returns everything there is to know of the pool.
    #[must_use]
    pub fn snapshot(&self) -> PoolSnapshot {
        PoolSnapshot {
            mode: self.mode,
            has_quorum: self.has_quorum,
            weight: self.sums.weight,
            needed: self.needed(),
            targets: self.sums.targets,
            up: self.sums.up,
            unknown: self.sums.unknown,
            stats: self.stats,
        }
    }

    /// Returns everything there is to know of its targets, in the order of their keys.
    pub fn targets(&self) -> impl Iterator<Item = TargetSnapshot<K>> + Clone {
        self.members.iter().filter_map(|(key, member)| {
            let target = member.target.as_ref()?;
            let (health, admin, weight) = (member.health(), target.admin(), target.weight());
            Some(TargetSnapshot { key: *key, health, admin, weight, entry: member.entry })
        })
    }

    fn put(&mut self, key: K, mut target: Target<C>) {
        let generation = self.generation;
        let member = self.members.entry(key).or_insert_with(|| Member::new(None));
        member.generation = generation;
        let former = member.target.take();
        if let Some(former) = &former {
            target.succeed(former);
        } else {
            member.leaves_at = None;
        }
        for check in former.iter().flat_map(Target::checks) {
            disown(&mut self.owners, check, key);
        }
        for check in target.checks() {
            let owners = self.owners.entry(check).or_default();
            if !owners.contains(&key) {
                owners.push(key);
            }
        }
        member.target = Some(target);
        self.make_room();
        self.look(key);
    }

    fn take_out(&mut self, key: K) {
        let Some(member) = self.members.get_mut(&key) else { return };
        let Some(former) = member.target.take() else { return };
        member.leaves_at = Some(self.now + self.config.drain);
        for check in former.checks() {
            disown(&mut self.owners, check, key);
        }
        self.look(key);
    }

    fn add_fallback(&mut self) {
        if let Some(fallback) = self.config.fallback {
            self.members.entry(fallback).or_insert_with(|| Member::new(None));
            self.make_room();
        }
    }

    /// Time does not go back.
    fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    /// Looks at a member anew: its share in the sums, and what time will do to it.
    fn look(&mut self, key: K) {
        let Some(member) = self.members.get_mut(&key) else { return };
        let (was, is) = (member.share, member.look());
        member.share = is;
        self.sums.exchange(was, is);
        if is.is_none() {
            // Who took it out knows.
            member.told = Health::Unknown;
            if mem::take(&mut member.is_changed) {
                self.changed.retain(|changed| *changed != key);
            }
        }
        let health = |share: Option<Share>| share.map(|share| share.health).unwrap_or_default();
        if is.is_some() && health(was) != health(is) {
            member.turn(health(was), health(is), &View::new(self.now, self.mode, &self.config));
            if !mem::replace(&mut member.is_changed, true) {
                self.changed.push_back(key);
            }
        }
        self.touch(key);
    }

    /// Notes that a member's entry may be other than what is wanted.
    fn touch(&mut self, key: K) {
        let Some(member) = self.members.get_mut(&key) else { return };
        let next = member.deadline(&View::new(self.now, self.mode, &self.config));
        self.deadline = [self.deadline, next].into_iter().flatten().min();
        if !mem::replace(&mut member.is_touched, true) {
            self.touched.push(key);
        }
    }

    /// Decides on the quorum and the rules to go by, after anything that may have changed the sums.
    fn decide(&mut self) {
        let Sums { weight, up, down, unknown, .. } = self.sums;
        let has_quorum = weight > 0 && weight >= self.needed();
        if has_quorum != self.has_quorum {
            self.has_quorum = has_quorum;
            let stats = &mut self.stats;
            *if has_quorum { &mut stats.quorum_gains } else { &mut stats.quorum_losses } += 1;
        }
        // After a start, the first that fails is no reason to put in those that nobody has looked at.
        let hopeful = u64::from(up) + u64::from(unknown);
        let is_panic = hopeful * 100 < u64::from(self.config.panic_below) * (hopeful + u64::from(down));
        let mode = if self.config.fallback.is_some() && !has_quorum && self.is_decided() {
            Mode::Fallback
        } else if is_panic {
            Mode::Panic
        } else {
            Mode::Normal
        };
        if mode != mem::replace(&mut self.mode, mode) {
            self.all_touched = true;
            self.stats.fallbacks += u64::from(mode == Mode::Fallback);
            self.stats.panics += u64::from(mode == Mode::Panic);
        }
    }

    /// The weight that gains the quorum, or below which it is lost: keepalived's rule.
    fn needed(&self) -> u64 {
        let configured = self.sums.configured.max(1);
        let quorum = u64::from(self.config.quorum).min(configured);
        let hysteresis = u64::from(self.config.hysteresis).min(quorum - 1);
        if self.has_quorum { quorum - hysteresis } else { (quorum + hysteresis).min(configured) }
    }

    /// Whether enough is known to say that there is no quorum: after a start, not before all have been looked at.
    const fn is_decided(&self) -> bool {
        self.has_quorum || self.sums.unknown == 0 || self.stats.quorum_gains > 0
    }

    /// Takes memory where something is added, so that none is taken later.
    fn make_room(&mut self) {
        let count = self.members.len();
        self.touched.reserve(count - self.touched.len().min(count));
        self.changed.reserve(count - self.changed.len().min(count));
        self.batch.clear();
        self.batch.reserve(count);
    }
}

impl Sums {
    fn exchange(&mut self, was: Option<Share>, is: Option<Share>) {
        if let Some(Share { health, weight, configured }) = was {
            self.weight -= weight;
            self.configured -= configured;
            self.targets -= 1;
            self.slot(health).into_iter().for_each(|count| *count -= 1);
        }
        if let Some(Share { health, weight, configured }) = is {
            self.weight += weight;
            self.configured += configured;
            self.targets += 1;
            self.slot(health).into_iter().for_each(|count| *count += 1);
        }
    }

    fn slot(&mut self, health: Health) -> Option<&mut u32> {
        match health {
            Health::Up => Some(&mut self.up),
            Health::Down => Some(&mut self.down),
            Health::Unknown => Some(&mut self.unknown),
            Health::Draining | Health::Maintenance => None,
        }
    }
}

/// Brings a member's entry to what is wanted; returns the order that does.
fn order<K: Copy + Eq, C: Copy + Eq>(key: K, member: &mut Member<C>, view: &View<K>) -> Option<Action<K>> {
    member.is_touched = false;
    let wanted = member.wanted(key, view);
    Action::between(key, mem::replace(&mut member.entry, wanted), wanted)
}

fn disown<K: Copy + Eq, C: Copy + Ord>(owners: &mut BTreeMap<C, Vec<K>>, check: C, key: K) {
    if let Some(keys) = owners.get_mut(&check) {
        keys.retain(|owner| *owner != key);
        if keys.is_empty() {
            owners.remove(&check);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_that_polls_no_events_does_not_make_it_grow() {
        let now = Instant::now();
        let mut pool = Pool::new(now, PoolConfig::default());
        for _ in 0..100 {
            pool.set_target(now, 1, Target::new(1).check(1, Standing::UP));
            let _ = pool.poll_actions();
            pool.remove_target(now, 1);
            let _ = pool.poll_actions();
        }
        assert_eq!((pool.changed.len(), pool.members.len(), pool.owners.len()), (0, 0, 0));
        assert_eq!(pool.sums, Sums::default());
    }
}
