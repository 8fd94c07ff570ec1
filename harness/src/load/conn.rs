//! One connection from connect to its outcome.

use std::time::Duration;

use crate::history::{self, Connection, Outcome, Proc};
use crate::puppet::Request;
use crate::scenario::Bulk;
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
    /// One request with a long answer, which it reads piece by piece.
    Read(Bulk),
    /// One request with a long body, which it writes piece by piece.
    Write(Bulk),
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
    /// When it does something by itself: reads or writes a piece, asks again.
    pub wake: Option<Time>,
    /// How much of a body it has set out to write.
    pub given: u64,
    /// How many requests were answered.
    pub answers: u32,
    /// When it wanted to ask what it asked last.
    pub due: Time,
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
            slow_ns: slow_ns(purpose),
            peer: 0,
            owner: None,
            outcome: Outcome::Dropped,
        };
        let deadline = Some(now + CONNECT_DEADLINE);
        let (stage, wake, load) = (Stage::Connecting, None, load.0);
        Self { load, purpose, stage, request, deadline, wake, given: 0, answers: 0, due: now, record }
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
        let patience = Duration::from_nanos(self.record.hold_ns.saturating_add(self.record.slow_ns)) + ANSWER_DEADLINE;
        self.deadline = (!harms(request)).then(|| now + patience);
    }

    /// Its last byte was written.
    pub fn written(&mut self, now: Time) {
        self.wake = None;
        self.ask(now, self.request);
        self.record.sent = Some(now);
    }

    /// Its request was written, but for a body: when its first piece is due, if it has pieces.
    pub fn begun(&mut self, now: Time) {
        self.record.sent = Some(now);
        match self.purpose {
            Purpose::Read(bulk) => self.wake = Some(now + bulk.every.0),
            Purpose::Write(_) => self.wake = Some(now),
            _ => {}
        }
    }

    /// A piece is due: how much it is. The next one keeps to the schedule, however late this one is.
    pub fn next_piece(&mut self, bulk: Bulk) -> u64 {
        let next = self.wake.map(|due| due + bulk.every.0);
        if let Purpose::Read(_) = self.purpose {
            self.wake = next;
            return bulk.piece;
        }
        let left = bulk.bytes.saturating_sub(self.given);
        let piece = if bulk.every.is_zero() { left } else { left.min(bulk.piece) };
        self.given += piece;
        self.wake = next.filter(|_| piece < left);
        piece
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

    /// The request that it asked last, over by now, if it is one of several.
    pub fn over(&self, id: u32, now: Time, outcome: Outcome) -> Option<Box<history::Request>> {
        let asked = matches!(self.stage, Stage::Waiting | Stage::Partial);
        let Connection { id: conn, ref load, sent, owner, .. } = self.record;
        let is_one = asked && matches!(self.purpose, Purpose::Reuse(_));
        is_one.then(|| {
            let (load, nth) = (load.clone(), self.answers + 1);
            Box::new(history::Request { id, conn, load, nth, due: self.due, sent, ended: now, owner, outcome })
        })
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
        Request::Who { .. }
        | Request::Hold { .. }
        | Request::Long { .. }
        | Request::Take { .. }
        | Request::Retire
        | Request::Unknown => false,
    }
}

fn hold_ns(request: Request) -> u64 {
    match request {
        Request::Hold { span, .. } => nanos(span),
        Request::Who { .. }
        | Request::Long { .. }
        | Request::Take { .. }
        | Request::Throw
        | Request::Exit(_)
        | Request::Retire
        | Request::Hang
        | Request::Unknown => 0,
    }
}

fn slow_ns(purpose: Purpose) -> u64 {
    match purpose {
        Purpose::Read(bulk) | Purpose::Write(bulk) => nanos(bulk.takes().0),
        _ => 0,
    }
}

fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
