//! Programs: what they say, and that nothing of them stays.

use std::{
    process,
    time::{Duration, Instant},
};

use healthcheck::{
    Budget, Cause, Check, Class, Ended, Engine, Event, ExitMap, Kind, Layer, Limits, Script, Verdict,
    WeightHint,
};
use nix::{
    errno::Errno,
    sys::{
        signal::{SigHandler, SigSet, SigmaskHow, Signal, signal},
        wait::{WaitPidFlag, waitpid},
    },
};

use crate::support::{PATIENCE, SLACK, ended, engine, eventually, is_alone, processes_with, run, start};

/// A script for the shell, with something in its environment by which all that comes of it can be found.
fn shell(name: &str, text: &str, map: ExitMap) -> (Script, String) {
    let value = format!("{name}-{}", process::id());
    let script = Script::new("/bin/sh", map).args(["-c", text]).env("HEALTHCHECK_MARK", &value);
    (script, format!("HEALTHCHECK_MARK={value}"))
}

fn run_shell(text: &str, map: ExitMap) -> Ended {
    run(Check::script(shell("run", text, map).0).timeout(PATIENCE))
}

pub(crate) fn the_exit_status_decides() {
    for (map, status, verdict, weight) in [
        (ExitMap::Plain, 0, Verdict::Pass, None),
        (ExitMap::Plain, 3, Verdict::Fail, None),
        (ExitMap::Keepalived, 1, Verdict::Fail, None),
        (ExitMap::Keepalived, 102, Verdict::Pass, Some(WeightHint::Absolute(100))),
        (ExitMap::Nagios, 3, Verdict::Inconclusive, None),
    ] {
        let outcome = run_shell(&format!("exit {status}"), map).outcome;

        assert_eq!((outcome.verdict, outcome.weight), (verdict, weight), "{map:?} {status}");
        assert_eq!((outcome.cause.layer, outcome.cause.code), (Layer::Script, status));
    }
}

pub(crate) fn what_was_printed_is_kept_the_end_of_it() {
    let few = run_shell("echo all is well; echo or not >&2; exit 1", ExitMap::Plain);
    let many = run_shell("seq 1 100000", ExitMap::Plain);
    let none = run_shell("", ExitMap::Plain);

    assert_eq!(few.output.as_deref(), Some(&b"all is well\nor not\n"[..]));
    assert_eq!(few.outcome.detail.as_deref(), Some("all is well"));
    let many = many.output.unwrap();
    assert_eq!(many.len(), 4096);
    assert!(many.ends_with(b"\n99999\n100000\n"));
    assert_eq!((none.output.as_deref(), none.outcome.detail), (Some(&b""[..]), None));
}

pub(crate) fn a_program_gets_its_arguments_and_environment_and_nothing_else() {
    let script =
        Script::new("/usr/bin/env", ExitMap::Plain).env("TARGET", "10.0.0.1").env("TARGET", "$(x) *");
    let arguments = Script::new("/bin/echo", ExitMap::Plain).args(["a b", "$HOME", ";"]);

    let environment = run(Check::script(script)).output.unwrap();
    let arguments = run(Check::script(arguments)).output.unwrap();
    let input = run_shell("cat; pwd", ExitMap::Plain).output.unwrap();
    let group = run_shell("ps -o pid=,pgid= -p $$", ExitMap::Plain).output.unwrap();

    let environment = String::from_utf8_lossy(&environment).into_owned();
    let mut names: Vec<_> = environment.lines().filter_map(|line| line.split('=').next()).collect();
    names.sort();
    assert_eq!(names, ["PATH", "TARGET"]);
    assert!(environment.contains("TARGET=$(x) *\n"));
    assert_eq!(&*arguments, b"a b $HOME ;\n");
    assert_eq!(&*input, b"/\n");
    let group = String::from_utf8_lossy(&group).into_owned();
    if let [pid, pgid] = group.split_whitespace().collect::<Vec<_>>()[..] {
        assert_eq!(pid, pgid);
    }
}

