//! Packets to blocked addresses are dropped, and no others.

mod table;
mod traffic;

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddrV6, TcpListener, TcpStream},
    process, thread,
};

use lab::{Lan, Namespace};
use vip_netlink::{AcceptFilter, Address, Change, Dropped, Netlink};

pub(crate) use self::table::{
    a_killed_process_leaves_nothing_behind, a_thousand_addresses_are_blocked_and_replaced,
    after_a_failure_the_next_change_makes_up_for_it, an_address_that_no_host_has_is_refused,
    blocking_and_unblocking_twice_is_already_so, more_addresses_than_a_send_buffer_takes_are_blocked,
    the_ruleset_of_others_is_left_alone_and_ours_is_by_them, two_filters_are_apart,
    without_privilege_it_says_what_it_needs,
};
use self::traffic::{Udp, icmp, packets, receive_icmp, send_echo_request};
use crate::support::{Host, PATIENCE, eventually, two_hosts_with_ipv6};

pub(crate) fn datagrams_to_the_address_are_dropped_until_it_is_unblocked() {
    for (vip, own) in BOTH_FAMILIES {
        let (_lan, mut host, neighbour) = two_hosts_with_ipv6();
        let mut filter = open(&host);
        let (server, client) = (Udp::server(&host.namespace), Udp::client(&neighbour.namespace));

        assert_eq!(filter.block(&host.eth0, &[vip]).unwrap(), Change::Made);
        add(&mut host, vip);
        client.send("to the address", vip);
        // It arrived, so that the neighbour was told the hardware address.
        eventually("it is dropped", || packets(&mut filter) == 1);
        client.send("to the host", own);
        assert_eq!(server.receive(), "to the host");

        assert_eq!(filter.unblock(&host.eth0, &[vip]).unwrap(), Change::Made);
        client.send("to the address again", vip);
        assert_eq!(server.receive(), "to the address again");
        assert_eq!(packets(&mut filter), 1);
    }
}

pub(crate) fn a_connection_waits_until_the_address_is_unblocked() {
    for (vip, _) in BOTH_FAMILIES {
        let (_lan, mut host, neighbour) = two_hosts_with_ipv6();
        let mut filter = open(&host);
        filter.block(&host.eth0, &[vip]).unwrap();
        add(&mut host, vip);
        let listener = host.namespace.run(|| TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0))).unwrap().unwrap();
        let port = listener.local_addr().unwrap().port();
        let from = &neighbour.namespace;

        thread::scope(|scope| {
            let connect = move || TcpStream::connect_timeout(&(vip, port).into(), PATIENCE);
            let connection = scope.spawn(move || from.run(connect).unwrap());
            eventually("the first segment is dropped", || packets(&mut filter) > 0);
            assert!(!connection.is_finished());

            filter.unblock(&host.eth0, &[vip]).unwrap();

            connection.join().unwrap().unwrap();
        });
    }
}

pub(crate) fn the_address_answers_to_no_ping_and_the_host_does() {
    for (vip, own) in BOTH_FAMILIES {
        let (_lan, mut host, neighbour) = two_hosts_with_ipv6();
        let mut filter = open(&host);
        filter.block(&host.eth0, &[vip]).unwrap();
        add(&mut host, vip);
        let ping = icmp(&neighbour.namespace, own);

        send_echo_request(&ping, vip);
        eventually("it is dropped", || packets(&mut filter) == 1);
        send_echo_request(&ping, own);

        let is_reply = |message: &[u8]| [0, 129].contains(&message[0]);
        assert_eq!(receive_icmp(&ping, is_reply).0, own);
    }
}

