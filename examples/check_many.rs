//! What it costs to look at ten thousand targets every two seconds, from one thread, beside a bare loop that opens and closes
//! connections and does nothing else.
//!
//! `cargo run --release --example check_many -- --json many.json`. The targets are addresses of this host's loopback.

use std::{
    error::Error,
    fs::{self, File},
    io::{self, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::fd::{AsFd, AsRawFd},
    path::PathBuf,
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use clap::Parser;
use healthcheck::{
    Budget, Check, Checker, CheckerEvent, Close, Ended, Endpoint, Limits, Policy, Tcp, Turn, Verdict,
};
use nix::{
    errno::Errno,
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        resource::{Resource, getrlimit, setrlimit},
        socket::{AddressFamily, SockFlag, SockType, SockaddrIn, connect, setsockopt, socket, sockopt},
    },
    time::{ClockId, clock_gettime},
};
use serde_json::json;

/// Looks at many targets from one thread, and says what that costs.
#[derive(Debug, Parser)]
#[command(name = "check_many")]
struct Args {
    /// How many.
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=200_000))]
    targets: u32,
    /// How often each, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    interval: f64,
    /// For how long it is measured, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 20.0)]
    measure: f64,
    /// Write the figures to a file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Fail where a bound is missed: 35 % of a core, 20 ms late in 99 of 100 runs, 2 KiB a target, twice the bare loop's CPU.
    #[arg(long)]
    strict: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(&args) {
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

fn run(args: &Args) -> Result<bool, Box<dyn Error>> {
    let (interval, measured) =
        (Duration::try_from_secs_f64(args.interval)?, Duration::try_from_secs_f64(args.measure)?);
    let port = listen()?;
    let runs = measured.as_secs_f64() / interval.as_secs_f64() * f64::from(args.targets);
    // Touched before memory is measured.
    let mut lateness = vec![u32::MAX; runs as usize + 2 * args.targets as usize];
    lateness.clear();

    let before = resident()?;
    let mut checker = checker(args.targets, port, interval)?;
    raise_limit(checker.engine().descriptors_needed())?;
    let mut watch = Watch { lateness, failed: 0 };
    // A first round takes the memory that all later ones have.
    drive(&mut checker, &mut watch, interval + interval / 4, "first round")?;
    let bytes = resident()?.saturating_sub(before);

    watch.lateness.clear();
    let (wall, cpu) = (Instant::now(), thread_time()?);
    drive(&mut checker, &mut watch, measured, "measuring")?;
    let (wall, cpu) = (wall.elapsed(), thread_time()?.saturating_sub(cpu));
    drop(checker);
    let count = watch.lateness.len().max(1);
    let bare = bare_loop(port, args.targets, count.min(30_000))?;

    watch.lateness.sort_unstable();
    let figures = Figures {
        core_share: cpu.as_secs_f64() / wall.as_secs_f64(),
        lateness_p99_ms: f64::from(percentile(&watch.lateness, 99.0)) / 1000.0,
        bytes_per_target: bytes as f64 / f64::from(args.targets),
        cpu_per_check_ratio: cpu.as_secs_f64() / count as f64 / bare.as_secs_f64(),
    };
    eprint!("\r{:70}\r", "");
    report(args, &figures, &watch, wall, cpu, bare)?;
    Ok(figures.are_within_bounds())
}

/// What the figures of the run are held against.
struct Figures {
    core_share: f64,
    lateness_p99_ms: f64,
    bytes_per_target: f64,
    cpu_per_check_ratio: f64,
}

impl Figures {
    fn are_within_bounds(&self) -> bool {
        self.core_share <= 0.35
            && self.lateness_p99_ms <= 20.0
            && self.bytes_per_target <= 2048.0
            && self.cpu_per_check_ratio <= 2.0
    }
}

struct Watch {
    /// In microseconds.
    lateness: Vec<u32>,
    failed: u64,
}

impl Watch {
    fn note(&mut self, ended: &Ended) {
        let late = ended.started.saturating_duration_since(ended.planned);
        self.lateness.push(u32::try_from(late.as_micros()).unwrap_or(u32::MAX));
        self.failed += u64::from(ended.outcome.verdict != Verdict::Pass);
    }
}

/// Accepts whatever comes, in a thread of its own, on every address of the loopback.
fn listen() -> Result<u16, Box<dyn Error>> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    let port = listener.local_addr()?.port();
    thread::Builder::new().name("targets".into()).spawn(move || {
        // Closed as soon as accepted.
        listener.incoming().for_each(drop);
    })?;
    Ok(port)
}

fn checker(targets: u32, port: u16, interval: Duration) -> Result<Checker, Box<dyn Error>> {
    let policy = Policy::builder().interval(interval).timeout(interval / 2).build()?;
    let policy = std::sync::Arc::new(policy);
    let mut checker = Checker::new(Limits::default())?;
    for number in 0..targets {
        // Reset, so that a run of this leaves no hundred thousand connections in TIME_WAIT.
        let endpoint = Endpoint::new(target(number, port)).close(Close::Reset);
        checker.add(Check::new(endpoint, Tcp::connect()), policy.clone())?;
    }
    checker.start(Instant::now());
    Ok(checker)
}

/// 127.1.0.0 and so on.
fn target(number: u32, port: u16) -> SocketAddr {
    (Ipv4Addr::from_bits(0x7f01_0000 + number), port).into()
}

