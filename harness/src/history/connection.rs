//! One connection, from its connect to its outcome.

use serde::{Deserialize, Serialize};

use crate::time::Time;

use super::Proc;

/// A connection and what became of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Connection {
    /// Unique in the run.
    pub id: u32,
    /// The load's name.
    pub load: String,
    /// When it was due, if its load keeps a schedule: the harness may have been late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<Time>,
    /// When connect was called.
    pub tried: Time,
    /// When it returned.
    pub opened: Option<Time>,
    /// When the first byte of the (last) request was written; of one that was written byte by byte, the last byte.
    pub sent: Option<Time>,
    /// When the answer was complete.
    pub answered: Option<Time>,
    /// When the client saw its end (or closed it, or gave up on it).
    pub ended: Time,
    /// How long the server was asked to take.
    pub hold_ns: u64,
    /// How long the client took for what it sent or read piece by piece, if nobody kept it waiting beside that.
    #[serde(default, skip_serializing_if = "crate::scenario::is_default")]
    pub slow_ns: u64,
    /// The local port or connection number, which the worker's journal names; 0 if it was never let in.
    pub peer: u32,
    /// The worker that answered.
    pub owner: Option<Proc>,
    /// What became of it.
    pub outcome: Outcome,
}

/// One request of a connection that is asked one after the other, and what became of it. The connection has a record of its own
/// when it is over; one that ended between two requests lost none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Unique among the requests of the run.
    pub id: u32,
    /// The connection's.
    pub conn: u32,
    /// The load's name.
    pub load: String,
    /// Of this connection the n-th, from 1.
    pub nth: u32,
    /// When the client wanted to ask; the harness may have been late.
    pub due: Time,
    /// When the first byte was written.
    pub sent: Option<Time>,
    /// When the client knew what became of it: the answer was complete, or the connection over.
    pub ended: Time,
    /// The worker that answered, or that has the connection.
    pub owner: Option<Proc>,
    /// What became of it.
    pub outcome: Outcome,
}

/// What can become of a connection, or of one of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Answered in full; or an idle one that was closed in order; or one that was to do its worker harm, ended unanswered;
    /// or one that ended before its request was whole.
    Ok,
    /// connect: ECONNREFUSED (or no socket at the path).
    Refused,
    /// connect did not return by its deadline.
    NotAccepted,
    /// ECONNRESET.
    Reset,
    /// Closed without one byte of an answer.
    Empty,
    /// Closed within the answer.
    Cut,
    /// No byte by the deadline and the peer still open.
    Hang,
    /// The client closed it (a stopped load).
    Dropped,
}
