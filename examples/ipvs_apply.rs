//! Makes the kernel's table the one in a file, with the fewest writes, and says which those are.
//!
//! `ipvsadm -Sn > table`, edit it, then `cargo run --example ipvs_apply -- table`, with CAP_NET_ADMIN.

use std::{
    error::Error,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use ipvs_netlink::{Ipvs, Plan, Service, Table};
use serde_json::json;

/// Makes the kernel's table the one in a file, with the fewest writes.
///
/// The file has the lines that `ipvsadm -Sn` prints. Connections to destinations that stay are not touched.
#[derive(Debug, Parser)]
#[command(name = "ipvs_apply")]
struct Args {
    /// The table that is wanted, `-` for standard input.
    file: PathBuf,
    /// Show what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Remove services that the file does not name, too. They stay otherwise: they may be another program's.
    #[arg(long)]
    prune: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn main() -> ExitCode {
    match apply(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One for each refusal.
            error.to_string().lines().for_each(|line| eprintln!("error: {line}"));
            ExitCode::FAILURE
        }
    }
}

fn apply(args: &Args) -> Result<(), Box<dyn Error>> {
    let desired: Table =
        read(&args.file)?.parse().map_err(|error| format!("{}: {error}", args.file.display()))?;
    let is_ours = |_: &Service| args.prune;

    let mut ipvs = Ipvs::open()?;
    let plan = ipvs.plan(&desired, is_ours)?;
    if !args.json {
        print!("{plan}");
    }
    let applied = if args.dry_run { None } else { Some(ipvs.apply(&desired, is_ours)?) };

    let writes = applied.map(|applied| applied.writes);
    if args.json {
        println!("{:#}", json!({ "plan": lines(&plan), "writes": writes }));
    } else {
        println!("{}", summary(&plan, writes));
    }
    Ok(())
}

fn read(file: &Path) -> Result<String, Box<dyn Error>> {
    let text = if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        fs::read_to_string(file)
    };
    text.map_err(|error| format!("cannot read {}: {error}", file.display()).into())
}

fn lines(plan: &Plan) -> Vec<String> {
    plan.to_string().lines().map(String::from).collect()
}

fn summary(plan: &Plan, writes: Option<usize>) -> String {
    match (plan.steps().len(), writes) {
        (0, None | Some(0)) => "nothing to do".into(),
        (planned, None) => format!("{planned} to write; nothing was written (--dry-run)"),
        (_, Some(writes)) => format!("{writes} written"),
    }
}
