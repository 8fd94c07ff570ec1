//! Shows the history of one simulated run: `cargo run --example simulate -- scenarios/kill.ron::all 7`.

use std::process::ExitCode;

use harness::history::{Event, What};
use harness::scenario;
use harness::subject;
use harness::world::sim::{self, Model};
use harness::world::{Bins, Plan};
use supervisor::core::Pools;

fn main() -> ExitCode {
    match show() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::FAILURE
        }
    }
}

fn show() -> Result<(), String> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().ok_or("usage: simulate FILE[::VARIANT] [SEED] [all]")?;
    let seed = arguments.next().map_or(Ok(0), |seed| seed.parse()).map_err(|why| format!("the seed: {why}"))?;
    let all = arguments.next().is_some();
    let (file, variant) = name.split_once("::").map_or((name.as_str(), None), |(file, form)| (file, Some(form)));
    let text = std::fs::read_to_string(file).map_err(|why| format!("{file}: {why}"))?;
    let parsed = scenario::parse(&text, file).map_err(|problems| problems.to_string())?;
    let form = parsed.forms().into_iter().find(|(name, _)| name.as_deref() == variant);
    let (_, scenario) = form.ok_or_else(|| format!("{file} has no such variant"))?;
    let (subject, subject_dir) = subject::load("reference").map_err(|problems| problems.to_string())?;
    let plan = Plan { name, scenario, subject, subject_dir, seed, bins: Bins::default() };
    let outcome = sim::run_with(&plan, Model::default(), Pools::new, |kernel| kernel);
    outcome.history.events.iter().filter(|event| all || !is_traffic(event)).for_each(|event| println!("{event:?}"));
    println!("{} events of the kernel, {} of the history", outcome.kernel_events, outcome.history.events.len());
    Ok(())
}

fn is_traffic(event: &Event) -> bool {
    matches!(event.what, What::Accepted { .. } | What::Connection(_))
}
