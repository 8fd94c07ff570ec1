//! The harness's only unsafe code.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use nix::sys::signal::{SigHandler, Signal, signal};
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

/// Takes over a descriptor that this program was started with, and marks it close-on-exec.
///
/// # Errors
/// EBADF if there is none with this number.
///
/// To be called once for each number, before anything else opens descriptors.
pub fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    if number <= 2 {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: the borrow is used for one fcntl call, which answers EBADF if nothing is open under this number; -1 and
    // the standard descriptors were refused above.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let flags = fcntl_getfd(borrowed)?;
    fcntl_setfd(borrowed, flags | FdFlags::CLOEXEC)?;
    // SAFETY: it is open, as the call above has shown, and the environment says that it was passed to this program
    // for its own use; no other part of the program knows it, as this is called once for each number.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Ignores a signal from now on, or gives it its default disposition. exec(2) keeps both.
///
/// # Errors
/// EINVAL if there is no such signal, or it can't be ignored.
pub fn dispose(number: i32, ignored: bool) -> io::Result<()> {
    let handler = if ignored { SigHandler::SigIgn } else { SigHandler::SigDfl };
    // SAFETY: no handler is installed, so no code of ours ever runs in one.
    unsafe { signal(Signal::try_from(number)?, handler) }?;
    Ok(())
}

/// Opens a descriptor that every program has from now on which this process becomes or starts.
///
/// # Errors
/// No descriptor is left.
pub fn leak() -> io::Result<()> {
    let file = File::open("/dev/null")?;
    fcntl_setfd(file.as_fd(), FdFlags::empty())?;
    let _ = file.into_raw_fd();
    Ok(())
}
