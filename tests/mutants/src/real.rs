//! A mutant as a real process: whoever calls this is the mutant that it starts, by another name.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;

use harness::world::{Bins, Plan, real};

use crate::matrix::{failures, noticed, plan};
use crate::mutant::Mutant;

/// A host that stalls can leave a run without a verdict.
const ATTEMPTS: u64 = 3;

/// What follows where a client happens to be served at that very instant, which real ones are now and then and simulated
/// ones hardly: mutant, invariant, why.
pub const BY_CHANCE: [(&str, &str, &str); 10] = [
    ("passes-to-who-leaves", "INV-CONSERVE", "who has left already answers nobody"),
    ("scale-forgets-slots", "INV-CONSERVE", "who was not told to leave is killed at the deadline, whatever it does"),
    ("scale-forgets-slots", "INV-DRAIN", "and is not given the time to finish it"),
    ("scale-forgets-slots", "INV-FLOOR", "and if that is a probe, it has no answer"),
    (
        "two-replacements-per-retirement",
        "INV-CONSERVE",
        "surplus workers that are last to leave are killed, whatever they do",
    ),
    ("two-replacements-per-retirement", "INV-DRAIN", "and are not given the time to finish it"),
    ("wall-clock-heartbeat", "INV-CONSERVE", "who is killed for a hang that is none may be answering somebody"),
    ("wall-clock-heartbeat", "INV-DRAIN", "and is not given the time to finish that"),
    ("failed-reload-is-a-success", "INV-GENERATION", "what is said to be done is judged as done"),
    (
        "retirement-is-free",
        "INV-STATIONARY",
        "hundreds of workers a second leave that many open descriptors at any instant",
    ),
];

/// Runs a mutant in its scenario, at most three times, until its invariant notices it. What failed in the last run beside
/// that and its consequences is an error.
///
/// # Errors
/// What was seen instead, or why nothing could be run.
pub fn must_be_caught(mutant: &Mutant, harness: &Path, puppet: &Path) -> Result<(), String> {
    let mut seen = BTreeMap::new();
    for attempt in 1..=ATTEMPTS {
        seen = run(mutant, harness, puppet, attempt)?;
        if seen.contains_key(mutant.caught_by) {
            break;
        }
    }
    if seen.remove(mutant.caught_by).is_none() {
        return Err(format!("{} did not notice in {}: {seen:#?}", mutant.caught_by, mutant.scenario));
    }
    let by_chance = |id: &str| BY_CHANCE.iter().any(|(name, follows, _)| *name == mutant.name && *follows == id);
    seen.retain(|id, _| !mutant.has_consequence(id) && !by_chance(id));
    if seen.is_empty() { Ok(()) } else { Err(format!("these failed too: {seen:#?}")) }
}

/// One run; which invariants failed, and why. The running program must be [`crate::program::main`] under the name of a
/// mutant: it is started by a link to it.
///
/// # Errors
/// Why it could not be run.
pub fn run(mutant: &Mutant, harness: &Path, puppet: &Path, seed: u64) -> Result<BTreeMap<String, String>, String> {
    let dir = tempfile::tempdir().map_err(|why| why.to_string())?;
    let supervisor = dir.path().join(mutant.name);
    let own = std::env::current_exe().map_err(|why| why.to_string())?;
    symlink(own, &supervisor).map_err(|why| why.to_string())?;
    let plan = plan(mutant.scenario, seed)?;
    let bins = Bins { harness: harness.to_owned(), supervisor, puppet: puppet.to_owned() };
    let plan = Plan { bins, ..plan };
    let history = real::run(&plan, &mut |_| {}).map_err(|why| why.to_string())?;
    Ok(noticed(mutant, failures(&plan, &history)))
}
