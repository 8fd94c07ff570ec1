//! Why a command ends before it has a result.

use std::io;

use crate::problem::Problems;
use crate::verdict::ExitCode;

/// What went wrong, by exit code.
#[derive(Debug)]
pub enum Trouble {
    /// Files are wrong: 65.
    Files(Problems),
    /// A history can't be read: 65.
    History(String),
    /// The command can't be carried out as it was given: 64.
    Usage(String),
    /// The report can't be written: the reader is gone (which is its right: the code so far counts), or it is a bug.
    Output(io::Error),
}

impl Trouble {
    /// Says on standard error what is wrong, and what the exit code is.
    pub fn report(&self) -> ExitCode {
        match self {
            Self::Files(problems) => {
                eprint!("{problems}");
                ExitCode::BadFile
            }
            Self::History(why) => {
                eprintln!("error: {why}");
                ExitCode::BadFile
            }
            Self::Usage(why) => {
                eprintln!("error: {why}");
                ExitCode::Usage
            }
            Self::Output(why) if why.kind() == io::ErrorKind::BrokenPipe => ExitCode::NothingJudged,
            Self::Output(why) => {
                eprintln!("error: can't write the report: {why}");
                ExitCode::Bug
            }
        }
    }
}

impl From<Problems> for Trouble {
    fn from(problems: Problems) -> Self {
        Self::Files(problems)
    }
}

impl From<io::Error> for Trouble {
    fn from(why: io::Error) -> Self {
        Self::Output(why)
    }
}
