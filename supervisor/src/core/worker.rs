//! One worker.

use crate::policy::Instant;

/// What is known of a worker that has not ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Worker {
    pub(super) phase: Phase,
    /// It said that it will leave.
    pub(super) announced: bool,
    /// Its end of the channel is open, as far as is known.
    pub(super) connected: bool,
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
    },
    /// It was taken out of service and finishes what it holds.
    Draining {
        /// It is gone by then or gets SIGKILL.
        deadline: Instant,
    },
    /// It got SIGKILL. Nothing more can be done than to wait for its end.
    Killed,
}

impl Worker {
    /// One whose start was just asked for.
    pub(super) fn new(charged: Option<Instant>) -> Self {
        Self { phase: Phase::Starting { charged }, announced: false, connected: true }
    }
}

impl Phase {
    /// When something has to be done about it, unless it does something itself.
    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Self::Booting { deadline } | Self::Draining { deadline } => Some(deadline),
            Self::Starting { .. } | Self::Ready { .. } | Self::Killed => None,
        }
    }
}
