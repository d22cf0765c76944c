//! Hosts to try things on.

use std::{
    fs::File,
    mem,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::FileExt,
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use lab::{Capture, Lan, Namespace};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    time::{ClockId, clock_gettime},
};
use vip_netlink::{
    Address, Announcer, AssignedAddress, Interface, Netlink, Packet, Protocol, Reception, VrrpSocket,
};

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

    /// A host that has 2001:db8::NUMBER/64 too, and speaks IPv6 from fe80::ff:fe00:NUMBER if its interface is the LAN's
    /// port of that number.
    pub(crate) fn with_ipv6(lan: &mut Lan, number: u8) -> Self {
        let mut host = Self::new(lan, number);
        host.enable_ipv6(number);
        host
    }

    pub(crate) fn enable_ipv6(&mut self, number: u8) {
        self.namespace.enable_ipv6("eth0").unwrap();
        let global = Address::new(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into()), 64).unwrap();
        self.netlink.add(&self.eth0, global).unwrap();
        eventually("the link-local address is usable", || self.is_usable(link_local(number)));
    }

    /// Has the interface deleted and made anew, by the same name and with the same addresses, IPv6's not yet.
    pub(crate) fn replace_interface(&mut self, lan: &mut Lan, number: u8) {
        let name = format!("host{number}");
        lan.detach(&name).unwrap();
        eventually("eth0 is gone", || self.netlink.interface("eth0").is_err());
        lan.attach(&self.namespace, &name, self.ip, 24).unwrap();
        let gone = self.eth0.index();
        self.eth0 = self.netlink.interface("eth0").unwrap();
        assert_ne!(self.eth0.index(), gone);
    }

    pub(crate) fn is_usable(&mut self, ip: IpAddr) -> bool {
        let addresses = self.netlink.addresses(&self.eth0).unwrap();
        addresses.iter().any(|own| own.ip() == ip && own.is_usable())
    }

    /// The texts of the addresses of eth0.
    pub(crate) fn addresses(&mut self) -> Vec<String> {
        texts(&self.netlink.addresses(&self.eth0).unwrap())
    }

    pub(crate) fn announcer(&self) -> Announcer {
        self.namespace.run(|| Announcer::open(&self.eth0)).unwrap().unwrap()
    }

    /// A socket of the group of IPv4.
    pub(crate) fn vrrp(&self) -> VrrpSocket {
        self.vrrp_from(self.ip)
    }

    /// A socket of the group of the source's family.
    pub(crate) fn vrrp_from(&self, source: impl Into<IpAddr>) -> VrrpSocket {
        let source = source.into();
        let group = if source.is_ipv4() { GROUP } else { GROUP_V6 };
        self.open(source, Reception::Group(group)).unwrap()
    }

    pub(crate) fn unicast(&self, source: impl Into<IpAddr>) -> VrrpSocket {
        self.open(source, Reception::Unicast).unwrap()
    }

    pub(crate) fn open(
        &self,
        source: impl Into<IpAddr>,
        reception: Reception,
    ) -> Result<VrrpSocket, vip_netlink::Error> {
        self.open_for(source, reception, Protocol::Vrrp)
    }

    pub(crate) fn open_for(
        &self,
        source: impl Into<IpAddr>,
        reception: Reception,
        protocol: Protocol,
    ) -> Result<VrrpSocket, vip_netlink::Error> {
        let source = source.into();
        self.namespace.run(|| VrrpSocket::open(&self.eth0, source, reception, protocol)).unwrap()
    }
}

/// Two hosts on a LAN, 10.0.0.1 and 10.0.0.2.
pub(crate) fn two_hosts() -> (Lan, Host, Host) {
    let mut lan = Lan::new().unwrap();
    let (first, second) = (Host::new(&mut lan, 1), Host::new(&mut lan, 2));
    (lan, first, second)
}

/// Two hosts on a LAN that speak IPv6 too: see [`Host::with_ipv6`].
pub(crate) fn two_hosts_with_ipv6() -> (Lan, Host, Host) {
    let mut lan = Lan::new().unwrap();
    let (first, second) = (Host::with_ipv6(&mut lan, 1), Host::with_ipv6(&mut lan, 2));
    (lan, first, second)
}

/// The address that the kernel makes of the hardware address 02:00:00:00:00:NUMBER (RFC 4291, appendix A).
pub(crate) fn link_local(number: u8) -> IpAddr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, number.into()).into()
}

/// One kind of socket, on the first of two hosts and on the second.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Way {
    pub(crate) protocol: Protocol,
    pub(crate) here: IpAddr,
    pub(crate) there: IpAddr,
    /// `None` is unicast.
    pub(crate) group: Option<IpAddr>,
}

