//! VRRP sockets over IPv6: what goes out, what comes in, and what does not.

use std::{
    fs,
    net::{IpAddr, Ipv6Addr, SocketAddrV6},
    process::Command,
};

use lab::Lan;
use socket2::{Domain, SockAddr, Socket, Type};
use vip_netlink::{ErrorKind, Protocol, Reception, VrrpSocket};

use crate::support::{
    GROUP, GROUP_V6, Host, address, capture, eventually, link_local, receive, two_hosts_with_ipv6,
};

pub(crate) fn two_hosts_exchange_packets() {
    let (_lan, first, second) = two_hosts_with_ipv6();
    let (a, b) = (first.vrrp_from(link_local(1)), second.vrrp_from(link_local(2)));

    a.send(GROUP_V6, b"ping").unwrap();
    let ping = receive(&b);
    b.send(GROUP_V6, b"pong").unwrap();
    let pong = receive(&a);

    for (packet, source, bytes) in [(&ping, link_local(1), b"ping"), (&pong, link_local(2), b"pong")] {
        assert_eq!((packet.source, packet.destination), (source, GROUP_V6));
        assert_eq!((packet.hop_limit, &packet.bytes[..]), (255, &bytes[..]));
        assert_eq!(packet.datagram, None);
    }
    assert!(b.recv(&mut [0; 128]).unwrap().is_none());
}

pub(crate) fn the_packet_on_the_wire_is_as_the_rfc_says() {
    let (lan, host, _) = two_hosts_with_ipv6();
    let mut at_neighbour = lan.capture("host2").unwrap();

    host.vrrp_from(link_local(1)).send(GROUP_V6, b"advertisement").unwrap();

    let frame = capture(&mut at_neighbour, |frame| frame.outgoing && frame.bytes.ends_with(b"advertisement"));
    assert_eq!(frame[..6], [0x33, 0x33, 0, 0, 0, 0x12], "to the group's hardware address");
    assert_eq!(frame[6..12], [2, 0, 0, 0, 0, 1], "from the interface's");
    let ip = &frame[14..];
    assert_eq!((ip[0], ip[1] & 0xf0), (0x6c, 0), "version 6, traffic class 0xc0");
    assert_eq!((ip[6], ip[7]), (112, 255), "protocol, hop limit");
    assert_eq!(ip[8..24], octets(link_local(1)));
    assert_eq!(ip[24..40], octets(GROUP_V6));
    assert_eq!(ip[40..], *b"advertisement", "not a byte is changed, that of no checksum either");
}

pub(crate) fn own_packets_do_not_come_back() {
    let (_lan, host, neighbour) = two_hosts_with_ipv6();
    let [sender, sibling] = [(); 2].map(|()| host.vrrp_from(link_local(1)));
    let other = neighbour.vrrp_from(link_local(2));

    sender.send(GROUP_V6, b"mine").unwrap();
    receive(&other);
    other.send(GROUP_V6, b"theirs").unwrap();

    assert_eq!(receive(&sender).bytes, b"theirs");
    assert_eq!(receive(&sibling).bytes, b"theirs");
}

pub(crate) fn other_groups_are_not_heard() {
    let (_lan, host, neighbour) = two_hosts_with_ipv6();
    let other_group = "ff02::13".parse().unwrap();
    let open = |host: &Host, number| host.open(link_local(number), Reception::Group(other_group)).unwrap();
    let (here, other) = (host.vrrp_from(link_local(1)), open(&host, 1));
    let unicast = host.unicast(link_local(1));

    open(&neighbour, 2).send(other_group, b"other").unwrap();
    assert_eq!(receive(&other).destination, other_group);
    neighbour.vrrp_from(link_local(2)).send(GROUP_V6, b"ours").unwrap();

    assert_eq!(receive(&here).bytes, b"ours");
    assert!(other.recv(&mut [0; 128]).unwrap().is_none());
    assert!(unicast.recv(&mut [0; 128]).unwrap().is_none());
}

