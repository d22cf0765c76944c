//! Waiting with tokio's reactor.

use std::{future::Future, time::Duration};

use tokio::{runtime::Builder, time::timeout};
use vip_netlink::{
    Event, EventKind, Monitor, Origin,
    tokio::{Monitor as AsyncMonitor, VrrpSocket as AsyncVrrpSocket},
};

use crate::support::{GROUP, PATIENCE, address, two_hosts};

pub(crate) fn an_event_wakes_whoever_waits_for_it() {
    let (_lan, mut host, _) = two_hosts();
    let monitor = host.namespace.run(Monitor::open).unwrap().unwrap();
    let vips = ["192.0.2.10/32", "192.0.2.11/32"].map(address);

    run(async {
        let mut monitor = AsyncMonitor::new(monitor).unwrap();
        monitor.recognize(&mut host.netlink).unwrap();
        for vip in vips {
            // One that is given up loses nothing.
            assert!(timeout(Duration::from_millis(1), monitor.next()).await.is_err());
            let eth0 = host.eth0;
            let netlink = &mut host.netlink;
            let (event, change) = tokio::join!(monitor.next(), async { netlink.add(&eth0, vip) });

            change.unwrap();
            let Event { kind: EventKind::AddressAdded(added), origin: Origin::Us, .. } = event.unwrap()
            else {
                panic!("another event")
            };
            assert_eq!(added.address(), vip);
            assert_eq!(monitor.picture().addresses_with(eth0.index(), vip.ip()).count(), 1);
        }
    });
}

pub(crate) fn a_packet_wakes_whoever_waits_for_it() {
    let (_lan, one, other) = two_hosts();

    run(async {
        let sender = AsyncVrrpSocket::new(one.vrrp()).unwrap();
        let receiver = AsyncVrrpSocket::new(other.vrrp()).unwrap();
        let mut buffer = [0; 2048];
        for round in 0..3 {
            assert!(timeout(Duration::from_millis(1), receiver.recv(&mut buffer)).await.is_err());
            let message = [round; 40];
            let (packet, sent) = tokio::join!(receiver.recv(&mut buffer), sender.send(GROUP, &message));

            sent.unwrap();
            let packet = packet.unwrap();
            assert_eq!((packet.source, packet.destination, packet.hop_limit), (one.ip.into(), GROUP, 255));
            assert_eq!(packet.bytes, message);
            assert_eq!(packet.datagram.map(|datagram| &datagram[20..]), Some(packet.bytes));
        }
        for _ in 0..2 {
            sender.send(GROUP, b"one after the other").await.unwrap();
        }
        for _ in 0..2 {
            assert_eq!(receiver.recv(&mut buffer).await.unwrap().bytes, b"one after the other");
        }
    });
}

pub(crate) fn a_socket_that_rejoins_stays_registered() {
    let (mut lan, mut one, other) = two_hosts();

    run(async {
        let sender = AsyncVrrpSocket::new(other.vrrp()).unwrap();
        let mut receiver = AsyncVrrpSocket::new(one.vrrp()).unwrap();
        one.replace_interface(&mut lan, 1);

        one.namespace.run(|| receiver.rejoin(&one.eth0, one.ip.into())).unwrap().unwrap();

        let mut buffer = [0; 2048];
        let (packet, sent) = tokio::join!(receiver.recv(&mut buffer), sender.send(GROUP, b"welcome"));
        sent.unwrap();
        assert_eq!(packet.unwrap().bytes, b"welcome");
    });
}

fn run(future: impl Future<Output = ()>) {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { timeout(PATIENCE, future).await.unwrap() });
}
