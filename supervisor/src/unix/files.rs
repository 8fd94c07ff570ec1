//! Files, and inherited descriptors that are written.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::{Errno as Sys, fcntl_dupfd_cloexec, read, write};
use rustix::net::{SendFlags, send};

use crate::kernel::{Errno, Fd, Files};

use super::Unix;
use super::table::Kind;

/// A write of at most so many bytes to a pipe that poll(2) calls writable is taken whole at once (PIPE_BUF).
const PIPE_BUF: usize = 4096;

/// Descriptors below belong to standard input, output and error.
const FIRST_FREE: i32 = 3;

impl Files for Unix {
    /// Until the end or the limit: files of /proc have no size, and others may grow or shrink meanwhile.
    fn read(&mut self, path: &Path, limit: usize) -> Result<Vec<u8>, Errno> {
        let fd = open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY, Mode::empty())?;
        let mut bytes = Vec::new();
        let mut part = [0; 4096];
        while bytes.len() < limit {
            let room = part.len().min(limit - bytes.len());
            match read(&fd, &mut part[..room]) {
                Ok(0) => break,
                Ok(count) => bytes.extend_from_slice(&part[..count]),
                Err(Sys::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(bytes)
    }

    fn open_append(&mut self, path: &Path) -> Result<Fd, Errno> {
        let flags =
            OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let fd = open(path, flags, Mode::from_raw_mode(0o644))?;
        Ok(self.table.insert(fd, Kind::Plain))
    }

    /// A pipe or terminal is opened anew, so that it can be non-blocking for us alone: the flag of the inherited one is
    /// shared with everybody who has it. Where that is refused, and for sockets, each write asks first.
    fn inherited(&mut self, number: i32) -> Result<Fd, Errno> {
        if number < 0 {
            return Err(Errno::BADF);
        }
        // SAFETY: only used to duplicate it; if it is not open, that says EBADF.
        let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
        let copy = fcntl_dupfd_cloexec(borrowed, FIRST_FREE)?;
        let (fd, kind) = match FileType::from_raw_mode(fstat(&copy)?.st_mode) {
            FileType::RegularFile => (copy, Kind::Plain),
            FileType::Socket => (copy, Kind::SharedSocket),
            _ => match reopen(&copy) {
                Some(own) => (own, Kind::Plain),
                None => (copy, Kind::Shared),
            },
        };
        Ok(self.table.insert(fd, kind))
    }

    fn write(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        let open = self.table.get(fd)?;
        Ok(match open.kind {
            Kind::Plain | Kind::Pipe | Kind::Listener(_) | Kind::PidFile(_) => write(&open.fd, bytes)?,
            Kind::SharedSocket => send(&open.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)?,
            Kind::Shared => {
                let mut fds = [PollFd::new(&open.fd, PollFlags::OUT)];
                if poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))? == 0 {
                    return Err(Errno::AGAIN);
                }
                write(&open.fd, &bytes[..bytes.len().min(PIPE_BUF)])?
            }
        })
    }
}

fn reopen(fd: &OwnedFd) -> Option<OwnedFd> {
    let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    open(path, flags, Mode::empty()).ok()
}
