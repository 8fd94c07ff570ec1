//! A mutant as a real process: whoever calls this is the mutant that it starts, by another name.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::symlink;
use std::path::Path;

use harness::cli::{World, missing};
use harness::history::History;
use harness::search::{self, Ending, Sampled, Undisturbed};
use harness::world::{Bins, Plan, real};

use crate::matrix::{broken_relation, failures, noticed, plan_with};
use crate::mutant::Mutant;
use crate::through::subject_of;

/// A host that stalls can leave a run without a verdict.
const ATTEMPTS: u64 = 3;

/// What follows where a client happens to be served at that very instant, which real ones are now and then and simulated
/// ones hardly: mutant, invariant, why. No world has to show it.
pub const BY_CHANCE: [(&str, &str, &str); 28] = [
    ("deaf-to-signs-of-life", "INV-CONSERVE", "who is killed without a reason may be answering somebody"),
    ("deaf-to-signs-of-life", "INV-DRAIN", "and is given no time to finish that"),
    ("wall-clock-alone", "INV-INTENSITY", "a delay that ends at a time of day may end at once"),
    ("reopens-at-reload", "INV-OWN", "the address has another socket than before"),
    ("interrupted-is-fatal", "INV-CONSERVE", "workers that lose their supervisor leave at once, whoever they serve"),
    ("interrupted-is-fatal", "INV-DRAIN", "and are given no time to finish that"),
    ("dies-with-its-reader", "INV-CONSERVE", "workers that lose their supervisor leave at once, whoever they serve"),
    ("dies-with-its-reader", "INV-DRAIN", "and are given no time to finish that"),
    (
        "deaf-until-its-output-is-read",
        "INV-CONSERVE",
        "who is killed for a hang that is none may be answering somebody",
    ),
    ("deaf-until-its-output-is-read", "INV-DRAIN", "and is not given the time to finish that"),
    ("blocks-at-its-own-output", "INV-CONVERGE", "who waits as the last worker is killed is late with the next"),
    ("closes-with-its-worker", "INV-OWN", "the address has other sockets than before"),
    ("takes-refusals", "INV-DRAIN", "who leaves has more to refuse, and its client sees that it is cut"),
    ("closes-while-empty", "INV-OWN", "the address has another socket than before"),
    (
        "never-says-drain",
        "INV-CONSERVE",
        "who was not told to leave serves on, and is killed at the deadline while it does",
    ),
    ("never-says-drain", "INV-DRAIN", "and is not given the time to finish it"),
    ("never-says-drain", "INV-FLOOR", "and if that is a probe, it has no answer"),
    ("forgets-what-is-under-way", "INV-FLOOR", "it may be a probe that is forgotten, when nobody is missing any more"),
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

/// Why this may follow from that mutant, where it does by chance.
pub fn by_chance(mutant: &Mutant, id: &str) -> Option<&'static str> {
    let follows = BY_CHANCE.iter().find(|(name, follows, _)| *name == mutant.name && *follows == id);
    follows.map(|(_, _, why)| *why)
}

/// Where everything is that such a run needs.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The program that watches over the run.
    pub harness: &'a Path,
    /// The workers' program.
    pub puppet: &'a Path,
    /// The folder for histories of runs that did not come out as they ought to.
    pub histories: &'a Path,
}

/// What a run came to.
#[derive(Debug)]
pub struct Ran {
    /// Which invariants failed, and why.
    pub failed: BTreeMap<String, String>,
    /// All that happened.
    pub history: History,
}

impl Ran {
    /// Writes the history down and says where.
    fn kept(&self, mutant: &Mutant, place: Place<'_>) -> String {
        let path = place.histories.join(format!("{}.real.jsonl", mutant.name));
        let write = || {
            std::fs::create_dir_all(place.histories)?;
            let mut file = BufWriter::new(File::create(&path)?);
            self.history.write(&mut file)?;
            file.flush()
        };
        match write() {
            Ok(()) => format!("history: {0}   (harness judge {0})", path.display()),
            Err(why) => format!("the history could not be written to {}: {why}", path.display()),
        }
    }
}

