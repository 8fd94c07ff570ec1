//! Runs plans, side by side and again where the outcome was inconclusive.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::history::{Event, History};
use crate::invariant::{self, Finding, Slack};
use crate::relation::{Side, Twin};
use crate::report::{Attempt, Run, conform, figures};
use crate::scenario;
use crate::search::Seen;
use crate::subject;
use crate::verdict::ExitCode;
use crate::world::sim::Counters;
use crate::world::{self, Plan};

/// How often a run is tried before it stays inconclusive.
pub const ATTEMPTS: u32 = 3;

/// Where a plan runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum World {
    /// With real processes.
    Real,
    /// In simulation.
    Sim,
}

/// One plan, and the file that it came from.
#[derive(Clone, Debug)]
pub struct Task {
    /// The scenario file.
    pub file: PathBuf,
    /// The plan.
    pub plan: Plan,
}

/// What is told while plans run.
#[derive(Debug)]
pub enum News {
    /// A run begins.
    Began(String),
    /// Something happened in it.
    Happened(String, Box<Event>),
    /// It is over.
    Ended(Box<Run>),
}

/// Runs every task and returns the runs in the order of the tasks. Those that are to be alone come last, so that the
/// others wait for them only once.
pub fn run_all(tasks: Vec<Task>, world: World, jobs: usize, histories: &Path, mut news: impl FnMut(&News)) -> Vec<Run> {
    let count = tasks.len();
    let (last, first): (Vec<_>, Vec<_>) = tasks.into_iter().enumerate().partition(|(_, task)| task.plan.scenario.alone);
    let queue: Mutex<VecDeque<(usize, Task)>> = Mutex::new(first.into_iter().chain(last).collect());
    let (sender, receiver) = mpsc::channel();
    let mut runs: Vec<Option<Run>> = vec![None; count];
    thread::scope(|scope| {
        for _ in 0..jobs.min(count) {
            let sender = sender.clone();
            let queue = &queue;
            scope.spawn(move || {
                while let Some((index, task)) = next(queue) {
                    // The receiver lives until every sender is gone, so that a failed send can't happen.
                    let tell = |news| drop(sender.send((index, news)));
                    tell(News::Began(task.plan.name.clone()));
                    let run = run(&task, world, histories, &mut |event| {
                        tell(News::Happened(task.plan.name.clone(), Box::new(event.clone())));
                    });
                    tell(News::Ended(Box::new(run)));
                }
            });
        }
        drop(sender);
        for (index, item) in receiver {
            news(&item);
            if let News::Ended(run) = item {
                runs[index] = Some(*run);
            }
        }
    });
    runs.into_iter().flatten().collect()
}

fn next(queue: &Mutex<VecDeque<(usize, Task)>>) -> Option<(usize, Task)> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
}

/// Runs one task: at once `NotApplicable` if the subject lacks what the scenario needs, else until an attempt is
/// conclusive. With real processes it waits before that until it may run beside those that are running.
pub fn run(task: &Task, world: World, histories: &Path, progress: &mut dyn FnMut(&Event)) -> Run {
    let plan = &task.plan;
    let mut run = Run::new(&plan.name, &task.file, world.name(), &plan.subject.name, plan.seed);
    let missing = missing(plan, world);
    if !missing.is_empty() {
        run.not_applicable = Some(missing.join("; "));
        return run;
    }
    let _pass = (world == World::Real).then(|| world::real::enter(&plan.scenario));
    for number in 1..=world.attempts() {
        let attempt = attempt(task, world, histories, number, progress);
        let conclusive = attempt.code != ExitCode::Inconclusive;
        run.attempts.push(attempt);
        if conclusive {
            break;
        }
    }
    run
}

