//! Expectations about the pool and the supervisor.

use std::time::Duration;

use crate::history::{Leftover, Proc};
use crate::scenario::{Command, StatusIs};
use crate::time::Time;
use crate::verdict::Verdict;

use super::case::{Case, Timely};
use super::curve::{Curve, joined};
use super::expect::Span;
use super::facts::Leave;
use super::restarts::Restarts;
use super::say_status::{matches_status, said_is, said_status};
use super::steps;
use super::tally::{Tally, say};

fn fail(at: Time, because: impl Into<String>, expected: impl Into<String>, actual: impl Into<String>) -> Verdict {
    Verdict::Fail { at, because: because.into(), expected: expected.into(), actual: actual.into() }
}

fn pass(measured: impl Into<String>) -> Verdict {
    Verdict::Pass { measured: measured.into() }
}

/// The supervisor gives up after exactly so many restarts.
pub(super) fn gives_up(case: &Case<'_>, after_restarts: u32, status: StatusIs) -> Verdict {
    let ordered = case.facts.added(Time::NEVER) as usize;
    let initial = case.scenario.pool.workers as usize * case.timeline.supervisors.len().max(1) + ordered;
    let restarts = case.timeline.workers.len().saturating_sub(initial);
    let expected = format!("a give-up after {after_restarts} restarts with {}", said_is(status));
    let (Some(_), Some((exit, is))) = (case.facts.ended_itself, case.facts.exit) else {
        if let Some(why) = never_reached(case, after_restarts) {
            return Verdict::Inconclusive { why };
        }
        return fail(case.facts.peace, "it did not give up", expected, format!("{restarts} restarts and no give-up"));
    };
    // A worker that was ended between its start and its first line is seen by nobody, but the need for it was.
    let needs = case.facts.departures.iter().filter(|one| one.how != Leave::Untimely).count();
    let wanted = after_restarts as usize;
    let unseen = restarts < wanted && needs > wanted && wanted - restarts <= case.scenario.pool.workers as usize;
    if let Some(why) = never_reached(case, after_restarts).filter(|_| restarts > wanted) {
        return Verdict::Inconclusive { why };
    }
    if restarts != wanted && !unseen {
        return fail(exit, "it did not give up at the limit", expected, format!("{restarts} restarts"));
    }
    if !matches_status(is, status) {
        return fail(exit, "it gave up with another status", expected, said_status(is));
    }
    pass(format!("after {restarts} restarts with {}", said_status(is)))
}

/// Why it need not have given up after so many: its workers came and went so slowly that the limit never was reached, and would
/// not have but for the host.
fn never_reached(case: &Case<'_>, after_restarts: u32) -> Option<String> {
    let within = case.scenario.pool.limit?.within.0;
    let (from, until) = Restarts::read(case).nearest(after_restarts as usize + 1)?;
    let workers: Vec<Proc> = case.timeline.workers.iter().map(|worker| worker.proc).collect();
    let (took, stalled) = (until.since(from), case.stalled(from, until, &workers));
    (within < took && took <= within + stalled).then(|| {
        format!(
            "{} restarts took {} and more, and the host stalled for {}",
            after_restarts + 1,
            say(took),
            say(stalled)
        )
    })
}

/// It never ends but by command.
pub(super) fn never_gives_up(case: &Case<'_>, span: Span) -> Verdict {
    match (case.facts.ended_itself, case.facts.exit) {
        (Some(at), Some((_, status))) if at >= span.from && at <= span.until => {
            fail(at, "it ended by itself", "no give-up", format!("an end with {}", said_status(status)))
        }
        _ => pass("no give-up"),
    }
}

/// It ends with such a status.
pub(super) fn exits(case: &Case<'_>, status: StatusIs) -> Verdict {
    match case.facts.exit {
        Some((_, is)) if matches_status(is, status) => pass(said_status(is)),
        Some((at, is)) => fail(at, "the supervisor ended with another status", said_is(status), said_status(is)),
        None => fail(case.timeline.until, "the supervisor did not end", said_is(status), "no end"),
    }
}

