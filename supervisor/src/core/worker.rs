//! One worker.

use std::time::Duration;

use crate::policy::{Instant, Policy};

/// What is known of a worker that has not ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worker {
    pub(super) phase: Phase,
    /// The rolling restart that it belongs to.
    pub(super) epoch: u64,
    /// How often it said that it will leave; more than twice is no news.
    pub(super) announced: u8,
    /// Its end of the channel is open, as far as is known.
    pub(super) connected: bool,
    /// How long it may be silent, if it said so itself; zero: as long as it likes.
    pub(super) interval: Option<Duration>,
}

/// Where a worker is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Asked for; whether there is a process is not known yet.
    Starting {
        /// The restart that was charged for it.
        charged: Option<Instant>,
    },
    /// The program runs.
    Booting {
        /// It is ready by then or has failed to start.
        deadline: Instant,
    },
    /// It serves.
    Ready {
        /// Since when.
        since: Instant,
        /// It has said something by then or it hangs; `None` if it is not watched.
        alive_by: Option<Instant>,
    },
    /// It was taken out of service and finishes what it holds.
    Draining {
        /// It is gone by then or gets SIGKILL.
        deadline: Instant,
    },
    /// It got SIGKILL. Nothing more can be done than to wait for its end.
    Killed {
        /// Whether it had a stable run behind it.
        stable: bool,
    },
}

impl Worker {
    /// One whose start was just asked for.
    pub(super) fn new(epoch: u64, charged: Option<Instant>) -> Self {
        Self { phase: Phase::Starting { charged }, epoch, announced: 0, connected: true, interval: None }
    }

    /// How long it may be silent once it is ready.
    pub(super) fn silence(&self, policy: &Policy) -> Option<Duration> {
        policy.watchdog.map(|usual| self.interval.unwrap_or(usual)).filter(|interval| !interval.is_zero())
    }
}

impl Phase {
    /// When something has to be done about it, unless it does something itself.
    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Self::Booting { deadline } | Self::Draining { deadline } => Some(deadline),
            Self::Ready { alive_by, .. } => alive_by,
            Self::Starting { .. } | Self::Killed { .. } => None,
        }
    }
}
