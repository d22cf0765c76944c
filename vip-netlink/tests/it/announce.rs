//! Announcements reach the neighbours, and are believed.

use std::{
    fs,
    net::{IpAddr, SocketAddrV6, UdpSocket},
    ops::Range,
    os::fd::AsFd,
    process::Command,
    time::Instant,
};

use vip_netlink::{Announcer, ArpForm, ErrorKind, Ipv6Role};

use crate::support::{
    GROUP, Host, address, announced_by, capture, eventually, two_hosts, two_hosts_with_ipv6, wait_readable,
};

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

pub(crate) fn the_frame_on_the_wire_is_the_neighbour_advertisement() {
    let (lan, host, _) = two_hosts_with_ipv6();
    let mut at_neighbour = lan.capture("host2").unwrap();

    host.announcer().announce(address("2001:db8::9").ip()).unwrap();

    let frame = capture(&mut at_neighbour, |frame| frame.outgoing && frame.bytes.get(54) == Some(&136));
    #[rustfmt::skip]
    let advertisement = [
        0x33, 0x33, 0, 0, 0, 1, // to all nodes
        0x02, 0x00, 0x00, 0x00, 0x00, 0x01, // from the interface
        0x86, 0xdd, // IPv6
        0x60, 0, 0, 0, 0, 32, 58, 255, // 32 bytes of ICMPv6, hop limit 255
        0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, // from the address itself
        0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
        136, 0, frame[56], frame[57], 0x20, 0, 0, 0, // Override; neither Solicited nor Router
        0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, // target
        2, 1, 0x02, 0x00, 0x00, 0x00, 0x00, 0x01, // its hardware address
    ];
    assert_eq!(frame, advertisement);
}

pub(crate) fn the_router_flag_is_as_the_interface_or_the_caller_says() {
    let (lan, mut host, _) = two_hosts_with_ipv6();
    let mut at_neighbour = lan.capture("host2").unwrap();
    let setting = "/proc/sys/net/ipv6/conf/eth0/forwarding";
    let mut flags_of = |announcer: &Announcer| {
        announcer.announce(address("fe80::9").ip()).unwrap();
        capture(&mut at_neighbour, |frame| frame.outgoing && frame.bytes.get(54) == Some(&136))[58]
    };

    let as_host = flags_of(&host.announcer());
    let told_otherwise = flags_of(&host.announcer().with_ipv6_role(Ipv6Role::Router));
    host.namespace.run(|| fs::write(setting, "1")).unwrap().unwrap();
    host.eth0 = host.netlink.interface("eth0").unwrap();
    let as_router = flags_of(&host.announcer());

    assert_eq!((as_host, told_otherwise, as_router), (0x20, 0xa0, 0xa0));
    assert_eq!(host.eth0.ipv6_role(), Ipv6Role::Router);
}

pub(crate) fn a_neighbour_follows_the_ipv6_address() {
    let Some(ip) = lab::need("ip") else { return };
    for vip in ["2001:db8::9/128", "fe80::9/128"].map(address) {
        let (mut lan, mut old, mut new) = two_hosts_with_ipv6();
        let neighbour = Host::with_ipv6(&mut lan, 3);
        let knows = |hardware_address: &str| {
            let show = || Command::new(&ip).args(["-6", "neighbour", "show", "dev", "eth0"]).output();
            let table = String::from_utf8(neighbour.namespace.run(show).unwrap().unwrap().stdout).unwrap();
            let entry = format!("{} lladdr {hardware_address} ", vip.ip());
            table.lines().any(|line| line.starts_with(&entry))
        };
        old.netlink.add(&old.eth0, vip).unwrap();
        let socket = neighbour.namespace.run(|| UdpSocket::bind("[::]:0")).unwrap().unwrap();
        let IpAddr::V6(to) = vip.ip() else { unreachable!() };
        socket.send_to(b"where are you?", SocketAddrV6::new(to, 9, 0, neighbour.eth0.index())).unwrap();
        eventually("the neighbour knows the old owner", || knows("02:00:00:00:00:01"));

        old.netlink.remove(&old.eth0, vip).unwrap();
        new.netlink.add(&new.eth0, vip).unwrap();
        assert!(knows("02:00:00:00:00:01"), "adding alone tells nobody");
        new.announcer().announce(vip.ip()).unwrap();

        eventually("the neighbour knows the new owner", || knows("02:00:00:00:00:02"));
    }
}

