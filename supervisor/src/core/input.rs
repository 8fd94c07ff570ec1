//! What goes into the state machine and what comes out of it.

use std::time::Duration;

use crate::policy::{ExitCode, Instant, Policy};

use super::Event;

/// A worker, named so that pid reuse can't reach the core: the `generation`-th incarnation in its `slot`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId {
    /// Which pool, from 0 in the order of the configuration.
    pub pool: u16,
    /// Place in the pool, 0 to workers - 1.
    pub slot: u32,
    /// 1 for the first worker of the slot, one more for each that follows.
    pub generation: u32,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The loop runs and the listening sockets are bound; always the first input.
    Start,
    /// Answer to [`Action::Spawn`]: the program runs.
    Spawned(WorkerId),
    /// Answer to [`Action::Spawn`]: there is no process.
    SpawnFailed(WorkerId, SpawnError),
    /// A worker said something that concerns its supervision.
    Word(WorkerId, Word),
    /// The worker's end of the channel is closed. Says nothing about whether the process lives.
    Disconnected(WorkerId),
    /// The process has ended and was reaped; whatever it had written to its channel came before this.
    Exited(WorkerId, ExitStatus),
    /// A worker that did not answer what it should have answered long ago: it hangs, watched or not.
    Hung(WorkerId),
    /// The operator wants something of every pool.
    Command(Command),
    /// The operator wants something of one pool.
    PoolCommand(u16, Command),
    /// A new configuration was read and is valid: one policy for each pool. Workers are replaced as at a reload; those of
    /// this revision are started from it.
    Configure(Revision, Vec<Policy>),
    /// Time passed: a deadline may be due. Always allowed, also when none is.
    Tick,
    /// The loop was stopped, and its workers maybe with it: no silence before this says anything.
    Resumed,
}

/// A configuration that workers are started from: 0 is the one that the supervisor was started with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(pub u32);

/// What a worker says, in whichever convention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// It serves.
    Ready,
    /// Two-phase retirement: it wants to leave and goes on accepting until told to drain.
    Retire,
    /// One-phase retirement: it has stopped accepting as it says this.
    Suicide,
    /// It makes progress.
    Alive,
    /// It knows that it does not work any more and wants to be treated as one that hangs, watched or not.
    Failing,
    /// From now on it says something more often than this, if it is watched at all; zero: it wants not to be watched.
    Interval(Duration),
    /// Whatever it is doing (starting or leaving), it needs at least so long from now on.
    Extend(Duration),
}

/// What the operator says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Rolling restart of every worker.
    Reload,
    /// Drain and end; said again, without waiting for the drain.
    Stop,
    /// Another number of workers.
    Scale(Scale),
    /// Replace the worker that serves in this slot, as a rolling restart would. One that waits to be started is started
    /// now.
    Restart(u32),
}

/// How many workers are wanted from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// So many, at least one.
    To(u32),
    /// So many more, or less; at least one stays.
    By(i32),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It called exit with this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

impl ExitStatus {
    /// The status that it called exit with, if that is how it ended.
    pub fn code(self) -> Option<i32> {
        match self {
            Self::Code(code) => Some(code),
            Self::Signal(_) => None,
        }
    }
}

/// Why there is no process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpawnError {
    /// What failed.
    pub step: SpawnStep,
    /// The errno that it failed with.
    pub errno: i32,
}

/// Where a spawn can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpawnStep {
    /// The channel or another descriptor (EMFILE, ENFILE).
    Descriptors,
    /// fork (EAGAIN, ENOMEM).
    Fork,
    /// Anything that the child does before exec: credentials, limits, directory.
    Setup,
    /// exec itself (ENOENT, EACCES, ENOEXEC).
    Exec,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Start a process for this worker, from this revision of the configuration; answered by [`Input::Spawned`] or
    /// [`Input::SpawnFailed`] before anything else.
    Spawn(WorkerId, Revision),
    /// A change of configuration took effect in this pool or was dropped, and this is the revision in force: nothing will be
    /// started of any other one, but for the newest that the pool was given.
    Settle(u16, Revision),
    /// Tell a worker something on its channel.
    Tell(WorkerId, Order),
    /// Send a signal.
    Signal(WorkerId, Signal),
    /// Let the world know.
    Emit(Event),
    /// Everything is gone: end with this status. Always the last action.
    Exit(ExitCode),
}

/// What the supervisor tells a worker on its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Stop accepting, finish what is held, exit.
    Drain,
}

/// The signals that the core sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM to the worker itself: drain and exit.
    Term,
    /// SIGKILL to its whole process group.
    Kill,
}

/// What the loop needs of a state machine. [`super::Pools`] is the one that ships; a test may wrap it.
pub trait Machine {
    /// Takes one input at `now` and appends what is to be done. Total: an input that makes no sense is noted as an
    /// event, never a panic.
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>);

    /// When [`Input::Tick`] is wanted next; `None` while nothing is due. Computed from the state, so nothing is ever
    /// armed or cancelled.
    fn next_deadline(&self) -> Option<Instant>;
}