impl Way {
    /// All kinds there are.
    pub(crate) fn all() -> [Self; 6] {
        let (v4, v6) = ([[10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::from), [1, 2].map(link_local));
        [
            (Protocol::Vrrp, v4, Some(GROUP)),
            (Protocol::Vrrp, v4, None),
            (Protocol::Vrrp, v6, Some(GROUP_V6)),
            (Protocol::Vrrp, v6, None),
            (Protocol::Ah, v4, Some(GROUP)),
            (Protocol::Ah, v4, None),
        ]
        .map(|(protocol, [here, there], group)| Self { protocol, here, there, group })
    }

    pub(crate) fn open_here(self, host: &Host) -> VrrpSocket {
        self.open(host, self.here)
    }

    pub(crate) fn open_there(self, host: &Host) -> VrrpSocket {
        self.open(host, self.there)
    }

    /// Whom the second host sends to so that the first hears it.
    pub(crate) fn to_here(self) -> IpAddr {
        self.group.unwrap_or(self.here)
    }

    pub(crate) fn to_there(self) -> IpAddr {
        self.group.unwrap_or(self.there)
    }

    /// What to hand to a socket so that this message goes out.
    pub(crate) fn wrap(self, source: IpAddr, destination: IpAddr, message: &[u8]) -> Vec<u8> {
        match (self.protocol, source, destination) {
            (Protocol::Ah, IpAddr::V4(source), IpAddr::V4(destination)) => {
                ah_datagram(source, destination, 255, message)
            }
            _ => message.to_vec(),
        }
    }

    /// What of a packet's bytes is the message.
    pub(crate) fn unwrap(self, bytes: &[u8]) -> &[u8] {
        if self.protocol == Protocol::Ah { &bytes[24..] } else { bytes }
    }

    fn open(self, host: &Host, source: IpAddr) -> VrrpSocket {
        let reception = self.group.map_or(Reception::Unicast, Reception::Group);
        host.open_for(source, reception, self.protocol).unwrap()
    }
}

/// An IPv4 header, an Authentication Header (RFC 2402 §2) of 24 bytes, and a message.
pub(crate) fn ah_datagram(source: Ipv4Addr, destination: Ipv4Addr, ttl: u8, message: &[u8]) -> Vec<u8> {
    let total = u16::try_from(20 + 24 + message.len()).unwrap().to_be_bytes();
    let ip = [0x45, 0xc0, total[0], total[1], 0x12, 0x34, 0, 0, ttl, 51, 0, 0];
    let [mut ah, icv] = [[112, 4, 0, 0, 10, 0, 0, 1, 0, 0, 0, 7], [0xaa; 12]];
    ah[4..8].copy_from_slice(&source.octets());
    [&ip[..], &source.octets(), &destination.octets(), &ah, &icv, message].concat()
}

pub(crate) fn texts(addresses: &[AssignedAddress]) -> Vec<String> {
    addresses.iter().map(|assigned| assigned.address().to_string()).collect()
}

pub(crate) fn address(text: &str) -> Address {
    text.parse().unwrap()
}

/// A packet, owned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) hop_limit: u8,
    pub(crate) interface: u32,
    pub(crate) received_at: Option<SystemTime>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) datagram: Option<Vec<u8>>,
}

impl From<Packet<'_>> for Received {
    fn from(packet: Packet<'_>) -> Self {
        let Packet { source, destination, hop_limit, interface, received_at, bytes, datagram, .. } = packet;
        let (bytes, datagram) = (bytes.to_vec(), datagram.map(<[u8]>::to_vec));
        Self { source, destination, hop_limit, interface, received_at, bytes, datagram }
    }
}

/// Waits for the next packet.
pub(crate) fn receive(socket: &VrrpSocket) -> Received {
    let mut buffer = [0; 2048];
    let deadline = Instant::now() + PATIENCE;
    while wait_readable(socket.as_fd(), deadline) {
        if let Some(packet) = socket.recv(&mut buffer).unwrap() {
            return packet.into();
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

/// Returns the address that a frame announces, if it does: the target of an ARP packet or a neighbour advertisement.
pub(crate) fn announced_by(frame: &[u8]) -> Option<IpAddr> {
    match (frame.get(12..14)?, frame.get(54)) {
        ([8, 6], _) => Some(IpAddr::from(*frame.get(38..)?.first_chunk::<4>()?)),
        ([0x86, 0xdd], Some(136)) => Some(IpAddr::from(*frame.get(62..)?.first_chunk::<16>()?)),
        _ => None,
    }
}

/// How long a thread was ready to run while others had the CPUs: the second number of `/proc/PID/schedstat`
/// (Documentation/scheduler/sched-stats.rst).
pub(crate) struct Queueing {
    file: Option<File>,
    last: Duration,
}

impl Queueing {
    pub(crate) fn of_this_thread() -> Self {
        // Not every kernel counts it; then nothing is excused.
        let mut queueing =
            Self { file: File::open("/proc/thread-self/schedstat").ok(), last: Duration::ZERO };
        queueing.since_last();
        queueing
    }

    pub(crate) fn since_last(&mut self) -> Duration {
        let mut text = [0; 64];
        let length = self.file.as_ref().map_or(0, |file| file.read_at(&mut text, 0).unwrap());
        let mut numbers = str::from_utf8(&text[..length]).unwrap().split(' ');
        let sum = numbers.nth(1).map_or(Duration::ZERO, |text| Duration::from_nanos(text.parse().unwrap()));
        let before = mem::replace(&mut self.last, sum);
        sum - before
    }
}

/// Now, by the clock of [`lab::Stalls`].
pub(crate) fn now() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap().into()
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

pub(crate) const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(224, 0, 0, 18));
pub(crate) const GROUP_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x12));
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
