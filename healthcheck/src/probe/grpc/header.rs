//! The two statuses that an answer's header blocks have, read out of HPACK (RFC 7541).
//!
//! There is no dynamic table, for the server was told to have none. Of strings that are compressed (Huffman) only those that matter
//! are looked at: digits, and the one name that is not in the static table.

/// What headers and trailers have said so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Status {
    pub(super) http: Option<u16>,
    pub(super) grpc: Option<u16>,
    /// Whether nothing comes after them.
    pub(super) ends: bool,
}

/// A string as it was sent.
#[derive(Clone, Copy)]
struct Text<'b> {
    is_compressed: bool,
    bytes: &'b [u8],
}

impl Status {
    /// Takes what a whole block says.
    pub(super) fn read(&mut self, mut block: &[u8]) -> Result<(), &'static str> {
        while !block.is_empty() {
            self.read_field(&mut block).ok_or("the headers are malformed")?;
        }
        Ok(())
    }

    fn read_field(&mut self, rest: &mut &[u8]) -> Option<()> {
        let index_bits = match *rest.first()? {
            0x80.. => {
                self.take_indexed(take_number(rest, 7)?)?;
                return Some(());
            }
            0x40..0x80 => 6,
            0x20..0x40 => return take_number(rest, 5).map(drop), // the size of the table
            0..0x20 => 4,
        };
        let index = take_number(rest, index_bits)?;
        let is_grpc_status = if index == 0 {
            take_text(rest)?.is_grpc_status()
        } else if index > STATIC_LEN {
            return None;
        } else {
            false
        };
        let value = take_text(rest)?;
        if is_grpc_status {
            self.grpc = Some(value.number()?);
        } else if (8..=14).contains(&index) {
            self.http = Some(value.number()?);
        }
        Some(())
    }

    fn take_indexed(&mut self, index: u32) -> Option<()> {
        let status = match index {
            8 => 200,
            9 => 204,
            10 => 206,
            11 => 304,
            12 => 400,
            13 => 404,
            14 => 500,
            1..=STATIC_LEN => return Some(()),
            _ => return None,
        };
        self.http = Some(status);
        Some(())
    }
}

impl Text<'_> {
    fn is_grpc_status(self) -> bool {
        let name: &[u8] = if self.is_compressed { &COMPRESSED_GRPC_STATUS } else { b"grpc-status" };
        self.bytes == name
    }

    /// Reads it as a number of at most three digits.
    fn number(self) -> Option<u16> {
        let mut digits = [0; 3];
        let count = if self.is_compressed {
            decompress_digits(self.bytes, &mut digits)?
        } else {
            digits.get_mut(..self.bytes.len())?.copy_from_slice(self.bytes);
            self.bytes.len()
        };
        let text = str::from_utf8(digits.get(..count)?).ok()?;
        text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
    }
}

/// What a gRPC status is called.
pub(super) fn status_name(status: u16) -> &'static str {
    let names = [
        "OK",
        "CANCELLED",
        "UNKNOWN",
        "INVALID_ARGUMENT",
        "DEADLINE_EXCEEDED",
        "NOT_FOUND: the server does not know this service",
        "ALREADY_EXISTS",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "FAILED_PRECONDITION",
        "ABORTED",
        "OUT_OF_RANGE",
        "UNIMPLEMENTED: the server has no health service",
        "INTERNAL",
        "UNAVAILABLE",
        "DATA_LOSS",
        "UNAUTHENTICATED",
    ];
    names.get(usize::from(status)).copied().unwrap_or("a gRPC status that there is not")
}

/// Takes an integer whose first byte has so many bits of it (5.1).
fn take_number(rest: &mut &[u8], bits: u32) -> Option<u32> {
    let max = (1 << bits) - 1;
    let first = u32::from(*rest.split_off_first()?) & max;
    if first < max {
        return Some(first);
    }
    let mut number = max;
    for shift in [0, 7, 14] {
        let byte = u32::from(*rest.split_off_first()?);
        number += (byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn take_text<'b>(rest: &mut &'b [u8]) -> Option<Text<'b>> {
    let is_compressed = *rest.first()? >= 0x80;
    let length = take_number(rest, 7)? as usize;
    Some(Text { is_compressed, bytes: rest.split_off(..length)? })
}

/// Digits have codes of 5 bits (0 to 2) or 6 (3 to 9); what is left of the last byte is filled with ones (5.2, appendix B).
fn decompress_digits(bytes: &[u8], digits: &mut [u8; 3]) -> Option<usize> {
    let value = bytes.iter().take(3).fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
    let mut left = u32::try_from(bytes.len()).ok().filter(|length| *length <= 3)? * 8;
    let bits =
        |left: u32, count: u32| left.checked_sub(count).map(|below| value >> below & ((1 << count) - 1));
    let mut count = 0;
    loop {
        let is_padding = left < 8 && bits(left, left) == Some((1 << left) - 1);
        if is_padding {
            return Some(count);
        }
        let (digit, length) = match (bits(left, 5), bits(left, 6)) {
            (Some(code @ 0..=2), _) => (code, 5),
            (_, Some(code @ 25..=31)) => (code - 25 + 3, 6),
            _ => return None,
        };
        *digits.get_mut(count)? = b'0' + digit as u8;
        (count, left) = (count + 1, left - length);
    }
}

/// The static table has so many entries (appendix A).
const STATIC_LEN: u32 = 61;
/// `grpc-status` by the codes of appendix B, which leave one way to write it.
const COMPRESSED_GRPC_STATUS: [u8; 8] = [0x9a, 0xca, 0xc8, 0xb2, 0x12, 0x34, 0xda, 0x8f];
