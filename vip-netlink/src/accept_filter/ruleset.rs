//! The table: what `nft list table` shows as
//!
//! ```text
//! table inet vip_netlink_PORT { # progname PROGRAM
//!         flags owner
//!         counter ipv4 { ... }
//!         counter ipv6 { ... }
//!         set ipv4 { type ipv4_addr }
//!         set ipv6 { type ipv6_addr }
//!         set ipv6_link_local { type ipv6_addr . iface_index }
//!         chain input {
//!                 type filter hook input priority 101; policy accept;
//!                 ip daddr @ipv4 counter name "ipv4" drop
//!                 icmpv6 type nd-neighbor-solicit return
//!                 icmpv6 type nd-neighbor-advert return
//!                 ip6 daddr @ipv6 counter name "ipv6" drop
//!                 ip6 daddr . iif @ipv6_link_local counter name "ipv6" drop
//!         }
//! }
//! ```

use nix::libc;

use super::{
    destination::Set,
    nftables::{DATA_VALUE, LIST_ELEM, OBJ_DATA, OBJECT_COUNTER, Verb, big_endian, counter_object},
};
use kernel_netlink::{Payload, Transaction};

/// The counters.
pub(super) const IPV4: &str = "ipv4";
pub(super) const IPV6: &str = "ipv6";

/// Creates the table with all that is in it but the elements of the sets.
pub(super) fn create(transaction: &mut Transaction<'_>, table: &str) {
    Verb::NewTable.write(transaction.request(), |payload| {
        payload.text(TABLE_NAME, table);
        big_endian(payload, TABLE_FLAGS, TABLE_F_OWNER);
    });
    for name in [IPV4, IPV6] {
        Verb::NewObject.write(transaction.request(), |payload| {
            counter_object(payload, table, name);
            payload.nested(OBJ_DATA, |_| ());
        });
    }
    for (number, set) in (1..).zip(Set::ALL) {
        Verb::NewSet.write(transaction.request(), |payload| {
            payload.text(SET_TABLE, table).text(SET_NAME, set.name());
            big_endian(payload, SET_KEY_TYPE, set.key_type());
            big_endian(payload, SET_KEY_LEN, set.key_len());
            big_endian(payload, SET_ID, number);
        });
    }
    Verb::NewChain.write(transaction.request(), |payload| {
        payload.text(CHAIN_TABLE, table).text(CHAIN_NAME, CHAIN).text(CHAIN_TYPE, "filter");
        payload.nested(CHAIN_HOOK, |hook| {
            big_endian(hook, HOOK_HOOKNUM, libc::NF_INET_LOCAL_IN as u32);
            big_endian(hook, HOOK_PRIORITY, PRIORITY);
        });
        big_endian(payload, CHAIN_POLICY, libc::NF_ACCEPT as u32);
    });
    for rule in RULES {
        Verb::NewRule.write(transaction.request(), |payload| {
            payload.text(RULE_TABLE, table).text(RULE_CHAIN, CHAIN);
            payload.nested(RULE_EXPRESSIONS, |list| {
                for expression in *rule {
                    expression.write(list);
                }
            });
        });
    }
}

/// `return` is to go on with the next table.
const RULES: &[&[Expression]] = {
    use Expression::{Count, Drop, Is, LookUp, Meta, Return, Slice};
    use Header::{Network, Transport};
    &[
        &[Meta(NFPROTO, FIRST), Is(&[V4]), Slice(Network, 16, 4), LookUp(Set::Ipv4), Count(IPV4), Drop],
        &[Meta(L4PROTO, FIRST), Is(&[ICMPV6]), Slice(Transport, 0, 1), Is(&[NEIGHBOR_SOLICITATION]), Return],
        &[Meta(L4PROTO, FIRST), Is(&[ICMPV6]), Slice(Transport, 0, 1), Is(&[NEIGHBOR_ADVERTISEMENT]), Return],
        &[Meta(NFPROTO, FIRST), Is(&[V6]), Slice(Network, 24, 16), LookUp(Set::Ipv6), Count(IPV6), Drop],
        &[
            Meta(NFPROTO, FIRST),
            Is(&[V6]),
            Slice(Network, 24, 16),
            Meta(IIF, SECOND),
            LookUp(Set::LinkLocal),
            Count(IPV6),
            Drop,
        ],
    ]
};

