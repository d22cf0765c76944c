//! Makes this host a real server of LVS direct routing, and back, or says what keeps it from being one.
//!
//! `cargo run --example real_server -- start 172.18.50.50 172.18.51.51`, as root on each host of the pool; `verify`, as
//! anybody, and `stop` with the same addresses.

use std::{
    io::{self, Write},
    net::IpAddr,
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use serde::Serialize;
use vip_netlink::{Change, Departure, Error, Problem, RealServer, SettingChange};

/// Makes this host a real server of LVS direct routing, and back, or says what keeps it from being one.
///
/// The exit code is 0 if all is well, 1 if `verify` found a problem, and 2 if what was asked for failed.
#[derive(Debug, Parser)]
#[command(name = "real_server")]
struct Args {
    #[command(subcommand)]
    order: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Hold the virtual addresses on lo, and be silent about them. Needs CAP_NET_ADMIN.
    Start(Vips),
    /// Take them off again, and with the last one set the sysctls back. Needs CAP_NET_ADMIN.
    Stop(Vips),
    /// Say what is wrong. Needs no privilege.
    Verify(Vips),
}

#[derive(Debug, clap::Args)]
struct Vips {
    /// The virtual addresses of the pool, without prefix length.
    #[arg(required = true, value_name = "VIP")]
    vips: Vec<IpAddr>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    run(std::env::args())
}

/// Does what the command line asks for, and says what was done.
pub(crate) fn run(arguments: impl Iterator<Item = String>) -> ExitCode {
    let args = Args::try_parse_from(arguments).unwrap_or_else(|error| error.exit());
    let (Order::Start(asked) | Order::Stop(asked) | Order::Verify(asked)) = &args.order;
    let report = carry_out(&args.order).unwrap_or_else(|error| Report::Failed { error: error.to_string() });
    let text = if asked.json { report.json() } else { report.text() };
    // Where nobody reads, the exit code says it.
    let _ = if !asked.json && matches!(report, Report::Failed { .. }) {
        writeln!(io::stderr(), "{text}")
    } else {
        writeln!(io::stdout(), "{text}")
    };
    report.exit_code()
}

fn carry_out(order: &Order) -> Result<Report, Error> {
    let mut real_server = RealServer::open()?;
    Ok(match order {
        Order::Start(asked) => {
            let started = real_server.start(&asked.vips)?;
            let vips = started.vips.into_iter().map(|(vip, change)| match change {
                Change::Made => Fate { vip, now: "added" },
                Change::AlreadySo => Fate { vip, now: "there already" },
            });
            Report::Changed { vips: vips.collect(), settings: sysctls(&started.settings) }
        }
        Order::Stop(asked) => {
            let stopped = real_server.stop(&asked.vips)?;
            let vips = stopped.vips.into_iter().map(|(vip, departure)| match departure {
                Departure::Removed => Fate { vip, now: "removed" },
                Departure::NotThere => Fate { vip, now: "not there" },
                Departure::NotOurs => Fate { vip, now: "left: somebody else added it" },
            });
            Report::Changed { vips: vips.collect(), settings: sysctls(&stopped.settings) }
        }
        Order::Verify(asked) => {
            let problems: Vec<_> = real_server.verify(&asked.vips)?.iter().map(Finding::of).collect();
            Report::Verified { fit: problems.is_empty(), problems }
        }
    })
}

/// What is said, to people and to programs.
#[derive(Serialize)]
#[serde(untagged)]
enum Report {
    Changed { vips: Vec<Fate>, settings: Vec<Sysctl> },
    Verified { fit: bool, problems: Vec<Finding> },
    Failed { error: String },
}

#[derive(Serialize)]
struct Fate {
    vip: IpAddr,
    now: &'static str,
}

#[derive(Serialize)]
struct Sysctl {
    name: &'static str,
    from: i32,
    to: i32,
}

#[derive(Serialize)]
struct Finding {
    problem: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    vip: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interface: Option<String>,
    text: String,
    hint: String,
}

impl Report {
    fn text(&self) -> String {
        let lines: Vec<_> = match self {
            Self::Changed { vips, settings } => {
                let vips = vips.iter().map(|Fate { vip, now }| format!("{vip} on lo: {now}"));
                vips.chain(settings.iter().map(|Sysctl { name, from, to }| format!("{name}: {from} -> {to}")))
                    .collect()
            }
            Self::Verified { problems, .. } if problems.is_empty() => vec!["fit to be a real server".into()],
            Self::Verified { problems, .. } => {
                problems.iter().map(|Finding { text, hint, .. }| format!("{text}\n  {hint}")).collect()
            }
            Self::Failed { error } => vec![format!("error: {error}")],
        };
        lines.join("\n")
    }

    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|error| format!("error: {error}"))
    }

    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Changed { .. } | Self::Verified { fit: true, .. } => ExitCode::SUCCESS,
            Self::Verified { fit: false, .. } => ExitCode::from(1),
            Self::Failed { .. } => ExitCode::from(2),
        }
    }
}

impl Finding {
    fn of(problem: &Problem) -> Self {
        let (name, vip, interface) = match problem {
            Problem::LoopbackDown => ("loopback-down", None, None),
            Problem::Missing { vip } => ("missing", Some(*vip), None),
            Problem::Subnet { address } => ("subnet", Some(address.ip()), None),
            Problem::OnInterface { address, interface } => {
                ("on-interface", Some(address.ip()), Some(interface))
            }
            Problem::ArpIgnore { interface, .. } => ("arp-ignore", None, Some(interface)),
            Problem::ArpAnnounce { interface, .. } => ("arp-announce", None, Some(interface)),
            _ => ("other", None, None),
        };
        let (text, hint) = (problem.to_string(), problem.hint());
        Self { problem: name, vip, interface: interface.cloned(), text, hint }
    }
}

fn sysctls(changes: &[SettingChange]) -> Vec<Sysctl> {
    changes.iter().map(|change| Sysctl { name: change.name, from: change.from, to: change.to }).collect()
}
