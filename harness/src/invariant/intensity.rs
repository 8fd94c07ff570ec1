//! INV-INTENSITY: restarts are limited, and spaced.

use crate::history::When;
use crate::scenario::Limit;
use crate::subject::{DelayBound, LimitRule};
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
    // Whatever keeps the supervisor from starting anybody excuses that a restart is late, and must excuse no other.
    if case.profile.delay.is_some() && !tally.has_failed() {
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
        Found::None { birth } => {
            let born = case.worker(birth).born.latest();
            let left = case.facts.departures.iter().filter(|one| one.known <= born).map(|one| one.known).max();
            tally.fail(
                born,
                format!("{} was started before the backoff allowed, whomever it replaced", case.name(birth)),
                format!(
                    "delays of {}, growing by {} up to {}",
                    say(backoff.initial.0),
                    backoff.factor,
                    say(backoff.cap.0)
                ),
                format!("a start {} after the last that left", say(born.since(left.unwrap_or_default()))),
            );
        }
    }
}

/// No restart is later than the longest delay that the policy allows. Nobody knows who replaces whom: the n-th restart must
/// have come when the n-th was due. Where somebody announced or the operator ordered a rolling restart, replacements may
/// come before the deaths, and nothing is said; a restart that never comes is for INV-CONVERGE.
fn judge_longest(case: &Case<'_>, tally: &mut Tally) {
    let departures = &case.facts.departures;
    if departures.iter().any(|one| one.how != Leave::Death) || !case.facts.rolls.is_empty() {
        return;
    }
    let deaths = departures.iter().filter(|one| one.excused && one.known < case.facts.peace);
    let mut births = case.timeline.workers.iter().map(|worker| worker.born).peekable();
    let (mut dues, mut born) = (Vec::new(), Vec::new());
    for (nth, death) in deaths.enumerate() {
        // One that was seen by sampling may have come after the death.
        while births.next_if(|birth| birth.latest() < death.at).is_some() {}
        let Some(birth) = births.next().map(When::earliest) else { break };
        let stable = death.shortest_run.is_some_and(|run| bounds::surely_stable(case.scenario, run));
        let failures = if stable { 0 } else { u32::try_from(nth + 1).unwrap_or(u32::MAX) };
        let bound = bounds::longest(case.scenario, case.profile, failures) + bounds::REACT;
        dues.push((case.due_unhindered(death.known, bound), bound, death));
        born.push(birth);
    }
    dues.sort_by_key(|(due, ..)| *due);
    born.sort_unstable();
    for ((due, bound, death), birth) in dues.into_iter().zip(born) {
        match case.timely(death.known, due, birth, &[]) {
            Timely::Yes => tally.held(),
            Timely::Unknown(stalled) => {
                tally.doubt(format!("a restart was late, and the host stalled for {}", say(stalled)))
            }
            Timely::No => tally.fail(
                birth,
                format!("{} died and its replacement was late", case.name(death.worker)),
                format!("a start within {}", say(bound)),
                format!("after {}", say(birth.since(death.known))),
            ),
        }
    }
}
