//! `harness run` and `harness sim`.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::report::{self, Report, Style};
use crate::subject::{self, Subject};
use crate::verdict::ExitCode;
use crate::world::{Bins, Plan};

use super::args::{Format, RunArgs, Selection, SimArgs};
use super::progress::Progress;
use super::select::{self, Form};
use super::suite::{self, News, Task, World};
use super::trouble::Trouble;
use super::{bins, dry};

/// The subject of every simulation: the one supervisor whose source the simulator runs.
pub const REFERENCE: &str = "reference";

/// Runs scenarios with real processes.
pub fn run(args: &RunArgs) -> Result<ExitCode, Trouble> {
    let forms = select::forms(&args.selection.paths)?;
    let (subject, folder) = subject::load(&args.subject)?;
    let found = if args.selection.dry_run { Ok(Bins::default()) } else { bins::locate(args.bin_dir.as_deref()) };
    let bins = found.map_err(Trouble::Usage)?;
    let tasks = tasks(&forms, &subject, &folder, &bins, &args.selection);
    perform(tasks, World::Real, args.jobs as usize, &args.selection, is_suite(&forms))
}

/// Runs scenarios in simulation.
pub fn sim(args: &SimArgs) -> Result<ExitCode, Trouble> {
    let forms = select::forms(&args.selection.paths)?;
    let (subject, folder) = subject::load(REFERENCE)?;
    let tasks = tasks(&forms, &subject, &folder, &Bins::default(), &args.selection);
    perform(tasks, World::Sim, 1, &args.selection, is_suite(&forms))
}

/// The tasks of a selection: every form, `repeat` times, each time with the next seed.
fn tasks(forms: &[Form], subject: &Subject, folder: &Path, bins: &Bins, selection: &Selection) -> Vec<Task> {
    let mut subject = subject.clone();
    if selection.no_events {
        subject.events = None;
    }
    let seeds = (0..u64::from(selection.repeat)).map(|k| selection.seed.wrapping_add(k));
    seeds
        .flat_map(|seed| forms.iter().map(move |form| (seed, form)))
        .map(|(seed, form)| task(form, &subject, folder, bins, seed))
        .collect()
}

/// The task of one form with one seed.
pub fn task(form: &Form, subject: &Subject, folder: &Path, bins: &Bins, seed: u64) -> Task {
    let plan = Plan {
        name: form.name.clone(),
        scenario: form.scenario.clone(),
        subject: subject.clone(),
        subject_dir: folder.to_owned(),
        seed,
        bins: bins.clone(),
    };
    Task { file: form.file.clone(), plan }
}

/// Whether these are all forms of the suite, and that is more than a few files.
fn is_suite(forms: &[Form]) -> bool {
    let files = |forms: &[Form]| forms.iter().map(|form| form.file.clone()).collect::<BTreeSet<_>>().len();
    let suite = select::forms(&[PathBuf::from(select::SUITE)]).unwrap_or_default();
    let has = |name: &str| forms.iter().any(|form| form.name == name);
    files(forms) >= report::SUITE && !suite.is_empty() && suite.iter().all(|form| has(&form.name))
}

fn perform(
    tasks: Vec<Task>,
    world: World,
    jobs: usize,
    selection: &Selection,
    suite: bool,
) -> Result<ExitCode, Trouble> {
    let out = &mut io::stdout();
    let began = Instant::now();
    if selection.dry_run {
        dry::print(&tasks, world, out)?;
        return Ok(ExitCode::Ok);
    }
    let style = if out.is_terminal() { Style::Colour } else { Style::Plain };
    let human = selection.format == Format::Human;
    let mut progress = Progress::new(tasks.len());
    let mut failed = Ok(());
    let runs = suite::run_all(tasks, world, jobs, &selection.histories, |news| {
        progress.show(news);
        if let News::Ended(run) = news
            && human
            && failed.is_ok()
        {
            failed = progress.aside(|| report::run_block(run, style, out).and_then(|()| out.flush()));
        }
    });
    progress.end();
    failed?;
    let report = if suite { Report::of_suite(runs) } else { Report::new(runs) };
    match selection.format {
        Format::Human => report::summary(&report, Some(began.elapsed()), style, out)?,
        Format::Json => report::json(&report, out)?,
        Format::Junit => report::junit(&report, out)?,
    }
    Ok(report.code)
}
