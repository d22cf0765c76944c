//! Many packets at once, and what is said of each.

use std::{
    net::IpAddr,
    os::fd::AsFd,
    time::{Instant, SystemTime},
};

use vip_netlink::{Error, ErrorKind, ReceiveBatch, VrrpSocket};

use crate::support::{PATIENCE, Received, Way, link_local, receive, two_hosts_with_ipv6, wait_readable};

pub(crate) fn a_batch_is_what_is_there() {
    let (_lan, first, second) = two_hosts_with_ipv6();
    let mut batch = ReceiveBatch::new(2048);
    for way in Way::all() {
        let (here, there) = (way.open_here(&first), way.open_there(&second));
        let one_by_one = way.open_here(&first);
        assert_eq!(here.recv_batch(&mut batch).unwrap().count(), 0);

        for number in 0..5 {
            there.send(way.to_here(), &way.wrap(way.there, way.to_here(), &[0x21, number])).unwrap();
        }

        let packets = receive_many(&here, &mut batch, 5);
        for packet in packets {
            let expected = Received { received_at: None, ..receive(&one_by_one) };
            assert_eq!(Received { received_at: None, ..packet.unwrap() }, expected, "{way:?}");
        }
        assert_eq!(here.recv_batch(&mut batch).unwrap().count(), 0);
    }
}

pub(crate) fn a_packet_that_is_too_long_costs_the_others_nothing() {
    let (_lan, first, second) = two_hosts_with_ipv6();
    let mut batch = ReceiveBatch::new(100);
    for way in Way::all() {
        let (here, there) = (way.open_here(&first), way.open_there(&second));
        let (short, long) = ([0x21, 7], [b'x'; 1000]);

        for message in [&short[..], &long, &short] {
            there.send(way.to_here(), &way.wrap(way.there, way.to_here(), message)).unwrap();
        }

        let packets = receive_many(&here, &mut batch, 3);
        let [Ok(one), Err(error), Ok(other)] = &packets[..] else { panic!("{packets:?}") };
        assert_eq!(way.unwrap(&one.bytes), short);
        assert_eq!(way.unwrap(&other.bytes), short);
        assert_eq!(error.kind(), ErrorKind::TooLong);
        assert!(error.to_string().ends_with(" bytes does not fit into a buffer of 100"), "{error}");
    }
}

pub(crate) fn a_full_batch_leaves_the_rest_for_the_next() {
    let (_lan, first, second) = two_hosts_with_ipv6();
    let mut batch = ReceiveBatch::new(2048);
    for way in Way::all() {
        let (here, hears_too) = (way.open_here(&first), way.open_here(&first));
        let there = way.open_there(&second);
        let more = ReceiveBatch::PACKETS + 8;

        for number in 0..more {
            let message = number.to_be_bytes();
            there.send(way.to_here(), &way.wrap(way.there, way.to_here(), &message)).unwrap();
        }
        for _ in 0..more {
            receive(&hears_too); // All have come up to the sockets.
        }

        let mut numbers = Vec::new();
        for full in [ReceiveBatch::PACKETS, 8, 0] {
            let packets = here.recv_batch(&mut batch).unwrap();
            let before = numbers.len();
            numbers.extend(packets.map(|packet| way.unwrap(packet.unwrap().bytes).to_vec()));
            assert_eq!(numbers.len() - before, full, "{way:?}");
            assert_eq!(batch.was_filled(), full == ReceiveBatch::PACKETS, "{way:?}");
        }
        assert!(numbers.into_iter().eq((0..more).map(|number| number.to_be_bytes().to_vec())));
    }
}

