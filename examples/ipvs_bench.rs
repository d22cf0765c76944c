//! How fast tables are restored and compared, beside `ipvsadm` in the same kernel and the same run.
//!
//! `cargo run --release --example ipvs_bench -- --json bench.json`; where this kernel has no IPVS, it runs inside User-Mode
//! Linux. Times mean something beside one another only.

use std::{
    error::Error,
    fmt::Write as _,
    fs::File,
    io::{self, Write},
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use clap::Parser;
use ipvs_netlink::{ErrorKind, Ipvs, Service, Table};
use serde_json::{Value, json};

/// Measures how fast tables are restored and compared, beside `ipvsadm`.
#[derive(Debug, Parser)]
#[command(name = "ipvs_bench")]
struct Args {
    /// Write the figures to a file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fail where a bound is missed: restoring takes at most a tenth of `ipvsadm -R`'s time, looking for differences where
    /// there are none at most that of three dumps and no write, and one changed weight one write.
    #[arg(long)]
    strict: bool,
}

fn main() -> ExitCode {
    if let Some(code) = lab::inside_uml("IPVS", has_ipvs) {
        return code;
    }
    let args = Args::parse();
    match bench(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("a bound was missed");
            if args.strict { ExitCode::FAILURE } else { ExitCode::SUCCESS }
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn has_ipvs() -> bool {
    let info = Ipvs::open().and_then(|mut ipvs| ipvs.info());
    !info.is_err_and(|error| error.kind() == ErrorKind::NotLoaded)
}

fn bench(args: &Args) -> Result<bool, Box<dyn Error>> {
    lab::enter()?; // Into a namespace of its own: whatever is balanced here stays as it is.
    let mut ipvs = Ipvs::open()?;

    let restore = restore(&mut ipvs)?;
    let plan = reconcile(&mut ipvs)?;
    let figures = json!({
        "restore_1000_ratio": ratio(restore.ours, restore.ipvsadm),
        "restore_1000_ms": millis(restore.ours),
        "restore_1000_one_by_one_ms": millis(restore.one_by_one),
        "ipvsadm_restore_1000_ms": millis(restore.ipvsadm),
        "dump_1000_ms": millis(restore.dump),
        "ipvsadm_dump_1000_ms": millis(restore.ipvsadm_dump),
        "plan_noop_writes": plan.noop_writes,
        "plan_noop_dumps": ratio(plan.noop, plan.dump),
        "plan_noop_ms": millis(plan.noop),
        "plan_one_weight_writes": plan.one_weight_writes,
    });
    show(&figures)?;
    if let Some(path) = &args.json {
        let file =
            File::create(path).map_err(|error| format!("cannot create {}: {error}", path.display()))?;
        serde_json::to_writer_pretty(file, &figures)?;
    }
    Ok(ratio(restore.ours, restore.ipvsadm) <= 0.1
        && (plan.noop_writes, plan.one_weight_writes) == (0, 1)
        && ratio(plan.noop, plan.dump) <= 3.0)
}

struct Restore {
    ours: Duration,
    one_by_one: Duration,
    ipvsadm: Duration,
    dump: Duration,
    ipvsadm_dump: Duration,
}

/// A service of a thousand destinations, into an empty table. Ours is read twice before it is believed.
fn restore(ipvs: &mut Ipvs) -> Result<Restore, Box<dyn Error>> {
    let mut text = String::from("-A -t 192.0.2.1:80 -s wrr\n");
    for number in 0..1000 {
        writeln!(text, "-a -t 192.0.2.1:80 -r 10.0.{}.{}:80 -g -w 1", number / 250, number % 250 + 1)?;
    }
    let desired: Table = text.parse()?;
    let mut samples = [(); 5].map(|()| Vec::new());
    for round in 1..=ROUNDS {
        progress(&format!("restore {round}/{ROUNDS}"));
        let [ours, one_by_one, ipvsadm, dump, ipvsadm_dump] = &mut samples;
        ipvs.flush()?;
        ours.push(timed(|| ipvs.apply(&desired, |_| true).map_err(Into::into))?);
        dump.push(timed(|| Ok(ipvs.table()?))?);
        ipvsadm_dump.push(timed(|| run(Command::new("ipvsadm").arg("-Sn").stdout(Stdio::null())))?);
        ipvs.flush()?;
        one_by_one.push(timed(|| add_one_by_one(ipvs, &desired))?);
        ipvs.flush()?;
        ipvsadm.push(timed(|| ipvsadm_restore(&text))?);
        if ipvs.table()? != desired {
            return Err("ipvsadm did not restore the table".into());
        }
    }
    let [ours, one_by_one, ipvsadm, dump, ipvsadm_dump] = samples.map(median);
    Ok(Restore { ours, one_by_one, ipvsadm, dump, ipvsadm_dump })
}

fn add_one_by_one(ipvs: &mut Ipvs, desired: &Table) -> Result<(), Box<dyn Error>> {
    for server in desired.servers() {
        ipvs.add_service(server.service())?;
        for destination in server.destinations() {
            ipvs.add_destination(&server.service().id(), destination)?;
        }
    }
    Ok(())
}

fn ipvsadm_restore(text: &str) -> Result<(), Box<dyn Error>> {
    let mut restore = Command::new("ipvsadm").arg("-R").stdin(Stdio::piped()).spawn()?;
    // Dropped at once, for the program waits for its end.
    restore.stdin.take().ok_or("no pipe")?.write_all(text.as_bytes())?;
    if restore.wait()?.success() { Ok(()) } else { Err("ipvsadm -R failed".into()) }
}

struct Reconcile {
    dump: Duration,
    noop: Duration,
    noop_writes: usize,
    one_weight_writes: usize,
}

/// 200 services of 10 destinations, as desired already; then with one weight changed.
fn reconcile(ipvs: &mut Ipvs) -> Result<Reconcile, Box<dyn Error>> {
    let mut text = String::new();
    for service in 1..=200 {
        writeln!(text, "-A -t 192.0.2.{service}:80 -s wrr")?;
        for server in 1..=10 {
            writeln!(text, "-a -t 192.0.2.{service}:80 -r 10.0.{service}.{server}:80 -g -w 1")?;
        }
    }
    let desired: Table = text.parse()?;
    let ours = |_: &Service| true;
    ipvs.flush()?;
    ipvs.apply(&desired, ours)?;

    let (mut dumps, mut noops, mut noop_writes) = (Vec::new(), Vec::new(), 0);
    for round in 1..=ROUNDS {
        progress(&format!("reconcile {round}/{ROUNDS}"));
        dumps.push(timed(|| Ok(ipvs.table()?))?);
        noops.push(timed(|| {
            noop_writes += ipvs.apply(&desired, ours)?.writes;
            Ok(())
        })?);
    }
    let heavier: Table = text.replacen("10.0.77.7:80 -g -w 1", "10.0.77.7:80 -g -w 2", 1).parse()?;
    let one_weight_writes = ipvs.apply(&heavier, ours)?.writes;
    Ok(Reconcile { dump: median(dumps), noop: median(noops), noop_writes, one_weight_writes })
}

fn timed<T>(act: impl FnOnce() -> Result<T, Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    let start = Instant::now();
    act().map(|_| start.elapsed())
}

fn run(command: &mut Command) -> Result<(), Box<dyn Error>> {
    if command.status()?.success() { Ok(()) } else { Err(format!("{command:?} failed").into()) }
}

fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort();
    samples.get(samples.len() / 2).copied().unwrap_or_default()
}

fn ratio(one: Duration, other: Duration) -> f64 {
    (one.as_secs_f64() / other.as_secs_f64() * 1000.0).round() / 1000.0
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e5).round() / 100.0
}

fn progress(line: &str) {
    eprint!("\r{line}   ");
}

fn show(figures: &Value) -> io::Result<()> {
    eprint!("\r                    \r");
    let mut out = io::stdout().lock();
    figures
        .as_object()
        .into_iter()
        .flatten()
        .try_for_each(|(name, value)| writeln!(out, "{name:<28} {value}"))
}

const ROUNDS: usize = 7;
