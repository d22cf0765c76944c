#![doc = include_str!("v3.md")]

use crate::{
    Addresses, AdvertInterval, Advertisement, Checksum, Decoded, Endpoints, Family, Packet, ParseError,
    Priority, Vrid,
    advertisement::Body,
    checksum::Sum,
    packet::{HEADER_LEN, header_start, split},
};

pub(crate) fn decode<'a>(
    header: &[u8; HEADER_LEN],
    body: &'a [u8],
    packet: &Packet<'a>,
) -> Result<Decoded<'a>, ParseError> {
    let endpoints = packet.endpoints();
    let [_, vrid, priority, count, i0, i1, checksum @ ..] = *header;
    let found = u16::from_be_bytes(checksum);
    let (addresses, trailer, checksum) = match endpoints.family() {
        Family::V4 => {
            let parts = split::<4, 0>(header, body)?;
            let len = HEADER_LEN + parts.addresses.as_flattened().len();
            let checksum = verify_v4(parts.sum(header), len, &endpoints, found)?;
            (Addresses::V4(parts.addresses), parts.trailer, checksum)
        }
        Family::V6 => {
            let parts = split::<16, 0>(header, body)?;
            let len = HEADER_LEN + body.len();
            let sum = Sum::default().add(header).add(body).add_sum(endpoints.pseudo_header(len));
            let checksum = if sum.is_right() { Checksum::PseudoHeader } else { return Err(sum.error(found)) };
            (Addresses::V6(parts.addresses), parts.trailer, checksum)
        }
    };
    let vrid = Vrid::new(vrid).map_err(|_| ParseError::Vrid)?;
    if packet.has_ah() {
        return Err(ParseError::AuthHeader { auth_type: 0, has_ah: true });
    }
    let centis = u16::from_be_bytes([i0, i1]) & INTERVAL_BITS;
    let advertisement = Advertisement {
        vrid,
        priority: Priority::new(priority),
        interval: AdvertInterval::from_centis(centis).map_err(|_| ParseError::Interval)?,
        body: Body::V3,
        count,
        addresses,
    };
    Ok(Decoded::new(packet, advertisement, checksum, trailer))
}

/// Finds out what a checksum over IPv4 covers, besides the `len` bytes of the message, whose sum is given.
fn verify_v4(sum: Sum, len: usize, endpoints: &Endpoints, found: u16) -> Result<Checksum, ParseError> {
    let whole = sum.add_sum(endpoints.pseudo_header(len));
    if whole.is_right() {
        return Ok(Checksum::PseudoHeader);
    }
    if sum.is_right() {
        return Ok(Checksum::MessageOnly);
    }
    let old = sum.add_sum(endpoints.to_group().pseudo_header(len));
    if !endpoints.is_multicast() && old.is_right() {
        return Ok(Checksum::OldUnicast);
    }
    Err(whole.error(found))
}

/// Returns the header with a checksum of zero.
pub(crate) fn header(advertisement: &Advertisement<'_>) -> [u8; HEADER_LEN] {
    let [a, b, c, d] = header_start(advertisement);
    let [e, f] = advertisement.interval.as_centis().unwrap_or_default().to_be_bytes(); // Advertisement::v3 has checked it.
    [a, b, c, d, e, f, 0, 0]
}

/// Returns what the checksum covers besides the message.
pub(crate) fn pseudo_header(endpoints: &Endpoints, checksum: Checksum, len: usize) -> Sum {
    match (endpoints.family(), checksum) {
        (Family::V4, Checksum::MessageOnly) => Sum::default(),
        (Family::V4, Checksum::OldUnicast) if !endpoints.is_multicast() => {
            endpoints.to_group().pseudo_header(len)
        }
        (Family::V4, Checksum::PseudoHeader | Checksum::OldUnicast) | (Family::V6, _) => {
            endpoints.pseudo_header(len)
        }
    }
}

const INTERVAL_BITS: u16 = 0x0fff;
