//! Random scenarios against the reference in simulation: whatever the judge finds fault with is a bug, the supervisor's or
//! the judge's own.

use std::path::PathBuf;

use crate::history::History;
use crate::invariant::{self, Slack};
use crate::scenario::Scenario;
use crate::subject::Subject;
use crate::verdict::Verdict;
use crate::world::sim::Prepared;
use crate::world::{Bins, Plan};

use super::wild::wild;

/// A scenario in which something fails.
#[derive(Clone, Debug)]
pub struct Find {
    /// What was run, with the seed with which it fails.
    pub plan: Plan,
    /// What failed: ids of invariants, in the order of a report.
    pub failed: Vec<String>,
    /// Why, a line for each of them.
    pub because: Vec<String>,
}

/// The plan of the random scenario of this seed.
pub fn plan(subject: &Subject, subject_dir: &std::path::Path, seed: u64) -> Plan {
    of(&format!("hunt-{seed}"), wild(seed), subject, subject_dir.to_owned(), seed)
}

fn of(name: &str, scenario: Scenario, subject: &Subject, subject_dir: PathBuf, seed: u64) -> Plan {
    Plan { name: name.to_owned(), scenario, subject: subject.clone(), subject_dir, seed, bins: Bins::default() }
}

/// What became of a random scenario.
#[derive(Clone, Debug)]
pub enum Tried {
    /// The supervisor has good reasons to refuse the configuration: nothing ran.
    Refused,
    /// Nothing fails.
    Held,
    /// Something fails.
    Found(Box<Find>),
}

/// Runs a plan in simulation.
pub fn try_out(plan: &Plan) -> Tried {
    let prepared = Prepared::new(plan);
    if !prepared.is_accepted() {
        return Tried::Refused;
    }
    let (outcome, _) = prepared.run_failing(plan.seed, None);
    find(plan, &outcome.history).map_or(Tried::Held, |find| Tried::Found(Box::new(find)))
}

/// The same with other seeds for the schedule: the first of `seeds` with which `id` fails, if there is one.
pub fn try_seeds(plan: &Plan, id: &str, seeds: impl IntoIterator<Item = u64>) -> Option<Find> {
    // What does not depend on the seed is prepared once.
    let prepared = Prepared::new(plan);
    let mut seeds = seeds.into_iter().take_while(|_| prepared.is_accepted());
    seeds.find_map(|seed| {
        let (outcome, _) = prepared.run_failing(seed, None);
        let found = find(&Plan { seed, ..plan.clone() }, &outcome.history)?;
        found.failed.iter().any(|failed| failed == id).then_some(found)
    })
}

fn find(plan: &Plan, history: &History) -> Option<Find> {
    let findings = invariant::judge(&plan.scenario, &plan.subject.profile, history, Slack::default());
    let mut found = Find { plan: plan.clone(), failed: Vec::new(), because: Vec::new() };
    for finding in findings {
        let why = match finding.verdict {
            Verdict::Fail { because, actual, .. } => format!("{because}; {actual}"),
            // What can't be said is no find, but a run that does not end or a judge that breaks down is.
            Verdict::Inconclusive { why } if why.contains("bug in the harness") || why.contains("did not end") => why,
            Verdict::Pass { .. }
            | Verdict::Inconclusive { .. }
            | Verdict::NotApplicable { .. }
            | Verdict::Undeclared => continue,
        };
        found.because.push(format!("{}: {why}", finding.id));
        found.failed.push(finding.id);
    }
    (!found.failed.is_empty()).then_some(found)
}

#[cfg(test)]
#[path = "hunt_tests.rs"]
mod tests;
