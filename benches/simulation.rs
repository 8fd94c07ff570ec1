//! How fast the simulation is, history and judgement included: `cargo bench --bench simulation`.
//!
//! `events` counts simulated kernel events (see `harness::world::sim::Outcome`) over the four headline scenarios with all
//! their variants; `runs` is each of them alone, with the load that its file asks for. The seed changes with every run.

use std::cell::Cell;
use std::fmt;
use std::path::Path;

use divan::Bencher;
use divan::counter::ItemsCount;

use harness::invariant::{self, Slack};
use harness::scenario;
use harness::subject;
use harness::world::sim::{Model, Outcome, Prepared};
use harness::world::{Bins, Plan};
use supervisor::core::Pools;

fn main() {
    divan::main();
}

const HEADLINE: [&str; 4] = ["kill", "throw", "flap", "hold"];

/// A plan with a name to show.
struct Named(Plan);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.name)
    }
}

fn plans() -> Vec<Named> {
    let (subject, subject_dir) = subject::load("reference").expect("the reference subject");
    let mut plans = Vec::new();
    for file in HEADLINE {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(format!("{file}.ron"));
        let text = std::fs::read_to_string(&path).expect("a scenario file");
        let parsed = scenario::parse(&text, file).expect("a sound scenario");
        for (variant, scenario) in parsed.forms() {
            let name = variant.map_or_else(|| file.to_owned(), |variant| format!("{file}::{variant}"));
            let (subject, subject_dir) = (subject.clone(), subject_dir.clone());
            plans.push(Named(Plan { name, scenario, subject, subject_dir, seed: 0, bins: Bins::default() }));
        }
    }
    plans
}

/// One run and its judgement.
fn run_and_judge(prepared: &Prepared<'_>, plan: &Plan, seed: u64) -> u64 {
    let Outcome { history, kernel_events, .. } = prepared.run(seed, Model::default(), Pools::new, |kernel| kernel);
    let findings = invariant::judge(&plan.scenario, &plan.subject.profile, &history, Slack::default());
    divan::black_box(findings);
    kernel_events
}

#[divan::bench(args = plans())]
fn runs(bencher: Bencher, plan: &Named) {
    let prepared = Prepared::new(&plan.0);
    let seed = Cell::new(0);
    bencher
        .with_inputs(|| {
            seed.set(seed.get() + 1);
            seed.get()
        })
        .counter(ItemsCount::new(1u32))
        .bench_local_values(|seed| run_and_judge(&prepared, &plan.0, seed));
}

/// How many seeds one round has.
const SEEDS: u64 = 10;

#[divan::bench]
fn events(bencher: Bencher) {
    let plans = plans();
    let prepared: Vec<_> = plans.iter().map(|plan| (Prepared::new(&plan.0), &plan.0)).collect();
    let round = || -> u64 {
        let of = |(prepared, plan): &(Prepared<'_>, &Plan)| -> u64 {
            (0..SEEDS).map(|seed| run_and_judge(prepared, plan, seed)).sum()
        };
        prepared.iter().map(of).sum()
    };
    // The same seeds again and again, so the number of events of a round is known before it is measured.
    bencher.counter(ItemsCount::new(round())).bench_local(round);
}
