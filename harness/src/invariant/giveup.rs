//! INV-GIVEUP: it gives up when it must, and only then.

use std::time::Duration;

use crate::scenario::{Limit, StatusIs};
use crate::subject::LimitRule;
use crate::time::Time;
use crate::verdict::Verdict;

use super::bounds;
use super::case::{Case, Timely};
use super::facts::{Departure, Leave};
use super::restarts::{Burst, Restarts, costs};
use super::say_status::{matches_status, said_is, said_status};
use super::tally::{Tally, say};

/// Judges it.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    match case.profile.limit {
        None => return Verdict::Undeclared,
        Some(LimitRule::Unlimited) => {
            return Verdict::NotApplicable { why: "it declares that there is no limit".to_owned() };
        }
        Some(LimitRule::AsAsked) => {}
    }
    let mut tally = Tally::default();
    match (case.scenario.pool.limit, case.facts.ended_itself) {
        (None, None) => {}
        (None, Some(at)) => gave_up_without_limit(case, at, &mut tally),
        (Some(limit), None) => judge_due(case, limit, &mut tally),
        (Some(limit), Some(at)) => {
            judge_right(case, limit, at, &mut tally);
            judge_end(case, at, &mut tally);
        }
    }
    let unworried = || match case.scenario.pool.limit {
        Some(limit) => {
            let fullest = Restarts::read(case).fullest(limit.within.0).map_or(0, |burst| burst.count);
            format!("{fullest} of {} restarts in {}, and it did not give up", limit.restarts, say(limit.within.0))
        }
        None => "no limit was asked for".to_owned(),
    };
    let measured = tally.worst().map(|(span, bound)| format!("gave up within {} of {}", say(span), say(bound)));
    let measured = measured.unwrap_or_else(unworried);
    tally.verdict_saying("no limit was asked for", measured)
}

fn gave_up_without_limit(case: &Case<'_>, at: Time, tally: &mut Tally) {
    if case.facts.hindered.is_empty() && is_give_up(case) {
        tally.fail(
            at,
            "it gave up although no limit was asked for".to_owned(),
            "no give-up".to_owned(),
            "a give-up".to_owned(),
        );
    }
}

/// Whether its status says that it gave up.
fn is_give_up(case: &Case<'_>) -> bool {
    let declared = case.profile.give_up_status.unwrap_or(StatusIs::NonZero);
    case.facts.exit.is_some_and(|(_, status)| matches_status(status, declared))
}

/// It runs on (or was stopped): it must not have been bound to give up before.
fn judge_due(case: &Case<'_>, limit: Limit, tally: &mut Tally) {
    tally.held();
    let restarts = Restarts::read(case);
    let within = limit.within.0.saturating_sub(bounds::START_JITTER + case.slack.0);
    let end = bound(case);
    if let Some(burst) = restarts.exceeding(limit.restarts, within) {
        return went_on(case, limit, burst, tally);
    }
    let needed = stuck(case, limit, within, &restarts).or_else(|| starved(case, limit, within));
    let Some(at) = needed else { return };
    let due = case.due(at, end);
    match case.timely(at, due, case.facts.peace, &[]) {
        Timely::Yes => {}
        Timely::Unknown(stalled) => {
            tally.doubt(format!("it had not given up yet, and the host stalled for {}", say(stalled)))
        }
        Timely::No => tally.fail(
            at,
            format!("one restart too many was needed within {}, and it went on without it", say(limit.within.0)),
            format!("a give-up after {} restarts, and its end within {}", limit.restarts, say(end)),
            format!("still running {} later", say(case.facts.peace.since(at))),
        ),
    }
}

/// It restarted once too often instead.
fn went_on(case: &Case<'_>, limit: Limit, burst: Burst, tally: &mut Tally) {
    let span = burst.until.since(burst.from);
    let stalled = case.stalled(burst.from, burst.until, &[]);
    if limit.within.0.saturating_sub(span) <= stalled {
        return tally.doubt(format!(
            "{} restarts in {}, and the host stalled for {}",
            burst.count,
            say(span),
            say(stalled)
        ));
    }
    tally.fail(
        burst.until,
        format!("{} restarts were needed within {}, and it went on", burst.count, say(limit.within.0)),
        format!("a give-up after {} restarts", limit.restarts),
        format!("{} restarts in {}", burst.count, say(span)),
    );
}

/// As many restarts as allowed, then one more need within the window, and no birth after it.
fn stuck(case: &Case<'_>, limit: Limit, within: Duration, restarts: &Restarts) -> Option<Time> {
    if limit.restarts == 0 {
        return case.facts.departures.iter().find(|one| needs(case, one)).map(|one| one.known);
    }
    let full = restarts.last_reaching(limit.restarts, within)?;
    let last_birth = case.timeline.workers.last()?.born.latest();
    let failures = u32::try_from(case.facts.departures.len()).unwrap_or(u32::MAX);
    let delay = bounds::longest(case.scenario, case.profile, failures);
    let need = case.facts.departures.iter().find(|one| needs(case, one) && one.known > last_birth)?;
    ((need.known + delay).since(full.from) < within).then_some(need.known + delay)
}

