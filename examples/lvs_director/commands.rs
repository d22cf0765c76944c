//! Programs that are told what happens: notification scripts, and whoever sends mail.
//!
//! Those of one queue run one after the other, in the order of what they tell. So a script that hangs holds up its own instance's
//! news and nobody else's.

use std::{
    collections::{BTreeMap, VecDeque},
    io::Write,
    mem,
    os::unix::process::CommandExt,
    process::{Child, Command as Process, Stdio},
    time::{Duration, Instant},
};

use failover_examples::keepalived_conf::model::Command;
use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use crate::{log, security};

/// One program to run, with what it is told on its standard input.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    pub(crate) command: Command,
    pub(crate) input: Option<Vec<u8>>,
}

/// Runs programs, each queue in order.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    queues: BTreeMap<String, Queue>,
    is_secure: bool,
    /// How many were left out because too many waited.
    left_out: u64,
}

#[derive(Debug, Default)]
struct Queue {
    running: Option<Running>,
    waiting: VecDeque<Run>,
}

#[derive(Debug)]
struct Running {
    child: Child,
    what: String,
    since: Instant,
    is_told: bool,
}

impl Commands {
    /// `enable_script_security`: programs that others than root could have written are not run by root.
    pub(crate) fn set_security(&mut self, is_secure: bool) {
        self.is_secure = is_secure;
    }

    /// Has a program run when those before it in its queue have ended.
    pub(crate) fn run(&mut self, queue: &str, run: Run, now: Instant) {
        let waiting = &mut self.queues.entry(queue.to_owned()).or_default().waiting;
        if waiting.len() >= MOST_WAITING {
            // The oldest is news of yesterday; what is last is how things are.
            waiting.pop_front();
            self.left_out += 1;
            log::warn(queue, "too many scripts wait for one that does not end: the oldest is left out");
        }
        waiting.push_back(run);
        self.advance(now);
    }

    /// Buries those that have ended, and starts those that were waiting for them: after each SIGCHLD.
    pub(crate) fn advance(&mut self, now: Instant) {
        let is_secure = self.is_secure;
        for (name, queue) in &mut self.queues {
            queue.bury(name);
            while queue.running.is_none()
                && let Some(run) = queue.waiting.pop_front()
            {
                queue.running = start(name, &run, now, is_secure);
            }
        }
        self.queues.retain(|_, queue| queue.running.is_some());
    }

    /// Says of whom it is time to say that it hangs; they go on.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        for (name, queue) in &mut self.queues {
            if let Some(running) = &mut queue.running
                && !running.is_told
                && now >= running.since + HANGS_AFTER
            {
                running.is_told = true;
                log::warn(
                    name,
                    format_args!("{} runs for {HANGS_AFTER:?} now; what comes after it waits", running.what),
                );
            }
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let running = self.queues.values().filter_map(|queue| queue.running.as_ref());
        running.filter(|running| !running.is_told).map(|running| running.since + HANGS_AFTER).min()
    }

    /// Whether anybody runs or waits.
    pub(crate) fn is_idle(&self) -> bool {
        self.queues.is_empty()
    }

    /// How many run or wait.
    pub(crate) fn pending(&self) -> usize {
        self.queues.values().map(|queue| queue.waiting.len() + usize::from(queue.running.is_some())).sum()
    }

    /// How many were left out.
    pub(crate) const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Ends what still runs: there is nobody to wait for it.
    pub(crate) fn end(&mut self) {
        for (name, queue) in mem::take(&mut self.queues) {
            if let Some(mut running) = queue.running {
                log::warn(&name, format_args!("{} did not end in time and is killed", running.what));
                kill_group(&running.child, Signal::SIGKILL);
                let _ = running.child.wait();
            }
        }
    }
}

impl Queue {
    fn bury(&mut self, name: &str) {
        let Some(running) = &mut self.running else { return };
        match running.child.try_wait() {
            Ok(None) => return,
            Ok(Some(status)) if status.success() => {}
            Ok(Some(status)) => log::warn(name, format_args!("{}: {status}", running.what)),
            Err(error) => log::warn(name, format_args!("{}: {error}", running.what)),
        }
        self.running = None;
    }
}

fn start(queue: &str, run: &Run, now: Instant, is_secure: bool) -> Option<Running> {
    let what = run.command.program.display().to_string();
    match spawn(run, is_secure) {
        Ok(child) => Some(Running { child, what, since: now, is_told: false }),
        Err(error) => {
            log::error(queue, format_args!("cannot run {what}: {error}"));
            None
        }
    }
}

/// Starts a program in a process group of its own, in the directory `/`, without a shell.
fn spawn(run: &Run, is_secure: bool) -> Result<Child, String> {
    if is_secure && let Some(reason) = security::refusal(&run.command) {
        return Err(reason);
    }
    let Command { program, args, user } = &run.command;
    let mut process = Process::new(program);
    process.args(args).current_dir("/").process_group(0);
    process.stdin(if run.input.is_some() { Stdio::piped() } else { Stdio::null() });
    if let Some(user) = user {
        process.uid(user.uid).gid(user.gid);
    }
    let mut child = process.spawn().map_err(|error| error.to_string())?;
    if let (Some(input), Some(mut stdin)) = (&run.input, child.stdin.take()) {
        // A pipe takes 64 KiB at once, and a mail is shorter. Who does not read it says so by its exit status.
        let _ = stdin.write_all(input);
    }
    Ok(child)
}

/// Sends a signal to a program and to all that it has started.
pub(crate) fn kill_group(child: &Child, signal: Signal) {
    if let Ok(pid) = i32::try_from(child.id()) {
        // That it has ended by itself meanwhile is as good.
        let _ = killpg(Pid::from_raw(pid), signal);
    }
}

const MOST_WAITING: usize = 1000;
const HANGS_AFTER: Duration = Duration::from_secs(10);
