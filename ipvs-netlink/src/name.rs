//! The short names that the kernel gives to schedulers, persistence engines and interfaces.

use std::fmt;

/// A name of up to 16 bytes, held in place.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Name([u8; MAX]);

impl Name {
    /// Takes a name that the kernel may look up and that is one word in `ipvsadm`'s lines, `None` where it is neither.
    pub(crate) fn new(text: &str, longest: usize) -> Option<Self> {
        (is_word(text) && text.len() <= longest).then(|| Self::of_bytes(text.as_bytes()))
    }

    /// Takes a name as the kernel tells it: up to the NUL, as much as there is room for.
    pub(crate) const fn of_bytes(bytes: &[u8]) -> Self {
        let mut name = [0; MAX];
        let (mut from, mut to): (&[u8], &mut [u8]) = (bytes, &mut name);
        while let ([first, bytes @ ..], [place, rest @ ..]) = (from, to) {
            if *first == 0 {
                break;
            }
            *place = *first;
            (from, to) = (bytes, rest);
        }
        Self(name)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.split(|byte| *byte == 0).next().unwrap_or_default()
    }

    /// Returns the text, empty where the kernel's bytes are none.
    pub(crate) fn as_str(&self) -> &str {
        str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.as_str(), f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_str() {
            text if is_word(text) => write!(f, "{text}"),
            // What only the kernel can hold.
            _ => write!(f, "{}", self.as_bytes().escape_ascii()),
        }
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

const MAX: usize = 16;
