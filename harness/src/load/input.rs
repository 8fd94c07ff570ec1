//! What goes into the clients and what comes out.

use crate::history::{self, Connection, Proc};
use crate::puppet::Request;
use crate::time::Time;

/// Something that happened to a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Start this load.
    Start(String),
    /// Stop this load: nothing new; held and parked connections are closed, probes in flight end by themselves.
    Stop(String),
    /// A deadline may be due.
    Tick,
    /// connect returned: the connection's id and its local port (simulated: a number that no open connection shares).
    Opened(u32, u32),
    /// connect failed.
    NotOpened(u32, Failure),
    /// The first byte of the request was written (never mind its body); of one that is written byte by byte, the last.
    Sent(u32),
    /// The first bytes of an answer came, but not all of it.
    Partial(u32),
    /// The answer is complete; who answered.
    Answered(u32, Proc),
    /// The same, and the answer says that the connection ends with it.
    LastAnswer(u32, Proc),
    /// The peer closed the connection in order.
    Closed(u32),
    /// The connection failed.
    Failed(u32, Failure),
    /// A worker's journal says that it accepted the connection from this local port, then. Without it the owner of a
    /// connection that waits for its answer is unknown.
    AcceptedBy(u32, Time, Proc),
}

/// How a connection fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// ECONNREFUSED, ENOENT.
    Refused,
    /// ECONNRESET, EPIPE.
    Reset,
}

/// What a client is to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Connect; the connection's id is chosen by the core and never used again.
    Connect(u32),
    /// Write a request.
    Send(u32, Request),
    /// Write the next byte of this request.
    Byte(u32, Request),
    /// Write so many bytes more of the body of the request that was sent, as the socket takes them.
    Write(u32, u64),
    /// Read so many bytes more of the answer, as they come. Of a long answer ([`Request::Long`]) nothing is read before.
    Read(u32, u64),
    /// Close. Said once of every connection, also of one whose end the world has reported.
    Close(u32),
    /// A connection is over: into the history. Said once of every connection, after its `Close`.
    Record(Box<Connection>),
    /// A request on a connection that is used again is over: into the history. Said once of every request.
    Over(Box<history::Request>),
    /// All connections of this load are held: into the history.
    Held(String),
}
