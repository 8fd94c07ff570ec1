//! What workers wrote, and what came out of it.

use serde::{Deserialize, Serialize};

use crate::scenario::Stream;
use crate::time::Time;

use super::Proc;

/// Where output comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Sink {
    /// The subject's standard output.
    Stdout,
    /// Its standard error.
    Stderr,
    /// A file that was its log file and was moved away.
    Moved,
    /// Its log file.
    File,
}

/// Something about the output of workers. Each worker numbers its lines, each stream from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// A worker wrote these lines, whole ones, by its own word.
    Wrote {
        /// Which.
        proc: Proc,
        /// Where to.
        stream: Stream,
        /// The number of the first line.
        first: u64,
        /// The number of the last line.
        last: u64,
        /// When it began.
        since: Time,
        /// How long the longest write took, in nanoseconds.
        longest_ns: u64,
    },
    /// A worker has waited since then to write, and waits on.
    Waits {
        /// Which.
        proc: Proc,
        /// Where to.
        stream: Stream,
        /// Since when.
        since: Time,
    },
    /// Lines of a worker that came out, told when the run is over.
    CameOut {
        /// Where.
        sink: Sink,
        /// Whose.
        proc: Proc,
        /// Which of its streams.
        stream: Stream,
        /// What stood before them.
        label: String,
        /// Their numbers, in the order in which they came out: from the first to the second of each pair.
        lines: Vec<(u64, u64)>,
    },
    /// A line that is no whole line of anybody, although a worker wrote some of it.
    Damaged {
        /// Where.
        sink: Sink,
        /// The line.
        line: String,
    },
    /// The subject says there that so many lines were lost, in sum.
    ToldLost {
        /// Where.
        sink: Sink,
        /// How many.
        lines: u64,
    },
}
