//! Plays everything, many at once, and compares.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError, mpsc::channel},
    thread,
    time::Duration,
};

use lab::Stalls;

use crate::{
    combination::{Cast, Combination, Secret},
    differences::explain,
    scene::{Play, Scene, plays},
    stage::{Stage, Trace, UPSETTING, now},
};

/// What came of a scene.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    pub(crate) combination: Combination,
    pub(crate) cast: Cast,
    pub(crate) scene: Scene,
    pub(crate) outcome: Outcome,
    pub(crate) trace: Trace,
    /// What went wrong before, when the machine stood still, and it was played again.
    pub(crate) excused: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    /// It went well, and showed these lines of [`DIFFERENCES`](crate::differences::DIFFERENCES).
    Ok(Vec<(usize, usize)>),
    /// In one sentence, and then what everybody has said.
    Failed { what: String, logs: String },
    /// A scene before it failed.
    NotReached,
}

/// Plays what every filter is found in the name of, so many plays at once. Whatever ours is compared with is played too.
pub(crate) fn play(program: &Path, filters: &[String], at_once: usize) -> Vec<Cell> {
    let mut jobs = jobs(filters);
    // The longest first, so that none is left alone in the end.
    jobs.sort_by_key(|job| {
        LONGEST.iter().position(|scene| job.play.scenes.contains(scene)).unwrap_or(LONGEST.len())
    });
    let jobs = Mutex::new(VecDeque::from(jobs));
    let stalls = Stalls::watch().unwrap();
    let (sender, results) = channel();
    thread::scope(|scope| {
        for _ in 0..at_once {
            let (jobs, stalls, sender) = (&jobs, &stalls, sender.clone());
            scope.spawn(move || {
                loop {
                    let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let Some(job) = job else { return };
                    // The receiver lives longer.
                    job.perform(program, stalls).into_iter().for_each(|cell| drop(sender.send(cell)));
                }
            });
        }
    });
    drop(sender);
    let mut cells: Vec<Cell> = results.iter().collect();
    compare(&mut cells);
    cells
}

struct Job {
    combination: Combination,
    cast: Cast,
    play: Play,
}

impl Job {
    fn matches(&self, filters: &[String]) -> bool {
        let Self { combination, cast, play } = self;
        play.scenes.iter().any(|scene| {
            let name = format!("{combination} {cast} {scene}");
            filters.iter().all(|filter| name.contains(filter.as_str()))
        })
    }

    /// What it is compared with, by its first scene.
    fn reference(&self) -> (Combination, Scene) {
        let first = self.play.scenes[0];
        (reference(self.combination, first), first)
    }

    /// Performs it: again, where it fails while the machine stood still.
    fn perform(&self, program: &Path, stalls: &Stalls) -> Vec<Cell> {
        let mut excused = Vec::new();
        loop {
            let from = now();
            let mut cells = self.attempt(program.to_owned());
            let failure = cells.iter().find_map(|cell| match &cell.outcome {
                Outcome::Failed { what, .. } => Some(format!("{}: {what}", cell.scene)),
                Outcome::Ok(_) | Outcome::NotReached => None,
            });
            match failure {
                Some(what) if excused.len() + 1 < ATTEMPTS && was_upset(stalls, from, now()) => {
                    excused.push(what);
                }
                Some(_) | None => {
                    cells
                        .first_mut()
                        .into_iter()
                        .for_each(|cell| cell.excused = std::mem::take(&mut excused));
                    return cells;
                }
            }
        }
    }

    fn attempt(&self, program: PathBuf) -> Vec<Cell> {
        let Self { combination, cast, play } = *self;
        // Named so, that a panic says where.
        let thread = thread::Builder::new().name(format!("{combination} {cast}")).spawn(move || {
            let mut stage = Stage::new(program, combination, cast, play.scenes[0]);
            let perform = AssertUnwindSafe(|| (play.perform)(&mut stage));
            let result = catch_unwind(perform).unwrap_or_else(|panic| Err(words_of(&*panic)));
            let failed = result.err().map(|what| (stage.scene(), what, stage.report()));
            (std::mem::take(&mut stage.played), failed)
        });
        let (played, failed) = thread.unwrap().join().unwrap_or_else(|panic| {
            let what = format!("no stage: {}", words_of(&*panic));
            (Vec::new(), Some((play.scenes[0], what, String::new())))
        });
        let cell = |&scene| {
            let trace = played.iter().find(|(of, _)| *of == scene).map(|(_, trace)| trace.clone());
            let outcome = match &failed {
                Some((of, what, logs)) if *of == scene => {
                    Outcome::Failed { what: what.clone(), logs: logs.clone() }
                }
                Some(_) | None if trace.is_some() => Outcome::Ok(Vec::new()),
                Some(_) | None => Outcome::NotReached,
            };
            Cell { combination, cast, scene, outcome, trace: trace.unwrap_or_default(), excused: Vec::new() }
        };
        play.scenes.iter().map(cell).collect()
    }
}

fn jobs(filters: &[String]) -> Vec<Job> {
    let mut jobs = Vec::new();
    for combination in Combination::all() {
        for cast in Cast::ALL {
            let of = |play| Job { combination, cast, play };
            jobs.extend(plays(combination, cast).into_iter().map(of));
        }
    }
    let (mut chosen, others): (Vec<_>, Vec<_>) = jobs.into_iter().partition(|job| job.matches(filters));
    let is_needed = |job: &Job| {
        let is = (job.combination, job.play.scenes[0]);
        job.cast == Cast::Reference && chosen.iter().any(|one: &Job| one.reference() == is)
    };
    let needed: Vec<_> = others.into_iter().filter(is_needed).collect();
    chosen.extend(needed);
    chosen
}

/// What a combination is compared with in a scene: keepalived alone, with or without Authentication Headers.
fn reference(combination: Combination, scene: Scene) -> Combination {
    let is_split = matches!(scene, Scene::Split | Scene::Equal);
    if is_split && !combination.survives_a_split(Cast::Reference) {
        return Combination { secret: Secret::None, ..combination };
    }
    combination
}

/// Compares each scene of ours with that of keepalived alone.
fn compare(cells: &mut [Cell]) {
    let all = cells.to_vec();
    for cell in cells.iter_mut().filter(|cell| cell.cast != Cast::Reference) {
        let Outcome::Ok(shown) = &mut cell.outcome else { continue };
        let is_reference = |one: &&Cell| {
            (one.combination, one.scene, one.cast)
                == (reference(cell.combination, cell.scene), cell.scene, Cast::Reference)
                && matches!(one.outcome, Outcome::Ok(_))
        };
        let Some(reference) = all.iter().find(is_reference) else { continue };
        match explain(cell.scene, cell.cast, &reference.trace, &cell.trace) {
            Ok(found) => *shown = found,
            Err(what) => {
                let what = format!("it went well, but not as with keepalived alone: {what}");
                cell.outcome = Outcome::Failed { what, logs: String::new() };
            }
        }
    }
}

/// Whether the machine stood still at some time for long enough to upset what is done between two beats.
fn was_upset(stalls: &Stalls, from: Duration, to: Duration) -> bool {
    let mut at = from;
    while at < to {
        if stalls.between(at, at + WINDOW) > UPSETTING {
            return true;
        }
        at += WINDOW / 2;
    }
    false
}

fn words_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it panicked".to_owned())
}

/// Scenes that take long, the longest first.
const LONGEST: [Scene; 5] = [Scene::Equal, Scene::Start, Scene::Split, Scene::NoPreempt, Scene::Priority];

const ATTEMPTS: usize = 3;
const WINDOW: Duration = Duration::from_millis(200);
