//! The report as JUnit XML, which build servers show: one suite for each scenario file, one case for each run.

use std::io::{self, Write};

use crate::verdict::{ExitCode, Verdict};

use super::{Report, Run};

/// Writes the report as one XML document.
///
/// A run in which an invariant failed, or in which a listed deviation no longer happens, is a `failure`; one that stayed
/// inconclusive or in which the harness itself failed is an `error`; what is not applicable is `skipped`, with the reason.
///
/// # Errors
/// Whatever the writer says.
pub fn junit(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut files: Vec<&std::path::Path> = report.runs.iter().map(|run| run.file.as_path()).collect();
    files.sort_unstable();
    files.dedup();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(out, "<testsuites name=\"harness\"{}>", counts(&report.runs.iter().collect::<Vec<_>>()))?;
    for file in files {
        let runs: Vec<&Run> = report.runs.iter().filter(|run| run.file == file).collect();
        writeln!(out, "  <testsuite name=\"{}\"{}>", escaped(&file.display().to_string()), counts(&runs))?;
        runs.iter().try_for_each(|run| case(run, out))?;
        writeln!(out, "  </testsuite>")?;
    }
    writeln!(out, "</testsuites>")
}

/// What a run is to a build server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Passed,
    Failure,
    Error,
    Skipped,
}

fn kind(run: &Run) -> Kind {
    match run.code() {
        _ if run.not_applicable.is_some() => Kind::Skipped,
        ExitCode::Ok => Kind::Passed,
        ExitCode::Failed | ExitCode::Unexpected => Kind::Failure,
        ExitCode::NothingJudged => Kind::Skipped,
        ExitCode::Inconclusive | ExitCode::Usage | ExitCode::BadFile | ExitCode::Bug => Kind::Error,
    }
}

fn counts(runs: &[&Run]) -> String {
    let count = |wanted| runs.iter().filter(|run| kind(run) == wanted).count();
    let (failures, errors, skipped) = (count(Kind::Failure), count(Kind::Error), count(Kind::Skipped));
    let seconds: f64 = runs.iter().map(|run| seconds(run)).sum();
    format!(
        " tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\" time=\"{seconds:.3}\"",
        runs.len()
    )
}

fn seconds(run: &Run) -> f64 {
    run.attempts.iter().map(|attempt| attempt.took_ms as f64 / 1000.0).sum()
}

fn case(run: &Run, out: &mut dyn Write) -> io::Result<()> {
    let name = format!("{} [{}, seed {}]", run.name, run.world, run.seed);
    write!(
        out,
        "    <testcase name=\"{}\" classname=\"{}\" time=\"{:.3}\"",
        escaped(&name),
        escaped(&run.subject),
        seconds(run)
    )?;
    let said = said(run);
    let message = escaped(said.first().map_or("", String::as_str));
    let text = escaped(&said.join("\n"));
    match kind(run) {
        Kind::Passed => writeln!(out, "/>"),
        Kind::Skipped => {
            let why = run.not_applicable.as_deref().unwrap_or("nothing was judged");
            writeln!(out, "><skipped message=\"{}\"/></testcase>", escaped(why))
        }
        Kind::Failure => writeln!(out, "><failure message=\"{message}\">{text}</failure></testcase>"),
        Kind::Error => writeln!(out, "><error message=\"{message}\">{text}</error></testcase>"),
    }
}

/// A line for everything that did not come out as expected, then how to see more.
fn said(run: &Run) -> Vec<String> {
    let Some(attempt) = run.attempts.last() else { return Vec::new() };
    let mut lines: Vec<String> = attempt.error.iter().cloned().collect();
    let unexpected = attempt.findings.iter().filter(|judged| judged.code.is_some_and(|code| code != ExitCode::Ok));
    lines.extend(unexpected.map(|judged| {
        let id = &judged.finding.id;
        match &judged.finding.verdict {
            Verdict::Fail { at, because, expected, actual } => {
                format!("{id} at {at}: {because}; expected {expected}; actual {actual}")
            }
            Verdict::Inconclusive { why } => format!("{id} inconclusive: {why}"),
            Verdict::Pass { .. } | Verdict::NotApplicable { .. } | Verdict::Undeclared => {
                format!("{id} passes, and is listed as always failing")
            }
        }
    }));
    lines.extend(attempt.history.iter().map(|history| format!("history: {}", history.display())));
    lines
}

/// For attributes and text. What XML has no character for is replaced.
pub(super) fn escaped(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => written.push_str("&amp;"),
            '<' => written.push_str("&lt;"),
            '>' => written.push_str("&gt;"),
            '"' => written.push_str("&quot;"),
            '\'' => written.push_str("&#39;"),
            '\n' => written.push_str("&#10;"),
            '\t' => written.push('\t'),
            c if c.is_control() || ['\u{fffe}', '\u{ffff}'].contains(&c) => written.push('\u{fffd}'),
            c => written.push(c),
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_report_says_stays_text() {
        assert_eq!(escaped("a<b & \"c\"\n\u{1b}[0m"), "a&lt;b &amp; &quot;c&quot;&#10;\u{fffd}[0m");
    }
}
