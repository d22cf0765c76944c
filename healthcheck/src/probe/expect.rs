use std::str::FromStr;

/// What is expected of an answer.
///
/// It is looked for as the bytes arrive, and none of them is kept; what it finds does not depend on how they are cut into
/// pieces. It is decided as soon as it can be: a wrong first byte is wrong at once. Where bytes may come without end,
/// [`within`](Self::within) of them must do.
#[derive(Clone, Debug)]
pub struct Expect {
    what: What,
    sense: Sense,
    maximum: u64,
    received: u64,
}

#[derive(Clone, Debug)]
enum What {
    Length(u64),
    Start(Pattern),
    Anywhere { text: Box<[u8]>, fallbacks: Box<[u16]>, matched: usize },
}

/// Where something is to be found.
#[cfg(feature = "regex")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it is there or it is not")]
pub enum Found {
    /// At least once.
    Somewhere,
    /// Not once.
    Nowhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sense {
    Present,
    Absent,
}

impl Expect {
    /// The answer starts with exactly these bytes; what follows does not matter.
    #[must_use]
    pub fn starts_with(bytes: &[u8]) -> Self {
        Self::new(What::Start(Pattern::from_bytes(bytes)))
    }

    /// The answer starts with bytes of this pattern.
    #[must_use]
    pub fn matches(pattern: Pattern) -> Self {
        Self::new(What::Start(pattern))
    }

    /// The answer contains these bytes, of which the first 65,535 count.
    #[must_use]
    pub fn contains(bytes: &[u8]) -> Self {
        let text: Box<[u8]> = bytes.iter().copied().take(u16::MAX.into()).collect();
        let fallbacks = fallbacks(&text);
        Self::new(What::Anywhere { text, fallbacks, matched: 0 })
    }

    /// The answer has at least so many bytes, and at least one.
    #[must_use]
    pub fn at_least(count: u32) -> Self {
        let expect = Self::new(What::Length(count.into()));
        Self { maximum: MAXIMUM.max(count.into()), ..expect }
    }

    /// Turns it round: the answer is as expected if this is *not* so.
    ///
    /// That something is absent is known when the answer starts otherwise, when it has ended, or when
    /// [`within`](Self::within) so many bytes it did not come. An answer that goes on beyond the deadline is not as expected.
    #[must_use]
    pub fn negated(self) -> Self {
        let sense = if self.sense == Sense::Present { Sense::Absent } else { Sense::Present };
        Self { sense, ..self }
    }

    /// Looks at so many bytes, 65,536 if not set: what they do not show is absent (as with HAProxy's `min-recv`).
    #[must_use]
    pub fn within(self, count: u32) -> Self {
        Self { maximum: count.into(), ..self }
    }

    /// Forgets what came.
    pub(crate) fn restart(&mut self) {
        self.received = 0;
        if let What::Anywhere { matched, .. } = &mut self.what {
            *matched = 0;
        }
    }

    /// Takes what came, and says whether the answer is as expected once that is known.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Option<bool> {
        let room = usize::try_from(self.maximum.saturating_sub(self.received)).unwrap_or(usize::MAX);
        let bytes = bytes.get(..room).unwrap_or(bytes);
        let found = self.what.find(self.received, bytes);
        self.received += bytes.len() as u64;
        let is_there = found.or((self.received >= self.maximum).then_some(false))?;
        Some(is_there == (self.sense == Sense::Present))
    }

    /// There will be no more: says whether the answer was as expected, `None` if it was too short to tell.
    pub(crate) fn end(&self) -> Option<bool> {
        (self.sense == Sense::Absent).then_some(true)
    }

    fn new(what: What) -> Self {
        Self { what, sense: Sense::Present, maximum: MAXIMUM, received: 0 }
    }
}

impl What {
    /// Looks at the bytes from this offset on; says whether it is there once that is known.
    fn find(&mut self, offset: u64, bytes: &[u8]) -> Option<bool> {
        match self {
            Self::Length(count) => (offset + bytes.len() as u64 >= *count).then_some(true),
            Self::Start(pattern) => pattern.compare(usize::try_from(offset).unwrap_or(usize::MAX), bytes),
            Self::Anywhere { text, fallbacks, matched } => {
                for byte in bytes {
                    if *matched == text.len() {
                        break;
                    }
                    *matched = advance(text, fallbacks, *matched, *byte);
                }
                (*matched == text.len()).then_some(true)
            }
        }
    }
}

/// Bytes of which some halves do not matter.
///
/// Parsed from hexadecimal digits, two a byte, with `x` for a half that may be anything, as keepalived writes them; white
/// space does not count: `"16 03 0x xx"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Value and mask.
    bytes: Box<[(u8, u8)]>,
}

