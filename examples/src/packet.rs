use vrrp_proto::{Endpoints, Packet, ParseError};

/// Reads the headers of what a socket has received; `None` where it is none of VRRP's.
///
/// # Errors
///
/// The headers are not what VRRP's are.
pub fn read_packet<'p>(packet: &vip_netlink::Packet<'p>) -> Option<Result<Packet<'p>, ParseError>> {
    match packet.datagram.map(Packet::from_ipv4) {
        // An Authentication Header of IPsec's.
        Some(Err(ParseError::Protocol(_))) => None,
        Some(read) => Some(read),
        None => {
            let endpoints = Endpoints::new(packet.source, packet.destination)?;
            Some(Ok(Packet::new(endpoints, packet.hop_limit, packet.bytes)))
        }
    }
}
