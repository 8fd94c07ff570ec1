//! Looks at what the supervisor uses, and at how much it has written.

use std::time::Duration;

use crate::history::{Event, What};
use crate::time::Time;

use super::runner::Runner;
use super::{clock, procfs};

/// Looked at no more often than this while the steps are under way: it costs some 50 µs.
const EVERY: Duration = Duration::from_millis(200);

impl Runner {
    /// What the supervisor uses now.
    pub(super) fn sample(&mut self, now: Time) {
        let supervisor = self.observer.procs.supervisor().filter(|_| self.observer.procs.supervisor_alive());
        let Some((proc, usage)) = supervisor.and_then(|proc| Some((proc, procfs::usage(proc.pid)?))) else { return };
        let (descriptors, threads, ticks) = usage;
        let cpu_ns = ticks.saturating_mul(procfs::TICK.as_nanos() as u64);
        let used = What::Used { proc, descriptors, threads, cpu_ns, peak: procfs::peak(proc.pid) };
        let lines = What::Lines { proc, lines: self.words.lines() };
        self.fresh.extend([used, lines].map(|what| Event::at(now, what)));
    }

    /// The same while the steps are under way, if the last look was long ago.
    pub(super) fn sample_now_and_then(&mut self) {
        let now = clock::now();
        if self.sampled.is_some_and(|last| now.since(last) >= EVERY) {
            self.sampled = Some(now);
            self.sample(now);
        }
    }
}
