//! As much of RFC 1035's messages as a check needs: one question out; of an answer, its head, its question, and the records of its
//! answer section. What else there may be is not looked at, so that nothing new in it can make a server fail.

use std::net::IpAddr;

use super::RecordType;

/// An answer to the question that was asked.
pub(super) struct Answer<'m> {
    flags: u16,
    records: u16,
    /// From the first record on.
    rest: &'m [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// No answer, or not to this question.
    NotOurs,
    Malformed,
}

/// Puts a query together, with its length in front and the number 0; `None` if the name is none.
pub(super) fn query(name: &str, record: RecordType) -> Option<Box<[u8]>> {
    let mut message = vec![0, 0];
    // Number, flags (recursion desired), one question, no records.
    message.extend([0, 0, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0]);
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > 253 {
        return None;
    }
    for label in name.split('.').filter(|_| !name.is_empty()) {
        let length = u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?;
        message.push(length);
        message.extend(label.as_bytes());
    }
    message.push(0);
    message.extend(record.number().to_be_bytes());
    message.extend(CLASS_IN.to_be_bytes());
    let length = u16::try_from(message.len() - 2).ok()?;
    message.splice(..2, length.to_be_bytes());
    Some(message.into())
}

impl<'m> Answer<'m> {
    /// Reads a message as the answer to a query.
    pub(super) fn read(message: &'m [u8], query: &[u8]) -> Result<Self, Unreadable> {
        let mut rest = message;
        let mut number = || take_u16(&mut rest).ok_or(Unreadable::NotOurs);
        let (id, flags, questions, records) = (number()?, number()?, number()?, number()?);
        let (_authority, _additional) = (number()?, number()?);
        let is_answer = flags & (FLAG_RESPONSE | OPCODE) == FLAG_RESPONSE;
        let (asked_id, question) = (query.first_chunk(), query.get(HEAD_LEN..).unwrap_or_default());
        if !is_answer || asked_id != Some(&id.to_be_bytes()) {
            return Err(Unreadable::NotOurs);
        }
        // A server that could not read the question may leave it out (RFC 2308 knows such; BIND does so for FORMERR).
        if questions == 0 && flags & RCODE != 0 {
            return Ok(Self { flags, records: 0, rest: &[] });
        }
        let (echo, records_at) = rest.split_at_checked(question.len()).ok_or(Unreadable::NotOurs)?;
        // Servers may change the case of letters.
        if questions != 1 || !echo.eq_ignore_ascii_case(question) {
            return Err(Unreadable::NotOurs);
        }
        Ok(Self { flags, records, rest: records_at })
    }

    pub(super) fn is_truncated(&self) -> bool {
        self.flags & FLAG_TRUNCATED != 0
    }

    pub(super) fn rcode(&self) -> u8 {
        (self.flags & RCODE) as u8
    }

    pub(super) fn has_record(&self, record: RecordType) -> Result<bool, Unreadable> {
        // Whoever asks for any type takes any.
        self.any(|kind, _| kind == record.number() || record.number() == TYPE_ANY)
    }

    pub(super) fn has_address(&self, address: IpAddr) -> Result<bool, Unreadable> {
        self.any(|kind, data| match address {
            IpAddr::V4(address) => kind == RecordType::A.number() && data == address.octets(),
            IpAddr::V6(address) => kind == RecordType::Aaaa.number() && data == address.octets(),
        })
    }

    /// Whether a record is as it should be, by its type and data.
    fn any(&self, is_it: impl Fn(u16, &[u8]) -> bool) -> Result<bool, Unreadable> {
        let mut rest = self.rest;
        for _ in 0..self.records {
            let (kind, class, data) = take_record(&mut rest).ok_or(Unreadable::Malformed)?;
            if class == CLASS_IN && is_it(kind, data) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn take_record<'m>(rest: &mut &'m [u8]) -> Option<(u16, u16, &'m [u8])> {
    skip_name(rest)?;
    let (kind, class) = (take_u16(rest)?, take_u16(rest)?);
    let _time_to_live = (take_u16(rest)?, take_u16(rest)?);
    let length = take_u16(rest)?;
    Some((kind, class, rest.split_off(..usize::from(length))?))
}

/// Goes past labels, to their end or to a pointer.
fn skip_name(rest: &mut &[u8]) -> Option<()> {
    loop {
        match *rest.split_off_first()? {
            0 => return Some(()),
            length @ 1..=63 => rest.split_off(..usize::from(length))?,
            192..=255 => return rest.split_off_first().map(drop),
            64..=191 => return None,
        };
    }
}

fn take_u16(rest: &mut &[u8]) -> Option<u16> {
    let bytes = rest.split_off(..2)?;
    Some(u16::from_be_bytes(bytes.try_into().ok()?))
}

const HEAD_LEN: usize = 12;
const FLAG_RESPONSE: u16 = 0x8000;
const OPCODE: u16 = 0x7800;
const FLAG_TRUNCATED: u16 = 0x0200;
const RCODE: u16 = 0x000f;
const CLASS_IN: u16 = 1;
const TYPE_ANY: u16 = 255;
