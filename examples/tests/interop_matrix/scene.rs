//! The scenes, each a story with a beginning and an end, and the plays that they are parts of.

use std::{fmt, time::Duration};

use crate::{
    combination::{Cast, Combination, Preemption, Role, Secret, Side},
    stage::{Result, SLACK, Stage, down, now, skew},
};

/// A column of the matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scene {
    /// The worse is alone and Master; the better comes and preempts.
    Start,
    /// The better dies; the worse takes over.
    Crash,
    /// The better comes back, finds its stale addresses, and preempts.
    Return,
    /// The better is stopped and says so; the worse takes over.
    Stop,
    /// The better comes back from a crash and does not preempt, until the worse stops.
    NoPreempt,
    /// The better comes, and preempts when its delay is over.
    Delay,
    /// The better becomes worse than the worse, and better again.
    Priority,
    /// The LAN is split twice and mended twice: once the better speaks first, once the worse.
    Split,
    /// Equal priorities: whoever is there first stays, and two Masters are decided by their addresses.
    Equal,
    /// The two do not have the same secret, so both are Master, and say why.
    Secret,
}

impl Scene {
    pub(crate) const ALL: [Self; 10] = [
        Self::Start,
        Self::Crash,
        Self::Return,
        Self::Stop,
        Self::NoPreempt,
        Self::Delay,
        Self::Priority,
        Self::Split,
        Self::Equal,
        Self::Secret,
    ];
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Start => "start",
            Self::Crash => "crash",
            Self::Return => "return",
            Self::Stop => "stop",
            Self::NoPreempt => "nopreempt",
            Self::Delay => "delay",
            Self::Priority => "priority",
            Self::Split => "split",
            Self::Equal => "equal",
            Self::Secret => "secret",
        })
    }
}

/// Scenes that follow from each other on one stage.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Play {
    pub(crate) scenes: &'static [Scene],
    pub(crate) perform: fn(&mut Stage) -> Result,
}

/// All there are.
pub(crate) fn plays(combination: Combination, cast: Cast) -> Vec<Play> {
    let mut plays = vec![
        Play { scenes: &[Scene::Start, Scene::Crash, Scene::Return, Scene::Stop], perform: succession },
        Play { scenes: &[Scene::NoPreempt], perform: no_preempt },
        Play { scenes: &[Scene::Priority], perform: priority },
        Play { scenes: &[Scene::Delay], perform: delay },
    ];
    if combination.survives_a_split(cast) {
        plays.push(Play { scenes: &[Scene::Split], perform: split });
        plays.push(Play { scenes: &[Scene::Equal], perform: equal });
    }
    if combination.secret != Secret::None {
        plays.push(Play { scenes: &[Scene::Secret], perform: secret });
    }
    plays
}

const BETTER: u8 = 150;
const WORSE: u8 = 100;

/// Between two beats, so that no advertisement comes in just when it is over.
const DELAY: Duration = Duration::from_millis(2500);

/// Brings both up: the worse is Backup.
fn set_out(stage: &mut Stage, better: Role) -> Result {
    let since = now();
    stage.start(Side::Better, better);
    stage.takes_over(Side::Better, since, down(better.priority))?;
    stage.start(Side::Worse, Role::new(WORSE));
    stage.is_the_only_master(Side::Better)
}

fn succession(stage: &mut Stage) -> Result {
    let since = now();
    stage.start(Side::Worse, Role::new(WORSE));
    stage.takes_over(Side::Worse, since, down(WORSE))?;
    let since = stage.beat(Side::Worse)?.at;
    stage.start(Side::Better, Role::new(BETTER));
    stage.takes_over(Side::Better, since, down(BETTER))?;
    stage.is_the_only_master(Side::Better)?;

    stage.begin(Scene::Crash);
    stage.beat(Side::Better)?;
    stage.crash(Side::Better);
    stage.takes_over_from_the_silent(Side::Worse, down(WORSE))?;
    stage.is_the_only_master(Side::Worse)?;
    stage.expect_holding(Side::Better, true)?; // Nobody has taken them away.

    stage.begin(Scene::Return);
    let since = stage.beat(Side::Worse)?.at;
    stage.start(Side::Better, Role::new(BETTER));
    stage.takes_over(Side::Better, since, down(BETTER))?;
    stage.is_the_only_master(Side::Better)?;

    stage.begin(Scene::Stop);
    stage.beat(Side::Better)?;
    stage.stop(Side::Better);
    let release = stage.releases(Side::Better)?;
    stage.takes_over(Side::Worse, release.at, skew(WORSE))?;
    stage.is_the_only_master(Side::Worse)?;
    stage.expect_holding(Side::Better, false)?;
    stage.finish()
}

