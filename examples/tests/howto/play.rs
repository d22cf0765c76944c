//! The play itself, with each pair of directors.

use std::{
    fs::File,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use lab::Stalls;

use crate::{
    director::{Director, Kind},
    host::{Host, until},
    site::{Site, VIP_1, VIP_2},
};

pub(crate) fn the_howto_plays_whoever_the_directors_are() {
    for program in ["keepalived", "ipvsadm", "tcpdump", "iptables-legacy"] {
        if lab::need(program).is_none() {
            return;
        }
    }
    let stalls = &Stalls::watch().unwrap();
    let pairs = [(Kind::Ours, Kind::Ours), (Kind::Ours, Kind::Keepalived), (Kind::Keepalived, Kind::Ours)];
    thread::scope(|scope| {
        for (first, second) in pairs {
            let name = format!("{first:?} and {second:?}");
            thread::Builder::new()
                .name(name)
                .spawn_scoped(scope, move || play(first, second, stalls))
                .unwrap();
        }
    });
}

fn play(first: Kind, second: Kind, stalls: &Stalls) {
    let site = Site::new().with_mails();
    let dump = Dump::start(&site.client);

    // Step 7 and 8: the standby server alone has the address; the master server takes it back at once.
    let two = Director::start(&site.node_2, second, &site.config(2));
    until("node2 alone has both", ELECTION, || site.node_2.has(VIP_1) && site.node_2.has(VIP_2));
    let one = Director::start(&site.node_1, first, &site.config(1));
    until("node1 preempts", ELECTION, || is_split(&site));

    // Step 9 and the double master model: what tcpdump shows.
    let adverts = [
        "IP 172.18.10.11 > 224.0.100.50: VRRPv2, Advertisement, vrid 50, prio 100, authtype simple, intvl 1s, length 20",
        "IP 172.18.10.10 > 224.0.100.50: VRRPv2, Advertisement, vrid 51, prio 100, authtype simple, intvl 1s, length 20",
    ];
    for line in adverts {
        until(line, ELECTION, || dump.text().contains(line));
    }

    block_and_unblock(&site);
    let mut site = balance(site, &one, &two);
    mails_are_in_order(&site, stalls);
    crash(&mut site, one, two, first);
}

/// The first node's advertisements are kept back: the second takes both addresses, and gives back at once.
fn block_and_unblock(site: &Site) {
    let rule = ["OUTPUT", "-s", "172.18.10.11", "-d", "224.0.100.50", "-j", "REJECT"];
    let iptables = |verb: &str| site.node_1.must("iptables-legacy", &[&["-w", verb], &rule[..]].concat());
    iptables("-A");
    until("node2 has both", ELECTION, || site.node_2.has(VIP_1) && site.node_2.has(VIP_2));
    iptables("-D");
    until("node2 gives back", ELECTION, || is_split(site));
}

/// The focus: LVS by direct routing, with checks and a sorry server.
fn balance(mut site: Site, one: &Director, two: &Director) -> Site {
    let full = ["172.18.200.100:80 Route 1", "172.18.249.57:80 Route 1"];
    for node in [&site.node_1, &site.node_2] {
        until("ipvsadm shows both real servers", CHECKS, || {
            table(node, VIP_1) == full && table(node, VIP_2) == full
        });
    }
    let (rs1, rs2) = ("RS1:172.18.200.100", "RS2:172.18.249.57");
    for vip in [VIP_1, VIP_2] {
        until("curl answers", CHECKS, || site.client.curl(vip).is_some());
        let answers: Vec<_> = (0..4).map(|_| site.client.curl(vip).unwrap_or_default()).collect();
        let alternate = answers.windows(2).all(|pair| pair[0] != pair[1]);
        assert!(alternate && answers.iter().all(|answer| answer == rs1 || answer == rs2), "{answers:?}");
    }

    site.stop_real_server(0);
    until("RS1 leaves the table", CHECKS, || {
        table(&site.node_1, VIP_1) == full[1..] && table(&site.node_2, VIP_2) == full[1..]
    });
    assert_eq!(site.client.curl(VIP_1).as_deref(), Some(rs2));
    site.stop_real_server(1);
    let sorry = ["127.0.0.1:80 Route 1"];
    until("the sorry server is alone", CHECKS, || {
        table(&site.node_1, VIP_1) == sorry && table(&site.node_2, VIP_2) == sorry
    });
    until("the sorry server answers", CHECKS, || site.client.curl(VIP_1).as_deref() == Some("Director1"));
    until("the other's too", CHECKS, || site.client.curl(VIP_2).as_deref() == Some("Director2 sorry server"));

    site.start_real_server(0);
    site.start_real_server(1);
    let is_full = |site: &Site| [&site.node_1, &site.node_2].iter().all(|node| table(node, VIP_1) == full);
    until("both return", CHECKS, || is_full(&site));
    until("curl is at a real server", CHECKS, || {
        site.client.curl(VIP_1).is_some_and(|answer| answer.starts_with("RS"))
    });
    // The directors tell of their real servers by mail, in the same words.
    let mailbox = site.mailbox.as_ref().unwrap();
    for (node, director) in [("node1", one), ("node2", two)] {
        for word in ["DOWN", "UP"] {
            let subject = format!(
                "[{node}] Realserver [172.18.200.100]:tcp:80 of virtual server [172.18.50.50]:tcp:80 - {word}"
            );
            until(&format!("{:?}: {subject}", director.kind), CHECKS, || {
                mailbox.subjects(node).contains(&subject)
            });
        }
    }
    site
}

/// The notification script's mails: node2 was Backup, Master alone, Backup when node1 came, and both again when its
/// advertisements were kept back.
fn mails_are_in_order(site: &Site, stalls: &Stalls) {
    let mailbox = site.mailbox.as_ref().unwrap();
    let expected = [
        ("script2", &["backup", "master", "backup", "master", "backup"][..]),
        ("script1", &["backup", "master"]),
    ];
    for (from, expected) in expected {
        let words = || -> Vec<String> {
            let word = |subject: &String| subject.rsplit(' ').next().unwrap().to_owned();
            mailbox.subjects(from).iter().map(word).collect()
        };
        until("all mails are there", CHECKS, || {
            let words = words();
            words.len() >= expected.len() && words.last().map(String::as_str) == expected.last().copied()
        });
        let words = words();
        let is_excused = words.len() > expected.len() && has_stood_still(stalls);
        let is_in_order =
            words[..expected.len()] == *expected && words.windows(2).all(|pair| pair[0] != pair[1]);
        assert!(
            is_in_order && (words.len() == expected.len() || is_excused),
            "{from}: {words:?}, {:?}",
            mailbox.mails()
        );
    }
}

/// A director is killed: curl goes on through the other. It comes back, and takes over again.
fn crash(site: &mut Site, mut one: Director, two: Director, first: Kind) {
    one.crash();
    until("node2 has both", ELECTION, || site.node_2.has(VIP_1) && site.node_2.has(VIP_2));
    // The neighbour that was killed still answers for its address: that host is dead in the howto.
    site.node_1.must("ip", &["link", "set", "eth0", "down"]);
    until("curl goes on", CHECKS, || site.client.curl(VIP_1).is_some_and(|answer| answer.starts_with("RS")));
    site.node_1.must("ip", &["link", "set", "eth0", "up"]);
    site.lan.0.settle("node1").unwrap();
    drop(one);
    let mut one = Director::start(&site.node_1, first, &site.config(1));
    until("node1 is back", ELECTION, || is_split(site));
    until("curl is at a real server", CHECKS, || {
        site.client.curl(VIP_1).is_some_and(|answer| answer.starts_with("RS"))
    });

    // In order: it is gone at once, and so are its tables and addresses.
    one.stop();
    until("node2 has both", ELECTION, || site.node_2.has(VIP_1) && site.node_2.has(VIP_2));
    assert!(!site.node_1.has(VIP_1), "what it held is gone with it");
    assert_eq!(site.node_1.must("ipvsadm", &["-Sn"]), "", "its table too");
    drop(two);
}

/// Whether each has its own.
fn is_split(site: &Site) -> bool {
    site.node_1.has(VIP_1) && !site.node_1.has(VIP_2) && site.node_2.has(VIP_2) && !site.node_2.has(VIP_1)
}

/// Whether the machine stood still for so long that a Master may have been given up that was none the worse for it. Says so.
pub(crate) fn has_stood_still(stalls: &Stalls) -> bool {
    let longest = stalls.longest();
    let has = longest >= Duration::from_secs(1);
    if has {
        eprintln!("the machine stood still for {longest:?}: an election more than expected is excused");
    }
    has
}

/// What `ipvsadm -Ln` shows behind an address: address, forwarding method and weight of each.
pub(crate) fn table(host: &Host, vip: &str) -> Vec<String> {
    let text = host.must("ipvsadm", &["-Ln"]);
    let head = format!("TCP  {vip}:80 wrr");
    let behind = text.lines().skip_while(|line| line.trim_end() != head).skip(1);
    let behind = behind.take_while(|line| line.trim_start().starts_with("->"));
    let mut lines: Vec<_> =
        behind.map(|line| line.split_whitespace().skip(1).take(3).collect::<Vec<_>>().join(" ")).collect();
    lines.sort();
    lines
}

/// A running tcpdump. Dropped, it is killed.
struct Dump {
    child: Child,
    path: std::path::PathBuf,
}

impl Dump {
    fn start(host: &Host) -> Self {
        let name = thread::current().name().unwrap().replace(' ', "-");
        let path = std::env::temp_dir().join(format!("howto-tcpdump-{}-{name}", std::process::id()));
        let mut command = Command::new("tcpdump");
        command.args(["-i", "eth0", "-nn", "-l", "-t", "host", "224.0.100.50"]);
        command.stdout(File::create(&path).unwrap()).stderr(Stdio::null());
        Self { child: host.spawn(&mut command), path }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.path).unwrap()
    }
}

impl Drop for Dump {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A Master_Down_Interval, and what a machine that does much else needs to start programs.
pub(crate) const ELECTION: Duration = Duration::from_secs(40);
/// Four failures three seconds apart, and the same.
pub(crate) const CHECKS: Duration = Duration::from_secs(60);
