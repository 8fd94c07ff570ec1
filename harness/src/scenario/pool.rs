//! The pool that a scenario asks for.

use serde::{Deserialize, Serialize};

use super::{OutputWay, Span};

/// What the supervisor is asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// How many workers.
    pub workers: u32,
    /// The restart limit; absent means that there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
    /// Restart delays; absent leaves the subject's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
    /// How long a worker must have been ready for a stable run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable: Option<Span>,
    /// The drain deadline.
    #[serde(default = "default_drain", skip_serializing_if = "is_default_drain")]
    pub drain: Span,
    /// How long everybody goes on serving after an order to stop, before anybody is told to leave.
    #[serde(default, skip_serializing_if = "Span::is_zero")]
    pub lame_duck: Span,
    /// How long a worker may take to become ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_timeout: Option<Span>,
    /// How long a ready worker may say nothing before it counts as one that hangs; absent: nobody is watched. Workers that
    /// are well say something twice as often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watchdog: Option<Span>,
    /// How the workers get at connections; absent leaves that to the subject, which lets them accept as a rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handoff: Option<Handoff>,
    /// Where what the workers write goes; absent leaves that to the subject, and nobody looks at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<OutputWay>,
    /// What the supervisor is to have beside its address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owns: Vec<Owns>,
    /// What makes a worker count as ready, and how it says so; absent leaves both to the subject and its workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready: Option<Ready>,
    /// How many workers a rolling restart sees to at once; absent: one more than wanted, one at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reload: Option<Rolling>,
    /// How long a worker may take to say that it has a connection that it was passed; then it hangs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handoff_timeout: Option<Span>,
    /// What its workers are, where that differs from the supervisor; absent: nothing does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
}

/// What workers are, where that differs from the supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// Their user, by number, and the group of the same number, with no other groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<u32>,
    /// File mode creation mask, in octal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub umask: Option<String>,
    /// How many descriptors each may have open, soft and hard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nofile: Option<u64>,
    /// They run in a directory of their own, which is not the one that the supervisor was started in.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub directory: bool,
}

/// How many workers a rolling restart sees to at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rolling {
    /// So many workers more than wanted at most; 0: who is replaced is gone before its successor is started.
    pub surge: u32,
    /// In so many places of the pool at the same time at most.
    pub at_once: u32,
}

impl Rolling {
    /// How many workers there may be beside those that are wanted.
    pub fn more(self) -> u32 {
        self.surge.min(self.at_once)
    }

    /// How many of those that are wanted may be missing.
    pub fn missing(self) -> u32 {
        if self.surge == 0 { self.at_once } else { 0 }
    }
}

/// What makes a worker count as ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ready {
    /// That it runs.
    AtSpawn,
    /// Its message on the channel.
    Told,
    /// `READY=1` to its NOTIFY_SOCKET. That is where it says that it makes progress, too.
    Notify,
    /// A newline on descriptor [`NOTIFY_FD`], as with s6.
    NotifyFd,
}

/// The descriptor of [`Ready::NotifyFd`].
pub const NOTIFY_FD: i32 = 9;

/// Something that one supervisor has and no other may have at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Owns {
    /// A Unix socket for its operator.
    Control,
    /// A Unix socket on which its workers serve, beside the address.
    Socket,
    /// A file with its pid.
    Pidfile,
}

impl Owns {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Control, Self::Socket, Self::Pidfile];

    /// How faults and reports name it, and subject files its place.
    pub fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Socket => "socket",
            Self::Pidfile => "pidfile",
        }
    }
}

/// How workers get at connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Handoff {
    /// They have the listening socket and accept.
    Inherit,
    /// The supervisor accepts, and passes each connection to a worker in turn.
    RoundRobin,
    /// Each has a listening socket of its own at the same address (SO_REUSEPORT), and accepts what comes to that.
    Reuseport,
}

impl Pool {
    /// How often a worker that is well says so, if it is watched.
    pub fn beat(&self) -> Option<std::time::Duration> {
        self.watchdog.map(|silence| silence.0 / 2)
    }
}

fn default_drain() -> Span {
    Span::millis(5000)
}

fn is_default_drain(drain: &Span) -> bool {
    *drain == default_drain()
}

/// At most `restarts` in any window of `within`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// How many.
    pub restarts: u32,
    /// The window.
    pub within: Span,
}

/// Delays between restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backoff {
    /// The first delay that is not zero.
    pub initial: Span,
    /// Multiplier, at least 1.
    pub factor: u32,
    /// The longest delay.
    pub cap: Span,
}
