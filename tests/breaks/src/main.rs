//! Tries every small break of the supervisor that cargo-mutants lists: all of them are put into one build, each behind a
//! switch, since building takes much longer than trying. Those with which that does not compile are built one by one.

mod list;
mod places;
mod results;
mod tree;
mod trials;
mod weave;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};

use list::Mutant;
use places::Id;
use results::{Outcome, Results};
use tree::Tree;
use trials::{Step, attempt};

/// How many are tried at a time.
const JOBS: usize = 2;

/// The rooms of which the properties are.
const PURE: [&str; 2] = ["supervisor/src/core", "supervisor/src/policy"];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (unit, paths): (Vec<String>, Vec<String>) = arguments.into_iter().partition(|argument| argument == "--unit");
    let [list, tree, results] = paths.as_slice() else {
        eprintln!("usage: breaks [--unit] LIST TREE RESULTS (see .ci/mutants)");
        return ExitCode::from(64);
    };
    match run(Path::new(list), Path::new(tree), Path::new(results), !unit.is_empty()) {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::from(2),
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

/// Gives how many were missed, by all tests or by the unit tests alone.
fn run(list: &Path, root: &Path, results: &Path, unit: bool) -> Result<usize, String> {
    let text = fs::read(list).map_err(|why| format!("{}: {why}", list.display()))?;
    let mutants: Vec<Mutant> = serde_json::from_slice(&text).map_err(|why| format!("{}: {why}", list.display()))?;
    let results = Results::open(results)?;
    let tree = Tree::new(root, &mutants)?;
    let numbered: Vec<(Id, &Mutant)> = (1..).zip(&mutants).collect();
    if mutants.iter().any(|mutant| !results.has(mutant)) {
        let woven = tree.weave(&numbered)?;
        let pure = mutants.iter().any(|mutant| PURE.iter().any(|room| mutant.file.starts_with(room)));
        let steps = || if unit { Ok(vec![unit_tests(&tree, root)?]) } else { all_steps(&tree, root, pure) };
        let measured = steps()?.into_iter().map(Step::measure).collect::<Result<Vec<Step>, String>>()?;
        let steps =
            || steps().map(|all| all.into_iter().map(|step| step.with_time_of(&measured)).collect::<Vec<Step>>());
        try_woven(&numbered, &woven, &measured, &results)?;
        for (_, mutant) in numbered.iter().filter(|(id, mutant)| !woven.contains(id) && !results.has(mutant)) {
            let compiles = tree.put_in(mutant)?;
            let outcome = if compiles { attempt(&steps()?, 0)? } else { Outcome::DoesNotCompile };
            results.add(mutant, outcome)?;
        }
        tree.restore()?;
    }
    Ok(results.tell())
}

/// The real kernel is not in question, and who tries it, tries real processes.
fn unit_tests(tree: &Tree, root: &Path) -> Result<Step, String> {
    let built = tree.build(&["test", "--no-run", "--package", "supervisor", "--lib"])?;
    Step::new(
        "unit tests",
        &built,
        "supervisor",
        &["--skip", "unix::", "--skip", "properties::"],
        root.join("supervisor"),
    )
}

/// What can notice a mutant, from the cheap to the dear. The properties are those of the two rooms without I/O.
fn all_steps(tree: &Tree, root: &Path, pure: bool) -> Result<Vec<Step>, String> {
    let unit = unit_tests(tree, root)?;
    let suite = tree.build(&["test", "--no-run", "--package", "supervision", "--test", "scenarios"])?;
    let again = ["sim", "scenarios", "--seed", "2", "--repeat", "4"];
    let properties = pure.then(|| unit.clone().instead("properties", &["properties::"]));
    let simulated = [
        Step::new("simulated suite", &suite, "harness", &["sim", "scenarios"], root.to_owned())?,
        Step::new("simulated suite again", &suite, "harness", &again, root.to_owned())?,
    ];
    Ok([unit].into_iter().chain(simulated).chain(properties).collect())
}

fn try_woven(all: &[(Id, &Mutant)], woven: &BTreeSet<Id>, steps: &[Step], results: &Results) -> Result<(), String> {
    let next = AtomicUsize::new(0);
    let one_by_one = || {
        while let Some((id, mutant)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            if woven.contains(id) && !results.has(mutant) {
                results.add(mutant, attempt(steps, *id)?)?;
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let jobs: Vec<_> = (0..JOBS).map(|_| scope.spawn(one_by_one)).collect();
        jobs.into_iter().try_for_each(|job| job.join().unwrap_or_else(|_| Err("a job panicked".to_owned())))
    })
}
