//! Mutants as real processes: each is caught by the invariant that has to notice it, and nothing else fails but what
//! follows from that.
//!
//! This program is a mutant itself when it is called by the name of one, so that no other has to be built: each trial
//! makes a link to it and has the harness start that in the place of the supervisor.

use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use mutants::{REAL, UNMUTATED, find, real};

const HARNESS: &str = env!("CARGO_BIN_EXE_harness");
const PUPPET: &str = env!("CARGO_BIN_EXE_puppet");

/// Those that a real kernel shows as surely as the simulated one.
const CHOSEN: &[&str] = &[
    "no-restart",
    "one-reap-per-sigchld",
    "two-replacements-per-retirement",
    "no-drain",
    "never-gives-up",
    "gives-up-with-status-0",
    "orphans-on-stop",
    "term-lost-during-rolling-restart",
    "wall-clock-window",
    "wall-clock-watchdog",
    "no-backoff",
    "backoff-never-grows",
    "backoff-never-resets",
    "gives-up-one-late",
    "limit-per-worker",
    "clean-exit-is-free",
    "two-replacements-per-death",
    "ignores-spawn-errors",
    "drain-too-short",
    "drain-too-long",
    "kills-at-stop",
    "stop-hurries",
    "stop-lost-while-booting",
    "stop-lost-during-backoff",
    "stop-tells-one",
    "forgets-who-announced",
    "kills-the-worker-alone",
    "ready-is-not-waited-for",
    "deaf-to-reloads",
    "old-restarts",
    "signals-the-wrong-worker",
    "watchdog-too-slow",
    "channel-is-life",
    "loses-sigchld",
    "wrong-exit-status",
    "scale-forgets-slots",
    "stale-configuration",
];

fn main() -> ExitCode {
    let own = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&own).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if find(name).is_some() {
        return mutants::program::main();
    }
    let arguments = Arguments::from_args();
    let caught = |name: &'static str| Trial::test(name.replace('-', "_"), move || is_caught(name));
    let grounded = REAL.iter().map(|mutant| mutant.name);
    let mut trials: Vec<Trial> = CHOSEN.iter().copied().chain(grounded).map(caught).collect();
    trials.push(Trial::test("unmutated", passes));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn is_caught(name: &str) -> Result<(), Failed> {
    let mutant = find(name).ok_or("no such mutant")?;
    real::must_be_caught(mutant, Path::new(HARNESS), Path::new(PUPPET)).map_err(Failed::from)
}

fn passes() -> Result<(), Failed> {
    let failed = real::run(&UNMUTATED, Path::new(HARNESS), Path::new(PUPPET), 1)?;
    if failed.is_empty() { Ok(()) } else { Err(format!("{failed:#?}").into()) }
}
