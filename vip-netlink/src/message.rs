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

use std::{io::Cursor, net::IpAddr};

use neli::{
    FromBytesWithInput, Size, ToBytes,
    consts::{
        nl::NlmF,
        rtnl::{Ifa, IfaF, Ifla, RtAddrFamily, RtScope, Rtm},
    },
    nl::{NlPayload, NlmsghdrBuilder},
    rtnl::{IfaddrmsgBuilder, IfinfomsgBuilder, Rtattr, RtattrBuilder},
    types::{Buffer, RtBuffer},
};

use crate::{
    address::{Address, AssignedAddress},
    link::Name,
};

/// Asks for one interface by its name.
pub(crate) fn get_link(sequence: u32, name: Name) -> Vec<u8> {
    let name = attribute(Ifla::Ifname, format!("{name}\0").into_bytes());
    get_link_by(sequence, 0, RtBuffer::from_iter([name]))
}

/// Asks for one interface by its index.
pub(crate) fn get_link_at(sequence: u32, index: u32) -> Vec<u8> {
    get_link_by(sequence, index.cast_signed(), RtBuffer::new())
}

fn get_link_by(sequence: u32, index: i32, attributes: RtBuffer<Ifla, Buffer>) -> Vec<u8> {
    let payload = IfinfomsgBuilder::default()
        .ifi_family(RtAddrFamily::Unspecified)
        .ifi_index(index)
        .rtattrs(attributes)
        .build();
    request(Rtm::Getlink, NlmF::ACK, sequence, payload.expect(COMPLETE))
}

/// Asks for all addresses of one family, of all interfaces. A kernel without that family answers with all others.
///
/// The kernel would filter by interface, and would dump all families at once, but then does not always say that the list
/// changed while it was being dumped: it takes the sequence number it compares (`cb->seq` in `inet_dump_ifaddr`,
/// net/ipv4/devinet.c) when it does not filter, and forgets it between two families (`rtnl_dump_all`,
/// net/core/rtnetlink.c).
pub(crate) fn get_addresses(sequence: u32, family: Family) -> Vec<u8> {
    let payload = IfaddrmsgBuilder::default()
        .ifa_family(family.into())
        .ifa_prefixlen(0)
        .ifa_scope(RtScope::Universe)
        .ifa_index(0)
        .build();
    request(Rtm::Getaddr, NlmF::DUMP, sequence, payload.expect(COMPLETE))
}

/// Adds a floating address, failing with `EEXIST` where the interface has it; of IPv6, with any prefix length.
///
/// An IPv6 address is usable at once, without duplicate address detection: it moves while its old owner may still have it.
/// The preferred lifetime of a `/128` is 0, so that nothing on this host chooses it as a source.
pub(crate) fn new_address(sequence: u32, interface: u32, address: Address) -> Vec<u8> {
    let (mut flags, mut attributes) = (IfaF::empty(), ip_attributes(address));
    if address.ip().is_ipv6() {
        flags = IfaF::NODAD;
        if address.is_host() {
            // struct ifa_cacheinfo: preferred and valid lifetime in seconds, two time stamps that are not read.
            let lifetimes = [0, FOREVER, 0, 0].map(u32::to_ne_bytes).concat();
            attributes.push(attribute(Ifa::Cacheinfo, lifetimes));
        }
    }
    let message_flags = NlmF::ACK | NlmF::CREATE | NlmF::EXCL;
    change_address(Rtm::Newaddr, message_flags, sequence, interface, address, flags, attributes)
}

/// Removes an address, failing with `EADDRNOTAVAIL` where the interface does not have it.
pub(crate) fn delete_address(sequence: u32, interface: u32, address: Address) -> Vec<u8> {
    let attributes = ip_attributes(address);
    change_address(Rtm::Deladdr, NlmF::ACK, sequence, interface, address, IfaF::empty(), attributes)
}

fn ip_attributes(address: Address) -> RtBuffer<Ifa, Buffer> {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    RtBuffer::from_iter([attribute(Ifa::Local, ip.clone()), attribute(Ifa::Address, ip)])
}

