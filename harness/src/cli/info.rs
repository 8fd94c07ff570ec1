//! `harness check`, `judge` and `list`.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::history::{Header, History};
use crate::invariant::{self, Finding, INVARIANTS, Slack};
use crate::problem::{Problem, Problems, Source};
use crate::relation::{RELATIONS, Side, Twin};
use crate::report::{self, Attempt, Report, Run, Style, conform};
use crate::scenario::{self, Scenario};
use crate::subject::{self, Profile};
use crate::verdict::{ExitCode, Verdict};

use super::args::JudgeFormat;
use super::select;
use super::trouble::Trouble;

/// Validates scenario files, folders of them and subjects; says what each is.
pub fn check(files: &[PathBuf]) -> Result<ExitCode, Trouble> {
    let mut out = io::stdout();
    let mut code = ExitCode::Ok;
    for file in files {
        let checked = if is_subject(file) { check_subject(file, &mut out) } else { check_scenarios(file, &mut out) };
        if let Err(trouble) = checked {
            code = ExitCode::worst([code, trouble.report()]);
        }
    }
    Ok(code)
}

/// A subject is named by its file, or by a name that is no path.
fn is_subject(file: &Path) -> bool {
    let named = |name: &str| file.file_name().is_some_and(|found| found == name);
    named("subject.ron") || (!file.exists() && subject::bundled().iter().any(|name| Path::new(name) == file))
}

fn check_subject(file: &Path, out: &mut dyn Write) -> Result<(), Trouble> {
    let (subject, _) = subject::load(&file.to_string_lossy())?;
    writeln!(
        out,
        "{}: subject `{}` is valid, {} deviations listed",
        file.display(),
        subject.name,
        subject.deviations.len()
    )?;
    for undeclared in subject::undeclared(&subject.profile) {
        writeln!(out, "  warning: undeclared: {} (it would be judged on {})", undeclared.line, undeclared.judged_on)?;
    }
    Ok(())
}

fn check_scenarios(path: &Path, out: &mut dyn Write) -> Result<(), Trouble> {
    // Every file is looked at, so that one run shows all that is wrong.
    let mut wrong = Vec::new();
    for (_, file) in scenario::find(&[path.to_owned()])? {
        match select::read(&file) {
            Ok((_, scenario)) => {
                writeln!(out, "{}: valid, {} forms", file.display(), scenario.forms().len())?;
            }
            Err(problems) => wrong.push(problems),
        }
    }
    match wrong.split_last() {
        None => Ok(()),
        Some((last, before)) => {
            for problems in before {
                eprint!("{problems}");
            }
            Err(last.clone().into())
        }
    }
}

/// Judges a history from its file alone.
pub fn judge(path: &Path, format: JudgeFormat) -> Result<ExitCode, Trouble> {
    let history = read(path)?;
    let (scenario, profile) = of_header(&history.header)?;
    let mut findings = findings(&scenario, &profile, &history);
    for (twin, form) in Twin::of(&scenario) {
        let beside = twin.beside(path);
        if !beside.exists() {
            let verdict = Verdict::Inconclusive { why: format!("its twin is not here: {}", beside.display()) };
            findings.push(Finding { id: twin.id().to_owned(), verdict, lacks: None });
            continue;
        }
        // The form of a twin is none that could stand in a file.
        let other = read(&beside)?;
        let theirs = self::findings(&form, &profile, &other);
        let (mine, theirs) =
            (Side { history: &history, findings: &findings }, Side { history: &other, findings: &theirs });
        findings.push(twin.judge(&scenario, mine, theirs));
    }
    let header = &history.header;
    // The deviations are the subject file's; a history stands without it, so it is judged without them if that is gone.
    let deviations = subject::load(&header.subject).map(|(subject, _)| subject.deviations).unwrap_or_default();
    let mut run = Run::new(&header.scenario_name, path, &header.world, &header.subject, header.seed);
    let judged = conform(findings, &deviations, &header.scenario_name);
    run.attempts.push(Attempt::judged(judged, Some(path.to_owned()), 0));
    let report = Report::new(vec![run]);
    let out = &mut io::stdout();
    match format {
        JudgeFormat::Human => {
            let style = if out.is_terminal() { Style::Colour } else { Style::Plain };
            report::human(&report, style, out)?;
        }
        JudgeFormat::Json => report::json(&report, out)?,
        JudgeFormat::Junit => report::junit(&report, out)?,
        JudgeFormat::Html => {
            let findings = report.runs[0].attempts.last().map_or(&[][..], |attempt| &attempt.findings);
            report::html(&history, findings, out)?;
        }
    }
    Ok(report.code)
}

fn read(path: &Path) -> Result<History, Trouble> {
    let text = fs::read_to_string(path)
        .map_err(|why| Problems::from(Problem::new(&Source::unread(path), format!("can't be read: {why}"))))?;
    History::read(&text, &path.display().to_string()).map_err(|why| Trouble::History(why.to_string()))
}

fn findings(scenario: &Scenario, profile: &Profile, history: &History) -> Vec<Finding> {
    invariant::judge(scenario, profile, history, Slack(Duration::from_nanos(history.header.slack_ns)))
}

fn of_header(header: &Header) -> Result<(Scenario, Profile), Problems> {
    let scenario = scenario::parse(&header.scenario, "the history's scenario")?;
    let profile = subject::parse_profile(&header.profile, "the history's profile")?;
    Ok((scenario, profile))
}

/// Lists what there is.
pub fn list(paths: &[PathBuf]) -> Result<ExitCode, Trouble> {
    let mut out = io::stdout();
    let forms = select::forms(paths)?;
    writeln!(out, "Scenarios ({} forms):", forms.len())?;
    let width = forms.iter().map(|form| form.name.len()).max().unwrap_or(0);
    for form in &forms {
        writeln!(out, "  {:width$}  {}", form.name, form.scenario.title)?;
    }
    writeln!(out, "\nInvariants:")?;
    for invariant in INVARIANTS {
        writeln!(out, "  {:width$}  {}", invariant.id, invariant.title)?;
    }
    writeln!(out, "\nRelations between two runs:")?;
    for relation in RELATIONS {
        writeln!(out, "  {:width$}  {}", relation.id, relation.title)?;
    }
    writeln!(out, "\nSubjects:")?;
    for name in subject::bundled() {
        let (subject, _) = subject::load(&name)?;
        let missing = subject::missing_programs(&subject);
        let note =
            if missing.is_empty() { String::new() } else { format!("can't be judged here: no {}", missing.join(", ")) };
        writeln!(out, "  {name:width$}  {note}")?;
    }
    Ok(ExitCode::Ok)
}
