//! The traits and their contracts.

use std::path::Path;

use crate::core::{ExitStatus, Signal, SpawnError};
use crate::policy::Instant;

use super::{Address, Child, Datagram, Errno, Fd, Readiness, Received, Scope, SignalSet, SpawnSpec, Spawned, Watch};

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

    /// The signals that arrived since the last call.
    fn take_signals(&mut self) -> SignalSet;
}

/// Streams and datagrams.
pub trait Streams {
    /// Reads what is there. EAGAIN: nothing. A peer that died with unread data gives ECONNRESET instead of 0 bytes.
    fn receive(&mut self, fd: Fd, buffer: &mut [u8]) -> Result<Received, Errno>;

    /// Writes what fits, maybe a part. EAGAIN: nothing fits. EPIPE: nobody will read it. Never raises SIGPIPE.
    fn send(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno>;

    /// Opens a datagram socket that only children of this supervisor need to reach, with the value for NOTIFY_SOCKET.
    fn notify_socket(&mut self) -> Result<(Fd, String), Errno>;

    /// Takes one datagram, with the sender that the kernel vouches for. EAGAIN: none.
    fn receive_datagram(&mut self, fd: Fd, buffer: &mut [u8]) -> Result<Datagram, Errno>;

    /// Closes a descriptor; a Unix listener's path is removed if this process made it.
    fn close(&mut self, fd: Fd);
}

/// Listening sockets.
pub trait Listen {
    /// Binds and listens: non-blocking, close-on-exec, SO_REUSEADDR. A dead Unix socket at the path is replaced, a live one
    /// or another kind of file is EADDRINUSE.
    fn listen(&mut self, address: &Address, backlog: u32) -> Result<Fd, Errno>;

    /// The address as bound, as text.
    fn bound_address(&self, fd: Fd) -> String;
}

/// Children.
pub trait Processes {
    /// Starts a process and returns when its program runs or it is certain that it won't; then nothing is left of it.
    fn spawn(&mut self, spec: &SpawnSpec) -> Result<Spawned, SpawnError>;

    /// Sends a signal to a child that has not been reaped. ESRCH for a group that is already empty.
    fn signal(&mut self, child: Child, signal: Signal, scope: Scope) -> Result<(), Errno>;

    /// A child that has ended and is not yet reaped, adopted strangers included; it stays a zombie, so that its group
    /// can still be signalled safely. `None`: there is none now.
    fn ended(&mut self) -> Result<Option<(Child, ExitStatus)>, Errno>;

    /// Reaps a child that [`Processes::ended`] named. Its pid is free from here on.
    fn reap(&mut self, child: Child) -> Result<(), Errno>;
}

/// Files that the supervisor writes.
pub trait Files {
    /// Opens a file for appending, made if need be, mode 0644.
    fn open_append(&mut self, path: &Path) -> Result<Fd, Errno>;

    /// Writes what fits without blocking, also where the descriptor itself would block. EAGAIN: nothing fits.
    fn write(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno>;
}

/// All of it.
pub trait Kernel: Clock + Wait + Streams + Listen + Processes + Files {}

impl<T: Clock + Wait + Streams + Listen + Processes + Files> Kernel for T {}
