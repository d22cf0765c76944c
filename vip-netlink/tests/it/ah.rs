//! Authentication Headers: whole datagrams of IPv4, in and out.

use std::net::{IpAddr, Ipv4Addr};

use lab::Lan;
use vip_netlink::{ErrorKind, Protocol, Reception, VrrpSocket};

use crate::support::{GROUP, Host, ah_datagram, capture, receive, two_hosts};

pub(crate) fn a_datagram_arrives_as_it_was_sent() {
    let (lan, here, there) = two_hosts();
    let mut at_neighbour = lan.capture("host2").unwrap();
    let sender = open(&here, Reception::Group(GROUP));
    let of_group = open(&there, Reception::Group(GROUP));
    let sent = datagram(here.ip, [224, 0, 0, 18].into(), 255);

    sender.send(GROUP, &sent).unwrap();

    let frame = capture(&mut at_neighbour, |frame| frame.outgoing && frame.bytes.ends_with(b"message"));
    assert_eq!(frame[..6], [0x01, 0x00, 0x5e, 0, 0, 18]);
    let received = receive(&of_group);
    assert_eq!((received.source, received.destination), (here.ip.into(), GROUP));
    assert_eq!((received.hop_limit, &received.bytes[..]), (255, &sent[20..]));
    let datagram = received.datagram.unwrap();
    assert_eq!(frame[14..], datagram);
    // What the Authentication Header covers is the caller's; total length and checksum are the kernel's.
    assert_eq!(without_checksum(&datagram), without_checksum(&sent));
    assert_eq!(ones_complement_sum(&datagram[..20]), 0xffff);
}

pub(crate) fn a_datagram_goes_to_one_peer() {
    let (_lan, here, there) = two_hosts();
    let of_one = open(&there, Reception::Unicast);
    let of_group = open(&there, Reception::Group(GROUP));

    open(&here, Reception::Unicast).send(there.ip.into(), &datagram(here.ip, there.ip, 64)).unwrap();

    let received = receive(&of_one);
    assert_eq!((received.source, received.destination), (here.ip.into(), there.ip.into()));
    assert_eq!(received.hop_limit, 64, "that of the caller's header");
    assert!(of_group.recv(&mut [0; 128]).unwrap().is_none());
}

pub(crate) fn own_datagrams_do_not_come_back() {
    let (_lan, here, there) = two_hosts();
    let [sender, sibling] = [(); 2].map(|()| open(&here, Reception::Group(GROUP)));
    let other = open(&there, Reception::Group(GROUP));

    sender.send(GROUP, &datagram(here.ip, [224, 0, 0, 18].into(), 255)).unwrap();
    receive(&other);
    other.send(GROUP, &datagram(there.ip, [224, 0, 0, 18].into(), 255)).unwrap();

    assert_eq!(receive(&sender).source, IpAddr::from(there.ip));
    assert_eq!(receive(&sibling).source, IpAddr::from(there.ip));
}

pub(crate) fn with_and_without_the_header_are_kept_apart() {
    let (_lan, here, there) = two_hosts();
    let (with, without) = (open(&there, Reception::Group(GROUP)), there.vrrp());

    here.vrrp().send(GROUP, b"without").unwrap();
    open(&here, Reception::Group(GROUP))
        .send(GROUP, &datagram(here.ip, [224, 0, 0, 18].into(), 255))
        .unwrap();

    assert!(receive(&with).bytes.ends_with(b"message"));
    assert_eq!(receive(&without).bytes, b"without");
    assert!(with.recv(&mut [0; 128]).unwrap().is_none());
    assert!(without.recv(&mut [0; 128]).unwrap().is_none());
}

pub(crate) fn what_is_no_datagram_is_not_sent() {
    let mut lan = Lan::new().unwrap();
    let host = Host::new(&mut lan, 1);

    let error = open(&host, Reception::Group(GROUP)).send(GROUP, b"a message alone").unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Malformed);
    assert_eq!(error.to_string(), "cannot send on eth0: malformed message");
}

fn open(host: &Host, reception: Reception) -> VrrpSocket {
    host.open_for(host.ip, reception, Protocol::Ah).unwrap()
}

fn datagram(source: Ipv4Addr, destination: Ipv4Addr, ttl: u8) -> Vec<u8> {
    ah_datagram(source, destination, ttl, b"message")
}

fn without_checksum(datagram: &[u8]) -> Vec<u8> {
    [&datagram[..10], &datagram[12..]].concat()
}

fn ones_complement_sum(bytes: &[u8]) -> u32 {
    let words = bytes.chunks(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])));
    let sum = words.sum::<u32>();
    (sum & 0xffff) + (sum >> 16)
}
