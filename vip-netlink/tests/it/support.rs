//! Hosts to try things on.

use std::{
    net::Ipv4Addr,
    os::fd::{AsFd, BorrowedFd},
    thread,
    time::{Duration, Instant},
};

use lab::{Capture, Lan, Namespace};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use vip_netlink::{Address, Announcer, Interface, Netlink, VrrpSocket};

/// A host with one interface, and what it needs to be driven from the test's thread.
pub(crate) struct Host {
    pub(crate) namespace: Namespace,
    pub(crate) netlink: Netlink,
    pub(crate) eth0: Interface,
    pub(crate) ip: Ipv4Addr,
}

impl Host {
    pub(crate) fn new(lan: &mut Lan, number: u8) -> Self {
        let namespace = Namespace::new().unwrap();
        let ip = Ipv4Addr::new(10, 0, 0, number);
        lan.attach(&namespace, &format!("host{number}"), ip, 24).unwrap();
        let mut netlink = namespace.run(Netlink::open).unwrap().unwrap();
        let eth0 = netlink.interface("eth0").unwrap();
        Self { namespace, netlink, eth0, ip }
    }

    pub(crate) fn announcer(&self) -> Announcer {
        self.namespace.run(|| Announcer::open(&self.eth0)).unwrap().unwrap()
    }

    pub(crate) fn vrrp(&self) -> VrrpSocket {
        self.vrrp_from(self.ip)
    }

    pub(crate) fn vrrp_from(&self, source: Ipv4Addr) -> VrrpSocket {
        self.namespace.run(|| VrrpSocket::open(&self.eth0, source, GROUP)).unwrap().unwrap()
    }
}

/// Two hosts on a LAN, 10.0.0.1 and 10.0.0.2.
pub(crate) fn two_hosts() -> (Lan, Host, Host) {
    let mut lan = Lan::new().unwrap();
    let (first, second) = (Host::new(&mut lan, 1), Host::new(&mut lan, 2));
    (lan, first, second)
}

pub(crate) fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// A packet, owned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    pub(crate) ttl: u8,
    pub(crate) bytes: Vec<u8>,
}

/// Waits for the next packet.
pub(crate) fn receive(socket: &VrrpSocket) -> Received {
    let mut buffer = [0; 2048];
    let deadline = Instant::now() + PATIENCE;
    while wait_readable(socket.as_fd(), deadline) {
        if let Some(packet) = socket.recv(&mut buffer).unwrap() {
            let vip_netlink::Packet { source, destination, ttl, bytes, .. } = packet;
            return Received { source, destination, ttl, bytes: bytes.to_vec() };
        }
    }
    panic!("no packet in {PATIENCE:?}");
}

/// Waits for the next frame that `wanted` says yes to.
pub(crate) fn capture(capture: &mut Capture, wanted: impl Fn(&lab::Frame<'_>) -> bool) -> Vec<u8> {
    let mut buffer = [0; 2048];
    let deadline = Instant::now() + PATIENCE;
    while wait_readable(capture.as_fd(), deadline) {
        match capture.next(&mut buffer).unwrap() {
            Some(frame) if wanted(&frame) => return frame.bytes.to_vec(),
            Some(_) | None => {}
        }
    }
    panic!("no such frame in {PATIENCE:?}");
}

pub(crate) fn wait_readable(fd: BorrowedFd<'_>, deadline: Instant) -> bool {
    let left = deadline.saturating_duration_since(Instant::now());
    let timeout = PollTimeout::try_from(left).unwrap();
    poll(&mut [PollFd::new(fd, PollFlags::POLLIN)], timeout).unwrap() > 0
}

/// For what no file descriptor tells of: asks until a deadline.
pub(crate) fn eventually(what: &str, mut so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < deadline, "not so in {PATIENCE:?}: {what}");
        thread::yield_now();
    }
}

pub(crate) const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 18);
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
