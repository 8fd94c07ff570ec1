//! Where what workers write goes.

use serde::{Deserialize, Serialize};

/// The way that a pool's output takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum OutputWay {
    /// The workers have the supervisor's own standard output and error.
    Inherit,
    /// Through the supervisor, line by line, each with a name of its worker before it.
    Prefixed,
    /// Through the supervisor into files, which it opens again when told to.
    Files,
}

/// Who may stop reading, or go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reader {
    /// Whoever reads the subject's own standard output and error.
    LogReader,
}

/// One of the two streams that a worker writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    /// Its place where there is something for each of the two.
    pub fn index(self) -> usize {
        match self {
            Self::Stdout => 0,
            Self::Stderr => 1,
        }
    }
}
