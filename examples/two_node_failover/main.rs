//! Two nodes share an address, and one of them dies: the main job of the crate family, played live.
//!
//! `cargo run --release --example two_node_failover` makes a LAN of network namespaces (a bridge, two nodes, a client),
//! runs a node process in each of the two, and plays scenes: start, crash, return, stop, cut. The client pings the
//! virtual address all along. It needs no root where user namespaces are allowed and no other program; where namespaces
//! are not permitted, it plays the same on a virtual LAN and clock, and says so.
//!
//! - `plan`: who is who, and what the protocol itself takes;
//! - `world`: what a stage must be able to do; `namespaces` and `simulated` are the two there are;
//! - `node`: the process that runs on a node;
//! - `scenes`: the script; `scenes/evidence`: what was seen, measured and found wrong;
//! - `screen` and `report`: what a person sees, and the same as data;
//! - `frames` and `pcap`: packets, read and kept.

mod frames;
mod namespaces;
mod node;
mod pcap;
mod plan;
mod report;
mod scenes;
mod screen;
mod simulated;
mod world;

use std::{
    error::Error,
    fs::{self, OpenOptions},
    net::Ipv4Addr,
    path::PathBuf,
    process::ExitCode,
};

use clap::Parser;
use vrrp_proto::{AdvertInterval, Version};

use crate::{
    namespaces::Namespaces, pcap::Pcap, plan::Plan, report::Report, screen::Screen, simulated::Simulated,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Plays failover between two nodes on a LAN of network namespaces, and measures it.
#[derive(Debug, Parser)]
#[command(name = "two_node_failover")]
struct Args {
    /// Play two virtual routers with crossed priorities: each node is the other's Backup.
    #[arg(long)]
    dual: bool,
    /// Do not let a returning node take over from a living Master of lower priority.
    #[arg(long)]
    no_preempt: bool,
    /// Speak this version of VRRP: 2 or 3.
    #[arg(long, value_name = "VERSION", default_value = "2", value_parser = plan::parse_version)]
    vrrp_version: Version,
    /// Seconds between advertisements: 1 to 255 in version 2, 0.01 to 40.95 in version 3.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = plan::parse_interval)]
    advert_interval: AdvertInterval,
    /// Authenticate advertisements with this password of 1 to 8 bytes (RFC 2338's simple text).
    #[arg(long, value_name = "PASS")]
    auth: Option<String>,
    /// Advertise to this multicast group.
    #[arg(long, value_name = "ADDRESS", default_value_t = vrrp_proto::MULTICAST_V4, value_parser = plan::parse_group)]
    group: Ipv4Addr,
    /// Write the results to FILE as JSON.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the LAN's traffic to FILE, for tcpdump and Wireshark.
    #[arg(long, value_name = "FILE")]
    pcap: Option<PathBuf>,
    /// Play on a virtual LAN and clock, at once.
    #[arg(long)]
    simulate: bool,
    /// Be a node: the settings as JSON. For the program's own use.
    #[arg(long, hide = true)]
    node: Option<String>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match &args.node {
        Some(settings) => node::run(settings).map(|()| true),
        None => play(&args),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            match error.downcast_ref() {
                Some(world::Interrupted) => ExitCode::from(130),
                None => ExitCode::FAILURE,
            }
        }
    }
}

/// Plays all scenes, and tells whether all went well.
fn play(args: &Args) -> Result<bool> {
    // Namespaces first: the kernel gives them to a process of one thread only.
    let permitted = if args.simulate { None } else { Some(lab::enter()) };
    let plan = Plan::new(
        args.dual,
        !args.no_preempt,
        args.vrrp_version,
        args.advert_interval,
        args.auth.clone(),
        args.group,
    )?;
    if let Some(path) = &args.json {
        // Found out now, not after a minute of scenes. What is there stays until there is something better.
        let file = OpenOptions::new().create(true).append(true).open(path);
        file.map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    let pcap = || args.pcap.as_deref().map(Pcap::create).transpose();

    let real = match permitted {
        None => Err("as asked for".to_owned()),
        Some(Err(refusal)) => Err(format!("because {refusal}")),
        // Permitted, but perhaps without bridges or veth.
        Some(Ok(())) => Namespaces::new(&plan, pcap()?).map_err(|error| format!("because {error}")),
    };
    let mut screen = Screen::new();
    let report = match real {
        Ok(mut world) => {
            screen.title("namespaces: a LAN of real kernels' networking, in real time", &plan);
            play_in(&mut world, "namespaces", &plan, &mut screen)?
        }
        Err(why) => {
            screen.title(&format!("SIMULATED, on a virtual LAN and clock, {why}"), &plan);
            play_in(&mut Simulated::new(&plan, pcap()?)?, "simulated", &plan, &mut screen)?
        }
    };
    screen.lines(&report.text(&plan));
    if let Some(path) = &args.json {
        fs::write(path, report.json()?)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(report.ok)
}

fn play_in(
    world: &mut impl world::World,
    mode: &'static str,
    plan: &Plan,
    screen: &mut Screen,
) -> Result<Report> {
    let (scenes, history) = scenes::play(world, plan, screen)?;
    Ok(Report::new(mode, scenes, &history, plan))
}
