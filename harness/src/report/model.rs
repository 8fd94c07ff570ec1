//! The report as data. Its JSON form is this, field by field.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::search::SITUATIONS;
use crate::verdict::ExitCode;

use super::{Figures, Judged};

/// The name of the simulated world.
const SIMULATED: &str = "sim";

/// Version of the JSON form.
const SCHEMA: u32 = 1;

/// What one command found out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Version of this format; 1.
    pub schema: u32,
    /// The runs, in the order in which they were asked for.
    pub runs: Vec<Run>,
    /// Of a run of the whole suite: the situations that it never came into, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub never: Vec<String>,
    /// The exit code of the command.
    pub code: ExitCode,
}

/// One run of one scenario form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// `flap` or `flap::clean_exit`.
    pub name: String,
    /// The scenario file.
    pub file: PathBuf,
    /// `real` or `sim`.
    pub world: String,
    /// The subject's name.
    pub subject: String,
    /// The seed.
    pub seed: u64,
    /// Why it was not run at all, if so.
    pub not_applicable: Option<String>,
    /// The attempts; only the last can be conclusive.
    pub attempts: Vec<Attempt>,
}

/// One attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// What each invariant and expectation says.
    pub findings: Vec<Judged>,
    /// What each load measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figures>,
    /// The history, where it was written.
    pub history: Option<PathBuf>,
    /// The situations that came up in it, by name.
    #[serde(default)]
    pub situations: Vec<String>,
    /// How long it took, in milliseconds of real time.
    pub took_ms: u64,
    /// Why there are no findings, if the harness itself failed.
    pub error: Option<String>,
    /// The code of this attempt.
    pub code: ExitCode,
}

impl Report {
    /// The report of these runs. What was not applicable is counted and says nothing about the subject, unless it was
    /// all that there is: then nothing was judged.
    pub fn new(runs: Vec<Run>) -> Self {
        let applicable = runs.iter().filter(|run| run.not_applicable.is_none());
        let code = ExitCode::worst(applicable.map(Run::code));
        Self { schema: SCHEMA, runs, never: Vec::new(), code }
    }

    /// The report of a run of the whole suite. One that never came into a situation says nothing about it: it is inconclusive.
    /// In which of them only a simulated kernel can be is asked only where one was there.
    pub fn of_suite(runs: Vec<Run>) -> Self {
        let simulated = runs.iter().any(|run| run.world == SIMULATED);
        let happened = |name: &str| {
            let attempts = runs.iter().flat_map(|run| &run.attempts);
            attempts.flat_map(|attempt| &attempt.situations).any(|situation| situation == name)
        };
        let asked = SITUATIONS.iter().filter(|situation| simulated || !situation.only_simulated);
        let never: Vec<_> = asked.filter(|one| !happened(one.name)).map(|one| one.name.to_owned()).collect();
        let report = Self::new(runs);
        let missed = (!never.is_empty()).then_some(ExitCode::Inconclusive);
        Self { never, code: ExitCode::worst(missed.into_iter().chain([report.code])), ..report }
    }

    /// How many runs ended with this code.
    pub fn count(&self, code: ExitCode) -> usize {
        self.runs.iter().filter(|run| run.not_applicable.is_none() && run.code() == code).count()
    }
}

impl Run {
    /// A run that has not been tried yet.
    pub fn new(name: &str, file: &Path, world: &str, subject: &str, seed: u64) -> Self {
        Self {
            name: name.to_owned(),
            file: file.to_owned(),
            world: world.to_owned(),
            subject: subject.to_owned(),
            seed,
            not_applicable: None,
            attempts: Vec::new(),
        }
    }

    /// The code of the last attempt.
    pub fn code(&self) -> ExitCode {
        self.attempts.last().map_or(ExitCode::NothingJudged, |attempt| attempt.code)
    }
}

impl Attempt {
    /// An attempt that was judged.
    pub fn judged(findings: Vec<Judged>, history: Option<PathBuf>, took_ms: u64) -> Self {
        let code = ExitCode::worst(findings.iter().filter_map(|judged| judged.code));
        Self { findings, figures: Vec::new(), history, situations: Vec::new(), took_ms, error: None, code }
    }

    /// An attempt of which there is nothing to judge, because the harness failed.
    pub fn failed(error: String, took_ms: u64) -> Self {
        Self {
            findings: Vec::new(),
            figures: Vec::new(),
            history: None,
            situations: Vec::new(),
            took_ms,
            error: Some(error),
            code: ExitCode::Bug,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::search::Situation;

    fn run(code: Option<ExitCode>) -> Run {
        let mut run = Run::new("flap", Path::new("flap.ron"), "real", "reference", 1);
        run.not_applicable = code.is_none().then(|| "no reload".to_owned());
        run.attempts = code.map(|code| Attempt { code, ..Attempt::failed(String::new(), 0) }).into_iter().collect();
        run
    }

    #[test]
    fn a_suite_that_never_came_into_a_situation_is_inconclusive() {
        let with = |world: &str, of: fn(&Situation) -> bool| {
            let mut run = run(Some(ExitCode::Ok));
            run.world = world.to_owned();
            run.attempts[0].situations =
                SITUATIONS.iter().filter(|one| of(one)).map(|one| one.name.to_owned()).collect();
            Report::of_suite(vec![run])
        };
        assert_eq!(with("sim", |_| true).code, ExitCode::Ok);
        assert_eq!(with("real", |one| !one.only_simulated).code, ExitCode::Ok);
        let simulated = with("sim", |one| !one.only_simulated);
        assert!(simulated.code == ExitCode::Inconclusive && simulated.never.iter().any(|name| name == "partial-read"));
        let missed = with("real", |one| one.name != "limit-reached");
        assert_eq!((missed.code, missed.never), (ExitCode::Inconclusive, vec!["limit-reached".to_owned()]));
        let mut failed = with("sim", |_| false).runs;
        failed[0].attempts[0].code = ExitCode::Failed;
        assert_eq!(Report::of_suite(failed).code, ExitCode::Failed);
    }

    #[test]
    fn what_is_not_applicable_decides_only_if_there_is_nothing_else() {
        assert_eq!(Report::new(vec![run(Some(ExitCode::Ok)), run(None)]).code, ExitCode::Ok);
        assert_eq!(Report::new(vec![run(Some(ExitCode::Failed)), run(None)]).code, ExitCode::Failed);
        assert_eq!(Report::new(vec![run(None)]).code, ExitCode::NothingJudged);
    }
}