/// Runs a mutant in its scenario, at most three times, until its invariant notices it and nothing fails but what follows from
/// that. What else failed is told and its history kept, also if it does not come again: real clients are served at any
/// instant, and [`BY_CHANCE`] has only what was seen often. Gives the attempt that was as it must be.
///
/// # Errors
/// What was seen instead in the last attempt and where the history of that is, or why nothing could be run.
pub fn must_be_caught(mutant: &Mutant, place: Place<'_>) -> Result<u64, String> {
    let mut wrong = String::new();
    for attempt in 1..=ATTEMPTS {
        let ran = run(mutant, place, attempt)?;
        match unexpected(mutant, &ran) {
            None => return Ok(attempt),
            Some(what) => wrong = format!("{what}\n{}", ran.kept(mutant, place)),
        }
        eprintln!("{}, attempt {attempt}: {wrong}", mutant.name);
    }
    Err(wrong)
}

/// What is not as it must be.
fn unexpected(mutant: &Mutant, ran: &Ran) -> Option<String> {
    let mut seen = ran.failed.clone();
    if seen.remove(mutant.caught_by).is_none() {
        return Some(format!("{} did not notice in {}: {seen:#?}", mutant.caught_by, mutant.scenario));
    }
    seen.retain(|id, _| !mutant.has_consequence(id) && by_chance(mutant, id).is_none());
    (!seen.is_empty()).then(|| format!("these failed too: {seen:#?}"))
}

/// Why the scenario of a mutant can't be run here; empty if it can.
///
/// # Errors
/// The scenario or the subject can't be read.
pub fn lacking(mutant: &Mutant, place: Place<'_>) -> Result<Vec<String>, String> {
    let supervisor = std::env::current_exe().map_err(|why| why.to_string())?;
    let bins = Bins { harness: place.harness.to_owned(), supervisor, puppet: place.puppet.to_owned() };
    Ok(missing(&Plan { bins, ..plan_with(subject_of(mutant), mutant.scenario, 1)? }, World::Real))
}

/// One run. The running program must be [`crate::program::main`] under the name of a mutant: it is started by a link to it.
///
/// # Errors
/// Why it could not be run.
pub fn run(mutant: &Mutant, place: Place<'_>, seed: u64) -> Result<Ran, String> {
    let dir = tempfile::tempdir().map_err(|why| why.to_string())?;
    let plan = plan_of(mutant, mutant.scenario, place, dir.path(), seed)?;
    let _pass = real::enter(&plan.scenario);
    let lived = |plan: &Plan| real::run(plan, &mut |_| {}).map_err(|why| why.to_string());
    let history = lived(&plan)?;
    let mut failures = failures(&plan, &history);
    failures.extend(broken_relation(mutant, &plan, &history, &lived)?);
    Ok(Ran { failed: noticed(mutant, failures), history })
}

/// A plan whose supervisor is this mutant: a link in `dir`.
fn plan_of(mutant: &Mutant, scenario: &str, place: Place<'_>, dir: &Path, seed: u64) -> Result<Plan, String> {
    let supervisor = dir.join(mutant.name);
    let own = std::env::current_exe().map_err(|why| why.to_string())?;
    symlink(own, &supervisor).map_err(|why| why.to_string())?;
    let plan = plan_with(subject_of(mutant), scenario, seed)?;
    let bins = Bins { harness: place.harness.to_owned(), supervisor, puppet: place.puppet.to_owned() };
    Ok(Plan { bins, ..plan })
}

/// A whole life in which a system call fails; `None` where nobody can make it fail. The running program is as of [`run`].
///
/// # Errors
/// Why it could not be lived.
pub fn lived_with(mutant: &Mutant, place: Place<'_>, case: &str) -> Result<Option<Ending>, String> {
    if real::can_trace().is_err() {
        return Ok(None);
    }
    let dir = tempfile::tempdir().map_err(|why| why.to_string())?;
    let plan = plan_of(mutant, "life", place, dir.path(), 1)?;
    let undisturbed = Undisturbed::live(&plan)?;
    match search::live(&plan, &undisturbed, case.parse()?)? {
        Sampled::Lived { ending, .. } => Ok(Some(ending)),
        Sampled::Missed => Err(format!("it was over before {case}")),
    }
}
