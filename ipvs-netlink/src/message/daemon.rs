//! `IPVS_DAEMON_ATTR_*` of linux/ip_vs.h.

use std::net::IpAddr;

use kernel_netlink::{Attributes, Malformed, Payload};

use super::{keep, service::write_name};
use crate::daemon::{SyncDaemon, SyncRole};

pub(super) fn write_role(payload: &mut Payload<'_>, role: SyncRole) {
    payload.number(STATE, role.number());
}

/// Writes a daemon; what is left to the kernel is left out, for kernels before 4.3 too.
pub(super) fn write_daemon(payload: &mut Payload<'_>, daemon: &SyncDaemon) {
    write_role(payload, daemon.role());
    write_name(payload, MCAST_IFN, daemon.interface_name().as_bytes());
    payload.number(SYNC_ID, daemon.sync_id().into());
    if let Some(max_len) = daemon.max_len() {
        payload.attribute(SYNC_MAXLEN, &max_len.to_ne_bytes());
    }
    match daemon.group() {
        Some(IpAddr::V4(group)) => {
            payload.attribute(MCAST_GROUP, &group.octets());
        }
        Some(IpAddr::V6(group)) => {
            payload.attribute(MCAST_GROUP6, &group.octets());
        }
        None => {}
    }
    if let Some(port) = daemon.port() {
        payload.attribute(MCAST_PORT, &port.to_ne_bytes());
    }
    if let Some(ttl) = daemon.ttl() {
        payload.attribute(MCAST_TTL, &[ttl]);
    }
}

pub(super) fn read_daemon(attributes: &[u8]) -> Result<SyncDaemon, Malformed> {
    let (mut role, mut interface, mut sync_id, mut group) = (None, None, None, None);
    let (mut port, mut ttl, mut max_len) = (None, None, None);
    for attribute in Attributes::new(attributes) {
        let attribute = attribute?;
        match attribute.kind {
            STATE => keep(&mut role, attribute.number()?),
            MCAST_IFN => keep(&mut interface, attribute.value),
            SYNC_ID => keep(&mut sync_id, attribute.number()?),
            SYNC_MAXLEN => keep(&mut max_len, u16::from_ne_bytes(attribute.array()?)),
            MCAST_GROUP => keep(&mut group, IpAddr::from(attribute.array::<4>()?)),
            MCAST_GROUP6 => keep(&mut group, IpAddr::from(attribute.array::<16>()?)),
            MCAST_PORT => keep(&mut port, u16::from_ne_bytes(attribute.array()?)),
            MCAST_TTL => keep(&mut ttl, u8::from_ne_bytes(attribute.array()?)),
            _ => {}
        }
    }
    Ok(SyncDaemon::from_kernel(
        role.and_then(SyncRole::from_number).ok_or(Malformed)?,
        interface.ok_or(Malformed)?,
        // The packets have 8 bits for it, and the kernel takes that many.
        sync_id.ok_or(Malformed)? as u8,
        group,
        [port, max_len].map(Option::unwrap_or_default),
        ttl.unwrap_or_default(),
    ))
}

const STATE: u16 = 1;
const MCAST_IFN: u16 = 2;
const SYNC_ID: u16 = 3;
const SYNC_MAXLEN: u16 = 4;
const MCAST_GROUP: u16 = 5;
const MCAST_GROUP6: u16 = 6;
const MCAST_PORT: u16 = 7;
const MCAST_TTL: u16 = 8;
