//! `lvs_director` beside keepalived: the same files, the same LAN, the same run.
//!
//! `cargo build --release --examples && target/release/examples/compare_keepalived`, as root, with keepalived installed. Two
//! minutes. The reload needs IPVS: where this kernel has none, that part runs inside User-Mode Linux.

mod crowd;
mod director;
mod lan;
mod reload;
mod takeover;

use std::{error::Error, fs, path::PathBuf, process::ExitCode};

use clap::Parser;
use serde_json::{Value, json};

use crate::director::Kind;

/// Measures what `lvs_director` and keepalived do with the same files.
#[derive(Debug, Parser)]
#[command(name = "compare_keepalived")]
struct Args {
    /// Write the figures to a file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fail where a bound is missed: a take-over and a first answer no later than keepalived's (and a millisecond); 200 instances moved
    /// 50 ms after the protocol's time; memory at most keepalived's; at most 0.7 of its CPU; a reload under 100 ms and of one write.
    #[arg(long)]
    strict: bool,
    /// How many take-overs of one address.
    #[arg(long, value_name = "N", default_value_t = 5)]
    rounds: usize,
    /// Measure the reload here, in a kernel that has IPVS, and print it.
    #[arg(long, hide = true)]
    reload_here: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = if args.reload_here { reload::measure_here().map(|()| true) } else { compare(&args) };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) if args.strict => ExitCode::FAILURE,
        Ok(false) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(args: &Args) -> Result<bool, Box<dyn Error>> {
    // Threads come later: a user namespace can only be entered without.
    lab::enter()?;
    let mut figures = json!({});
    let mut bounds = Vec::new();

    let [ours, theirs] = [Kind::Ours, Kind::Keepalived].map(|kind| takeover::measure(kind, args.rounds));
    let (ours, theirs) = (ours?, theirs?);
    println!(
        "take-over of one address, beyond the protocol's time: {:.2} ms; keepalived {:.2} ms",
        ours.beyond_ms, theirs.beyond_ms
    );
    println!(
        "from its first advertisement to the first answer: {:.2} ms; keepalived {:.2} ms",
        ours.answer_ms, theirs.answer_ms
    );
    bounds.push(("beyond", ours.beyond_ms <= theirs.beyond_ms + 1.0));
    bounds.push(("answer", ours.answer_ms <= theirs.answer_ms + 1.0));
    figures["take_over"] = json!({ "ours": ours.json(), "keepalived": theirs.json() });

    let [ours, theirs] = [Kind::Ours, Kind::Keepalived].map(crowd::measure);
    let (ours, theirs) = (ours?, theirs?);
    println!("200 instances, version 3, 100 ms:   ours  keepalived  ratio");
    for (what, ours, theirs) in [
        ("CPU per advertisement, Master, us", ours.master_us, theirs.master_us),
        ("CPU per advertisement, Backup, us", ours.backup_us, theirs.backup_us),
        ("memory, Master, kB", ours.master_kb, theirs.master_kb),
        ("memory, Backup, kB", ours.backup_kb, theirs.backup_kb),
        ("last one moved, beyond its time, ms", ours.moved_ms, theirs.moved_ms),
    ] {
        println!("  {what:<34} {ours:>6.1} {theirs:>9.1} {:>7.2}", ours / theirs);
    }
    bounds.push(("cpu of the master", ours.master_us <= 0.7 * theirs.master_us));
    bounds.push(("cpu of the backup", ours.backup_us <= 0.7 * theirs.backup_us));
    bounds.push(("memory of the master", ours.master_kb <= theirs.master_kb));
    bounds.push(("memory of the backup", ours.backup_kb <= theirs.backup_kb));
    bounds.push(("all moved", ours.moved_ms <= 50.0));
    figures["crowd"] = json!({ "ours": ours.json(), "keepalived": theirs.json() });

    match reload::measure()? {
        Some(reload) => {
            println!("reload of 500 virtual servers x 10, one weight changed: {reload}");
            bounds.push(("reload", reload["ours_ms"].as_f64().is_some_and(|ms| ms < 100.0)));
            bounds.push(("writes", reload["ours_writes"] == 1));
            figures["reload"] = reload;
        }
        None => println!("reload: left out, for there is no kernel with IPVS"),
    }
    finish(args, figures, &bounds)
}

fn finish(args: &Args, mut figures: Value, bounds: &[(&str, bool)]) -> Result<bool, Box<dyn Error>> {
    let missed: Vec<&str> = bounds.iter().filter(|(_, is_kept)| !is_kept).map(|(name, _)| *name).collect();
    figures["missed"] = json!(missed);
    if let Some(path) = &args.json {
        fs::write(path, format!("{figures:#}\n"))?;
    }
    if !missed.is_empty() {
        eprintln!("bounds missed: {}", missed.join(", "));
    }
    Ok(missed.is_empty())
}
