//! Steps: when, and what.

use serde::{Deserialize, Serialize};

use super::{Command, Expect, Reader, Span};

/// One step. Steps fire in order; a trigger is looked for strictly after the step before it fired.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What it waits for; absent fires at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Trigger>,
    /// How long it waits before it is `Missed`; absent is 10 s.
    #[serde(default = "default_within", skip_serializing_if = "is_default_within")]
    pub within: Span,
    /// It fires so much later at most, seeded, than its trigger came.
    #[serde(default, skip_serializing_if = "Span::is_zero")]
    pub jitter: Span,
    /// Missing it is a failure, not just an unreached situation.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub must: bool,
    /// What it does; absent only waits.
    #[serde(default, rename = "do", skip_serializing_if = "Option::is_none")]
    pub act: Option<Act>,
    /// A name for the processes that it hit.
    #[serde(default, rename = "as", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What must hold from this step to the next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expect>,
}

impl Default for Step {
    /// A step that neither waits nor does anything.
    fn default() -> Self {
        let within = default_within();
        Self { when: None, within, jitter: Span::ZERO, must: false, act: None, name: None, expect: Vec::new() }
    }
}

impl Step {
    /// Whether `is` holds for an act of this step, or of one inside it.
    pub fn any(&self, is: &dyn Fn(&Act) -> bool) -> bool {
        self.act.as_ref().is_some_and(|act| act.any(is))
    }
}

impl Act {
    /// Whether `is` holds for this act, or for one inside it.
    pub fn any(&self, is: &dyn Fn(&Act) -> bool) -> bool {
        is(self)
            || match self {
                Self::During { steps, .. } | Self::Repeat { steps, .. } => steps.iter().any(|step| step.any(is)),
                Self::OneOf(acts) | Self::Together { acts, .. } => acts.iter().any(|act| act.any(is)),
                Self::Kill(_)
                | Self::Signal { .. }
                | Self::Ask { .. }
                | Self::Operate(_)
                | Self::Config(_)
                | Self::StartLoad(_)
                | Self::StopLoad(_)
                | Self::Pause(_) => false,
            }
    }
}

fn default_within() -> Span {
    Span::millis(10_000)
}

fn is_default_within(within: &Span) -> bool {
    *within == default_within()
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Trigger {
    /// Edge: the supervisor runs.
    SupervisorBorn,
    /// Edge: a worker is born.
    Born,
    /// Edge: a worker is ready.
    Ready,
    /// Edge: a worker announced its retirement.
    Announced,
    /// Edge: a worker stopped accepting.
    StoppedAccepting,
    /// Edge: a worker accepted a connection, or took one that it was passed.
    Accepted {
        /// Which one, counted from 1 and from when the step before fired.
        #[serde(default = "once", skip_serializing_if = "is_once")]
        nth: u32,
    },
    /// Edge: a worker's process ended.
    Exited,
    /// Edge: all connections of this load are held.
    Held(String),
    /// Edge: the command given last ended.
    CommandEnds,
    /// Edge: the command given last ended well, by the subject's own word.
    CommandSucceeds,
    /// Edge: the command given last failed, by the subject's own word.
    CommandFails,
    /// Edge: the supervisor reached its give-up state.
    GaveUp,
    /// Edge: the supervisor ended.
    SupervisorExited,
    /// State: may hold already.
    State(State),
    /// This long after the step before.
    After(Span),
    /// The same edge in the pool of this name; without it, it is one in the pool that serves the address.
    In(String, Box<Trigger>),
    /// All of these, in any order.
    All(Vec<Trigger>),
    /// The first of these.
    Any(Vec<Trigger>),
}

/// A state of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// As many ready workers as wanted.
    PoolFull,
    /// As many ready workers as wanted, and no other alive.
    Settled,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Act {
    /// SIGKILL.
    Kill(Target),
    /// Any signal, maybe several times.
    Signal {
        /// To whom.
        to: Target,
        /// Which.
        signal: Signal,
        /// How many.
        #[serde(default = "once", skip_serializing_if = "is_once")]
        times: u32,
        /// Time between two.
        #[serde(default, skip_serializing_if = "Span::is_zero")]
        spacing: Span,
    },
    /// Tell puppets, each by its side socket, to do something.
    Ask {
        /// Whom.
        who: Target,
        /// What.
        to: Ask,
        /// All within this time, seeded.
        #[serde(default, skip_serializing_if = "Span::is_zero")]
        spread: Span,
    },
    /// The operator's commands.
    Operate(Command),
    /// Swaps the subject's configuration for a variant that the subject file supplies; `original` is the one that it
    /// started with.
    Config(String),
    /// Starts a load that is `on_demand`.
    StartLoad(String),
    /// Stops a load: held connections are closed by the client.
    StopLoad(String),
    /// A fault that always heals.
    During {
        /// What.
        fault: Fault,
        /// How long; measured from the fault.
        #[serde(rename = "for")]
        span: Span,
        /// What happens meanwhile.
        #[serde(default, rename = "do", skip_serializing_if = "Vec::is_empty")]
        steps: Vec<Step>,
    },
    /// These, so many times.
    Repeat {
        /// How many.
        times: u32,
        /// What.
        steps: Vec<Step>,
    },
    /// One of these, drawn from the seed.
    OneOf(Vec<Act>),
    /// All of these at once.
    Together {
        /// All within this time, seeded.
        #[serde(default, skip_serializing_if = "Span::is_zero")]
        spread: Span,
        /// What.
        acts: Vec<Act>,
    },
    /// Nothing for this long: a part of the history in which nothing is done.
    Pause(Span),
}

fn once() -> u32 {
    1
}

fn is_once(times: &u32) -> bool {
    *times == once()
}

/// Whom a step hits. Nobody there: `NoTarget` is recorded and the run goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Target {
    /// The supervisor.
    Supervisor,
    /// The ready worker born first.
    Oldest,
    /// The ready worker born last.
    Newest,
    /// Every worker, one act for each.
    Each,
    /// Every worker, one act for all in one burst.
    All,
    /// So many ready workers, drawn from the seed.
    Random(u32),
    /// A worker that is not ready yet.
    Booting,
    /// A worker that drains.
    Draining,
    /// The process of the trigger.
    That,
    /// What an earlier step hit and named.
    Named(String),
    /// The worker that owns a connection of this load.
    OwnerOf(String),
    /// A descendant of a worker.
    Child(Box<Target>),
    /// A process that the supervisor adopted.
    Adopted,
    /// A process that has nothing to do with the subject.
    Bystander,
    /// The same in the pool of this name; without it, it is in the pool that serves the address.
    In(String, Box<Target>),
    /// The process group of the supervisor.
    Group,
}

