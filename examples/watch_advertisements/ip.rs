//! Finds the VRRP packets among all others, and takes the IP header off.

use std::net::Ipv4Addr;

use etherparse::{Ipv6FragmentHeaderSlice, Ipv6HeaderSlice, Ipv6RawExtHeaderSlice};
use vrrp_proto::{AH_PROTOCOL, Endpoints, PROTOCOL, Packet, ParseError};

use super::{link::Datagram, source::Frame};

/// A VRRP packet, as far as the IP header says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    /// `None` where not even these were to be read.
    pub(crate) endpoints: Option<Endpoints>,
    pub(crate) hop_limit: Option<u8>,
    pub(crate) packet: Result<Packet<'a>, NoPacket>,
}

/// Why there is no packet to be decoded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NoPacket {
    /// The IP headers are wrong.
    Bad(ParseError),
    /// The capture kept only the beginning.
    Cut { captured: usize, total: usize },
}

/// Returns the VRRP packet in a frame, if that is what it is.
pub(crate) fn find<'a>(frame: &Frame<'a>) -> Option<Found<'a>> {
    match frame.link.datagram(frame.bytes)? {
        Datagram::V4(datagram) => find_v4(datagram, frame.missing),
        Datagram::V6(datagram) => find_v6(datagram, frame.missing),
    }
}

fn find_v4(datagram: &[u8], missing: usize) -> Option<Found<'_>> {
    let header_len = usize::from(datagram.first()? & 0xf) * 4;
    match *datagram.get(PROTOCOL_AT)? {
        PROTOCOL => {}
        // It may protect anything; what it does is in its first byte.
        AH_PROTOCOL if datagram.get(header_len) == Some(&PROTOCOL) => {}
        _ => return None,
    }
    // The decoder returns the endpoints of what it takes; these are for what it refuses.
    let header = datagram.first_chunk::<IPV4_LEN>();
    let endpoints = header.map(|[.., s0, s1, s2, s3, d0, d1, d2, d3]| Endpoints::V4 {
        source: Ipv4Addr::new(*s0, *s1, *s2, *s3),
        destination: Ipv4Addr::new(*d0, *d1, *d2, *d3),
    });
    let total = header
        .map_or(datagram.len() + missing, |[_, _, t0, t1, ..]| usize::from(u16::from_be_bytes([*t0, *t1])));
    let packet = match Packet::from_ipv4(datagram) {
        Err(_) if missing > 0 && datagram.len() < total => {
            Err(NoPacket::Cut { captured: datagram.len(), total })
        }
        taken => taken.map_err(NoPacket::Bad),
    };
    Some(Found { endpoints, hop_limit: datagram.get(HOP_LIMIT_AT).copied(), packet })
}

fn find_v6(datagram: &[u8], missing: usize) -> Option<Found<'_>> {
    let header = Ipv6HeaderSlice::from_slice(datagram).ok()?;
    let total = header.slice().len() + usize::from(header.payload_length());
    // Behind the total length there is at most Ethernet's padding.
    let datagram = datagram.get(..total).unwrap_or(datagram);
    let (message, is_fragment) = skip_extensions(&header, datagram)?;

    let (source, destination) = (header.source_addr(), header.destination_addr());
    let endpoints = Endpoints::V6 { source, destination };
    let available = datagram.len();
    let packet = if is_fragment {
        Err(NoPacket::Bad(ParseError::Fragment))
    } else if available == total {
        Ok(Packet::new(endpoints, header.hop_limit(), message))
    } else if missing > 0 {
        Err(NoPacket::Cut { captured: available, total })
    } else {
        Err(NoPacket::Bad(ParseError::IpLength { total, available }))
    };
    Some(Found { endpoints: Some(endpoints), hop_limit: Some(header.hop_limit()), packet })
}

/// Returns what is behind the extension headers, and whether it is a fragment; `None` if it is not VRRP.
fn skip_extensions<'a>(header: &Ipv6HeaderSlice<'a>, datagram: &'a [u8]) -> Option<(&'a [u8], bool)> {
    let (mut next, mut rest) = (header.next_header().0, datagram.get(header.slice().len()..)?);
    let mut is_fragment = false;
    loop {
        let len = match next {
            PROTOCOL => return Some((rest, is_fragment)),
            HOP_BY_HOP | ROUTING | DESTINATION_OPTIONS => {
                let extension = Ipv6RawExtHeaderSlice::from_slice(rest).ok()?;
                next = extension.next_header().0;
                extension.slice().len()
            }
            FRAGMENT => {
                let fragment = Ipv6FragmentHeaderSlice::from_slice(rest).ok()?;
                next = fragment.next_header().0;
                is_fragment = fragment.is_fragmenting_payload();
                if fragment.fragment_offset().value() != 0 && next != PROTOCOL {
                    return None; // Behind it is the middle of something.
                }
                fragment.slice().len()
            }
            _ => return None,
        };
        rest = rest.get(len..)?;
    }
}

pub(crate) const HOP_BY_HOP: u8 = 0;
pub(crate) const ROUTING: u8 = 43;
pub(crate) const FRAGMENT: u8 = 44;
pub(crate) const DESTINATION_OPTIONS: u8 = 60;

const IPV4_LEN: usize = 20;
const HOP_LIMIT_AT: usize = 8;
pub(crate) const PROTOCOL_AT: usize = 9;
