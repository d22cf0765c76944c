//! VRRP sockets: what goes out, what comes in, and what does not.

use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

use lab::{Lan, Namespace};
use socket2::{Domain, Socket, Type};
use vip_netlink::{ErrorKind, Netlink, Protocol, Reception, VrrpSocket};

use crate::support::{GROUP, Host, address, capture, eventually, receive, two_hosts};

pub(crate) fn two_hosts_exchange_packets() {
    let (_lan, first, second) = two_hosts();
    let (a, b) = (first.vrrp(), second.vrrp());

    a.send(GROUP, b"ping").unwrap();
    let ping = receive(&b);
    b.send(GROUP, b"pong").unwrap();
    let pong = receive(&a);

    for (packet, source, bytes) in [(&ping, first.ip, b"ping"), (&pong, second.ip, b"pong")] {
        assert_eq!((packet.source, packet.destination), (source.into(), GROUP));
        assert_eq!((packet.hop_limit, &packet.bytes[..]), (255, &bytes[..]));
        let datagram = packet.datagram.as_ref().unwrap();
        assert_eq!(datagram[..2], [0x45, 0xc0]);
        assert_eq!(datagram[20..], bytes[..]);
    }
    assert!(b.recv(&mut [0; 128]).unwrap().is_none());
}

pub(crate) fn the_packet_on_the_wire_is_as_the_rfc_says() {
    let (lan, host, _) = two_hosts();
    let mut at_neighbour = lan.capture("host2").unwrap();

    host.vrrp().send(GROUP, b"advertisement").unwrap();

    let frame = capture(&mut at_neighbour, |frame| frame.outgoing && frame.bytes.ends_with(b"advertisement"));
    assert_eq!(frame[..6], [0x01, 0x00, 0x5e, 0, 0, 18], "to the group's hardware address");
    assert_eq!(frame[6..12], [2, 0, 0, 0, 0, 1], "from the interface's");
    let ip = &frame[14..];
    assert_eq!((ip[0], ip[1], ip[8], ip[9]), (0x45, 0xc0, 255, 112), "version, service, TTL, protocol");
    assert_eq!(ip[12..16], host.ip.octets());
    assert_eq!(ip[16..20], [224, 0, 0, 18]);
}

pub(crate) fn own_packets_do_not_come_back() {
    let (_lan, host, neighbour) = two_hosts();
    let (sender, sibling, other) = (host.vrrp(), host.vrrp(), neighbour.vrrp());

    sender.send(GROUP, b"mine").unwrap();
    receive(&other);
    other.send(GROUP, b"theirs").unwrap();

    assert_eq!(receive(&sender).bytes, b"theirs");
    assert_eq!(receive(&sibling).bytes, b"theirs");
}

pub(crate) fn other_interfaces_are_not_heard() {
    let (mut front, mut back) = (Lan::new().unwrap(), Lan::new().unwrap());
    let host = Host::new(&mut front, 1);
    back.attach(&host.namespace, "host", [10, 0, 1, 1].into(), 24).unwrap();
    let (at_front, at_back) = (Host::new(&mut front, 2), Host::new(&mut back, 3));
    let eth1 = host.namespace.run(|| Netlink::open().unwrap().interface("eth1")).unwrap().unwrap();
    let on_eth0 = host.vrrp();
    let on_eth1 = host.namespace.run(|| {
        VrrpSocket::open(&eth1, IpAddr::from([10, 0, 1, 1]), Reception::Group(GROUP), Protocol::Vrrp)
    });
    let on_eth1 = on_eth1.unwrap().unwrap();

    at_back.vrrp().send(GROUP, b"back").unwrap();
    assert_eq!(receive(&on_eth1).bytes, b"back");
    at_front.vrrp().send(GROUP, b"front").unwrap();

    assert_eq!(receive(&on_eth0).bytes, b"front");
    assert!(on_eth1.recv(&mut [0; 128]).unwrap().is_none());
}

