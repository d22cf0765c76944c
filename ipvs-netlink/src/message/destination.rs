//! `IPVS_DEST_ATTR_*` of linux/ip_vs.h.

use std::net::SocketAddr;

use kernel_netlink::{Attributes, Malformed, Payload};

use super::{
    keep, read_ip,
    stats::{read_stats, read_stats64},
    write_ip,
};
use crate::{
    destination::{Destination, Forwarding, Tunnel},
    service::Family,
    stats::{Connections, Stats},
};

pub(super) fn write_address(payload: &mut Payload<'_>, address: SocketAddr) {
    write_ip(payload, ADDR, address.ip());
    payload.attribute(PORT, &address.port().to_be_bytes());
    // Without it the kernel takes the service's, and cuts an IPv6 address short.
    payload.attribute(ADDR_FAMILY, &Family::of(address.ip()).number().to_ne_bytes());
}

/// Writes all that the kernel wants to be told of a destination each time.
pub(super) fn write_destination(payload: &mut Payload<'_>, destination: &Destination) {
    write_address(payload, destination.address());
    let (upper, lower) = destination.thresholds();
    payload
        .number(FWD_METHOD, destination.forwarding().number())
        .number(WEIGHT, destination.weight())
        .number(U_THRESH, upper)
        .number(L_THRESH, lower);
    // Left out, they are IPIP's.
    if let Forwarding::Tunnel(tunnel) = destination.forwarding()
        && tunnel != Tunnel::IPIP
    {
        let (kind, port, flags) = tunnel.to_kernel();
        payload
            .attribute(TUN_TYPE, &[kind])
            .attribute(TUN_PORT, &port.to_be_bytes())
            .attribute(TUN_FLAGS, &flags.to_ne_bytes());
    }
}

pub(super) fn read_destination(
    attributes: &[u8],
    service: Family,
) -> Result<(Destination, Stats, Connections), Malformed> {
    let mut found = Found::default();
    for attribute in Attributes::new(attributes) {
        let attribute = attribute?;
        match attribute.kind {
            ADDR => keep(&mut found.address, attribute.value),
            PORT => keep(&mut found.port, u16::from_be_bytes(attribute.array()?)),
            FWD_METHOD => keep(&mut found.method, attribute.number()?),
            // Signed, and never negative in the kernel.
            WEIGHT => keep(&mut found.weight, attribute.number()?),
            U_THRESH => keep(&mut found.upper, attribute.number()?),
            L_THRESH => keep(&mut found.lower, attribute.number()?),
            ACTIVE_CONNS => found.connections.active = attribute.number()?,
            INACT_CONNS => found.connections.inactive = attribute.number()?,
            PERSIST_CONNS => found.connections.persistent = attribute.number()?,
            STATS => keep(&mut found.stats, read_stats(attribute.value)?),
            ADDR_FAMILY => keep(&mut found.family, u16::from_ne_bytes(attribute.array()?)),
            STATS64 => keep(&mut found.stats64, read_stats64(attribute.value)?),
            TUN_TYPE => keep(&mut found.tunnel_type, u8::from_ne_bytes(attribute.array()?)),
            TUN_PORT => keep(&mut found.tunnel_port, u16::from_be_bytes(attribute.array()?)),
            TUN_FLAGS => keep(&mut found.tunnel_flags, u16::from_ne_bytes(attribute.array()?)),
            _ => {}
        }
    }
    let stats = found.stats64.or(found.stats).unwrap_or_default();
    Ok((found.destination(service)?, stats, found.connections))
}

#[derive(Default)]
struct Found<'a> {
    address: Option<&'a [u8]>,
    port: Option<u16>,
    method: Option<u32>,
    weight: Option<u32>,
    upper: Option<u32>,
    lower: Option<u32>,
    connections: Connections,
    stats: Option<Stats>,
    family: Option<u16>,
    stats64: Option<Stats>,
    tunnel_type: Option<u8>,
    tunnel_port: Option<u16>,
    tunnel_flags: Option<u16>,
}

impl Found<'_> {
    fn destination(&self, service: Family) -> Result<Destination, Malformed> {
        let family = match self.family {
            None => service,
            Some(number) => Family::from_number(number).ok_or(Malformed)?,
        };
        let ip = read_ip(family, self.address.ok_or(Malformed)?)?;
        let tunnel = Tunnel::from_kernel(
            self.tunnel_type.unwrap_or_default(),
            self.tunnel_port.unwrap_or_default(),
            self.tunnel_flags.unwrap_or_default(),
        );
        Ok(Destination::from_kernel(
            SocketAddr::new(ip, self.port.ok_or(Malformed)?),
            Forwarding::from_number(self.method.ok_or(Malformed)?, tunnel),
            self.weight.ok_or(Malformed)?,
            self.upper.unwrap_or_default(),
            self.lower.unwrap_or_default(),
        ))
    }
}

const ADDR: u16 = 1;
const PORT: u16 = 2;
const FWD_METHOD: u16 = 3;
const WEIGHT: u16 = 4;
const U_THRESH: u16 = 5;
const L_THRESH: u16 = 6;
const ACTIVE_CONNS: u16 = 7;
const INACT_CONNS: u16 = 8;
const PERSIST_CONNS: u16 = 9;
const STATS: u16 = 10;
const ADDR_FAMILY: u16 = 11;
const STATS64: u16 = 12;
const TUN_TYPE: u16 = 13;
const TUN_PORT: u16 = 14;
const TUN_FLAGS: u16 = 15;