pub(crate) fn neighbour_discovery_is_let_through() {
    let (_lan, mut host, neighbour) = two_hosts_with_ipv6();
    let mut filter = open(&host);
    filter.block(&host.eth0, &[VIP_V6.into()]).unwrap();
    add(&mut host, VIP_V6.into());
    let socket = icmp(&neighbour.namespace, VIP_V6.into());

    // To the address itself, as a neighbour asks that knew it once; not to the group of those that might have it.
    let solicitation = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &VIP_V6.octets(), &[1, 1, 2, 0, 0, 0, 0, 2]];
    socket.send_to(&solicitation.concat(), (VIP_V6, 0)).unwrap();

    let is_for_it = |message: &[u8]| message[0] == 136 && message[8..24] == VIP_V6.octets();
    let (source, advertisement) = receive_icmp(&socket, is_for_it);
    assert_eq!(source, VIP_V6);
    assert_eq!(advertisement[4] & 0x40, 0x40, "it is an answer");
    assert_eq!(packets(&mut filter), 0);
    // The answer to this one is what an address that accepts packets gives.
    send_echo_request(&socket, VIP_V6.into());
    eventually("other messages are dropped", || packets(&mut filter) == 1);
}

pub(crate) fn packets_of_the_host_itself_are_dropped_too() {
    for (vip, own) in BOTH_FAMILIES {
        let (_lan, mut host, _) = two_hosts_with_ipv6();
        let mut filter = open(&host);
        let (server, client) = (Udp::server(&host.namespace), Udp::client(&host.namespace));
        filter.block(&host.eth0, &[vip]).unwrap();
        add(&mut host, vip);

        // The kernel takes a moment to make an IPv6 address local.
        eventually("they are dropped", || {
            client.send("to the address", vip);
            packets(&mut filter) > 0
        });

        client.send("to the host", own);
        assert_eq!(server.receive(), "to the host");
    }
}

pub(crate) fn what_is_dropped_is_counted_by_family_in_packets_and_bytes() {
    let (_lan, mut host, neighbour) = two_hosts_with_ipv6();
    let mut filter = open(&host);
    let client = Udp::client(&neighbour.namespace);
    let vips = [VIP_V4.into(), VIP_V6.into()];
    filter.block(&host.eth0, &vips).unwrap();
    for vip in vips {
        add(&mut host, vip);
    }
    assert_eq!(filter.dropped().unwrap(), Dropped::default());

    for text in ["", "8 octets", "again 16 octets."] {
        client.send(text, VIP_V4.into());
    }
    client.send("8 octets", VIP_V6.into());
    eventually("all are dropped", || packets(&mut filter) == 4);

    let dropped = filter.dropped().unwrap();
    assert_eq!((dropped.ipv4.packets, dropped.ipv4.bytes), (3, 3 * (20 + 8) + 8 + 16));
    assert_eq!((dropped.ipv6.packets, dropped.ipv6.bytes), (1, 40 + 8 + 8));
}

pub(crate) fn a_link_local_address_is_blocked_on_its_link_only() {
    let (_lan, mut host, neighbour) = two_hosts_with_ipv6();
    let (other_lan, other_neighbour) = second_lan(&mut host);
    let mut filter = open(&host);
    let server = Udp::server(&host.namespace);
    filter.block(&host.eth0, &[LINK_LOCAL_VIP.into()]).unwrap();
    let eth1 = host.netlink.interface("eth1").unwrap();
    add(&mut host, LINK_LOCAL_VIP.into());
    host.netlink.add(&eth1, Address::new(LINK_LOCAL_VIP, 128).unwrap()).unwrap();

    for (from, text) in [(&neighbour.namespace, "blocked there"), (&other_neighbour, "not blocked here")] {
        let index = from.run(|| Netlink::open().unwrap().interface("eth0").unwrap().index()).unwrap();
        let socket = Udp::client(from);
        socket.send_v6(text, SocketAddrV6::new(LINK_LOCAL_VIP, Udp::PORT, 0, index));
    }

    assert_eq!(server.receive(), "not blocked here");
    eventually("the other is dropped", || packets(&mut filter) == 1);
    drop(other_lan);
}