pub(crate) fn other_groups_are_not_heard() {
    let (_lan, host, neighbour) = two_hosts();
    let other_group = IpAddr::from([224, 0, 0, 19]);
    let open = |host: &Host| host.open(host.ip, Reception::Group(other_group)).unwrap();
    let (here, other) = (host.vrrp(), open(&host));

    open(&neighbour).send(other_group, b"other").unwrap();
    assert_eq!(receive(&other).destination, other_group);
    neighbour.vrrp().send(GROUP, b"ours").unwrap();

    assert_eq!(receive(&here).bytes, b"ours");
    assert!(other.recv(&mut [0; 128]).unwrap().is_none());
}

pub(crate) fn other_protocols_are_not_heard() {
    let (_lan, host, neighbour) = two_hosts();
    let here = host.unicast(host.ip);

    raw(&neighbour.namespace, 113).send_to(b"113", &to(host.ip)).unwrap();
    raw(&neighbour.namespace, 112).send_to(b"112", &to(host.ip)).unwrap();

    assert_eq!(receive(&here).bytes, b"112");
}

pub(crate) fn the_ttl_is_as_it_arrived() {
    let (_lan, host, neighbour) = two_hosts();
    let here = host.unicast(host.ip);
    let sender = raw(&neighbour.namespace, 112);

    for ttl in [1, 64, 254] {
        sender.set_ttl_v4(ttl).unwrap();
        sender.send_to(b"ttl", &to(host.ip)).unwrap();

        assert_eq!(u32::from(receive(&here).hop_limit), ttl);
    }
}

pub(crate) fn ip_options_are_skipped() {
    let (_lan, host, neighbour) = two_hosts();
    let here = host.unicast(host.ip);
    let sender = raw(&neighbour.namespace, 112);
    sender.set_header_included_v4(true).unwrap();
    let [s0, s1, s2, s3] = neighbour.ip.octets();
    let [d0, d1, d2, d3] = host.ip.octets();
    // Six words of header, the last of them four no-operation options; the kernel fills in length and checksum.
    #[rustfmt::skip]
    let packet = [
        0x46, 0, 0, 0, 0, 0, 0, 0, 255, 112, 0, 0, s0, s1, s2, s3, d0, d1, d2, d3,
        1, 1, 1, 1,
        b'p', b'a', b'y', b'l', b'o', b'a', b'd',
    ];

    sender.send_to(&packet, &to(host.ip)).unwrap();

    let received = receive(&here);
    assert_eq!(received.bytes, b"payload");
    assert_eq!(received.datagram.unwrap()[20..], packet[20..]);
}

pub(crate) fn the_source_is_the_one_given() {
    let (_lan, mut host, neighbour) = two_hosts();
    let second = address("10.0.0.50/24");
    host.netlink.add(&host.eth0, second).unwrap();
    let there = neighbour.vrrp();

    host.vrrp_from(second.ip()).send(GROUP, b"from the second").unwrap();

    assert_eq!(receive(&there).source, second.ip());
}

pub(crate) fn the_source_stays_when_a_virtual_address_comes() {
    let (_lan, mut host, neighbour) = two_hosts();
    let (here, there) = (host.vrrp(), neighbour.vrrp());

    for vip in ["10.0.0.100/32", "10.0.0.101/24", "9.0.0.1/32"] {
        host.netlink.add(&host.eth0, address(vip)).unwrap();
        here.send(GROUP, vip.as_bytes()).unwrap();

        assert_eq!(receive(&there).source, IpAddr::from(host.ip), "with {vip}");
    }
}

pub(crate) fn a_source_that_is_no_address_of_the_host_is_refused() {
    let (_lan, host, _) = two_hosts();

    for foreign in [[10, 0, 0, 77], [0, 0, 0, 0], [224, 0, 0, 18]].map(IpAddr::from) {
        let error = host.open(foreign, Reception::Group(GROUP)).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Unsuitable);
        assert_eq!(
            error.to_string(),
            format!("cannot open a VRRP socket on eth0: {foreign} is not an address of this host")
        );
    }
}

