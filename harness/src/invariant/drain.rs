//! INV-DRAIN: a worker that retires may finish what it holds, for so long and no longer.

use std::time::Duration;

use crate::history::{Conn, Given, Outcome, Proc};
use crate::time::Time;
use crate::verdict::Verdict;

use super::bounds;
use super::case::{Case, Timely};
use super::excuse::{could_not_run, deadline, ended_unaware, had_time, lost_at};
use super::facts::Departure;
use super::tally::{Tally, say};

/// Judges it.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    if case.profile.drain.is_none() {
        return Verdict::Undeclared;
    }
    let mut held: Vec<Vec<&Conn<'_>>> = vec![Vec::new(); case.timeline.workers.len()];
    for conn in &case.timeline.connections {
        if let Some(owner) = conn.owner {
            held[owner].push(conn);
        }
    }
    let mut tally = Tally::default();
    judge_passed(case, &mut tally);
    for (index, held) in held.iter().enumerate() {
        let Some(retired) = case.worker(index).retires() else {
            judge_ended(case, index, held, &mut tally);
            continue;
        };
        if !could_not_run(case, index, retired, case.worker(index).maybe_dead().min(case.timeline.until)) {
            judge_length(case, index, &mut tally);
            judge_idle(case, index, retired, held, &mut tally);
        }
        judge_cuts(case, index, retired, held, &mut tally);
        judge_newcomers(case, index, held, &mut tally);
    }
    tally.verdict("no worker retired")
}

/// A worker that the supervisor ended without a word had no drain at all.
fn judge_ended(case: &Case<'_>, index: usize, held: &[&Conn<'_>], tally: &mut Tally) {
    let by_supervisor = |one: &&Departure| one.worker == index && !one.excused;
    if !case.facts.departures.iter().any(|one| by_supervisor(&one)) || case.facts.hurry.is_some() {
        return;
    }
    if ended_unaware(case, index) {
        return;
    }
    let died = case.worker(index).maybe_dead();
    for conn in held {
        let record = conn.record;
        // Its connections end as it does, and may be seen to end a little earlier.
        let cut = is_cut(record.outcome) && record.ended + bounds::START_JITTER + case.slack.0 >= died;
        if cut && record.sent.is_some_and(|sent| sent <= died) {
            tally.fail(
                record.ended,
                format!(
                    "{} was ended without a drain and connection {} of load {} with it",
                    case.name(index),
                    record.id,
                    record.load
                ),
                format!("not closed before its end or {}", say(case.scenario.pool.drain.0)),
                "closed at once".to_owned(),
            );
        }
    }
}

fn is_cut(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Reset | Outcome::Empty | Outcome::Cut)
}

/// Gone by the deadline. Counted from when the supervisor knows: it gave the order, or heard the announcement.
fn judge_length(case: &Case<'_>, index: usize, tally: &mut Tally) {
    let worker = case.worker(index);
    let announced = worker.retires().filter(|_| worker.announced.is_some());
    let Some(from) = [announced, worker.ordered()].into_iter().flatten().min() else { return };
    if case.profile.drain != Some(true) {
        return;
    }
    let bound = case.scenario.pool.drain.0 + bounds::kill_slack(case.profile);
    let due = case.due(from, bound);
    // Its own word may have given it more.
    let due = worker.lingers.map_or(due, |until| due.max(case.due(until, bounds::kill_slack(case.profile))));
    let bound = bound.max(case.lasted(from, due));
    let died = worker.maybe_dead();
    // Orphans have no supervisor that could end them: INV-CONTAIN.
    let exit = case.facts.exit.map_or(Time::NEVER, |(exit, _)| exit);
    let end = died.min(case.timeline.until).min(exit);
    match case.timely(from, due, end, &[worker.proc]) {
        Timely::Yes if died > end => {}
        Timely::Yes => tally.measured(case.lasted(from, end), bound),
        Timely::Unknown(stalled) => tally.doubt(format!(
            "{} took {} to leave, and the host stalled for {}",
            case.name(index),
            say(end.since(from)),
            say(stalled)
        )),
        Timely::No => tally.fail(
            due,
            format!("{} retired at {from} and was still there after the drain deadline", case.name(index)),
            format!("gone within {}", say(bound)),
            if died > end {
                format!("still there after {}", say(end.since(from)))
            } else {
                format!("gone after {}", say(end.since(from)))
            },
        ),
    }
}

