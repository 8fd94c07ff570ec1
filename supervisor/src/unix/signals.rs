//! Signals: handlers that set a bit and wake poll(2) through a pipe.
//!
//! No signalfd: it needs a blocked mask, which children would inherit, and a bit each is all that we want to know.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::sync::atomic::{AtomicI32, AtomicU32, Ordering};

use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, SigmaskHow, Signal, sigaction, sigprocmask};
use rustix::io::read;
use rustix::pipe::{PipeFlags, pipe_with};

use crate::kernel::SignalSet;

/// Bit n is set while signal n is pending.
static PENDING: AtomicU32 = AtomicU32::new(0);

/// The child that the last SIGCHLD was about, if nobody asked yet.
static ENDED: AtomicI32 = AtomicI32::new(0);

/// The writing end of the pipe; never closed, because a handler may run at any time.
static WAKE: AtomicI32 = AtomicI32::new(-1);

/// The handler of SIGCONT ends the wait, too: a poll(2) that was stopped in the middle goes on with the time that it had
/// left, as if none had passed meanwhile (ppoll(2) with its timeout written back).
const HANDLED: [Signal; 9] = [
    Signal::SIGCONT,
    Signal::SIGCHLD,
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGHUP,
    Signal::SIGUSR1,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
];

/// The reading side of it.
#[derive(Debug)]
pub struct Signals {
    pipe: OwnedFd,
    /// poll(2) said that there is something in the pipe.
    woken: bool,
}

/// Runs at any instant, in the middle of anything: an atomic, a write and errno put back, nothing else.
extern "C" fn note(signal: libc::c_int, about: *mut libc::siginfo_t, _: *mut libc::c_void) {
    let errno = nix::errno::Errno::last_raw();
    if signal == libc::SIGCHLD {
        // SAFETY: with SA_SIGINFO the kernel passes a siginfo, that of a child for this signal.
        ENDED.store(unsafe { (*about).si_pid() }, Ordering::SeqCst);
    }
    PENDING.fetch_or(1 << signal, Ordering::SeqCst);
    // SAFETY: write(2) is async-signal-safe, and the one byte that it reads is a constant. A full pipe (EAGAIN) is as good
    // as a write: it wakes.
    unsafe { libc::write(WAKE.load(Ordering::SeqCst), [0_u8].as_ptr().cast(), 1) };
    nix::errno::Errno::set_raw(errno);
}

impl Signals {
    /// Installs the handlers, ignores SIGPIPE and unblocks everything.
    pub fn install() -> io::Result<Self> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        WAKE.store(writer.into_raw_fd(), Ordering::SeqCst);
        let action =
            SigAction::new(SigHandler::SigAction(note), SaFlags::SA_RESTART | SaFlags::SA_NOCLDSTOP, SigSet::empty());
        for signal in HANDLED {
            // SAFETY: `note` does only what a handler may.
            unsafe { sigaction(signal, &action) }?;
        }
        let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
        // SAFETY: no handler.
        unsafe { sigaction(Signal::SIGPIPE, &ignore) }?;
        // Who started us may have blocked the very signals that stop us.
        sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None)?;
        Ok(Self { pipe: reader, woken: false })
    }

    /// What to watch for reading.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }

    /// poll(2) was woken by the pipe.
    pub fn wake(&mut self) {
        self.woken = true;
    }

    /// Takes the bits. The pipe is emptied first: a signal in between leaves a bit and a byte, hence one wake-up too
    /// many and never one too few.
    ///
    /// A turn that no signal began costs no system call: without a byte to read and a bit that is set there is nothing. A
    /// bit that was taken before its handler had written the byte leaves that for the next wake-up.
    pub fn take(&mut self) -> SignalSet {
        if !std::mem::take(&mut self.woken) && PENDING.load(Ordering::SeqCst) == 0 {
            return SignalSet::default();
        }
        let mut buffer = [0; 64];
        while read(&self.pipe, &mut buffer).is_ok_and(|count| count == buffer.len()) {}
        let pending = PENDING.swap(0, Ordering::SeqCst);
        let has = |signal: Signal| pending & (1 << signal as libc::c_int) != 0;
        SignalSet {
            child: has(Signal::SIGCHLD),
            stop: has(Signal::SIGTERM) || has(Signal::SIGINT) || has(Signal::SIGQUIT),
            reload: has(Signal::SIGHUP),
            reopen: has(Signal::SIGUSR1),
            more: has(Signal::SIGTTIN),
            less: has(Signal::SIGTTOU),
            resumed: has(Signal::SIGCONT),
        }
    }
}

/// A child that has probably ended: where to look first, as long as the others are looked at as well. `None` if no signal
/// said more since the last call.
pub fn probably_ended() -> Option<u32> {
    u32::try_from(ENDED.swap(0, Ordering::SeqCst)).ok().filter(|&pid| pid != 0)
}