pub(crate) fn the_socket_receives_nothing() {
    let (_lan, host, neighbour) = two_hosts();
    let (announcer, hearing) = (host.announcer(), host.vrrp());

    neighbour.announcer().announce(address("10.0.0.9").ip()).unwrap();
    neighbour.vrrp().send(GROUP, b"the last frame").unwrap();

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
        "cannot open an announcer on lo: neighbours are not found by ARP over Ethernet there"
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

pub(crate) fn a_reply_is_sent_on_demand() {
    let (lan, host, _) = two_hosts();
    let mut at_neighbour = lan.capture("host2").unwrap();

    host.announcer().with_arp_form(ArpForm::Reply).announce(address("10.0.0.9").ip()).unwrap();

    let frame = capture(&mut at_neighbour, |frame| frame.outgoing && frame.bytes[12..14] == [8, 6]);
    #[rustfmt::skip]
    let reply = [
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, // to everybody
        0x02, 0x00, 0x00, 0x00, 0x00, 0x01, // from the interface
        0x08, 0x06, // ARP
        0x00, 0x01, 0x08, 0x00, 6, 4, // Ethernet, IPv4
        0x00, 0x02, // reply
        0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 10, 0, 0, 9, // sender
        0x02, 0x00, 0x00, 0x00, 0x00, 0x01, 10, 0, 0, 9, // target
    ];
    assert_eq!(frame[..42], reply);
    assert_eq!(frame[42..], [0; 18]);
}

pub(crate) fn both_forms_are_sent_on_demand() {
    let (lan, host, _) = two_hosts();
    let mut at_neighbour = lan.capture("host2").unwrap();
    let announcer = host.announcer().with_arp_form(ArpForm::Both);

    announcer.announce(address("10.0.0.8").ip()).unwrap();
    assert_eq!(announcer.announce_all([address("10.0.0.9").ip()]).unwrap(), 1);

    let seen = [0; 4].map(|_| {
        let frame = capture(&mut at_neighbour, |frame| frame.outgoing && frame.bytes[12..14] == [8, 6]);
        (frame[21], frame[31])
    });
    assert_eq!(seen, [(1, 8), (2, 8), (1, 9), (2, 9)], "operation and address");
}

pub(crate) fn many_addresses_go_out_in_their_order() {
    for form in [ArpForm::Request, ArpForm::Both] {
        let (lan, host, _) = two_hosts_with_ipv6();
        let mut at_neighbour = lan.capture("host2").unwrap();
        let v4 = (0..100).map(|number| IpAddr::from([10, 0, 1, number]));
        let v6 = (0..100).map(|number| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 1, number]));
        let ips: Vec<_> = v4.zip(v6).flat_map(|(v4, v6)| [v4, v6]).collect();
        let announcer = host.announcer().with_arp_form(form);

        assert_eq!(announcer.announce_all(ips.iter().copied()).unwrap(), 200);
        assert_eq!(announcer.announce_all([]).unwrap(), 0);

        let mut seen = Vec::new();
        while seen.last() != ips.last() {
            let frame =
                capture(&mut at_neighbour, |frame| frame.outgoing && announced_by(frame.bytes).is_some());
            let ip = announced_by(&frame).unwrap();
            if form != ArpForm::Both || seen.last() != Some(&ip) {
                seen.push(ip);
            }
        }
        assert_eq!(seen, ips);
    }
}

pub(crate) fn a_batch_tells_how_far_it_came() {
    let (_lan, host, _) = two_hosts();
    let announcer = host.announcer();
    let ips = |range: Range<u8>| range.map(|number| IpAddr::from([10, 0, 1, number]));

    // The interface goes down while the addresses are still being asked for.
    let going_down = ips(0..100).inspect(|ip| {
        if *ip == IpAddr::from([10, 0, 1, 80]) {
            host.namespace.link_down("eth0").unwrap();
        }
    });
    let halfway = announcer.announce_all(going_down).unwrap_err();
    let error = announcer.announce_all(ips(7..9)).unwrap_err();

    assert_eq!((halfway.kind(), halfway.sent()), (ErrorKind::InterfaceDown, 64));
    assert_eq!((error.kind(), error.sent()), (ErrorKind::InterfaceDown, 0));
    assert_eq!(
        halfway.to_string(),
        "cannot announce 10.0.1.64 on eth0: network is down (is the interface up?); announced before it: 64"
    );
    host.namespace.link_up("eth0").unwrap();
    assert_eq!(announcer.announce_all(ips(0..100)).unwrap(), 100);
}

/// Whether the host holds 10.0.0.9 to be at this hardware address.
fn knows(host: &Host, hardware_address: &str) -> bool {
    let table = host.namespace.run(|| fs::read_to_string("/proc/thread-self/net/arp")).unwrap().unwrap();
    table.lines().any(|line| line.starts_with("10.0.0.9 ") && line.contains(hardware_address))
}
