//! One connection from connect to its outcome.

use std::time::Duration;

use crate::history::{Connection, Outcome, Proc};
use crate::puppet::Request;
use crate::time::Time;

use super::Failure;
use super::core::{ANSWER_DEADLINE, CONNECT_DEADLINE};

/// Why a connection was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// One request, one answer.
    Once,
    /// One request that is answered late; counts as held from when it was written.
    Hold,
    /// One answer, then idle.
    Park,
    /// Finds out which worker is behind it; then kept or closed.
    Seek,
    /// Says nothing.
    Mute,
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// connect has not returned.
    Connecting,
    /// The request is not answered yet.
    Waiting,
    /// A part of the answer came.
    Partial,
    /// Nothing is under way.
    Idle,
}

/// One connection.
#[derive(Clone, Debug)]
pub struct Conn {
    /// Index of its load.
    pub load: usize,
    pub purpose: Purpose,
    pub stage: Stage,
    pub request: Request,
    /// When it is given up on.
    pub deadline: Option<Time>,
    pub record: Connection,
}

impl Conn {
    pub fn new(id: u32, load: (usize, &str), purpose: Purpose, request: Request, now: Time) -> Self {
        let record = Connection {
            id,
            load: load.1.to_owned(),
            tried: now,
            opened: None,
            sent: None,
            answered: None,
            ended: now,
            hold_ns: hold_ns(request),
            peer: 0,
            owner: None,
            outcome: Outcome::Dropped,
        };
        let deadline = Some(now + CONNECT_DEADLINE);
        Self { load: load.0, purpose, stage: Stage::Connecting, request, deadline, record }
    }

    /// connect returned. `true` if its request is to be written.
    pub fn opened(&mut self, now: Time, peer: u32, owner: Option<Proc>) -> bool {
        self.record.opened = Some(now);
        self.record.peer = peer;
        self.record.owner = owner;
        if self.purpose == Purpose::Mute {
            self.stage = Stage::Idle;
            self.deadline = None;
            return false;
        }
        self.ask(now, self.request);
        true
    }

    /// This request is being written.
    pub fn ask(&mut self, now: Time, request: Request) {
        self.request = request;
        self.stage = Stage::Waiting;
        self.record.sent = None;
        self.record.answered = None;
        self.record.hold_ns = hold_ns(request);
        // A throwing handler's worker finishes its other connections first; there is no telling how long that takes.
        let patience = Duration::from_nanos(self.record.hold_ns) + ANSWER_DEADLINE;
        self.deadline = (request != Request::Throw).then(|| now + patience);
    }

    /// The answer is complete.
    pub fn answered(&mut self, now: Time, owner: Proc) {
        self.stage = Stage::Idle;
        self.deadline = None;
        self.record.answered = Some(now);
        self.record.owner = Some(owner);
    }

    /// What its end by the peer means.
    pub fn closed(&self) -> Outcome {
        match self.stage {
            Stage::Idle => Outcome::Ok,
            // What was asked for: the handler throws, the connection closes unanswered.
            Stage::Waiting if self.request == Request::Throw => Outcome::Ok,
            Stage::Connecting | Stage::Waiting => Outcome::Empty,
            Stage::Partial => Outcome::Cut,
        }
    }

    /// What it means that nothing came until the deadline.
    pub fn given_up(&self) -> Outcome {
        match self.stage {
            Stage::Connecting => Outcome::NotAccepted,
            Stage::Waiting | Stage::Idle => Outcome::Hang,
            Stage::Partial => Outcome::Cut,
        }
    }
}

impl Failure {
    /// The outcome that it is.
    pub fn outcome(self) -> Outcome {
        match self {
            Self::Refused => Outcome::Refused,
            Self::Reset => Outcome::Reset,
        }
    }
}

fn hold_ns(request: Request) -> u64 {
    match request {
        Request::Hold { span, .. } => u64::try_from(span.as_nanos()).unwrap_or(u64::MAX),
        Request::Who { .. } | Request::Throw | Request::Exit(_) | Request::Retire | Request::Unknown => 0,
    }
}
