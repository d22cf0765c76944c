/// The Internet checksum's running sum (RFC 1071), taken in pieces of an even length each.
///
/// The one's complement sum does not care about byte order (RFC 1071 §2(B)), so words are added as the machine has
/// them, and only the result is swapped. 64 bits hold the carries of 2^32 words: far more than any packet has.
#[derive(Clone, Copy, Default)]
pub(crate) struct Sum(u64);

impl Sum {
    pub(crate) fn add(self, bytes: &[u8]) -> Self {
        let (words, rest) = bytes.as_chunks::<4>();
        let mut tail = [0; 4];
        for (to, from) in tail.iter_mut().zip(rest) {
            *to = *from;
        }
        let sum = words.iter().fold(self.0, |sum, word| sum + u64::from(u32::from_ne_bytes(*word)));
        Self(sum + u64::from(u32::from_ne_bytes(tail)))
    }

    /// Returns the sum folded to 16 bits, in host order. Over bytes with a right checksum among them it is 0xffff.
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

#[cfg(test)]
mod tests {
    use super::Sum;

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

    proptest::proptest! {
        #[test]
        fn agrees_with_the_definition(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..1100)) {
            let ours = Sum::default().add(&bytes).fold();
            // 0x0000 and 0xffff are the same number; only an all-zero input gives the first.
            proptest::prop_assert_eq!(ours, plain(&bytes));
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
