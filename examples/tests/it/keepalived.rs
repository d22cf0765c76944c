//! keepalived, the real one, in a namespace: its VRRP part alone, in the foreground.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
        mpsc::{Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

use lab::Namespace;
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, pipe},
};

use super::interop::Role;

/// A running keepalived. Dropped, it and its children are killed, and its files removed.
pub(crate) struct Keepalived {
    child: Child,
    directory: PathBuf,
    log: Arc<Mutex<String>>,
}

impl Keepalived {
    /// Starts it, and waits until it is a Backup: how long it takes to get there is the machine's business, and no part of
    /// any time of the protocol.
    pub(crate) fn start(program: &Path, host: &Namespace, role: Role<'_>) -> Self {
        let Role { version, priority, vip, password } = role;
        // A fresh directory each time: a pid file of a killed one stops the next.
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("examples-it-keepalived-{}-{number}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let authentication = password.map_or(String::new(), |password| {
            format!("authentication {{\n auth_type PASS\n auth_pass {password}\n }}")
        });
        let configuration = format!(
            "vrrp_instance test {{\n version {version}\n state BACKUP\n interface eth0\n virtual_router_id 51\n priority {priority}\n \
             advert_int 1\n {authentication}\n virtual_ipaddress {{\n {vip}\n }}\n}}\n"
        );
        fs::write(directory.join("conf"), configuration).unwrap();
        let (output, input) = pipe().unwrap();
        let child = host.run(|| {
            Command::new(program)
                .args(["--dont-fork", "--log-console", "--log-detail", "--vrrp", "--use-file"])
                .arg(directory.join("conf"))
                .arg("--pid")
                .arg(directory.join("pid"))
                .arg("--vrrp_pid")
                .arg(directory.join("vrrp.pid"))
                .stdout(input.try_clone().unwrap())
                .stderr(input)
                .spawn()
        });
        let log = Arc::default();
        let keepalived = Self { child: child.unwrap().unwrap(), directory, log: Arc::clone(&log) };
        let (ready, is_ready) = channel();
        thread::spawn(move || keep_log(output.into(), &log, &ready));
        let began = Instant::now();
        is_ready.recv_timeout(PATIENCE).unwrap_or_else(|error| {
            panic!("keepalived is no Backup after {:?} ({error}): {}", began.elapsed(), keepalived.log())
        });
        keepalived
    }

    /// Ends it with SIGTERM, and waits until it has ended.
    pub(crate) fn stop(mut self) {
        kill(pid(self.child.id()), Signal::SIGTERM).unwrap();
        self.child.wait().unwrap();
    }

    /// Kills it and its children, as a crash of all of it does.
    pub(crate) fn crash(mut self) {
        self.kill_all();
    }

    /// What it has logged.
    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    fn kill_all(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return; // Its number may be somebody else's by now.
        }
        let parent = self.child.id();
        // Killed first, the parent would take its children along with SIGTERM, and they would say goodbye; killed last, it
        // would start them again. Stopped, it does neither.
        let _ = kill(pid(parent), Signal::SIGSTOP);
        let children =
            fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        for child in children.split_whitespace().filter_map(|child| child.parse().ok()) {
            let _ = kill(pid(child), Signal::SIGKILL);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Keepalived {
    fn drop(&mut self) {
        self.kill_all();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Keeps what a keepalived says until it and its children have ended, and tells when it has become Backup.
fn keep_log(output: File, log: &Mutex<String>, ready: &Sender<()>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let mut log = log.lock().unwrap();
        log.push_str(&line);
        log.push('\n');
        if line.contains("Entering BACKUP STATE") {
            // Only the first time is waited for.
            let _ = ready.send(());
        }
    }
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number.try_into().unwrap())
}

/// A first start from a cold disk takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);
