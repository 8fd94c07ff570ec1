//! Mutants as real processes: each is caught by the invariant that has to notice it, and nothing else fails but what
//! follows from that.
//!
//! This program is a mutant itself when it is called by the name of one, so that no other has to be built: each trial
//! makes a link to it and has the harness start that in the place of the supervisor.
//!
//! All of them take minutes: without a name `cargo test` runs some, and leaves out the others as ignored.
//! `cargo test --test mutants_real -- --ignored` runs those; the gate does.

mod trials_support;

use std::path::Path;
use std::process::ExitCode;

use harness::search::Ending;
use libtest_mimic::{Completion, Failed, Trial};
use mutants::{ALL, Mutant, REAL, THROUGH, UNMUTATED, find, real};

const HARNESS: &str = env!("CARGO_BIN_EXE_harness");
const PUPPET: &str = env!("CARGO_BIN_EXE_puppet");
/// Where what did not come out as it ought to is kept.
const HISTORIES: &str = env!("CARGO_TARGET_TMPDIR");

/// Those that `cargo test` runs: between them they need the harness to see everything that it looks at.
const CHOSEN: [&str; 39] = [
    "no-restart",
    "one-reap-per-sigchld",
    "two-replacements-per-retirement",
    "no-drain",
    "never-gives-up",
    "gives-up-with-status-0",
    "orphans-on-stop",
    "passes-twice",
    "passes-over",
    "term-lost-during-rolling-restart",
    "wall-clock-window",
    "wall-clock-watchdog",
    "backoff-never-grows",
    "limit-per-worker",
    "drain-too-short",
    "ready-is-not-waited-for",
    "old-restarts",
    "two-replacements-per-death",
    "drops-last-words",
    "never-reopens",
    "one-limit-for-all",
    "drains-like-the-first",
    // Of the ones that no simulation shows.
    "unblocks-before-its-handlers",
    "shares-its-manager",
    "ends-who-is-named",
    "shares-with-a-second",
    "signals-neighbours",
    "remembers-pids",
    "leaks-to-workers",
    "keeps-variables",
    "herds",
    "spins",
    "queues-all",
    "hoards-answers",
    "open-to-everybody",
    "forgets-orphans",
    "trusts-everybody",
    "overlooks-kills-by-the-kernel",
    // Of the ones with other workers than ours.
    "node-forgets-what-is-under-way",
];

/// Mutants in whose lives this call fails, what the sweep of failing calls has to say of it, and whether `cargo test` runs them.
const SWEPT: [(&str, &str, &str, bool); 2] = [
    ("interrupted-is-fatal", "ppoll:EINTR:1", "because it could not wait", true),
    // Its scenario waits for half a minute for what never comes.
    ("ignores-spawn-errors", "clone:EAGAIN:3", "INV-CONVERGE", false),
];

fn main() -> ExitCode {
    let own = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&own).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if find(name).is_some() {
        return mutants::program::main();
    }
    let arguments = trials_support::arguments();
    let named = trials_support::is_named(&arguments);
    let caught = |mutant: &'static Mutant| {
        let trial = Trial::ignorable_test(mutant.name.replace('-', "_"), move || is_caught(mutant));
        trial.with_ignored_flag(!named && !CHOSEN.contains(&mutant.name))
    };
    let mut trials: Vec<Trial> = every_one().map(caught).collect();
    trials.push(Trial::test("unmutated", passes));
    trials.extend(SWEPT.map(|(name, case, says, now)| {
        let title = format!("{}_when_a_call_fails", name.replace('-', "_"));
        Trial::ignorable_test(title, move || is_swept(name, case, says)).with_ignored_flag(!named && !now)
    }));
    trials.push(Trial::test("lists_are_of_mutants", || Ok(lists()?)));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn every_one() -> impl Iterator<Item = &'static Mutant> {
    ALL.iter().chain(&REAL).chain(THROUGH.iter().map(|through| &through.mutant))
}

/// A name that is in a list and nobody's would do nothing there, and so would what follows by chance where it follows anyway.
fn lists() -> Result<(), String> {
    if let Some(name) = CHOSEN.iter().find(|name| !every_one().any(|mutant| mutant.name == **name)) {
        return Err(format!("there is no mutant `{name}`"));
    }
    for (name, follows, _) in real::BY_CHANCE {
        let mutant = find(name).ok_or_else(|| format!("there is no mutant `{name}`"))?;
        if mutant.caught_by == follows || mutant.has_consequence(follows) {
            return Err(format!("{follows} follows from {name} anyway"));
        }
    }
    Ok(())
}

fn place() -> real::Place<'static> {
    real::Place { harness: Path::new(HARNESS), puppet: Path::new(PUPPET), histories: Path::new(HISTORIES) }
}

/// One whose scenario can't be run here says so, and is not taken for one that was caught.
fn is_caught(mutant: &Mutant) -> Result<Completion, Failed> {
    let lacking = real::lacking(mutant, place())?;
    if !lacking.is_empty() {
        return Ok(Completion::ignored_with(lacking.join("; ")));
    }
    real::must_be_caught(mutant, place())?;
    Ok(Completion::Completed)
}

/// As above, where a system call fails.
fn is_swept(name: &str, case: &str, says: &str) -> Result<Completion, Failed> {
    let mutant = find(name).ok_or("no such mutant")?;
    match real::lived_with(mutant, place(), case)? {
        None => Ok(Completion::ignored_with("no system call can be made to fail here")),
        Some(Ending::Wrong(why)) if why.iter().any(|line| line.contains(says)) => Ok(Completion::Completed),
        Some(ending) => Err(format!("expected something wrong with `{says}`, got {ending:#?}").into()),
    }
}

fn passes() -> Result<(), Failed> {
    let failed = real::run(&UNMUTATED, place(), 1)?.failed;
    if failed.is_empty() { Ok(()) } else { Err(format!("{failed:#?}").into()) }
}
