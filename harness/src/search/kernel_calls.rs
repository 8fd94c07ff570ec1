//! The system calls of a real supervisor by the kernel's names: what it wants with each, and how each can fail.

use crate::world::sim::Call;

/// A system call that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KernelCall {
    /// The kernel's name for it.
    pub name: &'static str,
    /// What it may be a part of: this decides what its failure excuses.
    pub of: &'static [Call],
    /// Failures that a sound program can meet, by the man page.
    pub errnos: &'static [Errno],
}

/// One way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno {
    /// Its number.
    pub number: i32,
    /// Its name.
    pub name: &'static str,
    /// Whether its cause may last: a limit, a full disk, a missing file.
    pub lasting: bool,
}

const fn once(number: i32, name: &'static str) -> Errno {
    Errno { number, name, lasting: false }
}

const fn lasting(number: i32, name: &'static str) -> Errno {
    Errno { number, name, lasting: true }
}

const INTR: Errno = once(4, "EINTR");
const AGAIN: Errno = once(11, "EAGAIN");
const NO_FORK: Errno = lasting(11, "EAGAIN");
const NOMEM: Errno = lasting(12, "ENOMEM");
const NOBUFS: Errno = lasting(105, "ENOBUFS");
const MFILE: Errno = lasting(24, "EMFILE");
const NFILE: Errno = lasting(23, "ENFILE");
const ACCES: Errno = lasting(13, "EACCES");
const PERM: Errno = once(1, "EPERM");
const NOENT: Errno = lasting(2, "ENOENT");
const NOSPC: Errno = lasting(28, "ENOSPC");
const IO: Errno = lasting(5, "EIO");
const READ_IO: Errno = once(5, "EIO");
const READ_NOMEM: Errno = once(12, "ENOMEM");
const PIPE: Errno = once(32, "EPIPE");
const CONNRESET: Errno = once(104, "ECONNRESET");
const TOOMANYREFS: Errno = lasting(109, "ETOOMANYREFS");
const ADDRINUSE: Errno = lasting(98, "EADDRINUSE");
const CONNABORTED: Errno = once(103, "ECONNABORTED");
const PROTO: Errno = once(71, "EPROTO");
const SRCH: Errno = once(3, "ESRCH");
const ROFS: Errno = lasting(30, "EROFS");
const DQUOT: Errno = lasting(122, "EDQUOT");
const NOSYS: Errno = lasting(38, "ENOSYS");

/// With what the supervisor's own calls begin: the pipe on which its signals wake it.
pub const FIRST: &str = "pipe2";

