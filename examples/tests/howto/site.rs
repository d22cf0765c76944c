//! The howto's site.

use std::{
    env, fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use lab::Lan;

use crate::{
    host::{Host, Web},
    mailbox::Mailbox,
};

pub(crate) const VIP_1: &str = "172.18.50.50";
pub(crate) const VIP_2: &str = "172.18.51.51";

/// Two directors, two real servers and a client on one LAN. What the howto does on each host by hand is done.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) node_1: Host,
    pub(crate) node_2: Host,
    pub(crate) client: Host,
    real_hosts: [Host; 2],
    pub(crate) real_servers: [Option<Web>; 2],
    _sorry: [Web; 2],
    pub(crate) mailbox: Option<Mailbox>,
    directory: PathBuf,
    pub(crate) lan: LanBox,
}

/// Held until the end, and not printed.
pub(crate) struct LanBox(pub(crate) Lan);

impl std::fmt::Debug for LanBox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lan")
    }
}

impl Site {
    pub(crate) fn new() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let directory = env::temp_dir().join(format!("howto-site-{}-{number}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let mut lan = Lan::new().unwrap();
        let node_1 = Host::new(&mut lan, "node1", [172, 18, 10, 11]);
        let node_2 = Host::new(&mut lan, "node2", [172, 18, 10, 10]);
        let client = Host::new(&mut lan, "client", [172, 18, 1, 25]);
        let real_hosts =
            [Host::new(&mut lan, "rs1", [172, 18, 200, 100]), Host::new(&mut lan, "rs2", [172, 18, 249, 57])];
        for host in &real_hosts {
            host.must("bash", &[concat!(env!("CARGO_MANIFEST_DIR"), "/tests/howto/realserver.sh"), "start"]);
        }
        let real_servers = [
            Some(Web::start(&real_hosts[0], "RS1:172.18.200.100")),
            Some(Web::start(&real_hosts[1], "RS2:172.18.249.57")),
        ];
        let sorry = [Web::start(&node_1, "Director1"), Web::start(&node_2, "Director2 sorry server")];
        let lan = LanBox(lan);
        Self {
            node_1,
            node_2,
            client,
            real_hosts,
            real_servers,
            _sorry: sorry,
            mailbox: None,
            directory,
            lan,
        }
    }

    /// Has mails kept that are sent to the client's host.
    pub(crate) fn with_mails(mut self) -> Self {
        self.mailbox = Some(Mailbox::start(&self.client));
        self
    }

    /// Returns the howto's file of a node, as it is on this site: another name of the interface, another place for mails and the
    /// script, and a check every second where it has 6.
    pub(crate) fn config(&self, node: u8) -> String {
        let text = match node {
            1 => include_str!("node1.conf"),
            _ => include_str!("node2.conf"),
        };
        text.replace("eth2", "eth0")
            .replace("delay_loop 6", "delay_loop 1")
            .replace("smtp_server 127.0.0.1", "smtp_server 172.18.1.25")
            .replace("keepalived@localhost", &format!("node{node}@localhost"))
            .replace("/etc/keepalived/notify.sh", self.notify_script(node).to_str().unwrap())
    }

    /// The howto's script; its `mail` is one that sends to the client's host.
    fn notify_script(&self, node: u8) -> PathBuf {
        let mail = self.put(&format!("mail{node}"), &MAIL.replace("NODE", &format!("script{node}")));
        let text = include_str!("notify.sh").replace("| mail ", &format!("| {} ", mail.display()));
        self.put(&format!("notify{node}.sh"), &text)
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.join(name);
        if !path.exists() {
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        path
    }

    pub(crate) fn stop_real_server(&mut self, number: usize) {
        self.real_servers[number] = None;
    }

    pub(crate) fn start_real_server(&mut self, number: usize) {
        let text = ["RS1:172.18.200.100", "RS2:172.18.249.57"][number];
        self.real_servers[number] = Some(Web::start(&self.real_hosts[number], text));
    }

    pub(crate) fn real_address(&self, number: usize) -> String {
        self.real_hosts[number].address.to_string()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// What `mail -s SUBJECT TO` does, with nothing but bash.
const MAIL: &str = r#"#!/bin/bash
subject=$2 body=$(cat)
exec 3<> /dev/tcp/172.18.1.25/25
answer() { read -r -u 3 line; }
say() { printf '%s\r\n' "$*" >&3; }
answer
for line in "HELO NODE" "MAIL FROM:<NODE@localhost>" "RCPT TO:<$3>" DATA; do say "$line"; answer; done
say "From: NODE@localhost"; say "Subject: $subject"; say ""; say "$body"; say .
answer; say QUIT; answer
"#;
