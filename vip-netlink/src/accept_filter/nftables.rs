//! Numbers and common parts of nftables' messages (linux/netfilter/nf_tables.h). Numbers in attributes are big-endian.

use nix::libc;

use kernel_netlink::{Envelope, NLM_F_CREATE, NLM_F_EXCL, Payload};

/// What is asked for, all in the family `inet`: IPv4 and IPv6 together.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    NewTable = 0,
    NewChain = 3,
    NewRule = 6,
    NewSet = 9,
    NewElements = 12,
    DeleteElements = 14,
    NewObject = 18,
    GetObject = 19,
}

impl Verb {
    /// Writes a request: struct nfgenmsg (linux/netfilter/nfnetlink.h), then what `payload` writes.
    pub(super) fn write(self, envelope: Envelope<'_>, payload: impl FnOnce(&mut Payload<'_>)) {
        envelope.message(self.kind(), self.flags(), |whole| {
            whole.header([FAMILY_INET, 0, 0, 0]);
            payload(whole);
        });
    }

    pub(super) fn kind(self) -> u16 {
        (SUBSYSTEM << 8) | self as u16
    }

    fn flags(self) -> u16 {
        match self {
            // Not into a table of somebody else's.
            Self::NewTable => NLM_F_CREATE | NLM_F_EXCL,
            Self::NewRule => NLM_F_CREATE | NLM_F_APPEND,
            Self::NewChain | Self::NewSet | Self::NewElements | Self::NewObject => NLM_F_CREATE,
            Self::DeleteElements | Self::GetObject => 0,
        }
    }
}

/// Writes which counter of a table is meant.
pub(super) fn counter_object(payload: &mut Payload<'_>, table: &str, name: &str) {
    payload.text(OBJ_TABLE, table).text(OBJ_NAME, name);
    big_endian(payload, OBJ_TYPE, OBJECT_COUNTER);
}

/// Writes an attribute that holds a number as nftables has them.
pub(super) fn big_endian(payload: &mut Payload<'_>, kind: u16, value: u32) {
    payload.attribute(kind, &value.to_be_bytes());
}

pub(super) const SUBSYSTEM: u16 = libc::NFNL_SUBSYS_NFTABLES as u16;
/// Of struct nfgenmsg.
pub(super) const HEADER_LEN: usize = 4;
const FAMILY_INET: u8 = libc::NFPROTO_INET as u8;
const NLM_F_APPEND: u16 = 0x800;

const OBJ_TABLE: u16 = 1;
const OBJ_NAME: u16 = 2;
pub(super) const OBJ_TYPE: u16 = 3;
pub(super) const OBJ_DATA: u16 = 4;
pub(super) const OBJECT_COUNTER: u32 = 1;
pub(super) const COUNTER_BYTES: u16 = 1;
pub(super) const COUNTER_PACKETS: u16 = 2;
/// Of a list.
pub(super) const LIST_ELEM: u16 = 1;
/// Of a value.
pub(super) const DATA_VALUE: u16 = 1;
