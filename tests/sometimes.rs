//! The suite is worth something only if its runs come into the situations in which supervisors fail. Each of them must
//! happen at least once over all forms in simulation; whichever does not is named.

use std::path::Path;

use harness::cli::{World, forms, missing};
use harness::search::{SITUATIONS, Seen, Sometimes};
use harness::subject;
use harness::world::sim;
use harness::world::{Bins, Plan};

/// A schedule shows rare things now and then; so many of each form show all of them.
const SEEDS: u64 = 6;

/// What happened over all forms of these files, in how many runs.
fn tally(of: &str, seeds: u64) -> Sometimes {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(of);
    let (subject, subject_dir) = subject::load("reference").unwrap_or_else(|problems| panic!("{problems}"));
    let mut sometimes = Sometimes::default();
    for form in forms(&[folder]).unwrap_or_else(|problems| panic!("{problems}")) {
        let plan = Plan {
            name: form.name,
            scenario: form.scenario,
            subject: subject.clone(),
            subject_dir: subject_dir.clone(),
            seed: 1,
            bins: Bins::default(),
        };
        if !missing(&plan, World::Sim).is_empty() {
            continue;
        }
        for seed in 1..=seeds {
            let outcome = sim::lived(&Plan { seed, ..plan.clone() });
            sometimes.add(Seen::new(&plan.scenario, &outcome.history, outcome.counters).situations());
        }
    }
    sometimes
}

#[test]
fn the_suite_comes_into_every_situation() {
    let sometimes = tally("", SEEDS);
    let mut table = Vec::new();
    sometimes.print(&mut table).unwrap();
    println!("{}", String::from_utf8_lossy(&table));
    let never: Vec<_> = SITUATIONS
        .iter()
        .filter(|situation| sometimes.count(situation.name) == 0)
        .map(|it| (it.name, it.sentence))
        .collect();
    assert!(never.is_empty(), "over all forms and {SEEDS} seeds these never happened: {never:#?}");
}

#[test]
fn what_a_smaller_suite_does_not_come_into_is_named() {
    let sometimes = tally("kill.ron", 2);
    assert!(sometimes.count("killed-ready") > 0 && sometimes.count("supervisor-frozen-over-a-death") > 0);
    for name in ["reload-aborted", "killed-booting", "hang-detected", "limit-reached", "killed-in-stop"] {
        assert!(sometimes.never().contains(&name), "{name} happens in kill.ron?");
    }
}
