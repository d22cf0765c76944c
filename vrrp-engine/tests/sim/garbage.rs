use std::{net::IpAddr, sync::Arc};

use super::{
    dice::Dice,
    packet::{self, Datagram, Oddity},
    spec::{Family, Role, Spec, Version},
    witness::Fate,
};

/// What nobody should believe.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Garbage {
    /// One byte is another.
    Flipped,
    CutShort,
    TooLong,
    Forwarded,
    OtherVrid,
    VridZero,
    OtherType,
    UnknownVersion,
    NoAddresses,
    /// Its receiver's own, sent back.
    Echo,
    Odd(Oddity),
}

impl Garbage {
    /// Draws one that can be made of a packet of that role.
    pub(crate) fn draw(dice: &mut Dice, role: &Role) -> Self {
        const ANY: [Garbage; 12] = [
            Garbage::Flipped,
            Garbage::Flipped,
            Garbage::CutShort,
            Garbage::TooLong,
            Garbage::Forwarded,
            Garbage::OtherVrid,
            Garbage::VridZero,
            Garbage::OtherType,
            Garbage::UnknownVersion,
            Garbage::NoAddresses,
            Garbage::Echo,
            Garbage::Odd(Oddity::Group),
        ];
        const V2: [Garbage; 3] =
            [Garbage::Odd(Oddity::Interval), Garbage::Odd(Oddity::Password), Garbage::Odd(Oddity::Version)];
        const V3_OVER_V4: [Garbage; 1] = [Garbage::Odd(Oddity::Version)];
        let more: &[Self] = match (role.version, role.family) {
            (Version::V2, _) => &V2,
            (Version::V3, Family::V4) => &V3_OVER_V4,
            (Version::V3, Family::V6) => &[],
        };
        let which = dice.index(ANY.len() + more.len());
        ANY.get(which).copied().unwrap_or_else(|| more[which - ANY.len()])
    }

    /// Makes such a packet of one that a peer of that role might send to a host, and says what is to become of it.
    pub(crate) fn make(self, dice: &mut Dice, from: IpAddr, role: &Role, to: &Spec) -> (Datagram, Fate) {
        let good = packet::advertisement(from, role, None);
        let with = |bytes: Vec<u8>| Datagram { bytes: Arc::from(bytes), ..good.clone() };
        let bytes = good.bytes.to_vec();
        match self {
            Self::Flipped => {
                let mut bytes = bytes;
                let at = dice.index(bytes.len());
                bytes[at] ^= dice.roll(255) as u8 + 1;
                (with(bytes), Fate::Unknown)
            }
            Self::CutShort => {
                (with(bytes[..dice.index(bytes.len())].to_vec()), Fate::Unread("packet_length_errors"))
            }
            Self::TooLong => {
                let excess = (0..=dice.roll(20)).map(|_| dice.roll(256) as u8);
                (with(bytes.into_iter().chain(excess).collect()), Fate::Unread("packet_length_errors"))
            }
            Self::Forwarded => {
                let forwarded = Datagram { hop_limit: dice.roll(255) as u8, ..good };
                (forwarded, Fate::Stray("ip_ttl_errors"))
            }
            Self::OtherVrid => (with(patched(bytes, 1, 200)), Fate::Stray("vrid_errors")),
            Self::VridZero => (with(patched(bytes, 1, 0)), Fate::Stray("vrid_errors")),
            Self::OtherType => {
                let first = bytes[0] & 0xf0 | 2;
                (with(patched(bytes, 0, first)), Fate::Unread("invalid_type_pkts_rcvd"))
            }
            Self::UnknownVersion => {
                let first = dice.pick(&[0x01, 0x11, 0x41, 0xf1]);
                (with(patched(bytes, 0, first)), Fate::Stray("version_errors"))
            }
            Self::NoAddresses => (with(patched(bytes, 3, 0)), Fate::Unread("address_count_errors")),
            Self::Echo => {
                (packet::advertisement(to.source(role.family), role, None), Fate::Refused("own_address"))
            }
            Self::Odd(oddity) => {
                let counter = match oddity {
                    Oddity::Group => "destination_errors",
                    Oddity::Interval => "interval_errors",
                    Oddity::Password => "auth_type_mismatches",
                    Oddity::Version => "version_errors",
                };
                (packet::advertisement(from, role, Some(oddity)), Fate::Refused(counter))
            }
        }
    }
}

/// Changes a byte, and the checksum to suit (RFC 1624).
fn patched(mut bytes: Vec<u8>, at: usize, value: u8) -> Vec<u8> {
    let word = |bytes: &[u8]| u32::from(u16::from_be_bytes([bytes[at & !1], bytes[at | 1]]));
    let before = word(&bytes);
    bytes[at] = value;
    let checksum = !u16::from_be_bytes([bytes[6], bytes[7]]);
    let mut sum = u32::from(checksum) + (!before & 0xffff) + word(&bytes);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    bytes[6..8].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    bytes
}
