//! Lists what the kernel balances: services, their destinations, and what went through them.
//!
//! `cargo run --example ipvs_list -- --stats`, with CAP_NET_ADMIN, prints what `ipvsadm -Ln --stats --exact` does, in order.

use std::{
    fmt::Display,
    io::{self, ErrorKind, Write},
    process::ExitCode,
};

use clap::Parser;
use ipvs_netlink::{
    DestinationEntry, Forwarding, Ipvs, Protocol, Service, ServiceEntry, ServiceFlags, Stats,
};
use serde_json::{Value, json};

/// Lists what the kernel balances.
#[derive(Debug, Parser)]
#[command(name = "ipvs_list")]
struct Args {
    /// Connections, packets and bytes since a service or destination was added or zeroed.
    #[arg(long, conflicts_with = "rate")]
    stats: bool,
    /// The same per second, as the kernel estimates it.
    #[arg(long)]
    rate: bool,
    /// All of it as one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn main() -> ExitCode {
    match list(&Args::parse(), &mut io::stdout().lock()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn list(args: &Args, out: &mut impl Write) -> Result<(), Box<dyn std::error::Error>> {
    let mut ipvs = Ipvs::open()?;
    let info = ipvs.info()?;
    let mut services = ipvs.services()?;
    services.sort_by_key(|entry| entry.service.id());
    let mut lists = Vec::new();
    for entry in services {
        let mut destinations = ipvs.destinations(&entry.service.id())?;
        destinations.sort_by_key(|entry| entry.destination.address());
        lists.push((entry, destinations));
    }
    let printed = if args.json {
        let services: Vec<_> =
            lists.iter().map(|(service, destinations)| as_json(service, destinations)).collect();
        let all = json!({
            "version": info.version.to_string(),
            "connection_table_size": info.connection_table_size,
            "services": services,
        });
        writeln!(out, "{all:#}")
    } else {
        writeln!(out, "IP Virtual Server version {} (size={})", info.version, info.connection_table_size)
            .and_then(|()| as_table(args, &lists, out))
    };
    match printed {
        // Whoever reads has seen enough (`| head`).
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

fn as_table(
    args: &Args,
    lists: &[(ServiceEntry, Vec<DestinationEntry>)],
    out: &mut impl Write,
) -> io::Result<()> {
    let is_plain = !args.stats && !args.rate;
    let titles = match (args.stats, args.rate) {
        (true, _) => ["Conns", "InPkts", "OutPkts", "InBytes", "OutBytes"],
        (_, true) => ["CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"],
        _ => [""; 5],
    };
    if is_plain {
        writeln!(out, "Prot LocalAddress:Port Scheduler Flags")?;
        writeln!(out, "  -> {:<28} Forward Weight ActiveConn InActConn", "RemoteAddress:Port")?;
    } else {
        writeln!(out, "{:<33}{}", "Prot LocalAddress:Port", columns(titles))?;
        writeln!(out, "  -> RemoteAddress:Port")?;
    }
    for (ServiceEntry { service, stats, .. }, destinations) in lists {
        if is_plain {
            writeln!(out, "{} {}", name(service), settings(service))?;
        } else {
            writeln!(out, "{:<33}{}", name(service), columns(numbers(args, stats)))?;
        }
        for DestinationEntry { destination, connections, stats, .. } in destinations {
            let address = destination.address().to_string();
            if is_plain {
                writeln!(
                    out,
                    "  -> {address:<28} {:<7} {:<6} {:<10} {:<10}",
                    method(destination.forwarding()),
                    destination.weight(),
                    connections.active,
                    connections.inactive,
                )?;
            } else {
                writeln!(out, "  -> {address:<28}{}", columns(numbers(args, stats)))?;
            }
        }
    }
    Ok(())
}

fn columns(values: [impl Display; 5]) -> String {
    values.map(|value| format!(" {value:>8}")).concat()
}

/// `TCP  192.0.2.1:80`
fn name(service: &Service) -> String {
    let id = service.id();
    match (id.protocol(), id.address(), id.mark()) {
        (Some(protocol), Some(address), _) => format!("{:<4} {address}", protocol_name(protocol)),
        (_, _, Some(mark)) if id.family() == ipvs_netlink::Family::V6 => format!("FWM  {mark} IPv6"),
        (_, _, mark) => format!("FWM  {}", mark.unwrap_or_default()),
    }
}

/// `wrr (flag-1) persistent 300 mask 255.255.255.0 ops`
fn settings(service: &Service) -> String {
    // The flags have names that depend on the scheduler; a saved line has them last.
    let line = service.to_string();
    let flags = line.split_once(" -b ").map_or(String::new(), |(_, flags)| format!(" ({flags})"));
    let persistence = service.persistence().map_or(String::new(), |persistence| {
        let mask = persistence.network().map_or(String::new(), |network| format!(" mask {network}"));
        format!(" persistent {}{mask}", persistence.timeout().as_secs())
    });
    let engine = service.persistence_engine().map_or(String::new(), |engine| format!(" pe {engine}"));
    let ops = if service.flags().contains(ServiceFlags::ONE_PACKET) { " ops" } else { "" };
    format!("{}{flags}{persistence}{engine}{ops}", service.scheduler())
}

fn numbers(args: &Args, stats: &Stats) -> [u64; 5] {
    if args.stats {
        [
            stats.connections,
            stats.incoming_packets,
            stats.outgoing_packets,
            stats.incoming_bytes,
            stats.outgoing_bytes,
        ]
    } else {
        [
            stats.connection_rate,
            stats.incoming_packet_rate,
            stats.outgoing_packet_rate,
            stats.incoming_byte_rate,
            stats.outgoing_byte_rate,
        ]
    }
}

fn protocol_name(protocol: Protocol) -> String {
    match protocol {
        Protocol::Tcp => "TCP".into(),
        Protocol::Udp => "UDP".into(),
        Protocol::Sctp => "SCTP".into(),
        Protocol::Other(_) | _ => protocol.to_string(),
    }
}

fn method(forwarding: Forwarding) -> &'static str {
    match forwarding {
        Forwarding::DirectRouting => "Route",
        Forwarding::Masquerade => "Masq",
        Forwarding::Tunnel(_) => "Tunnel",
        Forwarding::Local => "Local",
        Forwarding::Bypass => "Bypass",
        Forwarding::Other(_) | _ => "unknown",
    }
}

fn as_json(entry: &ServiceEntry, destinations: &[DestinationEntry]) -> Value {
    let id = entry.service.id();
    let destinations: Vec<_> = destinations
        .iter()
        .map(|DestinationEntry { destination, connections, stats, .. }| {
            json!({
                "address": destination.address(),
                "forwarding": method(destination.forwarding()),
                "weight": destination.weight(),
                "upper_threshold": destination.upper_threshold(),
                "lower_threshold": destination.lower_threshold(),
                "active_connections": connections.active,
                "inactive_connections": connections.inactive,
                "persistent_connections": connections.persistent,
                "line": format!("-a {id} {destination}"),
                "stats": stats_as_json(stats),
            })
        })
        .collect();
    json!({
        "protocol": id.protocol().map(protocol_name),
        "address": id.address(),
        "mark": id.mark(),
        "family": id.family().to_string(),
        "scheduler": entry.service.scheduler().name(),
        "persistence_seconds": entry.service.persistence().map(|persistence| persistence.timeout().as_secs()),
        "line": entry.service.to_string(),
        "stats": stats_as_json(&entry.stats),
        "destinations": destinations,
    })
}

fn stats_as_json(stats: &Stats) -> Value {
    json!({
        "connections": stats.connections,
        "incoming_packets": stats.incoming_packets,
        "outgoing_packets": stats.outgoing_packets,
        "incoming_bytes": stats.incoming_bytes,
        "outgoing_bytes": stats.outgoing_bytes,
        "connections_per_second": stats.connection_rate,
        "incoming_packets_per_second": stats.incoming_packet_rate,
        "outgoing_packets_per_second": stats.outgoing_packet_rate,
        "incoming_bytes_per_second": stats.incoming_byte_rate,
        "outgoing_bytes_per_second": stats.outgoing_byte_rate,
    })
}
