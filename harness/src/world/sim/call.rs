//! The system calls of the supervisor by kind, and how each of them can fail.

use supervisor::core::SpawnStep;

/// A kind of system call, as `supervisor::kernel` cuts them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)] // each is the method of that name
pub enum Call {
    Wait,
    Receive,
    Send,
    SendHandle,
    Peer,
    NotifySocket,
    ReceiveDatagram,
    Listen,
    Accept,
    Spawn,
    Signal,
    Ended,
    Reap,
    Read,
    OpenAppend,
    Inherited,
    Write,
    PidFile,
    Notify,
}

/// One way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The errno.
    pub errno: i32,
    /// Its name.
    pub name: &'static str,
    /// Whether it may go on for long: a limit, a full disk, a missing file. The others concern one call.
    pub lasting: bool,
    /// Where a spawn fails with it; means nothing for other calls.
    pub step: SpawnStep,
}

const fn once(errno: i32, name: &'static str) -> Failure {
    Failure { errno, name, lasting: false, step: SpawnStep::Fork }
}

const fn lasting(errno: i32, name: &'static str) -> Failure {
    Failure { errno, name, lasting: true, step: SpawnStep::Fork }
}

const fn spawn(step: SpawnStep, errno: i32, name: &'static str) -> Failure {
    Failure { errno, name, lasting: true, step }
}

const INTR: Failure = once(4, "EINTR");
const AGAIN: Failure = once(11, "EAGAIN");
const NOMEM: Failure = lasting(12, "ENOMEM");
const NOBUFS: Failure = lasting(105, "ENOBUFS");
const MFILE: Failure = lasting(24, "EMFILE");
const NFILE: Failure = lasting(23, "ENFILE");
const ACCES: Failure = lasting(13, "EACCES");
const PERM: Failure = once(1, "EPERM");
const NOENT: Failure = lasting(2, "ENOENT");
const NOSPC: Failure = lasting(28, "ENOSPC");
const IO: Failure = lasting(5, "EIO");
const PIPE: Failure = once(32, "EPIPE");
const CONNRESET: Failure = once(104, "ECONNRESET");
const CHILD: Failure = once(10, "ECHILD");
const TOOMANYREFS: Failure = lasting(109, "ETOOMANYREFS");
const ADDRINUSE: Failure = lasting(98, "EADDRINUSE");
const ADDRNOTAVAIL: Failure = lasting(99, "EADDRNOTAVAIL");
const CONNABORTED: Failure = once(103, "ECONNABORTED");
const PROTO: Failure = once(71, "EPROTO");
const SRCH: Failure = once(3, "ESRCH");
const ISDIR: Failure = lasting(21, "EISDIR");
const ROFS: Failure = lasting(30, "EROFS");
const BADF: Failure = lasting(9, "EBADF");
const FBIG: Failure = lasting(27, "EFBIG");
const DQUOT: Failure = lasting(122, "EDQUOT");

impl Call {
    /// All of them.
    pub const ALL: [Self; 19] = [
        Self::Wait,
        Self::Receive,
        Self::Send,
        Self::SendHandle,
        Self::Peer,
        Self::NotifySocket,
        Self::ReceiveDatagram,
        Self::Listen,
        Self::Accept,
        Self::Spawn,
        Self::Signal,
        Self::Ended,
        Self::Reap,
        Self::Read,
        Self::OpenAppend,
        Self::Inherited,
        Self::Write,
        Self::PidFile,
        Self::Notify,
    ];

    /// The name of the method.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Wait => "wait",
            Self::Receive => "receive",
            Self::Send => "send",
            Self::SendHandle => "send_handle",
            Self::Peer => "peer",
            Self::NotifySocket => "notify_socket",
            Self::ReceiveDatagram => "receive_datagram",
            Self::Listen => "listen",
            Self::Accept => "accept",
            Self::Spawn => "spawn",
            Self::Signal => "signal",
            Self::Ended => "ended",
            Self::Reap => "reap",
            Self::Read => "read",
            Self::OpenAppend => "open_append",
            Self::Inherited => "inherited",
            Self::Write => "write",
            Self::PidFile => "pid_file",
            Self::Notify => "notify",
        }
    }

    /// What its man pages (poll, recvmsg, sendmsg, getsockopt, socket, bind, listen, accept, fork, execve, kill, waitid,
    /// open, read, fcntl, write, flock; all section 2) let it fail with, as far as a sound program can meet it.
    pub const fn failures(self) -> &'static [Failure] {
        match self {
            Self::Wait => &[INTR, AGAIN, NOMEM],
            // ECONNRESET is not among them: a Unix stream says so at a peer's death alone, and there the model does, too.
            Self::Receive => &[INTR, AGAIN, NOMEM, NOBUFS],
            Self::Send => &[INTR, AGAIN, PIPE, CONNRESET, NOMEM, NOBUFS],
            Self::SendHandle => &[INTR, AGAIN, PIPE, CONNRESET, NOMEM, NOBUFS, TOOMANYREFS],
            Self::Peer => &[NOBUFS],
            Self::NotifySocket => &[MFILE, NFILE, NOMEM, NOBUFS, ACCES, ADDRINUSE],
            Self::ReceiveDatagram => &[INTR, AGAIN, NOMEM, NOBUFS],
            Self::Listen => &[ADDRINUSE, ADDRNOTAVAIL, ACCES, MFILE, NFILE, NOMEM, NOBUFS],
            Self::Accept => &[INTR, AGAIN, CONNABORTED, PROTO, PERM, MFILE, NFILE, NOMEM, NOBUFS],
            Self::Spawn => SPAWN,
            Self::Signal => &[SRCH, PERM],
            Self::Ended => &[INTR, CHILD],
            Self::Reap => &[INTR, CHILD],
            Self::Read => &[INTR, NOENT, ACCES, IO, MFILE, NOMEM],
            Self::OpenAppend => &[INTR, NOENT, ACCES, ISDIR, ROFS, NOSPC, MFILE, NFILE],
            Self::Inherited => &[BADF],
            Self::Write => &[INTR, AGAIN, PIPE, NOSPC, IO, FBIG, DQUOT],
            Self::Notify => &[INTR, AGAIN, NOBUFS, NOMEM, MFILE, NFILE, ACCES, NOENT],
            Self::PidFile => &[NOENT, ACCES, ISDIR, ROFS, NOSPC, DQUOT, IO, MFILE, NFILE],
        }
    }
}

const SPAWN: &[Failure] = &[
    spawn(SpawnStep::Descriptors, 24, "EMFILE"),
    spawn(SpawnStep::Descriptors, 23, "ENFILE"),
    spawn(SpawnStep::Fork, 11, "EAGAIN"),
    spawn(SpawnStep::Fork, 12, "ENOMEM"),
    spawn(SpawnStep::Setup, 1, "EPERM"),
    spawn(SpawnStep::Exec, 2, "ENOENT"),
    spawn(SpawnStep::Exec, 13, "EACCES"),
    spawn(SpawnStep::Exec, 8, "ENOEXEC"),
    spawn(SpawnStep::Exec, 26, "ETXTBSY"),
];
