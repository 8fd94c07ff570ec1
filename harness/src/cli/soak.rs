//! `harness soak`: many runs beside a busy machine, and what came out of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::relation::Twin;
use crate::report::{self, Run, Style};
use crate::subject;
use crate::verdict::ExitCode;
use crate::world::real;

use super::args::SoakArgs;
use super::goals::{Goal, goals, wanted};
use super::ledger::{Done, Ledger, Line, Session};
use super::progress::Progress;
use super::select;
use super::stress::Stress;
use super::suite::{self, Task, World};
use super::tallied::Tallied;
use super::tested::Tested;
use super::trouble::Trouble;
use super::{bins, run};

/// Runs the forms, those that have the smallest part of what is wanted first, and prints every run that did not come out as
/// expected, then the counts.
pub fn soak(args: &SoakArgs) -> Result<ExitCode, Trouble> {
    let forms = select::forms(&args.paths)?;
    let (subject, folder) = subject::load(&args.subject)?;
    let bins = bins::locate(args.bin_dir.as_deref()).map_err(Trouble::Usage)?;
    let tasks: Vec<Task> = forms.iter().map(|form| run::task(form, &subject, &folder, &bins, args.seed)).collect();
    let tested = Tested::of(&tasks, &bins, &folder).map_err(Trouble::Usage)?;
    let counts = |done: &Done| {
        done.subject == subject.name && (args.any_build || tested.form(&done.name) == Some(done.tested.as_str()))
    };
    let mut ledger = Ledger::open(args.resume.as_deref(), counts).map_err(Trouble::Usage)?;
    let version = tasks.first().map_or_else(String::new, |task| real::subject_version(&task.plan));
    let (groups, goals, not_applicable) = planned(tasks, args);
    let commit = commit();
    let session = Session {
        commit: commit.clone(),
        build: tested.build.clone(),
        subject: subject.name.clone(),
        subject_version: version,
        host: real::facts(),
        stress: args.stress.iter().map(|kind| format!("{:?}", kind).to_lowercase()).collect(),
        jobs: args.jobs(),
        began: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
    };
    ledger.append(&Line::Session(session)).map_err(Trouble::Output)?;
    let until = args.span.map(|span| Instant::now() + span);
    let soak = Soak { args, commit, tested, until, state: Mutex::new(State::new(ledger, groups)) };
    let stress = Stress::start(&args.stress);
    soak.run();
    drop(stress);
    let state = soak.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    state.progress.end();
    if let Some(why) = state.trouble {
        return Err(Trouble::Output(why));
    }
    let forms = state.groups.iter().map(|group| (group.form.clone(), group.wanted));
    let tallied = Tallied::new(forms, &goals, &state.ledger);
    tallied.print(&not_applicable, &mut io::stdout())?;
    Ok(tallied.code())
}

/// The tasks of one counted form: one, or one for each point of a sweep.
#[derive(Debug)]
struct Group {
    form: String,
    /// How many runs are wanted of it.
    wanted: u32,
    tasks: Vec<Task>,
    /// How many of its runs are going on.
    running: u32,
}

/// What is planned, for which goals, and what is not applicable and why.
fn planned(tasks: Vec<Task>, args: &SoakArgs) -> (Vec<Group>, Vec<Goal>, BTreeMap<String, usize>) {
    let mut forms: BTreeMap<String, Vec<Task>> = BTreeMap::new();
    let mut not_applicable = BTreeMap::new();
    for task in tasks {
        let missing = suite::missing(&task.plan, World::Real);
        if missing.is_empty() {
            forms.entry(counted_as(&task.plan.name)).or_default().push(task);
        }
        missing.into_iter().for_each(|why| *not_applicable.entry(why).or_default() += 1);
    }
    let scenarios =
        forms.iter().flat_map(|(form, tasks)| tasks.iter().map(|task| (form.as_str(), &task.plan.scenario)));
    let goals = goals(scenarios, args.p0, args.p1);
    let group = |(form, tasks): (String, _)| Group { wanted: wanted(&goals, &form), form, tasks, running: 0 };
    (forms.into_iter().map(group).collect(), goals, not_applicable)
}

/// The points of a sweep are counted as one form.
fn counted_as(name: &str) -> String {
    match name.rsplit_once("::sweep_") {
        Some((file, _)) => format!("{file}::sweep"),
        None => name.to_owned(),
    }
}

/// The commit of the source that this was built from, as it is now, if that is a checkout; else the version.
fn commit() -> String {
    let source = env!("CARGO_MANIFEST_DIR");
    let described = Command::new("git").args(["-C", source, "describe", "--always", "--dirty", "--tags"]).output();
    let said = described.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let said = said.map(|said| String::from_utf8_lossy(&said).trim().to_owned()).filter(|said| !said.is_empty());
    said.unwrap_or_else(|| format!("version {}", env!("CARGO_PKG_VERSION")))
}

