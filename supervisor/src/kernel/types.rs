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
    /// Not an open descriptor.
    pub const BADF: Self = Self(9);
    /// Out of memory.
    pub const NOMEM: Self = Self(12);
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
    /// SIGTERM.
    pub term: bool,
    /// SIGINT.
    pub interrupt: bool,
    /// SIGHUP.
    pub reload: bool,
    /// SIGUSR1: reopen files.
    pub reopen: bool,
}

/// What one receive took off a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received {
    /// How many bytes; 0 is the end of the stream. Descriptors that came along were closed.
    pub bytes: usize,
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

/// Everything about a process to be, as one value: what happens between fork and exec is this and nothing else.
///
/// The child gets an empty signal mask and default dispositions, leads a process group of its own, has descriptors
/// 0 to 2 of the supervisor, those of `fds`, the channel, and no other: whatever else the supervisor has open stays its
/// own.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

/// A process that runs its program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spawned {
    /// The process. It may have ended already.
    pub child: Child,
    /// Our end of the channel, non-blocking.
    pub channel: Option<Fd>,
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
