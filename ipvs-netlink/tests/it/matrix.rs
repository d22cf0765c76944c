use std::fmt::Write;

use ipvs_netlink::{ErrorKind, Scheduler};

use crate::support::{Kernel, ipvsadm, run, service, sorted, table};

/// Of Debian's User-Mode Linux: all but `twos`.
const SCHEDULERS: [&str; 14] =
    ["rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "mh", "dh", "fo", "ovf", "sed", "nq", "none"];
const METHODS: [&str; 8] = [
    "-g",
    "-m",
    "-i --tun-type ipip",
    "-i --tun-type gue --tun-port 6080 --tun-nocsum",
    "-i --tun-type gue --tun-port 6080 --tun-csum",
    "-i --tun-type gue --tun-port 6080 --tun-remcsum",
    "-i --tun-type gre --tun-nocsum",
    "-i --tun-type gre --tun-csum",
];

/// Every scheduler, each with TCP, UDP, SCTP and a firewall mark, of both versions of IP, each with every way to forward.
fn everything() -> String {
    let mut text = String::new();
    for (number, scheduler) in (1..).zip(SCHEDULERS) {
        for v6 in [false, true] {
            let (ip, mark) = if v6 {
                (format!("[2001:db8::{number:x}]:80"), format!("-f {number} -6"))
            } else {
                (format!("192.0.2.{number}:80"), format!("-f {number}"))
            };
            for id in [format!("-t {ip}"), format!("-u {ip}"), format!("--sctp-service {ip}"), mark] {
                writeln!(text, "-A {id} -s {scheduler}").unwrap();
                for (server, method) in (1..).zip(METHODS) {
                    let address =
                        if v6 { format!("[2001:db8:1::{server}]:80") } else { format!("10.0.0.{server}:80") };
                    writeln!(text, "-a {id} -r {address} {method} -w {server}").unwrap();
                }
            }
        }
    }
    text
}

pub(crate) fn every_service_is_held_and_shown_as_written() {
    let mut kernel = Kernel::new();
    let desired = table(&everything());
    assert_eq!(desired.servers().len(), 14 * 4 * 2);

    for server in desired.servers() {
        kernel.ipvs.add_service(server.service()).unwrap();
        for destination in server.destinations() {
            kernel.ipvs.add_destination(&server.service().id(), destination).unwrap();
        }
    }

    assert_eq!(kernel.table(), desired);
    assert_eq!(ipvsadm(), sorted(&desired.to_string()));
    // And the other way round: what ipvsadm makes of our text is what we read.
    kernel.ipvs.flush().unwrap();
    for line in
        desired.to_string().lines().filter(|line| line.contains("192.0.2.1:80") || line.contains("-f 1 "))
    {
        run(&format!("ipvsadm {line}"));
    }
    for server in kernel.table().servers() {
        assert_eq!(desired.server(&server.service().id()), Some(server));
    }
    assert_eq!(kernel.table().servers().len(), 5, "tcp, udp, sctp and both marks");
}

pub(crate) fn every_scheduler_is_known_or_said_to_be_missing() {
    let mut kernel = Kernel::new();

    for scheduler in SCHEDULERS.into_iter().chain(["twos", "no-such-one"]) {
        let wanted = service(&format!("-A -t 192.0.2.1:80 -s {scheduler}"));
        match kernel.ipvs.put_service(&wanted) {
            Ok(_) => assert_eq!(kernel.service(), wanted),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NoSuchModule);
                assert!(error.to_string().contains(&format!("modprobe ip_vs_{scheduler}")), "{error}");
                assert!(!SCHEDULERS.contains(&scheduler), "{error}");
            }
        }
    }
    assert_eq!(kernel.service().scheduler(), "none".parse::<Scheduler>().unwrap());
}
