//! `IPVS_STATS_ATTR_*` of linux/ip_vs.h.

use kernel_netlink::{Attribute, Attributes, Malformed};

use crate::stats::Stats;

/// Reads numbers of which only the bytes have 64 bits.
pub(super) fn read_stats(attributes: &[u8]) -> Result<Stats, Malformed> {
    read(attributes, |attribute| match attribute.kind {
        INBYTES | OUTBYTES => attribute.array().map(u64::from_ne_bytes),
        _ => attribute.number().map(u64::from),
    })
}

/// Reads numbers of 64 bits.
pub(super) fn read_stats64(attributes: &[u8]) -> Result<Stats, Malformed> {
    read(attributes, |attribute| attribute.array().map(u64::from_ne_bytes))
}

fn read(
    attributes: &[u8],
    number: impl Fn(&Attribute<'_>) -> Result<u64, Malformed>,
) -> Result<Stats, Malformed> {
    let mut stats = Stats::default();
    for attribute in Attributes::new(attributes) {
        let attribute = attribute?;
        let place = match attribute.kind {
            CONNS => &mut stats.connections,
            INPKTS => &mut stats.incoming_packets,
            OUTPKTS => &mut stats.outgoing_packets,
            INBYTES => &mut stats.incoming_bytes,
            OUTBYTES => &mut stats.outgoing_bytes,
            CPS => &mut stats.connection_rate,
            INPPS => &mut stats.incoming_packet_rate,
            OUTPPS => &mut stats.outgoing_packet_rate,
            INBPS => &mut stats.incoming_byte_rate,
            OUTBPS => &mut stats.outgoing_byte_rate,
            // Padding before a number of 64 bits.
            _ => continue,
        };
        *place = number(&attribute)?;
    }
    Ok(stats)
}

const CONNS: u16 = 1;
const INPKTS: u16 = 2;
const OUTPKTS: u16 = 3;
const INBYTES: u16 = 4;
const OUTBYTES: u16 = 5;
const CPS: u16 = 6;
const INPPS: u16 = 7;
const OUTPPS: u16 = 8;
const INBPS: u16 = 9;
const OUTBPS: u16 = 10;
