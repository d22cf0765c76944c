//! Five hundred virtual servers of ten real servers each, of which one gets another weight.

use std::{
    error::Error,
    fmt::Write,
    io,
    net::Ipv4Addr,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use ipvs_netlink::{Ipvs, Protocol, ServiceId};
use lab::Namespace;
use serde_json::{Value, json};

use crate::director::{Director, Kind, Part};

/// Measures it where there is IPVS: `None` where there is nowhere.
pub(crate) fn measure() -> Result<Option<Value>, Box<dyn Error>> {
    eprintln!("reload, inside User-Mode Linux");
    let uml_run = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/uml-run");
    if lab::need("linux.uml").is_none() || !uml_run.is_file() {
        return Ok(None);
    }
    let output = Command::new(uml_run).arg(std::env::current_exe()?).arg("--reload-here").output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().rev().find(|line| line.starts_with('{'));
    let line = line.ok_or_else(|| format!("the reload was not measured:\n{text}"))?;
    Ok(Some(serde_json::from_str(line)?))
}

pub(crate) fn measure_here() -> Result<(), Box<dyn Error>> {
    lab::enter()?;
    let (ours_ms, ours_writes) = reload(Kind::Ours)?;
    let (theirs_ms, _) = reload(Kind::Keepalived)?;
    println!("{}", json!({ "ours_ms": ours_ms, "ours_writes": ours_writes, "keepalived_ms": theirs_ms }));
    Ok(())
}

/// From the signal to the weight in the kernel, in milliseconds, the median of some; and the writes that each took ours.
fn reload(kind: Kind) -> Result<(f64, Option<u64>), Box<dyn Error>> {
    let host = Namespace::new()?;
    let mut ipvs = host.run(Ipvs::open)??;
    let director = Director::start(&host, kind, Part::Checkers, &config(1))?;
    until("all are there", Duration::from_secs(120), || {
        ipvs.services().is_ok_and(|services| services.len() == VIRTUAL_SERVERS)
            && weight(&mut ipvs) == Some(1)
    })?;
    thread::sleep(Duration::from_secs(2));
    let writes = || director.status()["ipvs_writes"].as_u64();
    let before = writes();
    let mut times = Vec::new();
    for weight in 7..7 + RELOADS {
        director.prepare(&config(weight))?;
        let begun = Instant::now();
        director.reload()?;
        until("the weight is there", Duration::from_secs(120), || self::weight(&mut ipvs) == Some(weight))?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
        // It may have more to do, of which nothing is seen from outside.
        thread::sleep(Duration::from_secs(1));
    }
    times.sort_by(f64::total_cmp);
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let writes = writes().zip(before).map(|(after, before)| after - before);
    Ok((median, writes.map(|writes| writes / u64::from(RELOADS))))
}

/// The weight that is changed: of the last virtual server's fifth real server.
fn weight(ipvs: &mut Ipvs) -> Option<u32> {
    let (high, low) = address(VIRTUAL_SERVERS - 1);
    let service = ServiceId::new(Protocol::Tcp, (Ipv4Addr::new(10, 1, high, low), 80).into()).ok()?;
    let destinations = ipvs.destinations(&service).ok()?;
    let fifth = destinations
        .iter()
        .find(|one| one.destination.address() == (Ipv4Addr::new(10, 2, 0, 5), 80).into())?;
    Some(fifth.destination.weight())
}

/// The last two bytes of a virtual server's address.
fn address(number: usize) -> (u8, u8) {
    let (high, low) = (number / 250, number % 250 + 1);
    (high.try_into().unwrap_or_default(), low.try_into().unwrap_or_default())
}

fn config(weight: u32) -> String {
    let mut text = String::new();
    for number in 0..VIRTUAL_SERVERS {
        let (high, low) = address(number);
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "virtual_server 10.1.{high}.{low} 80 {{\n lb_algo wrr\n lb_kind DR\n protocol TCP"
        );
        for real in 1..=10 {
            let weight = if (number, real) == (VIRTUAL_SERVERS - 1, 5) { weight } else { 1 };
            let _ = writeln!(text, " real_server 10.2.0.{real} 80 {{\n weight {weight}\n }}");
        }
        text.push_str("}\n");
    }
    text
}

fn until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) -> io::Result<()> {
    let end = Instant::now() + limit;
    while !is_so() {
        if Instant::now() > end {
            return Err(io::Error::other(format!("not so after {limit:?}: {what}")));
        }
        thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

const VIRTUAL_SERVERS: usize = 500;
const RELOADS: u32 = 5;
