//! What the supervisor tells the world about itself.

use std::time::Duration;

use super::{ExitStatus, SpawnError, WorkerId};

/// One event. Those that the loop alone knows of (`Setup`, `Listening`, `Close`) are emitted by the shell, all
/// others by the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The configuration is valid and the loop is about to start.
    Setup {
        /// How many workers are wanted.
        workers: u32,
    },
    /// A listening socket is bound.
    Listening {
        /// The address as bound (a port that was 0 is the real one).
        address: String,
    },
    /// A process was started for a worker.
    Fork {
        /// Which.
        worker: WorkerId,
    },
    /// Its program runs.
    Online {
        /// Which.
        worker: WorkerId,
    },
    /// It serves.
    Ready {
        /// Which.
        worker: WorkerId,
    },
    /// It said that it will leave.
    Announce {
        /// Which.
        worker: WorkerId,
        /// Whether it goes on accepting until told to drain.
        two_phase: bool,
    },
    /// It was taken out of service: by its own one-phase word, a drain order or a stop signal.
    Retire {
        /// Which.
        worker: WorkerId,
    },
    /// Its end of the channel is closed.
    Disconnect {
        /// Which.
        worker: WorkerId,
    },
    /// Process and channel are both gone.
    Close {
        /// Which.
        worker: WorkerId,
    },
    /// Its process ended.
    Exit {
        /// Which.
        worker: WorkerId,
        /// How.
        status: ExitStatus,
    },
    /// Something failed or made no sense; the supervisor goes on.
    Error {
        /// Whom it concerns, if one worker.
        worker: Option<WorkerId>,
        /// What, in words.
        what: ErrorEvent,
    },
    /// A replacement is due.
    Restart {
        /// The worker that will start.
        worker: WorkerId,
        /// In how long.
        delay: Duration,
    },
    /// The restart limit was reached.
    GiveUp {
        /// How many restarts the window held.
        restarts: u32,
        /// The window.
        within: Duration,
    },
    /// Every worker was told to finish (a stop or a give-up).
    Draining {
        /// How many are alive.
        workers: u32,
    },
    /// A worker did not finish in time.
    DrainDeadline {
        /// Which.
        worker: WorkerId,
    },
    /// A worker's process group gets SIGKILL.
    Kill {
        /// Which.
        worker: WorkerId,
    },
    /// A rolling restart began, ended, was absorbed by a waiting one or was abandoned.
    Reload {
        /// Which of these.
        phase: ReloadPhase,
    },
    /// A stop was asked for.
    Stop {
        /// Whether it is a repeated one, which doesn't wait for the drain.
        hurry: bool,
    },
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorEvent {
    /// No process could be started.
    Spawn(SpawnError),
    /// A worker was not ready in time.
    ReadyTimeout,
    /// An input that the state machine had no use for.
    Unexpected(&'static str),
    /// A worker wrote something on its channel that is not a message.
    Garbage(String),
    /// A system call failed; the loop goes on.
    System {
        /// What was tried.
        call: &'static str,
        /// The errno.
        errno: i32,
    },
}

/// Where a rolling restart is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadPhase {
    /// It begins.
    Began,
    /// One is running and one waits already: this command changes nothing.
    Absorbed,
    /// Every worker was replaced.
    Done,
    /// A replacement did not become ready; the old workers stay.
    Aborted,
    /// A stop came first.
    Cancelled,
}
