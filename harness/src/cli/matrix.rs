//! `harness matrix`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::problem::{Problem, Problems, Source};
use crate::report::{self, Report};
use crate::verdict::ExitCode;

use super::trouble::Trouble;

/// Shows the subjects of these reports beside each other.
pub fn matrix(files: &[PathBuf]) -> Result<ExitCode, Trouble> {
    let reports = files.iter().map(|file| read(file)).collect::<Result<Vec<Report>, Problems>>()?;
    report::matrix(&reports, &mut io::stdout())?;
    Ok(ExitCode::Ok)
}

fn read(file: &Path) -> Result<Report, Problems> {
    let problem = |what: String| Problem::new(&Source::unread(file), what);
    let text = fs::read_to_string(file).map_err(|why| Problems::from(problem(format!("can't be read: {why}"))))?;
    serde_json::from_str(&text).map_err(|why| {
        problem(format!("this is no report: {why}")).expected("what `harness run --format json` printed").into()
    })
}
