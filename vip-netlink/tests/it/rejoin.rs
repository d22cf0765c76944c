//! The interface is deleted, and comes back.

use std::{
    net::IpAddr,
    num::NonZeroU8,
    os::fd::{AsFd, AsRawFd},
    process::Command,
};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use vip_netlink::{ErrorKind, Protocol, VrrpSocket};

use crate::support::{GROUP, Host, PATIENCE, Way, address, receive, two_hosts, two_hosts_with_ipv6};

pub(crate) fn the_same_socket_works_on_the_interface_that_came_back() {
    let (mut lan, mut host, neighbour) = two_hosts_with_ipv6();
    let mut sockets = Way::all().map(|way| (way, way.open_here(&host)));
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).unwrap();
    for (number, (_, socket)) in (0..).zip(&sockets) {
        epoll.add(socket, EpollEvent::new(EpollFlags::EPOLLIN, number)).unwrap();
    }

    for _ in 0..3 {
        host.replace_interface(&mut lan, 1);
        host.enable_ipv6(1);
        for (number, (way, here)) in (0..).zip(&mut sockets) {
            let (fd, there) = (here.as_fd().as_raw_fd(), way.open_there(&neighbour));

            rejoin(&host, here, way.here).unwrap();

            assert_eq!(here.as_fd().as_raw_fd(), fd);
            exchange(*way, here, &there);
            there.send(way.to_here(), &way.wrap(way.there, way.to_here(), &[0x31, 9])).unwrap();
            let mut events = [EpollEvent::empty()];
            let timeout = EpollTimeout::try_from(PATIENCE).unwrap();
            assert_eq!(epoll.wait(&mut events, timeout), Ok(1), "{way:?}: still registered");
            assert_eq!(events[0].data(), number);
            let packet = receive(here);
            assert_eq!(way.unwrap(&packet.bytes), [0x31, 9]);
            assert_eq!(packet.interface, host.eth0.index());
            assert!(here.recv(&mut [0; 128]).unwrap().is_none());
        }
    }
}

pub(crate) fn filter_and_hop_limit_stay() {
    let (mut lan, mut host, neighbour) = two_hosts_with_ipv6();
    let mut sockets = Way::all().map(|way| (way, way.open_here(&host)));
    for (_, socket) in &sockets {
        socket.receive_only([7]).unwrap();
        socket.set_unicast_hop_limit(NonZeroU8::new(64).unwrap()).unwrap();
    }

    host.replace_interface(&mut lan, 1);
    host.enable_ipv6(1);

    for (way, here) in &mut sockets {
        let there = way.open_there(&neighbour);
        rejoin(&host, here, way.here).unwrap();
        here.send(way.to_there(), &way.wrap(way.here, way.to_there(), &[0x21, 7])).unwrap();
        for vrid in [8, 7] {
            there.send(way.to_here(), &way.wrap(way.there, way.to_here(), &[0x21, vrid])).unwrap();
        }

        let is_unicast = way.to_there() == way.there;
        let expected = if is_unicast && way.protocol == Protocol::Vrrp { 64 } else { 255 };
        assert_eq!(receive(&there).hop_limit, expected, "{way:?}");
        assert_eq!(way.unwrap(&receive(here).bytes), [0x21, 7], "{way:?}");
    }
}

pub(crate) fn the_source_may_be_another_one() {
    let (mut lan, mut host, neighbour) = two_hosts_with_ipv6();
    let mut sockets = Way::all().map(|way| (way, way.open_here(&host)));

    host.replace_interface(&mut lan, 1);
    host.enable_ipv6(1);
    for source in ["10.0.0.50/24", "fe80::50/64"] {
        host.netlink.add(&host.eth0, address(source)).unwrap();
    }

    for (way, here) in &mut sockets {
        let there = way.open_there(&neighbour);
        let source = address(if way.here.is_ipv4() { "10.0.0.50" } else { "fe80::50" }).ip();
        let moved = Way { here: source, ..*way };

        rejoin(&host, here, source).unwrap();

        exchange(moved, here, &there);
        let other_family = if source.is_ipv4() { "fe80::50" } else { "10.0.0.50" };
        let error = rejoin(&host, here, address(other_family).ip()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsuitable);
        exchange(moved, here, &there);
    }
}

