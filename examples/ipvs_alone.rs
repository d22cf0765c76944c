//! The kernel's load balancer and nothing else: a virtual server that is there as long as this program.
//!
//! `cargo run --example ipvs_alone -- 192.0.2.10:80 10.0.0.11:80 10.0.0.12:80=3`, as root, where the kernel has IPVS.

use std::{error::Error, net::SocketAddr, os::fd::AsFd, process::ExitCode, time::Duration};

use clap::{Parser, ValueEnum};
use failover_examples::termination_signals;
use ipvs_netlink::{
    Destination, Forwarding, Ipvs, Protocol, Scheduler, Service, ServiceId, Table, VirtualServer,
};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Distributes connections, and says how many there are.
#[derive(Debug, Parser)]
#[command(name = "ipvs_alone")]
struct Args {
    /// Where connections come in: an address of this host.
    address: SocketAddr,
    /// Where they go to: ADDRESS:PORT, or ADDRESS:PORT=WEIGHT.
    #[arg(required = true)]
    servers: Vec<String>,
    /// How they get there.
    #[arg(long, value_enum, default_value_t = Way::Masquerade)]
    forwarding: Way,
    /// Who gets the next one: rr, wrr, lc, wlc and what else the kernel has.
    #[arg(long, default_value = "wlc")]
    scheduler: Scheduler,
    /// How often it says how many there are, in seconds.
    #[arg(long, default_value_t = 5)]
    every: u16,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    /// Through this host, both ways.
    Masquerade,
    /// As they are, and back without this host.
    Direct,
}

pub(crate) fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Box<dyn Error>> {
    let id = ServiceId::new(Protocol::Tcp, args.address)?;
    let service = Service::builder(id).scheduler(args.scheduler).build()?;
    let destinations = args.servers.iter().map(|text| destination(text, args.forwarding));
    let destinations = destinations.collect::<Result<Vec<_>, _>>()?;
    let table = Table::new([VirtualServer::new(service, destinations)?])?;

    let signals = termination_signals()?;
    let mut ipvs = Ipvs::open()?;
    // Other services are somebody else's. Of this one, all is made as it is here, whatever a predecessor has left.
    let applied = ipvs.apply(&table, |_| false)?;
    println!("{} written", applied.writes);
    let timeout = PollTimeout::try_from(Duration::from_secs(args.every.max(1).into()))?;
    loop {
        let mut fds = [PollFd::new(signals.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, timeout)?;
        if signals.read_signal()?.is_some() {
            ipvs.remove_service(&id)?;
            return Ok(());
        }
        let mut entries = ipvs.destinations(&id)?;
        entries.sort_unstable_by_key(|entry| entry.destination.address()); // The kernel's order is newest first.
        for entry in entries {
            let connections = entry.connections;
            let total = entry.stats.connections;
            println!("{}: {} active, {total} in all", entry.destination.address(), connections.active);
        }
    }
}

fn destination(text: &str, way: Way) -> Result<Destination, Box<dyn Error>> {
    let (address, weight) = text.split_once('=').unwrap_or((text, "1"));
    let hint = || format!("{text} is not ADDRESS:PORT or ADDRESS:PORT=WEIGHT");
    let address: SocketAddr = address.parse().map_err(|_| hint())?;
    let forwarding = match way {
        Way::Masquerade => Forwarding::Masquerade,
        Way::Direct => Forwarding::DirectRouting,
    };
    let weight = weight.parse().map_err(|_| hint())?;
    Ok(Destination::builder(address).forwarding(forwarding).weight(weight).build()?)
}
