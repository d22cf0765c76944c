use std::{
    cell::RefCell,
    fmt::Write,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use ipvs_netlink::{ApplyError, ErrorKind, Ipvs, Protocol, Service, Table};

use proptest::{
    prop_assert, prop_assert_eq,
    test_runner::{Config, TestRunner},
};

use crate::arbitrary::pairs_of_tables;
use crate::support::{Kernel, destination, id, ipvsadm, run, sorted, table};

/// 200 services of 10 destinations.
fn large() -> String {
    let mut text = String::new();
    for service in 1..=200 {
        writeln!(text, "-A -t 192.0.2.{service}:80 -s wrr").unwrap();
        for server in 1..=10 {
            writeln!(text, "-a -t 192.0.2.{service}:80 -r 10.0.{service}.{server}:80 -g -w 1").unwrap();
        }
    }
    text
}

fn ours(_: &Service) -> bool {
    true
}

pub(crate) fn any_table_becomes_the_desired_one() {
    let mut kernel = Kernel::new();
    // Of each to each other.
    let tables: Vec<Table> = [
        "",
        "-A -t 192.0.2.1:80 -s rr\n",
        "-A -t 192.0.2.1:80 -s wrr -p 300\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -g -w 1\n-a -t 192.0.2.1:80 -r 10.0.0.2:80 -m -w 0\n",
        "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.2:80 -i -w 5 -x 9 --tun-type gue --tun-port 6080\n-A -f 7 -6 -s sh -b sh-port\n",
        "-A -f 7 -6 -s mh -b mh-port\n-a -f 7 -6 -r [2001:db8::1]:0 -g -w 3\n-a -f 7 -6 -r 10.0.0.1:0 -i -w 3\n",
    ]
    .map(table)
    .into();

    for from in &tables {
        for to in &tables {
            kernel.ipvs.apply(from, ours).unwrap();
            let planned = kernel.ipvs.plan(to, ours).unwrap();

            let applied = kernel.ipvs.apply(to, ours).unwrap();

            assert_eq!(applied.writes, planned.steps().len());
            assert_eq!(kernel.table(), *to);
            assert!(kernel.ipvs.plan(to, ours).unwrap().is_empty());
        }
    }
}

pub(crate) fn any_two_states_are_one_plan_apart() {
    let kernel = RefCell::new(Kernel::new());
    let mut runner = TestRunner::new(Config { cases: 16, failure_persistence: None, ..Config::default() });

    let result = runner.run(&pairs_of_tables(), |(from, to)| {
        let mut kernel = kernel.borrow_mut();
        kernel.ipvs.apply(&from, ours).unwrap();
        prop_assert_eq!(&kernel.table(), &from);
        let planned = kernel.ipvs.plan(&to, ours).unwrap();

        let applied = kernel.ipvs.apply(&to, ours).unwrap();

        prop_assert_eq!(applied.writes, planned.steps().len());
        prop_assert!(kernel.ipvs.plan(&to, ours).unwrap().is_empty());
        prop_assert_eq!(ipvsadm().len(), to.to_string().lines().count());
        Ok(())
    });

    result.unwrap();
}

pub(crate) fn a_table_that_is_as_desired_is_not_written() {
    let mut kernel = Kernel::new();
    let desired = table(&large());
    kernel.ipvs.apply(&desired, ours).unwrap();

    let applied = kernel.ipvs.apply(&desired, ours).unwrap();

    assert_eq!((applied.writes, applied.reads), (0, 2));
}

pub(crate) fn one_changed_weight_is_one_write() {
    let mut kernel = Kernel::new();
    kernel.ipvs.apply(&table(&large()), ours).unwrap();
    let one = "-r 10.0.7.7:80 -g -w ";
    let desired = table(&large().replace(&format!("{one}1"), &format!("{one}2")));

    let applied = kernel.ipvs.apply(&desired, ours).unwrap();

    assert_eq!(applied.writes, 1);
    assert_eq!(kernel.table(), desired);
}

pub(crate) fn what_ipvsadm_changes_between_plan_and_apply_is_put_right() {
    let mut kernel = Kernel::with(
        "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m\n-a -t 192.0.2.1:80 -r 10.0.0.2:80 -m\n-A -f 9 -s rr\n",
    );
    let desired = table(
        "-A -t 192.0.2.1:80 -s wrr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 5\n-a -t 192.0.2.1:80 -r 10.0.0.3:80 -m -w 6\n-A -u 192.0.2.1:53 -s rr\n",
    );
    let edits = [
        "-D -t 192.0.2.1:80",
        "-A -t 192.0.2.1:80 -s sh -p 9",
        "-a -t 192.0.2.1:80 -r 10.0.0.3:80 -m -w 1",
        "-a -t 192.0.2.1:80 -r 10.0.0.4:80 -m -w 1",
        "-A -u 192.0.2.1:53 -s lc",
        "-A -t 192.0.2.8:80",
    ];

    // Asked for what is to go, after the table was read and before anything is written: the moment to change it.
    let mut changed = false;
    let applied = kernel.ipvs.apply(&desired, |_| {
        if !changed {
            changed = true;
            for edit in edits {
                run(&format!("ipvsadm {edit}"));
            }
        }
        true
    });

    assert!(changed);
    assert!(applied.unwrap().reads > 3);
    assert_eq!(kernel.table(), desired);
    assert_eq!(ipvsadm(), sorted(&desired.to_string()));
}

pub(crate) fn it_comes_to_rest_while_another_program_writes() {
    let mut kernel = Kernel::with("-A -u 192.0.2.9:53 -s rr\n");
    let desired = table(&large());
    let stop = AtomicBool::new(false);
    let is_ours = |service: &Service| service.id().protocol() == Some(Protocol::Tcp);

    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut ipvs, foreign) = (Ipvs::open().unwrap(), id("-u 192.0.2.9:53"));
            while !stop.load(Ordering::Relaxed) {
                for server in 1..=9 {
                    let one = destination(&format!("-r 10.0.0.{server}:53 -m"));
                    ipvs.put_destination(&foreign, &one).unwrap();
                    ipvs.remove_destination(&foreign, one.address()).unwrap();
                }
            }
        });
        for to in [&desired, &Table::default(), &desired] {
            kernel.ipvs.apply(to, is_ours).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });

    assert!(kernel.ipvs.plan(&desired, is_ours).unwrap().is_empty());
    assert!(kernel.ipvs.service(&id("-u 192.0.2.9:53")).unwrap().is_some());
}

