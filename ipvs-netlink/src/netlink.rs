//! Netlink itself: [`write`] builds requests, [`read`] takes answers apart in place, [`socket`] exchanges them.
//!
//! Nothing here knows what the requests are about.
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

pub(crate) mod failure;
pub(crate) mod generic;
pub(crate) mod read;
pub(crate) mod socket;
pub(crate) mod write;

/// A length inside the message does not fit what is there.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The next multiple of 4: where whatever follows begins.
fn align(length: usize) -> usize {
    length.checked_next_multiple_of(4).unwrap_or(usize::MAX)
}

const HEADER_LEN: usize = 16;

/// Reads every part of a datagram that does not depend on what it is about.
#[cfg(test)]
pub(crate) fn read_everything(datagram: &[u8]) -> usize {
    use self::read::{Attributes, Messages, Reply};

    Messages::new(datagram)
        .map_while(Result::ok)
        .map(|message| match message.read() {
            Ok(Reply::End(outcome)) => outcome.text.map_or(0, str::len),
            Ok(Reply::Data { payload, .. }) => Attributes::new(payload).map_while(Result::ok).count(),
            Ok(Reply::Nothing) | Err(Malformed) => 0,
        })
        .sum()
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