pub(crate) fn many_messages_arrive_in_their_order() {
    let (_lan, first, second) = two_hosts_with_ipv6();
    for way in Way::all() {
        let (here, there) = (way.open_here(&first), way.open_there(&second));
        let wrap = |number: u8| way.wrap(way.here, way.to_there(), &[0x21, number]);
        let datagrams: Vec<_> = (0..70).map(wrap).collect();
        let messages: Vec<_> = datagrams.iter().map(|datagram| (way.to_there(), &datagram[..])).collect();

        let sent = here.send_batch(&messages, |at, error| panic!("{way:?} {at}: {error}"));

        assert_eq!(sent, 70);
        for number in 0..70 {
            let packet = receive(&there);
            assert_eq!(way.unwrap(&packet.bytes), [0x21, number]);
            assert_eq!(
                (packet.source, packet.destination, packet.hop_limit),
                (way.here, way.to_there(), 255)
            );
        }
        assert_eq!(here.send_batch(&[], |_, _| {}), 0);
    }
}

pub(crate) fn what_cannot_be_sent_costs_the_others_nothing() {
    let (_lan, first, second) = two_hosts_with_ipv6();
    for way in Way::all() {
        let (here, there) = (way.open_here(&first), way.open_there(&second));
        let to = way.to_there();
        let other_family = if to.is_ipv4() { link_local(2) } else { IpAddr::from([10, 0, 0, 2]) };
        let one = way.wrap(way.here, to, &[0x21, 1]);
        let other = way.wrap(way.here, to, &[0x21, 2]);
        let mut too_long = one.clone();
        too_long.resize(70_000, 0);
        let mut failed = Vec::new();

        let messages = [(other_family, &one[..]), (to, &one), (to, &too_long), (to, &too_long), (to, &other)];
        let sent = here.send_batch(&messages, |at, error| failed.push((at, error.kind())));

        assert_eq!(sent, 2, "{way:?}");
        let expected = [(0, ErrorKind::Unsuitable), (2, ErrorKind::TooLong), (3, ErrorKind::TooLong)];
        assert_eq!(failed, expected, "{way:?}");
        assert_eq!(way.unwrap(&receive(&there).bytes), [0x21, 1]);
        assert_eq!(way.unwrap(&receive(&there).bytes), [0x21, 2]);
    }
}

pub(crate) fn each_message_to_an_interface_that_is_down_is_an_error() {
    let (_lan, first, _) = two_hosts_with_ipv6();
    let ways = Way::all().map(|way| (way, way.open_here(&first)));

    first.namespace.link_down("eth0").unwrap();

    for (way, socket) in ways {
        let datagram = way.wrap(way.here, way.to_there(), &[0x21, 1]);
        let mut failed = Vec::new();
        let sent = socket.send_batch(&[(way.to_there(), &datagram[..]); 40], |at, error| {
            assert_eq!(error.kind(), ErrorKind::InterfaceDown, "{way:?}: {error}");
            failed.push(at);
        });
        assert_eq!(sent, 0);
        assert!(failed.into_iter().eq(0..40));
    }
}

pub(crate) fn a_packet_says_where_and_when_it_came_in() {
    let (_lan, first, second) = two_hosts_with_ipv6();
    for way in Way::all() {
        let (here, there) = (way.open_here(&first), way.open_there(&second));
        let before = SystemTime::now();

        there.send(way.to_here(), &way.wrap(way.there, way.to_here(), &[0x21, 1])).unwrap();

        let packet = receive(&here);
        assert_eq!(packet.interface, first.eth0.index(), "{way:?}");
        let received_at = packet.received_at.unwrap();
        assert!(before <= received_at && received_at <= SystemTime::now(), "{way:?}");
    }
}

/// Takes batches until there were so many packets.
fn receive_many(socket: &VrrpSocket, batch: &mut ReceiveBatch, count: usize) -> Vec<Result<Received, Error>> {
    let mut packets = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while packets.len() < count {
        assert!(wait_readable(socket.as_fd(), deadline), "{} of {count} packets", packets.len());
        let taken = socket.recv_batch(batch).unwrap();
        packets.extend(taken.map(|packet| packet.map(Received::from)));
    }
    packets
}
