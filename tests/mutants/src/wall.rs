//! The clock on the wall, which a sound supervisor has no use for.

use std::time::{SystemTime, UNIX_EPOCH};

use harness::world::sim::SimKernel;
use supervisor::kernel::Clock;
use supervisor::policy::Instant;
use supervisor::unix::Unix;

/// A kernel that has a clock which anybody may set, as every kernel has.
pub trait WallClock: Clock {
    /// CLOCK_REALTIME, counted from 1970.
    fn wall(&self) -> Instant;
}

impl WallClock for SimKernel {
    fn wall(&self) -> Instant {
        Self::wall(self)
    }
}

impl WallClock for Unix {
    fn wall(&self) -> Instant {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Instant::from_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }
}
