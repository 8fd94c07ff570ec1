//! All invariants and expectations on one history.

use std::iter;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::history::{History, Timeline};
use crate::scenario::{Ready, Scenario};
use crate::subject::Profile;
use crate::time::Time;
use crate::verdict::Verdict;

use super::case::{Case, Finding, Slack};
use super::facts::Facts;
use super::say_status::said_status;
use super::{INVARIANTS, expect, ideal, orders, pools, steps};

/// Judges one run: every invariant, every missed step and every expectation of the file; of several pools each by itself.
///
/// An operator who was turned away, or refused for a reason, can't know how far the order was carried out: what is right if it
/// was, or if it was never given, is right. That nobody is turned away without a reason is for INV-ISOLATE to say.
pub fn judge(scenario: &Scenario, profile: &Profile, history: &History, slack: Slack) -> Vec<Finding> {
    let doubtful = orders::doubtful(scenario, history, slack);
    judge_all(scenario, profile, history, slack, &doubtful)
}

/// The same of a run in which system calls failed, of which the history does not tell: every refusal had its reason.
pub fn judge_hindered(scenario: &Scenario, profile: &Profile, history: &History, slack: Slack) -> Vec<Finding> {
    let doubtful = orders::not_done(history);
    judge_all(scenario, profile, history, slack, &doubtful)
}

fn judge_all(
    scenario: &Scenario,
    profile: &Profile,
    history: &History,
    slack: Slack,
    doubtful: &[Time],
) -> Vec<Finding> {
    let otherwise = orders::without(history, doubtful).map(|other| judge_orders(scenario, profile, &other, slack));
    let failed =
        |findings: &Vec<Finding>| findings.iter().filter(|one| matches!(one.verdict, Verdict::Fail { .. })).count();
    let as_told = judge_orders(scenario, profile, history, slack);
    iter::once(as_told).chain(otherwise).min_by_key(failed).unwrap_or_default()
}

/// The same, if every order was heard.
fn judge_orders(scenario: &Scenario, profile: &Profile, history: &History, slack: Slack) -> Vec<Finding> {
    if scenario.beside.is_empty() {
        return judge_one(scenario, profile, history, slack, &[], Vec::new());
    }
    let judged = catch_unwind(AssertUnwindSafe(|| pools::judge(scenario, profile, history, slack)));
    judged.unwrap_or_else(|_| vec![bug("INV-ALL")])
}

/// The same for the first pool, as if there were no other but for their starts that failed and their workers that left.
pub(super) fn judge_one(
    scenario: &Scenario,
    profile: &Profile,
    history: &History,
    slack: Slack,
    failed_starts: &[Time],
    gone: Vec<(Time, Time)>,
) -> Vec<Finding> {
    let mut timeline = Timeline::read(history);
    if scenario.pool.ready == Some(Ready::AtSpawn) {
        // Nobody waits for what it says of itself.
        timeline.workers.iter_mut().for_each(|worker| worker.ready = Some(worker.born.earliest()));
    }
    let Ok(facts) = catch_unwind(|| Facts::read(scenario, &timeline)) else { return vec![bug("INV-ALL")] };
    let facts = Facts { failed_starts: failed_starts.to_vec(), gone, ..facts };
    let case = Case { scenario, profile, history, timeline: &timeline, facts: &facts, slack };
    let wanted = ideal::profile(profile);
    let asked = Case { profile: &wanted, ..case };
    let mut findings: Vec<Finding> = INVARIANTS
        .iter()
        .map(|invariant| {
            let verdict = guarded(invariant.id, || (invariant.judge)(&case));
            let lacks = lacks(&verdict, *profile != wanted, || guarded(invariant.id, || (invariant.judge)(&asked)));
            Finding { id: invariant.id.to_owned(), verdict, lacks }
        })
        .collect();
    let expected = catch_unwind(AssertUnwindSafe(|| expect::judge(&case)));
    findings.extend(expected.unwrap_or_else(|_| vec![bug("EXPECT")]));
    findings.extend(steps::judge(&case));
    doubt(&case, &mut findings);
    findings
}

/// A checker that breaks down never passes anything.
fn guarded(id: &str, judge: impl FnOnce() -> Verdict) -> Verdict {
    catch_unwind(AssertUnwindSafe(judge)).unwrap_or_else(|_| bug(id).verdict)
}

fn bug(id: &str) -> Finding {
    let why = "the checker broke down: a bug in the harness".to_owned();
    Finding { id: id.to_owned(), verdict: Verdict::Inconclusive { why }, lacks: None }
}

/// What the scenario asks for and the subject does not do, promised or not.
fn lacks(verdict: &Verdict, differs: bool, ideal: impl FnOnce() -> Verdict) -> Option<String> {
    if let Verdict::Fail { actual, .. } = verdict {
        return Some(actual.clone());
    }
    match differs.then(ideal)? {
        Verdict::Fail { expected, actual, .. } => Some(format!("{actual} (asked for: {expected})")),
        _ => None,
    }
}

/// What was not observed can't be judged.
fn doubt(case: &Case<'_>, findings: &mut [Finding]) {
    let baseline = case.timeline.phases.no_baseline.map(|at| {
        let ended = case.facts.exit.filter(|&(exit, _)| exit <= at).map(|(_, status)| status);
        let ended =
            ended.map_or_else(String::new, |status| format!("; the supervisor had ended: {}", said_status(status)));
        format!("baseline: the pool was never full before the first step{ended}")
    });
    let unseen = case.timeline.incomplete.first().map(|why| format!("not everything was seen: {why}"));
    let Some(why) = baseline.or(unseen) else { return };
    for finding in findings {
        if matches!(finding.verdict, Verdict::Pass { .. } | Verdict::Fail { .. }) {
            finding.verdict = Verdict::Inconclusive { why: why.clone() };
            finding.lacks = None;
        }
    }
}
