//! Steps whose trigger did not come.

use crate::history::Worker;
use crate::time::Time;
use crate::verdict::Verdict;

use super::bounds::START_JITTER;
use super::case::{Case, Finding};
use super::tally::say;

/// One finding for each of them.
pub(super) fn judge(case: &Case<'_>) -> Vec<Finding> {
    let find = |(at, path, must): &(Time, &[u32], bool)| {
        let step: Vec<String> = path.iter().map(|n| (n + 1).to_string()).collect();
        let step = step.join(".");
        let unreached = format!("unreached: the trigger of step {step} did not come");
        let verdict = match kept_from_booting(case, *at) {
            _ if !must => Verdict::Inconclusive { why: unreached },
            Some(why) => Verdict::Inconclusive { why: format!("{unreached}, and {why}") },
            None => Verdict::Fail {
                at: *at,
                because: format!("step {step} had to come and did not"),
                expected: "its trigger in time".to_owned(),
                actual: "nothing".to_owned(),
            },
        };
        Finding { id: format!("STEP-{step}"), verdict, lacks: None }
    };
    let mut findings: Vec<Finding> = case.timeline.missed.iter().map(find).collect();
    findings.dedup_by(|later, first| later.id == first.id);
    findings
}

/// Whether some step did not come, for which the supervisor is not to blame: what it would have led to can't be asked for.
pub(super) fn unreached(case: &Case<'_>) -> bool {
    case.timeline.missed.iter().any(|(at, _, must)| !must || kept_from_booting(case, *at).is_some())
}

/// Who waits for a reload waits for new workers to become ready, and has to give one up whose time is over. Whether the host
/// kept one from using that time, between the step that came last and this instant, at which the next one may have fired.
fn kept_from_booting(case: &Case<'_>, missed: Time) -> Option<String> {
    let patience = case.scenario.pool.ready_timeout?.0;
    let began = case.timeline.steps.iter().map(|(at, ..)| *at).filter(|at| *at < missed).max()?;
    let ran_out = |worker: &Worker| {
        let lived = worker.maybe_dead().since(worker.born.earliest());
        let meanwhile = worker.born.earliest() >= began && worker.maybe_dead() <= missed;
        worker.ready.is_none() && meanwhile && lived + START_JITTER + case.slack.0 >= patience
    };
    let workers = case.timeline.workers.iter().enumerate();
    workers.filter(|(index, worker)| ran_out(worker) && !case.facts.traits[*index].spoils_boot()).find_map(
        |(index, worker)| {
            let stalled = case.starved(worker.born.earliest(), worker.maybe_dead())?;
            Some(format!(
                "{} was to be ready within {}, and the host stalled for {}",
                case.name(index),
                say(patience),
                say(stalled)
            ))
        },
    )
}
