//! The suite as tests: one for each form of each scenario file, simulated and with real processes.
//!
//! `cargo test flap` runs those of one file, `cargo test sim::` the simulated ones; nextest lists them, too.

use std::path::{Path, PathBuf};

use harness::cli::{Task, World, forms, missing, run_task};
use harness::report::{Run, Style, run_block};
use harness::subject;
use harness::verdict::ExitCode;
use harness::world::{Bins, Plan};
use libtest_mimic::{Arguments, Failed, Trial};

/// How many seeds a simulated test tries.
const SEEDS: u64 = 20;

fn main() {
    let arguments = Arguments::from_args();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let forms = forms(&[folder]).unwrap_or_else(|problems| panic!("{problems}"));
    let (reference, home) = subject::load("reference").unwrap_or_else(|problems| panic!("{problems}"));
    let bins = Bins {
        harness: env!("CARGO_BIN_EXE_harness").into(),
        supervisor: env!("CARGO_BIN_EXE_supervisor").into(),
        puppet: env!("CARGO_BIN_EXE_puppet").into(),
    };
    let mut trials = Vec::new();
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
        // What the simulation has no model of is not applicable there, and says nothing.
        if missing(&task.plan, World::Sim).is_empty() {
            trials.push(Trial::test(format!("sim::{}", form.name), move || simulated(&again)));
        }
        // Nor does what this host forbids.
        if !missing(&task.plan, World::Real).iter().any(|why| why.starts_with("here: ")) {
            trials.push(Trial::test(format!("real::{}", form.name), move || judged(&task, World::Real)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
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
