//! Announcements reach the neighbours, and are believed.

use std::{fs, net::UdpSocket, os::fd::AsFd, time::Instant};

use vip_netlink::{Announcer, ErrorKind};

use crate::support::{Host, address, capture, eventually, two_hosts, wait_readable};

pub(crate) fn the_frame_on_the_wire_is_the_announcement() {
    let (lan, host, _) = two_hosts();
    let mut at_neighbour = lan.capture("host2").unwrap();

    host.announcer().announce(address("10.0.0.9").ip()).unwrap();

    let frame = capture(&mut at_neighbour, |frame| frame.outgoing && frame.bytes[12..14] == [8, 6]);
    #[rustfmt::skip]
    let announcement = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // to everybody
        0x02, 0x00, 0x00, 0x00, 0x00, 0x01, // from the interface
        0x08, 0x06, // ARP
        0x00, 0x01, 0x08, 0x00, 6, 4, // Ethernet, IPv4
        0x00, 0x01, // request
        0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 10, 0, 0, 9, // sender
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 10, 0, 0, 9, // target
    ];
    assert_eq!(frame[..42], announcement);
    assert_eq!(frame[42..], [0; 18]);
}

pub(crate) fn a_neighbour_follows_the_address() {
    let (mut lan, mut old, mut new) = two_hosts();
    let neighbour = Host::new(&mut lan, 3);
    let vip = address("10.0.0.9/32");
    old.netlink.add(&old.eth0, vip).unwrap();
    let socket = neighbour.namespace.run(|| UdpSocket::bind("10.0.0.3:0")).unwrap().unwrap();
    socket.send_to(b"where are you?", (vip.ip(), 9)).unwrap();
    eventually("the neighbour knows the old owner", || knows(&neighbour, "02:00:00:00:00:01"));

    old.netlink.remove(&old.eth0, vip).unwrap();
    new.netlink.add(&new.eth0, vip).unwrap();
    new.announcer().announce(vip.ip()).unwrap();

    eventually("the neighbour knows the new owner", || knows(&neighbour, "02:00:00:00:00:02"));
}

pub(crate) fn the_socket_receives_nothing() {
    let (_lan, host, neighbour) = two_hosts();
    let (announcer, hearing) = (host.announcer(), host.vrrp());

    neighbour.announcer().announce(address("10.0.0.9").ip()).unwrap();
    neighbour.vrrp().send(b"the last frame").unwrap();

    assert!(wait_readable(hearing.as_fd(), Instant::now() + crate::support::PATIENCE));
    assert!(!wait_readable(announcer.as_fd(), Instant::now()));
}

pub(crate) fn loopback_is_refused() {
    let (_lan, mut host, _) = two_hosts();
    let lo = host.netlink.interface("lo").unwrap();

    let error = host.namespace.run(|| Announcer::open(&lo)).unwrap().unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unsuitable);
    assert_eq!(
        error.to_string(),
        "cannot open an ARP announcer on lo: the interface does not use ARP over Ethernet"
    );
}

pub(crate) fn an_interface_that_is_down_is_told_apart() {
    let (_lan, host, _) = two_hosts();
    let announcer = host.announcer();

    host.namespace.link_down("eth0").unwrap();
    let error = announcer.announce(address("10.0.0.9").ip()).unwrap_err();
    host.namespace.link_up("eth0").unwrap();

    assert_eq!(error.kind(), ErrorKind::InterfaceDown);
    assert_eq!(error.to_string(), "cannot announce 10.0.0.9 on eth0: network is down (is the interface up?)");
    announcer.announce(address("10.0.0.9").ip()).unwrap();
}

/// Whether the host holds 10.0.0.9 to be at this hardware address.
fn knows(host: &Host, hardware_address: &str) -> bool {
    let table = host.namespace.run(|| fs::read_to_string("/proc/thread-self/net/arp")).unwrap().unwrap();
    table.lines().any(|line| line.starts_with("10.0.0.9 ") && line.contains(hardware_address))
}
