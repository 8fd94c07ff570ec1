//! Expectations about the connections of one load.

use crate::history::{Conn, Outcome, Proc, Worker};
use crate::time::Time;
use crate::verdict::Verdict;

use super::bounds;
use super::case::{Case, Timely};
use super::excuse::{came_back_late, deadline, impatience, lost_at};
use super::expect::Span;
use super::tally::{Tally, say};

fn of_load<'a>(case: &'a Case<'_>, load: &'a str, span: Span) -> impl Iterator<Item = &'a Conn<'a>> {
    let wanted = move |conn: &&Conn<'_>| conn.record.load == load && conn.record.ended >= span.from;
    case.timeline.connections.iter().filter(wanted).filter(move |conn| !span.of_step || conn.record.tried < span.until)
}

/// Every request was answered, excuses or not; but those that were made (or still queued) when the end was ordered, and those
/// of a client that came back too late.
pub(super) fn nothing_lost(case: &Case<'_>, load: &str, span: Span) -> Verdict {
    let mut tally = Tally::default();
    let mut total = 0;
    for conn in of_load(case, load, span) {
        let record = conn.record;
        let after = record.tried >= case.facts.peace || conn.owner.is_none() && record.ended >= case.facts.peace;
        if after || record.outcome == Outcome::Dropped || came_back_late(case, conn) {
            continue;
        }
        total += 1;
        tally.held();
        if let Some(why) = impatience(case, record) {
            tally.doubt(why);
        } else if record.outcome != Outcome::Ok {
            let owner = conn.owner.map_or_else(|| "no worker".to_owned(), |owner| case.name(owner));
            tally.fail(
                record.ended,
                format!("connection {} of load {load}, accepted by {owner}, was not answered", record.id),
                "every request answered".to_owned(),
                format!("{:?} after {}", record.outcome, say(record.ended.since(record.tried))),
            );
        }
    }
    tally.verdict_saying("no connection of this load", format!("0 of {total} lost"))
}

/// Of the workers that serve in the whole span, none answered many more requests than another. A worker that the host
/// keeps waiting misses its turn, so what stalls explain is no failure.
pub(super) fn balanced(case: &Case<'_>, load: &str, within: u32, span: Span) -> Verdict {
    let until = span.until.min(case.facts.peace);
    let serves = |worker: &&Worker| {
        worker.is_ready(span.from) && worker.maybe_dead().min(worker.retires().unwrap_or(Time::NEVER)) >= until
    };
    let there: Vec<Proc> = case.timeline.workers.iter().filter(serves).map(|worker| worker.proc).collect();
    let answered = |proc: Proc| {
        let by = |conn: &&Conn<'_>| conn.record.owner == Some(proc) && conn.record.ended < until;
        of_load(case, load, span).filter(by).count()
    };
    let counts: Vec<usize> = there.iter().map(|proc| answered(*proc)).collect();
    let (Some(&least), Some(&most)) = (counts.iter().min(), counts.iter().max()) else {
        return Verdict::NotApplicable { why: "no worker served all the time".to_owned() };
    };
    let total: usize = counts.iter().sum();
    if there.len() < 2 || total < there.len() {
        return Verdict::NotApplicable { why: format!("{total} requests were answered by {} workers", there.len()) };
    }
    let (apart, within) = (most - least, within as usize);
    let measured = format!("{least} to {most} of {total} requests each, {apart} apart");
    if apart <= within {
        return Verdict::Pass { measured };
    }
    let turn = until.since(span.from) / u32::try_from(total).unwrap_or(u32::MAX);
    let stalled = case.stalled(span.from, until, &there);
    if turn * u32::try_from(apart - within).unwrap_or(u32::MAX) <= stalled {
        return Verdict::Inconclusive { why: format!("{measured}, and the host stalled for {}", say(stalled)) };
    }
    Verdict::Fail {
        at: until,
        because: format!("{} workers served load {load} all the time, not in equal parts", there.len()),
        expected: format!("at most {within} apart"),
        actual: measured,
    }
}

/// What the workers that retired were still answering was cut at the drain deadline.
pub(super) fn cut_at_deadline(case: &Case<'_>, load: &str, span: Span) -> Verdict {
    let mut tally = Tally::default();
    let drain = case.scenario.pool.drain.0;
    let bound = drain + bounds::kill_slack(case.profile);
    for conn in of_load(case, load, span) {
        let record = conn.record;
        let Some(owner) = conn.owner else { continue };
        let Some(retired) = case.worker(owner).retires() else { continue };
        let active = record.sent.is_some_and(|sent| sent <= retired) && record.ended >= retired;
        if !active || record.outcome == Outcome::Dropped {
            continue;
        }
        let mut wrong = |actual: String| {
            tally.fail(
                record.ended,
                format!("connection {} of load {load} was held by a worker that retired at {retired}", record.id),
                format!("a cut after {}, and not before", say(drain)),
                actual,
            );
        };
        let ended = lost_at(case, conn);
        let span = ended.since(retired);
        let cut = matches!(record.outcome, Outcome::Reset | Outcome::Empty | Outcome::Cut);
        if !cut {
            wrong(format!("{:?} after {}", record.outcome, say(span)));
        } else if ended + case.stalled(retired, ended, &[case.worker(owner).proc]) < deadline(case, owner, retired) {
            wrong(format!("a cut after {}", say(span)));
        } else {
            match case.timely(retired, case.due(retired, bound), ended, &[]) {
                Timely::Yes => tally.measured(span, bound),
                Timely::Unknown(stalled) => tally.doubt(format!("the host stalled for {}", say(stalled))),
                Timely::No => wrong(format!("a cut after {}", say(span))),
            }
        }
    }
    if tally.is_empty() {
        return Verdict::Fail {
            at: case.facts.peace,
            because: format!("no connection of load {load} was held by a worker that retired"),
            expected: format!("cuts after {}", say(drain)),
            actual: "none".to_owned(),
        };
    }
    tally.verdict("")
}
