//! The clock that all processes of a run share.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

use crate::time::Time;

/// CLOCK_MONOTONIC.
pub fn now() -> Time {
    let now = clock_gettime(ClockId::Monotonic);
    let (secs, nanos) = (u64::try_from(now.tv_sec).unwrap_or(0), u64::try_from(now.tv_nsec).unwrap_or(0));
    Time::from_nanos(secs * 1_000_000_000 + nanos)
}

/// How long this thread has had a processor.
pub fn worked() -> Duration {
    let worked = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(worked.tv_sec).unwrap_or(0), u32::try_from(worked.tv_nsec).unwrap_or(0))
}

/// A timeout for ppoll(2), which has nanoseconds: a rounded one would spin or be late.
pub fn timespec(span: Duration) -> Timespec {
    Timespec { tv_sec: i64::try_from(span.as_secs()).unwrap_or(i64::MAX), tv_nsec: i64::from(span.subsec_nanos()) }
}
