//! What an invariant is given and what it returns.

use std::time::Duration;

use crate::history::{History, Timeline};
use crate::scenario::Scenario;
use crate::subject::Profile;
use crate::verdict::Verdict;

/// The measuring error of a world; 0 in simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slack(pub Duration);

/// One run, ready to be judged.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// What was asked for.
    pub scenario: &'a Scenario,
    /// What the subject promises.
    pub profile: &'a Profile,
    /// What happened.
    pub history: &'a History,
    /// The same, indexed.
    pub timeline: &'a Timeline,
    /// The world's measuring error.
    pub slack: Slack,
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// Stable id: `INV-FLOOR`, or `EXPECT-n NothingLeft` for an expectation of the file.
    pub id: String,
    /// What came out: against the profile (conformance).
    pub verdict: Verdict,
    /// What the scenario asked for and the subject lacks, with the measured figure (capability).
    pub lacks: Option<String>,
}
