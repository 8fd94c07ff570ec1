//! fork, and what the child does until exec.
//!
//! Not `std::process::Command`: its error pipe lies on the numbers that the convention wants for the listeners, and it
//! can't tell a child its own pid. The process is single-threaded and small, so fork(2) is safe and cheap enough.

use std::fs::File;
use std::io::{self, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use nix::libc;
use rustix::io::fcntl_dupfd_cloexec;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::core::{SpawnError, SpawnStep};
use crate::kernel::{Child, Errno, SignalNumber, SpawnSpec};

use super::last_errno;
use super::program::{Pointers, Program};
use super::table::Table;

/// Where the given descriptors begin.
const FIRST_FD: RawFd = 3;

/// Linux numbers its signals from 1 to this.
const LAST_SIGNAL: libc::c_int = 64;

/// Bytes of the kernel's own signal set, a bit for each.
const KERNEL_SIGSET: usize = LAST_SIGNAL as usize / 8;

/// What the child writes into the error pipe: the step and the errno.
const REPORT: usize = 1 + size_of::<i32>();

/// What the child needs; made before the fork, only read after it.
struct Plan {
    pointers: Pointers,
    candidates: Vec<*const libc::c_char>,
    /// Descriptor and the number that it is to have.
    moves: Vec<(RawFd, RawFd)>,
    /// The first number that is not given to anything.
    beyond: RawFd,
    errors: RawFd,
    parent: libc::pid_t,
    on_parent_death: libc::c_int,
}

/// Starts a process; the descriptor is our end of its channel.
pub fn spawn(spec: &SpawnSpec, table: &Table) -> Result<(Child, Option<OwnedFd>), SpawnError> {
    let mut program = Program::new(spec).ok_or(failed(SpawnStep::Setup, Errno(libc::EINVAL)))?;
    let descriptors = |errno: rustix::io::Errno| failed(SpawnStep::Descriptors, errno.into());
    let mut sources: Vec<RawFd> = Vec::new();
    for &fd in &spec.fds {
        sources.push(table.get(fd).map_err(|errno| failed(SpawnStep::Descriptors, errno))?.fd.as_raw_fd());
    }
    let channel = if spec.channel { Some(channel().map_err(descriptors)?) } else { None };
    sources.extend(channel.iter().map(|(_, theirs)| theirs.as_raw_fd()));
    let beyond = FIRST_FD + RawFd::try_from(sources.len()).unwrap_or(RawFd::MAX - FIRST_FD);
    // Above all numbers that the child will overwrite, or the report of a failure would be lost, or worse.
    let (reports, low) = pipe_with(PipeFlags::CLOEXEC).map_err(descriptors)?;
    let errors = fcntl_dupfd_cloexec(&low, beyond).map_err(descriptors)?;
    // The end of the pipe is the sign of success, so nobody but the child may hold it open.
    drop(low);
    let mut plan = Plan {
        pointers: program.pointers(),
        candidates: program.candidates.iter().map(|path| path.as_ptr()).collect(),
        moves: sources.into_iter().zip(FIRST_FD..).collect(),
        beyond,
        errors: errors.as_raw_fd(),
        parent: rustix::process::getpid().as_raw_nonzero().get(),
        on_parent_death: spec.on_parent_death.map_or(0, |signal| SignalNumber::from(signal).0),
    };
    let child = fork(&mut plan)?;
    drop(errors);
    match report(File::from(reports)) {
        None => Ok((child, channel.map(|(ours, _)| ours))),
        Some(error) => {
            reap(child);
            Err(error)
        }
    }
}

fn failed(step: SpawnStep, errno: Errno) -> SpawnError {
    SpawnError { step, errno: errno.0 }
}

fn channel() -> Result<(OwnedFd, OwnedFd), rustix::io::Errno> {
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    rustix::io::ioctl_fionbio(&ours, true)?;
    Ok((ours, theirs))
}

/// What the child said; nothing if the pipe was closed by exec. Returns when one of them has happened.
fn report(mut pipe: File) -> Option<SpawnError> {
    let mut bytes = Vec::with_capacity(REPORT);
    // EINTR is retried; other errors are impossible on a pipe.
    _ = pipe.read_to_end(&mut bytes);
    let (&step, errno) = bytes.split_first()?;
    let step = match step {
        0 => SpawnStep::Descriptors,
        1 => SpawnStep::Setup,
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
fn fork(plan: &mut Plan) -> Result<Child, SpawnError> {
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the sets are initialised before they are read. The child calls nothing that is not async-signal-safe and
    // never returns; the process has one thread, so nothing that it reads is half-written.
    unsafe {
        let mut all = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigfillset(all.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, all.as_ptr(), before.as_mut_ptr());
        let pid = libc::fork();
        let errno = last_errno();
        if pid == 0 {
            child(plan);
        }
        libc::sigprocmask(libc::SIG_SETMASK, before.as_ptr(), std::ptr::null_mut());
        match u32::try_from(pid) {
            Ok(pid) => Ok(Child(pid)),
            Err(_) => Err(failed(SpawnStep::Fork, errno)),
        }
    }
}

/// The child's life until exec.
///
/// # Safety
/// To be called between fork and exec only, with a plan whose pointers are alive.
unsafe fn child(plan: &mut Plan) -> ! {
    // SAFETY: the calls are async-signal-safe, and the pointers are those of `Program`.
    unsafe {
        let pid = libc::getpid();
        if libc::setpgid(0, 0) != 0 {
            die(plan, 1);
        }
        // The parent may have died before the request to be told of that.
        if plan.on_parent_death != 0
            && (libc::prctl(libc::PR_SET_PDEATHSIG, plan.on_parent_death) != 0 || libc::getppid() != plan.parent)
        {
            die(plan, 1);
        }
        place_descriptors(plan);
        plan.pointers.set_listen_pid(pid);
        clean_signals();
        exec(plan);
        die(plan, 2)
    }
}

/// Moves what is in the way up first, so that no source lies on another's number; dup2 then clears close-on-exec, which
/// it would not do for equal numbers.
unsafe fn place_descriptors(plan: &mut Plan) {
    // SAFETY: no memory is involved.
    unsafe {
        for place in 0..plan.moves.len() {
            let source = plan.moves[place].0;
            if source < plan.beyond {
                plan.moves[place].0 = libc::fcntl(source, libc::F_DUPFD_CLOEXEC, plan.beyond);
                if plan.moves[place].0 < 0 {
                    die(plan, 0);
                }
            }
        }
        for &(source, target) in &plan.moves {
            if libc::dup2(source, target) < 0 {
                die(plan, 0);
            }
        }
    }
}

/// Default dispositions, then an empty mask: masks and ignored signals would survive exec. The system call itself, because
/// libc keeps 32 and 33 for itself and would leave them ignored, if they came so.
unsafe fn clean_signals() {
    // SAFETY: all-zero is the kernel's sigaction with SIG_DFL, no flags and an empty mask, and the buffer is longer than
    // that structure anywhere. SIGKILL and SIGSTOP give an error, which is right.
    unsafe {
        let default = [0_u64; 8];
        for signal in 1..=LAST_SIGNAL {
            let none = std::ptr::null_mut::<libc::c_void>();
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), none, KERNEL_SIGSET);
        }
        let mut none = MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut());
    }
}

/// Tries each place as execvp(3) does: goes on where there is no such file, and remembers that one may not be run. Leaves
/// the errno that says most.
unsafe fn exec(plan: &Plan) {
    let mut refused = false;
    for &path in &plan.candidates {
        // SAFETY: NUL-terminated strings and NULL-terminated arrays of them, all alive.
        unsafe { libc::execve(path, plan.pointers.argv.as_ptr(), plan.pointers.envp.as_ptr()) };
        match last_errno().0 {
            libc::EACCES => refused = true,
            libc::ENOENT | libc::ENOTDIR => {}
            _ => return,
        }
    }
    nix::errno::Errno::set_raw(if refused { libc::EACCES } else { libc::ENOENT });
}

/// Reports errno and ends.
unsafe fn die(plan: &Plan, step: u8) -> ! {
    let errno = last_errno().0.to_ne_bytes();
    let report: [u8; REPORT] = [step, errno[0], errno[1], errno[2], errno[3]];
    // SAFETY: the buffer is as long as said; _exit runs nothing of the parent's.
    unsafe {
        libc::write(plan.errors, report.as_ptr().cast(), REPORT);
        libc::_exit(127)
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
