//! A Master that is not run for 10 s, on real kernels: two nodes in processes of their own, one of them stopped and continued.
//!
//! A stopped process's kernel still has the address and answers for it, so that is no sign of a Master: advertisements are, and
//! which hardware address the client believes.

use std::{
    env, fs,
    io::{self, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::fd::AsFd,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use failover_examples::{Node, Preemption, RouterSettings, Settings};
use lab::{Capture, Lan, Namespace};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::signal::{Signal, kill},
    time::{ClockId, clock_gettime},
    unistd::Pid,
};
use vrrp_proto::Packet;

use super::node::holds;

/// The argument that makes this program a node: the settings follow.
pub(crate) const BE_A_NODE: &str = "--be-a-node";

const VIP: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 100);
const ASSIGNED: &str = "192.0.2.100/32";
/// The one that is stopped and the other, as the LAN counts its ports.
const NAMES: [&str; 2] = ["paused", "other"];
const PRIORITIES: [u8; 2] = [150, 100];
const HARDWARE_ADDRESSES: [&str; 2] = ["02:00:00:00:00:01", "02:00:00:00:00:02"];
const PAUSE: Duration = Duration::from_secs(10);
/// What a shared machine may be late by.
const SLACK: Duration = Duration::from_millis(1500);

pub(crate) fn a_paused_master_that_may_not_preempt_does_not_come_back() {
    let mut site = Site::new(Preemption::Forbid);
    let resumed = site.pause();

    site.look_until(resumed + down(0) + SLACK, |_| None::<Advert>);

    let claims = site.claims(0, resumed);
    assert_eq!(claims, [], "another is Master");
    site.assert_one_holder(1);
    site.assert_answers("forbid", resumed);
}

pub(crate) fn a_paused_master_that_preempts_listens_first() {
    let mut site = Site::new(Preemption::Allow);
    let resumed = site.pause();

    let is_claim = |advert: &Advert| advert.node == 0 && advert.at > resumed && advert.priority > 0;
    let first =
        site.look_until(resumed + down(0) + SLACK, |seen| seen.iter().find(|one| is_claim(one)).copied());
    let first = first.expect("it preempts").at;
    assert!(first - resumed >= down(0), "{:?} after it went on, before {:?}", first - resumed, down(0));
    // One that gives way may say so; then there is but one.
    let settled = first + Duration::from_millis(500);
    site.look_until(first + Duration::from_millis(2500), |_| None::<Advert>);

    assert_eq!(site.claims(1, settled), [], "a second Master");
    site.assert_one_holder(0);
    site.assert_answers("allow", resumed);
    let _ = writeln!(io::stderr(), "paused, allow: preempts {:.3?} after it went on", first - resumed);
}

