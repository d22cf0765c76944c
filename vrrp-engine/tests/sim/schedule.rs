//! What happens on one LAN from its first start to its last moment, drawn from a seed.

use std::{
    array,
    panic::{AssertUnwindSafe, catch_unwind},
};

use super::{
    clock::Clock,
    dice::Dice,
    host::{Farewell, OnPause, Preempt, Reassert},
    invariants::{self, Broken, Verdict},
    lan::{Lan, Weather},
    model::{master_down, skew},
    spec::{Family, MAX_ROLES, Nanos, Role, Spec, Version},
    trouble::Trouble,
};

/// What became of a schedule.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) verdict: Verdict,
    pub(crate) events: u64,
    /// Empty unless asked for.
    pub(crate) trace: Vec<String>,
}

/// Plays the schedule of that seed.
pub(crate) fn play(seed: u64, with_trace: bool) -> Outcome {
    let mut dice = Dice::new(seed);
    let specs = draw_specs(&mut dice);
    let mut lan = draw_lan(&mut dice, &specs);
    lan.trace = with_trace.then(Vec::new);
    for (host, spec) in specs.iter().enumerate() {
        for (_, role) in spec.roles() {
            lan.note(format_args!("host {host} is {}: {role:?}", spec.source(role.family)));
        }
    }
    let verdict = catch_unwind(AssertUnwindSafe(|| play_on(&mut lan, &mut dice))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Broken { invariant: "nothing_panics", seen: text.unwrap_or_default() })
    });
    Outcome { verdict, events: lan.events, trace: lan.trace.unwrap_or_default() }
}

fn play_on(lan: &mut Lan, dice: &mut Dice) -> Verdict {
    let calm = lan.weather;
    let unit = (0..MAX_ROLES).map(|vr| slowest(lan, vr)).max().unwrap_or(0);
    for host in 0..lan.nodes.len() {
        lan.start(host)?;
        if dice.chance(30) {
            lan.run(dice.roll(unit / 2))?;
        }
    }
    for _ in 0..dice.roll(12) {
        Trouble::draw(dice, lan, unit).happen(lan)?;
        let time = dice.roll(unit);
        lan.run(if dice.chance(50) { time } else { time / 20 })?;
    }

    lan.note("--- the trouble is over");
    lan.weather = calm;
    Trouble::Heal.happen(lan)?;
    for host in 0..lan.nodes.len() {
        lan.resume(host)?;
        // What is down may stay down, but not everything.
        if host == 0 || dice.chance(70) {
            lan.start(host)?;
        }
    }
    lan.run(lan.last_arrival() - lan.now)?;
    settle(lan)?;
    if dice.chance(50) {
        lose_a_master(lan, dice)?;
        settle(lan)?;
    }
    lan.nodes.iter().filter_map(|node| node.witness.as_ref()).try_for_each(|witness| witness.audit())
}

/// Gives each virtual router four Master_Down_Intervals, and then looks on for another one.
fn settle(lan: &mut Lan) -> Verdict {
    lan.note("--- settling");
    let bounds: [Nanos; MAX_ROLES] = array::from_fn(|vr| lan.now + lenient(lan, 4 * slowest(lan, vr)));
    let unit = (0..MAX_ROLES).map(|vr| slowest(lan, vr)).max().unwrap_or(0);
    let end = bounds.into_iter().max().unwrap_or(0) + unit;
    let mut masters: [Option<Vec<usize>>; MAX_ROLES] = Default::default();
    let mut order: Vec<_> = (0..MAX_ROLES).filter(|vr| !lan.running(*vr).is_empty()).collect();
    order.sort_by_key(|vr| bounds[*vr]);
    let mut settled = 0;
    loop {
        // Goes to each bound itself too, so that a virtual router is looked at in time.
        let next = order.get(settled).map_or(end, |vr| bounds[*vr]);
        let more = lan.step(next)?;
        for vr in &order[..settled] {
            look(lan, *vr, &mut masters[*vr])?;
        }
        match order.get(settled) {
            Some(_) if more => {}
            Some(vr) => {
                look(lan, *vr, &mut masters[*vr])?;
                settled += 1;
            }
            None if more => {}
            None => break,
        }
    }
    for vr in order {
        let running = lan.running(vr);
        for (_, master) in running.iter().filter(|(which, _)| lan.masters(vr).contains(which)) {
            invariants::the_best_is_master(vr, master, &running)?;
        }
    }
    Ok(())
}

