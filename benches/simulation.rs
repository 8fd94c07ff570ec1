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
use harness::world::sim::{self, Model, Outcome};
use harness::world::{Bins, Plan};
use supervisor::core::Pool;

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
fn run_and_judge(plan: &Plan) -> u64 {
    let Outcome { history, kernel_events } = sim::run_with(plan, Model::default(), Pool::new, |kernel| kernel);
    let findings = invariant::judge(&plan.scenario, &plan.subject.profile, &history, Slack::default());
    divan::black_box(findings);
    kernel_events
}

#[divan::bench(args = plans())]
fn runs(bencher: Bencher, plan: &Named) {
    let seed = Cell::new(0);
    bencher
        .with_inputs(|| {
            seed.set(seed.get() + 1);
            Plan { seed: seed.get(), ..plan.0.clone() }
        })
        .counter(ItemsCount::new(1u32))
        .bench_local_values(|plan| run_and_judge(&plan));
}

#[divan::bench]
fn events(bencher: Bencher) {
    let plans = plans();
    // The same plans again and again, so the number of events of a round is known before it is measured.
    let kernel_events: u64 = plans.iter().map(|plan| run_and_judge(&plan.0)).sum();
    bencher
        .counter(ItemsCount::new(kernel_events))
        .bench_local(|| plans.iter().map(|plan| run_and_judge(&plan.0)).sum::<u64>());
}
