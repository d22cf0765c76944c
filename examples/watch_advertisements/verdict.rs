//! What a router makes of a packet.

use std::{fmt, time::Duration};

use vrrp_proto::{AuthError, Counter, Decoded, Endpoints, Packet, ParseError};

use super::{
    ip::{Found, NoPacket},
    keys::{Keys, Proof},
};

/// A VRRP packet, seen and judged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sighting<'a> {
    /// When, since 1970.
    pub(crate) at: Duration,
    pub(crate) endpoints: Option<Endpoints>,
    pub(crate) hop_limit: Option<u8>,
    pub(crate) verdict: Verdict<'a>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Verdict<'a> {
    /// A router that is configured as its sender is would take it.
    Accept { decoded: Decoded<'a>, proof: Proof },
    /// No router would, or none that has the keys.
    Discard { reason: Reason, decoded: Option<Decoded<'a>> },
    /// Nobody can tell: the capture kept only the beginning.
    Truncated { captured: usize, total: usize },
}

impl<'a> Sighting<'a> {
    pub(crate) fn of(found: Found<'a>, at: Duration, keys: &mut Keys<'_>) -> Self {
        let Found { endpoints, hop_limit, packet } = found;
        let verdict = match packet {
            Ok(packet) => judge(packet, at, keys),
            Err(NoPacket::Bad(error)) => Verdict::Discard { reason: Reason::Parse(error), decoded: None },
            Err(NoPacket::Cut { captured, total }) => Verdict::Truncated { captured, total },
        };
        Self { at, endpoints, hop_limit, verdict }
    }
}

fn judge<'a>(packet: Packet<'a>, at: Duration, keys: &mut Keys<'_>) -> Verdict<'a> {
    let decoded = match packet.decode() {
        Ok(decoded) => decoded,
        Err(error) => return Verdict::Discard { reason: Reason::Parse(error), decoded: None },
    };
    match keys.check(&decoded, at) {
        Ok(proof) => Verdict::Accept { decoded, proof },
        Err(error) => Verdict::Discard { reason: Reason::Auth(error), decoded: Some(decoded) },
    }
}

/// Why a packet would be discarded.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reason {
    Parse(ParseError),
    Auth(AuthError),
}

impl Reason {
    /// Returns the counter that a router would count it in.
    pub(crate) const fn counter(&self) -> Counter {
        match self {
            Self::Parse(error) => error.counter(),
            Self::Auth(error) => error.counter(),
        }
    }

    /// Returns the name of the variant, which stays the same whatever the values in it.
    pub(crate) fn name(&self) -> String {
        let mut name = match self {
            Self::Parse(error) => format!("{error:?}"),
            Self::Auth(error) => format!("{error:?}"),
        };
        let end = name.find(|letter: char| !letter.is_alphanumeric());
        name.truncate(end.unwrap_or(name.len()));
        name
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parse(error) => error.fmt(f),
            Self::Auth(error) => error.fmt(f),
        }
    }
}
