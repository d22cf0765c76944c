/// Lines of an answer, as they arrive.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    next: usize,
}

/// A line that does not end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Lines {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.next = 0;
    }

    pub(super) fn take(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.next);
        self.next = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next line that is complete, without its end.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, TooLong> {
        let rest = self.bytes.get(self.next..).unwrap_or_default();
        let Some(length) = rest.iter().take(LINE_MAX).position(|byte| *byte == b'\n') else {
            return if rest.len() >= LINE_MAX { Err(TooLong) } else { Ok(None) };
        };
        let start = self.next;
        self.next += length + 1;
        let line = self.bytes.get(start..start + length).unwrap_or_default();
        Ok(Some(line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

/// More than any protocol here allows.
const LINE_MAX: usize = 4096;