/// What is held is not closed before the deadline.
fn judge_cuts(case: &Case<'_>, index: usize, retired: Time, held: &[&Conn<'_>], tally: &mut Tally) {
    let (worker, traits) = (case.worker(index), &case.facts.traits[index]);
    let not_before = deadline(case, index, retired);
    let hit = [worker.killed, worker.spoiled].into_iter().flatten().min();
    let excused = hit.or(case.facts.hurry).map(|hit| hit.min(case.facts.hurry.unwrap_or(Time::NEVER)));
    let stalled = |until: Time| case.stalled(retired, until, &[worker.proc]);
    for conn in held {
        let record = conn.record;
        let active = record.sent.is_some_and(|sent| sent <= retired) && record.ended >= retired;
        let (cut, ended) = (is_cut(record.outcome), lost_at(case, conn));
        let scripted = traits.exits || traits.hangs || excused.is_some_and(|at| at <= record.ended + case.slack.0);
        if !active || scripted {
            continue;
        }
        if !cut {
            tally.held();
        } else if ended < not_before && stalled(ended) >= not_before.since(ended) {
            tally.doubt(format!("connection {} may have been cut too early, and the host stalled", record.id));
        } else if ended < not_before {
            let whole = case.scenario.pool.drain.0;
            tally.fail(
                record.ended,
                format!(
                    "{} retired at {retired} and connection {} of load {} was cut before the drain deadline",
                    case.name(index),
                    record.id,
                    record.load
                ),
                format!("not closed before its end or {}", say(whole)),
                format!("closed after {}", say(ended.since(retired))),
            );
        } else if had_time(case, conn, index, not_before) {
            tally.fail(
                record.ended,
                format!(
                    "connection {} of load {} had time enough and was cut at the drain deadline of {}",
                    record.id,
                    record.load,
                    case.name(index)
                ),
                "an answer".to_owned(),
                format!("{:?}", record.outcome),
            );
        } else {
            tally.held();
        }
    }
}

/// Connections that idle delay nothing: with nothing else to finish, a worker leaves at once.
fn judge_idle(case: &Case<'_>, index: usize, retired: Time, held: &[&Conn<'_>], tally: &mut Tally) {
    let (worker, traits) = (case.worker(index), &case.facts.traits[index]);
    let idle = |conn: &&&Conn<'_>| {
        conn.record.answered.is_some_and(|answered| answered <= retired) && conn.record.ended >= retired
    };
    let scripted = traits.ignores_term || traits.hangs || traits.exits;
    if scripted || worker.exiting.is_none() || worker.retired.is_none() || !held.iter().any(|conn| idle(&conn)) {
        return;
    }
    let busy = held.iter().filter(|conn| !idle(conn)).map(|conn| conn.record.ended);
    let from = busy.filter(|ended| *ended >= retired).max().unwrap_or(retired);
    let from = from.max(worker.drained.filter(|_| traits.slow_stop > Duration::ZERO).unwrap_or(from));
    let bound = traits.slow_stop + bounds::kill_slack(case.profile);
    let end = worker.maybe_dead().min(case.timeline.until);
    let concerned: [Proc; 1] = [worker.proc];
    match case.timely(from, case.due(from, bound), end, &concerned) {
        Timely::Yes => tally.held(),
        Timely::Unknown(stalled) => {
            tally.doubt(format!("{} was slow to leave, and the host stalled for {}", case.name(index), say(stalled)))
        }
        Timely::No => tally.fail(
            end,
            format!("{} had nothing to finish but idle connections, and stayed", case.name(index)),
            format!("gone within {}", say(bound)),
            format!("gone after {}", say(end.since(from))),
        ),
    }
}

/// It serves nobody who came after it had stopped accepting.
fn judge_newcomers(case: &Case<'_>, index: usize, held: &[&Conn<'_>], tally: &mut Tally) {
    let Some(stopped) = case.worker(index).retired else { return };
    for conn in held {
        // It was opened at some instant after it was tried; a client that the host delays sees that late.
        let opened = conn.record.tried;
        if conn.record.opened.is_some() && opened > stopped + case.slack.0 && conn.record.answered.is_some() {
            tally.fail(
                opened,
                format!(
                    "{} had stopped accepting at {stopped} and served connection {}",
                    case.name(index),
                    conn.record.id
                ),
                "an answer by another worker".to_owned(),
                format!("opened {} later", say(opened.since(stopped))),
            );
        }
    }
}

/// It is passed nobody who came after it was told to leave. A refusal is heard and another worker tried, so no client may
/// ever notice, but for the time that it takes.
fn judge_passed(case: &Case<'_>, tally: &mut Tally) {
    for &Given { at, conn, worker, .. } in case.timeline.given.iter().filter(|given| !given.taken) {
        let record = case.timeline.connections[conn].record;
        let Some(told) = case.worker(worker).ordered().filter(|told| record.tried > *told + case.slack.0) else {
            continue;
        };
        tally.fail(
            at,
            format!(
                "{} saw the order to leave at {told} and was passed connection {} of load {}",
                case.name(worker),
                record.id,
                record.load
            ),
            "another worker gets it".to_owned(),
            format!("passed {} later", say(at.since(told))),
        );
    }
}