fn look(lan: &Lan, vr: usize, before: &mut Option<Vec<usize>>) -> Verdict {
    let masters = lan.masters(vr);
    invariants::at_most_one_master(vr, &masters)?;
    invariants::never_without_a_master(vr, &masters)?;
    let before = before.get_or_insert_with(|| masters.clone());
    invariants::a_calm_lan_keeps_its_master(vr, before, &masters)
}

/// On a settled LAN, a Master dies or is shut down; how long until each of its virtual routers has another?
fn lose_a_master(lan: &mut Lan, dice: &mut Dice) -> Verdict {
    let Some(lost) = lan.masters(dice.index(MAX_ROLES)).first().copied() else { return Ok(()) };
    let its_own: Vec<_> = (0..MAX_ROLES).filter(|vr| lan.masters(*vr) == [lost]).collect();
    let others = (0..MAX_ROLES).filter(|vr| !its_own.contains(vr) && !lan.masters(*vr).is_empty());
    let others: Vec<_> = others.map(|vr| (vr, lan.masters(vr))).collect();
    let says_so = dice.chance(50);
    lan.run(dice.roll(1 + slowest(lan, its_own[0]) / 2))?;
    lan.mind_the_gaps();
    if says_so {
        Trouble::Shutdown(lost).happen(lan)?;
    } else {
        Trouble::Crash(lost).happen(lan)?;
    }
    let bound = |lan: &Lan, vr: usize| {
        let interval = lan.nodes[lost].spec.roles[vr].map_or(0, |role| role.interval());
        let wait = |role: &Role| if says_so { skew(role, interval) } else { master_down(role, interval) };
        let first = lan.running(vr).iter().map(|(_, role)| wait(role)).min()?;
        Some(lenient(lan, first))
    };
    let bounds: Vec<_> = its_own.into_iter().filter_map(|vr| Some((vr, bound(lan, vr)?))).collect();
    let longest = bounds.iter().map(|(_, bound)| *bound).max().unwrap_or(0);
    lan.run(longest + 1)?;
    for (vr, bound) in bounds {
        invariants::a_backup_takes_over_in_time(vr, lan.longest_gap(vr), bound)?;
    }
    for (vr, before) in others {
        invariants::a_calm_lan_keeps_its_master(vr, &before, &lan.masters(vr))?;
    }
    Ok(())
}

/// Returns the Master_Down_Interval of the slowest host of a virtual router, where the Master has the longest interval that
/// anybody has heard of.
fn slowest(lan: &Lan, vr: usize) -> Nanos {
    let roles = || lan.nodes.iter().filter_map(|node| node.spec.roles[vr]);
    let learned = lan.nodes.iter().filter_map(|node| Some(node.witness.as_ref()?.longest[vr]));
    let interval = roles().map(|role| role.interval()).chain(learned).max().unwrap_or(0);
    roles().map(|role| master_down(&role, interval)).max().unwrap_or(0)
}

/// Adds what slow clocks, late hosts and the wire may add to a time.
const fn lenient(lan: &Lan, time: Nanos) -> Nanos {
    time + time / 1_000 + 4 * (lan.lateness + lan.weather.delay)
}

