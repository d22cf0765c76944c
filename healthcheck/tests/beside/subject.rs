//! Who looks at a server: a program, whose log tells, or we.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, Instant},
};

use healthcheck::{Budget, Change, Check, Checker, CheckerEvent, Http, Limits, MonitorEvent, Policy};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::server::{Behaviour, Server};

/// How long a server behaves in one way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    Up,
    Down,
    /// So many checks.
    Checks(u32),
}

pub(crate) trait Subject {
    /// What it has said since it was last asked: whether the server came up.
    fn changes(&mut self) -> Vec<bool>;

    /// What it has said at all, for whoever wonders.
    fn log(&self) -> String;
}

/// Has a server go through a script under somebody's eyes; returns all changes that were seen.
pub(crate) fn observe(
    subject: &mut dyn Subject,
    server: &Server,
    script: &[(Behaviour, Until)],
) -> Vec<bool> {
    let mut seen = Vec::new();
    for (behaviour, until) in script {
        server.behave(*behaviour);
        let begun = (Instant::now(), seen.len());
        loop {
            seen.extend(subject.changes());
            let new = seen.get(begun.1..).unwrap_or_default();
            let is_over = match until {
                Until::Up => new.contains(&true),
                Until::Down => new.contains(&false),
                Until::Checks(count) => server.count() >= *count,
            };
            if is_over {
                break;
            }
            assert!(
                begun.0.elapsed() < PATIENCE,
                "{behaviour:?} {until:?} does not come; seen {seen:?}\n{}",
                subject.log()
            );
            thread::sleep(Duration::from_millis(2));
        }
    }
    seen
}

/// The crate, with a policy.
pub(crate) struct Us {
    checker: Checker,
    log: String,
}

impl Us {
    pub(crate) fn watch(server: &Server, policy: Policy) -> Self {
        let mut checker = Checker::new(Limits::default()).unwrap();
        let page = Http::builder("shop.example").statuses([200..=200]).build().unwrap();
        checker.add(Check::new(server.address, page), policy).unwrap();
        checker.start(Instant::now());
        Self { checker, log: String::new() }
    }
}

impl Subject for Us {
    fn changes(&mut self) -> Vec<bool> {
        self.checker.turn(Instant::now(), Budget::default());
        let mut changes = Vec::new();
        while let Some(event) = self.checker.poll_event() {
            self.log += &format!("{event:?}\n");
            if let CheckerEvent::Monitor { event: MonitorEvent::Changed(Change { from, to, .. }), .. } = event
                && from.serves() != to.serves()
            {
                changes.push(to.serves());
            }
        }
        changes
    }

    fn log(&self) -> String {
        self.log.clone()
    }
}

/// A program in the foreground with a configuration file. Dropped, it is ended and its file removed.
pub(crate) struct Program {
    process: Child,
    directory: PathBuf,
    lines: Receiver<String>,
    /// What a line of its log says of the server.
    reads: fn(&str) -> Option<bool>,
    log: String,
}

impl Program {
    pub(crate) fn start(
        program: &Path,
        arguments: &[&str],
        configuration: &str,
        reads: fn(&str) -> Option<bool>,
    ) -> Self {
        let name = program.file_name().unwrap_or_default().display();
        let directory = env::temp_dir().join(format!("healthcheck-beside-{name}-{}", process::id()));
        fs::create_dir_all(&directory).unwrap();
        fs::write(directory.join("conf"), configuration).unwrap();
        let mut process = Command::new(program)
            .args(arguments)
            .current_dir(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let log = BufReader::new(process.stderr.take().unwrap());
        // Ends with the program.
        thread::spawn(move || log.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { process, directory, lines, reads, log: String::new() }
    }
}

impl Subject for Program {
    fn changes(&mut self) -> Vec<bool> {
        let lines: Vec<_> = self.lines.try_iter().collect();
        for line in &lines {
            self.log += &format!("{line}\n");
        }
        lines.iter().filter_map(|line| (self.reads)(line)).collect()
    }

    fn log(&self) -> String {
        self.log.clone()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = kill(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGTERM);
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Longer than the slowest of all changes takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