pub(crate) fn the_hop_limit_is_as_it_arrived() {
    let (_lan, host, neighbour) = two_hosts_with_ipv6();
    let here = host.vrrp_from(link_local(1));
    let sender = raw(&neighbour);

    for hop_limit in [1, 64, 254] {
        sender.set_multicast_hops_v6(hop_limit).unwrap();
        sender.send_to(b"hop limit", &to(GROUP_V6, &neighbour)).unwrap();

        assert_eq!(u32::from(receive(&here).hop_limit), hop_limit);
    }
}

pub(crate) fn the_source_stays_when_a_virtual_address_comes() {
    let (_lan, mut host, neighbour) = two_hosts_with_ipv6();
    let (here, there) = (host.vrrp_from(link_local(1)), neighbour.vrrp_from(link_local(2)));

    for vip in ["fe80::10/128", "fe80::11/64", "2001:db8::10/128"] {
        host.netlink.add(&host.eth0, address(vip)).unwrap();
        here.send(GROUP_V6, vip.as_bytes()).unwrap();

        assert_eq!(receive(&there).source, link_local(1), "with {vip}");
    }
}

pub(crate) fn the_source_may_be_a_global_address() {
    let (_lan, host, neighbour) = two_hosts_with_ipv6();
    let (source, there) = (address("2001:db8::1").ip(), neighbour.vrrp_from(link_local(2)));

    host.vrrp_from(source).send(GROUP_V6, b"from afar").unwrap();

    assert_eq!(receive(&there).source, source);
}

pub(crate) fn a_source_that_is_no_usable_address_of_the_host_is_refused() {
    let (_lan, host, _) = two_hosts_with_ipv6();
    let Some(ip) = lab::need("ip") else { return };
    let tentative = || {
        fs::write("/proc/sys/net/ipv6/conf/eth0/accept_dad", "1").unwrap();
        Command::new(&ip).args(["address", "add", "fe80::99/64", "dev", "eth0"]).status().unwrap()
    };
    assert!(host.namespace.run(tentative).unwrap().success());

    for source in ["fe80::77", "2001:db8::77", "::", "ff02::12", "fe80::99"] {
        for reception in [Reception::Group(GROUP_V6), Reception::Unicast] {
            let error = host.open(source.parse::<IpAddr>().unwrap(), reception).unwrap_err();

            assert_eq!(error.kind(), ErrorKind::Unsuitable);
            let text =
                format!("cannot open a VRRP socket on eth0: {source} is not an address of this host, ");
            assert!(error.to_string().starts_with(&text), "{error}");
        }
    }
}

pub(crate) fn families_are_not_mixed() {
    let (_lan, host, _) = two_hosts_with_ipv6();
    let here = host.vrrp_from(link_local(1));

    let errors = [
        host.open(host.ip, Reception::Group(GROUP_V6)).unwrap_err(),
        host.open(link_local(1), Reception::Group(GROUP)).unwrap_err(),
        here.send(GROUP, b"to another world").unwrap_err(),
        host.vrrp().send(GROUP_V6, b"to another world").unwrap_err(),
        host.open(link_local(1), Reception::Group(link_local(2))).unwrap_err(),
        host.namespace
            .run(|| VrrpSocket::open(&host.eth0, link_local(1), Reception::Unicast, Protocol::Ah))
            .unwrap()
            .unwrap_err(),
    ];

    assert_eq!(
        errors.map(|error| (error.kind(), error.to_string())),
        [
            "cannot open a VRRP socket on eth0: 10.0.0.1 and ff02::12 are of different versions of IP",
            "cannot open a VRRP socket on eth0: fe80::ff:fe00:1 and 224.0.0.18 are of different versions of IP",
            "cannot send on eth0: fe80::ff:fe00:1 and 224.0.0.18 are of different versions of IP",
            "cannot send on eth0: 10.0.0.1 and ff02::12 are of different versions of IP",
            "cannot open a VRRP socket on eth0: fe80::ff:fe00:2 is not a multicast address",
            "cannot open a VRRP socket on eth0: the authentication header is for IPv4 only",
        ]
        .map(|text| (ErrorKind::Unsuitable, text.to_owned()))
    );
}

