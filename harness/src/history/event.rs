//! One event.

use serde::{Deserialize, Serialize};

use crate::scenario::Span;
use crate::time::Time;

use super::said::{Claim, Reply};

/// A process that can't be mistaken for a later one with the same pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Proc {
    /// Its pid.
    pub pid: u32,
    /// Its start time in clock ticks since boot, field 22 of `/proc/PID/stat` (simulated: a serial number).
    pub start: u64,
}

/// When it happened: exactly, or at some unknown instant after the first and not after the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum When {
    /// Seen as it happened (pidfd, socket, journal).
    At(Time),
    /// Seen by sampling.
    Within(Time, Time),
}

impl When {
    /// The earliest instant at which it may have happened.
    pub fn earliest(self) -> Time {
        match self {
            Self::At(at) => at,
            Self::Within(after, _) => after,
        }
    }

    /// The latest instant at which it may have happened.
    pub fn latest(self) -> Time {
        match self {
            Self::At(at) | Self::Within(_, at) => at,
        }
    }
}

/// One event of a history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub when: When,
    /// What.
    pub what: What,
}

impl Event {
    /// An event seen as it happened.
    pub fn at(at: Time, what: What) -> Self {
        Self { when: When::At(at), what }
    }
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// It called exit with this status.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// What is known of a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// How it ended; `None` where the harness is not its parent and no process event told.
    pub status: Option<Status>,
}

/// What a process is to the subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// A worker. Ticket and generation are the harness's own count (see `scenario::Lives`).
    Worker {
        /// The n-th of its generation, from 1.
        ticket: u32,
        /// From 1.
        generation: u32,
        /// The number of its pool (see `scenario::Scenario::pools`), 0 where there is one only.
        #[serde(default, skip_serializing_if = "crate::scenario::is_default")]
        pool: u32,
    },
    /// A descendant of a worker, or an adopted process.
    Descendant,
}

