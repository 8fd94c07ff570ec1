//! Starting a process: what the child will need, the fork, and what it reports.
//!
//! Not `std::process::Command`: its error pipe lies on the numbers that the convention wants for the listeners, and it
//! can't tell a child its own pid. The process is single-threaded and small, so a copy of its memory is safe and cheap
//! enough. A copy of its descriptors is not: with a thousand workers there are two thousand, each to be copied, and to be
//! closed again by exec. So the child begins with the descriptors of its parent, which waits (CLONE_VFORK), and copies only
//! those that it needs.

use std::fs::File;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::libc;
use nix::sched::{CloneFlags, clone};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::core::{SpawnError, SpawnStep};
use crate::kernel::{Child, Errno, SignalNumber, SpawnSpec, Stdio};

use super::child::{self, Plan, REPORT};
use super::last_errno;
use super::program::Program;
use super::setup::Preparation;
use super::table::{Table, raised};

/// Where the given descriptors begin.
const FIRST_FD: RawFd = 3;

/// Bytes of the stack on which a child lives until exec; what it doesn't touch is never there.
const STACK: usize = 32 * 1024;

/// Our ends of what a child was given.
#[derive(Default)]
pub struct Ends {
    /// Of its channel.
    pub channel: Option<OwnedFd>,
    /// Of its standard output.
    pub stdout: Option<OwnedFd>,
    /// Of its standard error.
    pub stderr: Option<OwnedFd>,
    /// Of its notification pipe.
    pub notify: Option<OwnedFd>,
}

/// Starts a process.
pub fn spawn(spec: &SpawnSpec, table: &Table) -> Result<(Child, Ends), SpawnError> {
    let invalid = || failed(SpawnStep::Setup, Errno(libc::EINVAL));
    let mut program = Program::new(spec).ok_or_else(invalid)?;
    let preparation = Preparation::new(&spec.setup).ok_or_else(invalid)?;
    let descriptors = |errno| failed(SpawnStep::Descriptors, errno);
    let gifts = Gifts::new(spec, table).map_err(descriptors)?;
    let beyond = gifts.moves.iter().map(|&(_, target)| target + 1).max().unwrap_or(FIRST_FD).max(FIRST_FD);
    let (reports, errors) = error_pipe(beyond).map_err(descriptors)?;
    let mut plan = Plan {
        pointers: program.pointers(),
        candidates: program.candidates.iter().map(|path| path.as_ptr()).collect(),
        moves: gifts.moves,
        beyond,
        errors: errors.as_raw_fd(),
        parent: rustix::process::getpid().as_raw_nonzero().get(),
        on_parent_death: spec.on_parent_death.map_or(0, |signal| SignalNumber::from(signal).0),
        preparation,
    };
    let child = fork(&mut plan)?;
    // Each of these ends for us when nobody else has it.
    drop((errors, gifts.theirs));
    match report(File::from(reports)) {
        None => Ok((child, gifts.ours)),
        Some(error) => {
            reap(child);
            Err(error)
        }
    }
}

fn failed(step: SpawnStep, errno: Errno) -> SpawnError {
    SpawnError { step, errno: errno.0 }
}

/// All descriptors that a child gets beside the supervisor's own 0 to 2.
#[derive(Default)]
struct Gifts {
    /// Descriptor and the number that it is to have.
    moves: Vec<(RawFd, RawFd)>,
    /// What was opened for the child alone.
    theirs: Vec<OwnedFd>,
    ours: Ends,
}

impl Gifts {
    fn new(spec: &SpawnSpec, table: &Table) -> Result<Self, Errno> {
        let mut gifts = Self::default();
        for (&fd, target) in spec.fds.iter().zip(FIRST_FD..) {
            gifts.moves.push((table.get(fd)?.fd.as_raw_fd(), target));
        }
        let mut next = FIRST_FD + RawFd::try_from(spec.fds.len()).map_err(|_| Errno(libc::EINVAL))?;
        if spec.channel {
            let (ours, theirs) = channel()?;
            gifts.give(theirs, next);
            gifts.ours.channel = Some(raised(ours));
            next += 1;
        }
        gifts.ours.stdout = gifts.stdio(spec.stdout, libc::STDOUT_FILENO)?;
        gifts.ours.stderr = gifts.stdio(spec.stderr, libc::STDERR_FILENO)?;
        if let Some(target) = spec.notify_fd {
            // Everything below is something else already, and the number after the highest must be one, too.
            if target < next || target == RawFd::MAX {
                return Err(Errno(libc::EINVAL));
            }
            gifts.ours.notify = Some(gifts.pipe(target)?);
        }
        Ok(gifts)
    }

