//! What `harness hunt` found wrong with the judge, made small: the supervisor did as it should in each of these, and no
//! invariant may fail.

use std::path::Path;

use harness::cli::forms;
use harness::search::{Tried, try_out};
use harness::subject;
use harness::world::{Bins, Plan};

/// Some failed with one schedule in a hundred.
const SEEDS: std::ops::RangeInclusive<u64> = 1..=100;

#[test]
fn what_was_hunted_down_stays_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hunted");
    let (subject, subject_dir) = subject::load("reference").unwrap_or_else(|problems| panic!("{problems}"));
    let forms = forms(&[folder]).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(!forms.is_empty());
    for form in forms {
        let (subject, subject_dir) = (subject.clone(), subject_dir.clone());
        let bins = Bins::default();
        let mut plan = Plan { name: form.name, scenario: form.scenario, subject, subject_dir, seed: 0, bins };
        for seed in SEEDS {
            plan.seed = seed;
            match try_out(&plan) {
                Tried::Held => {}
                Tried::Refused => panic!("{}: its configuration is refused", plan.name),
                Tried::Found(find) => panic!("{} with seed {seed}: {:#?}", plan.name, find.because),
            }
        }
    }
}
