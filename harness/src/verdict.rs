//! What a judgement can be, and the harness's exit codes.

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// The judgement of one invariant or expectation on one history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Verdict {
    /// It held.
    Pass {
        /// The measured figure beside its bound, in words: `12 ms of 250 ms`.
        measured: String,
    },
    /// It did not.
    Fail {
        /// When it was violated.
        at: Time,
        /// Why, in words, with the processes and connections by name.
        because: String,
        /// What was demanded.
        expected: String,
        /// What was there.
        actual: String,
    },
    /// It can't be said.
    Inconclusive {
        /// Why.
        why: String,
    },
    /// It has nothing to say here.
    NotApplicable {
        /// Why.
        why: String,
    },
    /// The subject's profile promises nothing about it.
    Undeclared,
}

/// The exit codes of the harness. Precedence: Bug, BadFile, Usage, Failed, Unexpected, Inconclusive, NothingJudged, Ok.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// As expected.
    Ok = 0,
    /// An invariant or expectation failed.
    Failed = 1,
    /// Inconclusive after all attempts.
    Inconclusive = 2,
    /// A listed deviation no longer happens.
    Unexpected = 3,
    /// Nothing was judged.
    NothingJudged = 4,
    /// The command line is wrong.
    Usage = 64,
    /// A scenario, subject or history file is wrong.
    BadFile = 65,
    /// A bug in the harness.
    Bug = 70,
}
