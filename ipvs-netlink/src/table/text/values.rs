//! The values of options.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    num::NonZeroU16,
    time::Duration,
};

use super::options::{Argument, Arguments, Opt};
use crate::{
    destination::{Checksum, Tunnel},
    error::{ParseError, Problem},
    service::{Family, Granularity, ServiceId},
};

/// `192.0.2.1:80`, `[2001:db8::1]:80`, or without a port where there is one to fill in.
pub(super) fn address(argument: &Argument<'_>, port: Option<u16>) -> Result<SocketAddr, ParseError> {
    let text = argument.value;
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let ip = match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(inside) => inside.parse::<Ipv6Addr>().map(IpAddr::from),
        None => text.parse::<Ipv4Addr>().map(IpAddr::from),
    };
    match (ip, port) {
        (Ok(ip), Some(port)) => Ok(SocketAddr::new(ip, port)),
        _ => {
            Err(argument
                .error(Problem::Expected("an address and port, like 192.0.2.1:80 or [2001:db8::1]:80")))
        }
    }
}

/// A mark; `ipvsadm` prints those from 2147483648 on as negative numbers.
pub(super) fn mark(argument: &Argument<'_>) -> Result<u32, ParseError> {
    number(argument).or_else(|error| argument.value.parse::<i32>().map(i32::cast_unsigned).map_err(|_| error))
}

pub(super) fn family(ipv6: Option<Argument<'_>>) -> Family {
    if ipv6.is_some() { Family::V6 } else { Family::V4 }
}

/// Digits alone: `u32::from_str` would take a plus sign.
pub(super) fn number(argument: &Argument<'_>) -> Result<u32, ParseError> {
    let is_digits = argument.value.bytes().all(|byte| byte.is_ascii_digit());
    let number = if is_digits { argument.value.parse().ok() } else { None };
    number.ok_or_else(|| argument.error(Problem::Expected("a number, 0 to 4294967295")))
}

pub(super) fn persistence_timeout(argument: &Argument<'_>) -> Result<Duration, ParseError> {
    match argument.value {
        "" => Ok(PERSISTENCE_TIMEOUT),
        _ => Ok(Duration::from_secs(number(argument)?.into())),
    }
}

pub(super) fn granularity(argument: &Argument<'_>, service: &ServiceId) -> Result<Granularity, ParseError> {
    let text = argument.value;
    match service.family() {
        Family::V4 => {
            let mask =
                text.parse().map_err(|_| argument.error(Problem::Expected("a netmask, like 255.255.255.0")));
            Granularity::netmask(mask?)
        }
        Family::V6 => {
            let length = number(argument).ok().and_then(|length| u8::try_from(length).ok());
            let length = length.ok_or_else(|| argument.error(Problem::Expected("a prefix length, 1 to 128")));
            Granularity::prefix(length?)
        }
    }
    .map_err(|error| argument.error(error))
}

/// The options beside `-i`.
pub(super) fn tunnel(arguments: &mut Arguments<'_>) -> Result<Tunnel, ParseError> {
    let kind = arguments.take(Opt::TunnelType);
    // What does not belong to a type is left, and refused for that.
    match kind.map_or("ipip", |argument| argument.value) {
        "ipip" => Ok(Tunnel::IPIP),
        "gue" => {
            let port = arguments.take(Opt::TunnelPort).map(|argument| tunnel_port(&argument)).transpose()?;
            let port = port.ok_or_else(|| ParseError::new("gue", Problem::Missing("--tun-port")))?;
            Ok(Tunnel::gue(port, checksum(arguments, &GUE_CHECKSUMS)?))
        }
        "gre" => Ok(Tunnel::gre(checksum(arguments, &GRE_CHECKSUMS)?)),
        other => Err(ParseError::new(other, Problem::Expected("ipip, gue or gre"))),
    }
}

fn tunnel_port(argument: &Argument<'_>) -> Result<NonZeroU16, ParseError> {
    let port = number(argument).ok().and_then(|port| u16::try_from(port).ok()).and_then(NonZeroU16::new);
    port.ok_or_else(|| argument.error(Problem::Expected("a port, 1 to 65535")))
}

fn checksum(arguments: &mut Arguments<'_>, known: &[(Opt, Checksum)]) -> Result<Checksum, ParseError> {
    let mut given = known.iter().filter_map(|(opt, checksum)| Some((arguments.take(*opt)?, *checksum)));
    match (given.next(), given.next()) {
        (_, Some((argument, _))) => Err(argument.error(Problem::Twice)),
        (Some((_, checksum)), None) => Ok(checksum),
        (None, None) => Ok(Checksum::None),
    }
}

const GUE_CHECKSUMS: [(Opt, Checksum); 3] = [
    (Opt::TunnelNoChecksum, Checksum::None),
    (Opt::TunnelChecksum, Checksum::Tunnel),
    (Opt::TunnelRemoteChecksum, Checksum::Remote),
];
const GRE_CHECKSUMS: [(Opt, Checksum); 2] =
    [(Opt::TunnelNoChecksum, Checksum::None), (Opt::TunnelChecksum, Checksum::Tunnel)];
/// `ipvsadm`'s, whose manual says 300.
const PERSISTENCE_TIMEOUT: Duration = Duration::from_secs(360);
