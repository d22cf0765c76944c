//! Bytes of netlink messages: requests are built, answers are read in place.
//!
//! ```text
//!  0               1               2               3
//! +-------------------------------+-------------------------------+
//! |                            length                             |  nlmsghdr (linux/netlink.h), native byte order;
//! +-------------------------------+-------------------------------+  length counts these 16 bytes too, the next
//! |             kind              |             flags             |  message starts at the next multiple of 4
//! +-------------------------------+-------------------------------+
//! |                           sequence                            |
//! +---------------------------------------------------------------+
//! |                             port                              |
//! +-------------------------------+-------------------------------+
//! |   fixed header of the kind, then attributes: u16 length,      |
//! |   u16 type, value, each padded to a multiple of 4             |
//! +---------------------------------------------------------------+
//! ```

use std::{io::Cursor, net::Ipv4Addr};

use neli::{
    FromBytesWithInput, Size, ToBytes,
    consts::{
        nl::NlmF,
        rtnl::{Ifa, Ifla, RtAddrFamily, RtScope, Rtm},
    },
    nl::{NlPayload, NlmsghdrBuilder},
    rtnl::{IfaddrmsgBuilder, IfinfomsgBuilder, Rtattr, RtattrBuilder},
    types::{Buffer, RtBuffer},
};

use crate::{address::Address, link::Name};

/// Asks for one interface by its name.
pub(crate) fn get_link(sequence: u32, name: Name) -> Vec<u8> {
    let payload = IfinfomsgBuilder::default()
        .ifi_family(RtAddrFamily::Unspecified)
        .rtattrs(RtBuffer::from_iter([attribute(
            Ifla::Ifname,
            format!("{name}\0").into_bytes(),
        )]))
        .build();
    request(Rtm::Getlink, NlmF::ACK, sequence, payload.expect(COMPLETE))
}

/// Asks for all IPv4 addresses of one interface. Kernels that do not filter send those of all interfaces.
pub(crate) fn get_addresses(sequence: u32, interface: u32) -> Vec<u8> {
    let payload = IfaddrmsgBuilder::default()
        .ifa_family(RtAddrFamily::Inet)
        .ifa_prefixlen(0)
        .ifa_scope(RtScope::Universe)
        .ifa_index(interface)
        .build();
    request(Rtm::Getaddr, NlmF::DUMP, sequence, payload.expect(COMPLETE))
}

/// Adds an address, failing with `EEXIST` where the interface has it.
pub(crate) fn new_address(sequence: u32, interface: u32, address: Address) -> Vec<u8> {
    change_address(
        Rtm::Newaddr,
        NlmF::ACK | NlmF::CREATE | NlmF::EXCL,
        sequence,
        interface,
        address,
    )
}

/// Removes an address, failing with `EADDRNOTAVAIL` where the interface does not have it.
pub(crate) fn delete_address(sequence: u32, interface: u32, address: Address) -> Vec<u8> {
    change_address(Rtm::Deladdr, NlmF::ACK, sequence, interface, address)
}

fn change_address(kind: Rtm, flags: NlmF, sequence: u32, interface: u32, address: Address) -> Vec<u8> {
    let ip = address.ip().octets().to_vec();
    let payload = IfaddrmsgBuilder::default()
        .ifa_family(RtAddrFamily::Inet)
        .ifa_prefixlen(address.prefix_len())
        .ifa_scope(RtScope::Universe)
        .ifa_index(interface)
        .rtattrs(RtBuffer::from_iter([
            attribute(Ifa::Local, ip.clone()),
            attribute(Ifa::Address, ip),
        ]))
        .build();
    request(kind, flags, sequence, payload.expect(COMPLETE))
}

fn attribute<T: Size>(kind: T, value: Vec<u8>) -> Rtattr<T, Buffer> {
    RtattrBuilder::default()
        .rta_type(kind)
        .rta_payload(Buffer::from(value))
        .build()
        .expect(COMPLETE)
}

fn request<P>(kind: Rtm, flags: NlmF, sequence: u32, payload: P) -> Vec<u8>
where
    P: Size + ToBytes + FromBytesWithInput<Input = usize>,
{
    let message = NlmsghdrBuilder::default()
        .nl_type(kind)
        .nl_flags(NlmF::REQUEST | flags)
        .nl_seq(sequence)
        .nl_payload(NlPayload::Payload(payload))
        .build()
        .expect(COMPLETE);
    let mut bytes = Cursor::new(Vec::with_capacity(message.padded_size()));
    message.to_bytes(&mut bytes).expect("a vector grows as needed");
    bytes.into_inner()
}

/// The messages of one datagram. Ends after the first malformed one, since where the next begins is then not known.
#[derive(Clone, Debug)]
pub(crate) struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    pub(crate) fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = std::mem::take(&mut self.rest);
        if bytes.is_empty() {
            return None;
        }
        let Some((message, rest)) = Message::split(bytes) else {
            return Some(Err(Malformed));
        };
        self.rest = rest;
        Some(Ok(message))
    }
}

/// One message, its payload not yet looked at.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    payload: &'a [u8],
}

impl<'a> Message<'a> {
    pub(crate) fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Tells whether the kernel's list changed while it was being dumped, so that the dump may lack entries.
    ///
    /// One message of a dump may say so and the others not, so that each has to be asked.
    pub(crate) fn is_dump_interrupted(&self) -> bool {
        self.flags & NLM_F_DUMP_INTR != 0
    }

