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
        codes.extend(runs.iter().filter(|run| run.not_applicable.is_none()).map(Run::code));
        tell(form, sweep, &points(sweep, args.seeds, &runs), out)?;
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

/// What came out at each offset.
fn points(sweep: &Sweep, seeds: u32, runs: &[Run]) -> Vec<Point> {
    let of_offset = runs.chunks(seeds.max(1) as usize);
    sweep.offsets().zip(of_offset).map(|(offset, runs)| point(offset, runs)).collect()
}

fn point(offset: Span, runs: &[Run]) -> Point {
    let mut point = Point { offset, ..Point::default() };
    for run in runs.iter().filter(|run| run.not_applicable.is_none()) {
        point.runs += 1;
        match run.code() {
            ExitCode::Ok => continue,
            ExitCode::Inconclusive => {
                point.inconclusive += 1;
                continue;
            }
            _ => point.failed += 1,
        }
        for (id, why) in failures(run) {
            point.because.entry(id).or_insert(why);
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

/// One block for each sweep: where it fails, how often, and why.
fn tell(form: &Form, sweep: &Sweep, points: &[Point], out: &mut dyn Write) -> io::Result<()> {
    let Sweep { step, from, to, .. } = sweep;
    let runs: u32 = points.iter().map(|point| point.runs).sum();
    writeln!(out, "{}: step {step} at {} offsets from {from} to {to}, {runs} runs", form.name, points.len())?;
    let windows = windows(points);
    for Window { from, to, after, before, points, failed, runs, because } in &windows {
        let edge =
            |edge: &Option<Span>, none: &str| edge.map_or(none.to_owned(), |offset| format!("{offset} does not"));
        writeln!(
            out,
            "  fails from {from} to {to} ({points} offsets, {failed} of {runs} runs); {}, {}",
            edge(after, "the range begins there"),
            edge(before, "the range ends there")
        )?;
        for (id, why) in because {
            writeln!(out, "    {id}: {why}")?;
        }
    }
    let doubtful = points.iter().filter(|point| point.inconclusive > 0).count();
    if doubtful > 0 {
        writeln!(out, "  inconclusive runs at {doubtful} offsets")?;
    }
    if windows.is_empty() && runs > 0 {
        writeln!(out, "  fails nowhere")?;
    }
    Ok(())
}
