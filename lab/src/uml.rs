use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    thread,
};

use crate::harness::{is_required, need};

/// Starts the whole program again inside User-Mode Linux where this kernel lacks something, `None` where it does not: first
/// thing in `main`, before [`enter`](crate::enter()).
///
/// The program inside has the same arguments, environment and directory, of which it can write no other, and this one its
/// exit code. Where there can be no such kernel it says so in one line and exits well; with `REQUIRE_LAB=1` in the
/// environment that is a failure. With `SKIP_UML=1` it is not started. The script that starts the kernel is `.ci/uml-run`,
/// or what `UML_RUN` names.
pub fn inside_uml(what: &str, has: impl FnOnce() -> bool) -> Option<ExitCode> {
    inside_umls(what, has, 1)
}

/// The same with several kernels: each has one CPU only, and is told which share of the work is its own.
pub(crate) fn inside_umls(what: &str, has: impl FnOnce() -> bool, shares: usize) -> Option<ExitCode> {
    let only_lists = env::args().any(|argument| argument == "--list");
    if only_lists || has() {
        return None;
    }
    if env::var_os(INSIDE).is_some() {
        return Some(refuse(what, "nor has that in User-Mode Linux"));
    }
    if env::var_os("SKIP_UML").is_some_and(|value| value == "1") {
        say(&format!("skipped: this kernel has no {what}, and SKIP_UML=1"));
        return Some(ExitCode::SUCCESS);
    }
    let Some(uml_run) = uml_run() else {
        return Some(refuse(what, "and .ci/uml-run, which starts one that has, is not there"));
    };
    if need("linux.uml").is_none() {
        return Some(refuse(what, "and Debian's user-mode-linux, which has, is not installed"));
    }
    say(&format!("this kernel has no {what}: going on inside User-Mode Linux"));
    let code = run_inside(&uml_run, shares);
    Some(code.unwrap_or_else(|error| refuse(what, &format!("and uml-run cannot be started: {error}"))))
}

fn run_inside(uml_run: &Path, shares: usize) -> io::Result<ExitCode> {
    let (program, here) = (env::current_exe()?, env::current_dir()?);
    let run = |share: usize| {
        let mut uml = Command::new(uml_run);
        uml.arg(&program).args(env::args_os().skip(1));
        uml.env(INSIDE, "1").env("UML_WRITABLE", &here).env(SHARE, format!("{share}/{shares}"));
        if env::var_os("UML_TIMEOUT").is_none() {
            uml.env("UML_TIMEOUT", PATIENCE);
        }
        // What the first prints is progress; what another prints follows.
        uml.stdout(if share == 0 { Stdio::inherit() } else { Stdio::piped() })
            .stderr(Stdio::inherit())
            .output()
    };
    let ended: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> = (0..shares).map(|share| scope.spawn(move || run(share))).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(io::Error::other("a panic"))))
            .collect()
    });
    let mut code = ExitCode::SUCCESS;
    for output in ended {
        let output = output?;
        let _ = io::stdout().write_all(&output.stdout);
        if !output.status.success() {
            let status = output.status.code().and_then(|code| u8::try_from(code).ok());
            code = status.map_or(ExitCode::FAILURE, ExitCode::from);
        }
    }
    Ok(code)
}

/// Whether a test is among those that this program is to run, by its place in the list: see [`inside_umls`].
pub(crate) fn is_ours(place: usize) -> bool {
    let share = env::var(SHARE).unwrap_or_default();
    let numbers = share.split_once('/').and_then(|(mine, all)| Some((mine.parse().ok()?, all.parse().ok()?)));
    numbers.is_none_or(|(mine, all): (usize, usize)| place.checked_rem(all) == Some(mine))
}

fn uml_run() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/uml-run");
    env::var_os("UML_RUN").map(PathBuf::from).into_iter().chain([beside]).find(|path| path.is_file())
}

fn refuse(what: &str, why: &str) -> ExitCode {
    let (word, code) =
        if is_required() { ("no lab", ExitCode::FAILURE) } else { ("skipped, no lab", ExitCode::SUCCESS) };
    say(&format!("{word}: this kernel has no {what}, {why}"));
    code
}

fn say(line: &str) {
    // Not `eprintln`, which panics where nobody listens.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Set for the program inside.
const INSIDE: &str = "LAB_INSIDE_UML";

/// Which of how many shares of the tests the program inside runs: `0/2`.
const SHARE: &str = "LAB_SHARE";

/// For all tests of a program, in seconds, on a machine that does much else: each has bounds of its own.
const PATIENCE: &str = "2400";
