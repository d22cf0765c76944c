//! Failures of this host say nothing about targets.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    os::fd::AsRawFd,
};

use healthcheck::{Check, Endpoint, Kind, Layer, Outcome, Tcp, Turn, Verdict};
use nix::{
    errno::Errno,
    sys::resource::{Resource, setrlimit},
};

use crate::support::{ask, ended, engine, is_alone, run, silent, start};

fn assert_local(outcome: &Outcome, errno: Errno) {
    assert_eq!(outcome.verdict, Verdict::Inconclusive, "{outcome:?}");
    let found = (outcome.cause.layer, outcome.cause.kind, outcome.cause.code);
    assert_eq!(found, (Layer::Local, Kind::Failed, errno as i32), "{outcome:?}");
    assert!(outcome.detail.is_some());
}

pub(crate) fn without_descriptors_nothing_is_said_of_the_target() {
    if !is_alone("local::without_descriptors_nothing_is_said_of_the_target") {
        return;
    }
    let (_listener, address) = silent();
    let mut engine = engine();
    let check = start(&mut engine, Check::new(address, Tcp::connect()));
    let limit = nix::sys::resource::getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    // The limit is of numbers, of which the next to be given out is the lowest that is free.
    let lowest = fs::File::open("/proc/self/status").unwrap().as_raw_fd();
    setrlimit(Resource::RLIMIT_NOFILE, lowest as u64, limit.1).unwrap();

    let without = ended(&mut engine).outcome;
    setrlimit(Resource::RLIMIT_NOFILE, limit.0, limit.1).unwrap();
    engine.schedule(check, std::time::Instant::now());
    let with = ended(&mut engine).outcome;

    assert_local(&without, Errno::EMFILE);
    assert_eq!(engine.stats().local_failures, 1);
    assert_eq!(with.verdict, Verdict::Pass);
}

pub(crate) fn a_source_that_is_not_ours_is_this_hosts_failure() {
    let (_listener, address) = silent();
    let endpoint = Endpoint::new(address).source(Ipv4Addr::new(192, 0, 2, 1).into());

    let outcome = run(Check::new(endpoint, Tcp::connect())).outcome;

    assert_local(&outcome, Errno::EADDRNOTAVAIL);
}

pub(crate) fn an_interface_that_is_not_there_is_this_hosts_failure() {
    let (_listener, address) = silent();

    let outcome = run(Check::new(Endpoint::new(address).interface("eth9"), Tcp::connect())).outcome;

    assert_local(&outcome, Errno::ENODEV);
    let detail = outcome.detail.unwrap();
    assert_eq!(&*detail, "cannot bind to the interface eth9: no such device");
}

pub(crate) fn a_network_without_a_route_is_a_failure_of_the_network() {
    let outcome = ask(SocketAddr::from(([192, 0, 2, 1], 80)), Tcp::connect());

    assert_eq!(outcome.verdict, Verdict::Fail);
    let found = (outcome.cause.layer, outcome.cause.kind, outcome.cause.code);
    assert_eq!(found, (Layer::Network, Kind::Failed, Errno::ENETUNREACH as i32));
}

pub(crate) fn the_descriptors_needed_are_enough() {
    if !is_alone("local::the_descriptors_needed_are_enough") {
        return;
    }
    let (_listener, address) = silent();
    let before = fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let mut engine = engine();
    let probe = Tcp::connect().expect(healthcheck::Expect::at_least(1));
    for _ in 0..50 {
        start(&mut engine, Check::new(address, probe.clone()));
    }
    while engine.turn(std::time::Instant::now(), healthcheck::Budget::default()) == Turn::Unfinished {}

    let held = fs::read_dir("/proc/self/fd").unwrap().count() as u64 - before;

    assert_eq!(engine.in_flight(healthcheck::Class::Stream), 50);
    assert_eq!(engine.descriptors_needed(), held);
}
