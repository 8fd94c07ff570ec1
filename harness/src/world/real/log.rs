//! The runner's pipe to the caller.

use std::io::{self, Stdout};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use super::clock;
use super::job::Line;

/// How long the last lines may take to be read by the caller.
const LAST_WORDS: Duration = Duration::from_secs(30);

/// Lines on their way. Never blocks the run, however slow the caller reads.
#[derive(Debug)]
pub struct Log {
    stdout: Stdout,
    pending: Vec<u8>,
    /// The caller is gone; the guard will end this run.
    broken: bool,
}

impl Log {
    /// Takes standard output for itself.
    ///
    /// # Errors
    /// fcntl(2).
    pub fn new() -> io::Result<Self> {
        let stdout = io::stdout();
        fcntl_setfl(&stdout, fcntl_getfl(&stdout)? | OFlags::NONBLOCK)?;
        Ok(Self { stdout, pending: Vec::new(), broken: false })
    }

    /// Queues a line.
    pub fn say(&mut self, line: &Line) {
        if self.broken {
            return;
        }
        match serde_json::to_vec(line) {
            Ok(text) => {
                self.pending.extend(text);
                self.pending.push(b'\n');
            }
            Err(error) => panic!("an event can't be written as JSON: {error}"),
        }
    }

    /// Standard output, to be polled while [`Log::waits`].
    pub fn stdout(&self) -> &Stdout {
        &self.stdout
    }

    /// Whether something could not be written yet.
    pub fn waits(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Writes what the pipe takes.
    pub fn flush(&mut self) {
        let mut written = 0;
        while written < self.pending.len() {
            match rustix::io::write(&self.stdout, &self.pending[written..]) {
                Ok(count) => written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => break,
                Err(_) => {
                    self.broken = true;
                    written = self.pending.len();
                }
            }
        }
        self.pending.drain(..written);
    }

    /// Writes all of it, or as much as the caller reads in reasonable time.
    pub fn finish(&mut self) {
        let deadline = clock::now() + LAST_WORDS;
        self.flush();
        while self.waits() {
            let left = deadline.since(clock::now());
            if left.is_zero() {
                return;
            }
            let _ = poll(&mut [PollFd::new(&self.stdout, PollFlags::OUT)], Some(&clock::timespec(left)));
            self.flush();
        }
    }
}
