//! What the workers write down themselves, and other files that grow.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{CreateFlags, WatchFlags, add_watch, init};
use serde::{Deserialize, Serialize};

use crate::history::{Proc, Role};
use crate::puppet::Entry;
use crate::time::Time;

/// The journal's name in the run's directory.
pub const JOURNAL: &str = "journal";

/// A line of the journal. All workers append to one file, one write(2) a line, so lines are never mixed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalLine {
    /// CLOCK_MONOTONIC, just before the line was written.
    pub t: Time,
    /// Who.
    pub pid: u32,
    /// Its start time.
    pub start: u64,
    /// Its ticket.
    pub ticket: u32,
    /// The generation in which it took the ticket.
    pub generation: u32,
    /// The number of its pool.
    #[serde(default, skip_serializing_if = "crate::scenario::is_default")]
    pub pool: u32,
    /// What.
    pub entry: Entry,
}

impl JournalLine {
    /// What it is to the subject.
    pub fn ticket(&self) -> Role {
        Role::Worker { ticket: self.ticket, generation: self.generation, pool: self.pool }
    }

    /// Who wrote it.
    pub fn proc(&self) -> Proc {
        Proc { pid: self.pid, start: self.start }
    }
}

/// A file that others append lines to; it may not exist yet.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    file: Option<File>,
    rest: Vec<u8>,
}

impl Tail {
    /// Follows `path` from its beginning.
    pub fn new(path: PathBuf) -> Self {
        Self { path, file: None, rest: Vec::new() }
    }

    /// The whole lines that came since the last call. A line without its end is kept for the next one.
    pub fn lines(&mut self) -> Vec<String> {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        let Some(file) = &mut self.file else { return Vec::new() };
        // An error is an end: what was read is kept and the rest is tried again.
        let _ = file.read_to_end(&mut self.rest);
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Vec::new() };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect()
    }
}

/// Wakes when a file of a directory is written to or created.
pub fn watch(dir: &Path) -> io::Result<OwnedFd> {
    let watch = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
    add_watch(&watch, dir, WatchFlags::MODIFY | WatchFlags::CREATE)?;
    Ok(watch)
}

/// Forgets the wake-ups that were reported.
pub fn forget(watch: &OwnedFd) {
    let mut buffer = [0_u8; 4096];
    while matches!(rustix::io::read(watch, &mut buffer), Ok(count) if count > 0) {}
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_line_without_its_end_waits_for_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("lines");
        let mut tail = Tail::new(path.clone());
        assert!(tail.lines().is_empty(), "no file yet");
        let mut file = File::create(&path).expect("a file");
        write!(file, "one\ntw").expect("written");
        assert_eq!(tail.lines(), ["one"]);
        writeln!(file, "o").expect("written");
        assert_eq!(tail.lines(), ["two"]);
        assert!(tail.lines().is_empty());
    }

    #[test]
    fn a_directory_watch_wakes() {
        let dir = tempfile::tempdir().expect("a directory");
        let watch = watch(dir.path()).expect("a watch");
        std::fs::write(dir.path().join("new"), "x").expect("written");
        let mut buffer = [0_u8; 512];
        assert!(rustix::io::read(&watch, &mut buffer).is_ok_and(|count| count > 0));
        forget(&watch);
        assert!(rustix::io::read(&watch, &mut buffer).is_err(), "nothing more to read");
    }
}
