//! Steady state allocates nothing, sockets included: counted, by an allocator that counts.
//!
//! A Master and a Backup in two namespaces, real sockets and a real LAN between them; only the clock is wound forward by
//! hand, so that a thousand advertisements do not take a quarter of an hour.
#![allow(clippy::unwrap_used, reason = "a test that unwraps an error has failed")]

use std::{net::Ipv4Addr, os::fd::AsFd, process::ExitCode, time::Duration};

use lab::{CountingAllocator, Lan, Namespace, allocations};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use vip_netlink::{Netlink, Protocol, Reception, VrrpSocket};
use vrrp_engine::{Config, Instant, Output, State, VrrpRouter};
use vrrp_proto::{Advertisement, Endpoints, MULTICAST_V4, Packet, Priority, Vrid};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// A router with its socket, and the interface's index.
struct Host {
    router: VrrpRouter,
    socket: VrrpSocket,
    interface: u32,
}

impl Host {
    fn new(host: &Namespace, source: Ipv4Addr, priority: u8) -> Self {
        let (interface, socket) = host
            .run(|| {
                let interface = Netlink::open().unwrap().interface("eth0").unwrap();
                let group = Reception::Group(MULTICAST_V4.into());
                let socket = VrrpSocket::open(&interface, source.into(), group, Protocol::Vrrp).unwrap();
                (interface.index(), socket)
            })
            .unwrap();
        let vips = (100..120).map(|last| Ipv4Addr::new(192, 0, 2, last));
        let config = Config::builder(Vrid::new(51).unwrap(), source, vips).priority(Priority::new(priority));
        let mut router = VrrpRouter::new();
        router.add(interface, config.build().unwrap()).unwrap();
        router.start(Instant::EPOCH);
        Self { router, socket, interface }
    }

    /// Sends what the router orders; returns how many advertisements that was.
    fn send(&mut self) -> u64 {
        let (mut sent, mut buffer) = (0, [0; Advertisement::MAX_LEN]);
        while let Some((_, output)) = self.router.poll_output() {
            if let Output::Advertise(advertise) = output {
                self.socket
                    .send(advertise.endpoints.destination(), advertise.encode(&mut buffer).unwrap())
                    .unwrap();
                sent += 1;
            }
        }
        sent
    }

    /// Receives one packet, which is on its way.
    fn receive(&mut self, now: Instant) {
        let mut buffer = [0; 1500];
        let packet = loop {
            if let Some(packet) = self.socket.recv(&mut buffer).unwrap() {
                break packet;
            }
            let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
            assert_ne!(poll(&mut fds, PollTimeout::from(5000u16)).unwrap(), 0, "the packet does not arrive");
        };
        let endpoints = Endpoints::new(packet.source, packet.destination).unwrap();
        let received = Packet::new(endpoints, packet.hop_limit, packet.bytes);
        self.router.handle_packet(now, self.interface, &received).unwrap();
    }

    fn state(&self) -> State {
        self.router.iter().next().unwrap().1.state()
    }
}

/// Winds the clock from one advertisement of the Master to the next.
fn play(master: &mut Host, backup: &mut Host, advertisements: u64) {
    let mut sent = 0;
    while sent < advertisements {
        let now = master.router.poll_timeout().unwrap();
        master.router.handle_timeout(now);
        for _ in 0..master.send() {
            backup.receive(now + Duration::from_micros(100));
            sent += 1;
        }
        backup.router.handle_timeout(now + Duration::from_micros(200));
        assert_eq!(backup.send(), 0);
    }
}

fn a_thousand_advertisements_are_sent_and_received_without_an_allocation() {
    let mut lan = Lan::new().unwrap();
    let (one, other) = (Namespace::new().unwrap(), Namespace::new().unwrap());
    let sources = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];
    lan.attach(&one, "one", sources[0], 24).unwrap();
    lan.attach(&other, "other", sources[1], 24).unwrap();
    let mut master = Host::new(&one, sources[0], 200);
    let mut backup = Host::new(&other, sources[1], 100);
    play(&mut master, &mut backup, 5);

    let before = allocations();
    play(&mut master, &mut backup, 1000);
    let taken = allocations() - before;

    assert_eq!((master.state(), backup.state()), (State::Master, State::Backup));
    assert_eq!(taken, 0);
}

fn main() -> ExitCode {
    lab::run_tests(lab::tests![a_thousand_advertisements_are_sent_and_received_without_an_allocation])
}
