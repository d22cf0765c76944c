//! The examples for IPVS, as their users run them, on a kernel that has it.

#[path = "../../ipvs_alone.rs"]
mod ipvs_alone;
#[path = "../../ipvs_apply.rs"]
mod ipvs_apply;
#[path = "../../ipvs_list.rs"]
mod ipvs_list;

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Command, ExitCode, Output, Stdio},
};

use ipvs_netlink::{ErrorKind, Ipvs};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

fn main() -> ExitCode {
    match env::var(RUN).as_deref() {
        Ok("ipvs_alone") => return ipvs_alone::main(),
        Ok("ipvs_apply") => return ipvs_apply::main(),
        Ok("ipvs_list") => return ipvs_list::main(),
        _ => {}
    }
    let tests = lab::tests![
        what_is_listed_is_what_ipvsadm_lists,
        the_same_is_there_as_json,
        a_file_is_applied_and_its_plan_shown,
        services_that_the_file_does_not_name_go_only_when_told,
        a_file_that_is_wrong_says_where,
        what_the_kernel_refuses_is_said,
        a_virtual_server_is_there_as_long_as_its_program,
    ];
    lab::run_tests_where("IPVS", has_ipvs, tests)
}

fn has_ipvs() -> bool {
    let info = Ipvs::open().and_then(|mut ipvs| ipvs.info());
    !info.is_err_and(|error| error.kind() == ErrorKind::NotLoaded)
}

const TABLE: &str = "\
-A -t 192.0.2.1:443 -s wlc -b flag-1,flag-3
-a -t 192.0.2.1:443 -r 10.0.0.5:8443 -m -w 1
-A -t [2001:db8::1]:80 -s rr -p 50 -M 64
-a -t [2001:db8::1]:80 -r [2001:db8::9]:80 -i -w 3 --tun-type ipip
-a -t [2001:db8::1]:80 -r [2001:db8:1234:5678:9abc:def0:1234:5678]:80 -g -w 3
-A -u 192.0.2.1:53 -s mh -p 300 -M 255.255.255.0 -o -b mh-fallback,mh-port
-a -u 192.0.2.1:53 -r 10.0.0.1:53 -g -w 3
-A -f 7 -s rr
-a -f 7 -r 127.0.0.1:0 -g -w 1
-A -f 8 -6 -s none
";

fn what_is_listed_is_what_ipvsadm_lists() {
    let Some(ipvsadm) = lab::need("ipvsadm") else { return };
    apply(TABLE, &["-"]);

    for options in [&[][..], &["--stats"], &["--rate"]] {
        let ours = stdout(&example("ipvs_list").args(options).output().unwrap());
        let mut theirs = Command::new(&ipvsadm);
        theirs.arg("-Ln").args(options).args(options.first().map(|_| "--exact"));
        let theirs = stdout(&theirs.output().unwrap());

        assert_eq!(sorted(&ours), sorted(&theirs), "{options:?}");
    }
}

fn the_same_is_there_as_json() {
    apply(TABLE, &["-"]);

    let printed = stdout(&example("ipvs_list").arg("--json").output().unwrap());

    let all: Value = serde_json::from_str(&printed).unwrap();
    let services = all["services"].as_array().unwrap();
    let mut lines = Vec::new();
    for service in services {
        lines.push(service["line"].as_str().unwrap());
        let destinations = service["destinations"].as_array().unwrap();
        lines.extend(destinations.iter().map(|one| one["line"].as_str().unwrap()));
    }
    assert_eq!(lines, TABLE.lines().collect::<Vec<_>>());
    assert_eq!(services[0]["destinations"][0]["active_connections"], 0);
}

