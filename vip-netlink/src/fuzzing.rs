//! Reads bytes as the sockets do.

use std::hint::black_box;

use kernel_netlink::{Messages, Reply};

use crate::{
    accept_filter::Traffic,
    address::AssignedAddress,
    monitor::{EventKind, Follower, Lost, Origin},
    netlink::Link,
    route, rule,
};

/// Reads a datagram of a netlink socket in every way the crate does.
pub fn read_netlink(datagram: &[u8]) {
    for message in Messages::new(datagram).map_while(Result::ok) {
        match message.read() {
            Ok(Reply::End(outcome)) => drop(black_box(outcome.into_result())),
            Ok(Reply::Data { payload, .. }) => {
                let _ = black_box(Link::parse(payload));
                let _ = black_box(AssignedAddress::parse(payload));
                let _ = black_box(Traffic::parse(payload));
                let route = route::Installed::parse(payload).ok().flatten();
                let _ = black_box(route.map(|installed| installed.route.to_string()));
                let rule = rule::Installed::parse(payload).ok().flatten();
                let _ = black_box(rule.map(|installed| installed.rule.to_string()));
            }
            _ => {}
        }
    }
}

/// Takes a datagram for one of events.
///
/// # Panics
///
/// Where the picture that comes of it disagrees with itself.
pub fn follow_netlink(datagram: &[u8]) {
    let mut follower = Follower::default();
    let _ = follower.handle_datagram(datagram, |_, _| Origin::Unknown);
    while follower.poll_event().is_some() {}
    let interfaces: Vec<_> = follower.picture().interfaces().copied().collect();
    let addresses: Vec<_> = follower.picture().addresses().copied().collect();
    for interface in &interfaces {
        let of_interface = follower.picture().addresses_of(interface.index());
        assert!(of_interface.eq(addresses.iter().filter(|address| address.interface() == interface.index())));
    }

    follower.handle_lists(&interfaces, &addresses, Lost::Malformed);
    let told = follower.poll_event().map(|event| event.kind);
    assert_eq!(told, Some(EventKind::Resynced(Lost::Malformed)), "lists of what is known tell nothing");
    follower.handle_lists(&[], &[], Lost::Malformed);
    let picture = follower.picture();
    assert_eq!((picture.interfaces().len(), picture.addresses().len()), (0, 0));
    assert!(interfaces.iter().all(|gone| picture.interface_named(gone.name()).is_none()));
}

/// Reads a datagram of a raw IPv4 socket.
pub fn read_packet(datagram: &[u8]) {
    black_box(crate::Packet::from_ipv4(datagram, 1, None));
}

#[cfg(test)]
mod tests {
    use lab::written::message_bytes;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in vec(any::<u8>(), 0..256)) {
            read_netlink(&bytes);
        }

        #[test]
        fn any_payload_is_read_without_panic(kind in 0_u16..64, flags: u16, payload in vec(any::<u8>(), 0..256)) {
            read_netlink(&message_bytes(kind, flags, 1, &payload));
        }
    }
}