/// A signal by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::upper_case_acronyms)]
pub enum Signal {
    /// SIGKILL.
    KILL,
    /// SIGTERM.
    TERM,
    /// SIGINT.
    INT,
    /// SIGQUIT.
    QUIT,
    /// SIGHUP.
    HUP,
    /// SIGUSR1.
    USR1,
    /// SIGUSR2.
    USR2,
    /// SIGCHLD, as noise.
    CHLD,
    /// SIGABRT.
    ABRT,
    /// SIGSEGV.
    SEGV,
    /// SIGTTIN.
    TTIN,
    /// SIGTTOU.
    TTOU,
    /// SIGWINCH.
    WINCH,
    /// SIGPIPE.
    PIPE,
}

impl Signal {
    /// Those that end a process which has made nothing else of them.
    pub const FATAL: [Self; 10] = [
        Self::KILL,
        Self::TERM,
        Self::INT,
        Self::QUIT,
        Self::HUP,
        Self::USR1,
        Self::USR2,
        Self::ABRT,
        Self::SEGV,
        Self::PIPE,
    ];

    /// Its number on Linux.
    pub fn number(self) -> i32 {
        match self {
            Self::HUP => 1,
            Self::INT => 2,
            Self::QUIT => 3,
            Self::ABRT => 6,
            Self::KILL => 9,
            Self::USR1 => 10,
            Self::SEGV => 11,
            Self::USR2 => 12,
            Self::PIPE => 13,
            Self::TERM => 15,
            Self::CHLD => 17,
            Self::TTIN => 21,
            Self::TTOU => 22,
            Self::WINCH => 28,
        }
    }
}

