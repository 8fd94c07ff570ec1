//! Several subjects beside each other: what each promises and keeps, and what each can do.

use std::collections::BTreeMap;
use std::io::{self, Write};

use crate::verdict::{ExitCode, Verdict};

use super::{Report, Run};

/// Writes a Markdown table: a row for each form, a column for each subject. A cell has two answers: whether the subject
/// keeps what it promises (conformance), and how much of what the scenario asks for it lacks (capability). Below it stands
/// what is lacking, with the measured figures.
///
/// # Errors
/// Whatever the writer says.
pub fn matrix(reports: &[Report], out: &mut dyn Write) -> io::Result<()> {
    let runs: Vec<&Run> = reports.iter().flat_map(|report| &report.runs).collect();
    let mut subjects: Vec<&str> = Vec::new();
    let mut rows: BTreeMap<&str, BTreeMap<&str, Vec<&Run>>> = BTreeMap::new();
    for run in runs {
        if !subjects.contains(&run.subject.as_str()) {
            subjects.push(&run.subject);
        }
        rows.entry(&run.name).or_default().entry(&run.subject).or_default().push(run);
    }
    writeln!(out, "| scenario | {} |", subjects.join(" | "))?;
    writeln!(out, "|---|{}", "---|".repeat(subjects.len()))?;
    for (name, of_subject) in &rows {
        let cells: Vec<String> = subjects.iter().map(|subject| cell(of_subject.get(subject))).collect();
        writeln!(out, "| {name} | {} |", cells.join(" | "))?;
    }
    for subject in subjects {
        lacks(subject, &rows, out)?;
    }
    Ok(())
}

/// The worst of several runs of the same form.
fn cell(runs: Option<&Vec<&Run>>) -> String {
    let Some(runs) = runs else { return "not run".to_owned() };
    let applicable: Vec<&&Run> = runs.iter().filter(|run| run.not_applicable.is_none()).collect();
    if applicable.is_empty() {
        return "n/a".to_owned();
    }
    let word = match ExitCode::worst(applicable.iter().map(|run| run.code())) {
        ExitCode::Ok if applicable.iter().any(|run| deviates(run)) => "as listed",
        ExitCode::Ok => "conforms",
        ExitCode::Failed => "**fails**",
        ExitCode::Unexpected => "better than listed",
        ExitCode::Inconclusive => "inconclusive",
        ExitCode::NothingJudged => "not judged",
        ExitCode::Usage | ExitCode::BadFile | ExitCode::Bug => "error",
    };
    let lacking = applicable.iter().map(|run| lacking(run).count()).max().unwrap_or(0);
    if lacking == 0 { format!("{word}, meets") } else { format!("{word}, lacks {lacking}") }
}

/// Whether something failed that the subject file lists.
fn deviates(run: &Run) -> bool {
    let findings = run.attempts.last().into_iter().flat_map(|attempt| &attempt.findings);
    findings
        .into_iter()
        .any(|judged| judged.deviation.is_some() && matches!(judged.finding.verdict, Verdict::Fail { .. }))
}

/// What the scenario asks for and is not there: by which invariant, and the figure.
fn lacking(run: &Run) -> impl Iterator<Item = (&str, &str)> {
    let findings = run.attempts.last().into_iter().flat_map(|attempt| &attempt.findings);
    findings.filter_map(|judged| {
        // An expectation is what the scenario asks for: what is there instead is what the subject can do.
        let instead = match &judged.finding.verdict {
            Verdict::Fail { actual, .. } => Some(actual.as_str()),
            _ => None,
        };
        Some((judged.finding.id.as_str(), judged.finding.lacks.as_deref().or(instead)?))
    })
}

fn lacks(subject: &str, rows: &BTreeMap<&str, BTreeMap<&str, Vec<&Run>>>, out: &mut dyn Write) -> io::Result<()> {
    let mut lines = Vec::new();
    for (name, of_subject) in rows {
        for run in of_subject.get(subject).into_iter().flatten() {
            lines.extend(lacking(run).map(|(id, figure)| format!("- {name}, {id}: {figure}")));
        }
    }
    lines.dedup();
    if lines.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{subject} lacks:\n")?;
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))
}
