use httparse::Header;

use super::Method;

/// How a body is delimited (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// So many bytes are to come.
    Length(u64),
    UntilClose,
    Chunked(Chunk),
}

/// Where in a chunked body the next byte is (RFC 9112 §7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chunk {
    Size {
        size: u64,
        has_digit: bool,
    },
    /// What follows the size on its line.
    Extension {
        size: u64,
    },
    Data(u64),
    /// After the data, before the line feed.
    DataEnd,
    /// In a line after the last chunk, of so many bytes; of all of them so many.
    Trailer {
        line: u32,
        all: u32,
    },
    Complete,
}

impl Framing {
    pub(super) fn of(method: Method, status: u16, headers: &[Header<'_>]) -> Result<Self, &'static str> {
        let values = |name: &'static str| {
            headers
                .iter()
                .filter(move |header| header.name.eq_ignore_ascii_case(name))
                .map(|header| header.value)
        };
        if method == Method::Head || matches!(status, 204 | 304) {
            return Ok(Self::Length(0));
        }
        let mut codings = values("Transfer-Encoding");
        match (codings.next(), codings.next()) {
            (Some(coding), None) if coding.trim_ascii().eq_ignore_ascii_case(b"chunked") => {
                return Ok(Self::Chunked(Chunk::Size { size: 0, has_digit: false }));
            }
            (Some(_), _) => return Err("the transfer coding is not one that was asked for"),
            (None, _) => {}
        }
        let mut lengths =
            values("Content-Length").flat_map(|value| value.split(|byte| *byte == b',')).map(length);
        match lengths.next() {
            None => Ok(Self::UntilClose),
            Some(first) => {
                let first = first.ok_or("the content length is no number")?;
                let is_one = lengths.all(|other| other == Some(first));
                if is_one { Ok(Self::Length(first)) } else { Err("there are two content lengths") }
            }
        }
    }

    /// Takes the next piece of content off the bytes; empty if there is none in them.
    pub(super) fn next<'b>(&mut self, bytes: &mut &'b [u8]) -> Result<&'b [u8], &'static str> {
        match self {
            Self::UntilClose => Ok(std::mem::take(bytes)),
            Self::Length(left) => Ok(take(bytes, left)),
            Self::Chunked(chunk) => chunk.next(bytes),
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        matches!(self, Self::Length(0) | Self::Chunked(Chunk::Complete))
    }

    pub(super) fn ends_with_connection(&self) -> bool {
        *self == Self::UntilClose
    }
}

impl Chunk {
    fn next<'b>(&mut self, bytes: &mut &'b [u8]) -> Result<&'b [u8], &'static str> {
        loop {
            if let Self::Data(left) = self {
                let content = take(bytes, left);
                if *left == 0 {
                    *self = Self::DataEnd;
                }
                if !content.is_empty() {
                    return Ok(content);
                }
            }
            if *self == Self::Complete {
                return Ok(&[]);
            }
            let Some((byte, rest)) = bytes.split_first() else { return Ok(&[]) };
            if !matches!(self, Self::Data(_)) {
                *bytes = rest;
                *self = self.after(*byte)?;
            }
        }
    }

    /// Where it goes on after a byte that is not content.
    fn after(self, byte: u8) -> Result<Self, &'static str> {
        match (self, byte) {
            (Self::Size { size, .. }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = (byte as char).to_digit(16).unwrap_or_default();
                let size = size.checked_mul(16).and_then(|size| size.checked_add(digit.into()));
                Ok(Self::Size { size: size.ok_or("a chunk is longer than can be")?, has_digit: true })
            }
            (Self::Size { size, has_digit: true }, b';' | b' ' | b'\t' | b'\r') => {
                Ok(Self::Extension { size })
            }
            (Self::Size { size, has_digit: true } | Self::Extension { size }, b'\n') => Ok(match size {
                0 => Self::Trailer { line: 0, all: 0 },
                size => Self::Data(size),
            }),
            (Self::Extension { .. }, _) => Ok(self),
            (Self::DataEnd, b'\r') => Ok(self),
            (Self::DataEnd, b'\n') => Ok(Self::Size { size: 0, has_digit: false }),
            (Self::Trailer { line: 0, .. }, b'\n') => Ok(Self::Complete),
            (Self::Trailer { all, .. }, _) if all >= TRAILER_MAX => Err("the trailer has more than 16 KiB"),
            (Self::Trailer { all, .. }, b'\n') => Ok(Self::Trailer { line: 0, all: all + 1 }),
            (Self::Trailer { line, all }, b'\r') => Ok(Self::Trailer { line, all: all + 1 }),
            (Self::Trailer { line, all }, _) => Ok(Self::Trailer { line: line + 1, all: all + 1 }),
            (Self::Size { .. } | Self::Data(_) | Self::DataEnd | Self::Complete, _) => {
                Err("a chunk is malformed")
            }
        }
    }
}

/// Takes what is there of so many bytes.
fn take<'b>(bytes: &mut &'b [u8], left: &mut u64) -> &'b [u8] {
    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    let (content, rest) = bytes.split_at(count);
    *bytes = rest;
    *left -= count as u64;
    content
}

fn length(value: &[u8]) -> Option<u64> {
    let text = str::from_utf8(value.trim_ascii()).ok()?;
    // `parse` would take a plus sign.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

const TRAILER_MAX: u32 = 16 * 1024;
