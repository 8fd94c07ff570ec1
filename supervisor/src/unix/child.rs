//! What a child does between fork and exec: nothing but async-signal-safe calls on memory that was made before.

use std::mem::MaybeUninit;
use std::os::fd::RawFd;

use nix::libc;

use super::last_errno;
use super::program::Pointers;
use super::setup::Preparation;

/// Linux numbers its signals from 1 to this.
const LAST_SIGNAL: libc::c_int = 64;

/// Bytes of the kernel's own signal set, a bit for each.
const KERNEL_SIGSET: usize = LAST_SIGNAL as usize / 8;

/// What the child writes into the error pipe: the step and the errno.
pub const REPORT: usize = 1 + size_of::<i32>();

/// The first byte of a report: placing the descriptors failed.
pub const DESCRIPTORS: u8 = 0;
/// Anything else before exec failed.
pub const SETUP: u8 = 1;
/// exec failed.
const EXEC: u8 = 2;

/// What the child needs; made before the fork.
pub struct Plan<'a> {
    /// Arguments and environment.
    pub pointers: Pointers,
    /// The paths to try in this order.
    pub candidates: Vec<*const libc::c_char>,
    /// Descriptor and the number that it is to have.
    pub moves: Vec<(RawFd, RawFd)>,
    /// The first number above all that are given to something.
    pub beyond: RawFd,
    /// The error pipe, beyond that.
    pub errors: RawFd,
    /// Who forks.
    pub parent: libc::pid_t,
    /// The signal for the parent's death, or 0.
    pub on_parent_death: libc::c_int,
    /// Credentials and such.
    pub preparation: Preparation<'a>,
}

/// The child's life until exec.
///
/// # Safety
/// To be called between fork and exec only, with a plan whose pointers are alive.
pub unsafe fn live(plan: &mut Plan<'_>) -> ! {
    // SAFETY: the calls are async-signal-safe, and the pointers are those of `Program`.
    unsafe {
        if !own_descriptors(plan) {
            die(plan, DESCRIPTORS);
        }
        let pid = libc::getpid();
        if libc::setpgid(0, 0) != 0 {
            die(plan, SETUP);
        }
        // Before the limits, one of which may be the number of descriptors.
        place_descriptors(plan);
        if !plan.preparation.apply() || !follow_parent(plan) {
            die(plan, SETUP);
        }
        plan.pointers.set_listen_pid(pid);
        clean_signals();
        exec(plan);
        die(plan, EXEC)
    }
}

/// Until here the descriptors are the parent's, too: copies them up to the highest that is needed. What lies above is most
/// of what a parent with many workers has, and would be copied only to be closed by exec.
unsafe fn own_descriptors(plan: &Plan<'_>) -> bool {
    let needed = plan.moves.iter().fold(plan.errors, |highest, &(source, _)| highest.max(source));
    let unshare = libc::CLOSE_RANGE_UNSHARE;
    // SAFETY: no memory is involved.
    unsafe {
        // Before Linux 5.9, or forbidden by a filter that doesn't know the call: all of them.
        libc::syscall(libc::SYS_close_range, needed + 1, libc::c_uint::MAX, unshare) == 0
            || libc::unshare(libc::CLONE_FILES) == 0
    }
}

/// Asks to be told when the parent dies. After the credentials, a change of which takes the request back; the parent may
/// have died before it.
unsafe fn follow_parent(plan: &Plan<'_>) -> bool {
    // SAFETY: no memory is involved.
    unsafe {
        plan.on_parent_death == 0
            || (libc::prctl(libc::PR_SET_PDEATHSIG, plan.on_parent_death) == 0 && libc::getppid() == plan.parent)
    }
}

/// Moves what is in the way up first, so that no source lies on another's number; dup2 then clears close-on-exec, which
/// it would not do for equal numbers.
unsafe fn place_descriptors(plan: &mut Plan<'_>) {
    // SAFETY: no memory is involved.
    unsafe {
        for place in 0..plan.moves.len() {
            let source = plan.moves[place].0;
            if source < plan.beyond {
                plan.moves[place].0 = libc::fcntl(source, libc::F_DUPFD_CLOEXEC, plan.beyond);
                if plan.moves[place].0 < 0 {
                    die(plan, DESCRIPTORS);
                }
            }
        }
        for &(source, target) in &plan.moves {
            if libc::dup2(source, target) < 0 {
                die(plan, DESCRIPTORS);
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
unsafe fn exec(plan: &Plan<'_>) {
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
unsafe fn die(plan: &Plan<'_>, step: u8) -> ! {
    let errno = last_errno().0.to_ne_bytes();
    let report: [u8; REPORT] = [step, errno[0], errno[1], errno[2], errno[3]];
    // SAFETY: the buffer is as long as said; _exit runs nothing of the parent's.
    unsafe {
        libc::write(plan.errors, report.as_ptr().cast(), REPORT);
        libc::_exit(127)
    }
}
