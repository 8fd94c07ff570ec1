//! What the invariants read: the history by worker, by connection, by fault.

use crate::time::Time;

use super::{Connection, Form, Proc, Status, When};

/// One worker's life as seen from outside.
#[derive(Clone, Debug, PartialEq)]
pub struct Worker {
    /// Which process.
    pub proc: Proc,
    /// n-th of its generation.
    pub ticket: u32,
    /// The harness's generation.
    pub generation: u32,
    /// First seen.
    pub born: When,
    /// Able to serve.
    pub ready: Option<Time>,
    /// Said that it will leave.
    pub announced: Option<(Time, Form)>,
    /// Saw the stop signal or drain order.
    pub told: Option<Time>,
    /// Stopped accepting.
    pub retired: Option<Time>,
    /// Held nothing any more.
    pub drained: Option<Time>,
    /// Ended.
    pub died: Option<When>,
    /// How, if known.
    pub status: Option<Status>,
    /// The status of a scripted, unannounced or announced exit of its own.
    pub exiting: Option<(Time, i32)>,
    /// Gone from the process table.
    pub reaped: Option<When>,
    /// Unblockable signals that the harness sent it.
    pub killed: Option<Time>,
}

/// The history, indexed. Built once a run and shared by all invariants.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// Workers in the order of their births.
    pub workers: Vec<Worker>,
    /// Connections in the order of their ends.
    pub connections: Vec<Connection>,
}