fn no_preempt(stage: &mut Stage) -> Result {
    let modest = Role { preemption: Preemption::Forbid, ..Role::new(BETTER) };
    set_out(stage, modest)?;
    stage.beat(Side::Better)?;
    stage.crash(Side::Better);
    stage.takes_over_from_the_silent(Side::Worse, down(WORSE))?;
    stage.beat(Side::Worse)?;
    stage.start(Side::Better, modest);
    stage.is_silent(Side::Better, down(BETTER) + Duration::from_secs(1))?;
    stage.is_the_only_master(Side::Worse)?;
    stage.beat(Side::Worse)?;
    stage.stop(Side::Worse);
    let release = stage.releases(Side::Worse)?;
    stage.takes_over(Side::Better, release.at, skew(BETTER))?;
    stage.is_the_only_master(Side::Better)?;
    stage.finish()
}

fn delay(stage: &mut Stage) -> Result {
    let since = now();
    stage.start(Side::Worse, Role::new(WORSE));
    stage.takes_over(Side::Worse, since, down(WORSE))?;
    stage.beat(Side::Worse)?;
    stage.start(Side::Better, Role { preemption: Preemption::Delay(DELAY), ..Role::new(BETTER) });
    // The delay begins with the first that it hears; it believes what it hears until then.
    let first = stage.beat(Side::Worse)?;
    let over = first.at + DELAY;
    stage.takes_over(Side::Better, first.at + Duration::from_secs(2), down(BETTER))?;
    let believed = stage.last_before(Side::Worse, over)?;
    let taken = stage.last_of(Side::Better)?.at - believed.at;
    stage.took(Side::Better, taken, down(BETTER))?;
    stage.is_the_only_master(Side::Better)?;
    stage.finish()
}

fn priority(stage: &mut Stage) -> Result {
    set_out(stage, Role::new(BETTER))?;
    let last = stage.beat(Side::Better)?.at;
    stage.set_priority(Side::Better, WORSE / 2);
    stage.takes_over(Side::Worse, last, down(WORSE))?;
    stage.is_the_only_master(Side::Worse)?;
    let last = stage.beat(Side::Worse)?.at;
    stage.set_priority(Side::Better, BETTER);
    stage.takes_over(Side::Better, last, down(BETTER))?;
    stage.is_the_only_master(Side::Better)?;
    stage.finish()
}

fn split(stage: &mut Stage) -> Result {
    set_out(stage, Role::new(BETTER))?;
    for first_to_speak in [Side::Better, Side::Worse] {
        let last = stage.beat(Side::Better)?.at;
        stage.cut();
        stage.takes_over(Side::Worse, last, down(WORSE))?;
        both_are_masters(stage)?;
        // They do not speak at the same time: the worse does a Skew_Time after the better.
        stage.beat(first_to_speak.other())?;
        stage.mend();
        stage.beat(Side::Better)?; // Heard by the other, who gives way.
        stage.is_the_only_master(Side::Better)?;
    }
    stage.finish()
}

fn equal(stage: &mut Stage) -> Result {
    let since = now();
    stage.start(Side::Worse, Role::new(WORSE));
    stage.takes_over(Side::Worse, since, down(WORSE))?;
    stage.beat(Side::Worse)?;
    stage.start(Side::Better, Role::new(WORSE));
    stage.is_silent(Side::Better, down(WORSE) + Duration::from_secs(1))?;
    stage.is_the_only_master(Side::Worse)?;
    for first_to_speak in [Side::Better, Side::Worse] {
        // Whoever is Master now, the other takes over where it is cut off.
        let master = if first_to_speak == Side::Better { Side::Worse } else { Side::Better };
        let last = stage.beat(master)?.at;
        stage.cut();
        stage.takes_over(master.other(), last, down(WORSE))?;
        both_are_masters(stage)?;
        stage.beat(first_to_speak.other())?;
        stage.mend();
        stage.beat(Side::Better)?; // Heard by the other, who gives way.
        stage.is_the_only_master(Side::Better)?;
    }
    stage.finish()
}

fn both_are_masters(stage: &mut Stage) -> Result {
    Side::BOTH.into_iter().try_for_each(|side| {
        stage.beat(side)?;
        stage.expect_holding(side, true)
    })
}

fn secret(stage: &mut Stage) -> Result {
    let since = now();
    stage.start(Side::Better, Role::new(BETTER));
    stage.takes_over(Side::Better, since, down(BETTER))?;
    let since = stage.beat(Side::Better)?.at;
    stage.start(Side::Worse, Role { secret: "secret", ..Role::new(WORSE) });
    stage.takes_over(Side::Worse, since, down(WORSE))?;
    // keepalived may never speak again: each packet that it refuses puts its own next one off.
    stage.watch_for(Duration::from_secs(2));
    Side::BOTH.into_iter().try_for_each(|side| stage.expect_holding(side, true))?;
    for side in Side::BOTH {
        if !SECRET_COMPLAINTS.iter().any(|words| stage.has_said(side, words)) {
            return Err(format!("{} does not say what is wrong", side.name()));
        }
    }
    stage.finish_quarrel();
    Ok(())
}

/// Ours, and keepalived's.
const SECRET_COMPLAINTS: [&str; 4] = [
    "discarded: the password is wrong",
    "discarded: the digest is wrong",
    "received an invalid passwd!",
    "IPSEC-AH",
];
