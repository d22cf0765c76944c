//! What hosts send each other, and how much of it a filter drops.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};

use lab::Namespace;
use socket2::{Domain, Protocol, Socket, Type};
use vip_netlink::AcceptFilter;

use crate::support::PATIENCE;

/// How many packets were dropped.
pub(super) fn packets(filter: &mut AcceptFilter) -> u64 {
    let dropped = filter.dropped().unwrap();
    dropped.ipv4.packets + dropped.ipv6.packets
}

/// A socket for datagrams of both families.
pub(super) struct Udp(UdpSocket);

impl Udp {
    pub(super) const PORT: u16 = 4000;

    /// Receives what comes to the port.
    pub(super) fn server(host: &Namespace) -> Self {
        Self::bind(host, Self::PORT)
    }

    pub(super) fn client(host: &Namespace) -> Self {
        Self::bind(host, 0)
    }

    fn bind(host: &Namespace, port: u16) -> Self {
        let socket = host.run(|| UdpSocket::bind((Ipv6Addr::UNSPECIFIED, port))).unwrap().unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(socket)
    }

    /// Sends to a server.
    pub(super) fn send(&self, text: &str, to: IpAddr) {
        let to = match to {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        self.send_v6(text, SocketAddrV6::new(to, Self::PORT, 0, 0));
    }

    pub(super) fn send_v6(&self, text: &str, to: SocketAddrV6) {
        self.0.send_to(text.as_bytes(), to).unwrap();
    }

    /// Waits for the next datagram.
    pub(super) fn receive(&self) -> String {
        let mut buffer = [0; 64];
        let length = self.0.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }
}

/// A socket for ICMP messages of the address's family, as neighbour discovery wants them.
pub(super) fn icmp(host: &Namespace, family: IpAddr) -> UdpSocket {
    let (domain, protocol) = match family {
        IpAddr::V4(_) => (Domain::IPV4, Protocol::ICMPV4),
        IpAddr::V6(_) => (Domain::IPV6, Protocol::ICMPV6),
    };
    let socket = host.run(|| Socket::new(domain, Type::RAW, Some(protocol))).unwrap().unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    if family.is_ipv6() {
        socket.set_unicast_hops_v6(255).unwrap();
    }
    socket.into()
}

pub(super) fn send_echo_request(socket: &UdpSocket, to: IpAddr) {
    // The kernel fills in the checksum of ICMPv6 alone.
    let message = if to.is_ipv4() { [8, 0, 0xf7, 0xfd, 0, 1, 0, 1] } else { [128, 0, 0, 0, 0, 1, 0, 1] };
    socket.send_to(&message, (to, 0)).unwrap();
}

/// Waits for a message that `wanted` says yes to: who sent it, and the message.
pub(super) fn receive_icmp(socket: &UdpSocket, wanted: impl Fn(&[u8]) -> bool) -> (IpAddr, Vec<u8>) {
    let mut buffer = [0; 2048];
    loop {
        let (length, source) = socket.recv_from(&mut buffer).unwrap();
        let header = match source {
            SocketAddr::V4(_) => usize::from(buffer[0] & 0xf) * 4,
            SocketAddr::V6(_) => 0,
        };
        let message = &buffer[header..length];
        if wanted(message) {
            return (source.ip(), message.to_vec());
        }
    }
}
