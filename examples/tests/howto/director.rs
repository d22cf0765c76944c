//! A director: ours or keepalived, each as its users start it.

use std::{
    env, fs,
    fs::File,
    io::Read,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::host::{Host, until};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Keepalived,
}

/// A running director. Dropped, it is killed, and its files are removed.
#[derive(Debug)]
pub(crate) struct Director {
    pub(crate) kind: Kind,
    pub(crate) directory: PathBuf,
    child: Child,
}

impl Director {
    /// Starts it with a configuration of this text.
    pub(crate) fn start(host: &Host, kind: Kind, text: &str) -> Self {
        let directory = Self::prepare(&env::temp_dir(), text);
        let mut command = match kind {
            Kind::Ours => ours(&directory),
            Kind::Keepalived => keepalived(&directory),
        };
        Self::launch(host, kind, directory, &mut command)
    }

    fn prepare(place: &Path, text: &str) -> PathBuf {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("howto-director-{}-{number}", std::process::id());
        let directory = place.join(name);
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("conf"), text).unwrap();
        directory
    }

    fn launch(host: &Host, kind: Kind, directory: PathBuf, command: &mut Command) -> Self {
        let log = File::create(directory.join("log")).unwrap();
        let child = host.spawn(command.stdout(log.try_clone().unwrap()).stderr(log));
        Self { kind, directory, child }
    }

    /// Starts ours as systemd does: as a user without rights but for two capabilities.
    pub(crate) fn start_unprivileged(host: &Host, text: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        // Where anybody may go.
        let director = Self::prepare(Path::new("/run"), text);
        fs::set_permissions(&director, fs::Permissions::from_mode(0o777)).unwrap();
        let capabilities = "-all,+net_admin,+net_raw";
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--no-new-privs"]);
        for set in ["--inh-caps", "--ambient-caps", "--bounding-set"] {
            command.args([set, capabilities]);
        }
        let ours = ours(&director);
        command.arg(ours.get_program()).args(ours.get_args());
        Self::launch(host, Kind::Ours, director, &mut command)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Gives it another configuration.
    pub(crate) fn reload(&self, text: &str) {
        fs::write(self.directory.join("conf"), text).unwrap();
        self.signal(Signal::SIGHUP);
    }

    /// What ours says of itself.
    pub(crate) fn status(&self) -> Value {
        let mut text = String::new();
        let stream = UnixStream::connect(self.directory.join("status"));
        let _ = stream.and_then(|mut stream| stream.read_to_string(&mut text));
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Waits until ours answers.
    pub(crate) fn until_ready(&self) {
        until("the director answers", PATIENCE, || self.status().is_object());
    }

    /// Ends it in order.
    pub(crate) fn stop(&mut self) {
        self.signal(Signal::SIGTERM);
        self.child.wait().unwrap();
    }

    /// Whether it has ended, and says that all went well.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some_and(|status| status.success())
    }

    /// Kills it, and all that belongs to it, as a crash of its host does.
    pub(crate) fn crash(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return; // Its number may be somebody else's by now.
        }
        // keepalived's parent, killed first, would have its children say goodbye; killed last, it would start them again.
        self.signal(Signal::SIGSTOP);
        let parent = self.pid();
        let children =
            fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        if self.kind == Kind::Keepalived {
            for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
                let _ = kill(Pid::from_raw(child), Signal::SIGKILL);
            }
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Director {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- log of {:?}\n{}", self.kind, self.log());
        }
        self.crash();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn ours(directory: &Path) -> Command {
    let mut command = Command::new(program());
    command.arg("-f").arg(directory.join("conf")).arg("--status").arg(directory.join("status"));
    command
}

fn keepalived(directory: &Path) -> Command {
    let mut command = Command::new("keepalived");
    command.args(["--dont-fork", "--log-console", "--log-detail", "--use-file"]).arg(directory.join("conf"));
    for (option, file) in [("--pid", "pid"), ("--vrrp_pid", "vrrp.pid"), ("--checkers_pid", "checkers.pid")] {
        command.arg(option).arg(directory.join(file));
    }
    command
}

/// The example that cargo has built beside this test.
pub(crate) fn program() -> PathBuf {
    let test = env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples/lvs_director");
    let hint = "cargo build --package failover-examples --examples";
    let built = fs::metadata(&program).and_then(|data| data.modified());
    let built = built.unwrap_or_else(|error| panic!("{}: {error}; {hint}", program.display()));
    let newest = newest(&Path::new(env!("CARGO_MANIFEST_DIR")).join("lvs_director"));
    assert!(newest <= built, "{} is older than what it is made of: {hint}", program.display());
    program
}

fn newest(directory: &Path) -> SystemTime {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let times = entries.filter_map(|entry| {
        let data = entry.metadata().ok()?;
        if data.is_dir() { Some(newest(&entry.path())) } else { data.modified().ok() }
    });
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

const PATIENCE: Duration = Duration::from_secs(30);
