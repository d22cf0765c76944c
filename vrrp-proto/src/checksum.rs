use crate::ParseError;

/// What the checksum of a version 3 packet over IPv4 covers besides the message.
///
/// RFC 5798 §5.2.8 was read in two ways, and routers that read it differently do not hear each other. Version 2 always
/// covers the message alone (RFC 3768 §5.3.8), IPv6 always has the pseudo header (RFC 9568 §5.2.8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "snake_case"))]
#[expect(clippy::exhaustive_enums, reason = "these are the three that exist")]
pub enum Checksum {
    /// A pseudo header of the addresses of the IP header. What keepalived, FRR and MikroTik send unless told otherwise, and
    /// what tcpdump and Wireshark call right.
    #[default]
    PseudoHeader,
    /// Nothing: the text of RFC 9568 §5.2.8. What Cisco, Arista and Juniper send, and keepalived with
    /// `v3_checksum_as_v2`.
    MessageOnly,
    /// A pseudo header with the group in the destination's place, in a packet sent to one peer. What keepalived up to
    /// 1.3.6 sent, and later ones with `old_unicast_checksum`. Sent to a group, it is as [`PseudoHeader`](Self::PseudoHeader).
    OldUnicast,
}

/// The Internet checksum's running sum (RFC 1071), taken in pieces of an even length each.
///
/// The one's complement sum does not care about byte order (RFC 1071 §2(B)), so words are added as the machine has
/// them, and only the result is swapped. 64 bits hold the carries of 2^32 words: far more than any packet has.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sum(u64);

impl Sum {
    #[inline]
    pub(crate) fn add(self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<4>();
        let mut tail = [0; 4];
        for (to, from) in tail.iter_mut().zip(rest) {
            *to = *from;
        }
        let sum = words.iter().fold(self.0, |sum, word| sum + u64::from(u32::from_ne_bytes(*word)));
        Self(sum + u64::from(u32::from_ne_bytes(tail)))
    }

    /// Adds one 16-bit word.
    pub(crate) const fn add_word(self, word: u16) -> Self {
        Self(self.0 + word.to_be() as u64)
    }

    /// Adds another sum.
    pub(crate) const fn add_sum(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }

    /// Tells whether the sum is that of bytes with a right checksum among them.
    #[inline]
    pub(crate) const fn is_right(self) -> bool {
        // It folds to 0xffff, so it is a multiple of that, and not zero. Multiplied with the inverse modulo 2^64, multiples
        // become their quotients, and everything else something larger. Folding takes a chain of ten additions.
        const INVERSE: u64 = 0x0001_0001_0001_0001u64.wrapping_neg();
        const LARGEST_QUOTIENT: u64 = u64::MAX / 0xffff;
        self.0.wrapping_mul(INVERSE).wrapping_sub(1) < LARGEST_QUOTIENT
    }

    /// Says what the checksum should have been, where the bytes added had `found` in its place.
    #[cold]
    pub(crate) const fn error(self, found: u16) -> ParseError {
        // The one's complement sum without the field, for which the field must make up.
        let sum = self.fold() as u32 + !found as u32;
        let computed = !((sum >> 16) as u16 + (sum & 0xffff) as u16);
        ParseError::Checksum { found, computed }
    }

    /// Returns the sum folded to 16 bits, in host order. Over bytes with a right checksum among them it is 0xffff.
    #[inline]
    pub(crate) const fn fold(self) -> u16 {
        let sum = (self.0 >> 32) + (self.0 & 0xffff_ffff);
        let sum = (sum >> 32) + (sum & 0xffff_ffff);
        let sum = (sum >> 16) + (sum & 0xffff);
        let sum = (sum >> 16) + (sum & 0xffff);
        let sum = (sum >> 16) + (sum & 0xffff);
        u16::from_be(sum as u16)
    }

    /// Returns the value of the checksum field for the bytes added, the field itself taken as zero.
    pub(crate) const fn checksum(self) -> u16 {
        !self.fold()
    }
}

/// Returns what a checksum becomes when one of the 16-bit words it covers changes (RFC 1624, equation 3).
pub(crate) const fn patched(checksum: u16, from: u16, to: u16) -> u16 {
    let sum = !checksum as u32 + !from as u32 + to as u32;
    let sum = (sum >> 16) + (sum & 0xffff);
    let sum = (sum >> 16) + (sum & 0xffff);
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::{Sum, patched};

    /// The definition: 16-bit words in network order, end-around carry.
    fn plain(bytes: &[u8]) -> u16 {
        let mut sum = 0u32;
        for pair in bytes.chunks(2) {
            let word = [pair[0], pair.get(1).copied().unwrap_or(0)];
            sum += u32::from(u16::from_be_bytes(word));
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }

    #[test]
    fn folds_to_the_example_of_rfc_1071() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(Sum::default().add(&bytes).fold(), 0xddf2);
    }

    #[test]
    fn patches_the_example_of_rfc_1624() {
        assert_eq!(patched(0xdd2f, 0x5555, 0x3285), 0x0000);
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_the_definition(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..1100)) {
            let ours = Sum::default().add(&bytes).fold();
            // 0x0000 and 0xffff are the same number; only an all-zero input gives the first.
            proptest::prop_assert_eq!(ours, plain(&bytes));
            proptest::prop_assert_eq!(Sum::default().add(&bytes).is_right(), ours == 0xffff);
        }

        #[test]
        fn pieces_of_even_length_add_up(
            head in proptest::collection::vec(proptest::num::u8::ANY, 0..64),
            tail in proptest::collection::vec(proptest::num::u8::ANY, 0..64),
        ) {
            let head = &head[..head.len() & !1];
            let whole = [head, &tail].concat();
            proptest::prop_assert_eq!(Sum::default().add(head).add(&tail).fold(), plain(&whole));
        }
    }
}
