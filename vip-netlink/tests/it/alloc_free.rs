//! The packet path allocates nothing.

use std::{net::IpAddr, os::fd::AsFd, time::Instant};

use lab::allocations;
use vip_netlink::{ErrorKind, ReceiveBatch};

use crate::support::{GROUP, GROUP_V6, PATIENCE, link_local, two_hosts_with_ipv6, wait_readable};

pub(crate) fn sending_and_receiving_allocate_nothing() {
    for (group, one, other) in [
        (GROUP, IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2])),
        (GROUP_V6, link_local(1), link_local(2)),
    ] {
        let (_lan, host, neighbour) = two_hosts_with_ipv6();
        let (here, there) = (host.vrrp_from(one), neighbour.vrrp_from(other));
        let announcer = host.announcer();
        let (mut buffer, mut batch) = ([0; 2048], ReceiveBatch::new(2048));

        let before = allocations();
        for round in 0..100_u8 {
            here.send(group, &[round; 40]).unwrap();
            assert!(wait_readable(there.as_fd(), Instant::now() + PATIENCE));
            let packet = there.recv(&mut buffer).unwrap().unwrap();
            assert_eq!(packet.bytes, [round; 40]);
            assert!(there.recv(&mut buffer).unwrap().is_none());
            let messages = [(group, &[round; 40][..]), (other, &[round; 40]), (group, &[round; 41])];
            assert_eq!(here.send_batch(&messages, |_, error| panic!("{error}")), 3);
            let (mut left, mut len) = (2, 40);
            while left > 0 {
                assert!(wait_readable(there.as_fd(), Instant::now() + PATIENCE));
                for packet in there.recv_batch(&mut batch).unwrap() {
                    assert_eq!(packet.unwrap().bytes.len(), len);
                    (left, len) = (left - 1, len + 1);
                }
            }
            announcer.announce(one).unwrap();
            announcer.announce_all([one; 40]).unwrap();
        }
        let steady = allocations() - before;

        host.namespace.link_down("eth0").unwrap();
        let before = allocations();
        for _ in 0..100 {
            assert_eq!(here.send(group, b"down").unwrap_err().kind(), ErrorKind::InterfaceDown);
            let sent = here.send_batch(&[(group, b"down")], |_, error| {
                assert_eq!(error.kind(), ErrorKind::InterfaceDown);
            });
            assert_eq!(sent, 0);
            assert_eq!(announcer.announce(one).unwrap_err().kind(), ErrorKind::InterfaceDown);
            assert_eq!(announcer.announce_all([one; 2]).unwrap_err().kind(), ErrorKind::InterfaceDown);
        }
        let failing = allocations() - before;

        assert_eq!((steady, failing), (0, 0));
    }
}

#[global_allocator]
static ALLOCATOR: lab::CountingAllocator = lab::CountingAllocator;
