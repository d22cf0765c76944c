//! keepalived, the real one, in a namespace: its VRRP part alone, in the foreground.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command},
    sync::atomic::{AtomicU32, Ordering},
};

use lab::Namespace;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// A running keepalived. Dropped, it and its children are killed, and its files removed.
pub(crate) struct Keepalived {
    child: Child,
    directory: PathBuf,
}

impl Keepalived {
    pub(crate) fn start(
        program: &Path,
        host: &Namespace,
        priority: u8,
        vip: &str,
        password: Option<&str>,
    ) -> Self {
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
            "vrrp_instance test {{\n state BACKUP\n interface eth0\n virtual_router_id 51\n priority {priority}\n \
             advert_int 1\n {authentication}\n virtual_ipaddress {{\n {vip}\n }}\n}}\n"
        );
        fs::write(directory.join("conf"), configuration).unwrap();
        let log = File::create(directory.join("log")).unwrap();
        let child = host.run(|| {
            Command::new(program)
                .args(["--dont-fork", "--log-console", "--log-detail", "--vrrp", "--use-file"])
                .arg(directory.join("conf"))
                .arg("--pid")
                .arg(directory.join("pid"))
                .arg("--vrrp_pid")
                .arg(directory.join("vrrp.pid"))
                .stdout(log.try_clone().unwrap())
                .stderr(log)
                .spawn()
        });
        Self { child: child.unwrap().unwrap(), directory }
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
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
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

fn pid(number: u32) -> Pid {
    Pid::from_raw(number.try_into().unwrap())
}
