//! A floating address in a loop of mio's: four descriptors, beside those that the program waits for anyway.
//!
//! `cargo run --example vrrp_mio -- eth0 192.0.2.100/24 --priority 150`, as root, on two hosts of one LAN.

use std::{
    error::Error,
    io,
    os::fd::{AsFd, AsRawFd},
    process::ExitCode,
};

use clap::Parser;
use failover_examples::{Alarm, termination_signals};
use mio::{Events, Interest, Poll, Token, unix::SourceFd};
use vip_netlink::{
    Address, Announcer, AssignedAddress, EventKind, Interface, Monitor, Netlink, Protocol, Reception,
    VrrpSocket,
};
use vrrp_engine::{Clock, Config, Link, Output, VrrpRouter};
use vrrp_proto::{Advertisement, Endpoints, MULTICAST_V4, Packet, Priority, Vrid};

/// Holds an address as long as no better router does.
#[derive(Debug, Parser)]
#[command(name = "vrrp_mio")]
struct Args {
    /// The interface it is on.
    interface: String,
    /// The IPv4 address that floats, with its prefix length.
    address: Address,
    /// Who holds it: the highest that lives, from 1 to 254.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u8).range(1..=254))]
    priority: u8,
    /// The virtual router's number.
    #[arg(long, default_value_t = 51, value_parser = clap::value_parser!(u8).range(1..))]
    vrid: u8,
}

pub(crate) fn main() -> ExitCode {
    let Err(error) = run(&Args::parse()) else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

/// The virtual router, and what carries its orders out.
struct Float {
    clock: Clock,
    router: VrrpRouter,
    vip: Address,
    interface: Interface,
    netlink: Netlink,
    announcer: Announcer,
    socket: VrrpSocket,
    monitor: Monitor,
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let mut float = Float::open(args)?;
    let (alarm, signals) = (Alarm::new()?, termination_signals()?);
    let mut poll = Poll::new()?;
    let sources = [float.socket.as_fd(), float.monitor.as_fd(), alarm.as_fd(), signals.as_fd()];
    for (number, fd) in sources.iter().enumerate() {
        poll.registry().register(&mut SourceFd(&fd.as_raw_fd()), Token(number), Interest::READABLE)?;
    }
    let mut events = Events::with_capacity(sources.len());
    float.router.start(float.clock.now());
    let mut is_over = false;
    while !is_over {
        float.turn()?;
        // A timerfd, for mio's own timeout is in whole milliseconds.
        alarm.set(float.router.poll_timeout().map(|deadline| deadline - float.clock.now()))?;
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => return Err(error.into()),
            _ => {}
        }
        if signals.read_signal()?.is_some() {
            float.router.shutdown(float.clock.now());
            is_over = true;
        }
    }
    float.turn()
}

impl Float {
    fn open(args: &Args) -> Result<Self, Box<dyn Error>> {
        let vip = args.address;
        let mut netlink = Netlink::open()?;
        let interface = netlink.interface(&args.interface)?;
        let present = netlink.addresses(&interface)?;
        let source = present.iter().map(AssignedAddress::ip).find(|ip| ip.is_ipv4() && *ip != vip.ip());
        let source = source.ok_or("the interface has no IPv4 address of its own: add one")?;
        let socket =
            VrrpSocket::open(&interface, source, Reception::Group(MULTICAST_V4.into()), Protocol::Vrrp)?;
        socket.receive_only([args.vrid])?;
        let mut router = VrrpRouter::new();
        let config =
            Config::builder(Vrid::new(args.vrid)?, source, [vip.ip()]).priority(Priority::new(args.priority));
        router.add(interface.index(), config.build()?)?;
        let (announcer, monitor, clock) = (Announcer::open(&interface)?, Monitor::open()?, Clock::new());
        Ok(Self { clock, router, vip, interface, netlink, announcer, socket, monitor })
    }

    /// Takes everything there is, for mio tells of each descriptor only once, and does what follows: packets first, for one that has
    /// waited proves that its sender lives.
    fn turn(&mut self) -> Result<(), Box<dyn Error>> {
        let index = self.interface.index();
        let mut buffer = [0; 65535];
        while let Some(packet) = self.socket.recv(&mut buffer)? {
            let Some(endpoints) = Endpoints::new(packet.source, packet.destination) else { continue };
            let received = Packet::new(endpoints, packet.hop_limit, packet.bytes);
            if let Err(discard) = self.router.handle_packet(self.clock.now(), index, &received) {
                eprintln!("packet from {} discarded: {discard}", packet.source);
            }
        }
        while let Some(event) = self.monitor.next_event()? {
            let link = match event.kind {
                EventKind::InterfaceUnusable(interface) if interface.index() == index => Link::Down,
                EventKind::InterfaceUsable(interface) if interface.index() == index => Link::Up,
                EventKind::InterfaceUsable(_) | _ => continue,
            };
            self.router.handle_link(self.clock.now(), index, link);
        }
        self.router.handle_timeout(self.clock.now());
        while let Some((_, output)) = self.router.poll_output() {
            let done = match output {
                Output::Advertise(advertise) => {
                    let mut buffer = [0; Advertisement::MAX_LEN];
                    self.socket.send(advertise.endpoints.destination(), advertise.encode(&mut buffer)?)
                }
                Output::Acquire(_) => {
                    self.netlink.add(&self.interface, self.vip).map(drop).inspect_err(|_| {
                        // A Master without its address would keep others from serving it.
                        self.router.shutdown(self.clock.now());
                    })
                }
                Output::Release(_) => self.netlink.remove(&self.interface, self.vip).map(drop),
                Output::Announce(announce) => {
                    (0..announce.times).try_for_each(|_| self.announcer.announce(self.vip.ip()))
                }
                transition @ (Output::Transition(_) | Output::Overdue(_)) => {
                    println!("{transition}");
                    Ok(())
                }
            };
            // An interface that is down comes up again: no reason to end.
            done.unwrap_or_else(|error| eprintln!("{error}"));
        }
        Ok(())
    }
}
