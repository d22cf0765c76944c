//! The script: what happens to whom, what must follow, and how long it may take.

mod evidence;

use std::time::Duration;

use vrrp_engine::State;

use crate::{
    Result,
    plan::{NAMES, NODES, Plan},
    screen::Screen,
    world::{Seen, What, World},
};

/// What may pass beyond the protocol's own time, and from a new Master's first advertisement to its first answer.
pub(crate) const BOUND: Duration = Duration::from_millis(20);

/// One scene, as one virtual router lived through it.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    pub(crate) name: &'static str,
    pub(crate) router: usize,
    /// What the protocol itself takes; `None` where nothing was to change.
    pub(crate) protocol: Option<Duration>,
    /// What it took.
    pub(crate) takeover: Option<Duration>,
    /// The longest time the client asked in vain.
    pub(crate) outage: Duration,
    /// From the new Master's first advertisement to its first answer to the client.
    pub(crate) restored: Option<Duration>,
    /// How long the machine itself stood still where it counts, which excuses as much.
    pub(crate) stalled: Duration,
    /// The Masters at the end.
    pub(crate) masters: Vec<usize>,
    /// What went wrong, if anything did.
    pub(crate) fault: Option<String>,
}

/// Plays all scenes; returns them, and all that was seen.
pub(crate) fn play(
    world: &mut impl World,
    plan: &Plan,
    screen: &mut Screen,
) -> Result<(Vec<Scene>, Vec<Seen>)> {
    let mut stage = Stage {
        world,
        plan,
        screen,
        history: Vec::new(),
        scene_start: 0,
        is_running: [false; 2],
        is_cut: [false; 2],
        was_cut: [false; 2],
        masters_before: Vec::new(),
        states: vec![[None; 2]; plan.routers.len()],
        scenes: Vec::new(),
    };
    stage.open()?;
    'scenes: for router in 0..plan.routers.len() {
        for scenes in [Stage::crash_and_return, Stage::stop_and_return, Stage::cut_and_mend] {
            // What has failed so far makes the rest meaningless.
            if (0..plan.routers.len()).any(|router| stage.masters(router).len() != 1) {
                break 'scenes;
            }
            scenes(&mut stage, router)?;
        }
    }
    stage.screen.quiet();
    stage.world.finish()?;
    Ok((stage.scenes, stage.history))
}

struct Stage<'a, W> {
    world: &'a mut W,
    plan: &'a Plan,
    screen: &'a mut Screen,
    history: Vec<Seen>,
    /// Where in the history the scene began.
    scene_start: usize,
    is_running: [bool; 2],
    is_cut: [bool; 2],
    /// Whether it was when the scene began.
    was_cut: [bool; 2],
    /// The Masters of each router when the scene began.
    masters_before: Vec<Vec<usize>>,
    /// The state of each router on each node, as the node told it last; `None` before it did, and when it is dead.
    states: Vec<[Option<State>; 2]>,
    scenes: Vec<Scene>,
}

/// What a scene shall do to one virtual router.
struct Change {
    router: usize,
    /// Who shall be Master at the end.
    masters: Vec<usize>,
    /// Who shall answer the client at the end.
    winner: usize,
    timing: Timing,
}

/// What the protocol's own time is counted from, and to.
#[derive(Clone, Copy)]
enum Timing {
    /// From the last advertisement of the old Master to the first of the new one.
    FromLastAdvertisement { of: usize, takes: Duration },
    /// From the old Master's priority 0 to the new one's first advertisement.
    FromRelease { of: usize, takes: Duration },
    /// From the start of the new Master to its first advertisement.
    FromStart { takes: Duration },
    /// Two Masters meet: the loser shall give way when it hears the winner.
    WhenHeard { loser: usize },
    /// The winner shall stay what it is; watched for so long.
    Unchanged { watch: Duration },
}