    /// Reads what the message says.
    pub(crate) fn read(&self) -> Result<Reply<'a>, Malformed> {
        match self.kind {
            NLMSG_ERROR => {
                let (errno, rest) = split_errno(self.payload)?;
                let echoed = if self.flags & NLM_F_CAPPED != 0 {
                    HEADER_LEN
                } else {
                    // The whole request: its length field says how long it was.
                    split_u32(rest).ok_or(Malformed)?.0
                };
                Ok(Reply::End(Outcome {
                    errno,
                    text: self.extended_ack(rest.get(align(echoed)..)),
                }))
            }
            NLMSG_DONE if self.payload.is_empty() => Ok(Reply::End(Outcome { errno: 0, text: None })),
            NLMSG_DONE => {
                let (errno, rest) = split_errno(self.payload)?;
                Ok(Reply::End(Outcome {
                    errno,
                    text: self.extended_ack(Some(rest)),
                }))
            }
            NLMSG_NOOP | NLMSG_OVERRUN => Ok(Reply::Nothing),
            kind => Ok(Reply::Data {
                kind,
                payload: self.payload,
            }),
        }
    }

    /// Finds the kernel's words. They are an extra: what is not understood of them is left out, not an error.
    fn extended_ack(&self, attributes: Option<&'a [u8]>) -> Option<&'a str> {
        if self.flags & NLM_F_ACK_TLVS == 0 {
            return None;
        }
        Attributes::new(attributes?)
            .map_while(Result::ok)
            .find(|a| a.kind == NLMSGERR_ATTR_MSG)?
            .text()
    }

    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let &[_, _, _, _, k0, k1, f0, f1, s0, s1, s2, s3, _, _, _, _] = bytes.first_chunk::<HEADER_LEN>()?;
        let (length, _) = split_u32(bytes)?;
        let message = Self {
            kind: u16::from_ne_bytes([k0, k1]),
            flags: u16::from_ne_bytes([f0, f1]),
            sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
            payload: bytes.get(HEADER_LEN..length)?,
        };
        Some((message, bytes.get(align(length)..).unwrap_or_default()))
    }
}

/// What a message says.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply<'a> {
    /// The request is over: acknowledged, refused, or its dump complete.
    End(Outcome<'a>),
    /// One object.
    Data { kind: u16, payload: &'a [u8] },
    /// To be ignored.
    Nothing,
}

/// How a request ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome<'a> {
    /// 0, or a positive `errno`.
    pub(crate) errno: i32,
    /// The kernel's own words, which a success may carry too.
    pub(crate) text: Option<&'a str>,
}

/// The attributes (`struct rtattr`, `struct nlattr`) in a payload. Ends after the first malformed one.
#[derive(Clone, Debug)]
pub(crate) struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = std::mem::take(&mut self.rest);
        let &[l0, l1, k0, k1] = match bytes.first_chunk::<4>() {
            Some(header) => header,
            None if bytes.is_empty() => return None,
            None => return Some(Err(Malformed)),
        };
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let Some(value) = bytes.get(4..length) else {
            return Some(Err(Malformed));
        };
        self.rest = bytes.get(align(length)..).unwrap_or_default();
        Some(Ok(Attribute {
            kind: u16::from_ne_bytes([k0, k1]) & NLA_TYPE_MASK,
            value,
        }))
    }
}

/// One attribute, the flag bits of its type cleared.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attribute<'a> {
    pub(crate) kind: u16,
    pub(crate) value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// Reads a value of exactly `N` bytes.
    pub(crate) fn array<const N: usize>(&self) -> Result<[u8; N], Malformed> {
        self.value.try_into().map_err(|_| Malformed)
    }

    /// Reads a text up to its NUL, or all of it where that is missing.
    pub(crate) fn text(&self) -> Option<&'a str> {
        self.value
            .split(|byte| *byte == 0)
            .next()
            .and_then(|text| str::from_utf8(text).ok())
    }
}

/// A length inside the message does not fit what is there.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

fn split_u32(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((usize::try_from(u32::from_ne_bytes(*number)).ok()?, rest))
}

fn split_errno(bytes: &[u8]) -> Result<(i32, &[u8]), Malformed> {
    let (number, rest) = bytes.split_first_chunk().ok_or(Malformed)?;
    Ok((i32::from_ne_bytes(*number).saturating_neg(), rest))
}

fn align(length: usize) -> usize {
    length.checked_next_multiple_of(4).unwrap_or(usize::MAX)
}

/// Reads every part of a datagram as the request socket would: the entry for fuzzing.
pub(crate) fn read_everything(datagram: &[u8]) -> usize {
    Messages::new(datagram)
        .map_while(Result::ok)
        .map(|message| match message.read() {
            Ok(Reply::End(outcome)) => outcome.text.map_or(0, str::len),
            Ok(Reply::Data { payload, .. }) => {
                let link = crate::link::Interface::parse(payload).map_or(0, |link| link.name().len());
                let address = Address::parse(payload)
                    .ok()
                    .flatten()
                    .map_or(Ipv4Addr::UNSPECIFIED, |(_, a)| a.ip());
                link + address.octets().len()
            }
            Ok(Reply::Nothing) | Err(Malformed) => 0,
        })
        .sum()
}

const COMPLETE: &str = "every field without a default is set";
const HEADER_LEN: usize = 16;
const NLMSG_NOOP: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const NLMSG_OVERRUN: u16 = 4;
const NLM_F_DUMP_INTR: u16 = 0x10;
const NLM_F_CAPPED: u16 = 0x100;
const NLM_F_ACK_TLVS: u16 = 0x200;
const NLMSGERR_ATTR_MSG: u16 = 1;
const NLA_TYPE_MASK: u16 = 0x3fff;
