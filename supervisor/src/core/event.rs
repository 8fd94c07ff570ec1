//! What the supervisor tells the world about itself.

use std::time::Duration;

use super::{ExitStatus, SpawnError, WorkerId};

/// One event. Those that the loop alone knows of (`Setup`, `Listening`, `Close`) are emitted by the shell, all
/// others by the core. In each, `worker` is the one that it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the fields: each variant's text explains them
pub enum Event {
    /// The configuration is valid, that many workers are wanted in this pool, the loop is about to start.
    Setup { pool: u16, workers: u32 },
    /// A listening socket is bound; a port that was 0 is the real one here.
    Listening { address: String },
    /// A process was started for a worker.
    Fork { worker: WorkerId },
    /// Its program runs.
    Online { worker: WorkerId },
    /// It serves.
    Ready { worker: WorkerId },
    /// It said that it will leave; in two phases it goes on accepting until it is told to drain.
    Announce { worker: WorkerId, two_phase: bool },
    /// It was taken out of service: by its own one-phase word, a drain order or a stop signal.
    Retire { worker: WorkerId },
    /// Its end of the channel is closed.
    Disconnect { worker: WorkerId },
    /// Process and channel are both gone.
    Close { worker: WorkerId },
    /// Its process ended.
    Exit { worker: WorkerId, status: ExitStatus },
    /// Something failed or made no sense, maybe concerning one worker; the supervisor goes on.
    Error { worker: Option<WorkerId>, what: ErrorEvent },
    /// A replacement will start after this delay.
    Restart { worker: WorkerId, delay: Duration },
    /// The restart limit of a pool was reached: the window holds that many restarts already. All pools end.
    GiveUp { pool: u16, restarts: u32, within: Duration },
    /// A stop was ordered; the pool goes on serving for so long before anybody is told to leave.
    LameDuck { pool: u16, span: Duration },
    /// Every worker of the pool that is alive, so many, is to finish (a stop or a give-up).
    Draining { pool: u16, workers: u32 },
    /// A worker did not finish in time.
    DrainDeadline { worker: WorkerId },
    /// A worker's process group gets SIGKILL.
    Kill { worker: WorkerId },
    /// A worker hangs: it was silent for too long, or said so itself. It is killed.
    Hang { worker: WorkerId },
    /// So many workers are wanted in the pool from now on.
    Scale { pool: u16, workers: u32 },
    /// A rolling restart began, ended, was absorbed by a waiting one or was abandoned.
    Reload { pool: u16, phase: ReloadPhase },
    /// The configuration was to be read again and can't be used, for this reason: nothing changes.
    ReloadRefused { reason: String },
    /// A stop of one pool or of all was asked for; one that hurries, the second, doesn't wait for the drain.
    Stop { pool: Option<u16>, hurry: bool },
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the fields, as above
pub enum ErrorEvent {
    /// No process could be started.
    Spawn(SpawnError),
    /// A worker was not ready in time.
    ReadyTimeout,
    /// An input that the state machine had no use for.
    Unexpected(&'static str),
    /// A worker wrote something on its channel that is not a message.
    Garbage(String),
    /// A worker wrote a message that was not followed, for this reason; it was told the same.
    Refused(String),
    /// A system call failed with this errno; the loop goes on.
    System { call: &'static str, errno: i32 },
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
    /// A replacement did not become ready; the old workers stay. If it was the first of another configuration, that is
    /// dropped, too, in all pools.
    Aborted,
    /// A stop came first.
    Cancelled,
}
