//! The traits and their contracts.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::core::{ExitStatus, SpawnError};
use crate::policy::Instant;

use super::{
    Address, Child, Errno, Fd, ListenOptions, Peer, PidFileError, Readiness, Received, Scope, Setup, SignalNumber,
    SignalSet, SpawnSpec, Spawned, Watch,
};

/// Time.
pub trait Clock {
    /// The monotonic clock (CLOCK_MONOTONIC): never goes back, not set by anyone.
    fn now(&self) -> Instant;
}

/// Waiting.
pub trait Wait {
    /// Blocks until a watched descriptor is ready, a handled signal is pending or `until` has come, and fills `ready`
    /// (cleared first). May return early with nothing (a spurious wake-up) or with EINTR; any other error means that
    /// the loop can't go on. Without `until` it waits for ever. A signal that arrived before the call makes it return
    /// at once.
    fn wait(&mut self, watches: &[Watch], until: Option<Instant>, ready: &mut Vec<Readiness>) -> Result<(), Errno>;

    /// Blocks until `until` or a handled signal, watches nothing and needs nothing that the host could be short of, so it can't
    /// fail. May return early. A signal that arrived before the call may be noticed only when it returns.
    fn pause(&mut self, until: Instant);

    /// The signals that arrived since the last call, those before the first call included.
    fn take_signals(&mut self) -> SignalSet;
}

/// Streams and datagrams.
pub trait Streams {
    /// Reads what is there, at most one buffer full, from a stream or pipe. EAGAIN: nothing. A peer that died with data of ours unread gives
    /// ECONNRESET once what it had sent is read, instead of 0 bytes.
    fn receive(&mut self, fd: Fd, buffer: &mut [u8]) -> Result<Received, Errno>;

    /// Writes what fits, maybe a part. EAGAIN: nothing fits. EPIPE: nobody will read it. Never raises SIGPIPE.
    fn send(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno>;

    /// The same with a descriptor (SCM_RIGHTS) on the first byte: if anything was written, it was delivered, however
    /// short the write. Ours stays open. ETOOMANYREFS: too many are in flight, try again later; polling won't tell when.
    fn send_handle(&mut self, fd: Fd, bytes: &[u8], handle: Fd) -> Result<usize, Errno>;

    /// Who connected (SO_PEERCRED of a Unix stream).
    fn peer(&mut self, fd: Fd) -> Result<Peer, Errno>;

    /// Opens a datagram socket of its own for one worker to be, with the value of NOTIFY_SOCKET that reaches it. The
    /// address is used once and never again, so who writes to it is that worker or was started by it.
    fn notify_socket(&mut self) -> Result<(Fd, String), Errno>;

    /// Takes one datagram from a notify socket and returns its length, which may be 0; what does not fit is lost. Closes
    /// descriptors that came along. Datagrams of other users than root and our own are skipped. EAGAIN: none.
    fn receive_datagram(&mut self, fd: Fd, buffer: &mut [u8]) -> Result<usize, Errno>;

    /// Closes a descriptor; the path of a Unix listener is removed if this process made it and it is still the same.
    fn close(&mut self, fd: Fd);
}

/// Listening sockets.
pub trait Listen {
    /// Binds and listens: non-blocking, close-on-exec, SO_REUSEADDR. A dead Unix socket at the path is replaced, a live one
    /// or another kind of file is EADDRINUSE.
    fn listen(&mut self, address: &Address, options: &ListenOptions) -> Result<Fd, Errno>;

    /// The address of a listener as bound: a port that was 0 is the real one here.
    fn bound_address(&self, fd: Fd) -> Option<Address>;

    /// Takes a connection off the accept queue: non-blocking, close-on-exec. EAGAIN: none. ECONNABORTED and its like mean
    /// that this one is gone, EMFILE, ENFILE, ENOBUFS and ENOMEM that it waits until there is room.
    fn accept(&mut self, listener: Fd) -> Result<Fd, Errno>;
}

/// Children.
pub trait Processes {
    /// Starts a process and returns when its program runs or it is certain that it won't; then nothing is left of it.
    fn spawn(&mut self, spec: &SpawnSpec) -> Result<Spawned, SpawnError>;

    /// Sends a signal to a child that has not been reaped. ESRCH for a group that is already empty.
    fn signal(&mut self, child: Child, signal: SignalNumber, scope: Scope) -> Result<(), Errno>;

    /// A child that has ended and is not yet reaped, adopted strangers included; it stays a zombie, so that its group
    /// can still be signalled safely, and is named again until it is reaped. `None`: there is none now.
    fn ended(&mut self) -> Result<Option<(Child, ExitStatus)>, Errno>;

    /// Reaps a child that [`Processes::ended`] named. Its pid is free from here on.
    fn reap(&mut self, child: Child) -> Result<(), Errno>;

    /// Whether there is any child, adopted strangers included: what was killed with its group may take a moment to die.
    /// A kernel that adopts nobody need not say.
    fn has_children(&mut self) -> bool {
        false
    }
}

/// Files that the supervisor writes.
pub trait Files {
    /// All of a file, at most `limit` bytes of it (also of /proc).
    fn read(&mut self, path: &Path, limit: usize) -> Result<Vec<u8>, Errno>;

    /// Opens a file for appending, made if need be, mode 0644.
    fn open_append(&mut self, path: &Path) -> Result<Fd, Errno>;

    /// Makes a descriptor that was open when the supervisor started writable by [`Files::write`]. EBADF: it was not.
    fn inherited(&mut self, number: i32) -> Result<Fd, Errno>;

    /// Writes what fits without blocking, also where the inherited descriptor itself would block. EAGAIN: nothing fits,
    /// wait until it is writable.
    fn write(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno>;
}

/// What the supervisor is told about itself, and tells.
pub trait Own {
    /// Why a child can't be set up like this, as far as it can be known before it is tried: who we are, our own limits,
    /// what is there. A kernel that can't know says nothing.
    fn refuses(&self, setup: &Setup) -> Option<String> {
        _ = setup;
        None
    }

    /// The environment that it was started with.
    fn environment(&self) -> Vec<(OsString, OsString)>;

    /// Makes a file the pid file of this process: made if need be, mode 0644, locked (flock) for as long as the descriptor is
    /// open, and overwritten with our pid and a newline. What it says before is not believed. [`Streams::close`] removes it,
    /// unless something else is at the path by then or somebody else has written to it. Never through a symbolic link.
    fn pid_file(&mut self, path: &Path) -> Result<Fd, PidFileError>;

    /// Sends one datagram to whoever listens at the path of a Unix socket, or at the abstract name after an @ (the value of
    /// NOTIFY_SOCKET, sd_notify(3)), from this process and no other. Never waits. EAGAIN: there is no room for it now.
    fn notify(&mut self, address: &OsStr, text: &str) -> Result<(), Errno>;

    /// Its own process and effective user. A kernel in which nobody else lives need not say.
    fn identity(&self) -> Peer {
        Peer::default()
    }
}

/// All of it.
pub trait Kernel: Clock + Wait + Streams + Listen + Processes + Files + Own {}

impl<T: Clock + Wait + Streams + Listen + Processes + Files + Own> Kernel for T {}