/// Nothing of the subject outlives the supervisor for long.
pub(super) fn nothing_left(case: &Case<'_>, within: Duration) -> Verdict {
    let expected = format!("nothing left after {}", say(within));
    let Some((exit, _)) = case.facts.exit else {
        return fail(case.timeline.until, "the supervisor did not end", expected, "the supervisor");
    };
    let due = exit + within + case.slack.0;
    let mut tally = Tally::default();
    tally.held();
    for (at, left) in &case.timeline.left {
        let what = match left {
            Leftover::Process { proc, comm } => format!("process {} ({comm})", proc.pid),
            Leftover::Address(address) => format!("address {address}"),
            Leftover::File(path) => format!("file {path}"),
        };
        if *at >= due {
            tally.fail(*at, "something was left after the supervisor's end".to_owned(), expected.clone(), what);
        }
    }
    for (index, worker) in case.timeline.workers.iter().enumerate() {
        let end = worker.maybe_dead().min(case.timeline.until);
        match case.timely(exit, due, end, &[worker.proc]) {
            Timely::Yes => tally.measured(end.since(exit), within),
            Timely::Unknown(stalled) => tally.doubt(format!("the host stalled for {}", say(stalled))),
            Timely::No => {
                let actual = format!("{} for {}", case.name(index), say(end.since(exit)));
                tally.fail(due, "a worker outlived the supervisor".to_owned(), expected.clone(), actual);
            }
        }
    }
    tally.verdict("")
}

/// Never fewer ready workers than so many, whatever excuses there are.
pub(super) fn ready_at_least(case: &Case<'_>, workers: u32, span: Span) -> Verdict {
    let stretches = ready_curve(case).stretches(span.from, span.until.min(case.facts.peace));
    let low = joined(&stretches, |count| count < workers as i32);
    if let Some(low) = low.iter().find(|low| low.until.since(low.from) > case.slack.0) {
        return fail(
            low.from,
            format!("workers were missing for {}", say(low.until.since(low.from))),
            format!("at least {workers} ready"),
            format!("{} ready", low.count),
        );
    }
    match stretches.iter().map(|stretch| stretch.count).min() {
        Some(lowest) => pass(format!("lowest {lowest} of {workers}")),
        None => Verdict::NotApplicable { why: "there was no such time".to_owned() },
    }
}

/// How many workers are ready, those that may just have died counted.
fn ready_curve(case: &Case<'_>) -> Curve {
    let mut ready = Curve::default();
    for worker in &case.timeline.workers {
        if let Some(since) = worker.ready {
            ready.add(since, worker.dead_for_sure().min(worker.retires().unwrap_or(Time::NEVER)));
        }
    }
    ready
}

/// The pool is full again so long after the last fault or command.
pub(super) fn full_again(case: &Case<'_>, within: Duration, span: Span) -> Verdict {
    let line = case.timeline;
    let end = span.until.min(case.facts.peace);
    let inside = |at: Time| span.from <= at && at < end;
    let signals = line.injected.iter().map(|one| one.at);
    let faults = line.faults.iter().flat_map(|one| [one.from, one.until]);
    let commands = line.commands.iter().filter(|(_, what)| !matches!(what, Command::Stop)).map(|(at, _)| *at);
    let asked = line.asked.iter().map(|one| one.at);
    let last = signals.chain(faults).chain(commands).chain(asked).filter(|at| inside(*at)).max().unwrap_or(span.from);
    let wanted = case.facts.initial as i32;
    let due = case.due(last, within);
    // Full again is the end of the last gap that had begun by the time at which there may be none any more.
    let mut ready = ready_curve(case);
    ready.rebase(case.facts);
    let gaps = joined(&ready.stretches(last, end), |count| count < wanted);
    let full_since = gaps.iter().rev().find(|gap| gap.from < due).map_or(last, |gap| gap.until);
    if full_since >= end && end <= due && end > last {
        return Verdict::Inconclusive { why: format!("watched for {} only", say(end.since(last))) };
    }
    match case.timely(last, due, full_since, &[]) {
        Timely::Yes => pass(format!("{} of {}", say(full_since.since(last)), say(within))),
        Timely::Unknown(stalled) => Verdict::Inconclusive { why: format!("the host stalled for {}", say(stalled)) },
        Timely::No => fail(
            due,
            format!("the last fault or command was at {last}"),
            format!("a full pool within {}", say(within)),
            format!("not full for {}", say(full_since.since(last))),
        ),
    }
}

/// So many births.
pub(super) fn births(case: &Case<'_>, min: u32, max: u32, span: Span) -> Verdict {
    let inside = |at: Time| !span.of_step || span.from <= at && at < span.until;
    let count = case.timeline.workers.iter().filter(|worker| inside(worker.born.latest())).count();
    if (min as usize..=max as usize).contains(&count) {
        return pass(format!("{count} births of {min} to {max}"));
    }
    // What a step that never came would have led to has not happened, and can't be asked for.
    if count < min as usize && steps::unreached(case) {
        return Verdict::Inconclusive { why: format!("{count} births of {min} to {max}, and not every step came") };
    }
    let at = case.timeline.workers.last().map_or(span.until, |worker| worker.born.latest());
    fail(at, "another number of workers was started", format!("{min} to {max} births"), format!("{count} births"))
}