/// The script.
impl<W: World> Stage<'_, W> {
    /// Both nodes start, and for each router the better one becomes Master.
    fn open(&mut self) -> Result<()> {
        let begin = self.act("both nodes start");
        for node in NODES {
            self.start(node)?;
        }
        let changes = self.changes(|stage, router| {
            let winner = stage.best(router);
            let takes = stage.plan.master_down_interval(router, winner);
            (vec![winner], winner, Timing::FromStart { takes })
        });
        self.observe("start", begin, changes)
    }

    fn crash_and_return(&mut self, router: usize) -> Result<()> {
        let master = self.master(router)?;
        let changes = self.silence_of(master);
        let begin = self.act(&format!("{} is killed with SIGKILL; its kernel goes on", NAMES[master]));
        self.world.kill(master)?;
        self.forget(master);
        self.observe("crash", begin, changes)?;
        self.restart("return", master, "starts again, and finds its stale address")
    }

    fn stop_and_return(&mut self, router: usize) -> Result<()> {
        let master = self.master(router)?;
        let changes = self.take_over_from(master, |stage, router, other| Timing::FromRelease {
            of: master,
            takes: stage.plan.skew_time(router, other),
        });
        let begin = self.act(&format!("{} is stopped with SIGTERM", NAMES[master]));
        self.world.stop(master)?;
        self.observe("stop", begin, changes)?;
        self.forget(master);
        self.restart("rejoin", master, "starts again")
    }

    /// Cut off, a node is soon Master of everything, and so is the other one.
    fn cut_and_mend(&mut self, router: usize) -> Result<()> {
        let master = self.master(router)?;
        let changes = self
            .silence_of(master)
            .into_iter()
            .map(|change| Change { masters: NODES.to_vec(), ..change })
            .collect();
        let begin = self.act(&format!("the cable of {} is cut", NAMES[master]));
        self.world.cut(master)?;
        self.is_cut[master] = true;
        self.observe("cut", begin, changes)?;

        let changes = self.changes(|stage, router| {
            let winner = stage.best(router);
            (vec![winner], winner, Timing::WhenHeard { loser: 1 - winner })
        });
        let begin = self.act(&format!("the cable of {} is mended", NAMES[master]));
        self.world.mend(master)?;
        self.is_cut[master] = false;
        self.observe("mend", begin, changes)
    }

    /// A node that is gone starts again, and takes back what it may.
    fn restart(&mut self, name: &'static str, node: usize, how: &str) -> Result<()> {
        let changes = self.changes(|stage, router| {
            let takes = stage.plan.master_down_interval(router, node);
            if stage.plan.preempt && stage.best(router) == node {
                (vec![node], node, Timing::FromStart { takes })
            } else {
                (vec![1 - node], 1 - node, Timing::Unchanged { watch: takes + SETTLE })
            }
        });
        let begin = self.act(&format!("{} {how}", NAMES[node]));
        self.start(node)?;
        self.observe(name, begin, changes)
    }

    fn changes(&self, of: impl Fn(&Self, usize) -> (Vec<usize>, usize, Timing)) -> Vec<Change> {
        let changes = (0..self.plan.routers.len()).map(|router| {
            let (masters, winner, timing) = of(self, router);
            Change { router, masters, winner, timing }
        });
        changes.collect()
    }

    /// What follows when a node is heard no more.
    fn silence_of(&self, node: usize) -> Vec<Change> {
        self.take_over_from(node, |stage, router, other| Timing::FromLastAdvertisement {
            of: node,
            takes: stage.plan.master_down_interval(router, other),
        })
    }

    /// What the loss of a node does: the other takes over what that one was Master of, and keeps the rest.
    fn take_over_from(&self, node: usize, timing: impl Fn(&Self, usize, usize) -> Timing) -> Vec<Change> {
        self.changes(|stage, router| {
            let other = 1 - node;
            let timing = if stage.masters(router) == [node] {
                timing(stage, router, other)
            } else {
                Timing::Unchanged { watch: Duration::ZERO }
            };
            (vec![other], other, timing)
        })
    }
}

/// The stage hands.
impl<W: World> Stage<'_, W> {
    fn act(&mut self, text: &str) -> Duration {
        let now = self.world.now();
        self.screen.act(now, text);
        self.scene_start = self.history.len();
        self.was_cut = self.is_cut;
        self.masters_before = (0..self.plan.routers.len()).map(|router| self.masters(router)).collect();
        now
    }

    /// Starts a node and waits until it says so: what is started after it is sure to be later.
    fn start(&mut self, node: usize) -> Result<()> {
        self.is_running[node] = true;
        self.world.start(node)?;
        let until = self.world.now() + GRACE;
        let text = format!("waiting for the process of {}", NAMES[node]);
        let started = |stage: &Self| stage.states.iter().all(|states| states[node].is_some());
        if self.wait(&text, until, started)? {
            Ok(())
        } else {
            Err(format!("{} does not start", NAMES[node]).into())
        }
    }

    fn forget(&mut self, node: usize) {
        self.is_running[node] = false;
        self.states.iter_mut().for_each(|states| states[node] = None);
        self.history.push(Seen { at: self.world.now(), node, what: What::Gone });
    }

    /// Lets time pass until something is so, or until a moment; tells whether it is so.
    fn wait(&mut self, text: &str, until: Duration, is_so: impl Fn(&Self) -> bool) -> Result<bool> {
        let begin = self.world.now();
        while !is_so(self) {
            let now = self.world.now();
            if now >= until {
                return Ok(false);
            }
            self.screen.progress(text, now - begin);
            let Some(seen) = self.world.next(until.min(now + Screen::REFRESH))? else {
                continue;
            };
            if let What::Transition { router, to, .. } = &seen.what
                && self.is_running[seen.node]
            {
                self.states[*router][seen.node] = Some(*to);
            }
            self.screen.show(&seen, self.plan);
            self.history.push(seen);
        }
        Ok(true)
    }

    /// Waits until every change has come about and has lasted a moment, and measures it.
    fn observe(&mut self, name: &'static str, begin: Duration, changes: Vec<Change>) -> Result<()> {
        let longest = changes.iter().map(|change| change.timing.takes(self.plan)).max().unwrap_or_default();
        let text = format!("{name}: the protocol takes {:.1} s", longest.as_secs_f64());
        let done = |stage: &Self| changes.iter().all(|change| stage.has_come_about(change, begin));
        let in_time = self.wait(&text, begin + longest + GRACE, done)?;
        let settled = self.world.now() + SETTLE;
        self.wait(&text, settled, |_| false)?;
        let end = self.world.now();
        for change in &changes {
            let scene = self.measure(name, begin, end, change, in_time)?;
            self.screen.scene(&scene, self.plan);
            self.scenes.push(scene);
        }
        Ok(())
    }
}

impl Timing {
    /// How long it may take by the protocol.
    fn takes(self, plan: &Plan) -> Duration {
        match self {
            Self::FromLastAdvertisement { takes, .. }
            | Self::FromRelease { takes, .. }
            | Self::FromStart { takes }
            | Self::Unchanged { watch: takes } => takes,
            Self::WhenHeard { .. } => plan.interval(),
        }
    }
}

/// The names of nodes, for people.
pub(crate) fn names(nodes: &[usize]) -> String {
    match nodes {
        [] => "nobody".to_owned(),
        nodes => nodes.iter().map(|node| NAMES[*node]).collect::<Vec<_>>().join(" and "),
    }
}

/// How long a scene is watched after it is over: nothing more must change.
const SETTLE: Duration = Duration::from_millis(300);

/// What may pass before a scene is given up: a slow machine is no wrong protocol.
const GRACE: Duration = Duration::from_secs(5);
