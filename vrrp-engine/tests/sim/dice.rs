/// Seeded dice: small, fast, the same on every machine, and good enough to shake a LAN with (xorshift64*).
#[derive(Clone, Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        // splitmix64: neighbouring seeds are to have nothing in common.
        let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        // Zero is the one state that xorshift never leaves.
        Self((mixed ^ (mixed >> 31)) | 1)
    }

    /// Rolls a number from 0 to `below` - 1.
    pub(crate) const fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 8) % below
    }

    pub(crate) const fn chance(&mut self, percent: u64) -> bool {
        self.roll(100) < percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len() as u64) as usize]
    }

    /// Picks a place in a list of that length.
    pub(crate) const fn index(&mut self, len: usize) -> usize {
        self.roll(len as u64) as usize
    }
}