/// Is a node until its input ends.
pub(crate) fn be_a_node(settings: &str) {
    let settings: Settings = serde_json::from_str(settings).unwrap();
    let mut node = Node::open(&settings).unwrap();
    // What it does is watched from outside.
    node.start(&mut drop).unwrap();
    while !node.wait(&[io::stdin().as_fd()]).unwrap() {
        node.turn(&mut drop).unwrap();
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Advert {
    at: Duration,
    node: usize,
    priority: u8,
}

struct Site {
    hosts: [Namespace; 2],
    nodes: Vec<Child>,
    captures: [Capture; 2],
    seen: Vec<Advert>,
    client: Client,
    /// Held for its bridge.
    _lan: Lan,
}

impl Site {
    /// Has the first node Master and the second Backup.
    fn new(preemption: Preemption) -> Self {
        let mut lan = Lan::new().unwrap();
        let hosts = [1, 2].map(|number| {
            let host = Namespace::new().unwrap();
            let own = Ipv4Addr::new(192, 0, 2, number);
            lan.attach(&host, NAMES[usize::from(number) - 1], own, 24).unwrap();
            host
        });
        let client_host = Namespace::new().unwrap();
        lan.attach(&client_host, "client", Ipv4Addr::new(192, 0, 2, 99), 24).unwrap();
        let captures = NAMES.map(|name| lan.capture(name).unwrap());
        let client = Client::start(client_host);
        let nodes = Vec::new();
        let mut site = Self { hosts, nodes, captures, seen: Vec::new(), client, _lan: lan };
        // One after the other: whoever does not preempt stays Backup only if there is a Master.
        site.nodes.push(start(&site.hosts[0], preemption, PRIORITIES[0]));
        site.await_beat(0, down(0) + SLACK + SLACK);
        site.nodes.push(start(&site.hosts[1], preemption, PRIORITIES[1]));
        // The first comes while the second starts, perhaps.
        site.await_beat(0, Duration::from_secs(1) + SLACK);
        site
    }

    /// Stops the Master for a while, in which the other takes over; returns when it went on.
    fn pause(&mut self) -> Duration {
        let last = self.await_beat(0, Duration::from_secs(1) + SLACK).at;
        let pid = Pid::from_raw(self.nodes[0].id().cast_signed());
        kill(pid, Signal::SIGSTOP).unwrap();
        let stopped = monotonic();
        self.look_until(stopped + PAUSE, |_| None::<Advert>);

        let takeover =
            self.seen.iter().find(|advert| advert.node == 1).expect("the other takes over").at - last;
        assert!(takeover >= down(1) && takeover <= down(1) + SLACK, "{takeover:?}, and not {:?}", down(1));
        assert_eq!(self.claims(0, stopped), []);
        assert_eq!(self.client.believes(), HARDWARE_ADDRESSES[1], "while its kernel has the address too");
        let resumed = monotonic();
        kill(pid, Signal::SIGCONT).unwrap();
        let _ =
            writeln!(io::stderr(), "paused: the other took over {takeover:.3?} after the last advertisement");
        resumed
    }

    /// Waits for a node's next advertisement.
    fn await_beat(&mut self, node: usize, within: Duration) -> Advert {
        let since = self.seen.len();
        let next = self.look_until(monotonic() + within, |seen| {
            seen[since..].iter().find(|advert| advert.node == node).copied()
        });
        next.unwrap_or_else(|| panic!("{} does not advertise within {within:?}", NAMES[node]))
    }

    /// What a node has claimed since.
    fn claims(&self, node: usize, since: Duration) -> Vec<Advert> {
        let is_claim = |advert: &&Advert| advert.node == node && advert.at > since && advert.priority > 0;
        self.seen.iter().filter(is_claim).copied().collect()
    }

    fn assert_one_holder(&self, node: usize) {
        assert_eq!([0, 1].map(|one| holds(&self.hosts[one], ASSIGNED)), [node == 0, node == 1]);
        assert_eq!(self.client.believes(), HARDWARE_ADDRESSES[node]);
    }

    /// The address has answered all the time, but for what the protocol takes.
    fn assert_answers(&self, what: &str, resumed: Duration) {
        let answers = self.client.answers.lock().unwrap().clone();
        let gaps = || answers.windows(2).map(|pair| (pair[0], pair[1] - pair[0]));
        let before = gaps().filter(|(at, _)| *at < resumed - SLACK).map(|(_, gap)| gap).max().unwrap();
        let after = gaps().filter(|(at, _)| *at >= resumed - SLACK).map(|(_, gap)| gap).max().unwrap();
        let silent = monotonic() - *answers.last().unwrap();
        let _ = writeln!(
            io::stderr(),
            "paused, {what}: {} answers, the longest gap {before:.1?} before it went on and {after:.1?} from then",
            answers.len()
        );
        assert!(before <= down(1) + SLACK, "{before:?}");
        assert!(after <= Duration::from_secs(1), "{after:?}");
        assert!(silent <= Duration::from_secs(1), "{silent:?}");
    }

    fn look_until<T>(&mut self, until: Duration, found: impl Fn(&[Advert]) -> Option<T>) -> Option<T> {
        loop {
            self.read();
            if let Some(found) = found(&self.seen) {
                return Some(found);
            }
            let left = until.saturating_sub(monotonic());
            if left.is_zero() {
                return None;
            }
            let mut fds = self.captures.each_ref().map(|one| PollFd::new(one.as_fd(), PollFlags::POLLIN));
            poll(&mut fds, PollTimeout::try_from(left.as_millis() + 1).unwrap()).unwrap();
        }
    }

    fn read(&mut self) {
        let mut buffer = [0; 2048];
        for (node, capture) in self.captures.iter_mut().enumerate() {
            while let Some(frame) = capture.next(&mut buffer).unwrap() {
                let packet = frame.bytes.get(14..).map(Packet::from_ipv4);
                if let (false, Some(Ok(packet))) = (frame.outgoing, packet) {
                    let priority = packet.decode().unwrap().advertisement.priority().get();
                    self.seen.push(Advert { at: frame.monotonic, node, priority });
                }
            }
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            // They fail only where it is gone already.
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

fn start(host: &Namespace, preemption: Preemption, priority: u8) -> Child {
    let router = RouterSettings { vrid: 51, priority, addresses: vec![ASSIGNED.to_owned()] };
    let settings = Settings { preemption, ..Settings::new("eth0", [router]) };
    let settings = serde_json::to_string(&settings).unwrap();
    let spawn = || {
        Command::new(env::current_exe().unwrap()).args([BE_A_NODE, &settings]).stdin(Stdio::piped()).spawn()
    };
    host.run(spawn).unwrap().unwrap()
}

/// Knocks at the address all the time: its holder's kernel answers that nobody is at home.
struct Client {
    host: Namespace,
    answers: Arc<Mutex<Vec<Duration>>>,
    is_to_stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Client {
    fn start(host: Namespace) -> Self {
        let (answers, is_to_stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let thread = thread::spawn({
            let (answers, is_to_stop) = (Arc::clone(&answers), Arc::clone(&is_to_stop));
            let host = host.try_clone().unwrap();
            move || host.run(|| knock(&answers, &is_to_stop)).unwrap()
        });
        Self { host, answers, is_to_stop, thread: Some(thread) }
    }

    /// The hardware address that the client's kernel sends to.
    fn believes(&self) -> String {
        let table = self.host.run(|| fs::read_to_string("/proc/thread-self/net/arp").unwrap()).unwrap();
        let vip = VIP.to_string();
        let entry =
            table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).find(|line| line[0] == vip);
        entry.map_or_else(String::new, |entry| entry[3].to_owned())
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.is_to_stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn knock(answers: &Mutex<Vec<Duration>>, is_to_stop: &AtomicBool) {
    let door = SocketAddr::from((VIP, 9));
    while !is_to_stop.load(Ordering::Relaxed) {
        let next = Instant::now() + Duration::from_millis(10);
        if let Err(error) = TcpStream::connect_timeout(&door, Duration::from_millis(50))
            && error.kind() == io::ErrorKind::ConnectionRefused
        {
            answers.lock().unwrap().push(monotonic());
        }
        thread::sleep(next.saturating_duration_since(Instant::now())); // The rhythm.
    }
}

/// The Master_Down_Interval of a node.
fn down(node: usize) -> Duration {
    Duration::from_secs(3) + Duration::from_secs(256 - u64::from(PRIORITIES[node])) / 256
}

fn monotonic() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap().into()
}
