//! The example `real_server`: each order a process of its own, as an administrator or a boot script gives it.

/// The whole program; its `main` aside.
#[allow(dead_code, reason = "a test has a main of its own")]
#[path = "../../real_server.rs"]
mod program;

use std::{
    env, fs,
    io::{BufRead, BufReader},
    process::{Command, ExitCode, Output, Stdio},
    thread,
    time::Duration,
};

use lab::{Lan, Namespace};
use serde_json::{Value, json};
use vip_netlink::Netlink;

/// The argument by which the test binary is the program, with the arguments after it.
pub(crate) const BE_A_REAL_SERVER: &str = "--be-a-real-server";
/// The argument by which it starts and stops until it is killed.
pub(crate) const START_AND_STOP: &str = "--start-and-stop";

pub(crate) fn run() -> ExitCode {
    program::run(env::args().skip(1))
}

pub(crate) fn start_and_stop() {
    loop {
        for order in ["start", "stop"] {
            program::run(["real_server", order, "--json", VIP, OTHER].map(str::to_owned).into_iter());
        }
    }
}

pub(crate) fn each_order_says_what_it_did() {
    let host = Host::new();

    assert_eq!(
        host.said("start 10.0.0.100"),
        (0, "10.0.0.100 on lo: added\nnet.ipv4.conf.all.arp_ignore: 0 -> 1\nnet.ipv4.conf.all.arp_announce: 0 -> 2\n".into())
    );
    assert_eq!(
        host.said("start 10.0.0.101 10.0.0.100"),
        (0, "10.0.0.101 on lo: added\n10.0.0.100 on lo: there already\n".into())
    );
    assert_eq!(host.said("verify 10.0.0.100 10.0.0.101"), (0, "fit to be a real server\n".into()));
    assert_eq!(host.said("stop 10.0.0.100"), (0, "10.0.0.100 on lo: removed\n".into()));
    assert_eq!(
        host.said("verify 10.0.0.100 10.0.0.101"),
        (
            1,
            "10.0.0.100 is not on lo: packets for it are not taken\n  start, or: ip address add 10.0.0.100 dev lo\n".into()
        )
    );
    assert_eq!(host.settings(), (1, 2));
    assert_eq!(
        host.said("stop 10.0.0.100 10.0.0.101"),
        (
            0,
            "10.0.0.100 on lo: not there\n10.0.0.101 on lo: removed\nnet.ipv4.conf.all.arp_ignore: 1 -> 0\n\
             net.ipv4.conf.all.arp_announce: 2 -> 0\n"
                .into()
        )
    );
    assert_eq!(host.settings(), (0, 0));
}

pub(crate) fn json_says_the_same() {
    let host = Host::new();

    assert_eq!(
        host.data("start 10.0.0.100 --json"),
        (
            0,
            json!({"vips": [{"vip": "10.0.0.100", "now": "added"}], "settings": [
                {"name": "net.ipv4.conf.all.arp_ignore", "from": 0, "to": 1},
                {"name": "net.ipv4.conf.all.arp_announce", "from": 0, "to": 2},
            ]})
        )
    );
    assert_eq!(host.data("verify 10.0.0.100 --json"), (0, json!({"fit": true, "problems": []})));
    set(&host, "all/arp_ignore", "0");
    assert_eq!(
        host.data("verify 10.0.0.100 --json"),
        (
            1,
            json!({"fit": false, "problems": [{
                "problem": "arp-ignore",
                "interface": "eth0",
                "text": "eth0 answers ARP requests for addresses of lo: arp_ignore is 0 for all and 0 for it",
                "hint": "sysctl net.ipv4.conf.all.arp_ignore=1",
            }]})
        )
    );
    assert_eq!(
        host.data("start 127.0.0.1 --json"),
        (2, json!({"error": "cannot serve 127.0.0.1: other hosts cannot reach a single host by it"}))
    );
}

pub(crate) fn what_fails_is_one_sentence_and_another_exit_code() {
    let host = Host::new();

    let output = host.order("start 10.0.0.100 224.0.0.18");

    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: cannot serve 224.0.0.18: other hosts cannot reach a single host by it\n"
    );
    for wrong in ["start", "start 10.0.0.100/24", "restart 10.0.0.100", "verify eth0"] {
        assert_eq!(host.order(wrong).status.code(), Some(2), "{wrong}");
    }
}

pub(crate) fn killed_at_any_moment_it_never_answers_and_a_stop_puts_all_right() {
    let host = Host::new();
    set(&host, "all/arp_ignore", "5");
    for attempt in 0..80_u64 {
        let mut command = host.command(&[START_AND_STOP]);
        command.stdout(Stdio::piped());
        let mut child = host.namespace.run(|| command.spawn()).unwrap().unwrap();
        let mut first_line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut first_line).unwrap();
        assert!(first_line.contains("added"), "{first_line}");
        // Any moment of the rounds that follow will do.
        thread::sleep(Duration::from_micros(attempt * 71));
        child.kill().unwrap();
        child.wait().unwrap();

        let (ignore, _) = host.settings();
        let on_lo = host.on_lo();
        assert!(on_lo.is_empty() || ignore == 1, "{on_lo:?} with arp_ignore {ignore}");
        if attempt % 3 == 0 {
            assert_eq!(host.order("start 10.0.0.100").status.code(), Some(0));
        }
        assert_eq!(host.order(&format!("stop {VIP} {OTHER}")).status.code(), Some(0));
        assert_eq!((host.settings(), host.on_lo()), ((5, 0), vec![]), "after attempt {attempt}");
    }
}

/// A host on a LAN of its own.
struct Host {
    namespace: Namespace,
    _lan: Lan,
}

impl Host {
    fn new() -> Self {
        let (namespace, mut lan) = (Namespace::new().unwrap(), Lan::new().unwrap());
        lan.attach(&namespace, "host", [10, 0, 0, 1].into(), 24).unwrap();
        Self { namespace, _lan: lan }
    }

    /// The test binary in this host.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command.args(arguments);
        command
    }

    fn order(&self, arguments: &str) -> Output {
        let mut command = self.command(&[BE_A_REAL_SERVER]);
        command.args(arguments.split(' '));
        self.namespace.run(|| command.output()).unwrap().unwrap()
    }

    fn said(&self, arguments: &str) -> (i32, String) {
        let output = self.order(arguments);
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
    }

    fn data(&self, arguments: &str) -> (i32, Value) {
        let (code, text) = self.said(arguments);
        (code, serde_json::from_str(&text).unwrap())
    }

    fn settings(&self) -> (i32, i32) {
        let read = |name: &str| -> i32 {
            fs::read_to_string(format!("/proc/sys/net/ipv4/conf/all/{name}")).unwrap().trim().parse().unwrap()
        };
        self.namespace.run(|| (read("arp_ignore"), read("arp_announce"))).unwrap()
    }

    fn on_lo(&self) -> Vec<String> {
        let mut netlink = self.namespace.run(Netlink::open).unwrap().unwrap();
        let lo = netlink.interface("lo").unwrap();
        let addresses = netlink.addresses(&lo).unwrap();
        addresses.iter().filter(|one| !one.ip().is_loopback()).map(|one| one.address().to_string()).collect()
    }
}

fn set(host: &Host, name: &str, value: &str) {
    host.namespace.run(|| fs::write(format!("/proc/sys/net/ipv4/conf/{name}"), value)).unwrap().unwrap();
}

const VIP: &str = "10.0.0.100";
const OTHER: &str = "10.0.0.101";
