//! Prints what happens to the interfaces and addresses of this host, whoever does it: a monitor in a loop of `poll`.
//!
//! `cargo run --example watch_addresses`, with no privilege; `with_tokio.rs` is the same in an async runtime.

mod json;
mod line;

use std::{
    error::Error,
    io::{self, Write},
    os::fd::AsFd,
    process::ExitCode,
};

use clap::Parser;
use failover_examples::termination_signals;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use vip_netlink::Monitor;

/// Prints what happens to the interfaces and addresses of this host, and who does it, as far as the kernel says.
#[derive(Debug, Parser)]
#[command(name = "watch_addresses")]
pub(crate) struct Args {
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Stop after so many events.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

fn main() -> ExitCode {
    watch(&Args::parse(), &mut io::stdout().lock()).map_or_else(
        |error| {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

/// Prints events until there were enough, or a signal comes.
pub(crate) fn watch(args: &Args, out: &mut impl Write) -> Result<(), Box<dyn Error>> {
    let signals = termination_signals()?;
    let mut monitor = Monitor::open()?;
    let mut left = args.count.unwrap_or(u64::MAX);
    loop {
        // All there are, before waiting: some may not be in the socket any more.
        loop {
            match monitor.next_event() {
                Ok(Some(event)) if args.json => writeln!(out, "{}", json::json(&event, monitor.picture()))?,
                Ok(Some(event)) => writeln!(out, "{}", line::line(&event, monitor.picture()))?,
                Ok(None) => break,
                Err(error) => {
                    // What was missed is found out by the next call.
                    eprintln!("{error}");
                    break;
                }
            }
            left -= 1;
            if left == 0 {
                return Ok(());
            }
        }
        // After an error, not only when something happens.
        let timeout = if monitor.is_stale() { PollTimeout::from(RETRY_MS) } else { PollTimeout::NONE };
        let mut fds = [monitor.as_fd(), signals.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
        poll(&mut fds, timeout)?;
        if signals.read_signal()?.is_some() {
            return Ok(());
        }
    }
}

const RETRY_MS: u8 = 100;
