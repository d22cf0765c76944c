use httparse::{Error, Header, Response, Status};

use super::{Framing, Method};
use crate::Expect;

/// Status line and headers, as they arrive.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    bytes: Vec<u8>,
    /// Where the head ends, once it is complete.
    end: usize,
    /// Where a search for its end goes on.
    searched: usize,
    /// Of how many bytes the interim answers were.
    interim: usize,
}

/// What a head says.
pub(super) struct Answer<'h, 'a> {
    pub(super) status: u16,
    pub(super) status_line: &'h str,
    pub(super) framing: Framing,
    headers: &'a [Header<'h>],
}

impl Head {
    /// Takes what came; once the head of the final answer is complete, returns what came after it.
    pub(super) fn take<'b>(&mut self, bytes: &'b [u8]) -> Result<Option<&'b [u8]>, &'static str> {
        let mut taken = 0;
        // In pieces, so that no room is taken for the body.
        for piece in bytes.chunks(PIECE_LEN) {
            self.bytes.extend_from_slice(piece);
            taken += piece.len();
            if self.is_complete()? {
                taken -= self.bytes.len() - self.end;
                self.bytes.truncate(self.end);
                return Ok(bytes.get(taken..));
            }
        }
        Ok(None)
    }

    fn is_complete(&mut self) -> Result<bool, &'static str> {
        self.is_http()?;
        while let Some(end) = self.find_end() {
            if self.interim + end > HEAD_MAX {
                return Err(TOO_LONG);
            }
            match self.status(end)? {
                // Interim: another follows.
                100..=199 => {
                    self.bytes.drain(..end);
                    self.interim += end;
                    self.searched = 0;
                    self.is_http()?;
                }
                _ => {
                    self.end = end;
                    return Ok(true);
                }
            }
        }
        if self.interim + self.bytes.len() > HEAD_MAX { Err(TOO_LONG) } else { Ok(false) }
    }

    /// Reads the head, which is complete, and puts the headers into this room.
    pub(super) fn read<'h, 'a>(
        &'h self,
        method: Method,
        room: &'a mut [Header<'h>],
    ) -> Result<Answer<'h, 'a>, &'static str> {
        let head = self.bytes.get(..self.end).unwrap_or_default();
        let mut response = Response::new(room);
        match response.parse(head) {
            Ok(Status::Complete(_)) => {}
            Ok(Status::Partial) => return Err("the headers are malformed"),
            Err(Error::TooManyHeaders) => return Err("there are more than 100 headers"),
            Err(_) => return Err("the headers are malformed"),
        }
        let status = response.code.ok_or("there is no status")?;
        let headers: &[_] = response.headers;
        let framing = Framing::of(method, status, headers)?;
        let line = head.split(|byte| *byte == b'\r' || *byte == b'\n').next().unwrap_or_default();
        let status_line = str::from_utf8(line).unwrap_or_default();
        Ok(Answer { status, status_line, framing, headers })
    }

    /// Forgets all, and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        (self.end, self.searched, self.interim) = (0, 0, 0);
    }

    /// What there is of it, for a person.
    pub(super) fn first_line(&self) -> &str {
        let line = self.bytes.split(|byte| *byte == b'\r' || *byte == b'\n').next().unwrap_or_default();
        str::from_utf8(line).unwrap_or_default()
    }

    /// As soon as it can be known, what is no HTTP is said to be none.
    fn is_http(&self) -> Result<(), &'static str> {
        let known = self.bytes.len().min(PREFIX.len());
        let is_http = self.bytes.get(..known) == PREFIX.get(..known);
        if is_http { Ok(()) } else { Err("the answer is not HTTP") }
    }

    fn status(&self, end: usize) -> Result<u16, &'static str> {
        let mut headers = [httparse::EMPTY_HEADER; 0];
        let mut response = Response::new(&mut headers);
        let result = response.parse(self.bytes.get(..end).unwrap_or_default());
        match (result, response.code) {
            // Of the headers nothing is to be known here.
            (Ok(_) | Err(Error::TooManyHeaders), Some(status)) => Ok(status),
            _ => Err("the answer is not HTTP"),
        }
    }

    /// Finds an empty line, from where the last search ended.
    fn find_end(&mut self) -> Option<usize> {
        let from = self.searched.saturating_sub(3);
        let rest = self.bytes.get(from..).unwrap_or_default();
        self.searched = self.bytes.len();
        let ends = rest.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        for (index, _) in ends {
            let after = from + index + 1;
            let before = self.bytes.get(..after - 1).unwrap_or_default();
            if before.ends_with(b"\n\r") || before.ends_with(b"\n") {
                return Some(after);
            }
        }
        None
    }
}

impl Answer<'_, '_> {
    pub(super) fn has(&self, name: &str, expect: &mut Expect) -> bool {
        let named = self.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name));
        let mut is_as_expected = |value: &[u8]| {
            expect.restart();
            // An empty value is an answer that is over.
            let taken = if value.is_empty() { None } else { expect.take(value) };
            taken.or_else(|| expect.end()).unwrap_or(false)
        };
        let mut values = named.map(|header| header.value).peekable();
        if values.peek().is_none() {
            return is_as_expected(&[]);
        }
        values.any(is_as_expected)
    }
}

const PREFIX: &[u8] = b"HTTP/1.";
const TOO_LONG: &str = "the headers have more than 16 KiB";
const HEAD_MAX: usize = 16 * 1024;
const PIECE_LEN: usize = 1024;
pub(super) const HEADERS_MAX: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_comes_with_the_head_takes_no_room() {
        let body = [b'a'; 60_000];
        let page = [b"HTTP/1.1 200 OK\r\n\r\n", &body[..]].concat();
        let mut head = Head::default();

        assert_eq!(head.take(&page), Ok(Some(&body[..])));
        assert!(head.bytes.capacity() < 4096, "{}", head.bytes.capacity());
    }
}
