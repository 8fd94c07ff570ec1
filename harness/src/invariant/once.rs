//! INV-ONCE: each departure is replaced exactly once.

use std::time::Duration;

use crate::scenario::Rolling;
use crate::time::Time;
use crate::verdict::Verdict;

use super::bounds;
use super::case::{Case, Timely};
use super::curve::{Curve, joined};
use super::excuse::could_not_run;
use super::tally::{Tally, say};

/// Judges it: the births never outnumber the places that were free, which is the same as that the workers that are
/// alive and not leaving never outnumber the pool (and the surge, while a command is carried out).
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let asked = case.scenario.pool.reload.map(Rolling::more);
    let Some(surge) = asked.or(case.profile.surge) else { return Verdict::Undeclared };
    let wanted = case.facts.initial as i32;
    let mut staying = Curve::default();
    for index in 0..case.timeline.workers.len() {
        staying.add(case.worker(index).born.latest(), stays_until(case, index));
    }
    staying.rebase(case.facts);
    let mut tally = Tally::default();
    let mut highest = 0;
    let end = case.facts.exit.map_or(case.timeline.until, |(at, _)| at);
    let stretches = staying.stretches(Time::default(), end);
    let allowed = |at: Time| wanted + if case.facts.rolling(at) { surge as i32 } else { 0 };
    let scaled = |at: Time| case.facts.wanted(at) as i32 - wanted;
    // What the surge allows is taken off, so that one number is judged.
    let excess: Vec<_> = split(case, &stretches)
        .into_iter()
        .map(|mut stretch| {
            highest = highest.max(stretch.count);
            stretch.count -= allowed(stretch.from);
            stretch
        })
        .collect();
    for too_many in joined(&excess, |count| count > 0) {
        tally.held();
        let span = too_many.until.since(too_many.from);
        // An order to leave is seen by the worker a little after it was given.
        match case.timely(too_many.from, case.due(too_many.from, bounds::REACT), too_many.until, &[]) {
            Timely::Yes => {}
            Timely::Unknown(stalled) => tally.doubt(format!(
                "{} workers too many for {}, and the host stalled for {}",
                too_many.count,
                say(span),
                say(stalled)
            )),
            Timely::No => {
                let newest = newest(case, too_many.from);
                tally.fail(
                    too_many.from,
                    format!("{newest} was started although no place was free: somebody was replaced twice"),
                    format!(
                        "at most {} workers beside those that leave",
                        allowed(too_many.from) + scaled(too_many.from)
                    ),
                    format!(
                        "{} of them for {}",
                        too_many.count + allowed(too_many.from) + scaled(too_many.from),
                        say(span)
                    ),
                );
            }
        }
    }
    tally.held();
    tally.verdict_saying("no worker", format!("at most {highest} of {wanted} beside those that leave"))
}

/// Until when a worker certainly takes a place: it has not said or been told that it leaves, and is able to be told.
fn stays_until(case: &Case<'_>, index: usize) -> Time {
    let worker = case.worker(index);
    // Whoever rests has been replaced already, and nothing that it does shows that.
    let rest = case.profile.rest.map_or(Duration::ZERO, |rest| rest.0);
    let replaced = worker.ordered().map(|told| told - rest);
    let announced = worker.announced.map(|(at, _)| at);
    let unable =
        case.timeline.faults.iter().filter(|fault| fault.on.contains(&worker.proc)).map(|fault| fault.from).min();
    let hung =
        could_not_run(case, index, worker.born.earliest(), worker.born.latest()).then_some(worker.born.earliest());
    let asked = worker.spoiled;
    [announced, replaced, worker.retires(), unable, hung, asked, worker.signalled, Some(worker.maybe_dead())]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(Time::NEVER)
}

/// Stretches cut at the edges of rolling restarts, where the allowance changes.
fn split(case: &Case<'_>, stretches: &[super::curve::Stretch]) -> Vec<super::curve::Stretch> {
    let edges = case.facts.rolls.iter().flat_map(|(from, until)| [*from, *until]);
    let edges: Vec<Time> = edges.collect();
    let mut cut = Vec::with_capacity(stretches.len() + edges.len());
    for stretch in stretches {
        let mut rest = *stretch;
        for &edge in edges.iter().filter(|edge| stretch.from < **edge && **edge < stretch.until) {
            cut.push(super::curve::Stretch { until: edge, ..rest });
            rest.from = edge;
        }
        cut.push(rest);
    }
    cut
}

fn newest(case: &Case<'_>, at: Time) -> String {
    let born = case.timeline.workers.iter().rposition(|worker| worker.born.latest() <= at);
    born.map_or_else(|| "nobody".to_owned(), |index| case.name(index))
}
