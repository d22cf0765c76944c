//! The examples for embedders, as their users run them.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that unwraps an error has failed")]

#[path = "../../checks_alone.rs"]
mod checks_alone;
#[path = "../../vrrp_mio.rs"]
mod vrrp_mio;
#[path = "../../vrrp_tokio.rs"]
mod vrrp_tokio;

use std::{
    env,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    process::{Child, Command, ExitCode, Stdio},
    thread,
    time::{Duration, Instant},
};

use lab::{Lan, Namespace, Stalls};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use vip_netlink::Netlink;

fn main() -> ExitCode {
    match env::var(RUN).as_deref() {
        Ok("checks_alone") => return checks_alone::main(),
        Ok("vrrp_mio") => return vrrp_mio::main(),
        Ok("vrrp_tokio") => return vrrp_tokio::main(),
        _ => {}
    }
    lab::run_tests(lab::tests![
        two_on_mio_have_one_master,
        two_on_tokio_have_one_master,
        one_on_each_have_one_master,
        what_cannot_be_is_refused_in_one_sentence,
        a_server_that_goes_and_comes_is_told,
    ])
}

fn two_on_mio_have_one_master() {
    elect("vrrp_mio", "vrrp_mio");
}

fn two_on_tokio_have_one_master() {
    elect("vrrp_tokio", "vrrp_tokio");
}

fn one_on_each_have_one_master() {
    elect("vrrp_mio", "vrrp_tokio");
}

/// The better of two holds the address; it is killed, comes back, loses its link, gets it back, and is ended in order.
fn elect(better: &str, worse: &str) {
    let mut lan = Lan::new().unwrap();
    let hosts = [Namespace::new().unwrap(), Namespace::new().unwrap()];
    lan.attach(&hosts[0], "one", Ipv4Addr::new(192, 0, 2, 1), 24).unwrap();
    lan.attach(&hosts[1], "two", Ipv4Addr::new(192, 0, 2, 2), 24).unwrap();
    let start = |number: usize, name: &str, priority: &str| {
        let args = ["eth0", "192.0.2.100/24", "--priority", priority];
        Running(
            hosts[number].run(|| example(name).args(args).stdout(Stdio::null()).spawn()).unwrap().unwrap(),
        )
    };
    let holds = |number: usize| holds(&hosts[number]);

    let mut one = start(0, better, "150");
    let two = start(1, worse, "100");
    until("the better has it", || holds(0) && !holds(1));

    one.0.kill().unwrap();
    one.0.wait().unwrap();
    until("the worse has it after a crash", || holds(1));
    let one = start(0, better, "150");
    until("the better has it back", || holds(0) && !holds(1));

    hosts[0].link_down("eth0").unwrap();
    until("the worse has it while the link is down", || holds(1));
    hosts[0].link_up("eth0").unwrap();
    lan.settle("one").unwrap();
    until("the better has it again", || holds(0) && !holds(1));

    let (stalls, begun) = (Stalls::watch().unwrap(), Instant::now());
    drop(one);
    until("the worse has it after an orderly end", || holds(1) && !holds(0));
    // A Skew_Time of priority 100 is 609 ms; a Master_Down_Interval would be three seconds more.
    let bound = Duration::from_millis(3000) + stalls.longest();
    assert!(begun.elapsed() < bound, "it was told: {:?}", begun.elapsed());
    drop(two);
    until("nobody has it", || !holds(1));
}

fn holds(host: &Namespace) -> bool {
    let look = || {
        let mut netlink = Netlink::open().unwrap();
        let interface = netlink.interface("eth0").unwrap();
        netlink.addresses(&interface).unwrap().iter().any(|one| one.ip() == Ipv4Addr::new(192, 0, 2, 100))
    };
    host.run(look).unwrap()
}

fn what_cannot_be_is_refused_in_one_sentence() {
    for (name, args, says) in [
        ("vrrp_mio", &["nowhere", "192.0.2.1/24"][..], "nowhere"),
        ("vrrp_tokio", &["lo", "192.0.2.1/33"], "192.0.2.1/33"),
        ("checks_alone", &["http://name/"], "names are not looked up"),
    ] {
        let output = example(name).args(args).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains(says), "{name}: {said}");
    }
}

fn a_server_that_goes_and_comes_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let mut checks = example("checks_alone");
    checks.args([&address.to_string(), "--json", "--interval", "0.1"]).stdout(Stdio::piped());
    let mut checks = Running(checks.spawn().unwrap());
    let mut lines = BufReader::new(checks.0.stdout.take().unwrap()).lines();
    let mut next = || -> (String, String) {
        let line: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        assert_eq!(line["target"], address.to_string());
        (line["from"].as_str().unwrap().to_owned(), line["to"].as_str().unwrap().to_owned())
    };

    assert_eq!(next().1, "up");
    drop(listener);
    assert_eq!(next(), ("up".into(), "down".into()));
    let _listener = TcpListener::bind(address).unwrap();
    assert_eq!(next(), ("down".into(), "up".into()));
}

/// An example that runs. Dropped, it is ended in order, and waited for.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        if let Ok(None) = self.0.try_wait() {
            kill(Pid::from_raw(self.0.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
            self.0.wait().unwrap();
        }
    }
}

/// This program again, as one of the examples.
fn example(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.env(RUN, name).stdin(Stdio::null());
    command
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "not so after {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

const RUN: &str = "RUN_EXAMPLE";
/// A Master_Down_Interval and then some: this machine does other things too.
const PATIENCE: Duration = Duration::from_secs(20);
