//! Where lines leave the supervisor. A reader that doesn't read costs lines, never time.

use std::collections::VecDeque;
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
    /// The line that is queued next tells of so many lost ones.
    telling: u64,
    /// Such lines that wait: where each ends, counted in bytes from the first that ever left, and of how many it tells.
    notices: VecDeque<(u64, u64)>,
    /// How many bytes have left, one way or the other.
    gone: u64,
    /// Nothing fitted; it is watched until something does.
    stuck: bool,
    /// The last byte that was taken did not end a line.
    amid: bool,
    /// And the rest of that line is lost.
    torn: bool,
    /// Where the line end is that is queued for it, counted as for notices.
    mended: u64,
}

impl Outlet {
    /// Writes to an open descriptor.
    pub fn new(fd: Fd, path: Option<PathBuf>) -> Self {
        Self {
            fd,
            number: None,
            path,
            backlog: Vec::new(),
            sent: 0,
            lost: 0,
            telling: 0,
            notices: VecDeque::new(),
            gone: 0,
            stuck: false,
            amid: false,
            torn: false,
            mended: 0,
        }
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

    /// How many lines were lost since this was asked last, once there is room to say so: the line that is queued next has
    /// to. If that one is lost, too, what it tells of is not forgotten.
    pub fn take_lost(&mut self) -> Option<u64> {
        if self.lost == 0 || self.backlog.len() - self.sent > BACKLOG_LIMIT / 2 {
            return None;
        }
        self.telling = std::mem::take(&mut self.lost);
        Some(self.telling)
    }

    /// Queues whole lines, or loses them.
    pub fn push(&mut self, lines: impl AsRef<[u8]>) {
        let lines = lines.as_ref();
        let telling = std::mem::take(&mut self.telling);
        if self.backlog.len() - self.sent + lines.len() > BACKLOG_LIMIT {
            self.lost += count(lines) - u64::from(telling > 0) + telling;
            return;
        }
        // A reader that takes a little at a time may never take all: what it has taken is let go of now and then.
        if self.sent > self.backlog.len() / 2 {
            self.backlog.drain(..self.sent);
            self.sent = 0;
        }
        if std::mem::take(&mut self.torn) {
            // Nothing waits: what did is lost.
            self.backlog.push(b'\n');
            self.mended = self.gone + 1;
        }
        if telling > 0 {
            let first = lines.iter().position(|&byte| byte == b'\n').map_or(lines.len(), |end| end + 1);
            let ends = self.gone + (self.backlog.len() - self.sent + first) as u64;
            self.notices.push_back((ends, telling));
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

    /// So many bytes were written, at least one.
    fn took(&mut self, taken: usize) {
        self.sent += taken;
        self.gone += taken as u64;
        self.amid = self.backlog[self.sent - 1] != b'\n';
        while self.notices.front().is_some_and(|(end, _)| *end <= self.gone) {
            self.notices.pop_front();
        }
        if self.sent == self.backlog.len() {
            self.backlog.clear();
            self.sent = 0;
        }
    }

    /// Loses what waits. Lines that tell of lost ones count as those, and the end of a line that is lost already as none.
    fn discard(&mut self) {
        let waiting = &self.backlog[self.sent..];
        self.lost += count(waiting) - self.notices.len() as u64 - u64::from(self.mended > self.gone);
        self.gone += waiting.len() as u64;
        self.lost += self.notices.drain(..).map(|(_, lines)| lines).sum::<u64>();
        self.torn = self.amid;
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
