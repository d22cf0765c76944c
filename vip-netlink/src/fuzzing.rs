//! Reads bytes as the sockets do.

/// Reads a datagram of a netlink socket in every way the crate does.
pub fn read_netlink(datagram: &[u8]) {
    std::hint::black_box(crate::message::read_everything(datagram));
}

/// Reads a datagram of a raw IPv4 socket.
pub fn read_packet(datagram: &[u8]) {
    std::hint::black_box(crate::Packet::from_ipv4(datagram, 1, None));
}
