//! The keys that packets are checked with, and what has been seen of those that passed.

use std::{collections::BTreeMap, time::Duration};

use vrrp_proto::{
    AhKey, AhReplay, AuthError, Authentication, Decoded, Family, HmacKey, HmacMode, HmacReplay, Password,
    Verifier, Vrid,
};

/// The keys, and what was seen of each virtual router.
#[derive(Debug)]
pub(crate) struct Keys<'k> {
    password: Option<Password>,
    ah: Option<&'k AhKey>,
    hmac: &'k [HmacKey],
    seen: BTreeMap<(Family, Vrid), Seen>,
}

#[derive(Debug)]
struct Seen {
    ah: AhReplay,
    hmac: HmacReplay,
}

/// What the keys say of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proof {
    /// There are no keys.
    NotAsked,
    /// It is from somebody who has the key.
    Authentic,
}

impl<'k> Keys<'k> {
    pub(crate) fn new(password: Option<Password>, ah: Option<&'k AhKey>, hmac: &'k [HmacKey]) -> Self {
        Self { password, ah, hmac, seen: BTreeMap::new() }
    }

    /// Checks a packet with the key for the way in which it authenticates itself. If there is none, with one of those there
    /// are, which says what is missing.
    pub(crate) fn check(&mut self, decoded: &Decoded<'_>, received_at: Duration) -> Result<Proof, AuthError> {
        let (hmac, advertisement) = (self.hmac, &decoded.advertisement);
        let seen = self
            .seen
            .entry((decoded.packet().endpoints().family(), advertisement.vrid()))
            .or_insert_with(|| Seen {
                ah: AhReplay::new(),
                hmac: HmacReplay::with_default_window(advertisement.interval()),
            });
        let by_password = self.password.as_ref().map(Verifier::SimpleText);
        let by_header = self.ah.map(|key| Verifier::Ah { key, replay: &mut seen.ah });
        let by_trailer = (!hmac.is_empty()).then_some(Verifier::Hmac {
            keys: hmac,
            mode: HmacMode::Enforce,
            replay: &mut seen.hmac,
            received_at,
        });
        let verifier = match advertisement.authentication() {
            Authentication::SimpleText(_) => by_password.or(by_header).or(by_trailer),
            Authentication::Header => by_header.or(by_password).or(by_trailer),
            Authentication::None => by_trailer.or(by_password).or(by_header),
        };
        match verifier {
            Some(verifier) => verifier.verify(decoded).map(|()| Proof::Authentic),
            None => Ok(Proof::NotAsked),
        }
    }
}

/// Reads a key of `auth_hmac` with its number: `7:00112233...`.
pub(crate) fn parse_hmac_key(text: &str) -> Result<HmacKey, String> {
    let (id, hex) = text.split_once(':').ok_or("not a number, a colon and a key: 1:0011aabb..")?;
    let id = id.parse().map_err(|_| format!("key number {id} is out of range: 1 to 255"))?;
    let (pairs, odd) = hex.as_bytes().as_chunks::<2>();
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let key: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8)).collect();
    match key {
        Some(key) if odd.is_empty() => HmacKey::new(id, key).map_err(|error| error.to_string()),
        Some(_) | None => Err("the key is not an even number of hexadecimal digits".to_owned()),
    }
}
