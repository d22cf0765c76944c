//! A director that is measured.

use std::{
    env, fs,
    fs::File,
    io::{self, Read},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use lab::Namespace;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Keepalived,
}

/// Which half of it is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Vrrp,
    Checkers,
}

/// A running director. Dropped, it is killed, and its files are removed.
#[derive(Debug)]
pub(crate) struct Director {
    kind: Kind,
    child: Child,
    directory: PathBuf,
}

impl Director {
    pub(crate) fn start(host: &Namespace, kind: Kind, part: Part, text: &str) -> io::Result<Self> {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let directory = env::temp_dir().join(format!("compare-{}-{number}", std::process::id()));
        fs::create_dir(&directory)?;
        fs::write(directory.join("conf"), text)?;
        let log = File::create(directory.join("log"))?;
        let mut command = match kind {
            Kind::Ours => ours(&directory),
            Kind::Keepalived => keepalived(&directory),
        };
        command.arg(if part == Part::Vrrp { "--vrrp" } else { "--check" });
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = host.run(|| command.spawn())?.map_err(|error| {
            io::Error::other(format!(
                "{}: {error}: is it installed, or built?",
                command.get_program().display()
            ))
        })?;
        Ok(Self { kind, child, directory })
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// Puts another configuration there.
    pub(crate) fn prepare(&self, text: &str) -> io::Result<()> {
        fs::write(self.directory.join("conf"), text)
    }

    /// Has it read its configuration again.
    pub(crate) fn reload(&self) -> io::Result<()> {
        Ok(kill(self.pid(), Signal::SIGHUP)?)
    }

    pub(crate) fn status(&self) -> Value {
        let mut text = String::new();
        let stream = UnixStream::connect(self.directory.join("status"));
        let _ = stream.and_then(|mut stream| stream.read_to_string(&mut text));
        serde_json::from_str(&text).unwrap_or_default()
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap_or_default())
    }

    /// Its processes: keepalived's are two.
    fn processes(&self) -> Vec<i32> {
        let parent = self.pid().as_raw();
        let children =
            fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        let children = children.split_whitespace().filter_map(|child| child.parse().ok());
        // Ours has none but scripts.
        let children = children.filter(|_| self.kind == Kind::Keepalived);
        std::iter::once(parent).chain(children).collect()
    }

    /// What it has run so far, in nanoseconds.
    pub(crate) fn cpu(&self) -> u64 {
        let read = |pid: i32| {
            let text = fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
            text.split_whitespace().next()?.parse::<u64>().ok()
        };
        self.processes().into_iter().filter_map(read).sum()
    }

    /// What it holds of memory, shared pages by share, in kB.
    pub(crate) fn memory(&self) -> u64 {
        let read = |pid: i32| {
            let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
            let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
            line.trim().trim_end_matches(" kB").parse::<u64>().ok()
        };
        self.processes().into_iter().filter_map(read).sum()
    }

    /// Kills all of it at once, as a crash of its host does.
    pub(crate) fn crash(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // keepalived's parent, killed first, would have its children say goodbye; killed last, it would start them again.
        let processes = self.processes();
        let _ = kill(self.pid(), Signal::SIGSTOP);
        for process in processes.into_iter().rev() {
            let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Director {
    fn drop(&mut self) {
        self.crash();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn ours(directory: &Path) -> Command {
    let program = env::current_exe().map(|path| path.with_file_name("lvs_director")).unwrap_or_default();
    let mut command = Command::new(program);
    command.arg("-f").arg(directory.join("conf")).arg("--status").arg(directory.join("status"));
    command
}

fn keepalived(directory: &Path) -> Command {
    let mut command = Command::new("/usr/sbin/keepalived");
    command.args(["--dont-fork", "--log-console", "--use-file"]).arg(directory.join("conf"));
    for (option, file) in [("--pid", "pid"), ("--vrrp_pid", "vrrp.pid"), ("--checkers_pid", "checkers.pid")] {
        command.arg(option).arg(directory.join(file));
    }
    command
}
