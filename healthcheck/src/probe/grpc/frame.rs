//! The frames of HTTP/2 (RFC 9113, 4 and 6), as far as one question on one stream meets them.

/// What the server sends, as it arrives.
#[derive(Clone, Debug, Default)]
pub(super) struct Frames {
    bytes: Vec<u8>,
    /// Where in them the next one begins.
    next: usize,
    /// Whether the first one, which tells HTTP/2 from anything else, has come.
    has_begun: bool,
    /// Whether a header block goes on, so that nothing else may come.
    in_block: bool,
}

/// One of the connection, or of the stream of the question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    Settings,
    Ping([u8; 8]),
    GoAway {
        code: u32,
    },
    Reset {
        code: u32,
    },
    Headers {
        is_complete: bool,
        ends: bool,
        block: Vec<u8>,
    },
    Data {
        ends: bool,
        content: Vec<u8>,
    },
    /// Of no meaning here.
    Other,
}

impl Frames {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.next = 0;
        (self.has_begun, self.in_block) = (false, false);
    }

    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.next);
        self.next = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// Returns the next one, once it is whole.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, &'static str> {
        let bytes = self.bytes.get(self.next..).unwrap_or_default();
        let Some((head, rest)) = bytes.split_first_chunk::<HEAD_LEN>() else {
            // As soon as it can be known.
            let is_long = bytes.first().is_some_and(|byte| *byte > 0);
            return if is_long && !self.has_begun { Err(NO_HTTP2) } else { Ok(None) };
        };
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *head;
        let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
        if !self.has_begun && (kind != SETTINGS || flags & ACK != 0 || length > LENGTH_MAX) {
            return Err(NO_HTTP2);
        }
        if length > LENGTH_MAX {
            return Err("a frame has more than 16 KiB");
        }
        let Some(payload) = rest.get(..length) else { return Ok(None) };
        if self.in_block && kind != CONTINUATION {
            return Err("a header block is not continued");
        }
        let is_ours = match u32::from_be_bytes([s0, s1, s2, s3]) & 0x7fff_ffff {
            STREAM => true,
            0 => false,
            _ => return Err("a frame of a stream that nobody has opened"),
        };
        let frame = read(kind, flags, is_ours, payload)?;
        if let Frame::Headers { is_complete, .. } = &frame {
            if kind == CONTINUATION && !self.in_block {
                return Err("a continuation of nothing");
            }
            self.in_block = !is_complete;
        }
        self.has_begun = true;
        self.next += HEAD_LEN + length;
        Ok(Some(frame))
    }
}

fn read(kind: u8, flags: u8, is_ours: bool, payload: &[u8]) -> Result<Frame, &'static str> {
    let malformed = "a frame is malformed";
    let ends = flags & END_STREAM != 0;
    Ok(match (kind, is_ours) {
        (DATA, true) => {
            let content = without_padding(flags, payload).ok_or(malformed)?;
            Frame::Data { ends, content: content.to_vec() }
        }
        (HEADERS, true) => {
            let block = without_padding(flags, payload).ok_or(malformed)?;
            let skipped = if flags & PRIORITY != 0 { 5 } else { 0 };
            let block = block.get(skipped..).ok_or(malformed)?;
            Frame::Headers { is_complete: flags & END_HEADERS != 0, ends, block: block.to_vec() }
        }
        (CONTINUATION, true) => {
            Frame::Headers { is_complete: flags & END_HEADERS != 0, ends: false, block: payload.to_vec() }
        }
        (RST_STREAM, true) => Frame::Reset { code: code(payload).ok_or(malformed)? },
        (SETTINGS, false) if flags & ACK != 0 => Frame::Other,
        (SETTINGS, false) if payload.len().is_multiple_of(6) => Frame::Settings,
        (PING, false) if flags & ACK != 0 => Frame::Other,
        (PING, false) => Frame::Ping(payload.try_into().map_err(|_| malformed)?),
        (GOAWAY, false) => {
            let (last, rest) = payload.split_at_checked(4).ok_or(malformed)?;
            let code = code(rest.get(..4).unwrap_or_default()).ok_or(malformed)?;
            // A server that ends in order still answers what it has taken up.
            if last >= &STREAM.to_be_bytes()[..] { Frame::Other } else { Frame::GoAway { code } }
        }
        (DATA | HEADERS | CONTINUATION | RST_STREAM | SETTINGS | PING | GOAWAY | PUSH_PROMISE, _) => {
            return Err(malformed);
        }
        _ => Frame::Other,
    })
}

fn code(payload: &[u8]) -> Option<u32> {
    payload.try_into().ok().map(u32::from_be_bytes)
}

fn without_padding(flags: u8, payload: &[u8]) -> Option<&[u8]> {
    if flags & PADDED == 0 {
        return Some(payload);
    }
    let (padding, rest) = payload.split_first()?;
    rest.get(..rest.len().checked_sub(usize::from(*padding))?)
}

const NO_HTTP2: &str = "the answer is not HTTP/2";
const HEAD_LEN: usize = 9;
/// What may come from who was not told otherwise (SETTINGS_MAX_FRAME_SIZE).
const LENGTH_MAX: usize = 16_384;
/// The only stream.
const STREAM: u32 = 1;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;

pub(super) const ACK: u8 = 0x1;
const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
