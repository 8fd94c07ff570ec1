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
    /// One request after the other, each after a pause of at most so long.
    Reuse(Duration),
    /// Says nothing.
    Mute,
    /// One request, a byte every so often.
    Trickle(Duration),
}

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// connect has not returned.
    Connecting,
    /// Its request is being written, byte by byte.
    Writing,
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
    /// When it does something by itself: writes a byte, asks again.
    pub wake: Option<Time>,
    /// How many requests were answered.
    pub answers: u32,
    pub record: Connection,
}

impl Conn {
    pub fn new(id: u32, load: (usize, &str), purpose: Purpose, request: Request, due: Option<Time>, now: Time) -> Self {
        let record = Connection {
            id,
            load: load.1.to_owned(),
            due,
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
        Self { load: load.0, purpose, stage: Stage::Connecting, request, deadline, wake: None, answers: 0, record }
    }

    /// connect returned. `true` if its request is to be written.
    pub fn opened(&mut self, now: Time, peer: u32, owner: Option<Proc>) -> bool {
        self.record.opened = Some(now);
        self.record.peer = peer;
        self.record.owner = owner;
        if let Purpose::Mute | Purpose::Trickle(_) = self.purpose {
            let writes = self.purpose != Purpose::Mute;
            (self.stage, self.wake) = if writes { (Stage::Writing, Some(now)) } else { (Stage::Idle, None) };
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
        self.deadline = (!harms(request)).then(|| now + patience);
    }

    /// Its last byte was written.
    pub fn written(&mut self, now: Time) {
        self.wake = None;
        self.ask(now, self.request);
        self.record.sent = Some(now);
    }

    /// An answer is complete: how many that makes.
    pub fn answered(&mut self, now: Time, owner: Proc) -> u32 {
        self.stage = Stage::Idle;
        self.deadline = None;
        self.record.answered = Some(now);
        self.record.owner = Some(owner);
        self.answers = self.answers.saturating_add(1);
        self.answers
    }

    /// What its end by the peer means.
    pub fn closed(&self) -> Outcome {
        match self.stage {
            // Nobody owes an answer to what is no whole request.
            Stage::Idle | Stage::Writing => Outcome::Ok,
            // What was asked for: the handler throws, the connection closes unanswered.
            Stage::Waiting if harms(self.request) => Outcome::Ok,
            Stage::Connecting | Stage::Waiting => Outcome::Empty,
            Stage::Partial => Outcome::Cut,
        }
    }

    /// What a failure means.
    pub fn failed(&self, failure: Failure) -> Outcome {
        match self.stage {
            Stage::Writing => Outcome::Ok,
            Stage::Waiting if harms(self.request) => Outcome::Ok,
            Stage::Connecting | Stage::Waiting | Stage::Partial | Stage::Idle => failure.outcome(),
        }
    }

    /// What it means that nothing came until the deadline.
    pub fn given_up(&self) -> Outcome {
        match self.stage {
            Stage::Connecting => Outcome::NotAccepted,
            Stage::Waiting | Stage::Idle | Stage::Writing => Outcome::Hang,
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

/// Whether the worker that reads it ends because of it, instead of answering.
fn harms(request: Request) -> bool {
    match request {
        Request::Throw | Request::Exit(_) | Request::Hang => true,
        Request::Who { .. } | Request::Hold { .. } | Request::Retire | Request::Unknown => false,
    }
}

fn hold_ns(request: Request) -> u64 {
    match request {
        Request::Hold { span, .. } => u64::try_from(span.as_nanos()).unwrap_or(u64::MAX),
        Request::Who { .. }
        | Request::Throw
        | Request::Exit(_)
        | Request::Retire
        | Request::Hang
        | Request::Unknown => 0,
    }
}