pub(crate) fn packets_are_forwarded_through_the_address() {
    let Some(ip) = lab::need("ip") else { return };
    let (_lan, mut router, client) = two_hosts_with_ipv6();
    let (_other_lan, server) = second_lan(&mut router);
    let mut filter = open(&router);
    let vips = [VIP_V4.into(), LINK_LOCAL_VIP.into()];
    filter.block(&router.eth0, &vips).unwrap();
    for vip in vips {
        add(&mut router, vip);
    }
    router
        .namespace
        .run(|| {
            std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
            std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").unwrap();
        })
        .unwrap();
    for (host, route) in [
        (&client.namespace, "route add 10.0.1.0/24 via 10.0.0.9"),
        (&client.namespace, "-6 route add 2001:db8:1::/64 via fe80::9 dev eth0"),
        (&server, "route add 10.0.0.0/24 via 10.0.1.1"),
        (&server, "-6 route add 2001:db8::/64 via 2001:db8:1::1"),
    ] {
        let mut command = process::Command::new(&ip);
        assert!(host.run(|| command.args(route.split(' ')).status()).unwrap().unwrap().success(), "{route}");
    }
    let (here, there) = (Udp::server(&client.namespace), Udp::server(&server));

    for (to, from) in [("10.0.1.2", "10.0.0.2"), ("2001:db8:1::2", "2001:db8::2")] {
        here.send("there", to.parse().unwrap());
        assert_eq!(there.receive(), "there");
        there.send("and back", from.parse().unwrap());
        assert_eq!(here.receive(), "and back");
    }
    assert_eq!(packets(&mut filter), 0);
}

/// What a child process does that is to be killed, instead of testing: see [`HOLD`].
pub(crate) fn hold() -> process::ExitCode {
    let eth0 = Netlink::open().unwrap().interface("eth0").unwrap();
    let mut filter = AcceptFilter::open().unwrap();
    filter.block(&eth0, &[VIP_V4.into()]).unwrap();
    println!("{}", filter.table());
    io::stdout().flush().unwrap();
    // Until the parent is gone, should it not come to kill.
    let _ = io::stdin().read(&mut [0]);
    process::ExitCode::SUCCESS
}

/// In the environment it makes the test binary do nothing but [`hold`].
pub(crate) const HOLD: &str = "VIP_NETLINK_IT_HOLD_FILTER";

fn open(host: &Host) -> AcceptFilter {
    host.namespace.run(AcceptFilter::open).unwrap().unwrap()
}

fn add(host: &mut Host, vip: IpAddr) {
    let prefix_len = if vip.is_ipv4() { 32 } else { 128 };
    host.netlink.add(&host.eth0, Address::new(vip, prefix_len).unwrap()).unwrap();
}

/// Gives the host an eth1, 10.0.1.1 and 2001:db8:1::1, on a LAN with another host, 10.0.1.2 and 2001:db8:1::2.
fn second_lan(host: &mut Host) -> (Lan, Namespace) {
    let mut lan = Lan::new().unwrap();
    let neighbour = Namespace::new().unwrap();
    for (member, name, last) in [(&host.namespace, "eth1", 1), (&neighbour, "eth0", 2)] {
        let mut netlink = member.run(Netlink::open).unwrap().unwrap();
        lan.attach(member, name, Ipv4Addr::new(10, 0, 1, last), 24).unwrap();
        member.enable_ipv6(name).unwrap();
        let interface = netlink.interface(name).unwrap();
        let global = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, last.into());
        netlink.add(&interface, Address::new(global, 64).unwrap()).unwrap();
        eventually("the link-local address is usable", || {
            netlink
                .addresses(&interface)
                .unwrap()
                .iter()
                .any(|own| own.address().is_link_local() && own.is_usable())
        });
    }
    (lan, neighbour)
}

const VIP_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const VIP_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 9);
const LINK_LOCAL_VIP: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9);
/// A virtual address, and an address of the first of two hosts.
const BOTH_FAMILIES: [(IpAddr, IpAddr); 2] = [
    (IpAddr::V4(VIP_V4), IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))),
    (IpAddr::V6(VIP_V6), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
];
