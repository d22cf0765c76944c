//! What instances depend on besides interfaces: scripts, files and processes.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    path::PathBuf,
    time::Instant,
};

use failover_examples::keepalived_conf::model::{Config, WatchedFile, WatchedScript};
use healthcheck::{
    Budget, Check, CheckId, Checker, CheckerEvent, EngineError, ExitMap, Health, Limits, Script,
};

use crate::{
    log,
    poll::{Poll, Token},
    processes::Processes,
    vrrp::Tracked,
};

/// Runs scripts and looks for processes. Files are looked after by [`Files`](crate::files::Files), which has those of real
/// servers too.
#[derive(Debug)]
pub(crate) struct Watcher {
    checker: Checker,
    scripts: Vec<Running>,
    files: Vec<WatchedFile>,
    processes: Processes,
}

#[derive(Debug)]
struct Running {
    model: WatchedScript,
    check: CheckId,
    health: Health,
}

impl Watcher {
    pub(crate) fn open(poll: &Poll, now: Instant) -> Result<Self, Box<dyn std::error::Error>> {
        let checker = Checker::new(Limits::default())?;
        poll.add(&checker, Token::Scripts)?;
        Ok(Self { checker, scripts: Vec::new(), files: Vec::new(), processes: Processes::new(now) })
    }

    /// Makes these the ones that matter. A script that is the same as before goes on.
    pub(crate) fn configure(&mut self, config: &Config, now: Instant) {
        for model in &config.files {
            if !self.files.contains(model) {
                write_initial(model);
            }
        }
        self.files.clone_from(&config.files);
        self.processes.watch(&config.processes, now);
        let (stays, gone): (Vec<_>, Vec<_>) = std::mem::take(&mut self.scripts)
            .into_iter()
            .partition(|running| config.scripts.contains(&running.model));
        self.scripts = stays;
        for running in gone {
            self.checker.remove(running.check);
        }
        for model in &config.scripts {
            if !self.scripts.iter().any(|running| running.model == *model) {
                match self.add(model) {
                    Ok(check) => {
                        self.scripts.push(Running { model: model.clone(), check, health: Health::Unknown });
                    }
                    Err(error) => log::error(&model.name, error),
                }
            }
        }
        self.checker.start(now);
    }

    fn add(&mut self, model: &WatchedScript) -> Result<CheckId, EngineError> {
        let mut script = Script::new(&model.command.program, ExitMap::Plain).args(&model.command.args);
        if let Some(user) = model.command.user {
            script = script.user(user.uid, user.gid);
        }
        // The reader has tried it.
        let policy = model.timing.policy().unwrap_or_default();
        self.checker.add(Check::script(script), policy)
    }

    /// Returns the files whose number counts for instances.
    pub(crate) fn files(&self) -> impl Iterator<Item = PathBuf> {
        self.files.iter().map(|file| file.path.clone())
    }

    /// Returns the names that a file is tracked under.
    pub(crate) fn names_of(&self, path: &std::path::Path) -> Vec<String> {
        self.files.iter().filter(|file| file.path == path).map(|file| file.name.clone()).collect()
    }

    /// Returns each script, whether it is well, and since when nobody knows.
    pub(crate) fn scripts(&self) -> impl Iterator<Item = (&WatchedScript, Health)> {
        self.scripts.iter().map(|running| (&running.model, running.health))
    }

    /// Does what is due, and returns who is well or no longer so.
    pub(crate) fn turn(&mut self, now: Instant) -> Vec<(Tracked, bool)> {
        self.checker.turn(now, Budget::default());
        let mut changed = Vec::new();
        let mut ended = Vec::new();
        while let Some(event) = self.checker.poll_event() {
            let (CheckerEvent::Monitor { check, .. } | CheckerEvent::Due { check, .. }) = event else {
                if let CheckerEvent::Ended(end) = event {
                    ended.push(end.check);
                }
                continue;
            };
            ended.push(check);
        }
        for running in self.scripts.iter_mut().filter(|running| ended.contains(&running.check)) {
            let Some(health) = self.checker.monitor(running.check).map(|monitor| monitor.standing().health)
            else {
                continue;
            };
            if health != running.health && health != Health::Unknown {
                running.health = health;
                let is_up = health.serves();
                log::info(&running.model.name, format_args!("script: {health}"));
                changed.push((Tracked::Script(running.model.name.clone()), is_up));
            }
        }
        for (name, is_up) in self.processes.handle_timeout(now) {
            log::info(
                &name,
                if is_up { "processes: as many as wanted" } else { "processes: not as many as wanted" },
            );
            changed.push((Tracked::Process(name), is_up));
        }
        changed
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.processes.poll_timeout()
    }
}

/// `init_file`: what is in the file before anybody writes to it.
fn write_initial(model: &WatchedFile) {
    let Some((number, overwrites)) = model.init else { return };
    let outcome = if overwrites {
        fs::write(&model.path, format!("{number}\n"))
    } else {
        let file = OpenOptions::new().write(true).create_new(true).open(&model.path);
        match file {
            Ok(mut file) => file.write_all(format!("{number}\n").as_bytes()),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    };
    if let Err(error) = outcome {
        log::error(&model.name, format_args!("{}: {error}", model.path.display()));
    }
}
