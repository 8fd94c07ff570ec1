//! The harness's only unsafe code.

use std::io;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};

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
