//! Whatever happens, and whenever the caller polls, the balancer ends with what a plain reckoning says.

use std::collections::BTreeMap;

use healthcheck::{
    Action, Admin, Health, Mode, OnDown, Pool, PoolConfig, PoolEvent, Standing, Target, WeightHint,
};
use proptest::prelude::*;

use super::{at, ms, says};

const SORRY: u8 = 200;

#[derive(Clone, Debug)]
enum Step {
    Check(u8, Health, Option<u32>),
    Set(u8, u32),
    Remove(u8),
    Admin(u8, Admin),
    Drained(u8),
    Wait(u64),
}

/// A balancer that does what it is told, and minds orders that make no sense.
#[derive(Debug, Default, PartialEq, Eq)]
struct Balancer {
    entries: BTreeMap<u8, u32>,
}

impl Balancer {
    fn carry_out(&mut self, actions: &[Action<u8>]) {
        for action in actions {
            match *action {
                Action::Add { key, weight } => {
                    assert_eq!(self.entries.insert(key, weight), None, "{key} was there");
                }
                Action::SetWeight { key, weight } => {
                    let was = self.entries.insert(key, weight);
                    assert!(was.is_some_and(|was| was != weight), "{key} had {was:?}");
                }
                Action::Remove { key } => assert!(self.entries.remove(&key).is_some(), "{key} was not there"),
            }
            assert!(self.entries.values().all(|weight| *weight <= Target::<u8>::MAX_WEIGHT));
        }
    }
}

fn step() -> impl Strategy<Value = Step> {
    let key = 0u8..6;
    let health = prop::sample::select(vec![Health::Up, Health::Up, Health::Down, Health::Draining]);
    let admin = prop::sample::select(vec![
        Admin::Auto,
        Admin::Drain,
        Admin::Maintenance,
        Admin::ForcedUp,
        Admin::ForcedDown,
    ]);
    prop_oneof![
        6 => (key.clone(), health, prop::option::of(any::<u32>())).prop_map(|(c, h, w)| Step::Check(c, h, w)),
        2 => (key.clone(), 0u32..5).prop_map(|(key, weight)| Step::Set(key, weight)),
        1 => key.clone().prop_map(Step::Remove),
        1 => (key.clone(), admin).prop_map(|(key, admin)| Step::Admin(key, admin)),
        1 => key.prop_map(Step::Drained),
        1 => (0u64..3000).prop_map(Step::Wait),
    ]
}

fn config() -> impl Strategy<Value = (OnDown, PoolConfig<u8>)> {
    let on_down = prop::sample::select(vec![OnDown::Remove, OnDown::Inhibit, OnDown::Drain(ms(1500))]);
    let times = prop::sample::select(vec![ms(0), ms(2000)]);
    (1u32..6, 0u32..3, any::<bool>(), 0u8..=100, on_down, times.clone(), times).prop_map(
        |(quorum, hysteresis, has_fallback, panic_below, on_down, drain, slow_start)| {
            let hysteresis = hysteresis.min(quorum - 1);
            let builder = PoolConfig::builder().quorum(quorum).hysteresis(hysteresis).on_down(on_down);
            let builder = builder.panic_below(panic_below).drain(drain).slow_start(slow_start);
            let builder = if has_fallback { builder.fallback(SORRY) } else { builder };
            (on_down, builder.build().unwrap())
        },
    )
}

fn take(pool: &mut Pool<u8, u8>, step: &Step, now: &mut u64) {
    let moment = at(*now);
    match *step {
        Step::Check(check, health, weight) => {
            let standing = says(health);
            let standing =
                weight.map_or(standing, |weight| standing.with_weight(WeightHint::Absolute(weight)));
            pool.handle_check(moment, check, standing);
        }
        Step::Set(key, weight) => {
            // The key's own check, and one that all share two by two.
            let target = Target::new(weight).check(key, Standing::UP).check(key / 2, Standing::UP);
            pool.set_target(moment, key, target);
        }
        Step::Remove(key) => pool.remove_target(moment, key),
        Step::Admin(key, admin) => pool.set_admin(moment, key, admin),
        Step::Drained(key) => pool.handle_drained(moment, key),
        Step::Wait(millis) => {
            *now += millis;
            pool.handle_timeout(at(*now));
        }
    }
}

