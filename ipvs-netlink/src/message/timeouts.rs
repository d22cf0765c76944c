//! `IPVS_CMD_ATTR_TIMEOUT_*` and `IPVS_INFO_ATTR_*` of linux/ip_vs.h.

use kernel_netlink::{Malformed, Payload, find};

use crate::info::{Info, Timeouts, Version};

/// Writes those that are to be set: the kernel leaves the others.
pub(super) fn write_timeouts(payload: &mut Payload<'_>, timeouts: &Timeouts) {
    for (kind, time) in [(TCP, timeouts.tcp), (TCP_FIN, timeouts.tcp_fin), (UDP, timeouts.udp)] {
        if let Some(time) = time {
            payload.number(kind, time);
        }
    }
}

/// Reads them; those of a protocol that the kernel does not balance are missing.
pub(super) fn read_timeouts(attributes: &[u8]) -> Result<Timeouts, Malformed> {
    let time = |kind| find(attributes, kind)?.map(|attribute| attribute.number()).transpose();
    Ok(Timeouts { tcp: time(TCP)?, tcp_fin: time(TCP_FIN)?, udp: time(UDP)? })
}

pub(super) fn read_info(attributes: &[u8]) -> Result<Info, Malformed> {
    let number = |kind| find(attributes, kind)?.ok_or(Malformed)?.number();
    Ok(Info {
        version: Version::from_kernel(number(VERSION)?),
        connection_table_size: number(CONN_TAB_SIZE)?,
    })
}

const TCP: u16 = 4;
const TCP_FIN: u16 = 5;
const UDP: u16 = 6;
const VERSION: u16 = 1;
const CONN_TAB_SIZE: u16 = 2;
