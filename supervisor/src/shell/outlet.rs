//! Where lines leave the supervisor. A reader that doesn't read costs lines, never time.

use std::path::{Path, PathBuf};

use crate::kernel::{Errno, Fd, Files, Streams};

/// How many bytes wait for a reader before lines are lost.
pub const BACKLOG_LIMIT: usize = 1024 * 1024;

/// One writable descriptor and what waits for it.
#[derive(Debug)]
pub struct Outlet {
    fd: Fd,
    /// Which of the descriptors that the supervisor was started with it is.
    number: Option<i32>,
    /// The file to open again on request; `None` for a descriptor that somebody else opened.
    path: Option<PathBuf>,
    backlog: Vec<u8>,
    sent: usize,
    lost: u64,
    /// Nothing fitted; it is watched until something does.
    stuck: bool,
    /// The last byte that was taken did not end a line, and the rest of that line is lost.
    torn: bool,
}

impl Outlet {
    /// Writes to an open descriptor.
    pub fn new(fd: Fd, path: Option<PathBuf>) -> Self {
        Self { fd, number: None, path, backlog: Vec::new(), sent: 0, lost: 0, stuck: false, torn: false }
    }

    /// Writes to one of the descriptors that the supervisor was started with.
    pub fn descriptor(fd: Fd, number: i32) -> Self {
        Self { number: Some(number), ..Self::new(fd, None) }
    }

    /// Whether it is that one.
    pub fn is_descriptor(&self, number: i32) -> bool {
        self.number == Some(number)
    }

    /// Whether it writes to this file.
    pub fn is_file(&self, path: &Path) -> bool {
        self.path.as_deref() == Some(path)
    }

    /// The descriptor to watch until it is writable, while something waits for that.
    pub fn watch(&self) -> Option<Fd> {
        (self.stuck && self.waits()).then_some(self.fd)
    }

    /// Whether anything waits.
    pub fn waits(&self) -> bool {
        self.sent < self.backlog.len()
    }

    /// How many lines were lost since this was asked last, once there is room to say so.
    pub fn take_lost(&mut self) -> Option<u64> {
        if self.lost == 0 || self.backlog.len() - self.sent > BACKLOG_LIMIT / 2 {
            return None;
        }
        Some(std::mem::take(&mut self.lost))
    }

    /// Queues whole lines, or loses them.
    pub fn push(&mut self, lines: impl AsRef<[u8]>) {
        let lines = lines.as_ref();
        if self.backlog.len() - self.sent + lines.len() > BACKLOG_LIMIT {
            self.lost += count(lines);
            return;
        }
        // A reader that takes a little at a time may never take all: what it has taken is let go of now and then.
        if self.sent > self.backlog.len() / 2 {
            self.backlog.drain(..self.sent);
            self.sent = 0;
        }
        if std::mem::take(&mut self.torn) {
            self.backlog.push(b'\n');
        }
        self.backlog.extend_from_slice(lines);
    }

    /// The descriptor can be written.
    pub fn writable(&mut self, fd: Fd) {
        if self.fd == fd {
            self.stuck = false;
        }
    }

    /// Writes what fits. An error other than "not now" loses what waits, not the supervisor.
    pub fn flush<K: Files>(&mut self, kernel: &mut K) {
        while self.waits() && !self.stuck {
            match kernel.write(self.fd, &self.backlog[self.sent..]) {
                Ok(0) | Err(Errno::AGAIN) => self.stuck = true,
                Ok(taken) => self.took(taken),
                Err(Errno::INTR) => {}
                Err(_) => return self.discard(),
            }
        }
    }

    fn took(&mut self, taken: usize) {
        self.sent = (self.sent + taken).min(self.backlog.len());
        if self.sent == self.backlog.len() {
            self.backlog.clear();
            self.sent = 0;
        }
    }

    /// Loses what waits.
    fn discard(&mut self) {
        self.lost += count(&self.backlog[self.sent..]);
        self.torn = self.sent > 0 && self.backlog[self.sent - 1] != b'\n';
        self.backlog.clear();
        self.sent = 0;
    }

    /// Opens the file again, after somebody moved it away; on failure the old one stays in use.
    ///
    /// # Errors
    /// Those of open(2).
    pub fn reopen<K: Files + Streams>(&mut self, kernel: &mut K) -> Result<(), Errno> {
        let Some(path) = &self.path else { return Ok(()) };
        let fresh = kernel.open_append(path)?;
        kernel.close(std::mem::replace(&mut self.fd, fresh));
        self.stuck = false;
        Ok(())
    }

    /// Closes the descriptor.
    pub fn close<K: Streams>(self, kernel: &mut K) {
        kernel.close(self.fd);
    }
}

/// How many lines end in these bytes.
fn count(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
#[path = "outlet_tests.rs"]
mod tests;