/// Runs the checker for so long, with a line of progress every half second.
fn drive(checker: &mut Checker, watch: &mut Watch, time: Duration, what: &str) -> Result<(), Box<dyn Error>> {
    let (start, end) = (Instant::now(), Instant::now() + time);
    let mut next_line = start;
    loop {
        let now = Instant::now();
        if now >= end {
            return Ok(());
        }
        if now >= next_line {
            next_line += Duration::from_millis(500);
            let worst = watch.lateness.iter().rev().take(5000).max().copied().unwrap_or_default();
            eprint!(
                "\r{what}: {:4.1} of {:4.1} s, {:7} runs, at worst {:6.2} ms late  ",
                start.elapsed().as_secs_f64(),
                time.as_secs_f64(),
                watch.lateness.len(),
                f64::from(worst) / 1000.0,
            );
        }
        checker.wait(Some(end.min(next_line) - now))?;
        while checker.turn(Instant::now(), Budget::default()) == Turn::Unfinished {
            take(checker, watch);
        }
        take(checker, watch);
    }
}

fn take(checker: &mut Checker, watch: &mut Watch) {
    while let Some(event) = checker.poll_event() {
        if let CheckerEvent::Ended(ended) = event {
            watch.note(&ended);
        }
    }
}

/// The least that finds out the same: open, connect, wait until it stands, close. Returns the CPU time of one.
fn bare_loop(port: u16, targets: u32, count: usize) -> Result<Duration, Box<dyn Error>> {
    let cpu = thread_time()?;
    for number in (0..targets).cycle().take(count) {
        let SocketAddr::V4(target) = target(number, port) else { continue };
        let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
        let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None)?;
        match connect(socket.as_raw_fd(), &SockaddrIn::from(target)) {
            Ok(()) => {}
            Err(Errno::EINPROGRESS) => {
                poll(&mut [PollFd::new(socket.as_fd(), PollFlags::POLLOUT)], PollTimeout::NONE)?;
            }
            Err(errno) => return Err(errno.into()),
        }
        setsockopt(&socket, sockopt::Linger, &libc::linger { l_onoff: 1, l_linger: 0 })?;
    }
    Ok(thread_time()?.saturating_sub(cpu) / u32::try_from(count)?)
}

fn report(
    args: &Args,
    figures: &Figures,
    watch: &Watch,
    wall: Duration,
    cpu: Duration,
    bare: Duration,
) -> Result<(), Box<dyn Error>> {
    let Figures { core_share, lateness_p99_ms, bytes_per_target, cpu_per_check_ratio } = figures;
    let count = watch.lateness.len();
    let per_check = cpu.as_secs_f64() / count.max(1) as f64;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{} targets every {} s, {count} runs in {:.1} s, {} failed",
        args.targets,
        args.interval,
        wall.as_secs_f64(),
        watch.failed
    )?;
    writeln!(out, "CPU        {:.1} % of a core", core_share * 100.0)?;
    writeln!(
        out,
        "a run      {:.1} us, {cpu_per_check_ratio:.2} times the {:.1} us of a bare loop",
        per_check * 1e6,
        bare.as_secs_f64() * 1e6
    )?;
    writeln!(out, "memory     {bytes_per_target:.0} bytes a target")?;
    writeln!(out, "lateness   99 of 100 runs start within {lateness_p99_ms:.2} ms")?;
    histogram(&watch.lateness, &mut out)?;
    if let Some(path) = &args.json {
        let file =
            File::create(path).map_err(|error| format!("cannot create {}: {error}", path.display()))?;
        let figures = json!({
            "core_share": core_share,
            "lateness_p99_ms": lateness_p99_ms,
            "bytes_per_target": bytes_per_target,
            "cpu_per_check_ratio": cpu_per_check_ratio,
            "runs": count,
            "failed": watch.failed,
            "cpu_per_check_us": per_check * 1e6,
            "bare_loop_us": bare.as_secs_f64() * 1e6,
        });
        serde_json::to_writer_pretty(file, &figures)?;
    }
    Ok(())
}

/// A bar for each power of two.
fn histogram(sorted: &[u32], out: &mut impl Write) -> io::Result<()> {
    let mut bars = [0_usize; 32];
    for lateness in sorted {
        if let Some(bar) = bars.get_mut(lateness.max(&1).ilog2() as usize) {
            *bar += 1;
        }
    }
    let last = bars.iter().rposition(|bar| *bar > 0).unwrap_or_default();
    let most = bars.iter().copied().max().unwrap_or_default().max(1);
    for (exponent, count) in bars.iter().enumerate().take(last + 1).skip(3) {
        let bar = "#".repeat((count * 50).div_ceil(most));
        writeln!(out, "  < {:8.3} ms  {count:8}  {bar}", f64::from(2_u32 << exponent) / 1000.0)?;
    }
    Ok(())
}

fn percentile(sorted: &[u32], percent: f64) -> u32 {
    let index = (sorted.len() as f64 * percent / 100.0) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn thread_time() -> Result<Duration, Errno> {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Into::into)
}

/// Memory of the process, in bytes.
fn resident() -> Result<u64, Box<dyn Error>> {
    let statm = fs::read_to_string("/proc/self/statm")?;
    let pages: u64 = statm.split(' ').nth(1).ok_or("statm has no second number")?.parse()?;
    Ok(pages * 4096)
}

/// Has the limit of descriptors be enough, if it may be raised that far.
fn raise_limit(needed: u64) -> Result<(), Box<dyn Error>> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    // Of the program itself, and of the targets.
    let needed = 2 * needed + 32;
    if soft < needed {
        setrlimit(Resource::RLIMIT_NOFILE, needed.min(hard), hard)?;
    }
    if hard < needed {
        Err(format!("{needed} files are needed, and {hard} are allowed (ulimit -Hn)").into())
    } else {
        Ok(())
    }
}