pub(crate) fn a_source_that_went_is_an_error_until_it_is_back() {
    let (_lan, mut host, neighbour) = two_hosts();
    let source = address("10.0.0.50/32");
    host.netlink.add(&host.eth0, source).unwrap();
    let (here, there) = (host.vrrp_from(source.ip()), neighbour.vrrp());

    host.netlink.remove(&host.eth0, source).unwrap();
    let error = here.send(GROUP, b"gone").unwrap_err();
    host.netlink.add(&host.eth0, source).unwrap();
    here.send(GROUP, b"back").unwrap();

    assert!(error.to_string().ends_with("the source still its address?)"), "{error}");
    assert_eq!(receive(&there).bytes, b"back");
}

pub(crate) fn a_packet_longer_than_the_buffer_is_an_error() {
    let (_lan, host, neighbour) = two_hosts();
    let (here, there) = (host.vrrp(), neighbour.vrrp());
    there.send(GROUP, &[b'x'; 1000]).unwrap();
    there.send(GROUP, b"short").unwrap();
    let mut buffer = [0; 64];

    let mut errors = Vec::new();
    eventually("both are there", || match here.recv(&mut buffer) {
        Ok(packet) => packet.is_some_and(|packet| packet.bytes == b"short"),
        Err(error) => {
            errors.push(error);
            false
        }
    });

    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].kind(), ErrorKind::TooLong);
    assert_eq!(
        errors[0].to_string(),
        "cannot receive on eth0: a datagram of 1020 bytes does not fit into a buffer of 64"
    );
    let too_long = here.send(GROUP, &vec![0; 70_000]).unwrap_err();
    assert_eq!(too_long.kind(), ErrorKind::TooLong);
    assert_eq!(too_long.to_string(), "cannot send on eth0: message too long");
}

pub(crate) fn an_empty_payload_arrives() {
    let (_lan, host, neighbour) = two_hosts();
    let there = neighbour.vrrp();

    host.vrrp().send(GROUP, b"").unwrap();

    assert_eq!(receive(&there).bytes, b"");
}

pub(crate) fn a_group_that_is_no_group_is_refused() {
    let (_lan, host, _) = two_hosts();

    let error = host.open(host.ip, Reception::Group(Ipv4Addr::BROADCAST.into())).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unsuitable);
    assert_eq!(
        error.to_string(),
        "cannot open a VRRP socket on eth0: 255.255.255.255 is not a multicast address"
    );
}

pub(crate) fn it_works_again_after_the_interface_was_down() {
    let (lan, host, neighbour) = two_hosts();
    let (here, there) = (host.vrrp(), neighbour.vrrp());

    host.namespace.link_down("eth0").unwrap();
    let error = here.send(GROUP, b"nobody hears").unwrap_err();
    let while_down = here.recv(&mut [0; 128]).map(|packet| packet.is_some());
    host.namespace.link_up("eth0").unwrap();
    lan.settle("host1").unwrap();
    here.send(GROUP, b"again").unwrap();
    let again = receive(&there);
    there.send(GROUP, b"back").unwrap();

    assert_eq!(error.kind(), ErrorKind::InterfaceDown);
    assert_eq!(
        error.to_string(),
        "cannot send on eth0: network is unreachable (is the interface up, and the source still its address?)"
    );
    assert!(!while_down.unwrap());
    assert_eq!(again.bytes, b"again");
    assert_eq!(receive(&here).bytes, b"back");
}

fn raw(namespace: &Namespace, protocol: i32) -> Socket {
    namespace.run(|| Socket::new(Domain::IPV4, Type::RAW, Some(protocol.into()))).unwrap().unwrap()
}

fn to(ip: Ipv4Addr) -> socket2::SockAddr {
    SocketAddrV4::new(ip, 0).into()
}