pub(crate) fn services_of_others_stay() {
    let mut kernel =
        Kernel::with("-A -f 1 -s rr\n-a -f 1 -r 10.0.0.1:0 -g\n-A -f 2 -s rr\n-A -t 192.0.2.1:80 -s rr\n");
    let desired = table("-A -f 2 -s wrr\n");

    kernel.ipvs.apply(&desired, |service| service.id().mark() != Some(1)).unwrap();

    assert_eq!(kernel.table(), table("-A -f 1 -s rr\n-a -f 1 -r 10.0.0.1:0 -g\n-A -f 2 -s wrr\n"));
}

pub(crate) fn what_is_refused_leaves_its_service_what_it_had() {
    let mut kernel = Kernel::with(
        "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m\n-A -t 192.0.2.2:80 -s rr\n-a -t 192.0.2.2:80 -r 10.0.0.1:80 -m\n",
    );
    let desired = table(
        "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 127.255.255.255:80 -m\n-A -t 192.0.2.2:80 -s rr\n-a -t 192.0.2.2:80 -r 10.0.0.9:80 -m\n-A -f 1 -s no-such-one\n-a -f 1 -r 10.0.0.1:0 -m\n",
    );

    let error = kernel.ipvs.apply(&desired, ours).unwrap_err();

    let ApplyError::Refused(refusals) = &error else { panic!("{error}") };
    let kinds: Vec<_> = refusals.iter().map(|refusal| refusal.error.kind()).collect();
    assert_eq!(kinds, [ErrorKind::Refused, ErrorKind::NoSuchModule]);
    assert!(error.to_string().contains("modprobe ip_vs_no-such-one"), "{error}");
    assert_eq!(
        kernel.table(),
        table(
            "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m\n-A -t 192.0.2.2:80 -s rr\n-a -t 192.0.2.2:80 -r 10.0.0.9:80 -m\n"
        )
    );
}

pub(crate) fn a_restored_table_is_what_ipvsadm_saved() {
    let mut kernel = Kernel::new();
    let some: String = large().lines().take(300).map(|line| format!("{line}\n")).collect();
    kernel.ipvs.apply(&table(&some), ours).unwrap();
    let saved = run("ipvsadm -Sn");

    kernel.ipvs.flush().unwrap();
    kernel.ipvs.apply(&table(&saved), ours).unwrap();
    assert_eq!(ipvsadm(), sorted(&saved));

    // And the other way round.
    let printed = kernel.table().to_string();
    kernel.ipvs.flush().unwrap();
    let program = lab::need("ipvsadm").unwrap();
    let mut restore = Command::new(program).arg("-R").stdin(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut restore.stdin.take().unwrap(), printed.as_bytes()).unwrap();
    assert!(restore.wait().unwrap().success());
    assert_eq!(kernel.table(), table(&printed));
}
