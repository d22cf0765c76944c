//! What a person sees while it plays: a line for each event, and one that moves while nothing happens.

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use crate::{
    plan::{NAMES, Plan},
    scenes::{Scene, names},
    world::{Seen, What},
};

#[derive(Debug)]
pub(crate) struct Screen {
    is_terminal: bool,
    turns: usize,
    has_progress: bool,
}

impl Screen {
    /// How often the moving line moves.
    pub(crate) const REFRESH: Duration = Duration::from_millis(100);

    pub(crate) fn new() -> Self {
        Self { is_terminal: io::stdout().is_terminal(), turns: 0, has_progress: false }
    }

    pub(crate) fn title(&mut self, mode: &str, plan: &Plan) {
        self.line(&format!("Two nodes, {mode}."));
        for router in &plan.routers {
            let [one, two] = router.priorities;
            self.line(&format!(
                "Router {}: {}, node1 with priority {one}, node2 with {two}, VRRPv{}, an advertisement every {}.",
                router.vrid, router.vip, plan.version, plan.interval
            ));
        }
        self.line("");
    }

    /// Something is done to the nodes.
    pub(crate) fn act(&mut self, at: Duration, text: &str) {
        self.line(&format!("{:>9.3} s  *** {text}", at.as_secs_f64()));
    }

    /// Something was seen. Packets are not shown: there are too many.
    pub(crate) fn show(&mut self, seen: &Seen, plan: &Plan) {
        let (at, node) = (seen.at.as_secs_f64(), NAMES[seen.node]);
        match &seen.what {
            What::Transition { router, from, to, reason } => {
                let vrid = plan.routers[*router].vrid;
                self.line(&format!("{at:>9.3} s  {node}  router {vrid}  {from} -> {to}: {reason}"));
            }
            What::Note(text) => self.line(&format!("{at:>9.3} s  {node}  {text}")),
            What::Advertisement { .. } | What::Ping { .. } | What::Reply { .. } | What::Gone => {}
        }
    }

    /// A scene is over.
    pub(crate) fn scene(&mut self, scene: &Scene, plan: &Plan) {
        let vrid = plan.routers[scene.router].vrid;
        match &scene.fault {
            None => self.line(&format!(
                "             ok: {}, router {vrid}: {}",
                scene.name,
                names(&scene.masters)
            )),
            Some(fault) => self.line(&format!("             FAILED: {}, router {vrid}: {fault}", scene.name)),
        }
    }

    /// Nothing happens, and this is what is waited for.
    pub(crate) fn progress(&mut self, text: &str, waited: Duration) {
        if !self.is_terminal {
            return;
        }
        self.turns += 1;
        let sign = ['|', '/', '-', '\\'][self.turns / 8 % 4];
        put(&format!("\r\x1b[K          {sign}  {text}, {:.1} s passed", waited.as_secs_f64()));
        self.has_progress = true;
    }

    /// Takes the moving line away.
    pub(crate) fn quiet(&mut self) {
        if std::mem::take(&mut self.has_progress) {
            put("\r\x1b[K");
        }
    }

    /// A text of many lines.
    pub(crate) fn lines(&mut self, text: &str) {
        self.quiet();
        put(text);
    }

    fn line(&mut self, text: &str) {
        self.lines(&format!("{text}\n"));
    }
}

/// A reader that has gone (`| head`) is no reason to stop: the scenes end in a report and an exit status all the same.
fn put(text: &str) {
    let mut out = io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