struct Soak<'a> {
    args: &'a SoakArgs,
    commit: String,
    tested: Tested,
    /// No run begins after this; without it the soak ends when every goal is reached.
    until: Option<Instant>,
    state: Mutex<State>,
}

struct State {
    ledger: Ledger,
    groups: Vec<Group>,
    /// Runs that were begun by this soak and are not over.
    running: BTreeSet<(String, u64)>,
    progress: Progress,
    /// What can't be written ends the soak.
    trouble: Option<io::Error>,
}

impl State {
    fn new(ledger: Ledger, groups: Vec<Group>) -> Self {
        let wanted: u32 = groups.iter().map(|group| group.wanted.saturating_sub(ledger.of(&group.form).runs)).sum();
        Self { ledger, groups, running: BTreeSet::new(), progress: Progress::new(wanted as usize), trouble: None }
    }

    /// The run that is wanted most: of the form with the smallest part of its runs, with its next seed. `beyond` goes on
    /// when every form has them.
    fn next(&mut self, seed: u64, beyond: bool) -> Option<(usize, Task)> {
        let begun = |group: &Group| self.ledger.of(&group.form).runs + group.running;
        let wanting = self.groups.iter().enumerate().filter(|(_, group)| beyond || begun(group) < group.wanted);
        let part = |group: &Group| f64::from(begun(group)) / f64::from(group.wanted.max(1));
        let (index, group) = wanting.min_by(|(_, one), (_, other)| part(one).total_cmp(&part(other)))?;
        // Seeds in order, the points of a sweep in turn: the first that was not run yet and is not running.
        let mut candidates = (0..).map(|n: u64| {
            let points = group.tasks.len() as u64;
            (&group.tasks[(n % points) as usize], seed.wrapping_add(n / points))
        });
        let fresh = |(task, seed): &(&Task, u64)| {
            !self.ledger.has(&task.plan.name, *seed) && !self.running.contains(&(task.plan.name.clone(), *seed))
        };
        let (task, seed) = candidates.find(fresh)?;
        let mut task = task.clone();
        task.plan.seed = seed;
        self.running.insert((task.plan.name.clone(), seed));
        self.groups[index].running += 1;
        Some((index, task))
    }

    /// Notes a run that is over, and shows it if it is news.
    fn over(&mut self, index: usize, run: &Run, commit: &str, tested: &str) {
        let group = &mut self.groups[index];
        group.running -= 1;
        self.running.remove(&(run.name.clone(), run.seed));
        let done = Done {
            form: group.form.clone(),
            name: run.name.clone(),
            seed: run.seed,
            commit: commit.to_owned(),
            tested: tested.to_owned(),
            subject: run.subject.clone(),
            code: run.code(),
            first: run.attempts.first().map_or(ExitCode::NothingJudged, |attempt| attempt.code),
            attempts: u32::try_from(run.attempts.len()).unwrap_or(u32::MAX),
            took_ms: run.attempts.iter().map(|attempt| attempt.took_ms).sum(),
        };
        let kept = self.ledger.append(&Line::Run(done));
        let shown = if run.code() == ExitCode::Ok {
            Ok(())
        } else {
            self.progress.aside(|| report::run_block(run, Style::Plain, &mut io::stdout()))
        };
        self.progress.one_more();
        if let Err(why) = kept.and(shown) {
            self.trouble.get_or_insert(why);
        }
    }
}

impl Soak<'_> {
    fn run(&self) {
        thread::scope(|scope| {
            for _ in 0..self.args.jobs() {
                scope.spawn(|| {
                    while let Some((index, task)) = self.next() {
                        let run = suite::run(&task, World::Real, &self.args.histories, &mut |_| {});
                        let tested = self.tested.form(&run.name).unwrap_or_default();
                        self.state().over(index, &run, &self.commit, tested);
                        if run.code() == ExitCode::Ok {
                            forget(&run);
                        }
                    }
                });
            }
        });
    }

    fn next(&self) -> Option<(usize, Task)> {
        if self.until.is_some_and(|until| Instant::now() >= until) {
            return None;
        }
        let mut state = self.state();
        if state.trouble.is_some() { None } else { state.next(self.args.seed, self.until.is_some()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Thousands of histories in which nothing is wrong fill a disk and are read by nobody.
fn forget(run: &Run) {
    for path in run.attempts.iter().filter_map(|attempt| attempt.history.as_deref()) {
        // What is in the way of that is no matter of the soak; most runs have no twin.
        let _ = std::fs::remove_file(path);
        Twin::ALL.iter().for_each(|twin| drop(std::fs::remove_file(twin.beside(path))));
    }
}
