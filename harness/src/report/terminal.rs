//! The report for people.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::time::Duration;

use crate::search::Sometimes;
use crate::verdict::{ExitCode, Verdict};

use super::{Attempt, Judged, Report, Run};

/// From so many files on it is a suite.
pub const SUITE: usize = 5;

/// Whether escape sequences may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text only.
    Plain,
    /// Colours.
    Colour,
}

/// Colours, as ANSI SGR parameters.
const GREEN: &str = "32";
const RED: &str = "1;31";
const YELLOW: &str = "33";
const DIM: &str = "2";

impl Style {
    fn paint(self, sgr: &str, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Colour => format!("\x1b[{sgr}m{text}\x1b[0m"),
        }
    }
}

/// Writes a block for each run and the summary.
pub fn human(report: &Report, style: Style, out: &mut dyn Write) -> io::Result<()> {
    for run in &report.runs {
        run_block(run, style, out)?;
    }
    summary(report, None, style, out)
}

/// One run: its name and outcome, a line for each finding, and how to see more.
pub fn run_block(run: &Run, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let (word, sgr) = outcome(run);
    let seed = format!("[{}, {}, seed {}]", run.subject, run.world, run.seed);
    writeln!(out, "{} {} {}", style.paint(sgr, &format!("{word:>12}")), run.name, style.paint(DIM, &seed))?;
    if let Some(why) = &run.not_applicable {
        return writeln!(out, "{:>14} {why}", "");
    }
    let retried = run.attempts.len().saturating_sub(1);
    if retried > 0 {
        writeln!(out, "{:>14} attempt {} of {} counts; the others were inconclusive", "", retried + 1, retried + 1)?;
    }
    if let Some(attempt) = run.attempts.last() {
        if let Some(error) = &attempt.error {
            writeln!(out, "{:>14} {error}", "")?;
        }
        finding_lines(&attempt.findings, style, out)?;
        for figures in &attempt.figures {
            writeln!(out, "  {}  {}: {}", style.paint(DIM, "load"), figures.load, figures.said())?;
        }
        if attempt.code != ExitCode::Ok {
            hints(run, attempt, out)?;
        }
    }
    writeln!(out)
}

/// A line for each verdict, more for a failure.
pub fn finding_lines(findings: &[Judged], style: Style, out: &mut dyn Write) -> io::Result<()> {
    let width = findings.iter().map(|judged| judged.finding.id.len()).max().unwrap_or(0);
    for judged in findings {
        let id = &judged.finding.id;
        match &judged.finding.verdict {
            Verdict::Pass { measured } => {
                let news = judged.code == Some(ExitCode::Unexpected);
                let mark = if news { style.paint(YELLOW, "news") } else { style.paint(GREEN, "pass") };
                writeln!(out, "  {mark}  {id:width$}  {measured}")?;
                if news {
                    let cause = judged.deviation.as_deref().unwrap_or_default();
                    writeln!(out, "        {:width$}  listed as always failing: {cause}", "")?;
                }
            }
            Verdict::Fail { at, because, expected, actual } => {
                let known = judged.deviation.as_ref();
                let mark = if known.is_some() { style.paint(YELLOW, "know") } else { style.paint(RED, "FAIL") };
                writeln!(out, "  {mark}  {id:width$}  at {at}: {because}")?;
                writeln!(out, "        {:width$}  expected {expected}", "")?;
                writeln!(out, "        {:width$}  actual   {actual}", "")?;
                if let Some(cause) = known {
                    writeln!(out, "        {:width$}  known: {cause}", "")?;
                }
            }
            Verdict::Inconclusive { why } => {
                writeln!(out, "  {}  {id:width$}  inconclusive: {why}", style.paint(YELLOW, "????"))?;
            }
            Verdict::NotApplicable { why } => writeln!(out, "  {}  {id:width$}  {why}", style.paint(DIM, " n/a"))?,
            Verdict::Undeclared => {
                writeln!(out, "  {}  {id:width$}  the subject's profile promises nothing", style.paint(DIM, "  --"))?;
            }
        }
        if let Some(lacks) = &judged.finding.lacks {
            writeln!(out, "        {:width$}  lacks: {lacks}", "")?;
        }
    }
    Ok(())
}

