//! Health checks and nothing else: says which servers come and go.
//!
//! `cargo run --example checks_alone -- 192.0.2.11:80 http://192.0.2.12:8080/health`, with no privilege.

use std::{
    error::Error,
    net::SocketAddr,
    os::fd::AsFd,
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Parser;
use failover_examples::termination_signals;
use healthcheck::{Budget, Check, CheckId, Checker, CheckerEvent, Http, Limits, MonitorEvent, Policy, Tcp};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use serde_json::json;

/// Looks at servers, and says which come and go.
#[derive(Debug, Parser)]
#[command(name = "checks_alone")]
struct Args {
    /// What to look at: ADDRESS:PORT, or http://ADDRESS:PORT/PATH.
    #[arg(required = true)]
    targets: Vec<String>,
    /// How often, in seconds.
    #[arg(long, default_value_t = 2.0)]
    interval: f64,
    /// How many times in a row it must fail to be down.
    #[arg(long, default_value_t = 3)]
    fall: u16,
    /// How many times in a row it must pass to be up again.
    #[arg(long, default_value_t = 2)]
    rise: u16,
    /// A JSON object a line.
    #[arg(long)]
    json: bool,
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
    let interval = Duration::try_from_secs_f64(args.interval)?;
    let policy =
        Policy::builder().rise(args.rise).fall(args.fall).interval(interval).timeout(interval).build()?;
    let mut checker = Checker::new(Limits::default())?;
    let mut names: Vec<(CheckId, &str)> = Vec::new();
    for target in &args.targets {
        names.push((checker.add(check(target)?, policy.clone())?, target));
    }
    let signals = termination_signals()?;
    checker.start(Instant::now());
    loop {
        // One descriptor, whatever the number of checks.
        let mut fds = [checker.as_fd(), signals.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        poll(&mut fds, PollTimeout::NONE)?;
        if signals.read_signal()?.is_some() {
            return Ok(());
        }
        checker.turn(Instant::now(), Budget::default());
        while let Some(event) = checker.poll_event() {
            if let CheckerEvent::Monitor { check, event } = event
                && let Some((_, name)) = names.iter().find(|(id, _)| *id == check)
            {
                tell(name, &event, args.json);
            }
        }
    }
}

/// Reads what is to be looked at, and how.
fn check(target: &str) -> Result<Check, Box<dyn Error>> {
    let Some(rest) = target.strip_prefix("http://") else {
        let address: SocketAddr = target
            .parse()
            .map_err(|_| format!("{target} is neither ADDRESS:PORT nor http://ADDRESS:PORT/PATH"))?;
        return Ok(Check::new(address, Tcp::connect()));
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let address: SocketAddr =
        host.parse().map_err(|_| format!("{host} is not ADDRESS:PORT: names are not looked up"))?;
    let path = if path.is_empty() { "/" } else { path };
    Ok(Check::new(address, Http::builder(host).path(path).build()?))
}

fn tell(name: &str, event: &MonitorEvent, is_json: bool) {
    match event {
        MonitorEvent::Changed(change) if is_json => {
            let (from, to) = (change.from.to_string(), change.to.to_string());
            println!(
                "{}",
                json!({ "target": name, "from": from, "to": to, "reason": change.reason.to_string() })
            );
        }
        _ if is_json => {}
        MonitorEvent::Changed(_) | _ => println!("{name}: {event}"),
    }
}
