//! What goes wrong: afterwards the addresses are answered for, and the tables are right.

use std::{
    env, fs,
    process::{Child, Command},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::Duration,
};

use lab::Stalls;
use nix::sys::signal::Signal;

use crate::{
    director::{Director, Kind},
    host::{Host, until},
    play::{CHECKS, ELECTION, has_stood_still, table},
    site::{Site, VIP_1, VIP_2},
};

/// Both directors, each with its own address, and all real servers in their tables.
fn begin() -> (Site, Director, Director) {
    let site = Site::new();
    let one = Director::start(&site.node_1, Kind::Ours, &site.config(1));
    let two = Director::start(&site.node_2, Kind::Ours, &site.config(2));
    until("each has its own", ELECTION, || is_right(&site));
    (site, one, two)
}

/// Whether each has its own address, and both tables are full.
fn is_right(site: &Site) -> bool {
    let full =
        [format!("{}:80 Route 1", site.real_address(0)), format!("{}:80 Route 1", site.real_address(1))];
    let has_its_own = site.node_1.has(VIP_1)
        && !site.node_1.has(VIP_2)
        && site.node_2.has(VIP_2)
        && !site.node_2.has(VIP_1);
    has_its_own
        && [&site.node_1, &site.node_2]
            .iter()
            .all(|node| table(node, VIP_1) == full && table(node, VIP_2) == full)
}

fn answers(site: &Site) -> bool {
    [VIP_1, VIP_2].iter().all(|vip| site.client.curl(vip).is_some_and(|answer| answer.starts_with("RS")))
}

pub(crate) fn a_director_that_is_killed_under_load_comes_back_to_its_own_table() {
    let (site, mut one, _two) = begin();
    let stalls = Stalls::watch().unwrap();
    let (is_over, asked, answered) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                asked.fetch_add(1, Ordering::Relaxed);
                answered.fetch_add(u64::from(site.client.curl(VIP_1).is_some()), Ordering::Relaxed);
            }
        });
        until("there is load", CHECKS, || answered.load(Ordering::Relaxed) > 10);
        one.crash();
        // As systemd does: a moment later, with all that it left still there.
        assert!(site.node_1.has(VIP_1) && !table(&site.node_1, VIP_1).is_empty());
        let again = Director::start(&site.node_1, Kind::Ours, &site.config(1));
        again.until_ready();
        until("all is right", CHECKS, || is_right(&site));
        is_over.store(true, Ordering::Relaxed);
        drop(again);
    });
    let (asked, answered) = (asked.into_inner(), answered.into_inner());
    assert!(
        answered + 2 >= asked || has_stood_still(&stalls),
        "{answered} of {asked} answered: the address and the table were there all the time"
    );
}

pub(crate) fn a_director_that_stands_still_gives_way_and_all_is_right_afterwards() {
    let (site, one, _two) = begin();

    one.signal(Signal::SIGSTOP);
    until("the other has both", ELECTION, || site.node_2.has(VIP_1));
    // Ten seconds in all: that is the fault.
    thread::sleep(Duration::from_secs(10).saturating_sub(Duration::from_millis(3617)));
    one.signal(Signal::SIGCONT);

    until("all is right", ELECTION, || is_right(&site));
    until("both answer", CHECKS, || answers(&site));
    assert!(one.log().contains("not run for"), "{}", one.log());
}

pub(crate) fn an_interface_that_goes_and_comes_takes_its_address_along() {
    let (site, _one, _two) = begin();

    site.node_1.namespace.link_down("eth0").unwrap();
    until("the other has both", ELECTION, || site.node_2.has(VIP_1));
    until("it has none", ELECTION, || !site.node_1.has(VIP_1));
    site.node_1.namespace.link_up("eth0").unwrap();

    until("all is right", ELECTION, || is_right(&site));
    until("both answer", CHECKS, || answers(&site));
}

pub(crate) fn an_interface_that_is_deleted_and_made_again_is_used_again() {
    let (mut site, _one, _two) = begin();

    site.lan.0.detach("node1").unwrap();
    until("the other has both", ELECTION, || site.node_2.has(VIP_1));
    let address = site.node_1.address;
    site.lan.0.attach(&site.node_1.namespace, "node1", address, 16).unwrap();

    until("all is right", ELECTION, || is_right(&site));
    until("both answer", CHECKS, || answers(&site));
}

