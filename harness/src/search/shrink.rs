//! From a find to the smallest scenario that still shows it.

use crate::scenario::{Scenario, to_ron, validate};

use crate::world::Plan;

use super::hunt::{Find, try_seeds};
use super::simpler::simpler;

/// How many schedules are tried before a simpler scenario counts as one that does not show it.
const SEEDS: u64 = 12;

/// Makes the scenario of a find simpler as long as what failed first still fails with some schedule.
pub fn shrink(find: &Find) -> Find {
    let id = &find.failed[0];
    let mut best = find.clone();
    let mut size = size(&best.plan.scenario);
    while let Some((next, less)) = step(&best, id, &size) {
        (best, size) = (next, less);
    }
    best.plan.scenario.title = title(&best);
    best
}

/// Less is simpler: a shorter text, and of two of the same length the one with the smaller numbers.
type Size = (usize, String);

fn size(scenario: &Scenario) -> Size {
    let text = to_ron(scenario);
    (text.len(), text)
}

/// The first simpler scenario that still fails, and its size.
fn step(best: &Find, id: &str, than: &Size) -> Option<(Find, Size)> {
    simpler(&best.plan.scenario).into_iter().find_map(|scenario| {
        let less = size(&scenario);
        if less >= *than || validate(&scenario).is_err() {
            return None;
        }
        let plan = Plan { scenario, ..best.plan.clone() };
        let seeds = std::iter::once(plan.seed).chain(1..=SEEDS);
        try_seeds(&plan, id, seeds).map(|find| (find, less))
    })
}

/// One sentence for the file: what it is that fails.
fn title(find: &Find) -> String {
    let because = find.because.first().map_or("", |line| line.split_once(": ").map_or("", |(_, why)| why));
    let plain: String = because.chars().filter(|c| !['"', '\\', '\n'].contains(c)).collect();
    format!("{} holds; a random life broke it: {plain}", find.failed[0])
}

/// The scenario as a file, with the command that runs it.
pub fn to_file(find: &Find) -> String {
    let name = &find.plan.name;
    format!(
        "// Found by a hunt. `harness sim {name}.ron --seed {}` shows it.\n{}",
        find.plan.seed,
        to_ron(&find.plan.scenario)
    )
}
