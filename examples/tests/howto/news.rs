//! What is told of what happens: the same to the same readers as keepalived tells.

use std::{
    env, fs,
    fs::OpenOptions,
    io::{BufRead, BufReader},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
    thread::JoinHandle,
};

use nix::{libc, sys::stat::Mode, unistd::mkfifo};

use crate::{
    director::{Director, Kind},
    host::until,
    play::{CHECKS, ELECTION},
    site::{Site, VIP_1},
};

pub(crate) fn fifos_and_scripts_are_told_what_keepalived_tells_them() {
    if lab::need("keepalived").is_none() {
        return;
    }
    let [ours, theirs] = [Kind::Ours, Kind::Keepalived].map(play);

    assert_eq!(ours.of_vrrp(), theirs.of_vrrp());
    assert_eq!(ours.of_servers(), theirs.of_servers());
    assert_eq!(ours.scripts, theirs.scripts);
    let expected = [
        "INSTANCE \"myroute1\" BACKUP 100",
        "INSTANCE \"myroute1\" MASTER 100",
        "RS [172.18.200.100]:tcp:80 [172.18.50.50]:tcp:80 DOWN",
        "VS [172.18.50.50]:tcp:80 DOWN",
        "RS [172.18.200.100]:tcp:80 [172.18.50.50]:tcp:80 UP",
        "VS [172.18.50.50]:tcp:80 UP",
        "INSTANCE \"myroute1\" STOP 100",
    ];
    for line in expected {
        assert!(ours.fifo.iter().any(|told| told == line), "{line} in {:#?}", ours.fifo);
    }
}

/// What was told, in order; scripts sorted, for keepalived runs them all at once.
struct Told {
    fifo: Vec<String>,
    scripts: Vec<String>,
}

/// keepalived writes the lines of the one kind and of the other from two processes: only among themselves they have an order.
impl Told {
    fn of_vrrp(&self) -> Vec<&String> {
        self.fifo.iter().filter(|line| line.starts_with("INSTANCE")).collect()
    }

    fn of_servers(&self) -> Vec<&String> {
        self.fifo.iter().filter(|line| !line.starts_with("INSTANCE")).collect()
    }
}

fn play(kind: Kind) -> Told {
    let mut site = Site::new();
    let place = Place::new();
    let mut director = Director::start(&site.node_1, kind, &place.config(&site));
    until("it has the address", ELECTION, || site.node_1.has(VIP_1));
    until("it is told", ELECTION, || place.has("MASTER"));
    site.stop_real_server(0);
    until("the real server is down", CHECKS, || place.has("VS [172.18.50.50]:tcp:80 DOWN"));
    site.start_real_server(0);
    // It was said to be up at the start, too.
    until("it is up", CHECKS, || place.count("VS [172.18.50.50]:tcp:80 UP") == 2);
    until("the scripts have run", CHECKS, || place.runs("up") == 1 && place.runs("quorum up") == 2);
    director.stop();
    until("it is told of the end", CHECKS, || {
        place.has("STOP") && place.runs("INSTANCE myroute1 STOP 100") == 1
    });
    Told { fifo: place.lines(), scripts: place.scripts() }
}

/// A FIFO with its reader, and a script that notes its arguments.
struct Place {
    directory: PathBuf,
    lines: Arc<Mutex<Vec<String>>>,
    reading: Option<JoinHandle<()>>,
}

impl Place {
    fn new() -> Self {
        let number = thread::current().id();
        let directory = env::temp_dir()
            .join(format!("howto-news-{}-{number:?}", std::process::id()).replace(['(', ')'], ""));
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir(&directory).unwrap();
        let fifo = directory.join("fifo");
        mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        let script = format!("#!/bin/bash\necho \"$@\" >> {}/told\n", directory.display());
        fs::write(directory.join("script"), script).unwrap();
        fs::set_permissions(directory.join("script"), fs::Permissions::from_mode(0o755)).unwrap();
        let lines = Arc::<Mutex<Vec<String>>>::default();
        // For both directions, so that it does not end when a director does.
        let reader =
            OpenOptions::new().read(true).write(true).custom_flags(libc::O_CLOEXEC).open(&fifo).unwrap();
        let kept = Arc::clone(&lines);
        let reading = thread::spawn(move || {
            for line in BufReader::new(reader).lines() {
                let Ok(line) = line else { break };
                if line == "over" {
                    break;
                }
                // keepalived puts a NUL behind some.
                kept.lock().unwrap().push(line.trim_matches('\0').to_owned());
            }
        });
        Self { directory, lines, reading: Some(reading) }
    }

    fn config(&self, site: &Site) -> String {
        let place = self.directory.display();
        let address = site.real_address(0);
        format!(
            "global_defs {{\n notify_fifo {place}/fifo\n script_user root\n}}\n\
             vrrp_instance myroute1 {{\n state BACKUP\n interface eth0\n virtual_router_id 50\n priority 100\n advert_int 1\n\
             virtual_ipaddress {{\n {VIP_1}/16 dev eth0\n }}\n notify {place}/script\n notify_master \"{place}/script its master\"\n}}\n\
             virtual_server {VIP_1} 80 {{\n delay_loop 1\n lb_algo wrr\n lb_kind DR\n protocol TCP\n\
             quorum_up \"{place}/script quorum up\"\n quorum_down \"{place}/script quorum down\"\n\
             real_server {address} 80 {{\n notify_up \"{place}/script up\"\n notify_down \"{place}/script down\"\n\
             TCP_CHECK {{\n connect_timeout 2\n retry 0\n }}\n }}\n}}\n"
        )
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    fn has(&self, part: &str) -> bool {
        self.count(part) > 0
    }

    fn count(&self, part: &str) -> usize {
        self.lines().iter().filter(|line| line.contains(part)).count()
    }

    fn runs(&self, arguments: &str) -> usize {
        self.scripts().iter().filter(|line| *line == arguments).count()
    }

    fn scripts(&self) -> Vec<String> {
        let text = fs::read_to_string(self.directory.join("told")).unwrap_or_default();
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if fs::write(self.directory.join("fifo"), "over\n").is_ok() {
            let _ = self.reading.take().map(JoinHandle::join);
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}