fn a_file_is_applied_and_its_plan_shown() {
    let wanted = "-A -f 1 -s rr\n-a -f 1 -r 10.0.0.1:0 -g -w 1\n";
    let heavier = wanted.replace("-w 1", "-w 5");

    assert_eq!(
        apply(wanted, &["-", "--dry-run"]),
        "+ -A -f 1 -s rr\n+ -a -f 1 -r 10.0.0.1:0 -g -w 1\n2 to write; nothing was written (--dry-run)\n"
    );
    assert_eq!(table(), "");
    assert!(apply(wanted, &["-"]).ends_with("2 written\n"));
    assert_eq!(apply(&heavier, &["-"]), "~ -a -f 1 -r 10.0.0.1:0 -g -w 5 (was -g -w 1)\n1 written\n");
    assert_eq!(apply(&heavier, &["-"]), "nothing to do\n");
    assert_eq!(table(), heavier);
    let json: Value = serde_json::from_str(&apply(wanted, &["-", "--json"])).unwrap();
    assert_eq!(json["writes"], 1);
    assert_eq!(json["plan"][0], "~ -a -f 1 -r 10.0.0.1:0 -g -w 1 (was -g -w 5)");
}

fn services_that_the_file_does_not_name_go_only_when_told() {
    apply("-A -f 1 -s rr\n-A -f 2 -s rr\n", &["-"]);

    assert_eq!(apply("-A -f 1 -s rr\n", &["-"]), "nothing to do\n");
    assert_eq!(apply("-A -f 1 -s rr\n", &["-", "--prune"]), "- -A -f 2 -s rr\n1 written\n");
    assert_eq!(table(), "-A -f 1 -s rr\n");
}

fn a_file_that_is_wrong_says_where() {
    let output = run_apply("-A -f 1 -s rr\n-a -f 1 -r 10.0.0.1 -w many\n", &["-"]);

    assert!(!output.status.success());
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: -: line 2: `many`: expected a number, 0 to 4294967295\n"
    );
    assert_eq!(table(), "");
    let missing = example("ipvs_apply").arg("/nowhere").output().unwrap();
    let said = String::from_utf8(missing.stderr).unwrap();
    assert_eq!(said, "error: cannot read /nowhere: No such file or directory (os error 2)\n");
}

fn what_the_kernel_refuses_is_said() {
    let output = run_apply("-A -f 1 -s no-such-one\n-A -f 2 -s rr\n", &["-"]);

    assert!(!output.status.success());
    assert_eq!(
        String::from_utf8(output.stderr).unwrap(),
        "error: cannot add service `-f 1`: the kernel has no scheduler no-such-one (modprobe ip_vs_no-such-one)\n"
    );
    assert_eq!(table(), "-A -f 2 -s rr\n");
}

fn a_virtual_server_is_there_as_long_as_its_program() {
    apply("-A -f 1 -s rr\n", &["-"]);
    let arguments = ["192.0.2.10:80", "10.0.0.11:80", "10.0.0.12:80=3", "--scheduler", "wrr", "--every", "1"];
    let mut alone = example("ipvs_alone");
    let mut alone = alone.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(alone.stdout.take().unwrap()).lines();

    assert_eq!(lines.next().unwrap().unwrap(), "3 written");
    let expected = "-A -t 192.0.2.10:80 -s wrr\n-a -t 192.0.2.10:80 -r 10.0.0.11:80 -m -w 1\n\
                    -a -t 192.0.2.10:80 -r 10.0.0.12:80 -m -w 3\n-A -f 1 -s rr\n";
    assert_eq!(table(), expected);
    assert_eq!(lines.next().unwrap().unwrap(), "10.0.0.11:80: 0 active, 0 in all");
    kill(Pid::from_raw(alone.id().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert!(alone.wait().unwrap().success());
    assert_eq!(table(), "-A -f 1 -s rr\n", "what is somebody else's stays");
}

fn apply(text: &str, arguments: &[&str]) -> String {
    stdout(&run_apply(text, arguments))
}

fn run_apply(text: &str, arguments: &[&str]) -> Output {
    let mut apply = example("ipvs_apply");
    apply.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut apply = apply.spawn().unwrap();
    apply.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    apply.wait_with_output().unwrap()
}

fn table() -> String {
    Ipvs::open().unwrap().table().unwrap().to_string()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn sorted(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().map(str::trim_end).collect();
    lines.sort_unstable();
    lines
}

/// This program again, as one of the examples.
fn example(name: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.env(RUN, name);
    command
}

const RUN: &str = "RUN_EXAMPLE";
