//! The way that packets leave by.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, UdpSocket},
    process::Command,
};

use healthcheck::{Check, Endpoint, Layer, Outcome, Probe, Step, Tcp, Transport, Verdict};
use lab::{Lan, Namespace};
use nix::errno::Errno;

use crate::support::{PATIENCE, run};

/// A host that checks, with 10.0.0.1 and 10.0.0.3 (the test's own namespace); and one that serves, 10.0.0.2.
struct Two {
    _lan: Lan,
    server: Namespace,
    listener: TcpListener,
}

fn two() -> Two {
    let mut lan = Lan::new().unwrap();
    let (here, server) = (Namespace::current().unwrap(), Namespace::new().unwrap());
    lan.attach(&here, "checker", Ipv4Addr::new(10, 0, 0, 1), 24).unwrap();
    lan.attach(&server, "server", Ipv4Addr::new(10, 0, 0, 2), 24).unwrap();
    let listener = server.run(|| TcpListener::bind("10.0.0.2:80")).unwrap().unwrap();
    Two { _lan: lan, server, listener }
}

fn target() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 2], 80))
}

fn ask(endpoint: Endpoint) -> Outcome {
    run(Check::new(endpoint, Tcp::connect()).timeout(PATIENCE)).outcome
}

pub(crate) fn a_connection_comes_from_the_source_given() {
    let two = two();
    let source: IpAddr = Ipv4Addr::new(127, 0, 0, 9).into();
    let local = TcpListener::bind("127.0.0.1:0").unwrap();

    let there = ask(Endpoint::new(target()).source(Ipv4Addr::new(10, 0, 0, 1).into()));
    let here = ask(Endpoint::new(local.local_addr().unwrap()).source(source));

    assert_eq!((there.verdict, here.verdict), (Verdict::Pass, Verdict::Pass));
    assert_eq!(two.listener.accept().unwrap().1.ip(), Ipv4Addr::new(10, 0, 0, 1));
    assert_eq!(local.accept().unwrap().1.ip(), source);
}

pub(crate) fn a_connection_leaves_through_the_interface_given() {
    let _two = two();

    let through_eth0 = ask(Endpoint::new(target()).interface("eth0"));
    let through_lo = ask(Endpoint::new(target()).interface("lo"));

    assert_eq!(through_eth0.verdict, Verdict::Pass);
    assert_ne!(through_lo.verdict, Verdict::Pass);
}

/// Any datagram will do.
#[derive(Debug)]
struct Datagram(&'static [u8]);

impl Probe for Datagram {
    fn transport(&self) -> Transport {
        Transport::Datagram
    }

    fn start(&mut self, _random: u64) -> Step {
        Step::Continue
    }

    fn transmit(&self) -> &[u8] {
        self.0
    }

    fn sent(&mut self, _count: usize) -> Step {
        Step::Done(Outcome::passed(Layer::Network))
    }

    fn receive(&mut self, _bytes: &[u8]) -> Step {
        Step::Continue
    }

    fn end(&mut self) -> Step {
        Step::Continue
    }
}

pub(crate) fn fault_8_the_mark_is_there_before_the_route_is_chosen() {
    let two = two();
    let Some(ip) = lab::need("ip") else { return };
    let rule = ["rule", "add", "fwmark", "7", "unreachable"];
    assert!(Command::new(ip).args(rule).status().unwrap().success());
    let _receiver = two.server.run(|| UdpSocket::bind("10.0.0.2:80")).unwrap().unwrap();

    for (mark, expected) in [(None, Ok(())), (Some(7), Err(Errno::ENETUNREACH as i32)), (Some(8), Ok(()))] {
        let endpoint = mark.map_or(Endpoint::new(target()), |mark| Endpoint::new(target()).mark(mark));
        for outcome in [
            run(Check::new(endpoint.clone(), Tcp::connect())).outcome,
            run(Check::new(endpoint, Datagram(b"hello"))).outcome,
        ] {
            let found = if outcome.verdict == Verdict::Pass { Ok(()) } else { Err(outcome.cause.code) };
            // Which of the two a rule says depends on the kernel.
            let found = found.map_err(|code| {
                if code == Errno::EHOSTUNREACH as i32 { Errno::ENETUNREACH as i32 } else { code }
            });
            assert_eq!(found, expected, "mark {mark:?}: {outcome:?}");
        }
    }
}
