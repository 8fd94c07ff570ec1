//! Pid files.
//!
//! What a pid file says proves nothing: whoever wrote it may be long dead and somebody else may have the pid by now. So the
//! file is locked for as long as its owner lives, and only that lock is believed (flock(2), as pidfile_open(3) of the BSDs).

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{FileType, FlockOperation, Mode, OFlags, Stat, flock, fstat, ftruncate, open};
use rustix::io::{Errno as Sys, pread, pwrite};

use crate::kernel::{Fd, PidFileError};

use super::Unix;
use super::table::{Kind, MadePath};

/// How often a file is opened anew that lost its name before it was locked: each time somebody has just ended.
const TRIES: usize = 16;

/// More of a file is not looked at: a pid has 7 digits at most.
const MOST: usize = 32;

impl Unix {
    /// See [`crate::kernel::Own::pid_file`].
    pub(super) fn take_pid_file(&mut self, path: &Path) -> Result<Fd, PidFileError> {
        let (fd, at) = locked(path)?;
        if let Err(errno) = write_pid(&fd) {
            // It names nobody. Still locked: nobody else's can have come there.
            at.remove();
            return Err(errno.into());
        }
        Ok(self.table.insert(fd, Kind::PidFile(Box::new(at))))
    }
}

/// Writes ours.
fn write_pid(fd: &OwnedFd) -> Result<(), Sys> {
    let said = own_pid();
    ftruncate(fd, 0)?;
    if pwrite(fd, said.as_bytes(), 0)? < said.len() { Err(Sys::NOSPC) } else { Ok(()) }
}

/// What our file says.
fn own_pid() -> String {
    format!("{}\n", std::process::id())
}

/// Whether the file says what we wrote.
pub(super) fn is_ours(fd: &OwnedFd) -> bool {
    text(fd).is_some_and(|text| text == own_pid().as_bytes())
}

fn text(fd: &OwnedFd) -> Option<Vec<u8>> {
    let mut text = [0; MOST];
    let length = pread(fd, &mut text, 0).ok()?;
    Some(text[..length].to_vec())
}

/// The file at the path, locked. Its last owner takes the name away before the lock goes: a file that has lost its name is
/// nobody's, and the one that has the name now is tried.
fn locked(path: &Path) -> Result<(OwnedFd, MadePath), PidFileError> {
    // A fifo must not keep us waiting, and a name in a directory of everybody's may point to somebody's file.
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    for _ in 0..TRIES {
        let fd = match open(path, flags, Mode::from_raw_mode(0o644)) {
            Ok(fd) => fd,
            Err(Sys::LOOP) => return Err(PidFileError::Strange("it is a symbolic link")),
            Err(Sys::INTR) => continue,
            Err(errno) => return Err(errno.into()),
        };
        let is = fstat(&fd)?;
        if let Some(what) = strange(&is) {
            return Err(PidFileError::Strange(what));
        }
        match flock(&fd, FlockOperation::NonBlockingLockExclusive) {
            Err(Sys::WOULDBLOCK) => return Err(PidFileError::Held(owner(&fd))),
            Err(Sys::INTR) => continue,
            other => other?,
        }
        let at = MadePath::of(path.to_owned(), &is);
        if at.is_there() {
            return Ok((fd, at));
        }
    }
    Err(Sys::AGAIN.into())
}

/// Why this is nothing to write a pid into. What it says would be lost under another name as well.
fn strange(is: &Stat) -> Option<&'static str> {
    if FileType::from_raw_mode(is.st_mode) != FileType::RegularFile {
        Some("it is no regular file")
    } else {
        (is.st_nlink > 1).then_some("it has another name as well (a hard link)")
    }
}

/// Who holds it, as they wrote.
fn owner(fd: &OwnedFd) -> Option<u32> {
    std::str::from_utf8(&text(fd)?).ok()?.trim().parse().ok()
}

impl From<Sys> for PidFileError {
    fn from(errno: Sys) -> Self {
        Self::System(errno.into())
    }
}
