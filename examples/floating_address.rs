//! A floating address in one loop: the crates joined, with nothing around them.
//!
//! `cargo run --example floating_address -- eth0 192.0.2.100/24 [priority]`, as root, on two hosts of one LAN. Whoever
//! has the higher priority holds the address; stop it, and the other one does.

use std::{error::Error, os::fd::AsFd};

use failover_examples::{Alarm, termination_signals};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use vip_netlink::{Address, Announcer, Netlink, VrrpSocket};
use vrrp_engine::{Clock, Config, Output, Received, VrrpRouter};
use vrrp_proto::{Advertisement, MULTICAST_V4, Priority, Vrid};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(name), Some(vip)) = (args.next(), args.next()) else {
        return Err("usage: floating_address INTERFACE ADDRESS/PREFIX [PRIORITY]".into());
    };
    let vip: Address = vip.parse()?;
    let priority = Priority::new(args.next().unwrap_or("100".into()).parse()?);

    let mut netlink = Netlink::open()?;
    let interface = netlink.interface(&name)?;
    let present = netlink.addresses(&interface)?;
    let source = present.iter().map(Address::ip).find(|ip| *ip != vip.ip());
    let source = source.ok_or("the interface has no address of its own")?;
    let announcer = Announcer::open(&interface)?;
    let socket = VrrpSocket::open(&interface, source, MULTICAST_V4)?;
    let signals = termination_signals()?;

    let (clock, alarm) = (Clock::new(), Alarm::new()?);
    let mut router = VrrpRouter::new();
    router.add(
        interface.index(),
        Config::builder(Vrid::new(51)?, source, [vip.ip()]).priority(priority).build()?,
    )?;
    router.start(clock.now());

    let mut buffer = [0; 65535]; // No packet is longer: a host of the LAN may send fragments of any size.
    loop {
        // Packets first, then deadlines, then what follows from both.
        while let Some(packet) = socket.recv(&mut buffer)? {
            let (source, destination, hop_limit) = (packet.source, packet.destination, packet.ttl);
            let received = Received {
                interface: interface.index(),
                source,
                destination,
                hop_limit,
                bytes: packet.bytes,
            };
            if let Err(discard) = router.handle_packet(clock.now(), received) {
                eprintln!("packet from {source} discarded: {discard}");
            }
        }
        router.handle_timeout(clock.now());
        while let Some((_, output)) = router.poll_output() {
            let done = match output {
                Output::Advertise(advertisement) => {
                    socket.send(advertisement.encode(&mut [0; Advertisement::MAX_LEN])?)
                }
                Output::Acquire(_) => netlink.add(&interface, vip).map(drop),
                Output::Release(_) => netlink.remove(&interface, vip).map(drop),
                Output::Announce(_) => announcer.announce(vip.ip()),
                Output::Transition(transition) => {
                    println!("{transition}");
                    Ok(())
                }
            };
            // None of these ends a failover daemon: an interface that is down comes up again.
            done.unwrap_or_else(|error| eprintln!("{error}"));
        }

        // A router that is shut down has no deadline left, and nothing more to do.
        let Some(deadline) = router.poll_timeout() else { return Ok(()) };
        alarm.set(Some(deadline - clock.now()))?;
        let mut fds =
            [socket.as_fd(), alarm.as_fd(), signals.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        poll(&mut fds, PollTimeout::NONE)?;
        if signals.read_signal()?.is_some() {
            router.shutdown(clock.now());
        }
    }
}