fn change_address(
    kind: Rtm,
    message_flags: NlmF,
    sequence: u32,
    interface: u32,
    address: Address,
    flags: IfaF,
    attributes: RtBuffer<Ifa, Buffer>,
) -> Vec<u8> {
    let payload = IfaddrmsgBuilder::default()
        .ifa_family(Family::of(address.ip()).into())
        .ifa_prefixlen(address.prefix_len())
        .ifa_flags(flags)
        .ifa_scope(RtScope::Universe)
        .ifa_index(interface)
        .rtattrs(attributes)
        .build();
    request(kind, message_flags, sequence, payload.expect(COMPLETE))
}

/// The versions of IP.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    V4,
    V6,
}

impl Family {
    pub(crate) fn of(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self::V4,
            IpAddr::V6(_) => Self::V6,
        }
    }
}

impl From<Family> for RtAddrFamily {
    fn from(family: Family) -> Self {
        match family {
            Family::V4 => Self::Inet,
            Family::V6 => Self::Inet6,
        }
    }
}

fn attribute<T: Size>(kind: T, value: Vec<u8>) -> Rtattr<T, Buffer> {
    RtattrBuilder::default().rta_type(kind).rta_payload(Buffer::from(value)).build().expect(COMPLETE)
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
                Ok(Reply::End(Outcome { errno, text: self.extended_ack(rest.get(align(echoed)..)) }))
            }
            NLMSG_DONE if self.payload.is_empty() => Ok(Reply::End(Outcome { errno: 0, text: None })),
            NLMSG_DONE => {
                let (errno, rest) = split_errno(self.payload)?;
                Ok(Reply::End(Outcome { errno, text: self.extended_ack(Some(rest)) }))
            }
            NLMSG_NOOP | NLMSG_OVERRUN => Ok(Reply::Nothing),
            kind => Ok(Reply::Data { kind, payload: self.payload }),
        }
    }

    /// Finds the kernel's words. They are an extra: what is not understood of them is left out, not an error.
    fn extended_ack(&self, attributes: Option<&'a [u8]>) -> Option<&'a str> {
        if self.flags & NLM_F_ACK_TLVS == 0 {
            return None;
        }
        Attributes::new(attributes?).map_while(Result::ok).find(|a| a.kind == NLMSGERR_ATTR_MSG)?.text()
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
        Some(Ok(Attribute { kind: u16::from_ne_bytes([k0, k1]) & NLA_TYPE_MASK, value }))
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
        self.value.split(|byte| *byte == 0).next().and_then(|text| str::from_utf8(text).ok())
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
                let address = AssignedAddress::parse(payload).ok().flatten();
                link + address.map_or(0, |(_, assigned)| usize::from(assigned.address().prefix_len()))
            }
            Ok(Reply::Nothing) | Err(Malformed) => 0,
        })
        .sum()
}

