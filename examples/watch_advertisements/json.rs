//! A packet as a line for programs: one JSON object.

use std::{net::IpAddr, time::Duration};

use serde::Serialize;
use vrrp_proto::{Counter, Decoded, Endpoints};

use super::{
    Result,
    keys::Proof,
    verdict::{Sighting, Verdict},
};

/// Returns the object, in one line.
pub(crate) fn line(sighting: &Sighting<'_>) -> Result<String> {
    let Sighting { at, endpoints, hop_limit, .. } = sighting;
    let seen = Object {
        time: seconds(*at),
        source: endpoints.as_ref().map(Endpoints::source),
        destination: endpoints.as_ref().map(Endpoints::destination),
        hop_limit: *hop_limit,
        ..Object::default()
    };
    let object = match &sighting.verdict {
        Verdict::Accept { decoded, proof } => Object {
            verdict: "accept",
            decoded: Some(decoded),
            authentication_header: Some(decoded.packet().has_ah()),
            authentic: match proof {
                Proof::Authentic => Some(true),
                Proof::NotAsked => None,
            },
            ..seen
        },
        Verdict::Discard { reason, decoded } => Object {
            verdict: "discard",
            decoded: decoded.as_ref(),
            reason: Some(reason.to_string()),
            counter: Some(reason.counter()),
            error: Some(reason.name()),
            authentic: decoded.map(|_| false),
            ..seen
        },
        Verdict::Truncated { captured, total } => Object {
            verdict: "truncated",
            reason: Some(format!("the capture has {captured} of {total} bytes")),
            ..seen
        },
    };
    Ok(serde_json::to_string(&object)?)
}

/// What there is to say of one packet; what is not known is left out.
#[derive(Default, Serialize)]
struct Object<'a> {
    /// Since 1970, in seconds.
    time: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hop_limit: Option<u8>,
    verdict: &'static str,
    #[serde(flatten)]
    decoded: Option<&'a Decoded<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    authentication_header: Option<bool>,
    /// What the keys say, if there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    authentic: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    counter: Option<Counter>,
    /// The name of the error, which stays the same whatever the values in the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

/// In microseconds, which is as much as a floating-point number of this size holds.
fn seconds(at: Duration) -> f64 {
    at.as_micros() as f64 / 1e6
}
