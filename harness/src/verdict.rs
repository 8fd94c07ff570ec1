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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "u8", try_from = "u8")]
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

/// From the one that counts most to the one that counts least.
const PRECEDENCE: [ExitCode; 8] = [
    ExitCode::Bug,
    ExitCode::BadFile,
    ExitCode::Usage,
    ExitCode::Failed,
    ExitCode::Unexpected,
    ExitCode::Inconclusive,
    ExitCode::NothingJudged,
    ExitCode::Ok,
];

impl ExitCode {
    /// The code that counts of several; of none, that nothing was judged.
    pub fn worst(codes: impl IntoIterator<Item = Self>) -> Self {
        let rank = |code: &Self| PRECEDENCE.iter().position(|other| other == code);
        codes.into_iter().min_by_key(rank).unwrap_or(Self::NothingJudged)
    }
}

impl From<ExitCode> for u8 {
    fn from(code: ExitCode) -> Self {
        code as Self
    }
}

impl TryFrom<u8> for ExitCode {
    type Error = String;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        let known = PRECEDENCE.into_iter().find(|&code| code as u8 == number);
        known.ok_or_else(|| format!("{number} is no exit code of the harness"))
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_precedence_decides() {
        use ExitCode::*;
        assert_eq!(ExitCode::worst([Ok, Inconclusive, Failed, Unexpected]), Failed);
        assert_eq!(ExitCode::worst([Ok, NothingJudged]), NothingJudged);
        assert_eq!(ExitCode::worst([Inconclusive, Unexpected]), Unexpected);
        assert_eq!(ExitCode::worst([Usage, BadFile, Failed]), BadFile);
        assert_eq!(ExitCode::worst([Failed, Bug]), Bug);
        assert_eq!(ExitCode::worst([]), NothingJudged);
    }

    #[test]
    fn codes_are_written_as_numbers() {
        assert_eq!(serde_json::to_string(&ExitCode::BadFile).unwrap(), "65");
        assert_eq!(serde_json::from_str::<ExitCode>("3").unwrap(), ExitCode::Unexpected);
        assert!(serde_json::from_str::<ExitCode>("5").is_err());
    }
}