/// How an announcement was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// It stops accepting as it announces.
    OnePhase,
    /// It goes on accepting until told to drain.
    TwoPhase,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum What {
    /// The supervisor runs.
    SupervisorBorn(Proc),
    /// The supervisor ended. The harness is its parent, so the status is certain.
    SupervisorExited {
        /// Which.
        proc: Proc,
        /// How.
        status: Status,
    },
    /// Another supervisor was started for what the first one has.
    SecondBorn(Proc),
    /// That one ended. The harness is its parent, so the status is certain.
    SecondExited {
        /// Which.
        proc: Proc,
        /// How.
        status: Status,
    },
    /// A process that has nothing to do with the subject runs beside it, and notes each signal that it gets.
    Bystander(Proc),
    /// A bystander got a signal that the harness did not send.
    Caught {
        /// Which bystander.
        proc: Proc,
        /// Which signal, by number.
        signal: i32,
        /// The pid of who sent it; absent where nobody can tell, because it could not be caught.
        by: Option<u32>,
    },
    /// What a process was started with: a worker at its first instruction, a supervisor as the harness started it.
    Environment {
        /// Which.
        proc: Proc,
        /// With what.
        is: Box<super::Environment>,
    },
    /// What the supervisor has and nobody else may have, as it is now: the same text means the same thing.
    Owned {
        /// Its address, or the name of what a scenario's `owns` asks for.
        what: String,
        /// Which socket or file; absent: there is none.
        is: Option<String>,
    },
    /// A process of the subject is there.
    Born {
        /// Which.
        proc: Proc,
        /// Its parent at birth.
        parent: u32,
        /// What it is.
        role: Role,
    },
    /// A process of the subject ended.
    Died {
        /// Which.
        proc: Proc,
        /// How.
        death: Death,
    },
    /// It is gone from the process table.
    Reaped(Proc),
    /// A worker says which configuration it was started from.
    Runs {
        /// Which worker.
        proc: Proc,
        /// The configuration, as `Configured` numbers it; the one of the start is 1.
        revision: u32,
    },
    /// A worker is able to serve.
    Ready(Proc),
    /// A worker says that from now on it needs at least so long to get ready or to leave.
    Extends {
        /// Which.
        proc: Proc,
        /// How long.
        by: Span,
    },
    /// A worker does nothing any more from now on, as its script or the harness wants it.
    Hangs(Proc),
    /// A worker said that it will leave.
    Announced {
        /// Which.
        proc: Proc,
        /// How.
        form: Form,
    },
    /// A worker does not accept any more.
    StoppedAccepting(Proc),
    /// A worker saw the stop signal (or drain order).
    ToldToStop(Proc),
    /// A worker accepted a connection.
    Accepted {
        /// Which.
        proc: Proc,
        /// The client's port (TCP) or connection number.
        peer: u32,
    },
    /// A worker was passed a connection and would not have it.
    Refused {
        /// Which.
        proc: Proc,
        /// The client's port (TCP) or connection number.
        peer: u32,
    },
    /// A worker says that it wants to be told of a topic.
    Subscribed {
        /// Which.
        proc: Proc,
        /// The topic.
        topic: String,
    },
    /// A worker publishes a value.
    Published {
        /// Which.
        proc: Proc,
        /// Of which topic.
        topic: String,
        /// The value, as JSON text.
        data: String,
    },
    /// A worker was told a value.
    Heard {
        /// Which.
        proc: Proc,
        /// Of which topic.
        topic: String,
        /// The value, as JSON text.
        data: String,
    },
    /// A worker holds no connection any more.
    Drained(Proc),
    /// A worker ends by its own script, with this status; 128 and the number of a signal, if that is what ends it.
    Exiting {
        /// Which.
        proc: Proc,
        /// Its status.
        code: i32,
    },
    /// A step fired.
    Step {
        /// Its path: index in `steps`, then indices inside bodies.
        step: Vec<u32>,
        /// The line a person would write.
        said: String,
    },
    /// A step's trigger did not come.
    Missed {
        /// Its path.
        step: Vec<u32>,
        /// Whether that is a failure: it had to come, and was not kept from it by a host on which nobody ran.
        must: bool,
    },
    /// An act found nobody.
    NoTarget {
        /// The step.
        step: Vec<u32>,
    },
    /// A signal was sent by the harness to a process.
    Injected {
        /// To whom.
        proc: Proc,
        /// Which, by number.
        signal: i32,
    },
    /// A puppet was asked to do something.
    Asked {
        /// Which.
        proc: Proc,
        /// The act, as the scenario names it.
        act: String,
    },
    /// A `During` fault began.
    FaultBegan {
        /// The step.
        step: Vec<u32>,
        /// The fault, as the scenario names it.
        fault: String,
        /// Whom it hit.
        on: Vec<Proc>,
    },
    /// A `During` fault ended.
    Healed {
        /// The step.
        step: Vec<u32>,
    },
    /// What a process uses, when a phase of the run begins, and now and then while its steps are under way.
    Used {
        /// Which.
        proc: Proc,
        /// Open descriptors.
        descriptors: u32,
        /// Threads; 0 where nobody counts them.
        threads: u32,
        /// Processor time so far, in nanoseconds; a clock tick is its resolution.
        cpu_ns: u64,
        /// The most memory that it ever had resident, in bytes; 0 where nobody counts it.
        #[serde(default)]
        peak: u64,
    },
    /// How many lines the supervisor has written so far, of events and for people, whenever it is told what it uses.
    Lines {
        /// Which process was the supervisor then.
        proc: Proc,
        /// How many.
        lines: u64,
    },
    /// How often the threads of a worker have gone to sleep so far, when a phase of the run begins; told where that is asked for.
    Slept {
        /// Which.
        proc: Proc,
        /// Its voluntary context switches.
        times: u64,
    },
    /// An operator who had asked how the subject is was answered, or waited for so long in vain.
    Answered {
        /// Whether it was.
        answered: bool,
        /// How long it took from its connect.
        after_ns: u64,
        /// The pids that the answer named, if it was read to its end.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pids: Option<Vec<u32>>,
    },
    /// What was said to an order that was given on the control socket.
    Replied {
        /// When it was given.
        ordered: Time,
        /// What.
        reply: Reply,
    },
    /// The operator ordered something.
    Commanded(crate::scenario::Command),
    /// The subject's configuration file was exchanged; nobody has been told yet.
    Configured {
        /// For which variant.
        variant: String,
        /// Its number: 1 is what the subject was started with.
        revision: u32,
        /// Whether a pool can serve with it.
        serves: bool,
    },
    /// All connections of a load are held.
    Held {
        /// The load.
        load: String,
    },
    /// A connection, after its end.
    Connection(Box<super::Connection>),
    /// A request on a connection that is used again and again, when it is over.
    Request(Box<super::Request>),
    /// The harness enters a phase of the run.
    Phase(PhaseMark),
    /// A judged process or the harness itself had something to do and could not for `delay_ns`: it waited for a processor,
    /// for a disk or for memory, or the whole host stood still.
    Stall {
        /// Which; `None` is the harness.
        proc: Option<Proc>,
        /// Since when it was not looked at.
        since: Time,
        /// How long it waited.
        delay_ns: u64,
    },
    /// Something of the subject was left after its end.
    Left(Leftover),
    /// The supervisor's own word; decides only INV-TRUTH.
    Claimed(Claim),
    /// Somebody told the service manager something by sd_notify(3).
    Notified {
        /// The pid that the kernel vouches for; 0 where it can't.
        by: u32,
        /// The datagram.
        text: String,
    },
    /// Something about the output of workers.
    Output(super::Output),
    /// An observer could not see everything.
    Incomplete {
        /// What was not seen, and why.
        why: String,
    },
}

/// A phase of the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PhaseMark {
    /// The pool was full and the steps begin (`Steady`), or the supervisor was born (`AtOnce`).
    Steps,
    /// The baseline never came.
    NoBaseline,
    /// The last step is done: no more faults; the pool must converge.
    Settle,
    /// The harness stops the subject.
    Stop,
    /// The supervisor is gone (or was given up on): what is left is looked for.
    Over,
    /// The end of the observation.
    End,
}

/// Something left behind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Leftover {
    /// A process.
    Process {
        /// Which.
        proc: Proc,
        /// Its command name.
        comm: String,
    },
    /// A listening socket: a connect succeeded, or a fresh bind failed.
    Address(String),
    /// A file or socket file.
    File(String),
}
