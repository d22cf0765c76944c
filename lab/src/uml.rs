use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use crate::harness::{is_required, need};

/// Starts the whole program again inside User-Mode Linux where this kernel lacks something, `None` where it does not: first
/// thing in `main`, before [`enter`](crate::enter()).
///
/// The program inside has the same arguments, environment and directory, of which it can write no other, and this one its
/// exit code. Where there can be no
/// such kernel it says so in one line and exits well; with `REQUIRE_LAB=1` in the environment that is a failure. With
/// `SKIP_UML=1` it is not started. The script that starts the kernel is `.ci/uml-run`, or what `UML_RUN` names.
pub fn inside_uml(what: &str, has: impl FnOnce() -> bool) -> Option<ExitCode> {
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
    let status = env::current_exe().and_then(|program| {
        let here = env::current_dir()?;
        let mut uml = Command::new(uml_run);
        uml.arg(program).args(env::args_os().skip(1)).env(INSIDE, "1").env("UML_WRITABLE", here).status()
    });
    Some(match status {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        Ok(status) => {
            let code = status.code().and_then(|code| u8::try_from(code).ok());
            code.map_or(ExitCode::FAILURE, ExitCode::from)
        }
        Err(error) => refuse(what, &format!("and uml-run cannot be started: {error}")),
    })
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
