//! Capture files as tcpdump writes them: the classic format, in both byte orders, with micro- or nanoseconds.
//!
//! ```text
//! file:    magic | version 2.4 | 0 | 0 | snapshot length | link type                 24 bytes
//! record:  seconds since 1970 | micro- or nanoseconds | bytes here | bytes on the wire    16 bytes, then the bytes here
//! ```

use std::{
    io::{self, Read},
    time::Duration,
};

use thiserror::Error;

use super::link::LinkType;

/// A capture file that is being read.
///
/// It reads as much as it needs for the next record, so the input may be a pipe that a capture is being written to.
#[derive(Debug)]
pub(crate) struct Pcap<R> {
    input: R,
    order: Order,
    unit: Unit,
    link: LinkType,
    number: u64,
    buffer: Vec<u8>,
}

impl<R: Read> Pcap<R> {
    /// Reads the file's header.
    pub(crate) fn open(mut input: R) -> Result<Self, PcapError> {
        let mut header = [0; 24];
        let read = fill(&mut input, &mut header)?;
        let [m0, m1, m2, m3, rest @ ..] = header;
        let magic = [m0, m1, m2, m3];
        let (order, unit) = match magic {
            [0xd4, 0xc3, 0xb2, 0xa1] => (Order::Little, Unit::Microsecond),
            [0xa1, 0xb2, 0xc3, 0xd4] => (Order::Big, Unit::Microsecond),
            [0x4d, 0x3c, 0xb2, 0xa1] => (Order::Little, Unit::Nanosecond),
            [0xa1, 0xb2, 0x3c, 0x4d] => (Order::Big, Unit::Nanosecond),
            _ if read == 0 => return Err(PcapError::Empty),
            [0x0a, 0x0d, 0x0d, 0x0a] => return Err(PcapError::Pcapng),
            _ if read >= magic.len() => return Err(PcapError::Magic(u32::from_be_bytes(magic))),
            _ => return Err(PcapError::Header { len: read }),
        };
        if read < header.len() {
            return Err(PcapError::Header { len: read });
        }
        let [.., l0, l1, l2, l3] = rest;
        // The upper half says whether frames have their check sequence, which is behind what IP calls its length.
        let link_type = order.word([l0, l1, l2, l3]) & 0xffff;
        let link = LinkType::of_pcap(link_type).ok_or(PcapError::LinkType(link_type))?;
        Ok(Self { input, order, unit, link, number: 0, buffer: Vec::new() })
    }

    /// Reads the next record; `None` at the end of the file.
    pub(crate) fn next(&mut self) -> Result<Option<Record<'_>>, PcapError> {
        let mut header = [0; 16];
        self.number += 1;
        let number = self.number;
        match fill(&mut self.input, &mut header)? {
            0 => return Ok(None),
            16 => {}
            _ => return Err(PcapError::Truncated { number }),
        }
        let (words, _) = header.as_chunks();
        let &[secs, fraction, captured, original] = words else {
            return Err(PcapError::Truncated { number });
        };
        let (captured, original) = (self.order.word(captured), self.order.word(original));
        if captured > LONGEST_RECORD {
            return Err(PcapError::Length { number, len: captured });
        }
        self.buffer.resize(captured as usize, 0);
        if fill(&mut self.input, &mut self.buffer)? < self.buffer.len() {
            return Err(PcapError::Truncated { number });
        }
        let at =
            Duration::from_secs(self.order.word(secs).into()) + self.unit.duration(self.order.word(fraction));
        Ok(Some(Record { at, bytes: &self.buffer, missing: original.saturating_sub(captured) as usize }))
    }

    /// Returns what the records begin with.
    pub(crate) fn link(&self) -> LinkType {
        self.link
    }
}

/// One packet of a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    /// When it was captured, since 1970.
    pub(crate) at: Duration,
    pub(crate) bytes: &'a [u8],
    /// How many more bytes were on the wire, and were not kept.
    pub(crate) missing: usize,
}

/// Says why a file cannot be read, or read on.
#[derive(Debug, Error)]
pub(crate) enum PcapError {
    #[error("the file is empty")]
    Empty,
    #[error("a pcapng file: convert it with `tcpdump -r IN -w OUT` or `editcap -F pcap IN OUT`")]
    Pcapng,
    #[error("not a pcap file: it begins with {0:#010x}")]
    Magic(u32),
    #[error("not a pcap file: {len} bytes are too few for its header of 24")]
    Header { len: usize },
    #[error(
        "link type {0} is unknown here: known are Ethernet (1), raw IP (101, 228, 229) and Linux cooked (113, 276)"
    )]
    LinkType(u32),
    #[error("the file ends in the middle of record {number}")]
    Truncated { number: u64 },
    #[error(
        "the file is corrupt: record {number} claims {len} bytes, and the most there can be is {LONGEST_RECORD}"
    )]
    Length { number: u64, len: u32 },
    #[error(transparent)]
    Read(#[from] io::Error),
}

#[derive(Clone, Copy, Debug)]
enum Order {
    Little,
    Big,
}

impl Order {
    fn word(self, bytes: [u8; 4]) -> u32 {
        match self {
            Self::Little => u32::from_le_bytes(bytes),
            Self::Big => u32::from_be_bytes(bytes),
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Unit {
    Microsecond,
    Nanosecond,
}

impl Unit {
    fn duration(self, count: u32) -> Duration {
        match self {
            Self::Microsecond => Duration::from_micros(count.into()),
            Self::Nanosecond => Duration::from_nanos(count.into()),
        }
    }
}

/// Reads until the buffer is full or the input at its end, and returns how much there was.
fn fill(input: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut read = 0;
    while let Some(rest) = buffer.get_mut(read..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(len) => read += len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// What libpcap keeps of a packet at the most, and so a bound for what a corrupt file makes us allocate.
const LONGEST_RECORD: u32 = 262_144;