pub(crate) fn what_others_change_in_the_tables_is_put_right() {
    let (site, one, _two) = begin();

    site.node_1.must("ipvsadm", &["-C"]);
    until("the table is there again", CHECKS, || is_right(&site));
    site.node_1.must("ip", &["address", "del", "172.18.50.50/16", "dev", "eth0"]);
    until("the address is there again", ELECTION, || is_right(&site));

    // More events than the monitor's socket holds, the loss of the address among them.
    one.signal(Signal::SIGSTOP);
    overflow(&site.node_1);
    site.node_1.must("ip", &["address", "del", "172.18.50.50/16", "dev", "eth0"]);
    one.signal(Signal::SIGCONT);
    until("the address is there after all", ELECTION, || is_right(&site));
    assert!(one.log().contains("events were lost"), "{}", one.log());

    // The kernel's part goes, with all tables, and comes again with the next that asks for it.
    for node in [&site.node_1, &site.node_2] {
        node.must("ipvsadm", &["-C"]);
    }
    let removed =
        Command::new("modprobe").args(["-d", "/run/modules", "-r", "ip_vs_wrr", "ip_vs"]).output().unwrap();
    if !removed.status.success() {
        eprintln!("ip_vs stays loaded: {}", String::from_utf8_lossy(&removed.stderr));
    }
    until("all is right", CHECKS, || is_right(&site));
    until("both answer", CHECKS, || answers(&site));
}

/// Adds and removes an address so often that nobody can keep up with it.
fn overflow(host: &Host) {
    let path = env::temp_dir().join(format!("howto-overflow-{}", std::process::id()));
    let round = "address add 10.9.9.9/32 dev lo\naddress del 10.9.9.9/32 dev lo\n";
    fs::write(&path, round.repeat(12_000)).unwrap();
    host.must("ip", &["-batch", path.to_str().unwrap()]);
    fs::remove_file(path).unwrap();
}

pub(crate) fn a_clock_that_is_set_back_moves_no_address() {
    let (site, _one, two) = begin();
    let transitions = |director: &Director| director.log().matches(" -> ").count();
    let before = transitions(&two);
    let stalls = Stalls::watch().unwrap();

    let set = Command::new("date").args(["-s", "-1 hour"]).output().unwrap();
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    // Longer than a Master_Down_Interval, in which nothing is to happen.
    thread::sleep(Duration::from_secs(5));

    if transitions(&two) != before {
        assert!(has_stood_still(&stalls), "{}", two.log());
    }
    until("all is right", ELECTION, || is_right(&site));
}

pub(crate) fn two_capabilities_are_enough() {
    let site = Site::new();
    // Its scripts and mails are its own user's.
    let text: String = site
        .config(1)
        .lines()
        .filter(|line| !line.contains("notify_"))
        .fold(String::new(), |all, line| all + line + "\n");
    let mut one = Director::start_unprivileged(&site.node_1, &text);
    one.until_ready();
    let two = Director::start(&site.node_2, Kind::Ours, &site.config(2));
    until("each has its own", ELECTION, || is_right(&site));
    one.stop();
    until("the other has both", ELECTION, || site.node_2.has(VIP_1));
    assert!(!site.node_1.has(VIP_1));
    drop(two);
}

pub(crate) fn news_that_nobody_takes_hold_nobody_up() {
    let site = Site::new();
    let deaf = Deaf::new(&site.client);
    let trouble = deaf.trouble(&site.config(1));
    let one = Director::start(&site.node_1, Kind::Ours, &trouble);
    let two = Director::start(&site.node_2, Kind::Ours, &site.config(2));
    until("each has its own", ELECTION, || is_right(&site));
    for _ in 0..3 {
        site.node_1.namespace.link_down("eth0").unwrap();
        until("the other has both", ELECTION, || site.node_2.has(VIP_1));
        site.node_1.namespace.link_up("eth0").unwrap();
        until("all is right", ELECTION, || is_right(&site));
    }

    let news = &one.status()["notifications"];
    assert!(news["pending"].as_u64().unwrap() >= 2, "a script and a mail wait: {news}");
    assert!(news["lines_lost"].as_u64().unwrap() > 0, "a FIFO could not be made: {news}");
    drop((one, two));
}

/// Those who are told and do not listen: a script that hangs, a mail server that never answers, a FIFO that nobody reads and one
/// for which there is no room.
struct Deaf {
    server: Child,
    directory: std::path::PathBuf,
}

impl Deaf {
    fn new(host: &Host) -> Self {
        let directory = env::temp_dir().join(format!("howto-deaf-{}", std::process::id()));
        fs::create_dir(&directory).unwrap();
        let full = directory.join("full");
        fs::create_dir(&full).unwrap();
        let mount = ["-t", "tmpfs", "-o", "size=4k,nr_inodes=1", "none"];
        let mounted = Command::new("mount").args(mount).arg(&full).status().unwrap();
        assert!(mounted.success());
        let script =
            "import socket, time\nlistener = socket.create_server(('0.0.0.0', 25))\ntime.sleep(3600)";
        let server = host.spawn(Command::new("/usr/bin/python3").args(["-c", script]));
        Self { server, directory }
    }

    fn trouble(&self, text: &str) -> String {
        let place = self.directory.display();
        let globals = format!(
            "global_defs {{\n notify_fifo {place}/unread\n vrrp_notify_fifo {place}/full/fifo\n smtp_alert\n"
        );
        let script = "notify \"/bin/sleep 3600\"\n notify_master";
        text.replacen("global_defs {", &globals, 1).replacen("notify_master", script, 1)
    }
}

impl Drop for Deaf {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = Command::new("umount").arg(self.directory.join("full")).status();
        let _ = fs::remove_dir_all(&self.directory);
    }
}