fn draw_specs(dice: &mut Dice) -> Vec<Spec> {
    let count = dice.pick(&[1, 2, 2, 2, 2, 3, 3, 3, 4, 5]);
    let mut specs: Vec<Spec> = Vec::new();
    while specs.len() < count {
        // Addresses decide between equals, so they are in no order.
        let last = 1 + dice.roll(254) as u8;
        if specs.iter().all(|spec| spec.last != last) {
            specs.push(Spec { last, roles: [None; MAX_ROLES] });
        }
    }
    let pace = dice.pick(&[1, 5, 10, 50, 100, 100, 100, 1000, 4095]);
    for vr in 0..dice.pick(&[1, 1, 2, 3]) {
        draw_virtual_router(dice, &mut specs, vr, pace);
    }
    specs
}

fn draw_virtual_router(dice: &mut Dice, specs: &mut [Spec], vr: usize, pace: u16) {
    let v3 = dice.pick(&[Family::V4, Family::V6]);
    let is_v2 = pace >= 100 && dice.chance(50);
    let (version, family) = if is_v2 { (Version::V2, Family::V4) } else { (Version::V3, v3) };
    // One number may be two virtual routers, of two families.
    let clash = specs[0].roles().chain(specs.iter().skip(1).flat_map(Spec::roles));
    let vrid = if clash.into_iter().all(|(_, role)| role.family != family) { 51 } else { 51 + vr as u8 };
    let centis = match version {
        Version::V2 if pace == 4095 => 25500,
        Version::V2 => pace / 100 * 100,
        Version::V3 => pace,
    };
    let same_mode = dice.pick(&[Some(Preempt::Allow), Some(Preempt::Allow), Some(Preempt::Forbid), None]);
    let same_pace = version == Version::V2 || dice.chance(70);
    let default = if version == Version::V2 { Reassert::Stay } else { Reassert::Advertise };
    let reassert = if dice.chance(80) { default } else { dice.pick(&[Reassert::Stay, Reassert::Advertise]) };
    let owner = if dice.chance(20) { Some(dice.index(specs.len())) } else { None };
    let is_random = dice.chance(50);
    for (host, spec) in specs.iter_mut().enumerate() {
        let any = 1 + dice.roll(254) as u8;
        let priority = match owner {
            Some(owner) if owner == host => 255,
            Some(_) | None if is_random => any,
            Some(_) | None => dice.pick(&[1, 100, 100, 100, 150, 200, 254]),
        };
        let centis = if same_pace { centis } else { (centis / (1 + dice.roll(4) as u16)).max(1) };
        let role = Role {
            vrid,
            version,
            family,
            priority,
            centis,
            preempt: same_mode.unwrap_or_else(|| dice.pick(&[Preempt::Allow, Preempt::Forbid])),
            farewell: dice.pick(&[Farewell::Send, Farewell::Send, Farewell::Omit]),
            reassert,
            on_pause: dice.pick(&[OnPause::StepBack, OnPause::StepBack, OnPause::GoOn]),
        };
        // Not every host is in every virtual router.
        if host == 0 || dice.chance(85) {
            spec.roles[vr] = Some(role);
        }
    }
}

fn draw_lan(dice: &mut Dice, specs: &[Spec]) -> Lan {
    let drift = dice.pick(&[0, 0, 20, 200]);
    let mut clock = |_| Clock {
        epoch: if dice.chance(50) { 0 } else { dice.roll(1 << 52) },
        ppm: dice.roll(2 * drift + 1) as i64 - drift as i64,
        stood_still: 0,
    };
    let clocks: Vec<_> = (0..specs.len()).map(&mut clock).collect();
    let fastest = specs.iter().flat_map(Spec::roles).map(|(_, role)| role.interval()).min().unwrap_or(0);
    let calm = Weather { loss: 0, twice: 0, delay: (fastest / 50).min(200_000), overtaking: false };
    let mut lan = Lan::new(specs, clocks, calm, Dice::new(dice.roll(1 << 50)));
    // Late, but not so late that it counts as a pause.
    lan.lateness = if dice.chance(50) { 0 } else { (fastest / 50).min(10_000_000) };
    lan
}
