//! Numbers that follow from a seed and from nothing else.

/// A reproducible sequence (SplitMix64): short, and good enough to choose delays and faults by.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A sequence of its own for each thing that needs one, so that one more draw here shifts no other.
    pub fn of(seed: u64, what: &[&str]) -> Self {
        // FNV-1a, with a byte between the parts that no name holds.
        let mut hash = 0xcbf2_9ce4_8422_2325_u64 ^ seed;
        for byte in what.iter().flat_map(|part| part.bytes().chain([0xff])) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Self(hash)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`; 0 where nothing is below it.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.number().checked_rem(bound).unwrap_or(0)
    }

    /// True so many times in a hundred.
    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// One of these; none of none.
    pub fn pick<'a, T>(&mut self, among: &'a [T]) -> Option<&'a T> {
        let index = self.below(among.len() as u64);
        among.get(usize::try_from(index).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_seeds_give_equal_numbers_and_names_tell_streams_apart() {
        assert_eq!(Random::of(7, &["a", "b"]).number(), Random::of(7, &["a", "b"]).number());
        assert_ne!(Random::of(7, &["a", "b"]).number(), Random::of(7, &["ab"]).number());
        assert_eq!(Random::new(1).pick::<u8>(&[]), None);
    }
}
