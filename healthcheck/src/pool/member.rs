use std::time::{Duration, Instant};

use super::{Mode, OnDown, PoolConfig};
use crate::{Admin, Health, Target};

/// What a pool holds for a key: a target, the fallback, or the entry of one that has left.
#[derive(Clone, Debug)]
pub(super) struct Member<C> {
    /// `None` if it has left the configuration, or was never in it.
    pub(super) target: Option<Target<C>>,
    /// What the balancer was last told, or has told.
    pub(super) entry: Option<u32>,
    /// As of the last look, so that nothing has to be added up anew.
    pub(super) share: Option<Share>,
    /// The health the caller was last told of.
    pub(super) told: Health,
    /// When it came back up, while its weight may still grow.
    pub(super) up_since: Option<Instant>,
    /// When it is to be removed, if it drains.
    pub(super) leaves_at: Option<Instant>,
    /// Which configuration it was last in.
    pub(super) generation: u32,
    /// Whether it waits to be looked at by `poll_actions`.
    pub(super) is_touched: bool,
    /// Whether it waits to be looked at by `poll_event`.
    pub(super) is_changed: bool,
}

/// What a member adds to the pool's sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) health: Health,
    /// That counts for the quorum.
    pub(super) weight: u64,
    pub(super) configured: u64,
}

/// What the orders depend on apart from the member.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<K> {
    pub(super) now: Instant,
    pub(super) mode: Mode,
    pub(super) fallback: Option<K>,
    pub(super) on_down: OnDown,
    pub(super) drain: Duration,
    pub(super) slow_start: Duration,
}

impl<K: Copy> View<K> {
    pub(super) const fn new(now: Instant, mode: Mode, config: &PoolConfig<K>) -> Self {
        let PoolConfig { fallback, on_down, drain, slow_start, .. } = *config;
        Self { now, mode, fallback, on_down, drain, slow_start }
    }
}

impl<C: Copy + Eq> Member<C> {
    pub(super) fn new(target: Option<Target<C>>) -> Self {
        Self {
            target,
            entry: None,
            share: None,
            told: Health::Unknown,
            up_since: None,
            leaves_at: None,
            generation: 0,
            is_touched: false,
            is_changed: false,
        }
    }

    pub(super) fn look(&self) -> Option<Share> {
        let target = self.target.as_ref()?;
        let health = target.health();
        let weight = if health == Health::Up { target.weight() } else { 0 };
        Some(Share { health, weight: weight.into(), configured: target.configured_weight().into() })
    }

    pub(super) fn health(&self) -> Health {
        self.share.map(|share| share.health).unwrap_or_default()
    }

    /// Notes when its health turned, as far as its weight depends on that.
    pub(super) fn turn<K>(&mut self, from: Health, to: Health, view: &View<K>) {
        let comes_back = to == Health::Up && matches!(from, Health::Down | Health::Maintenance);
        // In panic it has its full weight already.
        let is_fresh = comes_back && view.mode != Mode::Panic && !view.slow_start.is_zero();
        self.up_since = is_fresh.then_some(view.now);
        self.leaves_at = match (to, view.on_down) {
            (Health::Maintenance, _) => Some(view.now + view.drain),
            (Health::Down, OnDown::Drain(time)) => Some(view.now + time),
            (Health::Down, OnDown::Remove | OnDown::Inhibit) => None,
            (Health::Up | Health::Draining | Health::Unknown, _) => None,
        };
    }

    /// What the balancer is to have: worked out from nothing but what is so now.
    pub(super) fn wanted<K: Copy + Eq>(&self, key: K, view: &View<K>) -> Option<u32> {
        let is_fallback = view.fallback == Some(key);
        let Some(target) = &self.target else {
            let serves = is_fallback && view.mode == Mode::Fallback;
            return if serves { Some(1) } else { self.draining(view) };
        };
        let health = self.health();
        let in_normal = match health {
            Health::Up => Some(self.grown(target.weight(), view)),
            Health::Draining => Some(0),
            // As it was found.
            Health::Unknown => self.entry,
            Health::Maintenance => self.draining(view),
            Health::Down => match view.on_down {
                OnDown::Remove => None,
                OnDown::Inhibit => Some(0),
                OnDown::Drain(_) => self.draining(view),
            },
        };
        match (view.mode, health) {
            (Mode::Normal, _) => in_normal,
            (Mode::Fallback, _) if is_fallback => Some(1),
            (Mode::Fallback, Health::Up | Health::Draining | Health::Unknown) => None,
            (Mode::Fallback, Health::Down | Health::Maintenance) => in_normal,
            (Mode::Panic, Health::Down) if target.admin() == Admin::ForcedDown => in_normal,
            (Mode::Panic, Health::Unknown | Health::Down) => Some(target.weight()),
            (Mode::Panic, Health::Up | Health::Draining | Health::Maintenance) => in_normal,
        }
    }

    /// The next moment at which [`wanted`](Self::wanted) says something else, though nothing happens.
    pub(super) fn deadline<K>(&self, view: &View<K>) -> Option<Instant> {
        let growing = self.up_since.and_then(|since| {
            let step = view.slow_start / STEPS;
            let steps = steps(view.now, since, step)?;
            Some(since + step * (steps + 1))
        });
        let leaving = self.leaves_at.filter(|at| *at > view.now);
        growing.into_iter().chain(leaving).min()
    }

    /// Whether nothing is left of it to be remembered.
    pub(super) fn is_gone(&self) -> bool {
        self.target.is_none() && self.entry.is_none()
    }

    /// What is there stays without new connections until its time is over.
    fn draining<K>(&self, view: &View<K>) -> Option<u32> {
        let may_stay = self.leaves_at.is_some_and(|at| at > view.now);
        self.entry.filter(|_| may_stay).map(|_| 0)
    }

    /// The weight of one that has come back up is on its way to the full one.
    fn grown<K>(&self, weight: u32, view: &View<K>) -> u32 {
        let steps = self.up_since.and_then(|since| steps(view.now, since, view.slow_start / STEPS));
        let Some(steps) = steps else { return weight };
        let share = u64::from(weight) * u64::from(steps + 1) / u64::from(STEPS);
        u32::try_from(share).unwrap_or(weight).max(weight.min(1))
    }
}

/// How many steps have passed since then; `None` if all have.
fn steps(now: Instant, since: Instant, step: Duration) -> Option<u32> {
    let elapsed = now.saturating_duration_since(since).as_nanos();
    let steps = elapsed.checked_div(step.as_nanos())?;
    u32::try_from(steps).ok().filter(|steps| *steps < STEPS)
}

const STEPS: u32 = 20;
