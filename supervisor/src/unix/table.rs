//! The descriptors that handles stand for.

use std::fs;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use rustix::fs::Stat;
use rustix::io::fcntl_dupfd_cloexec;

use crate::kernel::{Address, Errno, Fd};

use super::pid_file::is_ours;

/// One open descriptor.
#[derive(Debug)]
pub struct Open {
    /// The descriptor.
    pub fd: OwnedFd,
    /// What it is.
    pub kind: Kind,
}

/// What differs between descriptors.
#[derive(Debug)]
pub enum Kind {
    /// Nothing special; non-blocking if it can block at all.
    Plain,
    /// Something that is read and is no socket; non-blocking.
    Pipe,
    /// A listener.
    Listener(Box<Listener>),
    /// Our pid file, locked.
    PidFile(Box<MadePath>),
    /// A socket that may be blocking, because somebody else has it, too.
    SharedSocket,
    /// Anything else that may block, because somebody else has it, too.
    Shared,
}

/// Where a listener listens.
#[derive(Debug)]
pub struct Listener {
    /// Its address as bound.
    pub address: Address,
    /// The path that it made.
    pub made: Option<MadePath>,
}

/// A path that this process made, and what it was then.
#[derive(Debug)]
pub struct MadePath {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl MadePath {
    /// Remembers what is at the path now.
    pub fn new(path: PathBuf) -> Option<Self> {
        let metadata = fs::symlink_metadata(&path).ok()?;
        Some(Self { path, device: metadata.dev(), inode: metadata.ino() })
    }

    /// The path of an open file.
    pub fn of(path: PathBuf, is: &Stat) -> Self {
        Self { path, device: is.st_dev, inode: is.st_ino }
    }

    /// Whether it is still the same.
    pub fn is_there(&self) -> bool {
        let same = |metadata: fs::Metadata| metadata.dev() == self.device && metadata.ino() == self.inode;
        fs::symlink_metadata(&self.path).is_ok_and(same)
    }

    /// Removes the path, unless something else is there by now.
    pub fn remove(&self) {
        if self.is_there() {
            // Whoever took away our permission wants it to stay.
            _ = fs::remove_file(&self.path);
        }
    }
}

/// All of them, each at the place of its number, because every turn of the loop looks up every one; what is left is
/// closed at the end.
#[derive(Debug, Default)]
pub struct Table(Vec<Option<Open>>);

impl Table {
    /// Owns a descriptor from now on.
    pub fn insert(&mut self, fd: OwnedFd, kind: Kind) -> Fd {
        let handle = Fd(fd.as_raw_fd());
        let place = place(handle);
        if place >= self.0.len() {
            self.0.resize_with(place + 1, || None);
        }
        self.0[place] = Some(Open { fd, kind });
        handle
    }

    /// What a handle stands for; EBADF if it was closed.
    pub fn get(&self, fd: Fd) -> Result<&Open, Errno> {
        self.0.get(place(fd)).and_then(Option::as_ref).ok_or(Errno::BADF)
    }

    /// Closes.
    pub fn close(&mut self, fd: Fd) {
        if let Some(open) = self.0.get_mut(place(fd)) {
            *open = None;
        }
    }
}

/// What is kept for one worker lies above: the numbers below are few, and to start a worker it takes a copy of those up to
/// the highest that it needs. As many as the kernel has room for in a table that needs no memory of its own.
const KEPT: i32 = 64;

/// The same with a number above. As it is, where the limit of open descriptors does not allow such a number.
pub fn raised(fd: OwnedFd) -> OwnedFd {
    fcntl_dupfd_cloexec(&fd, KEPT).unwrap_or(fd)
}

/// A negative number, which nobody was ever given, has no place.
fn place(fd: Fd) -> usize {
    usize::try_from(fd.0).unwrap_or(usize::MAX)
}

impl Drop for Open {
    fn drop(&mut self) {
        match &self.kind {
            Kind::Listener(listener) => listener.made.iter().for_each(MadePath::remove),
            // Still locked: nobody takes the name between the look and the removal.
            Kind::PidFile(at) if is_ours(&self.fd) => at.remove(),
            Kind::PidFile(_) | Kind::Plain | Kind::Pipe | Kind::SharedSocket | Kind::Shared => {}
        }
    }
}
