//! `harness sweep`: one step at every offset of a range, and the windows in which something fails.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;

use crate::report::Run;
use crate::scenario::{self, Scenario, Span, Sweep};
use crate::search::{Point, Window, windows};
use crate::subject;
use crate::verdict::{ExitCode, Verdict};
use crate::world::Bins;

use super::args::SweepArgs;
use super::progress::Progress;
use super::select::{self, Form};
use super::suite::{self, Task, World};
use super::trouble::Trouble;
use super::{bins, run};

/// Runs every sweep that the files have, or the one that the command line asks for, and tells where it fails.
pub fn sweep(args: &SweepArgs) -> Result<ExitCode, Trouble> {
    let swept = swept(args)?;
    if swept.is_empty() {
        let why = "there is no sweep in these files; write `sweep: (step: 1, from: \"0s\", to: \"2s\", points: 40)` into one, \
                   or say --step 1 --from 0s --to 2s";
        return Err(Trouble::Usage(why.to_owned()));
    }
    let world = if args.sim { World::Sim } else { World::Real };
    let (subject, folder) = subject::load(if args.sim { run::REFERENCE } else { &args.subject })?;
    let found = if args.sim { Ok(Bins::default()) } else { bins::locate(args.bin_dir.as_deref()) };
    let bins = found.map_err(Trouble::Usage)?;
    let out = &mut io::stdout();
    let mut codes = Vec::new();
    for (form, sweep) in &swept {
        let tasks = tasks(form, sweep, args, |form, seed| run::task(form, &subject, &folder, &bins, seed));
        let mut progress = Progress::new(tasks.len());
        let runs = suite::run_all(tasks, world, args.jobs as usize, &args.histories, |news| progress.show(news));
        progress.end();
        let judged = runs.iter().filter(|run| run.not_applicable.is_none());
        // What a file expects is meant for the offsets that it has itself.
        codes.extend(judged.filter(|run| args.step.is_none() || fails(run) != Some(Fails::File)).map(Run::code));
        tell(form, sweep, args.seeds, &runs, out)?;
        if let Some(why) = runs.first().and_then(|run| run.not_applicable.as_ref()) {
            writeln!(out, "  not applicable: {why}")?;
        }
    }
    Ok(ExitCode::worst(codes))
}

/// The forms whose step is swept, and how. The command line comes before the files.
fn swept(args: &SweepArgs) -> Result<Vec<(Form, Sweep)>, Trouble> {
    let mut swept = Vec::new();
    if let Some(step) = args.step {
        let sweep = Sweep { step, from: Span(args.from), to: Span(args.to), points: args.points.unwrap_or(POINTS) };
        for form in select::unswept(&args.paths)? {
            let scenario = Scenario { sweep: Some(sweep.clone()), ..form.scenario.clone() };
            scenario::validate(&scenario)?;
            swept.push((Form { scenario, ..form }, sweep.clone()));
        }
        return Ok(swept);
    }
    for (name, file) in scenario::find(&args.paths)? {
        let (_, scenario) = select::read(&file)?;
        if let Some(sweep) = scenario.sweep.clone() {
            let sweep = Sweep { points: args.points.unwrap_or(sweep.points), ..sweep };
            let scenario = Scenario { variants: Vec::new(), sweep: Some(sweep.clone()), ..scenario };
            scenario::validate(&scenario)?;
            swept.push((Form { name, file: PathBuf::from(&file), scenario }, sweep));
        }
    }
    Ok(swept)
}

/// How many offsets, if nobody says.
const POINTS: u32 = 40;

/// Every offset with every seed, in the order of the offsets.
fn tasks(form: &Form, sweep: &Sweep, args: &SweepArgs, task: impl Fn(&Form, u64) -> Task) -> Vec<Task> {
    let offsets = form.scenario.forms().into_iter().skip(1).take(sweep.points as usize);
    let forms = offsets.map(|(point, scenario)| Form {
        name: format!("{}::{}", form.name, point.unwrap_or_default()),
        file: form.file.clone(),
        scenario,
    });
    let seeds =
        |form: Form| (0..args.seeds).map(|k| task(&form, args.seed.wrapping_add(u64::from(k)))).collect::<Vec<_>>();
    forms.flat_map(seeds).collect()
}