/// Those that are made to fail.
pub const KERNEL_CALLS: [KernelCall; 22] = [
    KernelCall { name: "ppoll", of: &[Call::Wait], errnos: &[INTR, AGAIN, NOMEM] },
    KernelCall {
        name: "accept4",
        of: &[Call::Accept],
        errnos: &[INTR, AGAIN, CONNABORTED, PROTO, PERM, MFILE, NFILE, NOMEM, NOBUFS],
    },
    KernelCall { name: "recvmsg", of: &[Call::Receive, Call::ReceiveDatagram], errnos: &[INTR, AGAIN, NOMEM, NOBUFS] },
    KernelCall {
        name: "sendmsg",
        of: &[Call::SendHandle],
        errnos: &[INTR, AGAIN, PIPE, CONNRESET, NOMEM, NOBUFS, TOOMANYREFS],
    },
    KernelCall {
        name: "sendto",
        of: &[Call::Send, Call::Notify],
        errnos: &[INTR, AGAIN, PIPE, CONNRESET, NOMEM, NOBUFS],
    },
    // Most are of pipes, which never fail so: of files, one does.
    KernelCall { name: "read", of: &[Call::Read, Call::Receive], errnos: &[INTR, AGAIN, READ_IO, READ_NOMEM] },
    KernelCall { name: "write", of: &[Call::Write], errnos: &[INTR, AGAIN, PIPE, NOSPC, IO, DQUOT] },
    KernelCall { name: "clone", of: &[Call::Spawn], errnos: &[NO_FORK, NOMEM] },
    KernelCall { name: "socketpair", of: &[Call::Spawn], errnos: &[MFILE, NFILE, NOMEM, NOBUFS] },
    KernelCall { name: "pipe2", of: &[Call::Spawn], errnos: &[MFILE, NFILE] },
    KernelCall { name: "fcntl", of: &[Call::Spawn, Call::NotifySocket, Call::Inherited], errnos: &[MFILE] },
    KernelCall {
        name: "socket",
        of: &[Call::Listen, Call::NotifySocket, Call::Notify],
        errnos: &[MFILE, NFILE, NOMEM, NOBUFS],
    },
    KernelCall { name: "bind", of: &[Call::Listen, Call::NotifySocket], errnos: &[ADDRINUSE, ACCES, NOMEM] },
    KernelCall { name: "listen", of: &[Call::Listen], errnos: &[ADDRINUSE] },
    KernelCall { name: "kill", of: &[Call::Signal], errnos: &[SRCH, PERM] },
    // ECHILD is no failure: nobody who has children is told that he has none.
    KernelCall { name: "waitid", of: &[Call::Ended, Call::Reap], errnos: &[INTR] },
    KernelCall { name: "wait4", of: &[Call::Spawn], errnos: &[INTR] },
    KernelCall { name: "openat", of: &[Call::Read], errnos: &[INTR, NOENT, ACCES, MFILE, NFILE, NOMEM] },
    KernelCall {
        name: "open",
        of: &[Call::OpenAppend, Call::PidFile, Call::Read],
        errnos: &[INTR, NOENT, ACCES, ROFS, NOSPC, MFILE, NFILE],
    },
    KernelCall { name: "pwrite64", of: &[Call::PidFile], errnos: &[NOSPC, DQUOT, IO] },
    KernelCall { name: "flock", of: &[Call::PidFile, Call::Listen], errnos: &[INTR] },
    KernelCall { name: "close_range", of: &[], errnos: &[NOSYS, PERM] },
];

/// Those that are not, and why.
pub const LEFT_ALONE: [(&str, &[&str]); 4] = [
    ("where there is no memory Rust ends a program", &["brk", "mmap", "mprotect", "munmap", "madvise"]),
    (
        "it can't fail for a sound program",
        &[
            "rt_sigaction",
            "rt_sigprocmask",
            "rt_sigreturn",
            "sigaltstack",
            "exit_group",
            "getpid",
            "geteuid",
            "getpgid",
            "getrandom",
            "sched_getaffinity",
            "prctl",
            "ioctl",
            "setsockopt",
            "getsockname",
            "getsockopt",
            "lseek",
            "clock_nanosleep",
            "restart_syscall",
            "prlimit64",
        ],
    ),
    (
        "what failed is done all the same, so a tracer would make up what never happens",
        &["close", "unlink", "ftruncate"],
    ),
    ("only for want of memory, or on a broken disk", &["fstat", "pread64", "statx", "newfstatat", "chmod", "fchmod"]),
];

impl KernelCall {
    /// The names of what it may be a part of.
    pub fn names(&self) -> Vec<String> {
        self.of.iter().map(|call| call.name().to_owned()).collect()
    }
}

/// One that is made to fail, by its name.
pub fn kernel_call(name: &str) -> Option<&'static KernelCall> {
    KERNEL_CALLS.iter().find(|call| call.name == name)
}

/// Whether somebody has thought of this call.
pub fn is_known(name: &str) -> bool {
    kernel_call(name).is_some() || LEFT_ALONE.iter().any(|(_, names)| names.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_call_is_both_made_to_fail_and_left_alone() {
        for call in KERNEL_CALLS {
            assert!(!LEFT_ALONE.iter().any(|(_, names)| names.contains(&call.name)), "{}", call.name);
            assert!(!call.errnos.is_empty(), "{}", call.name);
        }
    }

    #[test]
    fn errnos_have_their_own_numbers() {
        for errno in KERNEL_CALLS.iter().flat_map(|call| call.errnos) {
            let known = format!("{:?}", nix::errno::Errno::from_raw(errno.number));
            assert_eq!(known, errno.name);
        }
    }
}
