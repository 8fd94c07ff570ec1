//! Every mutant is caught in simulation: by the invariant that one would name, in the scenario that names it, and
//! nothing else fails but what follows from it. The unmutated supervisor behind the same wrappers passes.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use mutants::{ALL, Mutant, row};

/// As many as show every documented consequence.
const SEEDS: u64 = 5;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = ALL.iter().map(trial).collect();
    trials.push(Trial::test("each_has_a_name_of_its_own", each_has_a_name_of_its_own));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(mutant: &'static Mutant) -> Trial {
    Trial::test(mutant.name.replace('-', "_"), move || is_caught(mutant))
}

fn is_caught(mutant: &'static Mutant) -> Result<(), Failed> {
    let row = row(mutant, SEEDS)?;
    let wrong = |holds: bool, what: String| if holds { Ok(()) } else { Err(Failed::from(what)) };
    wrong(row.is_caught(), format!("{} did not notice in {}: {row:#?}", mutant.caught_by, mutant.scenario))?;
    wrong(row.unexpected().is_empty(), format!("{:?} failed too: {:#?}", row.unexpected(), row.because))?;
    wrong(row.stale().is_empty(), format!("{:?} ought to fail too", row.stale()))?;
    wrong(row.identity.is_empty(), format!("the unmutated one fails: {:?}", row.identity))
}

fn each_has_a_name_of_its_own() -> Result<(), Failed> {
    let mut names: Vec<_> = ALL.iter().map(|mutant| mutant.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    if names.len() == count { Ok(()) } else { Err(format!("{} of {count} names", names.len()).into()) }
}
