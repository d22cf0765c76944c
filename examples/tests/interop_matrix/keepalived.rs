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

use crate::{
    combination::{Combination, Preemption, Role, Secret, Side, To},
    router::{Log, VRID},
};

/// A running keepalived. Dropped, it and its children are killed, and its files removed.
pub(crate) struct Keepalived {
    child: Child,
    directory: PathBuf,
    log: Arc<Mutex<Log>>,
    combination: Combination,
    side: Side,
    role: Role,
}

impl Keepalived {
    /// Starts it, and waits until it is a Backup: how long it takes to get there is the machine's business, and no part of
    /// any time of the protocol.
    pub(crate) fn start(
        program: &Path,
        host: &Namespace,
        combination: Combination,
        side: Side,
        role: Role,
    ) -> Self {
        // A fresh directory each time: a pid file of a killed one stops the next.
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("interop-matrix-keepalived-{}-{number}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("conf"), configuration(combination, side, role)).unwrap();
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
        let child = child.unwrap().unwrap();
        let keepalived = Self { child, directory, log: Arc::clone(&log), combination, side, role };
        let (ready, is_ready) = channel();
        thread::spawn(move || keep_log(output.into(), &log, &ready));
        let began = Instant::now();
        is_ready.recv_timeout(PATIENCE).unwrap_or_else(|error| {
            panic!("keepalived is no Backup after {:?} ({error}): {:#?}", began.elapsed(), keepalived.log())
        });
        keepalived
    }

    /// Changes its configuration file and has it read again.
    pub(crate) fn set_priority(&mut self, priority: u8) {
        self.role.priority = priority;
        let text = configuration(self.combination, self.side, self.role);
        fs::write(self.directory.join("conf"), text).unwrap();
        kill(pid(self.child.id()), Signal::SIGHUP).unwrap();
    }

    /// Ends it with SIGTERM, and waits until it has ended.
    pub(crate) fn stop(&mut self) {
        kill(pid(self.child.id()), Signal::SIGTERM).unwrap();
        self.child.wait().unwrap();
    }

    /// Kills it and its children, as a crash of all of it does.
    pub(crate) fn crash(&mut self) {
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

    /// What it has logged.
    pub(crate) fn log(&self) -> Log {
        self.log.lock().unwrap().clone()
    }
}

impl Drop for Keepalived {
    fn drop(&mut self) {
        self.crash();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn configuration(combination: Combination, side: Side, role: Role) -> String {
    let preemption = match role.preemption {
        Preemption::Allow => String::new(),
        Preemption::Forbid => "nopreempt".to_owned(),
        Preemption::Delay(delay) => format!("preempt_delay {}", delay.as_secs_f32()),
    };
    let authentication =
        |kind| format!("authentication {{\n auth_type {kind}\n auth_pass {}\n }}", role.secret);
    let authentication = match combination.secret {
        Secret::None => String::new(),
        Secret::Password => authentication("PASS"),
        Secret::Header => authentication("AH"),
    };
    let peers = match combination.to {
        To::Group => String::new(),
        // Unless told otherwise, it sends to peers over IPv6 with the system's hop limit.
        To::Peers => format!(
            "unicast_src_ip {}\n unicast_ttl 255\n unicast_peer {{\n {}\n }}",
            combination.source(side),
            combination.source(side.other())
        ),
    };
    format!(
        "vrrp_instance test {{\n version {}\n state BACKUP\n interface eth0\n virtual_router_id {VRID}\n \
         priority {}\n advert_int 1\n {preemption}\n {authentication}\n {peers}\n virtual_ipaddress {{\n {}\n }}\n}}\n",
        combination.version(),
        role.priority,
        combination.vips().join("\n ")
    )
}

/// Keeps what a keepalived says until it and its children have ended, and tells when it has become Backup.
fn keep_log(output: File, log: &Mutex<Log>, ready: &Sender<()>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let mut log = log.lock().unwrap();
        let entered = |state| line.contains(&format!("Entering {state} STATE"));
        let states = [("BACKUP", "Backup"), ("MASTER", "Master"), ("FAULT", "Fault")];
        if let Some((_, state)) = states.into_iter().find(|(state, _)| entered(*state)) {
            log.states.push(state.to_owned());
        }
        if entered("BACKUP") {
            // Only the first time is waited for.
            let _ = ready.send(());
        }
        log.lines.push(line);
    }
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number.try_into().unwrap())
}

/// A first start from a cold disk takes seconds.
const PATIENCE: Duration = Duration::from_secs(60);
