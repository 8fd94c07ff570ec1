//! The runs that a run is compared with.

use std::path::{Path, PathBuf};

use crate::invariant::Finding;
use crate::scenario::Scenario;

use super::side::Side;
use super::{clock, slow};

/// In what a form's twin differs from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Twin {
    /// It sets no clock.
    NoClockSteps,
    /// It suspends nobody.
    NoSuspensions,
}

impl Twin {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::NoClockSteps, Self::NoSuspensions];

    /// The forms that a form is compared with.
    pub fn of(scenario: &Scenario) -> Vec<(Self, Scenario)> {
        let twin = |kind: Self| match kind {
            Self::NoClockSteps => clock::without_clock_steps(scenario),
            Self::NoSuspensions => slow::without_suspensions(scenario),
        };
        Self::ALL.into_iter().filter_map(|kind| Some((kind, twin(kind)?))).collect()
    }

    /// The id of the relation between the two.
    pub fn id(self) -> &'static str {
        match self {
            Self::NoClockSteps => clock::ID,
            Self::NoSuspensions => slow::ID,
        }
    }

    /// Judges the relation between a run of this scenario and its twin.
    pub fn judge(self, scenario: &Scenario, run: Side<'_>, twin: Side<'_>) -> Finding {
        match self {
            Self::NoClockSteps => clock::meta_clock(run, twin),
            Self::NoSuspensions => slow::meta_slow(&scenario.pool, run, twin),
        }
    }

    /// Where the twin's history is, beside that of the run.
    pub fn beside(self, history: &Path) -> PathBuf {
        history.with_extension(format!("{}.twin.jsonl", self.id().to_lowercase()))
    }
}
