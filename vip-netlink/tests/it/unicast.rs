//! VRRP sockets without a group: what is sent to one host, over IPv4 and IPv6.

use std::{
    net::IpAddr,
    num::NonZeroU8,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use lab::Lan;
use vip_netlink::{Netlink, Protocol, Reception, VrrpSocket};

use crate::support::{GROUP, GROUP_V6, Host, address, eventually, link_local, receive, two_hosts_with_ipv6};

pub(crate) fn two_peers_exchange_packets() {
    for [one, other] in pairs() {
        let (_lan, first, second) = two_hosts_with_ipv6();
        let (a, b) = (first.unicast(one), second.unicast(other));

        a.send(other, b"ping").unwrap();
        let ping = receive(&b);
        b.send(one, b"pong").unwrap();
        let pong = receive(&a);

        assert_eq!((ping.source, ping.destination, ping.hop_limit), (one, other, 255));
        assert_eq!((pong.source, pong.destination, pong.hop_limit), (other, one, 255));
        assert_eq!((ping.bytes, pong.bytes), (b"ping".to_vec(), b"pong".to_vec()));
        assert_eq!(ping.datagram.is_some(), one.is_ipv4());
    }
}

pub(crate) fn one_socket_sends_to_many_peers() {
    let (mut lan, first, second) = two_hosts_with_ipv6();
    let third = Host::with_ipv6(&mut lan, 3);

    for [one, other] in pairs() {
        let here = first.unicast(one);
        let further = if one.is_ipv4() { third.ip.into() } else { link_local(3) };
        let (there, yonder) = (second.unicast(other), third.unicast(further));

        here.send(other, b"to the second").unwrap();
        here.send(further, b"to the third").unwrap();

        assert_eq!(receive(&there).bytes, b"to the second");
        assert_eq!(receive(&yonder).bytes, b"to the third");
    }
}

pub(crate) fn no_packet_arrives_at_both_kinds_of_sockets() {
    let (_lan, mut host, neighbour) = two_hosts_with_ipv6();
    host.netlink.add(&host.eth0, address("10.0.0.50/24")).unwrap();
    host.netlink.add(&host.eth0, address("fe80::50/64")).unwrap();

    for [one, other] in pairs() {
        let (group, second) = if one.is_ipv4() {
            (GROUP, address("10.0.0.50").ip())
        } else {
            (GROUP_V6, address("fe80::50").ip())
        };
        let (of_group, of_one, of_second) = (host.vrrp_from(one), host.unicast(one), host.unicast(second));
        let sender = neighbour.unicast(other);

        for (destination, bytes) in [(group, b"group"), (one, b"first"), (second, b"secnd")] {
            sender.send(destination, bytes).unwrap();
        }

        for (socket, bytes) in [(&of_second, b"secnd"), (&of_one, b"first"), (&of_group, b"group")] {
            assert_eq!(receive(socket).bytes, bytes);
            assert!(socket.recv(&mut [0; 128]).unwrap().is_none());
        }
    }
}

pub(crate) fn the_hop_limit_to_peers_can_be_set() {
    for [one, other] in pairs() {
        let (_lan, first, second) = two_hosts_with_ipv6();
        let (here, there, of_group) = (first.unicast(one), second.unicast(other), second.vrrp_from(other));

        here.set_unicast_hop_limit(NonZeroU8::new(64).unwrap()).unwrap();
        here.send(other, b"to one").unwrap();
        here.send(if one.is_ipv4() { GROUP } else { GROUP_V6 }, b"to all").unwrap();

        assert_eq!(receive(&there).hop_limit, 64);
        assert_eq!(receive(&of_group).hop_limit, 255);
    }
}

pub(crate) fn the_source_is_the_one_given_even_of_a_deprecated_address() {
    let (_lan, mut host, neighbour) = two_hosts_with_ipv6();
    for (source, peer) in [("10.0.0.50/32", IpAddr::from([10, 0, 0, 2])), ("2001:db8::50/128", link_local(2))]
    {
        host.netlink.add(&host.eth0, address(source)).unwrap();
        let there = neighbour.unicast(peer);

        host.unicast(address(source).ip()).send(peer, b"whose?").unwrap();

        assert_eq!(receive(&there).source, address(source).ip());
    }
}

pub(crate) fn nothing_from_before_it_was_set_up_is_received() {
    let (mut front, mut back) = (Lan::new().unwrap(), Lan::new().unwrap());
    let mut host = Host::new(&mut front, 1);
    back.attach(&host.namespace, "host", [10, 0, 1, 1].into(), 24).unwrap();
    host.namespace.enable_ipv6("eth1").unwrap();
    host.enable_ipv6(1);
    let noisy = Host::with_ipv6(&mut back, 2);
    let eth1 = host.namespace.run(|| Netlink::open().unwrap().interface("eth1")).unwrap().unwrap();
    let stop = AtomicBool::new(false);

    for (group, heard_at, noise, source) in [
        (GROUP, IpAddr::from([10, 0, 1, 1]), noisy.vrrp(), host.ip.into()),
        (GROUP_V6, link_local(1), noisy.vrrp_from(link_local(2)), address("2001:db8::1").ip()),
    ] {
        // The group is joined on the other interface, so that the noise comes up to the raw sockets.
        let open = || VrrpSocket::open(&eth1, heard_at, Reception::Group(group), Protocol::Vrrp);
        let mut hears = None;
        eventually("the address on eth1 is usable", || {
            hears = host.namespace.run(open).unwrap().ok();
            hears.is_some()
        });
        stop.store(false, Ordering::Relaxed);

        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    noise.send(group, b"noise").unwrap();
                }
            });
            receive(hears.as_ref().unwrap());
            let sockets = (0..200).map(|_| {
                [Reception::Group(group), Reception::Unicast].map(|reception| host.open(source, reception))
            });
            let sockets: Vec<_> = sockets.flatten().map(Result::unwrap).collect();
            stop.store(true, Ordering::Relaxed);
            for socket in sockets {
                assert!(socket.recv(&mut [0; 128]).unwrap().is_none());
            }
        });
    }
}

fn pairs() -> [[IpAddr; 2]; 2] {
    [[[10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::from), [1, 2].map(link_local)]
}
