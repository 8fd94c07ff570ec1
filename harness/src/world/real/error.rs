//! Why there is no history.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A run that gave no history. Never the fault of the supervisor under test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunError {
    /// The run could not be set up: a program is missing, a directory can't be written.
    Setup(String),
    /// The harness itself failed: a panic, a process of its own that vanished, an end that never came.
    Bug(String),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setup(why) => write!(f, "the run could not be set up: {why}"),
            Self::Bug(why) => write!(f, "a bug in the harness: {why}"),
        }
    }
}

impl std::error::Error for RunError {}
