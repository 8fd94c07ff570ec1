//! The restart limit: at most N restarts in any window of length T.

use std::collections::VecDeque;
use std::time::Duration;

use super::Instant;

/// At most `restarts` restarts in any sliding window of `within`; the need for one more gives up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// How many restarts fit into one window; 0 means that the first unplanned death gives up.
    pub restarts: u32,
    /// The length of the window.
    pub within: Duration,
}

/// The restarts that still count: their instants, oldest first.
#[derive(Clone, Debug, Default)]
pub struct RestartLog {
    starts: VecDeque<Instant>,
}

impl RestartLog {
    /// Whether one more restart at `at` would keep every window within `limit`.
    pub fn allows(&self, limit: Limit, at: Instant) -> bool {
        let inside = self.starts.iter().filter(|&&start| at.since(start) < limit.within).count();
        inside < limit.restarts as usize
    }

    /// Notes a restart at `at` and forgets those that no later window can hold.
    pub fn note(&mut self, limit: Limit, at: Instant) {
        self.starts.retain(|&start| at.since(start) < limit.within);
        self.starts.push_back(at);
    }
}
