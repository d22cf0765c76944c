//! Requests, one after the other in one buffer.

use crate::align;

/// Writes messages, and keeps its memory for the next ones.
#[derive(Debug, Default)]
pub struct Writer {
    bytes: Vec<u8>,
    /// Where the last message begins.
    last: usize,
}

impl Writer {
    /// Appends a message of the kind, with what `payload` writes. `NLM_F_REQUEST` is always among the flags.
    pub fn message(&mut self, kind: u16, flags: u16, sequence: u32, payload: impl FnOnce(&mut Payload<'_>)) {
        let start = self.bytes.len();
        self.last = start;
        self.bytes.extend([0; 4]);
        for part in [kind, flags | NLM_F_REQUEST] {
            self.bytes.extend(part.to_ne_bytes());
        }
        self.bytes.extend(sequence.to_ne_bytes());
        self.bytes.extend([0; 4]);
        payload(&mut Payload { bytes: &mut self.bytes });
        let length = u32::try_from(self.bytes.len() - start).unwrap_or(u32::MAX);
        put(&mut self.bytes, start, length.to_ne_bytes());
        pad(&mut self.bytes, start);
    }

    /// Asks for an answer to the last message even if nothing is wrong with it.
    pub fn acknowledge_last(&mut self) {
        let flags = self.last + 6;
        if let Some([low, high]) = self.bytes.get(flags..).and_then(|bytes| bytes.first_chunk().copied()) {
            put(&mut self.bytes, flags, (u16::from_ne_bytes([low, high]) | NLM_F_ACK).to_ne_bytes());
        }
    }

    /// Returns what was written.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Begins anew.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.last = 0;
    }
}

/// What follows a message's header: the fixed header of its kind, then attributes.
#[derive(Debug)]
pub struct Payload<'w> {
    bytes: &'w mut Vec<u8>,
}

impl Payload<'_> {
    /// Appends a fixed header; its length is a multiple of 4.
    pub fn header<const N: usize>(&mut self, bytes: [u8; N]) -> &mut Self {
        const { assert!(N.is_multiple_of(4)) };
        self.bytes.extend(bytes);
        self
    }

    /// Appends an attribute.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        self.attribute_of(kind, |inside| inside.bytes.extend(value))
    }

    /// Appends an attribute that holds a number in the host's byte order.
    pub fn number(&mut self, kind: u16, value: u32) -> &mut Self {
        self.attribute(kind, &value.to_ne_bytes())
    }

    /// Appends an attribute that holds a text and the NUL after it.
    pub fn text(&mut self, kind: u16, value: &str) -> &mut Self {
        self.attribute_of(kind, |inside| {
            inside.bytes.extend(value.as_bytes());
            inside.bytes.push(0);
        })
    }

    /// Appends an attribute that holds attributes.
    pub fn nested(&mut self, kind: u16, inside: impl FnOnce(&mut Payload<'_>)) -> &mut Self {
        self.attribute_of(kind | NLA_F_NESTED, inside)
    }

    /// Appends what stands within a record or attribute without a header of its own.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend(bytes);
        self
    }

    /// Appends a struct that begins with its own length, and what follows it (`struct rtnexthop`).
    pub fn record<const N: usize>(
        &mut self,
        fields: [u8; N],
        inside: impl FnOnce(&mut Payload<'_>),
    ) -> &mut Self {
        const { assert!((N + 2).is_multiple_of(4)) };
        let start = self.bytes.len();
        self.bytes.extend([0; 2]);
        self.bytes.extend(fields);
        inside(&mut Payload { bytes: self.bytes });
        let length = (self.bytes.len() - start) as u16;
        put(self.bytes, start, length.to_ne_bytes());
        self
    }

    /// Appends an attribute that holds whatever is written inside.
    pub fn attribute_of(&mut self, kind: u16, value: impl FnOnce(&mut Payload<'_>)) -> &mut Self {
        let start = self.bytes.len();
        self.bytes.extend([0; 2]);
        self.bytes.extend(kind.to_ne_bytes());
        value(&mut Payload { bytes: self.bytes });
        let length = self.bytes.len() - start;
        debug_assert!(length <= usize::from(u16::MAX), "an attribute of {length} bytes");
        put(self.bytes, start, (length as u16).to_ne_bytes());
        pad(self.bytes, start);
        self
    }
}

fn put<const N: usize>(bytes: &mut [u8], at: usize, value: [u8; N]) {
    if let Some(place) = bytes.get_mut(at..at + N) {
        place.copy_from_slice(&value);
    }
}

fn pad(bytes: &mut Vec<u8>, start: usize) {
    bytes.resize(start + align(bytes.len() - start), 0);
}

const NLM_F_REQUEST: u16 = 1;
/// Answer, even if nothing is wrong.
pub const NLM_F_ACK: u16 = 4;
/// List all there are.
pub const NLM_F_DUMP: u16 = 0x300;
/// Replace what is there.
pub const NLM_F_REPLACE: u16 = 0x100;
/// Refuse if it is there.
pub const NLM_F_EXCL: u16 = 0x200;
/// Create it if it is not there.
pub const NLM_F_CREATE: u16 = 0x400;
const NLA_F_NESTED: u16 = 0x8000;

#[cfg(test)]
mod tests {
    use lab::written::{ne16, ne32};
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{Attributes, Messages};

    #[test]
    fn lengths_cover_what_was_written_and_padding_follows() {
        let mut writer = Writer::default();
        writer.message(16, NLM_F_ACK, 7, |payload| {
            payload.header([1, 2, 3, 4]).text(3, "eth0").nested(18, |inside| {
                inside.attribute(1, &[9]).number(2, 5);
            });
        });

        #[rustfmt::skip]
        let expected = [
            &ne32(52)[..], &ne16(16), &ne16(0x1 | 0x4), &ne32(7), &ne32(0), // nlmsghdr
            &[1, 2, 3, 4],
            &ne16(9), &ne16(3), b"eth0\0\0\0\0",
            &ne16(20), &ne16(18 | 0x8000),
                &ne16(5), &ne16(1), &[9, 0, 0, 0],
                &ne16(8), &ne16(2), &ne32(5),
        ]
        .concat();
        assert_eq!(writer.bytes(), expected);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            messages in vec((16_u16.., any::<u32>(), vec((0..0x3fff_u16, vec(any::<u8>(), 0..40)), 0..6)), 0..6),
        ) {
            let mut writer = Writer::default();
            for (kind, sequence, attributes) in &messages {
                writer.message(*kind, 0, *sequence, |payload| {
                    for (kind, value) in attributes {
                        payload.attribute(*kind, value);
                    }
                });
            }

            let read = Messages::new(writer.bytes()).map(|message| {
                let message = message.unwrap();
                let attributes = Attributes::new(message.payload()).map(Result::unwrap);
                let attributes = attributes.map(|one| (one.kind, one.value.to_vec())).collect();
                (message.kind(), message.sequence(), attributes)
            });
            prop_assert_eq!(read.collect::<Vec<_>>(), messages);
        }
    }
}