    fn give(&mut self, fd: OwnedFd, target: RawFd) {
        self.moves.push((fd.as_raw_fd(), target));
        self.theirs.push(fd);
    }

    fn stdio(&mut self, stdio: Stdio, target: RawFd) -> Result<Option<OwnedFd>, rustix::io::Errno> {
        match stdio {
            Stdio::Inherit => Ok(None),
            Stdio::Null => {
                self.give(open("/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?, target);
                Ok(None)
            }
            Stdio::Pipe => self.pipe(target).map(Some),
        }
    }

    /// A pipe of the child's own: one that sets O_NONBLOCK on its end hurts nobody else. Gives our end.
    fn pipe(&mut self, target: RawFd) -> Result<OwnedFd, rustix::io::Errno> {
        let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC)?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        self.give(theirs, target);
        Ok(raised(ours))
    }
}

fn channel() -> Result<(OwnedFd, OwnedFd), rustix::io::Errno> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    Ok((ours, theirs))
}

/// Its writing end lies above all numbers that the child will overwrite, or the report of a failure would be lost, or
/// worse. Its end is the sign of success, so nobody but the child may hold it open.
fn error_pipe(beyond: RawFd) -> Result<(OwnedFd, OwnedFd), Errno> {
    let (reports, low) = pipe_with(PipeFlags::CLOEXEC)?;
    Ok((reports, fcntl_dupfd_cloexec(&low, beyond)?))
}

/// What the child said; nothing if the pipe was closed by exec. Returns when one of them has happened.
fn report(mut pipe: File) -> Option<SpawnError> {
    let mut bytes = Vec::with_capacity(REPORT);
    // EINTR is retried; other errors are impossible on a pipe.
    _ = pipe.read_to_end(&mut bytes);
    let (&step, errno) = bytes.split_first()?;
    let step = match step {
        child::DESCRIPTORS => SpawnStep::Descriptors,
        child::SETUP => SpawnStep::Setup,
        _ => SpawnStep::Exec,
    };
    Some(failed(step, Errno(errno.try_into().map_or(libc::EIO, i32::from_ne_bytes))))
}

/// A child that has reported a failure ends at once.
fn reap(child: Child) {
    // SAFETY: no memory is involved; the child is ours and was not reaped.
    while unsafe { libc::waitpid(child.0 as libc::pid_t, std::ptr::null_mut(), 0) } == -1 && last_errno() == Errno::INTR
    {
    }
}

/// All signals are blocked around the fork: a handler of ours that ran in the child would wake *us*.
fn fork(plan: &mut Plan<'_>) -> Result<Child, SpawnError> {
    let mut stack = vec![0; STACK];
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the sets are initialised before they are read. The child calls nothing that is not async-signal-safe and
    // never returns; the process has one thread, so nothing that it reads is half-written. Its memory is a copy; the
    // descriptors that it shares with us stay as they are while we wait, and it changes none before it has its own.
    unsafe {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        let flags = CloneFlags::CLONE_FILES | CloneFlags::CLONE_VFORK;
        let child = clone(Box::new(|| child::live(plan)), &mut stack, flags, Some(libc::SIGCHLD));
        libc::sigprocmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut());
        match child {
            Ok(pid) => Ok(Child(pid.as_raw().cast_unsigned())),
            Err(errno) => Err(failed(SpawnStep::Fork, Errno(errno as i32))),
        }
    }
}

/// Descriptors that whoever started us left open are not for our workers.
pub fn close_strays_on_exec() -> io::Result<()> {
    // SAFETY: no memory is involved; the flag only changes what happens at exec.
    let done = unsafe { libc::syscall(libc::SYS_close_range, FIRST_FD, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if done == 0 {
        return Ok(());
    }
    // Before Linux 5.11, or forbidden by a filter that doesn't know the call.
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let number = entry?.file_name().to_str().and_then(|name| name.parse().ok()).unwrap_or(0);
        if number >= FIRST_FD {
            // SAFETY: as above; a number that was closed meanwhile is EBADF.
            unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
    Ok(())
}
