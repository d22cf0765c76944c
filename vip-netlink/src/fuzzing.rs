//! Reads bytes as the sockets do.

use crate::monitor::{EventKind, Follower, Lost, Origin};

/// Reads a datagram of a netlink socket in every way the crate does.
pub fn read_netlink(datagram: &[u8]) {
    std::hint::black_box(crate::message::read_everything(datagram));
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
    std::hint::black_box(crate::Packet::from_ipv4(datagram, 1, None));
}
