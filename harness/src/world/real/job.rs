//! What the processes of one run say to each other.
//!
//! Caller, guard and runner are three processes. The caller writes one [`Job`] line to the guard and keeps that pipe
//! open: its end is how the guard learns that the caller is gone. The runner writes [`Line`]s on the pipe that ends
//! at the caller.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::history::{Event, Header};
use crate::world::Plan;

use super::RunError;
use super::traced::{Trace, Traced};

/// First argument of the guard process.
pub const GUARD: &str = "__guard";
/// First argument of the runner process; the second is the run's directory, the third the guard's pid.
pub const RUNNER: &str = "__run";
/// File in the run's directory that holds the job for the runner.
pub const JOB_FILE: &str = "job.json";

/// One run and where it lives.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// What to run.
    pub plan: Plan,
    /// The run's own directory, which does not exist yet.
    pub dir: PathBuf,
    /// Whether its calls are to be seen.
    pub trace: Option<Trace>,
}

/// What the runner tells the caller, one JSON line each.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Line {
    /// First.
    Header(Box<Header>),
    /// Each event of the history, as it is noted.
    Event(Event),
    /// What was seen of the calls of a traced supervisor.
    Traced(Traced),
    /// There will be no history; last.
    Failed(RunError),
    /// The history is whole; last.
    End,
}
