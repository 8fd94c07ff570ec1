//! INV-CONVERGE: left in peace, the pool becomes what it should be and stays so.

use std::time::Duration;

use crate::history::Worker;
use crate::time::Time;
use crate::verdict::Verdict;

use super::bounds;
use super::case::{Case, Timely};
use super::curve::Curve;
use super::facts::{Departure, Leave, merge};
use super::floor::no_steps;
use super::output::is_about_output;
use super::tally::{Tally, say};
use super::traits::Traits;

/// Judges it.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let Some(converge) = case.profile.converge else { return Verdict::Undeclared };
    if case.facts.steps.is_none() {
        return no_steps();
    }
    let bound = converge.0 + longest_delay(case);
    let wrong = wrong_spans(case);
    let mut tally = Tally::default();
    for (from, until) in calm(case) {
        let due = case.due(from, bound);
        let last_wrong = wrong.iter().rev().find(|(begin, _)| *begin < until).map(|(_, end)| *end);
        let right_since = last_wrong.map_or(from, |end| end.clamp(from, until));
        let is_right = right_since < until || last_wrong.is_none_or(|end| end <= from);
        // Watched to the end of the run it must have become right; between two disturbances there may be too little time.
        let last = Some(until) == case.timeline.phases.stop;
        let settled = case.timeline.phases.settle.is_some_and(|settle| from <= settle + bounds::SAME_STEP);
        if until <= due && !(last && (settled || is_right)) {
            continue;
        }
        match (is_right, case.timely(from, due, right_since, &[])) {
            (true, Timely::Yes) => tally.measured(case.lasted(from, right_since), bound),
            (false, Timely::Yes) => {
                tally.doubt(format!("watched for {} only, and the bound is {}", say(until.since(from)), say(bound)));
            }
            (_, Timely::Unknown(stalled)) => tally.doubt(format!(
                "right again after {} of {}, and the host stalled for {}",
                say(right_since.since(from)),
                say(bound),
                say(stalled)
            )),
            (_, Timely::No) => failed(case, from, due, bound, &wrong, &mut tally),
        }
    }
    tally.verdict(&format!("the pool was never left in peace for {}", say(bound)))
}

fn failed(case: &Case<'_>, from: Time, due: Time, bound: Duration, wrong: &[(Time, Time)], tally: &mut Tally) {
    let since = wrong.iter().rev().find(|(_, end)| *end > due).map_or(due, |(begin, _)| due.max(*begin));
    let count = |what: fn(&crate::history::Worker, Time) -> bool| {
        case.timeline.workers.iter().filter(|worker| what(worker, since)).count()
    };
    let ready = count(|worker, at| worker.is_ready(at));
    let booting = count(is_booting);
    tally.fail(
        since,
        format!(
            "the last fault, command or scripted departure was at {from} and {} later the pool was not right",
            say(bound)
        ),
        format!("{} ready workers and none that is still booting", case.facts.wanted(since)),
        format!("{ready} ready, {booting} booting"),
    );
}

fn is_booting(worker: &crate::history::Worker, at: Time) -> bool {
    worker.born.latest() <= at && at < boot_ends(worker)
}

/// When a worker certainly is not on its way any more.
fn boot_ends(worker: &crate::history::Worker) -> Time {
    [worker.ready, worker.retires(), Some(worker.maybe_dead())].into_iter().flatten().min().unwrap_or(Time::NEVER)
}

