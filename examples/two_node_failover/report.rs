//! What was measured: a table and a chart for people, the same as JSON for programs.

use std::time::Duration;

use serde_json::{Value, json};
use vrrp_engine::State;

use crate::{
    Result,
    plan::{NAMES, NODES, PING_PERIOD, Plan},
    scenes::{BOUND, Scene, names},
    world::{Seen, What},
};

#[derive(Debug)]
pub(crate) struct Report {
    mode: &'static str,
    pub(crate) ok: bool,
    scenes: Vec<Scene>,
    /// Who was what, when: for each router, each node's history.
    states: Vec<[States; 2]>,
    /// When the client was answered, for each router.
    replies: Vec<Vec<Duration>>,
    end: Duration,
    vrids: Vec<u8>,
}

/// States in the order of time; `None` from when the node is dead.
type States = Vec<(Duration, Option<State>)>;

impl Report {
    pub(crate) fn new(mode: &'static str, scenes: Vec<Scene>, history: &[Seen], plan: &Plan) -> Self {
        let ok = !scenes.is_empty() && scenes.iter().all(|scene| scene.fault.is_none());
        let mut history = history.to_vec();
        history.sort_by_key(|seen| seen.at);
        let routers = plan.routers.len();
        let (mut states, mut replies) = (vec![[vec![], vec![]]; routers], vec![vec![]; routers]);
        for seen in &history {
            match seen.what {
                What::Transition { router, to, .. } => states[router][seen.node].push((seen.at, Some(to))),
                What::Gone => states.iter_mut().for_each(|states| states[seen.node].push((seen.at, None))),
                What::Reply { router, .. } => replies[router].push(seen.at),
                What::Advertisement { .. } | What::Ping { .. } | What::Note(_) => {}
            }
        }
        let end = history.last().map_or(Duration::ZERO, |seen| seen.at);
        let vrids = plan.routers.iter().map(|router| router.vrid).collect();
        Self { mode, ok, scenes, states, replies, end, vrids }
    }

    /// The results as data.
    pub(crate) fn json(&self) -> Result<String> {
        let scenes = self.scenes.iter().map(|scene| {
            json!({
                "name": scene.name,
                "vrid": self.vrids[scene.router],
                "protocol_ms": scene.protocol.map(milliseconds),
                "takeover_ms": scene.takeover.map(milliseconds),
                "over_protocol_ms": scene.over_protocol_ms().map(rounded),
                "outage_ms": milliseconds(scene.outage),
                "restored_ms": scene.restored.map(milliseconds),
                "stalled_ms": milliseconds(scene.stalled),
                "masters": scene.masters.iter().map(|node| NAMES[*node]).collect::<Vec<_>>(),
                "ok": scene.fault.is_none(),
                "fault": scene.fault,
            })
        });
        let report = json!({
            "mode": self.mode,
            "ok": self.ok,
            "bound_ms": milliseconds(BOUND),
            "ping_period_ms": milliseconds(PING_PERIOD),
            "scenes": scenes.collect::<Vec<Value>>(),
        });
        Ok(serde_json::to_string_pretty(&report)? + "\n")
    }

    /// The results for people.
    pub(crate) fn text(&self, plan: &Plan) -> String {
        let mut text = self.table();
        for router in 0..plan.routers.len() {
            text += &self.chart(router);
        }
        let scenes = self.scenes.len();
        let failed = self.scenes.iter().filter(|scene| scene.fault.is_some()).count();
        text + &match failed {
            0 if self.ok => format!("\nAll {scenes} scenes went well ({}).\n", self.mode),
            _ => format!("\n{failed} of {scenes} scenes FAILED ({}).\n", self.mode),
        }
    }

    fn table(&self) -> String {
        let mut table =
            "\nscene   router   protocol ms  measured ms   beyond ms   outage ms  restored ms  stalled ms  Master\n"
                .to_owned();
        for scene in &self.scenes {
            table += &format!(
                "{:<7} {:>6} {:>13} {:>12} {:>11} {:>11} {:>12} {:>11}  {}{}\n",
                scene.name,
                self.vrids[scene.router],
                number(scene.protocol.map(milliseconds)),
                number(scene.takeover.map(milliseconds)),
                number(scene.over_protocol_ms()),
                number(Some(milliseconds(scene.outage))),
                number(scene.restored.map(milliseconds)),
                number(Some(milliseconds(scene.stalled))),
                names(&scene.masters),
                scene.fault.as_ref().map_or(String::new(), |fault| format!("  FAILED: {fault}")),
            );
        }
        table
            + &format!(
                "outage: from the client's first ping without an answer to the next answer, at a ping every {} ms. In a \
                 crash there is\nnone to speak of: the dead process's kernel goes on answering until neighbours learn \
                 of the new Master.\nrestored: from the new Master's first advertisement to its first answer, or to the \
                 end of the outage. At most {} ms\nbeyond, and to be restored; and what this machine itself stood still for just then, as threads \
                 that do nothing else see it.\n",
                PING_PERIOD.as_millis(),
                BOUND.as_millis()
            )
    }

    /// A column for each moment: what each node was, and whether the client was answered.
    fn chart(&self, router: usize) -> String {
        let moment = self.end / COLUMNS as u32 + Duration::from_nanos(1);
        let spans = (0..COLUMNS as u32).map(|column| (moment * column, moment * (column + 1)));
        let mut chart = format!(
            "\nrouter {}: # Master, . Backup, blank dead; the client: - answered, x not ({:.2} s a column)\n",
            self.vrids[router],
            moment.as_secs_f64()
        );
        for node in NODES {
            let row: String = spans.clone().map(|span| self.sign(router, node, span)).collect();
            chart += &format!("  {:<7} {}\n", NAMES[node], row.trim_end());
        }
        let replies = &self.replies[router];
        let answered = |(from, to)| {
            let first = replies.partition_point(|at| *at < from);
            replies.get(first).is_some_and(|at| *at < to)
        };
        let row: String = spans.map(|span| if answered(span) { '-' } else { 'x' }).collect();
        let mut axis = String::new();
        for column in (0..COLUMNS).step_by(15) {
            let seconds = (moment * column as u32).as_secs_f64();
            axis = format!("{axis:<column$}{seconds:.1} s");
        }
        format!("{chart}  client  {row}\n          {axis}\n")
    }

    fn sign(&self, router: usize, node: usize, (from, to): (Duration, Duration)) -> char {
        let states = &self.states[router][node];
        let before = states.partition_point(|(at, _)| *at < from);
        let within = states.iter().skip(before).take_while(|(at, _)| *at < to);
        let entered = before.checked_sub(1).and_then(|last| states.get(last));
        let states: Vec<_> = entered.into_iter().chain(within).map(|(_, state)| *state).collect();
        if states.contains(&Some(State::Master)) {
            '#'
        } else if states.contains(&Some(State::Backup)) {
            '.'
        } else {
            ' '
        }
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or("-".to_owned(), |value| format!("{value:.1}"))
}

fn milliseconds(duration: Duration) -> f64 {
    rounded(duration.as_secs_f64() * 1e3)
}

/// Rounds to microseconds.
fn rounded(milliseconds: f64) -> f64 {
    (milliseconds * 1e3).round() / 1e3
}

const COLUMNS: usize = 90;