/// How to see more of a run that did not come out as expected.
fn hints(run: &Run, attempt: &Attempt, out: &mut dyn Write) -> io::Result<()> {
    if let Some(history) = &attempt.history {
        writeln!(out, "        history: {0}   (harness judge {0})", history.display())?;
    }
    let verb = if run.world == "sim" { "sim" } else { "run" };
    let subject = match (verb, run.subject.as_str()) {
        ("sim", _) | (_, "reference") => String::new(),
        (_, other) => format!(" --subject {other}"),
    };
    let variant = run.name.split_once("::").map_or("plain", |(_, variant)| variant);
    writeln!(out, "        again:   harness {verb} {}::{variant} --seed {}{subject}", run.file.display(), run.seed)
}

fn outcome(run: &Run) -> (&'static str, &'static str) {
    if run.not_applicable.is_some() {
        return ("n/a", DIM);
    }
    match run.code() {
        ExitCode::Ok => ("ok", GREEN),
        ExitCode::Failed => ("FAILED", RED),
        ExitCode::Inconclusive => ("inconclusive", YELLOW),
        ExitCode::Unexpected => ("news", YELLOW),
        ExitCode::NothingJudged => ("not judged", YELLOW),
        ExitCode::Usage | ExitCode::BadFile | ExitCode::Bug => ("ERROR", RED),
    }
}

/// How many of how many, what was not judged and why, and how long it took in all.
pub fn summary(report: &Report, took: Option<Duration>, style: Style, out: &mut dyn Write) -> io::Result<()> {
    situations(report, out)?;
    judged(report, out)?;
    let not_applicable = report.runs.iter().filter(|run| run.not_applicable.is_some()).count();
    let mut parts =
        vec![format!("{} of {} as expected", report.count(ExitCode::Ok), report.runs.len() - not_applicable)];
    let counted = [
        (report.count(ExitCode::Failed), "failed"),
        (report.count(ExitCode::Unexpected), "with a deviation that no longer happens"),
        (report.count(ExitCode::Inconclusive), "inconclusive"),
        (report.count(ExitCode::NothingJudged), "not judged"),
        (report.count(ExitCode::Bug), "with a bug in the harness"),
        (not_applicable, "not applicable"),
        (undeclared(report), "verdicts undeclared"),
        (lacks(report), "capabilities lacking"),
    ];
    parts.extend(counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")));
    parts.extend(took.map(|took| format!("{:.1} s", took.as_secs_f64())));
    let sgr = if report.code == ExitCode::Ok { GREEN } else { RED };
    writeln!(out, "{}", style.paint(sgr, &parts.join(", ")))
}

/// What came up in a suite; of a single scenario nobody expects that everything does.
fn situations(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let files: BTreeSet<_> = report.runs.iter().map(|run| &run.file).collect();
    if files.len() < SUITE {
        return Ok(());
    }
    let mut sometimes = Sometimes::default();
    for attempt in report.runs.iter().flat_map(|run| &run.attempts) {
        sometimes.add(attempt.situations.iter().map(String::as_str));
    }
    sometimes.print(out)?;
    if report.never.is_empty() {
        return Ok(());
    }
    writeln!(out, "the suite never came into: {}", report.never.join(", "))
}

/// How many of the forms were judged, and for each reason how many were not. A form may have several reasons.
fn judged(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let mut forms: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    for run in &report.runs {
        forms.insert(&run.name, run.not_applicable.as_deref());
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for reason in forms.values().flatten().flat_map(|why| why.split("; ")) {
        *reasons.entry(reason).or_default() += 1;
    }
    let judged = forms.values().filter(|why| why.is_none()).count();
    writeln!(out, "{judged} of {} forms judged", forms.len())?;
    reasons.iter().try_for_each(|(reason, count)| writeln!(out, "{count:5} not applicable: {reason}"))
}

fn last_findings(report: &Report) -> impl Iterator<Item = &Judged> {
    report.runs.iter().filter_map(|run| run.attempts.last()).flat_map(|attempt| &attempt.findings)
}

fn undeclared(report: &Report) -> usize {
    last_findings(report).filter(|judged| judged.finding.verdict == Verdict::Undeclared).count()
}

fn lacks(report: &Report) -> usize {
    last_findings(report).filter(|judged| judged.finding.lacks.is_some()).count()
}
