//! `IPVS_SVC_ATTR_*` of linux/ip_vs.h.

use std::net::SocketAddr;

use kernel_netlink::{Attributes, Malformed, Payload};

use super::{
    keep, read_ip,
    stats::{read_stats, read_stats64},
    write_ip,
};
use crate::{
    name::Name,
    service::{
        Family, Granularity, Persistence, Persistent, Protocol, Scheduler, Service, ServiceFlags, ServiceId,
    },
    stats::Stats,
};

pub(super) fn write_id(payload: &mut Payload<'_>, id: &ServiceId) {
    payload.attribute(AF, &id.family().number().to_ne_bytes());
    if let Some(mark) = id.mark() {
        payload.number(FWMARK, mark);
    }
    if let (Some(protocol), Some(address)) = (id.protocol(), id.address()) {
        payload.attribute(PROTOCOL, &protocol.number().to_ne_bytes());
        write_ip(payload, ADDR, address.ip());
        payload.attribute(PORT, &address.port().to_be_bytes());
    }
}

/// Writes all that the kernel wants to be told of a service each time.
pub(super) fn write_service(payload: &mut Payload<'_>, service: &Service) {
    write_id(payload, &service.id());
    let persistent = match service.persistence() {
        Some(_) => Persistent::Yes,
        None => Persistent::No,
    };
    let (flags, mask) = service.flags().to_kernel(persistent);
    let host = Granularity::host(service.id().family());
    let granularity = service.persistence().and_then(|persistence| persistence.network()).unwrap_or(host);
    write_name(payload, SCHED_NAME, service.scheduler().as_bytes());
    payload
        .attribute_of(FLAGS, |inside| {
            inside.raw(&flags.to_ne_bytes()).raw(&mask.to_ne_bytes());
        })
        .number(TIMEOUT, service.persistence().map_or(0, |persistence| persistence.seconds()))
        .attribute(NETMASK, &granularity.to_kernel());
    // Left out, it is taken away.
    if let Some(engine) = service.engine() {
        write_name(payload, PE_NAME, engine.as_bytes());
    }
}

pub(super) fn read_service(attributes: &[u8]) -> Result<(Service, Stats), Malformed> {
    let mut found = Found::default();
    for attribute in Attributes::new(attributes) {
        let attribute = attribute?;
        match attribute.kind {
            AF => keep(&mut found.family, u16::from_ne_bytes(attribute.array()?)),
            PROTOCOL => keep(&mut found.protocol, u16::from_ne_bytes(attribute.array()?)),
            ADDR => keep(&mut found.address, attribute.value),
            PORT => keep(&mut found.port, u16::from_be_bytes(attribute.array()?)),
            FWMARK => keep(&mut found.mark, attribute.number()?),
            SCHED_NAME => keep(&mut found.scheduler, attribute.value),
            FLAGS => {
                let flags = attribute.value.first_chunk().ok_or(Malformed)?;
                keep(&mut found.flags, u32::from_ne_bytes(*flags));
            }
            TIMEOUT => keep(&mut found.timeout, attribute.number()?),
            NETMASK => keep(&mut found.netmask, attribute.array()?),
            STATS => keep(&mut found.stats, read_stats(attribute.value)?),
            PE_NAME => keep(&mut found.engine, attribute.value),
            STATS64 => keep(&mut found.stats64, read_stats64(attribute.value)?),
            _ => {}
        }
    }
    let stats = found.stats64.or(found.stats).unwrap_or_default();
    Ok((found.into_service()?, stats))
}

#[derive(Default)]
struct Found<'a> {
    family: Option<u16>,
    protocol: Option<u16>,
    address: Option<&'a [u8]>,
    port: Option<u16>,
    mark: Option<u32>,
    scheduler: Option<&'a [u8]>,
    flags: Option<u32>,
    timeout: Option<u32>,
    netmask: Option<[u8; 4]>,
    stats: Option<Stats>,
    engine: Option<&'a [u8]>,
    stats64: Option<Stats>,
}

impl Found<'_> {
    fn into_service(self) -> Result<Service, Malformed> {
        let family = self.family.and_then(Family::from_number).ok_or(Malformed)?;
        let (flags, persistent) = ServiceFlags::from_kernel(self.flags.ok_or(Malformed)?);
        let scheduler = Scheduler::from_kernel(self.scheduler.ok_or(Malformed)?);
        let persistence = match persistent {
            // Timeout and netmask are there without it too, and have no effect.
            Persistent::No => None,
            Persistent::Yes => {
                let granularity = Granularity::from_kernel(family, self.netmask.ok_or(Malformed)?);
                Some(Persistence::from_kernel(self.timeout.ok_or(Malformed)?, granularity))
            }
        };
        let engine = self.engine.map(Name::of_bytes).filter(|name| !name.as_bytes().is_empty());
        Ok(Service::from_kernel(self.id(family)?, scheduler, persistence, engine, flags))
    }

    fn id(&self, family: Family) -> Result<ServiceId, Malformed> {
        if let Some(mark) = self.mark {
            return Ok(ServiceId::mark_from_kernel(mark, family));
        }
        let protocol = Protocol::from_number(self.protocol.ok_or(Malformed)?);
        let ip = read_ip(family, self.address.ok_or(Malformed)?)?;
        Ok(ServiceId::from_kernel(protocol, SocketAddr::new(ip, self.port.ok_or(Malformed)?)))
    }
}

/// Writes a name and the NUL after it.
pub(super) fn write_name(payload: &mut Payload<'_>, kind: u16, name: &[u8]) {
    payload.attribute_of(kind, |inside| {
        inside.raw(name).raw(&[0]);
    });
}

const AF: u16 = 1;
const PROTOCOL: u16 = 2;
const ADDR: u16 = 3;
const PORT: u16 = 4;
const FWMARK: u16 = 5;
const SCHED_NAME: u16 = 6;
const FLAGS: u16 = 7;
const TIMEOUT: u16 = 8;
const NETMASK: u16 = 9;
const STATS: u16 = 10;
const PE_NAME: u16 = 11;
const STATS64: u16 = 12;
