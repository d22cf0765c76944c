//! A packet as a line for people: tcpdump's words, and behind them, in parentheses, what tcpdump does not say.

use std::{fmt::Write as _, net::IpAddr, time::Duration};

use vrrp_proto::{Checksum, Decoded, Endpoints, Family, HOP_LIMIT, Priority, Version};

use super::{
    keys::Proof,
    verdict::{Sighting, Verdict},
};

/// Returns the line, its time counted from `first`.
pub(crate) fn line(sighting: &Sighting<'_>, first: Duration) -> String {
    let mut line = time(sighting.at, first);
    // Writing to memory cannot fail.
    let _ = match &sighting.endpoints {
        Some(endpoints) => write!(line, " {endpoints}: "),
        None => write!(line, " ? > ?: "),
    };
    let _ = match &sighting.verdict {
        Verdict::Accept { decoded, proof } => {
            let notes = notes(decoded, *proof);
            write!(line, "{}", decoded.advertisement).and_then(|()| {
                if notes.is_empty() { Ok(()) } else { write!(line, " ({})", notes.join("; ")) }
            })
        }
        Verdict::Discard { reason, decoded } => write!(line, "DISCARD: {reason}")
            .and_then(|()| write!(line, " [{}]", reason.counter().name()))
            .and_then(|()| decoded.map_or(Ok(()), |decoded| write!(line, ": {}", decoded.advertisement))),
        Verdict::Truncated { captured, total } => {
            write!(line, "TRUNCATED: the capture has {captured} of {total} bytes")
        }
    };
    line
}

/// Seconds and microseconds. A file that was put together may go back in time.
fn time(at: Duration, first: Duration) -> String {
    let (sign, distance) = if at < first { ("-", first - at) } else { ("", at - first) };
    format!("{:>12}", format!("{sign}{}.{:06}", distance.as_secs(), distance.subsec_micros()))
}

/// What is worth knowing of a packet that is taken.
fn notes(decoded: &Decoded<'_>, proof: Proof) -> Vec<String> {
    let mut notes = Vec::new();
    match decoded.advertisement.priority() {
        Priority::RELEASE => notes.push("gives up its office".to_owned()),
        Priority::OWNER => notes.push("owner".to_owned()),
        _ => {}
    }
    let packet = decoded.packet();
    let endpoints = packet.endpoints();
    if !endpoints.is_multicast() && packet.hop_limit() != HOP_LIMIT {
        notes.push(format!("unicast with hop limit {}", packet.hop_limit()));
    }
    notes.extend(unusual_checksum(decoded, &endpoints).map(str::to_owned));
    if let Some(IpAddr::V6(first)) = decoded.advertisement.addresses().iter().next()
        && !first.is_unicast_link_local()
    {
        notes.push("the first address is not link-local".to_owned());
    }
    if packet.has_ah() {
        notes.push("in an authentication header".to_owned());
    }
    if let Some(trailer) = decoded.trailer {
        notes.push(format!("auth_hmac with key {}", trailer.key_id()));
    }
    match proof {
        Proof::Authentic => notes.push("authentic".to_owned()),
        Proof::NotAsked => {}
    }
    notes
}

/// Says what the checksum covers, if that is not what most routers have it cover.
fn unusual_checksum(decoded: &Decoded<'_>, endpoints: &Endpoints) -> Option<&'static str> {
    match (decoded.advertisement.version(), endpoints.family(), decoded.checksum) {
        (Version::V2, _, _) | (_, Family::V6, _) | (_, _, Checksum::PseudoHeader) => None,
        (Version::V3, Family::V4, Checksum::MessageOnly) => Some("checksum without pseudo header"),
        (Version::V3, Family::V4, Checksum::OldUnicast) => {
            Some("checksum with the group in its pseudo header, as keepalived's up to 1.3.6")
        }
    }
}
