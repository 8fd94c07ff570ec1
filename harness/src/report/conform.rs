//! Findings against the subject's listed deviations.

use serde::{Deserialize, Serialize};

use crate::invariant::Finding;
use crate::subject::{Deviation, Frequency};
use crate::verdict::{ExitCode, Verdict};

/// A finding, and what it means for the exit code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// The finding.
    pub finding: Finding,
    /// The cause of the listed deviation that it matches, if it does.
    pub deviation: Option<String>,
    /// What it contributes to the exit code; nothing if it was not judged.
    pub code: Option<ExitCode>,
}

/// Sets each finding of the scenario `name` (`file` or `file::variant`) against the deviations: a listed failure is
/// expected, and one that is listed as `Always` and did not happen is news.
pub fn conform(findings: Vec<Finding>, deviations: &[Deviation], name: &str) -> Vec<Judged> {
    findings.into_iter().map(|finding| judge(finding, deviations, name)).collect()
}

fn judge(finding: Finding, deviations: &[Deviation], name: &str) -> Judged {
    let listed = deviations.iter().find(|deviation| {
        deviation.invariant == finding.id
            && (deviation.scenario == name || Some(deviation.scenario.as_str()) == file(name))
    });
    let always = listed.is_some_and(|deviation| deviation.happens == Frequency::Always);
    let code = match &finding.verdict {
        Verdict::Pass { .. } if always => Some(ExitCode::Unexpected),
        Verdict::Fail { .. } if listed.is_none() => Some(ExitCode::Failed),
        Verdict::Pass { .. } | Verdict::Fail { .. } => Some(ExitCode::Ok),
        Verdict::Inconclusive { .. } => Some(ExitCode::Inconclusive),
        Verdict::NotApplicable { .. } | Verdict::Undeclared => None,
    };
    Judged { finding, deviation: listed.map(|deviation| deviation.cause.clone()), code }
}

/// The file's part of `file::variant`.
fn file(name: &str) -> Option<&str> {
    name.split_once("::").map(|(file, _)| file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Time;

    fn finding(fails: bool) -> Finding {
        let verdict = if fails {
            let text = String::new;
            Verdict::Fail { at: Time::default(), because: text(), expected: text(), actual: text() }
        } else {
            Verdict::Pass { measured: String::new() }
        };
        Finding { id: "INV-FLOOR".into(), verdict, lacks: None }
    }

    fn code(fails: bool, scenario: &str, happens: Frequency) -> Option<ExitCode> {
        let deviation = Deviation {
            scenario: scenario.into(),
            invariant: "INV-FLOOR".into(),
            happens,
            cause: "it never had one".into(),
            see: None,
        };
        conform(vec![finding(fails)], &[deviation], "flap::clean_exit")[0].code
    }

    #[test]
    fn a_listed_failure_is_expected_for_the_file_or_the_variant() {
        assert_eq!(code(true, "flap", Frequency::Always), Some(ExitCode::Ok));
        assert_eq!(code(true, "flap::clean_exit", Frequency::Sometimes), Some(ExitCode::Ok));
        assert_eq!(code(true, "flap::other", Frequency::Always), Some(ExitCode::Failed));
    }

    #[test]
    fn a_deviation_that_no_longer_happens_is_news_only_if_it_always_did() {
        assert_eq!(code(false, "flap", Frequency::Always), Some(ExitCode::Unexpected));
        assert_eq!(code(false, "flap", Frequency::Sometimes), Some(ExitCode::Ok));
    }
}
