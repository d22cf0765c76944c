use std::{
    env,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    thread,
};

use libtest_mimic::{Arguments, Completion, Trial, run};

use crate::{
    enter::enter,
    namespace::Namespace,
    uml::{inside_umls, is_ours},
};

/// Runs tests, each in a network namespace of its own: the whole `main` of a test binary with `harness = false`.
///
/// Understands the usual arguments of `cargo test`. Where namespaces are not permitted it says why in one line and counts
/// all tests as ignored; with `REQUIRE_LAB=1` in the environment that is a failure.
///
/// ```no_run
/// fn a_new_host_is_alone() {
///     assert!(std::net::UdpSocket::bind("10.0.0.1:0").is_err());
/// }
///
/// fn main() -> std::process::ExitCode {
///     lab::run_tests(lab::tests![a_new_host_is_alone])
/// }
/// ```
pub fn run_tests(tests: Vec<(&'static str, fn())>) -> ExitCode {
    let arguments = Arguments::from_args();
    let may_run = if arguments.list {
        false
    } else {
        match enter() {
            Ok(()) => true,
            Err(reason) if is_required() => {
                eprintln!("no lab: {reason}");
                return ExitCode::FAILURE;
            }
            Err(reason) => {
                eprintln!("skipped, no lab: {reason}");
                false
            }
        }
    };
    let shared = tests.into_iter().enumerate().filter(|(place, _)| is_ours(*place));
    let trials = shared.map(|(_, (name, test))| {
        Trial::ignorable_test(name, move || {
            if !may_run {
                return Ok(Completion::ignored());
            }
            Namespace::new()?.run_named(name, test)?;
            Ok(Completion::Completed)
        })
    });
    run(&arguments, trials.collect()).exit_code()
}

/// [`run_tests`] where there is something that this kernel may lack, else inside User-Mode Linux, as
/// [`inside_uml`](crate::inside_uml()) says. All tests are shared by two kernels there, if there are two CPUs.
pub fn run_tests_where(what: &str, has: impl FnOnce() -> bool, tests: Vec<(&'static str, fn())>) -> ExitCode {
    // Somebody who asks for certain tests wants to see their progress.
    let asks_for_all = env::args().len() == 1;
    let cpus = thread::available_parallelism().map_or(1, usize::from);
    let kernels = if asks_for_all { cpus.min(tests.len()).clamp(1, 2) } else { 1 };
    inside_umls(what, has, kernels).unwrap_or_else(|| run_tests(tests))
}

/// Names tests after their functions, for [`run_tests`].
///
/// `lab::tests![module::first, module::second]`
#[macro_export]
macro_rules! tests {
    ($($module:ident $(:: $rest:ident)*),* $(,)?) => {
        vec![$((
            concat!(stringify!($module) $(, "::", stringify!($rest))*),
            $module $(:: $rest)* as fn(),
        )),*]
    };
}

/// Finds a program the test needs, also where only root's `PATH` leads.
///
/// Where it is missing, says so in one line and returns `None`: let the test end there.
///
/// # Panics
///
/// When it is missing and `REQUIRE_LAB=1` is in the environment.
pub fn need(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|directory| directory.join(program))
        .find(|file| file.is_file());
    if found.is_none() {
        assert!(!is_required(), "{program} is not installed, and REQUIRE_LAB=1 asks for it");
        // Not `eprintln`, which the test harness keeps to itself.
        let _ = writeln!(io::stderr(), "skipped: {program} is not installed");
    }
    found
}

pub(crate) fn is_required() -> bool {
    env::var_os("REQUIRE_LAB").is_some_and(|value| value == "1")
}
