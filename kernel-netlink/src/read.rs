//! Answers and events, read in place.

use crate::{Failure, HEADER_LEN, Malformed, align};

/// The messages of one datagram. Ends after the first malformed one, since where the next begins is then not known.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    /// Begins at the first message.
    pub fn new(datagram: &'a [u8]) -> Self {
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
pub struct Message<'a> {
    kind: u16,
    flags: u16,
    sequence: u32,
    port: u32,
    payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// Returns the number of the request that it answers; 0 in events that nobody asked for.
    pub fn sequence(&self) -> u32 {
        self.sequence
    }

    /// Returns who asked for the change that an event tells of: the port of a socket, 0 for the kernel itself.
    pub fn port(&self) -> u32 {
        self.port
    }

    /// Returns its kind (`nlmsg_type`).
    pub fn kind(&self) -> u16 {
        self.kind
    }

    /// Returns what follows the header.
    pub fn payload(&self) -> &'a [u8] {
        self.payload
    }

    /// Tells whether the kernel's list changed while it was being dumped, so that the dump may lack entries.
    ///
    /// One message of a dump may say so and the others not, so that each has to be asked.
    pub fn is_dump_interrupted(&self) -> bool {
        self.flags & NLM_F_DUMP_INTR != 0
    }

    /// Reads what the message says.
    pub fn read(&self) -> Result<Reply<'a>, Malformed> {
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
        let &[_, _, _, _, k0, k1, f0, f1, s0, s1, s2, s3, p0, p1, p2, p3] =
            bytes.first_chunk::<HEADER_LEN>()?;
        let (length, _) = split_u32(bytes)?;
        let message = Self {
            kind: u16::from_ne_bytes([k0, k1]),
            flags: u16::from_ne_bytes([f0, f1]),
            sequence: u32::from_ne_bytes([s0, s1, s2, s3]),
            port: u32::from_ne_bytes([p0, p1, p2, p3]),
            payload: bytes.get(HEADER_LEN..length)?,
        };
        Some((message, bytes.get(align(length)..).unwrap_or_default()))
    }
}

/// What a message says.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "whoever asks handles each")]
pub enum Reply<'a> {
    /// The request is over: acknowledged, refused, or its dump complete.
    End(Outcome<'a>),
    /// One object.
    Data {
        /// Its kind (`nlmsg_type`).
        kind: u16,
        /// What follows the header.
        payload: &'a [u8],
    },
    /// To be ignored.
    Nothing,
}

/// How a request ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome<'a> {
    /// 0, or a positive `errno`.
    pub errno: i32,
    /// The kernel's own words, which a success may carry too.
    pub text: Option<&'a str>,
}

impl Outcome<'_> {
    /// Returns a refusal as an error.
    ///
    /// # Errors
    ///
    /// [`Failure::Os`].
    pub fn into_result(self) -> Result<(), Failure> {
        match self.errno {
            0 => Ok(()),
            errno => Err(Failure::Os { errno, text: self.text.map(Into::into) }),
        }
    }
}

/// The attributes (`struct rtattr`, `struct nlattr`) in a payload. Ends after the first malformed one.
#[derive(Clone, Debug)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// Begins at the first attribute.
    pub fn new(bytes: &'a [u8]) -> Self {
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

/// Finds an attribute of a kind.
pub fn find(attributes: &[u8], kind: u16) -> Result<Option<Attribute<'_>>, Malformed> {
    for attribute in Attributes::new(attributes) {
        let attribute = attribute?;
        if attribute.kind == kind {
            return Ok(Some(attribute));
        }
    }
    Ok(None)
}

/// One attribute, the flag bits of its type cleared.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attribute<'a> {
    /// Its type.
    pub kind: u16,
    /// What follows its header.
    pub value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// Reads a value of exactly `N` bytes.
    pub fn array<const N: usize>(&self) -> Result<[u8; N], Malformed> {
        self.value.try_into().map_err(|_| Malformed)
    }

    /// Reads a number in the host's byte order.
    pub fn number(&self) -> Result<u32, Malformed> {
        self.array().map(u32::from_ne_bytes)
    }

    /// Reads a text up to its NUL, or all of it where that is missing.
    pub fn text(&self) -> Option<&'a str> {
        self.value.split(|byte| *byte == 0).next().and_then(|text| str::from_utf8(text).ok())
    }
}

fn split_u32(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((usize::try_from(u32::from_ne_bytes(*number)).ok()?, rest))
}

fn split_errno(bytes: &[u8]) -> Result<(i32, &[u8]), Malformed> {
    let (number, rest) = bytes.split_first_chunk().ok_or(Malformed)?;
    Ok((i32::from_ne_bytes(*number).saturating_neg(), rest))
}

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

    use lab::written::{attribute_bytes, message_bytes, ne16, ne32};

    use super::*;

    #[test]
    fn a_refusal_carries_errno_and_the_kernels_words() {
        let request = request();
        let words = attribute_bytes(NLMSGERR_ATTR_MSG, b"ipv4: Address not found\0");
        let payload = [&ne32(99_u32.wrapping_neg())[..], &request, &words].concat();
        let bytes = message_bytes(NLMSG_ERROR, NLM_F_ACK_TLVS, 1, &payload);

        let end = Outcome { errno: 99, text: Some("ipv4: Address not found") };
        assert_eq!(only(&bytes).read(), Ok(Reply::End(end)));
    }

    #[test]
    fn a_capped_refusal_has_the_words_after_the_header_alone() {
        let request = &request()[..HEADER_LEN];
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
            let request = request();
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

    /// Reads whatever can be read.
    fn read_everything(datagram: &[u8]) {
        for message in Messages::new(datagram).map_while(Result::ok) {
            if let Ok(Reply::Data { payload, .. }) = message.read() {
                let texts = Attributes::new(payload).map_while(Result::ok).map(|attribute| attribute.text());
                std::hint::black_box(texts.count());
            }
        }
    }

    /// To be echoed in an answer.
    fn request() -> Vec<u8> {
        message_bytes(21, 0x5, 1, &[2, 24, 0, 0, 2, 0, 0, 0, 8, 0, 2, 0, 10, 0, 0, 1])
    }

    fn only(bytes: &[u8]) -> Message<'_> {
        let messages: Result<Vec<_>, _> = Messages::new(bytes).collect();
        <[_; 1]>::try_from(messages.unwrap()).unwrap()[0]
    }
}
