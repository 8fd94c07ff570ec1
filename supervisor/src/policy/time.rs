//! The one notion of time: an instant on a monotonic clock that somebody else reads.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

/// An instant on the kernel's monotonic clock, in nanoseconds since an origin that only the kernel knows.
///
/// `std::time::Instant` can't be made from a number, so virtual time could not use it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// The instant `nanos` nanoseconds after the origin.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the origin.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this instant is; zero if it is not after it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at the far future, which no clock reaches.
    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    /// Saturates at the origin.
    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000_000, self.0 / 1000 % 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NS: fn(u64) -> Duration = Duration::from_nanos;

    #[test]
    fn spans_are_added_and_taken_away_and_stop_at_either_end() {
        let at = Instant::from_nanos(1_000);
        assert_eq!([(at + NS(1)).as_nanos(), (at - NS(1)).as_nanos()], [1_001, 999]);
        assert_eq!([at + Duration::MAX, at - Duration::MAX], [u64::MAX, 0].map(Instant::from_nanos));
        assert_eq!([(at + NS(7)).since(at), at.since(at + NS(7))], [NS(7), NS(0)]);
    }

    #[test]
    fn an_instant_reads_as_seconds_to_the_microsecond() {
        assert_eq!(Instant::from_nanos(12_034_567_899).to_string(), "12.034567s");
    }
}
