//! The words that the kernel traits are written in.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::core::Signal;

/// An errno of `<errno.h>`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Errno(pub i32);

impl Errno {
    /// The call was interrupted by a signal.
    pub const INTR: Self = Self(4);
    /// Nothing to read, no room to write, no process to be had.
    pub const AGAIN: Self = Self(11);
    /// No such process or child.
    pub const SRCH: Self = Self(3);
    /// There is no such file.
    pub const NOENT: Self = Self(2);
    /// This kernel can't.
    pub const NOSYS: Self = Self(38);
    /// Too many descriptors in flight.
    pub const TOOMANYREFS: Self = Self(109);
    /// An argument makes no sense.
    pub const INVAL: Self = Self(22);
    /// Not an open descriptor.
    pub const BADF: Self = Self(9);
    /// Out of memory.
    pub const NOMEM: Self = Self(12);
    /// The host has no descriptor left.
    pub const NFILE: Self = Self(23);
    /// This process has no descriptor left.
    pub const MFILE: Self = Self(24);
    /// The device is full.
    pub const NOSPC: Self = Self(28);
    /// Nobody will ever read it.
    pub const PIPE: Self = Self(32);
    /// The peer is gone and had unread data.
    pub const CONNRESET: Self = Self(104);
    /// No room in a queue of our own.
    pub const NOBUFS: Self = Self(105);
    /// The address is taken.
    pub const ADDRINUSE: Self = Self(98);
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "errno {}", self.0)
    }
}

/// A descriptor that the kernel object owns until [`super::Streams::close`]. A handle, so that the loop can name one
/// in several places; using a closed one is EBADF.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fd(pub i32);

/// A child that has not been reaped: until then nobody else can get its pid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Child(pub u32);

/// A signal by its number in `<signal.h>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalNumber(pub i32);

impl From<Signal> for SignalNumber {
    fn from(signal: Signal) -> Self {
        match signal {
            Signal::Term => Self(15),
            Signal::Kill => Self(9),
        }
    }
}

/// Whom a signal goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The child alone.
    Process,
    /// Its process group, which every spawned child leads.
    Group,
}

/// A descriptor to watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Which.
    pub fd: Fd,
    /// Wake when it can be read.
    pub read: bool,
    /// Wake when it can be written.
    pub write: bool,
}

/// What became of a watched descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Which.
    pub fd: Fd,
    /// A read would not block. Also set at end of file and on an error, so that the read reports it.
    pub readable: bool,
    /// A write would not block.
    pub writable: bool,
}

/// A set of the signals that the supervisor handles. A signal that arrives twice before it is taken is in it once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalSet {
    /// SIGCHLD: at least one child ended.
    pub child: bool,
    /// SIGTERM, SIGINT or SIGQUIT.
    pub stop: bool,
    /// SIGHUP.
    pub reload: bool,
    /// SIGUSR1: reopen files.
    pub reopen: bool,
    /// SIGTTIN: one worker more.
    pub more: bool,
    /// SIGTTOU: one worker less.
    pub less: bool,
    /// SIGCONT: the process was stopped, for nobody knows how long.
    pub resumed: bool,
}

/// What one receive took off a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// How many bytes; 0 is the end of the stream.
    pub bytes: usize,
    /// A descriptor that came along (SCM_RIGHTS), close-on-exec. It is ours to close. The kernel ends a read after the
    /// bytes that carried one; if a message carried several, the others were closed.
    pub handle: Option<Fd>,
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// TCP, `host:port` with a literal IPv4 or IPv6 address.
    Tcp(std::net::SocketAddr),
    /// UDP.
    Udp(std::net::SocketAddr),
    /// A Unix stream socket at this path.
    Unix(PathBuf),
}

/// Who else may have an address, and get a part of its connections (SO_REUSEPORT).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// Nobody.
    Alone,
    /// Nobody yet, whoever would let others in: EADDRINUSE. Once it is listened on others of this user may come.
    First,
    /// Those who have it already.
    Next,
}

/// How to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenOptions {
    /// Length of the accept queue.
    pub backlog: u32,
    /// Who else may have the address.
    pub sharing: Sharing,
    /// Whether an IPv6 address takes IPv4 as well (IPV6_V6ONLY off).
    pub dual_stack: bool,
    /// Mode of a Unix socket's file; `None` leaves it to the umask.
    pub mode: Option<u32>,
}

