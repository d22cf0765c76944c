//! The lab keeps its promises.

use std::{
    collections::BTreeSet,
    fs, io,
    net::{Ipv4Addr, UdpSocket},
    os::fd::AsFd,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

use lab::{Capture, Lan, Namespace};
use nix::{
    ifaddrs::{InterfaceAddress, getifaddrs},
    net::if_::InterfaceFlags,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{AddressFamily, SockaddrLike},
};

fn main() -> ExitCode {
    lab::run_tests(lab::tests![
        hosts_on_a_lan_talk,
        a_cut_cable_loses_frames_until_mended,
        an_unplugged_host_has_no_carrier_until_plugged_in,
        a_capture_sees_both_directions_with_times,
        a_cut_host_is_still_captured,
        a_frame_longer_than_the_buffer_is_an_error,
        hosts_have_hardware_addresses_by_order,
        lans_are_separate,
        a_host_on_two_lans_has_two_interfaces,
        an_interface_that_is_down_loses_frames_until_up,
        children_and_sockets_stay_in_the_namespace,
        a_panic_inside_goes_on_outside,
        ports_that_do_not_exist_are_errors,
    ])
}

fn hosts_on_a_lan_talk() {
    let (_lan, alice, bob) = two_hosts();

    alice.say("hello");

    assert_eq!(bob.hears(), Some("hello".to_owned()));
}

fn a_cut_cable_loses_frames_until_mended() {
    let (mut lan, alice, bob) = two_hosts();
    alice.say("before");
    assert_eq!(bob.hears(), Some("before".to_owned()));

    lan.cut("bob").unwrap();
    alice.say("lost");
    assert!(bob.has_carrier());
    lan.mend("bob").unwrap();
    alice.say("after");

    assert_eq!(bob.hears(), Some("after".to_owned()));
}

fn an_unplugged_host_has_no_carrier_until_plugged_in() {
    let (mut lan, alice, bob) = two_hosts();

    lan.unplug("bob").unwrap();
    eventually(|| !bob.has_carrier());
    lan.plug("bob").unwrap();
    eventually(|| bob.has_carrier());
    alice.say("after");

    assert_eq!(bob.hears(), Some("after".to_owned()));
}

fn a_capture_sees_both_directions_with_times() {
    let (lan, alice, bob) = two_hosts();
    let mut at_alice = lan.capture("alice").unwrap();
    let mut at_bob = lan.capture("bob").unwrap();
    let before = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).unwrap();

    alice.say("seen");

    assert_eq!(bob.hears(), Some("seen".to_owned()));
    let sent = find(&mut at_alice, b"seen").unwrap();
    let received = find(&mut at_bob, b"seen").unwrap();
    assert!(!sent.outgoing, "alice's port received it");
    assert!(received.outgoing, "bob's port sent it");
    assert_eq!(sent.bytes, received.bytes);
    assert_eq!(sent.bytes[6..12], [2, 0, 0, 0, 0, 1]);
    let since = sent.monotonic - Duration::from(before);
    assert!(since < Duration::from_secs(5), "{since:?}");
    assert!(sent.realtime.abs_diff(received.realtime) < Duration::from_secs(1));
}

fn a_cut_host_is_still_captured() {
    let (mut lan, alice, bob) = two_hosts();
    alice.say("so that alice knows where bob is");
    bob.hears().unwrap();
    lan.cut("alice").unwrap();
    let mut at_alice = lan.capture("alice").unwrap();
    let mut at_bob = lan.capture("bob").unwrap();

    alice.say("cut");

    assert!(find(&mut at_alice, b"cut").is_some_and(|frame| !frame.outgoing));
    assert!(at_bob.next(&mut [0; 2048]).unwrap().is_none());
}

fn a_frame_longer_than_the_buffer_is_an_error() {
    let (lan, alice, bob) = two_hosts();
    let mut capture = lan.capture("alice").unwrap();
    alice.say("too long for four bytes");
    bob.hears().unwrap();

    let error = capture.next(&mut [0; 4]).unwrap_err();

    assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
}

fn hosts_have_hardware_addresses_by_order() {
    let (_lan, alice, bob) = two_hosts();

    assert_eq!(alice.hardware_address(), Some([2, 0, 0, 0, 0, 1]));
    assert_eq!(bob.hardware_address(), Some([2, 0, 0, 0, 0, 2]));
}

fn lans_are_separate() {
    let (_lan, alice, _) = two_hosts();
    let (_other_lan, _, bob) = two_hosts();

    alice.say("not for this bob");

    assert_eq!(bob.heard_within(Duration::from_millis(50)), None);
}

fn a_host_on_two_lans_has_two_interfaces() {
    let host = Namespace::new().unwrap();
    let (mut front, mut back) = (Lan::new().unwrap(), Lan::new().unwrap());

    front.attach(&host, "host", Ipv4Addr::new(10, 0, 0, 1), 24).unwrap();
    back.attach(&host, "host", Ipv4Addr::new(10, 0, 1, 1), 24).unwrap();

    let names = || getifaddrs().unwrap().map(|entry| entry.interface_name).collect::<BTreeSet<_>>();
    assert_eq!(host.run(names).unwrap(), BTreeSet::from(["eth0", "eth1", "lo"].map(str::to_owned)));
}

