//! A mail server that keeps what it gets: aiosmtpd.

use std::{
    env, fs,
    net::TcpStream,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::Duration,
};

use crate::host::{Host, until};

/// A running mail server. Dropped, it is killed, and its mails are removed.
#[derive(Debug)]
pub(crate) struct Mailbox {
    child: Child,
    directory: PathBuf,
}

impl Mailbox {
    /// Starts it on a host's port 25.
    pub(crate) fn start(host: &Host) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let directory = env::temp_dir().join(format!("howto-mail-{}-{number}", std::process::id()));
        let mut command = Command::new("/usr/bin/python3");
        command.args([
            "-m",
            "aiosmtpd",
            "--nosetuid",
            "--listen",
            "0.0.0.0:25",
            "--class",
            "aiosmtpd.handlers.Mailbox",
        ]);
        command.arg(&directory).stdout(Stdio::null()).stderr(Stdio::null());
        let child = host.spawn(&mut command);
        let is_there = || host.namespace.run(|| TcpStream::connect("127.0.0.1:25").is_ok()).unwrap();
        until("the mail server answers", Duration::from_secs(60), is_there);
        Self { child, directory }
    }

    /// Returns the sender and the subject of each mail so far, oldest first.
    pub(crate) fn mails(&self) -> Vec<(String, String)> {
        let entries = fs::read_dir(self.directory.join("new")).into_iter().flatten().flatten();
        let mut mails: Vec<_> =
            entries.map(|entry| (order(&entry.file_name().to_string_lossy()), entry.path())).collect();
        mails.sort();
        let read = |(_, path): &(_, PathBuf)| {
            // A long header goes on in lines that begin with a space.
            let text = fs::read_to_string(path).ok()?.replace("\r\n", "\n").replace("\n ", " ");
            let header = |name: &str| {
                let line =
                    text.lines().take_while(|line| !line.is_empty()).find(|line| line.starts_with(name))?;
                Some(line.trim_start_matches(name).trim().to_owned())
            };
            Some((header("From:")?, header("Subject:")?))
        };
        mails.iter().filter_map(read).collect()
    }

    /// Returns the subjects of the mails from somebody.
    pub(crate) fn subjects(&self, from: &str) -> Vec<String> {
        self.mails()
            .into_iter()
            .filter(|(sender, _)| sender.contains(from))
            .map(|(_, subject)| subject)
            .collect()
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The number that a maildir's names have for what came in one process: `1700000000.M1P2Q3.host`.
fn order(name: &str) -> u64 {
    let number = name.split('Q').nth(1).and_then(|rest| rest.split('.').next());
    number.and_then(|number| number.parse().ok()).unwrap_or_default()
}
