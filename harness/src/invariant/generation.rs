//! INV-GENERATION: a reload is carried out as a whole, or not at all.

use crate::history::ClaimKind;
use crate::scenario::Command;
use crate::time::Time;
use crate::verdict::Verdict;

use super::bounds;
use super::case::Case;
use super::tally::{Tally, say};

/// The revision of the configuration that is there if nothing was exchanged.
const FIRST: u32 = 1;

/// The revision that the supervisor was started with.
fn first(case: &Case<'_>) -> u32 {
    let born = case.timeline.supervisor().map_or(Time::default(), |one| one.born);
    let before = case.timeline.configured.iter().rev().find(|(at, ..)| *at <= born);
    before.map_or(FIRST, |(_, revision, _)| *revision)
}

/// A reload and what must be so when it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reload {
    at: Time,
    /// When its outcome must be there.
    settled: Time,
    /// Until when that must stay: the next reload, or the end of the peace.
    until: Time,
    /// The revision that serves then.
    serves: u32,
    /// Whether the configuration that was in place can be served with.
    good: bool,
}

/// Judges it.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    if case.profile.rolling_reload.is_none() {
        return Verdict::Undeclared;
    }
    if case.timeline.workers.iter().all(|worker| worker.revision.is_none()) {
        return Verdict::NotApplicable { why: "no worker tells which configuration it was started from".to_owned() };
    }
    let mut tally = Tally::default();
    judge_before(case, &mut tally);
    let reloads = reloads(case);
    for reload in &reloads {
        judge_births(case, reload, &mut tally);
        judge_outcome(case, reload, &mut tally);
    }
    let judged = reloads.iter().filter(|one| one.settled < one.until).count();
    tally.verdict_saying("no reload", format!("{judged} of {} reloads were watched to their end", reloads.len()))
}

/// Before the first reload a configuration that was exchanged is nobody's.
fn judge_before(case: &Case<'_>, tally: &mut Tally) {
    let first = first(case);
    let end = orders(case).next().unwrap_or(case.facts.peace);
    for (index, worker) in case.timeline.workers.iter().enumerate() {
        let Some(revision) = worker.revision.filter(|_| worker.born.latest() < end) else { continue };
        if !case.timeline.configured.is_empty() && revision != first {
            wrong(case, index, worker.born.latest(), first, "before any reload", tally);
        }
    }
}

/// The instants of the reloads.
fn orders<'a>(case: &'a Case<'_>) -> impl Iterator<Item = Time> + 'a {
    let reloads = case.timeline.commands.iter().filter(|(_, command)| matches!(command, Command::Reload));
    reloads.map(|(at, _)| *at).filter(|at| *at < case.facts.peace)
}

fn reloads(case: &Case<'_>) -> Vec<Reload> {
    let orders: Vec<Time> = orders(case).collect();
    let mut serves = first(case);
    let mut reloads = Vec::with_capacity(orders.len());
    for (nth, &at) in orders.iter().enumerate() {
        let in_place = case.timeline.configured.iter().rev().find(|(since, ..)| *since <= at);
        let (revision, good) = in_place.map_or((FIRST, true), |(_, revision, serves)| (*revision, *serves));
        let until = orders.get(nth + 1).copied().unwrap_or(case.facts.peace);
        let good = good && !case.facts.failed_starts.iter().any(|failed| at <= *failed && *failed < until);
        if good {
            serves = revision;
        }
        // What it says of a reload counts if that can't be about another one.
        let alone = reloads.last().is_none_or(|before: &Reload| before.settled <= at);
        let said = said(case, at, until).filter(|_| alone);
        reloads.push(Reload { at, settled: said.unwrap_or(Time::NEVER).min(settled(case, at)), until, serves, good });
    }
    reloads
}

/// From when on it must be so because the supervisor has said that the reload is over. Somebody who was just told to leave
/// may be seen to retire a little later.
fn said(case: &Case<'_>, from: Time, until: Time) -> Option<Time> {
    let over = |kind: ClaimKind| matches!(kind, ClaimKind::Reloaded | ClaimKind::ReloadFailed);
    let mut claims = case.timeline.claims.iter().filter(|(_, claim)| over(claim.kind));
    let (at, _) = claims.find(|(at, _)| from <= *at && *at < until)?;
    Some(case.due(*at, bounds::REACT))
}

/// When the rolling restart that was ordered then must have come to its end.
fn settled(case: &Case<'_>, at: Time) -> Time {
    let roll =
        case.facts.rolls.iter().find(|(from, until)| *from <= at && at <= *until).map_or(at, |(_, until)| *until);
    let failures = u32::try_from(case.facts.departures.len()).unwrap_or(u32::MAX);
    let converge = case.profile.converge.map_or(bounds::REACT, |span| span.0);
    case.due_unhindered(roll, converge + bounds::longest(case.scenario, case.profile, failures))
}

/// Whoever is started after a reload has come to its end, is started from what serves.
fn judge_births(case: &Case<'_>, reload: &Reload, tally: &mut Tally) {
    for (index, worker) in case.timeline.workers.iter().enumerate() {
        let born = worker.born.earliest();
        let Some(revision) = worker.revision.filter(|_| reload.settled <= born && born < reload.until) else {
            continue;
        };
        tally.held();
        if revision != reload.serves {
            let when = format!("{} after the reload of {}", say(born.since(reload.at)), reload.at);
            wrong(case, index, born, reload.serves, &when, tally);
        }
    }
}

/// When it has come to its end everybody who stays runs from what serves: the new configuration, or, if no pool can
/// serve with that, the one before.
fn judge_outcome(case: &Case<'_>, reload: &Reload, tally: &mut Tally) {
    if reload.settled >= reload.until {
        return;
    }
    let at = reload.until;
    tally.held();
    for (index, worker) in case.timeline.workers.iter().enumerate() {
        let there = worker.born.latest() < reload.settled && at <= worker.maybe_dead();
        let stays = there && worker.retires().is_none_or(|retires| retires > at);
        if stays && worker.revision.is_some_and(|revision| revision != reload.serves) {
            let outcome = if reload.good { "which was to succeed" } else { "which was to fail" };
            let when = format!("long after the reload of {}, {outcome}", reload.at);
            wrong(case, index, reload.settled, reload.serves, &when, tally);
        }
    }
}

fn wrong(case: &Case<'_>, index: usize, at: Time, serves: u32, when: &str, tally: &mut Tally) {
    let revision = case.worker(index).revision.unwrap_or_default();
    tally.fail(
        at,
        format!("{} runs from another configuration than it should, {when}", case.name(index)),
        format!("revision {serves}"),
        format!("revision {revision}"),
    );
}