/// Whose word a run does not keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fails {
    /// The supervisor's: an invariant fails, whatever the offset.
    Promise,
    /// The file's alone: what it expects, or a step that must come. It may be the offset that it was not written for.
    File,
}

fn fails(run: &Run) -> Option<Fails> {
    if matches!(run.code(), ExitCode::Ok | ExitCode::Inconclusive) {
        return None;
    }
    let of_file = |id: &String| id.starts_with("EXPECT-") || id.starts_with("STEP-");
    let failed = failures(run);
    Some(if !failed.is_empty() && failed.keys().all(of_file) { Fails::File } else { Fails::Promise })
}

/// What came out at each offset: how many runs fail so.
fn points(sweep: &Sweep, seeds: u32, runs: &[Run], kind: Fails) -> Vec<Point> {
    let of_offset = runs.chunks(seeds.max(1) as usize);
    sweep.offsets().zip(of_offset).map(|(offset, runs)| point(offset, runs, kind)).collect()
}

fn point(offset: Span, runs: &[Run], kind: Fails) -> Point {
    let mut point = Point { offset, ..Point::default() };
    for run in runs.iter().filter(|run| run.not_applicable.is_none()) {
        point.runs += 1;
        point.inconclusive += u32::from(run.code() == ExitCode::Inconclusive);
        if fails(run) == Some(kind) {
            point.failed += 1;
            for (id, why) in failures(run) {
                point.because.entry(id).or_insert(why);
            }
        }
    }
    point
}

/// What failed in a run that is listed nowhere, and why.
fn failures(run: &Run) -> BTreeMap<String, String> {
    let Some(attempt) = run.attempts.last() else { return BTreeMap::new() };
    let failed = attempt.findings.iter().filter_map(|judged| match &judged.finding.verdict {
        Verdict::Fail { because, actual, .. } if judged.deviation.is_none() => {
            Some((judged.finding.id.clone(), format!("{because}; {actual}")))
        }
        _ => None,
    });
    let error = attempt.error.iter().map(|why| ("the harness".to_owned(), why.clone()));
    failed.chain(error).collect()
}

/// One block for each sweep: where it fails, how often, and why; then where it is only not as the file expects.
fn tell(form: &Form, sweep: &Sweep, seeds: u32, runs: &[Run], out: &mut dyn Write) -> io::Result<()> {
    let Sweep { step, from, to, .. } = sweep;
    let broken = points(sweep, seeds, runs, Fails::Promise);
    let unmet = points(sweep, seeds, runs, Fails::File);
    let count: u32 = broken.iter().map(|point| point.runs).sum();
    writeln!(out, "{}: step {step} at {} offsets from {from} to {to}, {count} runs", form.name, broken.len())?;
    let (fails, differs) = (windows(&broken), windows(&unmet));
    fails.iter().try_for_each(|window| tell_window("fails", window, out))?;
    differs.iter().try_for_each(|window| tell_window("not as the file expects", window, out))?;
    let doubtful = broken.iter().filter(|point| point.inconclusive > 0).count();
    if doubtful > 0 {
        writeln!(out, "  inconclusive runs at {doubtful} offsets")?;
    }
    match (fails.is_empty(), differs.is_empty()) {
        _ if count == 0 => Ok(()),
        (true, true) => writeln!(out, "  fails nowhere"),
        (true, false) => writeln!(out, "  no invariant fails anywhere"),
        _ => Ok(()),
    }
}

fn tell_window(what: &str, window: &Window, out: &mut dyn Write) -> io::Result<()> {
    let Window { from, to, after, before, points, failed, runs, because } = window;
    let edge = |edge: &Option<Span>, none: &str| edge.map_or(none.to_owned(), |offset| format!("{offset} does not"));
    writeln!(
        out,
        "  {what} from {from} to {to} ({points} offsets, {failed} of {runs} runs); {}, {}",
        edge(after, "the range begins there"),
        edge(before, "the range ends there")
    )?;
    because.iter().try_for_each(|(id, why)| writeln!(out, "    {id}: {why}"))
}
