//! Each way in which a real server can be wrong, made and found.

use lab::Lan;
use vip_netlink::Problem;

use super::{Server, ip, vip, vip6};
use crate::support::address;

pub(crate) fn each_fault_is_found() {
    type Make = fn(&mut Server);
    let eth0 = || "eth0".to_owned();
    #[rustfmt::skip]
    let cases: [(Make, Vec<Problem>); 16] = [
        (|_| {}, vec![]),
        (|server| server.host.namespace.link_down("lo").unwrap(),
            // IPv6 addresses do not survive it.
            vec![Problem::LoopbackDown, Problem::Missing { vip: vip6() }]),
        (|server| server.remove_from("lo", "10.0.0.100/32"), vec![Problem::Missing { vip: vip() }]),
        (|server| server.remove_from("lo", "2001:db8::100/128"), vec![Problem::Missing { vip: vip6() }]),
        (|server| server.add_to("lo", "10.0.0.100/24"), vec![Problem::Subnet { address: address("10.0.0.100/24") }]),
        (|server| {
            server.remove_from("lo", "2001:db8::100/128");
            server.add_to("lo", "2001:db8::100/64");
        }, vec![Problem::Subnet { address: address("2001:db8::100/64") }]),
        (|server| server.add_to("eth0", "10.0.0.100/32"),
            vec![Problem::OnInterface { address: address("10.0.0.100/32"), interface: eth0() }]),
        (|server| server.add_to("eth0", "2001:db8::100/64"),
            vec![Problem::OnInterface { address: address("2001:db8::100/64"), interface: eth0() }]),
        (|server| server.set("all/arp_ignore", 0), vec![Problem::ArpIgnore { interface: eth0(), all: 0, own: 0 }]),
        (|server| server.set("eth0/arp_ignore", 4), vec![Problem::ArpIgnore { interface: eth0(), all: 1, own: 4 }]),
        (|server| server.set("all/arp_ignore", 9), vec![Problem::ArpIgnore { interface: eth0(), all: 9, own: 0 }]),
        (|server| {
            // 3 hides what has scope host, and this has not.
            server.set("all/arp_ignore", 3);
            server.remove_from("lo", "10.0.0.100/32");
            server.add_to("lo", "10.0.0.100/32");
        }, vec![Problem::ArpIgnore { interface: eth0(), all: 3, own: 0 }]),
        (|server| server.set("all/arp_announce", 0), vec![Problem::ArpAnnounce { interface: eth0(), all: 0, own: 0 }]),
        (|server| server.set("all/arp_announce", 1), vec![Problem::ArpAnnounce { interface: eth0(), all: 1, own: 0 }]),
        (|server| server.set("eth0/arp_announce", 3), vec![Problem::ArpAnnounce { interface: eth0(), all: 2, own: 3 }]),
        (|server| {
            server.real_server.stop(&[vip(), vip6()]).unwrap();
        }, vec![
            Problem::Missing { vip: vip() },
            Problem::Missing { vip: vip6() },
            Problem::ArpIgnore { interface: eth0(), all: 0, own: 0 },
            Problem::ArpAnnounce { interface: eth0(), all: 0, own: 0 },
        ]),
    ];

    for (make, problems) in cases {
        let mut lan = Lan::new().unwrap();
        let mut server = Server::with_ipv6(&mut lan, 1);
        server.real_server.start(&[vip(), vip6()]).unwrap();

        make(&mut server);

        assert_eq!(server.real_server.verify(&[vip(), vip6()]).unwrap(), problems);
    }
}

pub(crate) fn an_interface_that_does_no_harm_is_no_fault() {
    let mut lan = Lan::new().unwrap();
    let mut server = Server::new(&mut lan, 1);
    if !ip(&server.host, "link add silent type veth peer other") {
        return;
    }
    assert!(ip(&server.host, "link set silent arp off up"));
    server.real_server.start(&[vip()]).unwrap();

    // Without ARP it answers nobody, and asks nobody.
    server.add_to("silent", "10.0.0.100/32");
    server.set("silent/arp_ignore", 4);
    assert_eq!(server.real_server.verify(&[vip()]).unwrap(), []);

    // 3 hides what has scope host.
    server.set("all/arp_ignore", 3);
    assert_eq!(server.real_server.verify(&[vip()]).unwrap(), []);

    // An interface of its own may have what hides it, and 8 hides even what is on it.
    server.set("all/arp_ignore", 0);
    server.set("eth0/arp_ignore", 8);
    server.add_to("eth0", "10.0.0.100/32");
    assert_eq!(server.real_server.verify(&[vip()]).unwrap(), []);

    // What is down answers nobody.
    server.set("eth0/arp_ignore", 0);
    assert_eq!(server.real_server.verify(&[vip()]).unwrap().len(), 2);
    server.host.namespace.link_down("eth0").unwrap();
    assert_eq!(server.real_server.verify(&[vip()]).unwrap(), []);
}