pub(crate) fn a_program_that_is_not_there_is_this_hosts_failure() {
    let outcome = run(Check::script(Script::new("/nowhere/check", ExitMap::Plain))).outcome;

    assert_eq!((outcome.verdict, outcome.cause.layer), (Verdict::Inconclusive, Layer::Local));
    assert_eq!(outcome.detail.as_deref(), Some("cannot run /nowhere/check: no such file or directory"));
}

pub(crate) fn a_program_that_ends_by_a_signal_has_failed() {
    let outcome = run_shell("kill -ABRT $$", ExitMap::Nagios).outcome;

    assert_eq!((outcome.verdict, outcome.cause.kind), (Verdict::Fail, Kind::Signalled));
    assert_eq!(outcome.cause.code, Signal::SIGABRT as i32);
}

pub(crate) fn a_program_that_ends_by_a_signal_without_a_name_has_failed() {
    if !is_alone("scripts::a_program_that_ends_by_a_signal_without_a_name_has_failed") {
        return;
    }

    let outcome = run_shell("kill -40 $$", ExitMap::Plain).outcome; // a real-time signal

    assert_eq!(outcome.verdict, Verdict::Fail);
    assert_eq!(outcome.cause, Cause::new(Layer::Script, Kind::Signalled, 40));
    // Nobody is left whose status was not taken.
    assert_eq!(waitpid(None, Some(WaitPidFlag::WNOHANG)), Err(Errno::ECHILD));
}

pub(crate) fn a_program_that_heeds_sigterm_ends_before_the_grace() {
    let (script, mark) = shell("heeds", "echo waiting; sleep 1000", ExitMap::Plain);
    let timeout = Duration::from_millis(200);

    let ended = run(Check::script(script.grace(PATIENCE)).timeout(timeout));

    assert_eq!((ended.outcome.verdict, ended.outcome.cause.kind), (Verdict::Fail, Kind::TimedOut));
    assert_eq!(ended.outcome.cause.layer, Layer::Script);
    assert!((timeout..timeout + SLACK).contains(&ended.outcome.latency), "{:?}", ended.outcome.latency);
    assert_eq!(ended.outcome.detail.as_deref(), Some("waiting"));
    eventually("nothing is left", || processes_with(&mark) == 0);
}

/// As in a program that takes its own signals from a `signalfd`.
pub(crate) fn what_the_caller_blocks_the_program_does_not() {
    let all = SigSet::all();
    let before = all.thread_swap_mask(SigmaskHow::SIG_BLOCK).unwrap();
    let outcome = run_shell("grep SigBlk /proc/self/status", ExitMap::Plain).outcome;
    let (script, mark) = shell("blocks", "sleep 1000", ExitMap::Plain);
    let timeout = Duration::from_millis(200);
    let ended = run(Check::script(script.grace(PATIENCE)).timeout(timeout));
    before.thread_set_mask().unwrap();

    assert_eq!(outcome.detail.as_deref(), Some("SigBlk:\t0000000000000000"));
    assert_eq!(ended.outcome.cause.kind, Kind::TimedOut);
    assert!((timeout..timeout + SLACK).contains(&ended.outcome.latency), "{:?}", ended.outcome.latency);
    eventually("nothing is left", || processes_with(&mark) == 0);
}

pub(crate) fn fault_9_a_hundred_programs_that_ignore_sigterm_leave_nothing_behind() {
    let text = "trap '' TERM; (trap '' TERM; sleep 1000 & sleep 1000) & sleep 1000; sleep 1000";
    let (script, mark) = shell("ignores", text, ExitMap::Plain);
    let script = script.grace(Duration::from_millis(200));
    let mut engine = Engine::new(Limits::default().set(Class::Script, 100)).unwrap();
    for _ in 0..100 {
        start(&mut engine, Check::script(script.clone()).timeout(Duration::from_secs(1)));
    }

    let mut most = 0;
    for _ in 0..100 {
        let ended = ended(&mut engine);
        assert_ne!(ended.outcome.verdict, Verdict::Pass);
        most = most.max(engine.in_flight(Class::Script));
    }

    assert_eq!(engine.in_flight(Class::Script), 0);
    assert!(most > 0);
    // Killed; what the kernel still has to do for that is its own.
    eventually("nothing is left", || processes_with(&mark) == 0);
}

