use crate::{Digest, Expect, digest::Hasher};

/// What is asked about a body.
#[derive(Clone, Debug)]
pub(super) struct Judge {
    pub(super) expect: Option<Expect>,
    pub(super) digest: Option<Digest>,
    #[cfg(feature = "regex")]
    pub(super) regex: Option<(regex::bytes::Regex, crate::Found)>,
    pub(super) limit: u32,
    taken: u32,
    /// What was found of what is expected.
    found: Option<bool>,
    hasher: Option<Hasher>,
    #[cfg(feature = "regex")]
    text: Vec<u8>,
}

/// Why a body is not as it was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mismatch(pub(super) &'static str);

impl Default for Judge {
    fn default() -> Self {
        Self {
            expect: None,
            digest: None,
            #[cfg(feature = "regex")]
            regex: None,
            limit: 65_536,
            taken: 0,
            found: None,
            hasher: None,
            #[cfg(feature = "regex")]
            text: Vec::new(),
        }
    }
}

impl Judge {
    /// Whether the body matters at all.
    pub(super) fn is_asked(&self) -> bool {
        self.expect.is_some() || self.digest.is_some() || self.has_regex()
    }

    pub(super) fn restart(&mut self) {
        (self.taken, self.found) = (0, None);
        if let Some(expect) = &mut self.expect {
            expect.restart();
        }
        self.hasher = self.digest.as_ref().map(Digest::hasher);
        #[cfg(feature = "regex")]
        self.text.clear();
    }

    /// Takes a piece of it, which is not empty; says what it comes to once that is known.
    pub(super) fn take(&mut self, content: &[u8]) -> Option<Result<(), Mismatch>> {
        let room = self.limit - self.taken;
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let content = content.get(..room as usize).unwrap_or(content);
        self.taken += length.min(room);
        if let (None, Some(expect)) = (self.found, &mut self.expect)
            && !content.is_empty()
        {
            self.found = expect.take(content);
        }
        if self.found == Some(false) {
            return Some(Err(UNEXPECTED));
        }
        if let Some(hasher) = &mut self.hasher {
            if length > room {
                return Some(Err(Mismatch("the body is too long for a digest")));
            }
            hasher.update(content);
        }
        #[cfg(feature = "regex")]
        if self.regex.is_some() {
            self.text.extend_from_slice(content);
        }
        let is_found = self.expect.is_none() || self.found == Some(true);
        let is_known = self.digest.is_none() && (!self.has_regex() && is_found);
        let is_over = self.digest.is_none() && self.taken == self.limit;
        (is_known || is_over).then(|| self.end())
    }

    /// There is no more of it, or no more is looked at.
    pub(super) fn end(&mut self) -> Result<(), Mismatch> {
        if let (None, Some(expect)) = (self.found, &self.expect) {
            self.found = expect.end();
        }
        if self.expect.is_some() && self.found != Some(true) {
            return Err(UNEXPECTED);
        }
        if let (Some(digest), Some(hasher)) = (&self.digest, self.hasher.take())
            && !digest.is_of(hasher)
        {
            return Err(Mismatch("the body has another digest"));
        }
        #[cfg(feature = "regex")]
        if let Some((regex, found)) = &self.regex
            && regex.is_match(&self.text) != (*found == crate::Found::Somewhere)
        {
            return Err(Mismatch("the body does not match"));
        }
        Ok(())
    }

    fn has_regex(&self) -> bool {
        #[cfg(feature = "regex")]
        return self.regex.is_some();
        #[cfg(not(feature = "regex"))]
        return false;
    }
}

const UNEXPECTED: Mismatch = Mismatch("the body is not as expected");
