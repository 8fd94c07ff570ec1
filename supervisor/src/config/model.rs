//! The validated configuration.

use std::path::PathBuf;
use std::time::Duration;

use crate::kernel::{Address, Setup};
use crate::policy::{Policy, defaults};

/// A validated configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The pools; at least one, with different names.
    pub pools: Vec<PoolConfig>,
    /// Where to listen, each with the name that LISTEN_FDNAMES gives it.
    pub listen: Vec<(String, Address)>,
    /// Length of the accept queues.
    pub backlog: u32,
    /// Where events go as JSON lines.
    pub events: Option<EventSink>,
    /// Whether to write nothing on standard error once the loop runs.
    pub quiet: bool,
    /// The Unix socket that the operator's commands come to.
    pub control: Option<PathBuf>,
    /// The file that holds the supervisor's pid.
    pub pid_file: Option<PathBuf>,
}

/// One pool of workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolConfig {
    /// What it is called.
    pub name: String,
    /// Program and arguments of the workers; not empty.
    pub command: Vec<String>,
    /// Additions to the environment of the workers, which is the supervisor's own otherwise.
    pub env: Vec<(String, String)>,
    /// Which of [`Config::listen`] are for its workers, as places in that list.
    pub listen: Vec<usize>,
    /// How the workers get at connections.
    pub handoff: Handoff,
    /// What makes a worker count as ready, beside its own word.
    pub sign: ReadySign,
    /// A worker that has not taken a connection that it was passed after this long hangs.
    pub handoff_timeout: Duration,
    /// How a worker is asked to leave.
    pub leave: Leave,
    /// How long a worker of a Node cluster in round robin is left alone, without new connections, before it is told to
    /// disconnect: Node closes connections on which no request has begun.
    pub leave_pause: Duration,
    /// The number of the descriptor on which a worker writes a newline when it is ready (s6).
    pub notify_fd: Option<i32>,
    /// The topics that its workers are subscribed to from their birth.
    pub subscribe: Vec<String>,
    /// Where its output goes.
    pub output: Output,
    /// User, directory, limits and so on.
    pub setup: Setup,
    /// What the pool is to do.
    pub policy: Policy,
}

impl Config {
    /// What each pool is to do, in their order.
    pub fn policies(&self) -> Vec<Policy> {
        let policy = |pool: &PoolConfig| {
            // The time to finish begins when a worker is told, which is after its rest.
            Policy { drain: pool.policy.drain + pool.rest(), ..pool.policy.clone() }
        };
        self.pools.iter().map(policy).collect()
    }
}

impl PoolConfig {
    /// How long a worker rests before it is told to leave: one of a Node cluster that is passed connections in turn. Requests
    /// on those that it was just given can begin meanwhile: Node closes those on which nothing has come yet.
    pub fn rest(&self) -> Duration {
        let in_turn = matches!(self.handoff, Handoff::NodeCluster { round_robin: true });
        if in_turn && self.leave == Leave::Disconnect { self.leave_pause } else { Duration::ZERO }
    }

    /// A pool of `workers` workers with everything else as it is by default.
    pub fn new(name: &str, command: Vec<String>, workers: u32) -> Self {
        Self {
            name: name.to_owned(),
            command,
            env: Vec::new(),
            listen: Vec::new(),
            handoff: Handoff::Inherit,
            sign: ReadySign::Sockets,
            handoff_timeout: defaults::HANDOFF_TIMEOUT,
            leave_pause: defaults::LEAVE_PAUSE,
            leave: Leave::Signal(LEAVE_SIGNAL),
            notify_fd: None,
            subscribe: Vec::new(),
            output: Output::Inherit,
            setup: Setup::default(),
            policy: defaults::policy(workers),
        }
    }
}

/// SIGTERM.
pub const LEAVE_SIGNAL: i32 = 15;

/// How the workers of a pool get at connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handoff {
    /// They inherit the listening sockets (systemd's LISTEN_FDS).
    Inherit,
    /// Over Node's channel, as a handle beside a message of the program's choice.
    Node {
        /// The message, a JSON text.
        message: String,
        /// Whether each connection is accepted here and passed by itself (`net.Socket`), in turn; else the listening
        /// socket is passed, once (`net.Server`).
        connections: bool,
    },
    /// As Node's cluster module asks for it.
    NodeCluster {
        /// Whether connections are accepted here and passed in turn; else the workers share the listening socket.
        round_robin: bool,
    },
    /// Connections are accepted here and passed in turn, each with a line that the worker acknowledges.
    RoundRobin,
    /// As `Inherit`, but each worker has a listening socket of its own (SO_REUSEPORT).
    Reuseport,
}

/// What makes a worker count as ready, beside its own word, where the way of its hand-off has such a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadySign {
    /// With [`Handoff::Node`] that the listening sockets have arrived, with [`Handoff::NodeCluster`] that the program
    /// listens.
    Sockets,
    /// With [`Handoff::NodeCluster`] that Node runs, before the program does.
    Online,
    /// Nothing.
    Nothing,
}

/// How a worker is asked to leave: to finish what it holds and end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leave {
    /// By a signal.
    Signal(i32),
    /// By a message on its channel, a JSON text.
    Message(String),
    /// By closing its channel; a worker of Node's cluster is told so before.
    Disconnect,
}

/// Where a worker's standard output and error go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// To the supervisor's own.
    Inherit,
    /// To the supervisor's own, by lines, each with the name of the worker before it.
    Prefixed,
    /// To files, by lines, opened again at SIGUSR1.
    Files {
        /// For standard output.
        stdout: PathBuf,
        /// For standard error, if not to the same.
        stderr: Option<PathBuf>,
    },
    /// Nowhere.
    Null,
}

/// Where events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventSink {
    /// A file, appended to; opened again at SIGUSR1.
    File(PathBuf),
    /// A descriptor that was open when the supervisor started.
    Descriptor(i32),
}
