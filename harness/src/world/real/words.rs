//! How much the supervisor writes: events for programs, and words for people.

use std::path::PathBuf;

use super::journal::Tail;

/// The files that it writes to.
#[derive(Debug)]
pub struct Words {
    files: Vec<Tail>,
    lines: u64,
}

impl Words {
    /// Nothing is counted yet.
    pub fn new(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { files: files.into_iter().map(Tail::new).collect(), lines: 0 }
    }

    /// How many lines there are by now.
    pub fn lines(&mut self) -> u64 {
        self.lines += self.files.iter_mut().map(|file| file.lines().len() as u64).sum::<u64>();
        self.lines
    }
}
