//! Every short history of two and of three hosts: whatever order packets, timers and accidents come in, the invariants of a
//! host hold at every step, and from every state that is reached, a calm LAN finds its one Master.
//!
//! Breadth first. States that differ only in when they are, are one; a moment long past is as good as any other.

use std::{
    collections::HashSet,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex},
    thread,
};

use super::{
    host::{Did, Preempt},
    invariants::{self, Broken, Verdict},
    model::{State, master_down},
    number,
    packet::Datagram,
    say,
    spec::{MAX_ROLES, Nanos, Role, Spec, Version},
    witness::{Fate, Orderings, Witness},
};

/// Hosts, and how many steps of their histories are explored.
#[derive(Clone, Copy)]
struct Case {
    version: Version,
    preempt: Preempt,
    priorities: &'static [u8],
    depth: usize,
}

const CASES: [Case; 8] = [
    Case { version: Version::V2, preempt: Preempt::Allow, priorities: &[200, 100], depth: 10 },
    Case { version: Version::V3, preempt: Preempt::Allow, priorities: &[100, 200], depth: 10 },
    Case { version: Version::V3, preempt: Preempt::Allow, priorities: &[100, 100], depth: 10 },
    Case { version: Version::V2, preempt: Preempt::Forbid, priorities: &[200, 100], depth: 10 },
    Case { version: Version::V2, preempt: Preempt::Allow, priorities: &[255, 100], depth: 10 },
    Case { version: Version::V2, preempt: Preempt::Allow, priorities: &[200, 150, 100], depth: 6 },
    Case { version: Version::V3, preempt: Preempt::Forbid, priorities: &[100, 200, 200], depth: 6 },
    Case { version: Version::V3, preempt: Preempt::Allow, priorities: &[255, 100, 100], depth: 6 },
];