fn an_interface_that_is_down_loses_frames_until_up() {
    let (lan, alice, bob) = two_hosts();
    alice.say("before");
    assert_eq!(bob.hears(), Some("before".to_owned()));

    bob.namespace.link_down("eth0").unwrap();
    alice.say("lost");
    bob.namespace.link_up("eth0").unwrap();
    lan.settle("bob").unwrap();
    alice.say("after");

    assert_eq!(bob.hears(), Some("after".to_owned()));
}

fn children_and_sockets_stay_in_the_namespace() {
    let host = Namespace::new().unwrap();
    let outside = fs::read_link("/proc/thread-self/ns/net").unwrap();

    let (inside, child, socket) = host
        .run(|| {
            let child = Command::new("readlink").arg("/proc/self/ns/net").output().unwrap();
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            (fs::read_link("/proc/thread-self/ns/net").unwrap(), child.stdout, socket)
        })
        .unwrap();

    assert_ne!(inside, outside);
    assert_eq!(String::from_utf8(child).unwrap().trim(), inside.to_str().unwrap());
    assert!(UdpSocket::bind(socket.local_addr().unwrap()).is_ok(), "the port is free here");
    assert_eq!(fs::read_link("/proc/thread-self/ns/net").unwrap(), outside);
}

fn a_panic_inside_goes_on_outside() {
    let host = Namespace::new().unwrap();

    let panic =
        std::panic::catch_unwind(|| host.run(|| std::panic::resume_unwind(Box::new("inside")))).unwrap_err();

    assert_eq!(panic.downcast_ref(), Some(&"inside"));
}

fn ports_that_do_not_exist_are_errors() {
    let mut lan = Lan::new().unwrap();
    let host = Namespace::new().unwrap();
    lan.attach(&host, "host", Ipv4Addr::new(10, 0, 0, 1), 24).unwrap();

    assert_eq!(lan.cut("nobody").unwrap_err().to_string(), "the LAN has no port nobody");
    assert!(lan.capture("nobody").is_err());
    assert!(lan.attach(&host, "host", Ipv4Addr::new(10, 0, 0, 2), 24).is_err(), "the name is taken");
    assert!(host.link_down("eth9").is_err());
}

struct Host {
    namespace: Namespace,
    socket: UdpSocket,
    peer: Ipv4Addr,
}

impl Host {
    fn say(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), (self.peer, PORT)).unwrap();
    }

    fn hears(&self) -> Option<String> {
        self.heard_within(Duration::from_secs(5))
    }

    fn heard_within(&self, patience: Duration) -> Option<String> {
        let mut buffer = [0; 64];
        self.socket.set_read_timeout(Some(patience)).unwrap();
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
    }

    fn has_carrier(&self) -> bool {
        self.eth0().flags.contains(InterfaceFlags::IFF_RUNNING)
    }

    fn hardware_address(&self) -> Option<[u8; 6]> {
        self.eth0().address?.as_link_addr()?.addr()
    }

    /// The entry of `eth0` that has its hardware address.
    fn eth0(&self) -> InterfaceAddress {
        let is_link = |entry: &InterfaceAddress| {
            entry.address.is_some_and(|a| a.family() == Some(AddressFamily::Packet))
        };
        let find = || getifaddrs().unwrap().find(|entry| entry.interface_name == "eth0" && is_link(entry));
        self.namespace.run(find).unwrap().unwrap()
    }
}

/// Alice and Bob, with a socket each that has the other for its peer.
fn two_hosts() -> (Lan, Host, Host) {
    let mut lan = Lan::new().unwrap();
    let [alice, bob] = [("alice", 1), ("bob", 2)].map(|(name, number)| {
        let address = Ipv4Addr::new(10, 0, 0, number);
        let namespace = Namespace::new().unwrap();
        lan.attach(&namespace, name, address, 24).unwrap();
        let socket = namespace.run(|| UdpSocket::bind((address, PORT))).unwrap().unwrap();
        Host { namespace, socket, peer: Ipv4Addr::new(10, 0, 0, 3 - number) }
    });
    (lan, alice, bob)
}

/// For what nothing tells of: asks until a deadline.
fn eventually(so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while !so() {
        assert!(Instant::now() < deadline, "not so in time");
        std::thread::yield_now();
    }
}

struct Seen {
    bytes: Vec<u8>,
    realtime: Duration,
    monotonic: Duration,
    outgoing: bool,
}

fn find(capture: &mut Capture, text: &[u8]) -> Option<Seen> {
    let deadline = Instant::now() + Duration::from_secs(5);
    let mut buffer = [0; 2048];
    loop {
        while let Some(frame) = capture.next(&mut buffer).unwrap() {
            if frame.bytes.ends_with(text) {
                let lab::Frame { bytes, realtime, monotonic, outgoing, .. } = frame;
                return Some(Seen { bytes: bytes.to_vec(), realtime, monotonic, outgoing });
            }
        }
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = PollTimeout::try_from(left).unwrap();
        if poll(&mut [PollFd::new(capture.as_fd(), PollFlags::POLLIN)], timeout).unwrap() == 0 {
            return None;
        }
    }
}

const PORT: u16 = 4000;
