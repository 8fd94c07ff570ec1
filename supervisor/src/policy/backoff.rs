//! How long a restart waits.

use std::time::Duration;

/// The first restart after a stable run is immediate; the next waits `initial`, each further one `factor` times
/// the one before, never more than `cap`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first delay that is not zero.
    pub initial: Duration,
    /// What each delay is multiplied by for the next; at least 1.
    pub factor: u32,
    /// No delay is longer.
    pub cap: Duration,
    /// By how many percent, up or down, a delay is varied; 0 to 100.
    pub jitter_percent: u8,
}

impl Backoff {
    /// The delay before the restart that follows `failures` runs in a row that were not stable, without jitter.
    pub fn nominal(&self, failures: u32) -> Duration {
        if failures == 0 {
            return Duration::ZERO;
        }
        let mut delay = self.initial.min(self.cap);
        for _ in 1..failures {
            let longer = delay.saturating_mul(self.factor.max(1)).min(self.cap);
            if longer == delay {
                break; // at the cap, or it doesn't grow: the remaining rounds, maybe billions, change nothing
            }
            delay = longer;
        }
        delay
    }

    /// The same with jitter. `draw` is a random number over the whole range of `u64` (see [`draw`]).
    pub fn delay(&self, failures: u32, draw: u64) -> Duration {
        let nominal = self.nominal(failures);
        let percent = u128::from(self.jitter_percent.min(100));
        if percent == 0 {
            return nominal;
        }
        // Fixed point with 32 binary digits: nominal × (1 - p + 2p × fraction).
        let fraction = u128::from(draw >> 32);
        let scaled = ((100 - percent) << 32) + 2 * percent * fraction;
        let nanos = nominal.as_nanos().min(u128::from(u64::MAX)) * scaled / (100 << 32);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(self.cap)
    }
}

/// The random number that belongs to (`seed`, `a`, `b`), always the same one: splitmix64's output function over the
/// three, so that no generator has to be kept.
pub const fn draw(seed: u64, a: u32, b: u32) -> u64 {
    mix(mix(seed) ^ ((a as u64) << 32 | b as u64))
}

const fn mix(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn plain() -> Backoff {
        Backoff { initial: MS(20), factor: 2, cap: MS(200), jitter_percent: 0 }
    }

    #[test]
    fn grows_by_the_factor_up_to_the_cap() {
        let delays: Vec<_> = (0..7).map(|failures| plain().delay(failures, 0)).collect();
        assert_eq!(delays, [MS(0), MS(20), MS(40), MS(80), MS(160), MS(200), MS(200)]);
    }

    #[test]
    fn extreme_values_neither_overflow_nor_take_long() {
        let wild = Backoff { initial: Duration::MAX, factor: u32::MAX, cap: Duration::MAX, jitter_percent: 255 };
        assert_eq!(wild.nominal(u32::MAX), Duration::MAX);
        assert!(wild.delay(u32::MAX, u64::MAX) <= Duration::MAX);
        let still = Backoff { factor: 0, ..plain() };
        assert_eq!(still.nominal(u32::MAX), MS(20));
        let none = Backoff { initial: Duration::ZERO, ..plain() };
        assert_eq!(none.nominal(u32::MAX), Duration::ZERO);
    }

    #[test]
    fn jitter_stays_within_its_percentage_and_the_cap() {
        let backoff = Backoff { jitter_percent: 10, ..plain() };
        for n in 0..1000 {
            let delay = backoff.delay(2, draw(7, 0, n));
            assert!((MS(36)..=MS(44)).contains(&delay), "{delay:?}");
            assert!(backoff.delay(9, draw(7, 1, n)) <= MS(200));
        }
        assert_eq!(backoff.delay(2, 0), MS(36));
        assert!(backoff.delay(2, u64::MAX) > MS(43));
        assert_eq!(backoff.delay(0, u64::MAX), MS(0));
    }

    #[test]
    fn draws_differ_by_each_argument() {
        let draws = [draw(1, 0, 0), draw(2, 0, 0), draw(1, 1, 0), draw(1, 0, 1)];
        for (i, one) in draws.iter().enumerate() {
            assert!(!draws[..i].contains(one));
        }
        assert_eq!(draw(1, 0, 0), draws[0]);
    }

    /// The first two are the published ones for the seed 0; a seed means the same delays in every version.
    #[test]
    fn draws_are_those_of_splitmix64() {
        assert_eq!([mix(0), mix(0x9e37_79b9_7f4a_7c15)], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
        assert_eq!(draw(1, 2, 3), 0x7035_435f_94b9_9176);
    }
}