/// What a puppet is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Ask {
    /// A handler throws: the worker leaves in the form that its life says.
    Throw,
    /// Announce retirement in this form.
    Retire(super::Retirement),
    /// Exit with this status, unannounced.
    Exit(i32),
    /// Close the channel and live on.
    CloseChannel,
    /// Start a process.
    Spawn(super::Child),
    /// Write so many bytes to standard output, at once.
    Flood(u64),
    /// Write this line to the channel.
    Garble(String),
    /// Write these bytes to the channel, with no newline after them: a message of any length, or a part of one.
    Write {
        /// What comes first.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        begin: String,
        /// So many times the letter x between the two.
        #[serde(default, skip_serializing_if = "super::is_default")]
        fill: u64,
        /// What comes last.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        end: String,
        /// How often all that.
        #[serde(default = "once", skip_serializing_if = "is_once")]
        times: u32,
    },
    /// Publish a value of a topic.
    Publish {
        /// Of which.
        topic: String,
        /// The value, as JSON text.
        data: String,
    },
    /// Write this line to the channel over and over.
    Babble {
        /// The line.
        line: String,
        /// How often.
        per_second: u32,
        /// For how long.
        #[serde(rename = "for")]
        span: Span,
    },
    /// Write this datagram to NOTIFY_SOCKET.
    Notify(String),
    /// Write these bytes to the descriptor on which a newline says that it is ready.
    NotifyFd(String),
    /// Say that from now on it needs at least so long to get ready or to leave, by whichever way it says that it is.
    Extend(Span),
    /// Stop doing anything.
    Hang,
    /// Send this signal to its own process group, itself included, as scripts do.
    SignalGroup(Signal),
}

/// A fault with an end, or with none if nothing can heal it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Fault {
    /// The processes do not run (SIGSTOP, SIGCONT).
    Freeze(Target),
    /// A limit on a live process.
    Limit {
        /// Whose.
        on: Target,
        /// Its name: NOFILE, NPROC, AS (bytes), or what all of them together may use, with all that they start: memory
        /// (bytes), pids (processes and threads), cpu (percent of one processor, in every tenth of a second).
        resource: String,
        /// The value; `Now(+n)` is not offered: say how many descriptors or processes.
        to: u64,
    },
    /// A file of the subject is not as it was.
    File {
        /// Its role: `program`, `config`, `log`, `log directory`, `directory` (in which the supervisor is started), `workers
        /// directory`, or one that the pool `owns`: `control`, `socket`, `pidfile`.
        which: String,
        /// How.
        is: FileFault,
    },
    /// Nobody reads what comes out.
    NotRead(Reader),
    /// Who reads what comes out closes its end, for good: from then on a write fails with EPIPE. Nothing heals that.
    Gone(Reader),
    /// The subject's address is held by somebody else.
    AddressHeld,
    /// The same, by somebody who lets whoever asks for it listen there as well (SO_REUSEPORT), and serves nobody.
    AddressShared,
    /// A bystander has the pid of the worker that was signalled last, which is dead. The supervisor is process 1 of a pid
    /// namespace.
    PidReused,
    /// So many operators connect to the control socket at once, say something and read no answer. As long as they are
    /// there another one asks every now and then how the subject is.
    Operators {
        /// How many.
        connections: u32,
        /// What they say.
        #[serde(default, skip_serializing_if = "super::is_default")]
        say: Saying,
    },
    /// Somebody of another user tries what only the operator or a worker may, and can reach whom it speaks to, as if somebody
    /// had been careless with modes.
    Stranger(Attempt),
    /// System calls fail, or take long, or both.
    Syscall {
        /// Of whom.
        of: Target,
        /// Its name.
        call: String,
        /// The first that is hit, from 1, counted from the beginning of the fault.
        #[serde(default = "once", skip_serializing_if = "is_once")]
        nth: u32,
        /// How many are hit; absent: all that follow.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        times: Option<u32>,
        /// The errno's name; absent: they do not fail.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        errno: Option<String>,
        /// How long they wait before they are done.
        #[serde(default, skip_serializing_if = "Span::is_zero")]
        delay: Span,
    },
    /// The wall clock is set, then set back.
    ClockStep {
        /// By how much.
        by: Span,
        /// Back instead of forward.
        #[serde(default, skip_serializing_if = "super::is_default")]
        back: bool,
    },
}

/// What an operator says that reads no answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Saying {
    /// Nothing.
    #[default]
    Nothing,
    /// That it wants to be told of everything that happens, from now on.
    Follow,
    /// This line, over and over.
    Line(String),
}

/// What somebody tries who may not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Attempt {
    /// This, on the control socket.
    Order(Command),
    /// This datagram, to the NOTIFY_SOCKET of these.
    Notify(Target, String),
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileFault {
    /// It is not there.
    Missing,
    /// It may not be executed or read.
    Forbidden,
    /// It is empty.
    Empty,
    /// Its filesystem is full.
    Full,
    /// It is what a dead supervisor left: a socket that nobody listens on, a pid file that names nobody.
    Stale,
    /// It is somebody else's who lives: a socket that is listened on, a pid file that names a bystander, or who starts the subject as
    /// long as there is none.
    Foreign,
    /// It is a file of other bytes, which nobody knows the meaning of.
    Garbage,
    /// It is a directory.
    Directory,
}
