//! VRRP version 2: the layout of RFC 3768 §5.1, and RFC 2338's authentication data.
//!
//! ```text
//!  0                   1                   2                   3
//!  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |Version| Type  | Virtual Rtr ID|   Priority    | Count IP Addrs|
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |   Auth Type   |   Adver Int   |          Checksum             |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                     IP Address (1 to n)                       |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! |                  Authentication Data (8 bytes)                |
//! +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//! ```
//!
//! The authentication data is there whatever the authentication type. The checksum covers all of it.

use crate::{
    Addresses, AdvertInterval, Advertisement, Authentication, ParseError, Password, Priority, Vrid,
    checksum::Sum,
};

pub(crate) const fn len(count: u8) -> usize {
    HEADER_LEN + count as usize * ADDRESS_LEN + AUTH_LEN
}

pub(crate) fn decode(message: &[u8]) -> Result<Advertisement<'_>, ParseError> {
    let Some((header, body)) = message.split_first_chunk::<HEADER_LEN>() else {
        return Err(ParseError::Truncated { len: message.len() });
    };
    let [version_type, vrid, priority, count, auth_type, interval, checksum @ ..] = *header;
    if version_type >> 4 != VERSION {
        return Err(ParseError::Version(version_type >> 4));
    }
    if version_type & 0xf != TYPE_ADVERTISEMENT {
        return Err(ParseError::Type(version_type & 0xf));
    }
    if count == 0 {
        return Err(ParseError::NoAddresses);
    }
    let length_error = ParseError::Length { expected: len(count), actual: message.len() };
    let (addresses, auth_data) = body.split_last_chunk::<AUTH_LEN>().ok_or(length_error)?;
    let (addresses, excess) = addresses.as_chunks::<ADDRESS_LEN>();
    if addresses.len() != usize::from(count) || !excess.is_empty() {
        return Err(length_error);
    }
    let sum = Sum::default().add(message);
    if sum.fold() != 0xffff {
        return Err(checksum_error(message, u16::from_be_bytes(checksum)));
    }
    Ok(Advertisement {
        vrid: Vrid::new(vrid).map_err(|_| ParseError::Vrid)?,
        authentication: match auth_type {
            0 => Authentication::None,
            1 => Authentication::SimpleText(Password::from_wire(*auth_data)),
            other => return Err(ParseError::AuthType(other)),
        },
        interval: AdvertInterval::from_secs(interval).map_err(|_| ParseError::Interval)?,
        priority: Priority::new(priority),
        count,
        addresses: Addresses::V4(addresses),
    })
}

/// Returns the header of an advertisement, its checksum filled in.
pub(crate) fn header(advertisement: &Advertisement<'_>) -> [u8; HEADER_LEN] {
    let Advertisement { vrid, priority, interval, authentication, count, .. } = advertisement;
    let header = |[high, low]: [u8; 2]| {
        let version_type = VERSION << 4 | TYPE_ADVERTISEMENT;
        let auth_type = authentication.auth_type();
        [version_type, vrid.get(), priority.get(), *count, auth_type, interval.as_secs(), high, low]
    };
    let unsummed = header([0, 0]);
    let sum = parts(advertisement, &unsummed).into_iter().fold(Sum::default(), Sum::add);
    header(sum.checksum().to_be_bytes())
}

/// Returns the packet as the runs of bytes it is made of, in their order.
pub(crate) fn parts<'a>(advertisement: &'a Advertisement<'_>, header: &'a [u8; HEADER_LEN]) -> [&'a [u8]; 3] {
    let auth_data = match &advertisement.authentication {
        Authentication::None => &[0; AUTH_LEN],
        Authentication::SimpleText(password) => password.as_wire(),
    };
    [header, advertisement.addresses.as_bytes(), auth_data]
}

/// Says what the checksum should have been; kept off the path of good packets.
#[cold]
fn checksum_error(message: &[u8], found: u16) -> ParseError {
    let computed = match message.split_first_chunk::<{ HEADER_LEN - 2 }>() {
        Some((before, [_, _, after @ ..])) => Sum::default().add(before).add(&[0, 0]).add(after).checksum(),
        Some(_) | None => 0,
    };
    ParseError::Checksum { found, computed }
}

const VERSION: u8 = 2;
const TYPE_ADVERTISEMENT: u8 = 1;
const HEADER_LEN: usize = 8;
const ADDRESS_LEN: usize = 4;
const AUTH_LEN: usize = 8;