impl Pattern {
    /// Makes one of bytes that matter all.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self { bytes: bytes.iter().map(|byte| (*byte, 0xff)).collect() }
    }

    /// Returns how many bytes it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Tells whether it has no bytes, and so matches anything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Compares bytes with those of the pattern from this offset on, as far as there are both. `None` if they agree, and
    /// there are more in the pattern.
    fn compare(&self, offset: usize, bytes: &[u8]) -> Option<bool> {
        let rest = self.bytes.get(offset..).unwrap_or_default();
        if rest.iter().zip(bytes).any(|((value, mask), byte)| byte & mask != *value) {
            return Some(false);
        }
        (bytes.len() >= rest.len()).then_some(true)
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let mut halves = Vec::new();
        for character in text.chars().filter(|character| !character.is_whitespace()) {
            halves.push(match (character, character.to_digit(16)) {
                ('x' | 'X', _) => (0, 0),
                (_, Some(digit)) => (digit as u8, 0xf),
                (_, None) => return Err(PatternError::NoDigit(character)),
            });
        }
        let (pairs, rest) = halves.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(PatternError::HalfByte(halves.len()));
        }
        let bytes = pairs.iter().map(|[high, low]| (high.0 << 4 | low.0, high.1 << 4 | low.1));
        Ok(Self { bytes: bytes.collect() })
    }
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PatternError {
    /// Neither a hexadecimal digit nor `x`.
    #[error("'{0}' in a pattern is neither a hexadecimal digit nor x")]
    NoDigit(char),
    /// The number of digits is odd.
    #[error("a pattern of {0} digits ends in half a byte (write two digits a byte)")]
    HalfByte(usize),
}

/// For each length of a beginning of the text: the longest shorter beginning that it also ends with (Knuth, Morris, Pratt).
fn fallbacks(text: &[u8]) -> Box<[u16]> {
    let mut fallbacks = vec![0_u16; text.len()];
    let mut matched = 0;
    for (position, byte) in text.iter().enumerate().skip(1) {
        matched = advance(text, &fallbacks, matched, *byte);
        if let Some(slot) = fallbacks.get_mut(position) {
            *slot = u16::try_from(matched).unwrap_or_default();
        }
    }
    fallbacks.into()
}

/// How much of the text has come, if so much had and now this byte.
fn advance(text: &[u8], fallbacks: &[u16], mut matched: usize, byte: u8) -> usize {
    loop {
        if text.get(matched) == Some(&byte) {
            return matched + 1;
        }
        let Some(shorter) = matched.checked_sub(1) else { return 0 };
        matched = fallbacks.get(shorter).copied().unwrap_or_default().into();
    }
}

const MAXIMUM: u64 = 65_536;

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    /// What is said of an answer that comes in these pieces and then ends.
    fn judge<'a>(expect: &mut Expect, pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<bool> {
        expect.restart();
        pieces.into_iter().find_map(|piece| expect.take(piece)).or_else(|| expect.end())
    }

    #[test]
    fn each_expectation_finds_what_it_says() {
        let pattern = |text: &str| Expect::matches(text.parse().unwrap());
        for (mut expect, answer, expected) in [
            (Expect::starts_with(b"220 "), &b"220 ready"[..], Some(true)),
            (Expect::starts_with(b"220 "), b"221 ready", Some(false)),
            (Expect::starts_with(b"220 "), b"220", None),
            (Expect::starts_with(b""), b"x", Some(true)),
            (Expect::starts_with(b"220").negated(), b"500", Some(true)),
            (Expect::starts_with(b"220").negated(), b"220", Some(false)),
            (Expect::starts_with(b"220").negated(), b"22", Some(true)),
            (Expect::contains(b"aab"), b"aaab", Some(true)),
            (Expect::contains(b"aab"), b"aaaa", None),
            (Expect::contains(b"aab").within(4), b"aaaab", Some(false)),
            (Expect::contains(b"aab").within(5), b"aaaab", Some(true)),
            (Expect::contains(b"err").negated(), b"all is well", Some(true)),
            (Expect::contains(b"err").negated(), b"an error", Some(false)),
            (Expect::contains(b"err").negated().within(4), b"fine, err", Some(true)),
            (Expect::starts_with(b"220").within(2), b"220", Some(false)),
            (Expect::at_least(3), b"abc", Some(true)),
            (Expect::at_least(3), b"ab", None),
            (Expect::at_least(100_000), &[0; 100_000], Some(true)),
            (Expect::at_least(3).negated(), b"ab", Some(true)),
            (pattern("16 03 0x xx"), b"\x16\x03\x01\xff", Some(true)),
            (pattern("16 03 0x xx"), b"\x16\x03\x11\xff", Some(false)),
        ] {
            assert_eq!(
                judge(&mut expect, answer.chunks(1)),
                expected,
                "{expect:?} of single bytes {answer:?}"
            );
            assert_eq!(judge(&mut expect, [answer]), expected, "{expect:?} of {answer:?}");
        }
    }

    #[test]
    fn a_pattern_that_is_none_says_why() {
        assert_eq!("0g".parse::<Pattern>(), Err(PatternError::NoDigit('g')));
        assert_eq!("012".parse::<Pattern>(), Err(PatternError::HalfByte(3)));
        assert!("".parse::<Pattern>().unwrap().is_empty());
    }

    proptest! {
        #[test]
        fn content_is_found_wherever_it_is_and_however_it_is_cut(
            text in vec(0..3_u8, 0..6), answer in vec(0..3_u8, 0..40), cuts in vec(0..40_usize, 0..4),
        ) {
            let is_there = text.is_empty() || answer.windows(text.len()).any(|window| window == text);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(answer.len())).collect();
            cuts.extend([0, answer.len()]);
            cuts.sort();
            let pieces = || cuts.windows(2).map(|cut| &answer[cut[0]..cut[1]]).filter(|piece| !piece.is_empty());

            let found = judge(&mut Expect::contains(&text), pieces());
            let absent = judge(&mut Expect::contains(&text).negated(), pieces());

            if !answer.is_empty() {
                prop_assert_eq!(found, is_there.then_some(true));
                prop_assert_eq!(absent, Some(!is_there));
            }
        }
    }
}