/// Why a plan can't be run in this world; empty if it can.
pub fn missing(plan: &Plan, world: World) -> Vec<String> {
    let mut missing = subject::lacks(&plan.subject, &plan.scenario);
    match world {
        World::Real => {
            let programs = subject::missing_programs(&plan.subject);
            missing.extend(world::real::forbids(plan));
            missing.extend(programs.iter().map(|name| format!("`{name}` is not on this machine")));
            if missing.is_empty() {
                missing.extend(world::real::lacks(plan));
            }
        }
        World::Sim => {
            let unknown = scenario::not_simulated(&plan.scenario);
            missing.extend(unknown.iter().map(|name| format!("not simulated: {name}")));
        }
    }
    missing
}

fn attempt(task: &Task, world: World, histories: &Path, number: u32, progress: &mut dyn FnMut(&Event)) -> Attempt {
    let began = Instant::now();
    let took = || u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let plan = &task.plan;
    let file = format!("{}.{}.{}.{number}", plan.name.replace("::", "."), world.name(), plan.seed);
    let path = histories.join(format!("{file}.jsonl"));
    let lived = live(plan, world, &path, progress).and_then(|mut lived| {
        for (kind, scenario) in Twin::of(&plan.scenario) {
            let twin = Plan { scenario, ..plan.clone() };
            let other = live(&twin, world, &kind.beside(&path), progress)?;
            let mine = Side { history: &lived.history, findings: &lived.findings };
            let theirs = Side { history: &other.history, findings: &other.findings };
            lived.findings.push(kind.judge(&plan.scenario, mine, theirs));
            lived.twins.push((kind, other.history));
        }
        Ok(lived)
    });
    let Lived { history, findings, situations, twins } = match lived {
        Ok(lived) => lived,
        Err(why) => return Attempt::failed(why, took()),
    };
    let mut written = (world == World::Real).then(|| path.clone());
    let attempt = Attempt::judged(conform(findings, &plan.subject.deviations, &plan.name), None, took());
    if written.is_none() && attempt.code != ExitCode::Ok {
        let twins = twins.iter().try_for_each(|(kind, twin)| write(twin, &kind.beside(&path)));
        written = twins.and_then(|()| write(&history, &path)).is_ok().then_some(path);
    }
    Attempt { history: written, figures: figures(&plan.scenario, &history), situations, ..attempt }
}

/// One run, judged.
struct Lived {
    history: History,
    findings: Vec<Finding>,
    situations: Vec<String>,
    /// What it was compared with.
    twins: Vec<(Twin, History)>,
}

/// A real run can't be made again, so that its history is on disk before anyone judges it; a simulated one can.
fn live(plan: &Plan, world: World, path: &Path, progress: &mut dyn FnMut(&Event)) -> Result<Lived, String> {
    let (history, kernel) = match world {
        World::Real => {
            let history = world::real::run(plan, progress).map_err(|why| why.to_string())?;
            write(&history, path).map_err(|why| format!("{}: {why}", path.display()))?;
            (history, Counters::default())
        }
        World::Sim => {
            let outcome = catch_unwind(AssertUnwindSafe(|| world::sim::lived(plan)));
            let outcome = outcome.map_err(|_| "the simulator panicked".to_owned())?;
            (outcome.history, outcome.counters)
        }
    };
    let slack = Slack(Duration::from_nanos(history.header.slack_ns));
    let findings = invariant::judge(&plan.scenario, &plan.subject.profile, &history, slack);
    // Whoever breaks down over a history has had nothing to say about it.
    let seen = catch_unwind(AssertUnwindSafe(|| Seen::new(&plan.scenario, &history, kernel).situations()));
    let situations = seen.unwrap_or_default().into_iter().map(str::to_owned).collect();
    Ok(Lived { history, findings, situations, twins: Vec::new() })
}

/// Writes a history down.
pub fn write(history: &History, path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = BufWriter::new(File::create(path)?);
    history.write(&mut file)?;
    file.flush()
}

impl World {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Sim => "sim",
        }
    }

    /// A simulated run comes out the same every time.
    fn attempts(self) -> u32 {
        match self {
            Self::Real => ATTEMPTS,
            Self::Sim => 1,
        }
    }
}