/// What the balancer must hold once every drain and slow start is over, reckoned from the targets alone.
fn wanted(pool: &Pool<u8, u8>, on_down: OnDown) -> BTreeMap<u8, u32> {
    let inhibits = on_down == OnDown::Inhibit;
    let fallback = (pool.mode() == Mode::Fallback).then_some((SORRY, 1));
    let entries = pool.targets().filter_map(|target| {
        let is_up = match (pool.mode(), target.health) {
            (Mode::Fallback, Health::Down) if inhibits => return Some((target.key, 0)),
            (Mode::Fallback, _) => return None,
            (Mode::Panic, Health::Down) => target.admin != Admin::ForcedDown,
            (_, health) => health == Health::Up,
        };
        match target.health {
            _ if is_up => Some((target.key, target.weight)),
            Health::Draining => Some((target.key, 0)),
            Health::Down if inhibits => Some((target.key, 0)),
            Health::Up | Health::Down | Health::Maintenance | Health::Unknown => None,
        }
    });
    entries.chain(fallback).collect()
}

proptest! {
    #[test]
    fn any_drain_schedule_ends_with_the_wanted_entries(
        (on_down, config) in config(),
        steps in prop::collection::vec((step(), any::<bool>()), 1..80),
    ) {
        let mut eager = Pool::new(at(0), config.clone());
        let mut late = Pool::new(at(0), config);
        let (mut one, mut other) = (Balancer::default(), Balancer::default());
        let (mut now, mut same) = (0, 0);
        for (step, polls) in &steps {
            take(&mut eager, step, &mut now);
            take(&mut late, step, &mut same);
            one.carry_out(eager.poll_actions());
            if *polls {
                other.carry_out(late.poll_actions());
            }
            prop_assert_eq!(eager.mode(), late.mode());
            prop_assert_eq!(eager.snapshot().weight, late.snapshot().weight);
        }
        // All drains and slow starts end.
        for (pool, balancer) in [(&mut eager, &mut one), (&mut late, &mut other)] {
            balancer.carry_out(pool.poll_actions());
            for _ in 0..100 {
                if let Some(moment) = pool.poll_timeout() {
                    pool.handle_timeout(moment);
                    balancer.carry_out(pool.poll_actions());
                }
            }
            prop_assert_eq!(pool.poll_timeout(), None);
            prop_assert_eq!(&balancer.entries, &wanted(pool, on_down));
        }
    }

    #[test]
    fn the_sums_are_those_of_the_targets_and_the_events_lead_to_their_health(
        (_, config) in config(),
        steps in prop::collection::vec((step(), 0usize..3), 1..80),
    ) {
        let mut pool = Pool::new(at(0), config);
        let mut told = BTreeMap::new();
        let (mut now, mut mode) = (0, Mode::Normal);
        for (step, polls) in steps {
            take(&mut pool, &step, &mut now);
            let snapshot = pool.snapshot();
            let up = || pool.targets().filter(|target| target.health == Health::Up);
            prop_assert_eq!(snapshot.weight, up().map(|target| u64::from(target.weight)).sum::<u64>());
            prop_assert_eq!(snapshot.up as usize, up().count());
            prop_assert_eq!(snapshot.targets as usize, pool.targets().count());
            if let Step::Remove(key) = step {
                told.remove(&key);
            }
            let polls = if polls == 2 { usize::MAX } else { polls };
            for event in std::iter::from_fn(|| pool.poll_event()).take(polls) {
                match event {
                    PoolEvent::Target { key, from, to } => {
                        prop_assert_eq!(told.insert(key, to).unwrap_or_default(), from);
                    }
                    PoolEvent::Mode { from, to } => {
                        prop_assert_eq!(from, mode);
                        mode = to;
                    }
                    PoolEvent::QuorumGained { .. } | PoolEvent::QuorumLost { .. } | _ => {}
                }
            }
            if polls == usize::MAX {
                for target in pool.targets() {
                    prop_assert_eq!(told.get(&target.key).copied().unwrap_or_default(), target.health);
                }
                prop_assert_eq!(mode, pool.mode());
            }
        }
    }
}