pub(crate) fn where_nothing_went_nothing_changes() {
    let (_lan, host, neighbour) = two_hosts_with_ipv6();
    for way in Way::all() {
        let (mut here, there) = (way.open_here(&host), way.open_there(&neighbour));

        // More often than a socket may join groups (net.ipv4.igmp_max_memberships).
        for _ in 0..30 {
            rejoin(&host, &mut here, way.here).unwrap();
        }

        exchange(way, &here, &there);
    }
}

pub(crate) fn a_name_that_went_to_another_interface_is_not_followed() {
    let Some(ip) = lab::need("ip") else { return };
    let (_lan, host, neighbour) = two_hosts_with_ipv6();
    let rename = |words: &str| {
        let run = || Command::new(&ip).args(words.split(' ')).status().unwrap();
        assert!(host.namespace.run(run).unwrap().success(), "ip {words}");
    };
    rename("link add other type veth peer name cable");
    let mut sockets = Way::all().map(|way| (way, way.open_here(&host)));

    rename("link set eth0 name wan0");
    rename("link set other name eth0");

    for (way, here) in &mut sockets {
        let there = way.open_there(&neighbour);
        exchange(*way, here, &there);
        rejoin(&host, here, way.here).unwrap();
        exchange(*way, here, &there);
        exchange(*way, &way.open_here(&host), &there);
    }
}

pub(crate) fn no_interface_that_is_gone_is_remembered() {
    let (mut lan, mut host, neighbour) = two_hosts();
    let way = Way::all()[0];
    let (mut here, there) = (way.open_here(&host), way.open_there(&neighbour));

    // More often than a socket may join groups, those of deleted interfaces included.
    for _ in 0..25 {
        host.replace_interface(&mut lan, 1);
        rejoin(&host, &mut here, way.here).unwrap();
    }

    exchange(way, &here, &there);
}

pub(crate) fn it_fails_until_interface_and_source_are_back() {
    let (mut lan, mut host, neighbour) = two_hosts();
    let (mut here, there) = (host.vrrp(), neighbour.vrrp());

    host.replace_interface(&mut lan, 1);
    lan.detach("host1").unwrap();
    let no_interface = rejoin(&host, &mut here, host.ip.into()).unwrap_err();
    let (namespace, other) = (host.namespace.try_clone().unwrap(), [10, 0, 0, 99].into());
    lan.attach(&namespace, "host1", other, 24).unwrap();
    host.eth0 = host.netlink.interface("eth0").unwrap();
    let no_source = rejoin(&host, &mut here, host.ip.into()).unwrap_err();
    host.netlink.add(&host.eth0, address("10.0.0.1/24")).unwrap();
    rejoin(&host, &mut here, host.ip.into()).unwrap();

    assert_eq!(no_interface.kind(), ErrorKind::NoSuchInterface);
    assert_eq!(no_interface.to_string(), "cannot rejoin on eth0: no such device");
    assert_eq!(no_source.kind(), ErrorKind::Unsuitable);
    assert_eq!(no_source.to_string(), "cannot rejoin on eth0: 10.0.0.1 is not an address of this host");
    here.send(GROUP, b"back").unwrap();
    assert_eq!(receive(&there).bytes, b"back");
    there.send(GROUP, b"welcome").unwrap();
    assert_eq!(receive(&here).bytes, b"welcome");
}

fn rejoin(host: &Host, socket: &mut VrrpSocket, source: IpAddr) -> Result<(), vip_netlink::Error> {
    host.namespace.run(|| socket.rejoin(&host.eth0, source)).unwrap()
}

/// A message each way.
fn exchange(way: Way, here: &VrrpSocket, there: &VrrpSocket) {
    here.send(way.to_there(), &way.wrap(way.here, way.to_there(), &[0x21, 7])).unwrap();
    let packet = receive(there);
    assert_eq!((packet.source, way.unwrap(&packet.bytes)), (way.here, &[0x21, 7][..]), "{way:?}");
    there.send(way.to_here(), &way.wrap(way.there, way.to_here(), &[0x31, 7])).unwrap();
    assert_eq!(way.unwrap(&receive(here).bytes), [0x31, 7], "{way:?}");
}