/// A step of a rule. Each looks at the first register; the next is done only if it says yes.
#[derive(Copy, Clone, Debug)]
enum Expression {
    /// Loads what is known of the packet into a register.
    Meta(u32, u32),
    /// Loads so many bytes, from an offset of a header, into the first register.
    Slice(Header, u32, u32),
    Is(&'static [u8]),
    LookUp(Set),
    /// Counts by the counter of that name.
    Count(&'static str),
    Drop,
    Return,
}

impl Expression {
    fn write(&self, list: &mut Payload<'_>) {
        match *self {
            Self::Meta(key, register) => expression(list, "meta", |meta| {
                big_endian(meta, META_DREG, register);
                big_endian(meta, META_KEY, key);
            }),
            Self::Slice(header, offset, length) => expression(list, "payload", |payload| {
                big_endian(payload, PAYLOAD_DREG, FIRST);
                big_endian(payload, PAYLOAD_BASE, header as u32);
                big_endian(payload, PAYLOAD_OFFSET, offset);
                big_endian(payload, PAYLOAD_LEN, length);
            }),
            Self::Is(value) => expression(list, "cmp", |cmp| {
                big_endian(cmp, CMP_SREG, FIRST);
                big_endian(cmp, CMP_OP, CMP_EQ);
                cmp.nested(CMP_DATA, |data| {
                    data.attribute(DATA_VALUE, value);
                });
            }),
            Self::LookUp(set) => expression(list, "lookup", |lookup| {
                lookup.text(LOOKUP_SET, set.name());
                big_endian(lookup, LOOKUP_SREG, FIRST);
            }),
            Self::Count(name) => expression(list, "objref", |reference| {
                big_endian(reference, OBJREF_IMM_TYPE, OBJECT_COUNTER);
                reference.text(OBJREF_IMM_NAME, name);
            }),
            Self::Drop => verdict(list, libc::NF_DROP),
            Self::Return => verdict(list, NFT_RETURN),
        }
    }
}

fn verdict(list: &mut Payload<'_>, code: i32) {
    expression(list, "immediate", |immediate| {
        big_endian(immediate, IMMEDIATE_DREG, REGISTER_OF_VERDICTS);
        immediate.nested(IMMEDIATE_DATA, |data| {
            data.nested(DATA_VERDICT, |verdict| big_endian(verdict, VERDICT_CODE, code.cast_unsigned()));
        });
    });
}

fn expression(list: &mut Payload<'_>, name: &str, data: impl FnOnce(&mut Payload<'_>)) {
    list.nested(LIST_ELEM, |expression| {
        expression.text(EXPR_NAME, name).nested(EXPR_DATA, data);
    });
}

#[derive(Copy, Clone, Debug)]
enum Header {
    Network = 1,
    Transport = 2,
}

const CHAIN: &str = "input";
/// After IPVS (98 and 99) and source NAT (100).
const PRIORITY: u32 = 101;

// Values that rules compare with.
const V4: u8 = libc::NFPROTO_IPV4 as u8;
const V6: u8 = libc::NFPROTO_IPV6 as u8;
const ICMPV6: u8 = libc::IPPROTO_ICMPV6 as u8;
/// RFC 4861 §4.3, §4.4.
const NEIGHBOR_SOLICITATION: u8 = 135;
const NEIGHBOR_ADVERTISEMENT: u8 = 136;

// Registers of 16 bytes; the second follows the first, so that a look-up of 20 bytes reads both.
const REGISTER_OF_VERDICTS: u32 = 0;
const FIRST: u32 = 1;
const SECOND: u32 = 2;

// linux/netfilter/nf_tables.h.
const TABLE_F_OWNER: u32 = 2;
const NFT_RETURN: i32 = -5;
const CMP_EQ: u32 = 0;
const IIF: u32 = 4;
const NFPROTO: u32 = 15;
const L4PROTO: u32 = 16;

// Its attributes, NFTA_ left out.
const TABLE_NAME: u16 = 1;
const TABLE_FLAGS: u16 = 2;
const CHAIN_TABLE: u16 = 1;
const CHAIN_NAME: u16 = 3;
const CHAIN_HOOK: u16 = 4;
const CHAIN_POLICY: u16 = 5;
const CHAIN_TYPE: u16 = 7;
const HOOK_HOOKNUM: u16 = 1;
const HOOK_PRIORITY: u16 = 2;
const SET_TABLE: u16 = 1;
const SET_NAME: u16 = 2;
const SET_KEY_TYPE: u16 = 4;
const SET_KEY_LEN: u16 = 5;
const SET_ID: u16 = 10;
const RULE_TABLE: u16 = 1;
const RULE_CHAIN: u16 = 2;
const RULE_EXPRESSIONS: u16 = 4;
const EXPR_NAME: u16 = 1;
const EXPR_DATA: u16 = 2;
const META_DREG: u16 = 1;
const META_KEY: u16 = 2;
const PAYLOAD_DREG: u16 = 1;
const PAYLOAD_BASE: u16 = 2;
const PAYLOAD_OFFSET: u16 = 3;
const PAYLOAD_LEN: u16 = 4;
const CMP_SREG: u16 = 1;
const CMP_OP: u16 = 2;
const CMP_DATA: u16 = 3;
const LOOKUP_SET: u16 = 1;
const LOOKUP_SREG: u16 = 2;
const OBJREF_IMM_TYPE: u16 = 1;
const OBJREF_IMM_NAME: u16 = 2;
const IMMEDIATE_DREG: u16 = 1;
const IMMEDIATE_DATA: u16 = 2;
const DATA_VERDICT: u16 = 2;
const VERDICT_CODE: u16 = 1;