/// The spans in which the pool certainly was not right: too few or too many ready, or some still booting.
fn wrong_spans(case: &Case<'_>) -> Vec<(Time, Time)> {
    let wanted = case.facts.initial as i32;
    let (mut most, mut fewest, mut booting) = (Curve::default(), Curve::default(), Curve::default());
    for worker in &case.timeline.workers {
        let retires = worker.retires().unwrap_or(Time::NEVER);
        if let Some(ready) = worker.ready {
            most.add(ready, worker.dead_for_sure().min(retires));
            fewest.add(ready, worker.maybe_dead().min(retires));
        }
        booting.add(worker.born.latest(), boot_ends(worker));
    }
    most.rebase(case.facts);
    fewest.rebase(case.facts);
    let end = case.facts.peace;
    let few = most.stretches(Time::default(), end).into_iter().filter(|one| one.count < wanted);
    let many = fewest.stretches(Time::default(), end).into_iter().filter(|one| one.count > wanted);
    let late = booting.stretches(Time::default(), end).into_iter().filter(|one| one.count > 0);
    merge(few.chain(many).chain(late).map(|one| (one.from, one.until)).collect())
}

/// The spans between two disturbances: nothing is done to the pool, and no script disturbs it.
fn calm(case: &Case<'_>) -> Vec<(Time, Time)> {
    let (line, facts) = (case.timeline, case.facts);
    let Some(steps) = facts.steps else { return Vec::new() };
    let instant = |at: Time| (at, at);
    let mut disturbed = vec![instant(steps)];
    disturbed.extend(line.supervisors.iter().map(|one| instant(one.born)));
    disturbed.extend(line.injected.iter().map(|one| instant(one.at)));
    disturbed.extend(line.asked.iter().map(|one| instant(one.at)));
    disturbed.extend(line.commands.iter().map(|(at, _)| instant(*at)));
    // What is wrong with the output is no reason for a pool not to be what it should be.
    let faults = line.faults.iter().filter(|one| !is_about_output(one.fault));
    disturbed.extend(faults.map(|one| (one.from, one.until)));
    disturbed.extend(facts.rolls.iter().copied());
    for one in facts.departures.iter().filter(|one| one.excused) {
        // Until a death nobody can know of a silent departure.
        disturbed.push((one.at, one.known_for_sure.max(one.at)));
    }
    for (worker, traits) in line.workers.iter().zip(&facts.traits).filter(|(_, traits)| traits.spoils_boot()) {
        let scripted = worker.born.latest() + traits.boot;
        let end = if traits.never_ready { worker.dead_for_sure() } else { scripted.min(worker.dead_for_sure()) };
        disturbed.push((worker.born.earliest(), end));
    }
    disturbed.extend(unaware(case));
    let disturbed = merge(disturbed);
    let ends = disturbed.iter().skip(1).map(|(from, _)| *from).chain([facts.peace]);
    let gaps = disturbed.iter().zip(ends).map(|((_, until), next)| (*until, next.min(facts.peace)));
    gaps.filter(|(from, until)| from < until && *from >= steps).collect()
}

/// Whoever hangs, or took a signal of the harness for the order to leave and stayed, can't say when the supervisor's own
/// order came, and who closes its channel may never read it there: nobody knows until it is gone.
fn unaware(case: &Case<'_>) -> Vec<(Time, Time)> {
    let since = |(worker, traits): (&Worker, &Traits)| {
        let scripted = traits.hangs.then_some(worker.born.earliest());
        let unread = worker.silenced.filter(|_| worker.announced.is_some() && worker.ordered().is_none());
        let since = [scripted, worker.hung, worker.signalled, unread].into_iter().flatten().min()?;
        Some((since, worker.died?.latest()))
    };
    case.timeline.workers.iter().zip(&case.facts.traits).filter_map(since).collect()
}

/// The longest delay that the policy may have imposed in this run.
fn longest_delay(case: &Case<'_>) -> Duration {
    let polite = |one: &Departure| matches!(one.how, Leave::OnePhase | Leave::TwoPhase) && !one.is_failed_start();
    let delayed = case.facts.departures.iter().filter(|one| !polite(one));
    let short = delayed.filter(|one| one.shortest_run.is_none_or(|run| !bounds::surely_stable(case.scenario, run)));
    let failures = u32::try_from(short.count()).unwrap_or(u32::MAX);
    bounds::longest(case.scenario, case.profile, failures)
}
