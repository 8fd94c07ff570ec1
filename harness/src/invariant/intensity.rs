//! INV-INTENSITY: restarts are limited, and spaced.

use std::time::Duration;

use crate::scenario::Limit;
use crate::subject::{DelayBound, LimitRule};
use crate::time::Time;
use crate::verdict::Verdict;

use super::bounds;
use super::case::{Case, Timely};
use super::facts::Leave;
use super::gaps::{self, Found};
use super::restarts::Restarts;
use super::tally::{Tally, say};

/// Judges it.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    if case.profile.limit.is_none() && case.profile.delay.is_none() {
        return Verdict::Undeclared;
    }
    let mut tally = Tally::default();
    let restarts = Restarts::read(case);
    let limit = case.scenario.pool.limit.filter(|_| case.profile.limit == Some(LimitRule::AsAsked));
    if let Some(limit) = limit {
        judge_window(case, limit, &restarts, &mut tally);
    }
    if case.profile.delay == Some(DelayBound::AsAsked) {
        judge_gaps(case, &mut tally);
    }
    if case.profile.delay.is_some() {
        judge_longest(case, &mut tally);
    }
    let measured = match limit {
        Some(limit) => {
            let fullest = restarts.fullest(limit.within.0).map_or(0, |burst| burst.count);
            format!("{fullest} of {} restarts in {}", limit.restarts, say(limit.within.0))
        }
        None => format!("{} restarts in {}", restarts.count(), say(restarts.span())),
    };
    tally.verdict_saying("no limit and no backoff to keep to", measured)
}

fn judge_window(case: &Case<'_>, limit: Limit, restarts: &Restarts, tally: &mut Tally) {
    tally.held();
    let within = limit.within.0.saturating_sub(bounds::START_JITTER + case.slack.0);
    let Some(burst) = restarts.exceeding(limit.restarts, within) else { return };
    let stalled = case.stalled(burst.from, burst.until, &[]);
    // Delays may have pushed the first of them nearer to the last.
    if limit.within.0.saturating_sub(burst.until.since(burst.from)) <= stalled {
        tally.doubt(format!(
            "{} restarts in {}, and the host stalled for {}",
            burst.count,
            say(burst.until.since(burst.from)),
            say(stalled)
        ));
        return;
    }
    tally.fail(
        burst.until,
        format!("the restarts from {} on were more than the limit allows", burst.from),
        format!("at most {} restarts in any {}", limit.restarts, say(limit.within.0)),
        format!("{} in {}", burst.count, say(burst.until.since(burst.from))),
    );
}

/// No restart comes before the delay that its failures have earned, whatever is assumed about who replaces whom.
fn judge_gaps(case: &Case<'_>, tally: &mut Tally) {
    let Some(backoff) = case.scenario.pool.backoff else { return };
    match gaps::search(case, &backoff) {
        Found::Pairing => tally.held(),
        Found::Unknown => tally.doubt("too many ways to pair restarts with deaths".to_owned()),
        Found::None { birth } => tally.fail(
            case.worker(birth).born.latest(),
            format!("{} was started before the backoff allowed, whomever it replaced", case.name(birth)),
            format!("delays of {}, growing by {} up to {}", say(backoff.initial.0), backoff.factor, say(backoff.cap.0)),
            "an earlier start".to_owned(),
        ),
    }
}

/// No restart is later than the longest delay that the policy allows. The n-th restart is for the n-th need at the
/// latest, so pairing them in order gives the smallest delays.
fn judge_longest(case: &Case<'_>, tally: &mut Tally) {
    let needs: Vec<_> = case
        .facts
        .departures
        .iter()
        .filter(|one| {
            matches!(one.how, Leave::Death | Leave::OnePhase | Leave::Silent) && one.excused && one.ready_for.is_some()
        })
        .filter(|one| one.known < case.facts.peace)
        .collect();
    let mut failures = 0;
    let mut births = case.timeline.workers.iter().map(|worker| worker.born.earliest()).peekable();
    for need in needs {
        let short = need.ready_for.is_none_or(|run| !bounds::surely_stable(case.scenario, run));
        failures += u32::from(short);
        let delay = match need.how {
            Leave::OnePhase => Duration::ZERO,
            _ => bounds::longest(case.scenario, case.profile, if short { failures } else { 0 }),
        };
        let bound = delay + bounds::REACT;
        while births.next_if(|birth| *birth < need.at).is_some() {}
        let birth = births.next();
        let due = case.due_unhindered(need.known, bound);
        let met = birth.unwrap_or(Time::NEVER).min(case.facts.peace);
        // A rolling restart or an announcement before may have put a worker there already.
        if case.facts.rolling(need.known) || birth.is_none() && met <= due {
            continue;
        }
        match case.timely(need.known, due, met, &[]) {
            Timely::Yes => tally.held(),
            Timely::Unknown(stalled) => {
                tally.doubt(format!("a restart was late, and the host stalled for {}", say(stalled)))
            }
            Timely::No if has_untimely(case) => {}
            Timely::No => tally.fail(
                due,
                format!("{} left and its replacement was late", case.name(need.worker)),
                format!("a start within {}", say(bound)),
                format!("after {}", say(met.since(need.known))),
            ),
        }
    }
}

/// Replacements that were there before the need make the pairing in order wrong.
fn has_untimely(case: &Case<'_>) -> bool {
    case.facts.departures.iter().any(|one| matches!(one.how, Leave::TwoPhase | Leave::Untimely))
        || !case.facts.rolls.is_empty()
}
