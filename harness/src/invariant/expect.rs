//! What a scenario file expects beyond the invariants.

use crate::scenario::{Act, Expect, Scenario, Step};
use crate::time::Time;
use crate::verdict::Verdict;

use super::case::{Case, Finding};
use super::expect_load;
use super::expect_pool;
use super::expect_topics;
use super::expect_use;

/// The span for which something is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// Since then.
    pub from: Time,
    /// Until then.
    pub until: Time,
    /// Whether it is that of one step, not of the whole run.
    pub of_step: bool,
}

/// Judges the expectations of the file, then those of its steps.
pub(super) fn judge(case: &Case<'_>) -> Vec<Finding> {
    let from = case.facts.steps.or(case.timeline.supervisor().map(|one| one.born)).unwrap_or_default();
    let whole = Span { from, until: case.timeline.until, of_step: false };
    let of_file = case.scenario.expect.iter().enumerate().map(|(n, expect)| Finding {
        id: format!("EXPECT-{} {}", n + 1, name(expect)),
        verdict: judge_one(case, expect, whole),
        lacks: None,
    });
    let mut findings: Vec<Finding> = of_file.collect();
    judge_steps(case, &mut findings);
    findings
}

fn name(expect: &Expect) -> &'static str {
    match expect {
        Expect::GivesUp { .. } => "GivesUp",
        Expect::NeverGivesUp => "NeverGivesUp",
        Expect::Exits { .. } => "Exits",
        Expect::NothingLeft { .. } => "NothingLeft",
        Expect::NothingLost { .. } => "NothingLost",
        Expect::CutAtDeadline { .. } => "CutAtDeadline",
        Expect::ReadyAtLeast { .. } => "ReadyAtLeast",
        Expect::FullAgain { .. } => "FullAgain",
        Expect::Balanced { .. } => "Balanced",
        Expect::Current { .. } => "Current",
        Expect::Answered { .. } => "Answered",
        Expect::Grows { .. } => "Grows",
        Expect::Spends { .. } => "Spends",
        Expect::Wakes { .. } => "Wakes",
        Expect::Births { .. } => "Births",
    }
}

fn judge_one(case: &Case<'_>, expect: &Expect, span: Span) -> Verdict {
    match expect {
        Expect::GivesUp { after_restarts, status } => expect_pool::gives_up(case, *after_restarts, *status),
        Expect::NeverGivesUp => expect_pool::never_gives_up(case, span),
        Expect::Exits { status } => expect_pool::exits(case, *status),
        Expect::NothingLeft { within } => expect_pool::nothing_left(case, within.0),
        Expect::NothingLost { load } => expect_load::nothing_lost(case, load, span),
        Expect::CutAtDeadline { load } => expect_load::cut_at_deadline(case, load, span),
        Expect::ReadyAtLeast { workers } => expect_pool::ready_at_least(case, *workers, span),
        Expect::FullAgain { within } => expect_pool::full_again(case, within.0, span),
        Expect::Balanced { load, within } => expect_load::balanced(case, load, *within, span),
        Expect::Current { topic, within } => expect_topics::current(case, topic, within.0, span),
        Expect::Answered { within } => expect_use::answered(case, within.0, span),
        Expect::Grows { memory, descriptors } => expect_use::grows(case, *memory, *descriptors),
        Expect::Spends { percent } => expect_use::spends(case, *percent, span),
        Expect::Wakes { at_most } => expect_use::wakes(case, *at_most),
        Expect::Births { min, max } => expect_pool::births(case, *min, *max, span),
    }
}

/// Those of a step are judged from its firing to that of the next one beside it. A step that is repeated is judged each
/// time, and the worst counts.
fn judge_steps(case: &Case<'_>, findings: &mut Vec<Finding>) {
    for (nth, (at, path, _)) in case.timeline.steps.iter().enumerate() {
        let Some(step) = find(case.scenario, path) else { continue };
        if step.expect.is_empty() {
            continue;
        }
        let beside = |other: &[u32]| other.len() == path.len() && other[..other.len() - 1] == path[..path.len() - 1];
        let shorter = |other: &[u32]| other.len() < path.len();
        let next = case.timeline.steps[nth + 1..].iter().find(|(_, other, _)| beside(other) || shorter(other));
        let span = Span { from: *at, until: next.map_or(case.facts.peace, |(at, _, _)| *at), of_step: true };
        let number: Vec<String> = path.iter().map(|n| (n + 1).to_string()).collect();
        for (n, expect) in step.expect.iter().enumerate() {
            let id = format!("EXPECT-step{}-{} {}", number.join("."), n + 1, name(expect));
            add(findings, Finding { id, verdict: judge_one(case, expect, span), lacks: None });
        }
    }
}

fn add(findings: &mut Vec<Finding>, finding: Finding) {
    let gravity = |verdict: &Verdict| match verdict {
        Verdict::Fail { .. } => 3,
        Verdict::Inconclusive { .. } => 2,
        Verdict::Pass { .. } => 1,
        Verdict::NotApplicable { .. } | Verdict::Undeclared => 0,
    };
    match findings.iter_mut().find(|known| known.id == finding.id) {
        Some(known) if gravity(&known.verdict) < gravity(&finding.verdict) => *known = finding,
        Some(_) => {}
        None => findings.push(finding),
    }
}

/// The step at a path: an index into the steps, then one into each body.
fn find<'a>(scenario: &'a Scenario, path: &[u32]) -> Option<&'a Step> {
    let (first, rest) = path.split_first()?;
    let step = scenario.steps.get(*first as usize)?;
    rest.iter().try_fold(step, |step, index| match &step.act {
        Some(Act::During { steps, .. } | Act::Repeat { steps, .. }) => steps.get(*index as usize),
        _ => None,
    })
}
