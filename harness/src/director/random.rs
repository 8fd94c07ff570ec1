//! Choices drawn from the seed: splitmix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).

use std::time::Duration;

/// A sequence of numbers that depends on nothing but its seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The sequence of this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// An index below `len`; 0 if that is 0.
    pub fn index(&mut self, len: usize) -> usize {
        let len = u64::try_from(len).unwrap_or(u64::MAX);
        usize::try_from(self.number().checked_rem(len).unwrap_or(0)).unwrap_or(0)
    }

    /// An offset from 0 up to and including `spread`.
    pub fn within(&mut self, spread: Duration) -> Duration {
        let nanos = u64::try_from(spread.as_nanos()).unwrap_or(u64::MAX);
        Duration::from_nanos(self.number().checked_rem(nanos.saturating_add(1)).unwrap_or(0))
    }

    /// So many of these, in the order drawn; fewer if there are fewer.
    pub fn draw<T>(&mut self, mut from: Vec<T>, count: usize) -> Vec<T> {
        let mut drawn = Vec::new();
        while drawn.len() < count && !from.is_empty() {
            drawn.push(from.remove(self.index(from.len())));
        }
        drawn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_splitmix64() {
        let mut random = Random::new(0);
        assert_eq!([random.number(), random.number()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn stays_within_its_bounds() {
        let mut random = Random::new(7);
        assert!((0..1000).all(|_| random.index(3) < 3 && random.within(Duration::from_nanos(5)).as_nanos() <= 5));
        assert_eq!((random.index(0), random.within(Duration::ZERO)), (0, Duration::ZERO));
        assert!(random.within(Duration::MAX) <= Duration::MAX);
        let mut all = random.draw(vec![1, 2, 3], 9);
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3]);
    }
}