#[test]
fn explore() {
    let deeper: isize = number("SIM_DEPTH").unwrap_or(0);
    let cases = Mutex::new(CASES.to_vec());
    let failed = Mutex::new(0);
    let work = || {
        loop {
            let Some(mut case) = cases.lock().unwrap().pop() else { break };
            case.depth = case.depth.saturating_add_signed(deeper);
            match explore_case(&case) {
                Ok((states, steps)) => {
                    say(&format!("{case:?}: {states} states by {steps} steps, depth {}", case.depth));
                }
                Err((broken, trail)) => {
                    say(&format!("broken: {} in {case:?}: {}", broken.invariant, broken.seen));
                    trail.lines().into_iter().for_each(|line| say(&line));
                    *failed.lock().unwrap() += 1;
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, Into::into) {
            scope.spawn(work);
        }
    });
    assert_eq!(failed.into_inner().unwrap(), 0, "the shortest history of each is above");
}

fn explore_case(case: &Case) -> Result<(usize, usize), (Broken, Arc<Trail>)> {
    let start = Arc::new(Trail { before: None, step: Step::Start });
    let mut frontier = vec![World::start(case).map_err(|broken| (broken, start))?];
    let (mut seen, mut steps) = (HashSet::new(), 0);
    for depth in 1..=case.depth {
        let mut next = Vec::new();
        for world in &frontier {
            for step in world.steps() {
                let trail = Arc::new(Trail { before: Some(Arc::clone(&world.trail)), step });
                let fail = |broken| (broken, Arc::clone(&trail));
                let mut after = world.clone();
                after.trail = Arc::clone(&trail);
                after.take(step).map_err(fail)?;
                steps += 1;
                if !seen.insert(after.fingerprint()) {
                    continue;
                }
                after.clone().calm_down(case).map_err(fail)?;
                if depth < case.depth {
                    next.push(after);
                }
            }
        }
        frontier = next;
    }
    Ok((seen.len(), steps))
}

/// A LAN in the middle of its history. Hosts that nothing has happened to are shared with the world before.
#[derive(Clone)]
struct World {
    now: Nanos,
    nodes: Vec<Arc<Node>>,
    /// From the first to the second, the oldest first.
    links: Vec<Vec<Vec<Datagram>>>,
    trail: Arc<Trail>,
}

#[derive(Clone)]
struct Node {
    spec: Spec,
    /// `None` after a crash.
    witness: Option<Witness>,
    /// What the interface had at the crash.
    left: [bool; MAX_ROLES],
    /// What it remembers: a hash of it, and the moments in it.
    memory: (u64, Vec<Nanos>),
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Start,
    Deliver {
        from: usize,
        to: usize,
    },
    Lose {
        from: usize,
        to: usize,
    },
    /// Time goes on to the earliest deadline, which is this host's.
    Timer(usize),
    Crash(usize),
    Restart(usize),
    Shutdown(usize),
}

/// How a world came about.
struct Trail {
    before: Option<Arc<Self>>,
    step: Step,
}

impl World {
    fn start(case: &Case) -> Result<Self, Broken> {
        let count = case.priorities.len();
        let off = |(last, priority): (u8, &u8)| {
            let role = Role::plain(case.version, *priority, case.preempt);
            let spec = Spec { last, roles: [Some(role), None, None] };
            Arc::new(Node { spec, witness: None, left: [false; MAX_ROLES], memory: (0, Vec::new()) })
        };
        let nodes = (1..).zip(case.priorities).map(off).collect();
        let trail = Arc::new(Trail { before: None, step: Step::Start });
        let mut world = Self { now: 0, nodes, links: vec![vec![Vec::new(); count]; count], trail };
        (0..count).try_for_each(|host| world.take(Step::Restart(host)))?;
        Ok(world)
    }

    /// Returns everything that can happen next.
    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        let earliest = self.earliest();
        for (host, node) in self.nodes.iter().enumerate() {
            match &node.witness {
                None => steps.push(Step::Restart(host)),
                Some(witness) => {
                    steps.push(Step::Crash(host));
                    let is_up = witness.state(0) != Some(State::Initialize);
                    steps.push(if is_up { Step::Shutdown(host) } else { Step::Restart(host) });
                    if witness.deadline().is_some() && witness.deadline() == earliest {
                        steps.push(Step::Timer(host));
                    }
                }
            }
            for to in (0..self.nodes.len()).filter(|to| !self.links[host][*to].is_empty()) {
                steps.extend([Step::Deliver { from: host, to }, Step::Lose { from: host, to }]);
            }
        }
        steps
    }

    fn take(&mut self, step: Step) -> Verdict {
        match step {
            Step::Start => Ok(()),
            Step::Deliver { from, to } => {
                let datagram = self.links[from][to].remove(0);
                self.with(to, |witness, now| witness.hear(now, &datagram, Fate::Taken))
            }
            Step::Lose { from, to } => {
                self.links[from][to].remove(0);
                Ok(())
            }
            Step::Timer(host) => {
                self.now = self.earliest().unwrap_or(self.now);
                self.with(host, Witness::wake)
            }
            Step::Crash(host) => {
                let node = Arc::make_mut(&mut self.nodes[host]);
                let Some(witness) = node.witness.take() else { return Ok(()) };
                (node.left, node.memory) = (witness.holds, (0, Vec::new()));
                witness.audit()
            }
            Step::Restart(host) => {
                let Node { spec, witness, left, .. } = Arc::make_mut(&mut self.nodes[host]);
                witness.get_or_insert_with(|| Witness::new(*spec, *left));
                self.with(host, |witness, now| witness.start(now))
            }
            Step::Shutdown(host) => self.with(host, |witness, now| witness.shutdown(now)),
        }
    }

    /// Lets a host do something, and puts on the links what it sends.
    fn with(
        &mut self,
        host: usize,
        act: impl FnOnce(&mut Witness, Nanos) -> Result<Orderings, Broken>,
    ) -> Verdict {
        let node = Arc::make_mut(&mut self.nodes[host]);
        let Some(witness) = &mut node.witness else { return Ok(()) };
        node.memory = (0, Vec::new());
        for (_, did) in act(witness, self.now)? {
            let Did::Advertise(_, datagram) = did else { continue };
            let links = self.links[host].iter_mut().enumerate().filter(|(to, _)| *to != host);
            // What a full link is given is lost.
            for (_, link) in links.filter(|(_, link)| link.len() < LINK_ROOM) {
                link.push(datagram.clone());
            }
        }
        Ok(())
    }

    fn earliest(&self) -> Option<Nanos> {
        self.nodes.iter().filter_map(|node| node.witness.as_ref()?.deadline()).min()
    }

    /// Lets nothing go wrong any more, and looks who is Master when the bound is reached.
    fn calm_down(&mut self, case: &Case) -> Verdict {
        let role = |host: usize| Role::plain(case.version, case.priorities[host], case.preempt);
        let wait = |host: usize| master_down(&role(host), role(host).interval());
        let bound = self.now + 4 * (0..self.nodes.len()).map(wait).max().unwrap_or(0);
        loop {
            self.deliver_all()?;
            let Some(host) = self.due_by(bound) else { break };
            self.take(Step::Timer(host))?;
        }
        let running = (0..self.nodes.len()).filter(|host| self.is(*host, |state| state != State::Initialize));
        let running: Vec<_> = running.map(|host| (host, role(host))).collect();
        let masters = (0..self.nodes.len()).filter(|host| self.is(*host, |state| state == State::Master));
        let masters: Vec<_> = masters.collect();
        if !running.is_empty() {
            invariants::at_most_one_master(0, &masters)?;
            invariants::never_without_a_master(0, &masters)?;
            masters
                .iter()
                .try_for_each(|master| invariants::the_best_is_master(0, &role(*master), &running))?;
        }
        self.nodes.iter().filter_map(|node| node.witness.as_ref()).try_for_each(Witness::audit)
    }

    fn is(&self, host: usize, state: impl Fn(State) -> bool) -> bool {
        self.nodes[host].witness.as_ref().and_then(|witness| witness.state(0)).is_some_and(state)
    }

    fn deliver_all(&mut self) -> Verdict {
        let pairs = || (0..self.nodes.len()).flat_map(|from| (0..self.nodes.len()).map(move |to| (from, to)));
        let pairs: Vec<_> = pairs().collect();
        let mut delivered = 0;
        while let Some((from, to)) =
            pairs.iter().copied().find(|(from, to)| !self.links[*from][*to].is_empty())
        {
            self.take(Step::Deliver { from, to })?;
            delivered += 1;
            invariants::there_is_no_storm(delivered, 100)?;
        }
        Ok(())
    }

    /// Returns the host whose deadline is the earliest, if it is not after `end`.
    fn due_by(&self, end: Nanos) -> Option<usize> {
        let earliest = self.earliest().filter(|earliest| *earliest <= end)?;
        let due = |node: &Arc<Node>| node.witness.as_ref().and_then(Witness::deadline) == Some(earliest);
        self.nodes.iter().position(due)
    }

    fn fingerprint(&mut self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for node in &mut self.nodes {
            if let (Some(witness), (0, _)) = (&node.witness, &node.memory) {
                let memory = witness.memory();
                Arc::make_mut(node).memory = memory;
            }
            let (memory, moments) = &node.memory;
            (memory, node.left, node.witness.as_ref().map(|witness| witness.holds)).hash(&mut hasher);
            for moment in moments {
                (*moment as i64 - self.now as i64).max(LONG_PAST).hash(&mut hasher);
            }
        }
        self.links.hash(&mut hasher);
        hasher.finish()
    }
}

impl Trail {
    fn lines(&self) -> Vec<String> {
        let mut lines = self.before.as_ref().map_or_else(Vec::new, |before| before.lines());
        lines.push(format!("{:3}. {:?}", lines.len(), self.step));
        lines
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { version, preempt, priorities, .. } = self;
        write!(f, "v{version} {preempt:?} {priorities:?}")
    }
}

/// So many packets wait on a link at most.
const LINK_ROOM: usize = 2;

/// No deadline depends on what was longer ago than a Master_Down_Interval.
const LONG_PAST: i64 = -4_000_000_000;
