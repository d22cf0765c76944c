//! A director: everything that keepalived does for a pair of load balancers, from the keepalived.conf that they have.
//!
//! `lvs_director -f keepalived.conf` stays in the foreground. SIGHUP reads the file again, SIGTERM ends it; `lvs_director
//! status` asks a running one.
//!
//! It is one thread and one epoll, and is meant to be read from here: [`Director`] waits, and hands what comes to those who
//! know what to do with it: [`Vrrp`](vrrp::Vrrp) (who has the addresses), [`Balancer`](balancer::Balancer) (who gets the
//! connections), [`Outbox`](outbox::Outbox) (who is told). None of them knows another.

mod balanced;
mod balancer;
mod checks;
mod commands;
mod director;
mod fifo;
mod files;
mod log;
mod mail;
mod metrics;
mod outbox;
mod poll;
mod processes;
mod reports;
mod routes;
mod security;
mod server;
mod signals;
mod statics;
mod status;
mod sync;
mod systemd;
mod vrrp;
mod watcher;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};
use failover_examples::keepalived_conf::{Environment, Reading, read};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::{director::Director, log::Format, signals::Signals};

/// Runs a keepalived.conf: virtual addresses that survive their owner, and a checked pool of servers behind them.
#[derive(Debug, Parser)]
#[command(name = "lvs_director", args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    task: Option<Task>,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Args)]
struct Options {
    /// The configuration.
    #[arg(
        short = 'f',
        long = "use-file",
        value_name = "FILE",
        default_value = "/etc/keepalived/keepalived.conf"
    )]
    file: PathBuf,
    /// Only say whether the configuration is good: exit status 0, or 3 if it is refused.
    #[arg(short = 't', long = "config-test")]
    test: bool,
    /// Do without virtual servers.
    #[arg(short = 'P', long = "vrrp-only", visible_alias = "vrrp", conflicts_with = "checkers_only")]
    vrrp_only: bool,
    /// Do without virtual addresses.
    #[arg(short = 'C', long = "checkers-only", visible_alias = "check")]
    checkers_only: bool,
    /// The word for `@` lines of the configuration [default: the host's name up to its first dot].
    #[arg(short = 'i', long = "config-id", value_name = "ID")]
    config_id: Option<String>,
    /// Answer on this socket how things are, as JSON.
    #[arg(long, value_name = "SOCKET")]
    status: Option<PathBuf>,
    /// Answer on this address how things are, to Prometheus.
    #[arg(long, value_name = "ADDRESS:PORT")]
    metrics: Option<SocketAddr>,
    /// How the log is written.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = Format::Text)]
    log_format: Format,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Asks a running director how things are.
    Status {
        /// The socket that it answers on.
        #[arg(value_name = "SOCKET", default_value = "/run/lvs_director.sock")]
        socket: PathBuf,
        /// Ask every second, until interrupted.
        #[arg(long)]
        watch: bool,
        /// As data.
        #[arg(long)]
        json: bool,
    },
    /// Sends the mail on standard input: for a director's own use.
    #[command(hide = true)]
    Mail,
}

fn main() -> ExitCode {
    let Cli { task, options } = Cli::parse();
    match task {
        Some(Task::Status { socket, watch, json }) => report(status::show(&socket, watch, json)),
        Some(Task::Mail) => report(mail::send_from_stdin()),
        None => {
            log::set_format(options.log_format);
            direct(&options)
        }
    }
}

fn report(outcome: Result<(), Box<dyn std::error::Error>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn direct(options: &Options) -> ExitCode {
    // From the first: who is told to end while it reads a long configuration ends as it should.
    let signals = Signals::listen();
    let environment = environment(options);
    let reading = read_and_tell(&options.file, &environment);
    let Some(config) = reading.config else {
        eprintln!("{} is refused", options.file.display());
        return ExitCode::from(REFUSED);
    };
    if options.test {
        println!("{} is good", options.file.display());
        return ExitCode::SUCCESS;
    }
    allow_as_many_files_as_may_be();
    let run = |signals| Director::run(options, environment, config, signals);
    match signals.map_err(Into::into).and_then(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error("director", &error);
            ExitCode::FAILURE
        }
    }
}

/// Every check that hangs holds a descriptor, every instance some; the limit that is usual for a start by hand is 1024.
fn allow_as_many_files_as_may_be() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        log::warn("director", format_args!("no more files may be open than before: {error}"));
    }
}

fn environment(options: &Options) -> Environment {
    let mut environment = Environment::of_this_host();
    if let Some(id) = &options.config_id {
        environment.config_id.clone_from(id);
    }
    environment
}

/// Reads the configuration, and says all there is to say of it.
fn read_and_tell(file: &Path, environment: &Environment) -> Reading {
    let mut reading = read(file, environment);
    for diagnostic in &reading.diagnostics {
        log::diagnostic(diagnostic);
    }
    if let Some(config) = &mut reading.config {
        security::disarm(config);
    }
    reading
}

/// What keepalived's manual says of a configuration with which it cannot run.
const REFUSED: u8 = 3;
