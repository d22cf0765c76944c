//! keepalived and we, in every way that both speak, in every scene: `cargo test -p failover-examples --test interop_matrix`.
//!
//! Prints the matrix. Arguments: filters, all of which are to be found in `COMBINATION CAST SCENE`; `--json`, which has the traces too; `--jobs N`,
//! how many plays go on at once.
#![allow(clippy::unwrap_used, reason = "a test that unwraps an error has failed")]

mod combination;
mod differences;
mod keepalived;
mod matrix;
mod ours;
mod report;
mod router;
mod scene;
mod stage;
mod watch;

use std::{env, io::Write as _, process::ExitCode, time::Instant};

use report::is_ok;

fn main() -> ExitCode {
    let (mut filters, mut is_json, mut at_once) = (Vec::new(), false, AT_ONCE);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--json" => is_json = true,
            "--jobs" => match arguments.next().and_then(|number| number.parse().ok()) {
                Some(jobs) => at_once = jobs,
                None => return usage(),
            },
            _ if argument.starts_with('-') => return usage(),
            _ => filters.push(argument),
        }
    }
    if let Err(reason) = lab::enter() {
        eprintln!("skipped, no lab: {reason}");
        let is_required = env::var_os("REQUIRE_LAB").is_some_and(|value| value == "1");
        return if is_required { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    // Says itself what is missing.
    let (Some(program), Some(_)) = (lab::need("keepalived"), lab::need("ip")) else {
        return ExitCode::SUCCESS;
    };

    let began = Instant::now();
    let cells = matrix::play(&program, &filters, at_once);
    if cells.is_empty() {
        eprintln!("nothing is called {}", filters.join(" "));
        return ExitCode::FAILURE;
    }
    // Only all of it shows all that is listed.
    let missing = if filters.is_empty() { differences::missing(&report::shown(&cells)) } else { Vec::new() };
    let text = if is_json {
        format!("{:#}\n", report::json(&cells, &missing, began.elapsed()))
    } else {
        report::table(&cells, &missing, began.elapsed())
    };
    // A reader that has gone is no failure of what was played.
    let _ = std::io::stdout().write_all(text.as_bytes());
    if cells.iter().all(is_ok) && missing.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn usage() -> ExitCode {
    eprintln!("usage: interop_matrix [--json] [--jobs N] [FILTER...]");
    ExitCode::FAILURE
}

/// Scenes are waiting: so many do not get in each other's way on two CPUs.
const AT_ONCE: usize = 28;
