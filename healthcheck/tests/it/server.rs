//! Real servers, on loopback in the namespace of the test.

use std::{
    env, fs,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use crate::support::PATIENCE;

/// A server that runs, with its files. Dropped, both are gone.
pub(crate) struct Server {
    process: Child,
    _files: Files,
}

impl Server {
    /// Starts a program, and waits until it listens. It finds its files where it starts.
    pub(crate) fn start(program: &Path, arguments: &[&str], files: Files, address: SocketAddr) -> Self {
        let log = fs::File::create(files.path("log")).unwrap();
        let process = Command::new(program)
            .args(arguments)
            .current_dir(&files.directory)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .process_group(0)
            .spawn()
            .unwrap();
        let mut server = Self { process, _files: files };
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            if let Some(status) = server.process.try_wait().unwrap() {
                panic!("{}: {status}: {}", program.display(), server.log());
            }
            assert!(Instant::now() < end, "it does not listen: {}", server.log());
            thread::sleep(Duration::from_millis(5));
        }
        server
    }

    fn log(&self) -> String {
        fs::read_to_string(self._files.path("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Not waited for before, so the number is still its own.
        let _ = killpg(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGKILL);
        let _ = self.process.wait();
    }
}

/// A folder of the test's own. Dropped, it is gone.
pub(crate) struct Files {
    directory: PathBuf,
}

impl Files {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = env::temp_dir().join(format!("healthcheck-it-{}-{count}", process::id()));
        fs::create_dir(&directory).unwrap();
        Self { directory }
    }

    pub(crate) fn write(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        fs::write(self.path(name), content).unwrap();
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Finds the system's Python with this module.
pub(crate) fn need_python(module: &str) -> Option<PathBuf> {
    let python = Path::new("/usr/bin/python3");
    let import = format!("import {module}");
    let has_it = Command::new(python).args(["-c", &import]).stderr(Stdio::null()).status();
    if has_it.is_ok_and(|status| status.success()) {
        return Some(python.into());
    }
    lab::need(&format!("python3-{module}"))
}

pub(crate) fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
