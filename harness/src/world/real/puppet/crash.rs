//! A puppet ends by a signal, as a program with a bug does.

use std::io;

use nix::sys::signal::SigSet;
use rustix::process::{Resource, Rlimit, getpid, getrlimit, kill_process, setrlimit};

use crate::scenario::Signal;

use super::super::{signals, sys};

/// Sends itself this signal with its default action, and leaves no core file. Does not return if that ends a process.
///
/// # Errors
/// The signal can't be sent, or has not ended it.
pub fn by(signal: Signal) -> io::Result<()> {
    let maximum = getrlimit(Resource::Core).maximum;
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum })?;
    if signal != Signal::KILL {
        // Rust's runtime handles some signals and ignores others.
        sys::dispose(signal.number(), false)?;
    }
    let mut own = SigSet::empty();
    own.add(nix::sys::signal::Signal::try_from(signal.number())?);
    own.thread_unblock()?;
    // This is the only thread: a signal to the process has come when the call is over.
    kill_process(getpid(), signals::kernel(signal))?;
    Err(io::Error::other(format!("{signal:?} has not ended it")))
}
