//! Mutants as real processes: each is caught by the invariant that has to notice it, and nothing else fails but what
//! follows from that.
//!
//! This program is a mutant itself when it is called by the name of one, so that no other has to be built: each trial
//! makes a link to it and has the harness start that in the place of the supervisor.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use harness::world::{Bins, Plan, real};
use libtest_mimic::{Arguments, Failed, Trial};
use mutants::{Mutant, failures, find};

/// Those that a real kernel shows as surely as the simulated one.
const CHOSEN: [&str; 8] = [
    "no-restart",
    "one-reap-per-sigchld",
    "two-replacements-per-retirement",
    "no-drain",
    "never-gives-up",
    "gives-up-with-status-0",
    "orphans-on-stop",
    "term-lost-during-rolling-restart",
];

/// A host that stalls can leave a run without a verdict.
const ATTEMPTS: u64 = 3;

fn main() -> ExitCode {
    let own = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&own).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if find(name).is_some() {
        return mutants::program::main();
    }
    let arguments = Arguments::from_args();
    let caught = |name: &'static str| Trial::test(name.replace('-', "_"), move || is_caught(name));
    let mut trials: Vec<Trial> = CHOSEN.into_iter().map(caught).collect();
    trials.push(Trial::test("unmutated", passes));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn is_caught(name: &str) -> Result<(), Failed> {
    let mutant = find(name).ok_or("no such mutant")?;
    let mut seen = BTreeMap::new();
    for attempt in 1..=ATTEMPTS {
        seen = run(mutant, attempt)?;
        if seen.contains_key(mutant.caught_by) {
            break;
        }
    }
    if !seen.contains_key(mutant.caught_by) {
        return Err(format!("{} did not notice in {}: {seen:#?}", mutant.caught_by, mutant.scenario).into());
    }
    seen.retain(|id, _| id != mutant.caught_by && !mutant.has_consequence(id));
    if seen.is_empty() { Ok(()) } else { Err(format!("these failed too: {seen:#?}").into()) }
}

fn passes() -> Result<(), Failed> {
    let failed = run(&mutants::UNMUTATED, 1)?;
    if failed.is_empty() { Ok(()) } else { Err(format!("{failed:#?}").into()) }
}

/// What failed, and why: invariants alone.
fn run(mutant: &Mutant, seed: u64) -> Result<BTreeMap<String, String>, Failed> {
    let link = Link::new(mutant.name)?;
    let plan = mutants::plan(mutant.scenario, seed)?;
    let bins = Bins {
        harness: env!("CARGO_BIN_EXE_harness").into(),
        supervisor: link.path.clone(),
        puppet: env!("CARGO_BIN_EXE_puppet").into(),
    };
    let plan = Plan { bins, ..plan };
    let history = real::run(&plan, &mut |_| {}).map_err(|why| why.to_string())?;
    Ok(failures(&plan, &history).into_iter().filter(|(id, _)| id.starts_with("INV-")).collect())
}

/// A link to this program by the name of a mutant, in a directory of its own.
struct Link {
    path: PathBuf,
    _dir: tempfile::TempDir,
}

impl Link {
    fn new(name: &str) -> Result<Self, Failed> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join(name);
        symlink(std::env::current_exe()?, &path)?;
        Ok(Self { path, _dir: dir })
    }
}
