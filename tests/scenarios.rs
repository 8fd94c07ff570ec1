//! The suite as tests: one for each form of each scenario file, simulated and with real processes.
//!
//! `cargo test flap` runs those of one file, `cargo test sim::` the simulated ones; nextest lists them, too.
//!
//! Without a name `cargo test` leaves out, as ignored, what takes long and matters less: the real runs of forms that guard
//! against no P0 entry of the catalogue. `cargo test --test scenarios -- --ignored` runs just those; the gate does. What can't
//! be run here is never counted as passed: it is ignored with the reason, and the last line names it.

mod trials_support;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use harness::cli::{Task, World, forms, missing, run_task};
use harness::report::{Run, Style, run_block};
use harness::scenario::{Scenario, entry};
use harness::subject;
use harness::verdict::ExitCode;
use harness::world::{Bins, Plan};
use libtest_mimic::{Completion, Failed, Trial};

/// How many real forms were judged.
static JUDGED: AtomicUsize = AtomicUsize::new(0);

/// How many seeds a simulated test tries.
const SEEDS: u64 = 20;

fn main() {
    let arguments = trials_support::arguments();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let forms = forms(&[folder]).unwrap_or_else(|problems| panic!("{problems}"));
    let (reference, home) = subject::load("reference").unwrap_or_else(|problems| panic!("{problems}"));
    let bins = Bins {
        harness: env!("CARGO_BIN_EXE_harness").into(),
        supervisor: env!("CARGO_BIN_EXE_supervisor").into(),
        puppet: env!("CARGO_BIN_EXE_puppet").into(),
    };
    let mut trials = Vec::new();
    let (mut real, mut not_run, mut not_simulated) = (0, Vec::new(), Vec::new());
    for form in forms {
        let plan = Plan {
            name: form.name.clone(),
            scenario: form.scenario,
            subject: reference.clone(),
            subject_dir: home.clone(),
            seed: 1,
            bins: bins.clone(),
        };
        let task = Task { file: form.file, plan };
        let again = task.clone();
        let name = format!("sim::{}", form.name);
        // What the simulation has no model of is not applicable there.
        let lacking = missing(&task.plan, World::Sim).join("; ");
        if lacking.is_empty() {
            trials.push(Trial::test(name, move || simulated(&again)));
        } else {
            not_simulated.push(format!("{name} ({lacking})"));
        }
        let later = !matters_most(&task.plan.scenario) && !trials_support::is_named(&arguments);
        let name = format!("real::{}", form.name);
        let lacking = missing(&task.plan, World::Real).join("; ");
        real += 1;
        if lacking.is_empty() {
            let judged = move || {
                JUDGED.fetch_add(1, Ordering::Relaxed);
                judged(&task, World::Real)
            };
            trials.push(Trial::test(name, judged).with_ignored_flag(later));
        } else {
            not_run.push(format!("{name} ({lacking})"));
            let ignored = || Ok(Completion::ignored_with(lacking));
            trials.push(Trial::ignorable_test(name, ignored).with_ignored_flag(true));
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if arguments.filter.is_none() && !arguments.list {
        let judged = JUDGED.load(Ordering::Relaxed);
        let left_out = real - not_run.len() - judged;
        println!("{judged} of {real} real forms judged, {left_out} left out; can't be run here: {}\n", said(&not_run));
        let simulated = real - not_simulated.len();
        println!("{simulated} of {real} forms simulated; not applicable: {}\n", said(&not_simulated));
    }
    conclusion.exit();
}

fn said(all: &[String]) -> String {
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

/// Whether it guards against an entry of the catalogue that comes first.
fn matters_most(scenario: &Scenario) -> bool {
    let entries = scenario.guards_against.iter().filter_map(|id| entry(id));
    entries.into_iter().any(|entry| entry.priority == "P0")
}

/// A simulated run is cheap: several seeds each.
fn simulated(task: &Task) -> Result<(), Failed> {
    (1..=SEEDS).try_for_each(|seed| {
        let plan = Plan { seed, ..task.plan.clone() };
        judged(&Task { plan, ..task.clone() }, World::Sim)
    })
}

fn judged(task: &Task, world: World) -> Result<(), Failed> {
    let run = run_task(task, world, &histories(), &mut |_| {});
    if run.code() == ExitCode::Ok { Ok(()) } else { Err(told(&run).into()) }
}

/// Beside cargo's own output, so that a failed run's history can be looked at.
fn histories() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("histories")
}

fn told(run: &Run) -> String {
    let mut text = Vec::new();
    match run_block(run, Style::Plain, &mut text) {
        Ok(()) => String::from_utf8_lossy(&text).into_owned(),
        Err(why) => why.to_string(),
    }
}