const COMPLETE: &str = "every field without a default is set";
/// `INFINITY_LIFE_TIME`, include/net/addrconf.h.
const FOREVER: u32 = u32::MAX;
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

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, sample::Index};

    use super::{
        written::{attribute_bytes, message_bytes, ne16, ne32},
        *,
    };

    #[test]
    fn adding_an_address_is_this_request() {
        let bytes = new_address(7, 3, "10.0.0.1/24".parse().unwrap());

        #[rustfmt::skip]
        let expected = [
            &ne32(40)[..], &ne16(20), &ne16(0x1 | 0x4 | 0x200 | 0x400), &ne32(7), &ne32(0), // nlmsghdr
            &[2, 24, 0, 0], &ne32(3), // ifaddrmsg
            &ne16(8), &ne16(2), &[10, 0, 0, 1], // IFA_LOCAL
            &ne16(8), &ne16(1), &[10, 0, 0, 1], // IFA_ADDRESS
        ]
        .concat();
        assert_eq!(bytes, expected);
    }

    #[test]
    fn adding_an_ipv6_host_address_says_that_it_is_usable_at_once_and_no_source() {
        let bytes = new_address(7, 3, "2001:db8::1".parse().unwrap());

        let ip = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        #[rustfmt::skip]
        let expected = [
            &ne32(84)[..], &ne16(20), &ne16(0x1 | 0x4 | 0x200 | 0x400), &ne32(7), &ne32(0), // nlmsghdr
            &[10, 128, 0x02, 0], &ne32(3), // ifaddrmsg with IFA_F_NODAD
            &ne16(20), &ne16(2), &ip, // IFA_LOCAL
            &ne16(20), &ne16(1), &ip, // IFA_ADDRESS
            &ne16(20), &ne16(6), &ne32(0), &ne32(u32::MAX), &ne32(0), &ne32(0), // IFA_CACHEINFO
        ]
        .concat();
        assert_eq!(bytes, expected);
    }

    #[test]
    fn an_ipv6_address_of_a_subnet_may_be_a_source() {
        let bytes = new_address(7, 3, "2001:db8::1/64".parse().unwrap());

        assert_eq!(bytes.len(), 16 + 8 + 20 + 20, "no lifetimes");
        assert_eq!(bytes[16..20], [10, 64, 0x02, 0]);
    }

    #[test]
    fn asking_for_an_interface_is_this_request() {
        let bytes = get_link(1, Name::new("eth0").unwrap());

        #[rustfmt::skip]
        let expected = [
            &ne32(44)[..], &ne16(18), &ne16(0x1 | 0x4), &ne32(1), &ne32(0), // nlmsghdr
            &[0; 16], // ifinfomsg
            &ne16(9), &ne16(3), b"eth0\0\0\0\0", // IFLA_IFNAME
        ]
        .concat();
        assert_eq!(bytes, expected);
    }

    #[test]
    fn a_refusal_carries_errno_and_the_kernels_words() {
        let request = delete_address(1, 1, "10.0.0.1/24".parse().unwrap());
        let words = attribute_bytes(NLMSGERR_ATTR_MSG, b"ipv4: Address not found\0");
        let payload = [&ne32(99_u32.wrapping_neg())[..], &request, &words].concat();
        let bytes = message_bytes(NLMSG_ERROR, NLM_F_ACK_TLVS, 1, &payload);

        let end = Outcome { errno: 99, text: Some("ipv4: Address not found") };
        assert_eq!(only(&bytes).read(), Ok(Reply::End(end)));
    }

    #[test]
    fn a_capped_refusal_has_the_words_after_the_header_alone() {
        let request = &delete_address(1, 1, "10.0.0.1/24".parse().unwrap())[..HEADER_LEN];
        let words = attribute_bytes(NLMSGERR_ATTR_MSG, b"no NUL");
        let payload = [&ne32(1_u32.wrapping_neg())[..], request, &words].concat();
        let bytes = message_bytes(NLMSG_ERROR, NLM_F_ACK_TLVS | NLM_F_CAPPED, 1, &payload);

        assert_eq!(only(&bytes).read(), Ok(Reply::End(Outcome { errno: 1, text: Some("no NUL") })));
    }

    #[test]
    fn words_that_are_damaged_do_not_hide_the_errno() {
        for rest in [&[][..], &[1], &[255; 20], &ne32(u32::MAX)] {
            let payload = [&ne32(1_u32.wrapping_neg())[..], &[0; HEADER_LEN], rest].concat();
            let bytes = message_bytes(NLMSG_ERROR, NLM_F_ACK_TLVS | NLM_F_CAPPED, 1, &payload);

            assert_eq!(only(&bytes).read(), Ok(Reply::End(Outcome { errno: 1, text: None })), "{rest:?}");
        }
    }

    #[test]
    fn the_end_of_a_dump_carries_errno_and_words_too() {
        let payload =
            [&ne32(19_u32.wrapping_neg())[..], &attribute_bytes(NLMSGERR_ATTR_MSG, b"why\0")].concat();

        let with_words = message_bytes(NLMSG_DONE, NLM_F_ACK_TLVS, 1, &payload);
        let with_errno = message_bytes(NLMSG_DONE, 0, 1, &payload);
        let bare = message_bytes(NLMSG_DONE, 0, 1, &[]);

        assert_eq!(only(&with_words).read(), Ok(Reply::End(Outcome { errno: 19, text: Some("why") })));
        assert_eq!(only(&with_errno).read(), Ok(Reply::End(Outcome { errno: 19, text: None })));
        assert_eq!(only(&bare).read(), Ok(Reply::End(Outcome { errno: 0, text: None })));
    }

    #[test]
    fn a_length_that_does_not_fit_is_malformed() {
        for length in [0, 4, 15, 17, u32::MAX] {
            let bytes = [&ne32(length)[..], &[0; 12]].concat();

            assert_eq!(Messages::new(&bytes).collect::<Vec<_>>(), [Err(Malformed)], "{length}");
        }
        for length in [0, 3, 5, u16::MAX] {
            let bytes = [&ne16(length)[..], &[0; 2]].concat();

            assert_eq!(Attributes::new(&bytes).collect::<Vec<_>>(), [Err(Malformed)], "{length}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in vec(any::<u8>(), 0..256)) {
            read_everything(&bytes);
        }

        #[test]
        fn any_payload_is_read_without_panic(kind in 0_u16..24, flags: u16, payload in vec(any::<u8>(), 0..256)) {
            read_everything(&message_bytes(kind, flags, 1, &payload));
        }

        #[test]
        fn a_damaged_answer_is_read_without_panic(at: Index, byte: u8, end: Index) {
            let request = new_address(1, 2, "10.0.0.1/24".parse().unwrap());
            let words = attribute_bytes(NLMSGERR_ATTR_MSG, b"words\0");
            let refusal = [&ne32(1_u32.wrapping_neg())[..], &request, &words].concat();
            let mut bytes = request;
            bytes.extend(message_bytes(NLMSG_ERROR, NLM_F_ACK_TLVS, 1, &refusal));
            *at.get_mut(&mut bytes) = byte;
            bytes.truncate(end.index(bytes.len() + 1));
            read_everything(&bytes);
        }

        #[test]
        fn messages_read_as_written(
            written in vec((any::<u16>(), any::<u16>(), any::<u32>(), vec(any::<u8>(), 0..40)), 0..8),
        ) {
            let bytes: Vec<u8> = written.iter().flat_map(|(k, f, s, p)| message_bytes(*k, *f, *s, p)).collect();

            let read: Result<Vec<_>, _> = Messages::new(&bytes).collect();

            let read = read.unwrap().into_iter().map(|m| (m.kind, m.flags, m.sequence, m.payload.to_vec()));
            prop_assert_eq!(read.collect::<Vec<_>>(), written);
        }

        #[test]
        fn attributes_read_as_written(written in vec((0..=NLA_TYPE_MASK, vec(any::<u8>(), 0..40)), 0..8)) {
            let bytes: Vec<u8> = written.iter().flat_map(|(kind, value)| attribute_bytes(*kind, value)).collect();

            let read: Result<Vec<_>, _> = Attributes::new(&bytes).collect();

            let read = read.unwrap().into_iter().map(|a| (a.kind, a.value.to_vec()));
            prop_assert_eq!(read.collect::<Vec<_>>(), written);
        }
    }

    fn only(bytes: &[u8]) -> Message<'_> {
        let messages: Result<Vec<_>, _> = Messages::new(bytes).collect();
        <[_; 1]>::try_from(messages.unwrap()).unwrap()[0]
    }
}

/// Messages as the kernel would write them.
#[cfg(test)]
pub(crate) mod written {
    use super::{HEADER_LEN, align};

    pub(crate) fn message_bytes(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER_LEN + payload.len()).unwrap();
        let header = [&ne32(length)[..], &ne16(kind), &ne16(flags), &ne32(sequence), &ne32(0)];
        pad([&header.concat(), payload].concat())
    }

    pub(crate) fn attribute_bytes(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + value.len()).unwrap();
        pad([&ne16(length)[..], &ne16(kind), value].concat())
    }

    pub(crate) fn pad(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes.resize(align(bytes.len()), 0);
        bytes
    }

    pub(crate) fn ne16(number: u16) -> [u8; 2] {
        number.to_ne_bytes()
    }

    pub(crate) fn ne32(number: u32) -> [u8; 4] {
        number.to_ne_bytes()
    }
}
