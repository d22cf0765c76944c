//! A floating address in one loop: the crates joined, with nothing around them.
//!
//! `cargo run --example floating_address -- eth0 192.0.2.100/32 150`, as root, on two hosts of one LAN, with different
//! priorities from 1 to 254. Whoever has the higher one holds the address; stop it, and the other one does.

use std::{env, error::Error, os::fd::AsFd, process::ExitCode};

use failover_examples::{Alarm, termination_signals};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use vip_netlink::{Address, Announcer, AssignedAddress, Netlink, Protocol, Reception, VrrpSocket};
use vrrp_engine::{Clock, Config, Output, VrrpRouter};
use vrrp_proto::{Advertisement, Endpoints, MULTICAST_V4, Packet, Priority, Vrid};

fn main() -> ExitCode {
    let args: Vec<_> = env::args().skip(1).collect();
    let result = match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [interface, vip] => float(interface, vip, "100"),
        [interface, vip, priority] => float(interface, vip, priority),
        _ => Err("usage: floating_address INTERFACE ADDRESS[/PREFIX] [PRIORITY]".into()),
    };
    // Not `main() -> Result`, which would print the error as a programmer sees it.
    result.map_or_else(
        |error| {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn float(interface: &str, vip: &str, priority: &str) -> Result<(), Box<dyn Error>> {
    let vip: Address = vip.parse()?;
    let priority = match priority.parse() {
        Ok(priority @ 1..=254) => Priority::new(priority),
        _ => return Err(format!("priority {priority} is not a number from 1 to 254").into()),
    };

    let mut netlink = Netlink::open()?;
    let interface = netlink.interface(interface)?;
    let present = netlink.addresses(&interface)?;
    let source = present.iter().map(AssignedAddress::ip).find(|ip| ip.is_ipv4() && *ip != vip.ip());
    let source = source.ok_or("the interface has no address of its own: add one")?;
    let announcer = Announcer::open(&interface)?;
    let socket = VrrpSocket::open(&interface, source, Reception::Group(MULTICAST_V4.into()), Protocol::Vrrp)?;
    let signals = termination_signals()?;
    // A predecessor that crashed may have left the address. Without the privilege to move it, this says so at once.
    netlink.remove(&interface, vip)?;

    let (clock, alarm) = (Clock::new(), Alarm::new()?);
    let mut router = VrrpRouter::new();
    router.add(
        interface.index(),
        Config::builder(Vrid::new(51)?, source, [vip.ip()]).priority(priority).build()?,
    )?;
    router.start(clock.now());

    let mut outcome = Ok(());
    let mut buffer = [0; 65535]; // No packet is longer: a host of the LAN may send fragments of any size.
    loop {
        // Packets first, then deadlines, then what follows from both.
        while let Some(packet) = socket.recv(&mut buffer)? {
            let Some(endpoints) = Endpoints::new(packet.source, packet.destination) else { continue };
            let received = Packet::new(endpoints, packet.hop_limit, packet.bytes);
            if let Err(discard) = router.handle_packet(clock.now(), interface.index(), &received) {
                eprintln!("packet from {} discarded: {discard}", packet.source);
            }
        }
        router.handle_timeout(clock.now());
        while let Some((_, output)) = router.poll_output() {
            let done = match output {
                Output::Advertise(advertise) => {
                    let mut buffer = [0; Advertisement::MAX_LEN];
                    socket.send(advertise.endpoints.destination(), advertise.encode(&mut buffer)?)
                }
                Output::Acquire(_) => match netlink.add(&interface, vip) {
                    Ok(_) => Ok(()),
                    Err(error) => {
                        // A Master without its address keeps others from serving it: give up, and say so to them.
                        outcome = Err(error.into());
                        router.shutdown(clock.now());
                        continue;
                    }
                },
                Output::Release(_) => netlink.remove(&interface, vip).map(drop),
                Output::Announce(announce) => {
                    (0..announce.times).try_for_each(|_| announcer.announce(vip.ip()))
                }
                Output::Transition(transition) => {
                    println!("{transition}");
                    Ok(())
                }
                Output::Overdue(lateness) => {
                    eprintln!("not run for {lateness:.1?} past the deadline: is this machine overloaded?");
                    Ok(())
                }
            };
            // None of these ends a failover daemon: an interface that is down comes up again.
            done.unwrap_or_else(|error| eprintln!("{error}"));
        }

        // A router that is shut down has no deadline left, and nothing more to do.
        let Some(deadline) = router.poll_timeout() else { return outcome };
        alarm.set(Some(deadline - clock.now()))?;
        let mut fds =
            [socket.as_fd(), alarm.as_fd(), signals.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        poll(&mut fds, PollTimeout::NONE)?;
        if signals.read_signal()?.is_some() {
            router.shutdown(clock.now());
        }
    }
}