impl ListenOptions {
    /// An accept queue of that length, and nothing special.
    pub const fn backlog(backlog: u32) -> Self {
        Self { backlog, sharing: Sharing::Alone, dual_stack: false, mode: None }
    }
}

/// Who is at the other end of a Unix connection (SO_PEERCRED).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// Its process, when it connected.
    pub pid: u32,
    /// Its effective user, when it connected.
    pub user: u32,
}

/// Why a pid file can't be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PidFileError {
    /// Somebody who lives holds it: the pid that it says, if it says one.
    Held(Option<u32>),
    /// What is at the path is not to be written to: why.
    Strange(&'static str),
    /// A call failed.
    System(Errno),
}

/// Where a child's standard output or error goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stdio {
    /// To the supervisor's own.
    #[default]
    Inherit,
    /// To /dev/null.
    Null,
    /// To a pipe whose reading end, non-blocking, is in [`Spawned`].
    Pipe,
}

/// What a process is before its program runs, where that differs from the supervisor. Applied in the order that works:
/// limits, umask, directory, groups, group, user. A program named by a relative path is looked for in the directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Setup {
    /// User id.
    pub user: Option<u32>,
    /// Group id.
    pub group: Option<u32>,
    /// Supplementary groups, all of them.
    pub groups: Option<Vec<u32>>,
    /// File mode creation mask.
    pub umask: Option<u32>,
    /// Working directory.
    pub directory: Option<PathBuf>,
    /// Resource limits.
    pub limits: Vec<ResourceLimit>,
}

/// One resource limit of setrlimit(2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceLimit {
    /// Of what.
    pub resource: Resource,
    /// The soft limit; `None` is no limit.
    pub soft: Option<u64>,
    /// The hard limit; `None` is no limit.
    pub hard: Option<u64>,
}

/// The resources of setrlimit(2) that can be limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the names of the man page
pub enum Resource {
    As,
    Core,
    Cpu,
    Data,
    Fsize,
    Memlock,
    Nofile,
    Nproc,
    Stack,
}

/// Everything about a process to be, as one value: what happens between fork and exec is this and nothing else.
///
/// The child gets an empty signal mask and default dispositions, leads a process group of its own, has descriptors
/// 0 to 2 of the supervisor or what replaces them, those of `fds`, the channel, the notification pipe, and no other:
/// whatever else the supervisor has open stays its own. There is no hole below the channel: Node, which looks for
/// inherited descriptors, stops at the first hole after 15.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpawnSpec {
    /// Program and arguments; the program is looked up in the PATH of `env` if it has no slash.
    pub argv: Vec<OsString>,
    /// The whole environment but `LISTEN_PID`.
    pub env: Vec<(OsString, OsString)>,
    /// Descriptors to give: they become 3, 4, … in this order.
    pub fds: Vec<Fd>,
    /// Whether to make a channel (a Unix stream socket pair): its number in the child is 3 + `fds.len()`.
    pub channel: bool,
    /// Whether to add `LISTEN_PID=<pid of the child>` to the environment.
    pub listen_pid: bool,
    /// Signal that the child gets when the supervisor dies (PR_SET_PDEATHSIG, where there is such a thing).
    pub on_parent_death: Option<Signal>,
    /// Where its standard output goes.
    pub stdout: Stdio,
    /// Where its standard error goes.
    pub stderr: Stdio,
    /// The number, beyond those of `fds` and the channel, at which it gets the writing end of a pipe to tell that it is
    /// ready (s6's notification-fd).
    pub notify_fd: Option<i32>,
    /// What else it is.
    pub setup: Setup,
}

/// A process that runs its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spawned {
    /// The process. It may have ended already.
    pub child: Child,
    /// Our end of the channel, non-blocking.
    pub channel: Option<Fd>,
    /// What it writes to standard output, if that is a pipe.
    pub stdout: Option<Fd>,
    /// What it writes to standard error, if that is a pipe.
    pub stderr: Option<Fd>,
    /// What it writes to its notification descriptor.
    pub notify: Option<Fd>,
}

impl fmt::Display for Address {
    /// As the configuration spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Udp(address) => write!(f, "udp:{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}
