//! What the kernel is told to keep out.

use std::{
    os::fd::AsFd,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

use vip_netlink::VrrpSocket;

use crate::support::{Way, receive, two_hosts_with_ipv6, wait_readable};

pub(crate) fn only_the_virtual_routers_given_are_heard() {
    let (_lan, first, second) = two_hosts_with_ipv6();
    for way in Way::all() {
        let (here, there) = (way.open_here(&first), way.open_there(&second));
        let sender = Sender { way, socket: &there };
        here.receive_only([7, 32, 255]).unwrap();

        for vrid in 0..=255 {
            sender.send(&[0x21, vrid, 100]);
        }
        sender.send(&[0x99, 7]); // What is wrong with it is for others to say.
        sender.send(&[0x21]);
        sender.send(&[]);

        let own: [&[u8]; 6] =
            [&[0x21, 7, 100], &[0x21, 32, 100], &[0x21, 255, 100], &[0x99, 7], &[0x21], &[]];
        for message in own {
            assert_eq!(way.unwrap(&receive(&here).bytes), message, "{way:?}");
        }
        assert!(here.recv(&mut [0; 128]).unwrap().is_none());
    }
}

pub(crate) fn a_foreign_packet_wakes_nobody() {
    let (_lan, first, second) = two_hosts_with_ipv6();
    for way in Way::all() {
        let (filtered, hears_all) = (way.open_here(&first), way.open_here(&first));
        let there = way.open_there(&second);
        filtered.receive_only([7]).unwrap();

        Sender { way, socket: &there }.send(&[0x21, 8]);

        receive(&hears_all);
        assert!(!wait_readable(filtered.as_fd(), Instant::now()), "{way:?}");
    }
}

pub(crate) fn the_numbers_are_replaced_without_losing_a_packet() {
    let (_lan, first, second) = two_hosts_with_ipv6();
    for way in Way::all() {
        let (here, there) = (way.open_here(&first), way.open_there(&second));
        let sender = Sender { way, socket: &there };
        here.receive_only([7]).unwrap();
        let stop = AtomicBool::new(false);

        thread::scope(|scope| {
            scope.spawn(|| {
                for other in (8..=255).cycle().take_while(|_| !stop.load(Ordering::Relaxed)) {
                    here.receive_only([7, other]).unwrap();
                    here.receive_only([7]).unwrap();
                }
            });
            for round in 0..=255 {
                sender.send(&[0x21, 1, round]);
                sender.send(&[0x21, 7, round]);

                assert_eq!(way.unwrap(&receive(&here).bytes), [0x21, 7, round], "{way:?}");
            }
            stop.store(true, Ordering::Relaxed);
        });
    }
}

pub(crate) fn everything_is_heard_again() {
    let (_lan, first, second) = two_hosts_with_ipv6();
    for way in Way::all() {
        let (here, there) = (way.open_here(&first), way.open_there(&second));
        here.receive_all().unwrap();
        here.receive_only([]).unwrap();
        Sender { way, socket: &there }.send(&[0x21, 7, 1]);

        here.receive_all().unwrap();
        here.receive_all().unwrap();
        Sender { way, socket: &there }.send(&[0x21, 7, 2]);

        assert_eq!(way.unwrap(&receive(&here).bytes), [0x21, 7, 2], "{way:?}");
    }
}

pub(crate) fn a_full_set_fits() {
    let (_lan, first, second) = two_hosts_with_ipv6();
    for way in Way::all() {
        let (here, there) = (way.open_here(&first), way.open_there(&second));

        here.receive_only(1..=255).unwrap();

        for vrid in [0, 1, 255] {
            Sender { way, socket: &there }.send(&[0x21, vrid]);
        }
        assert_eq!(way.unwrap(&receive(&here).bytes), [0x21, 1], "{way:?}");
        assert_eq!(way.unwrap(&receive(&here).bytes), [0x21, 255], "{way:?}");
    }
}

/// The second host.
struct Sender<'a> {
    way: Way,
    socket: &'a VrrpSocket,
}

impl Sender<'_> {
    fn send(&self, message: &[u8]) {
        let Self { way, socket } = self;
        socket.send(way.to_here(), &way.wrap(way.there, way.to_here(), message)).unwrap();
    }
}
