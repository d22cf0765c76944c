//! A floating address in a program that runs on tokio: one task takes part in the virtual router, beside whatever else the program
//! does.
//!
//! `cargo run --example vrrp_tokio -- eth0 192.0.2.100/24 --priority 150`, as root, on two hosts of one LAN.

use std::{error::Error, future::pending, process::ExitCode, time::Duration};

use clap::Parser;
use tokio::{
    select,
    signal::unix::{SignalKind, signal},
    time::sleep,
};
use vip_netlink::{
    Address, Announcer, AssignedAddress, EventKind, Interface, Monitor, Netlink, Protocol, Reception,
    tokio as nonblocking,
};
use vrrp_engine::{Clock, Config, Link, Output, VrrpRouter};
use vrrp_proto::{Advertisement, Endpoints, MULTICAST_V4, Packet, Priority, Vrid};

/// Holds an address as long as no better router does.
#[derive(Debug, Parser)]
#[command(name = "vrrp_tokio")]
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

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> ExitCode {
    let Err(error) = run(&Args::parse()).await else { return ExitCode::SUCCESS };
    eprintln!("error: {error}");
    ExitCode::FAILURE
}

/// What carries the engine's orders out.
struct Hands {
    vip: Address,
    interface: Interface,
    netlink: Netlink,
    announcer: Announcer,
    socket: nonblocking::VrrpSocket,
}

async fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let vip = args.address;
    let mut netlink = Netlink::open()?;
    let interface = netlink.interface(&args.interface)?;
    let present = netlink.addresses(&interface)?;
    let source = present.iter().map(AssignedAddress::ip).find(|ip| ip.is_ipv4() && *ip != vip.ip());
    let source = source.ok_or("the interface has no IPv4 address of its own: add one")?;
    let group = Reception::Group(MULTICAST_V4.into());
    let socket = vip_netlink::VrrpSocket::open(&interface, source, group, Protocol::Vrrp)?;
    socket.receive_only([args.vrid])?;
    let mut hands = Hands {
        vip,
        interface,
        announcer: Announcer::open(&interface)?,
        socket: nonblocking::VrrpSocket::new(socket)?,
        netlink,
    };
    let mut monitor = nonblocking::Monitor::new(Monitor::open()?)?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);

    let (clock, mut router) = (Clock::new(), VrrpRouter::new());
    let config =
        Config::builder(Vrid::new(args.vrid)?, source, [vip.ip()]).priority(Priority::new(args.priority));
    router.add(interface.index(), config.build()?)?;
    router.start(clock.now());
    let mut buffer = vec![0; 65535];
    loop {
        carry_out(&mut router, &mut hands, &clock).await?;
        let deadline = router.poll_timeout().map(|deadline| deadline - clock.now());
        // Packets before deadlines: one that has waited proves that its sender lives.
        select! {
            biased;
            packet = hands.socket.recv(&mut buffer) => {
                let packet = packet?;
                let Some(endpoints) = Endpoints::new(packet.source, packet.destination) else { continue };
                let received = Packet::new(endpoints, packet.hop_limit, packet.bytes);
                if let Err(discard) = router.handle_packet(clock.now(), interface.index(), &received) {
                    eprintln!("packet from {} discarded: {discard}", packet.source);
                }
            }
            event = monitor.next() => match event?.kind {
                EventKind::InterfaceUnusable(it) if it.index() == interface.index() => {
                    router.handle_link(clock.now(), it.index(), Link::Down);
                }
                EventKind::InterfaceUsable(it) if it.index() == interface.index() => {
                    router.handle_link(clock.now(), it.index(), Link::Up);
                }
                EventKind::InterfaceUsable(_) | _ => {}
            },
            () = until(deadline) => router.handle_timeout(clock.now()),
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    router.shutdown(clock.now());
    carry_out(&mut router, &mut hands, &clock).await
}

/// Waits so long; for ever, if there is no deadline. Tokio's timer is up to a millisecond late, which is within what VRRP allows.
async fn until(deadline: Option<Duration>) {
    match deadline {
        Some(deadline) => sleep(deadline).await,
        None => pending().await,
    }
}

async fn carry_out(router: &mut VrrpRouter, hands: &mut Hands, clock: &Clock) -> Result<(), Box<dyn Error>> {
    while let Some((_, output)) = router.poll_output() {
        let done = match output {
            Output::Advertise(advertise) => {
                let mut buffer = [0; Advertisement::MAX_LEN];
                let message = advertise.encode(&mut buffer)?;
                hands.socket.send(advertise.endpoints.destination(), message).await
            }
            Output::Acquire(_) => match hands.netlink.add(&hands.interface, hands.vip) {
                // A Master without its address would keep others from serving it.
                Err(error) => {
                    router.shutdown(clock.now());
                    Err(error)
                }
                Ok(_) => Ok(()),
            },
            Output::Release(_) => hands.netlink.remove(&hands.interface, hands.vip).map(drop),
            Output::Announce(announce) => {
                (0..announce.times).try_for_each(|_| hands.announcer.announce(hands.vip.ip()))
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
