#![doc = include_str!("v2.md")]

use crate::{
    Addresses, AdvertInterval, Advertisement, Authentication, Checksum, Decoded, Family, Packet, ParseError,
    Password, Priority, Vrid,
    advertisement::Body,
    packet::{HEADER_LEN, header_start, split},
};

#[inline]
pub(crate) fn decode<'a>(
    header: &[u8; HEADER_LEN],
    body: &'a [u8],
    packet: &Packet<'a>,
) -> Result<Decoded<'a>, ParseError> {
    if packet.endpoints().family() == Family::V6 {
        return Err(ParseError::V2OverIpv6);
    }
    let parts = split::<4, AUTH_LEN>(header, body)?;
    let [_, vrid, priority, count, auth_type, secs, checksum @ ..] = *header;
    let sum = parts.sum(header);
    if !sum.is_right() {
        return Err(sum.error(u16::from_be_bytes(checksum)));
    }
    let vrid = Vrid::new(vrid).map_err(|_| ParseError::Vrid)?;
    let authentication = match auth_type {
        0 => Authentication::None,
        1 => Authentication::SimpleText(Password::from_wire(*parts.rest)),
        2 => Authentication::Header,
        other => return Err(ParseError::AuthType(other)),
    };
    if packet.has_ah() != (auth_type == 2) {
        return Err(ParseError::AuthHeader { auth_type, has_ah: packet.has_ah() });
    }
    let advertisement = Advertisement {
        vrid,
        priority: Priority::new(priority),
        interval: AdvertInterval::from_secs(secs).map_err(|_| ParseError::Interval)?,
        body: Body::V2(authentication),
        count,
        addresses: Addresses::V4(parts.addresses),
    };
    Ok(Decoded::new(packet, advertisement, Checksum::MessageOnly, parts.trailer))
}

/// Returns the header with a checksum of zero.
pub(crate) fn header(advertisement: &Advertisement<'_>, authentication: Authentication) -> [u8; HEADER_LEN] {
    let [a, b, c, d] = header_start(advertisement);
    let secs = advertisement.interval.as_secs().unwrap_or_default(); // Advertisement::v2 has checked it.
    [a, b, c, d, authentication.auth_type(), secs, 0, 0]
}

/// Returns the authentication data.
pub(crate) const fn auth_data(authentication: &Authentication) -> &[u8] {
    match authentication {
        Authentication::None | Authentication::Header => &[0; AUTH_LEN],
        Authentication::SimpleText(password) => password.as_wire(),
    }
}

pub(crate) const AUTH_LEN: usize = 8;
