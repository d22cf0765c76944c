use std::{
    env, io,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use ipvs_netlink::{ErrorKind, Ipvs};

/// Runs the tests inside User-Mode Linux where this kernel has no IPVS, `None` where it has.
///
/// Where that cannot be it says so in one line and passes; with `REQUIRE_LAB=1` in the environment that is a failure.
pub(crate) fn instead() -> Option<ExitCode> {
    let lists = env::args().any(|argument| argument == "--list");
    if lists || has_ipvs() {
        return None;
    }
    if env::var_os(INSIDE).is_some() {
        return Some(refuse("the kernel that was started for it has no IPVS either"));
    }
    let Some(uml_run) = uml_run() else {
        return Some(refuse(
            "this kernel has no IPVS, and .ci/uml-run, which starts one that has, is not there",
        ));
    };
    if lab::need("linux.uml").is_none() {
        return Some(refuse("this kernel has no IPVS (Debian's user-mode-linux is one that has)"));
    }
    say("this kernel has no IPVS: the tests run inside User-Mode Linux");
    let status = env::current_exe().and_then(|tests| {
        Command::new(uml_run).arg(tests).args(env::args_os().skip(1)).env(INSIDE, "1").status()
    });
    Some(match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => {
            status.code().and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Err(error) => refuse(&format!("uml-run cannot be started: {error}")),
    })
}

/// Tells whether there is one, or who asks may not know.
fn has_ipvs() -> bool {
    let info = Ipvs::open().and_then(|mut ipvs| ipvs.info());
    !info.is_err_and(|error| error.kind() == ErrorKind::NotLoaded)
}

fn uml_run() -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.ci/uml-run");
    env::var_os("UML_RUN").map(PathBuf::from).into_iter().chain([beside]).find(|path| path.is_file())
}

fn refuse(reason: &str) -> ExitCode {
    if env::var_os("REQUIRE_LAB").is_some_and(|value| value == "1") {
        say(&format!("no lab: {reason}"));
        return ExitCode::FAILURE;
    }
    say(&format!("skipped, no lab: {reason}"));
    ExitCode::SUCCESS
}

fn say(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Set for the tests inside.
const INSIDE: &str = "IPVS_NETLINK_INSIDE";