/// While there is no program, or no place for it to run in, every start fails, and each is a restart: when one too many is needed, at the latest.
fn starved(case: &Case<'_>, limit: Limit, within: Duration) -> Option<Time> {
    let tries = limit.restarts.saturating_add(1);
    let each = bounds::longest(case.scenario, case.profile, tries) + bounds::REACT;
    let span = each.saturating_mul(tries);
    let gone = |fault: &str| {
        ["File(which:\"program\",", "File(which:\"workers directory\","].iter().any(|file| fault.starts_with(file))
    };
    let missing = case.timeline.faults.iter().filter(|one| gone(one.fault));
    let needed = missing.filter_map(|fault| {
        let meanwhile = |at: Time| fault.from <= at && at < fault.until;
        let need = case.facts.departures.iter().find(|one| needs(case, one) && meanwhile(one.known))?;
        let born = case.timeline.workers.iter().any(|worker| meanwhile(worker.born.latest()));
        let at = case.due(need.known, span);
        (span < within && at < fault.until && !born).then_some(at)
    });
    needed.min()
}

/// Whether it certainly must be replaced at a cost. Who never served may have been a trial of a rolling restart, or one that
/// was ordered.
fn needs(case: &Case<'_>, one: &Departure) -> bool {
    one.known < case.facts.peace
        && one.excused
        && !one.perhaps_told
        && costs(case, one)
        && (!one.is_failed_start() || case.facts.rolls.is_empty() && case.facts.scales.is_empty())
        && !case.facts.rolling(one.known)
}

/// From the need to the end: the declared reaction, and the drain of those who serve.
fn bound(case: &Case<'_>) -> Duration {
    let react = case.profile.give_up.map_or(bounds::ORPHANS, |span| span.0);
    let failures = u32::try_from(case.facts.departures.len()).unwrap_or(u32::MAX);
    let delay = bounds::longest(case.scenario, case.profile, failures);
    react + delay + case.scenario.longest_drain() + bounds::kill_slack(case.profile)
}

/// It ended by itself: as many needs as that takes must be there.
fn judge_right(case: &Case<'_>, limit: Limit, at: Time, tally: &mut Tally) {
    if !is_give_up(case) && !exceeded(case, limit) {
        return; // Not a give-up at all: INV-ISOLATE.
    }
    if !case.facts.hindered.is_empty() || exceeded(case, limit) {
        return tally.held();
    }
    let possible = possible_needs(case, limit);
    tally.fail(
        at,
        format!("it gave up although only {possible} restarts were needed within {}", say(limit.within.0)),
        format!("no give-up before the need for {} restarts in {}", limit.restarts + 1, say(limit.within.0)),
        format!("a give-up after {possible}"),
    );
}

/// Whether the needs may have exceeded the limit in some window.
pub(super) fn exceeded(case: &Case<'_>, limit: Limit) -> bool {
    possible_needs(case, limit) > limit.restarts
}

/// The most needs that any window may have held, but no more than one too many. A restart that is delayed counts when it
/// is started, so the needs may lie apart by the longest delay more, and by the time for which nobody could act on them.
fn possible_needs(case: &Case<'_>, limit: Limit) -> u32 {
    let failures = u32::try_from(case.facts.departures.len()).unwrap_or(u32::MAX);
    let stretch = bounds::longest(case.scenario, case.profile, failures) + bounds::START_JITTER + case.slack.0;
    let fits = |from: Time, to: Time| {
        let within = limit.within.0 + stretch;
        // No stall excuses what lies within anyway.
        case.lasted(from, to) <= within || case.lasted(from, to) <= within + case.stalled(from, to + stretch, &[])
    };
    let counts = |one: &&Departure| match one.how {
        Leave::Untimely => false,
        Leave::TwoPhase => one.shortest_run.is_none_or(|run| !bounds::surely_stable(case.scenario, run)),
        Leave::Death | Leave::Silent | Leave::OnePhase => true,
    };
    let need = |one: &Departure| if one.how == Leave::Silent { one.known } else { one.at.min(one.known) };
    let mut needs: Vec<Time> = case.facts.departures.iter().filter(counts).map(need).collect();
    needs.sort_unstable();
    let too_many = (limit.restarts as usize).saturating_add(1).min(needs.len());
    let fullest = (1..=too_many).rev().find(|&count| needs.windows(count).any(|some| fits(some[0], some[count - 1])));
    u32::try_from(fullest.unwrap_or(0)).unwrap_or(u32::MAX)
}

/// It ends in time and with the declared status.
fn judge_end(case: &Case<'_>, at: Time, tally: &mut Tally) {
    let (Some((exit, status)), Some(limit)) = (case.facts.exit, case.scenario.pool.limit) else { return };
    if !exceeded(case, limit) || !case.facts.hindered.is_empty() {
        return;
    }
    let bound = bound(case);
    match case.timely(at, case.due(at, bound), exit, &[]) {
        Timely::Yes => tally.measured(case.lasted(at, exit), bound),
        Timely::Unknown(stalled) => {
            tally.doubt(format!("it was slow to give up, and the host stalled for {}", say(stalled)))
        }
        Timely::No => tally.fail(
            exit,
            format!("one restart too many was needed at {at}, and it took too long to end"),
            format!("its end within {}", say(bound)),
            format!("after {}", say(exit.since(at))),
        ),
    }
    let declared = case.profile.give_up_status.unwrap_or(StatusIs::NonZero);
    if !matches_status(status, declared) {
        tally.fail(
            exit,
            "it gave up, and its exit status does not say so".to_owned(),
            said_is(declared),
            said_status(status),
        );
    }
}
