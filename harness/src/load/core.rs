//! The pure core of the load: when to connect, what to ask, what became of it.

use crate::history::{Connection, Proc};
use crate::puppet::Request;
use crate::scenario::Load;
use crate::time::Time;

/// Something that happened to a client.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// Start this load.
    Start(String),
    /// Stop this load: nothing new; held and parked connections are closed.
    Stop(String),
    /// A deadline may be due.
    Tick,
    /// connect returned; the local port.
    Opened(u32, u32),
    /// connect failed.
    NotOpened(u32, Failure),
    /// The first byte of the request was written.
    Sent(u32),
    /// The first bytes of an answer came, but not all of it.
    Partial(u32),
    /// The answer is complete; who answered.
    Answered(u32, Proc),
    /// The peer closed the connection in order.
    Closed(u32),
    /// The connection failed.
    Failed(u32, Failure),
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
    /// Connect; the connection's id is chosen by the core.
    Connect(u32),
    /// Write a request.
    Send(u32, Request),
    /// Close.
    Close(u32),
    /// A connection is over: into the history.
    Record(Box<Connection>),
    /// All connections of this load are held: into the history.
    Held(String),
}

/// All clients of a run.
#[derive(Debug)]
pub struct Clients {
    loads: Vec<Load>,
}

impl Clients {
    /// The clients of these loads; none has started.
    pub fn new(loads: &[Load], _workers: u32) -> Self {
        Self { loads: loads.to_vec() }
    }

    /// Takes one input and appends what is to be done.
    pub fn step(&mut self, _now: Time, _input: Input, _actions: &mut Vec<Action>) {
        let _ = &self.loads;
    }

    /// When [`Input::Tick`] is wanted next.
    pub fn next_deadline(&self) -> Option<Time> {
        None
    }

    /// Ends everything: each connection that is still open is recorded.
    pub fn finish(&mut self, _now: Time, _actions: &mut Vec<Action>) {}

    /// The worker that owns a connection of this load, if one is known.
    pub fn owner_of(&self, _load: &str) -> Option<Proc> {
        None
    }
}
