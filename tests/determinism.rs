//! The same plan gives the same history, byte for byte.

use std::path::Path;

use harness::scenario;
use harness::subject;
use harness::world::sim::{self, Model};
use harness::world::{Bins, Plan};
use supervisor::core::Pools;

const HEADLINE: [&str; 4] = ["kill", "throw", "flap", "hold"];
const SEEDS: std::ops::Range<u64> = 0..20;

fn plans(file: &str) -> Vec<Plan> {
    let (subject, subject_dir) = subject::load("reference").expect("the reference subject");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{file}.ron"));
    let text = std::fs::read_to_string(&path).expect("a scenario file");
    let forms = scenario::parse(&text, file).expect("a sound scenario").forms();
    let plan = |(variant, scenario): (Option<String>, _)| Plan {
        name: format!("{file}::{}", variant.unwrap_or_default()),
        scenario,
        subject: subject.clone(),
        subject_dir: subject_dir.clone(),
        seed: 0,
        bins: Bins::default(),
    };
    forms.into_iter().map(plan).collect()
}

/// Every byte that a history file would hold.
fn bytes(plan: &Plan, model: Model) -> Vec<u8> {
    let history = sim::run_with(plan, model, Pools::new, |kernel| kernel).history;
    let mut bytes = Vec::new();
    history.write(&mut bytes).expect("a buffer takes everything");
    bytes
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    for file in HEADLINE {
        for mut plan in plans(file) {
            for seed in SEEDS {
                plan.seed = seed;
                let first = bytes(&plan, Model::default());
                assert!(first == bytes(&plan, Model::default()), "{} with seed {seed}", plan.name);
            }
        }
    }
}

#[test]
fn another_seed_gives_another_history() {
    for file in HEADLINE {
        for plan in plans(file) {
            let other = Plan { seed: 1, ..plan.clone() };
            assert!(bytes(&plan, Model::default()) != bytes(&other, Model::default()), "{}", plan.name);
        }
    }
}

#[test]
fn scarce_pids_are_as_deterministic() {
    let model = Model { pids: 24, ..Model::default() };
    for plan in plans("flap") {
        assert!(bytes(&plan, model) == bytes(&plan, model), "{}", plan.name);
    }
}