pub(crate) fn fault_9_what_a_program_leaves_behind_is_killed_when_it_ends() {
    let (script, mark) = shell("leaves", "trap '' TERM; sleep 1000 & exit 0", ExitMap::Plain);

    let outcome = run(Check::script(script).timeout(PATIENCE)).outcome;

    assert_eq!(outcome.verdict, Verdict::Pass);
    assert!(outcome.latency < SLACK, "it waited for what was left: {:?}", outcome.latency);
    eventually("nothing is left", || processes_with(&mark) == 0);
}

pub(crate) fn no_more_programs_run_at_once_than_may() {
    let mut engine = Engine::new(Limits::default().set(Class::Script, 3)).unwrap();
    for _ in 0..12 {
        let (script, _) = shell("cap", "sleep 0.02", ExitMap::Plain);
        start(&mut engine, Check::script(script).timeout(PATIENCE));
    }

    let mut count = 0;
    while count < 12 {
        engine.wait(Some(PATIENCE)).unwrap();
        engine.turn(Instant::now(), Budget::default());
        assert!(engine.in_flight(Class::Script) <= 3);
        while let Some(Event::Ended(ended)) = engine.poll_event() {
            assert_eq!(ended.outcome.verdict, Verdict::Pass);
            count += 1;
        }
    }

    assert_eq!(engine.stats().queued, 9);
}

pub(crate) fn a_program_may_run_as_another_user() {
    let (script, _) = shell("user", "id -u; id -g; id -G", ExitMap::Plain);

    let ended = run(Check::script(script.user(65534, 65533)).timeout(PATIENCE));

    if ended.outcome.cause.layer == Layer::Local {
        return eprintln!("skipped: {:?}", ended.outcome.detail);
    }
    assert_eq!(ended.output.as_deref(), Some(&b"65534\n65533\n65533\n"[..]));
}

pub(crate) fn a_program_whose_check_is_removed_is_killed() {
    let (script, mark) = shell("removed", "trap '' TERM; sleep 1000 & sleep 1000", ExitMap::Plain);
    let mut engine = engine();
    let check = start(&mut engine, Check::script(script));
    engine.turn(Instant::now(), Budget::default());
    eventually("it runs", || processes_with(&mark) > 0);

    engine.remove(check);

    eventually("nothing is left", || {
        engine.turn(Instant::now(), Budget::default());
        processes_with(&mark) == 0
    });
    assert_eq!(engine.in_flight(Class::Script), 0);
    assert!(engine.poll_event().is_none());
}

pub(crate) fn programs_do_not_outlive_the_engine() {
    let (script, mark) = shell("dropped", "trap '' TERM; sleep 1000 & sleep 1000", ExitMap::Plain);
    let mut engine = engine();
    start(&mut engine, Check::script(script));
    engine.turn(Instant::now(), Budget::default());
    eventually("it runs", || processes_with(&mark) > 0);

    drop(engine);

    eventually("nothing is left", || processes_with(&mark) == 0);
}

#[expect(unsafe_code, reason = "to ignore a signal")]
pub(crate) fn a_status_that_is_lost_says_nothing() {
    if !is_alone("scripts::a_status_that_is_lost_says_nothing") {
        return;
    }
    // SAFETY: no handler is installed, so none can do what it must not.
    unsafe { signal(Signal::SIGCHLD, SigHandler::SigIgn) }.unwrap();

    let outcome = run_shell("exit 0", ExitMap::Plain).outcome;

    assert_eq!((outcome.verdict, outcome.cause.layer), (Verdict::Inconclusive, Layer::Local));
    assert!(outcome.detail.unwrap_or_default().contains("SIGCHLD"));
}
