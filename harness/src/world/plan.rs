//! One run, planned: everything that a world needs, as one value that fits through a pipe.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::scenario::Scenario;
use crate::subject::Subject;

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// `file::variant`.
    pub name: String,
    /// The scenario, the variant applied.
    pub scenario: Scenario,
    /// The subject.
    pub subject: Subject,
    /// The subject's folder.
    pub subject_dir: PathBuf,
    /// The seed.
    pub seed: u64,
    /// Our own binaries; unused in simulation.
    pub bins: Bins,
}

/// Where our own binaries are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Bins {
    /// The harness itself (a run and its guard are processes of their own).
    pub harness: PathBuf,
    /// The reference supervisor, or a mutant in its place.
    pub supervisor: PathBuf,
    /// The puppet.
    pub puppet: PathBuf,
}
