//! The packet path allocates nothing.

use std::{os::fd::AsFd, time::Instant};

use lab::allocations;
use vip_netlink::ErrorKind;

use crate::support::{PATIENCE, two_hosts, wait_readable};

pub(crate) fn sending_and_receiving_allocate_nothing() {
    let (_lan, host, neighbour) = two_hosts();
    let (here, there) = (host.vrrp(), neighbour.vrrp());
    let announcer = host.announcer();
    let mut buffer = [0; 2048];

    let before = allocations();
    for round in 0..100_u8 {
        here.send(&[round; 40]).unwrap();
        assert!(wait_readable(there.as_fd(), Instant::now() + PATIENCE));
        let packet = there.recv(&mut buffer).unwrap().unwrap();
        assert_eq!(packet.bytes, [round; 40]);
        assert!(there.recv(&mut buffer).unwrap().is_none());
        announcer.announce(host.ip).unwrap();
    }
    let steady = allocations() - before;

    host.namespace.link_down("eth0").unwrap();
    let before = allocations();
    for _ in 0..100 {
        assert_eq!(here.send(b"down").unwrap_err().kind(), ErrorKind::InterfaceDown);
        assert_eq!(announcer.announce(host.ip).unwrap_err().kind(), ErrorKind::InterfaceDown);
    }
    let failing = allocations() - before;

    assert_eq!((steady, failing), (0, 0));
}

#[global_allocator]
static ALLOCATOR: lab::CountingAllocator = lab::CountingAllocator;