pub(crate) fn a_packet_longer_than_the_buffer_is_an_error() {
    let (_lan, host, neighbour) = two_hosts_with_ipv6();
    let (here, there) = (host.vrrp_from(link_local(1)), neighbour.vrrp_from(link_local(2)));
    there.send(GROUP_V6, &[b'x'; 1000]).unwrap();
    there.send(GROUP_V6, b"short").unwrap();
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
        "cannot receive on eth0: a datagram of 1000 bytes does not fit into a buffer of 64"
    );
}

pub(crate) fn it_works_again_after_the_interface_was_down() {
    let (lan, mut host, neighbour) = two_hosts_with_ipv6();
    let (here, there) = (host.vrrp_from(link_local(1)), neighbour.vrrp_from(link_local(2)));
    let unicast = host.unicast(link_local(1));

    host.namespace.link_down("eth0").unwrap();
    let error = here.send(GROUP_V6, b"nobody hears").unwrap_err();
    let while_down = here.recv(&mut [0; 128]).map(|packet| packet.is_some());
    host.namespace.link_up("eth0").unwrap();
    lan.settle("host1").unwrap();
    eventually("the link-local address is back", || host.is_usable(link_local(1)));
    here.send(GROUP_V6, b"again").unwrap();
    let again = receive(&there);
    there.send(GROUP_V6, b"back").unwrap();
    there.send(link_local(1), b"to one").unwrap();

    assert_eq!(error.kind(), ErrorKind::InterfaceDown);
    assert!(
        error.to_string().ends_with("(is the interface up, and the source still its address?)"),
        "{error}"
    );
    assert!(!while_down.unwrap());
    assert_eq!(again.bytes, b"again");
    assert_eq!(receive(&here).bytes, b"back");
    assert_eq!(receive(&unicast).bytes, b"to one");
}

pub(crate) fn a_source_that_went_is_an_error_until_it_is_back() {
    let (_lan, mut host, neighbour) = two_hosts_with_ipv6();
    let source = address("fe80::50/128");
    host.netlink.add(&host.eth0, source).unwrap();
    let (here, there) = (host.vrrp_from(source.ip()), neighbour.vrrp_from(link_local(2)));

    host.netlink.remove(&host.eth0, source).unwrap();
    let error = here.send(GROUP_V6, b"gone").unwrap_err();
    host.netlink.add(&host.eth0, source).unwrap();
    here.send(GROUP_V6, b"back").unwrap();

    assert!(error.to_string().ends_with("the source still its address?)"), "{error}");
    assert_eq!(receive(&there).bytes, b"back");
}

pub(crate) fn a_deleted_interface_is_an_error() {
    let mut lan = Lan::new().unwrap();
    let mut host = Host::with_ipv6(&mut lan, 1);
    let here = host.vrrp_from(link_local(1));

    drop(lan);
    eventually("eth0 is gone", || host.netlink.interface("eth0").is_err());

    assert_eq!(here.send(GROUP_V6, b"to nobody").unwrap_err().kind(), ErrorKind::NoSuchInterface);
    assert!(here.recv(&mut [0; 128]).unwrap().is_none());
    let error = host.open(link_local(1), Reception::Group(GROUP_V6)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuchInterface);
}

fn raw(host: &Host) -> Socket {
    host.namespace.run(|| Socket::new(Domain::IPV6, Type::RAW, Some(112.into()))).unwrap().unwrap()
}

fn to(ip: IpAddr, host: &Host) -> SockAddr {
    SocketAddrV6::new(Ipv6Addr::from(octets(ip)), 0, 0, host.eth0.index()).into()
}

fn octets(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V6(ip) => ip.octets(),
        IpAddr::V4(ip) => panic!("{ip} is of IPv4"),
    }
}
