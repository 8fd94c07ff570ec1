//! INV-FLOOR: availability.

use std::time::Duration;

use crate::history::{Conn, Connection, Outcome};
use crate::scenario::{Handoff, Load, Rolling};
use crate::time::Time;
use crate::verdict::Verdict;

use super::bounds;
use super::case::{Case, Timely};
use super::curve::{Curve, Stretch, joined};
use super::excuse::{Excuses, could_not_run, impatience, nobody_ready};
use super::facts::merge;
use super::tally::{Tally, say};
use super::windows::{Window, touches, windows};

/// Judges it.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let Some(steps) = case.facts.steps else { return no_steps() };
    // Steps may come before the first start: nobody is missed until then.
    let from = case.timeline.supervisor().map_or(steps, |first| first.born.max(steps));
    if case.profile.max_unavailable.is_none() && case.profile.reply.is_none() {
        return Verdict::Undeclared;
    }
    let windows = windows(case);
    let mut tally = Tally::default();
    let mut lowest = None;
    if let Some(missing) = case.profile.max_unavailable {
        let floor = case.facts.initial.saturating_sub(missing) as i32;
        lowest = Some((judge_ready(case, &windows, from, floor, &mut tally), floor));
        judge_starts(case, &windows, from, floor, &mut tally);
    }
    judge_probes(case, &windows, from, &mut tally);
    let probes = tally.worst().map(|(span, bound)| format!("slowest probe {} of {}", say(span), say(bound)));
    let ready = lowest.map(|(lowest, floor)| match lowest {
        Some(lowest) => format!("lowest {lowest} ready of {floor}"),
        None => "always excused".to_owned(),
    });
    let measured = [ready, probes].into_iter().flatten().collect::<Vec<_>>().join(", ");
    tally.verdict_saying("no probe and no promise to keep", measured)
}

pub(super) fn no_steps() -> Verdict {
    Verdict::NotApplicable { why: "the steps never began".to_owned() }
}

/// Ready workers and open windows together are never fewer than the floor. Returns the lowest number of ready workers
/// while no window was open.
fn judge_ready(case: &Case<'_>, windows: &[Window], from: Time, floor: i32, tally: &mut Tally) -> Option<i32> {
    let mut sum = Curve::default();
    let mut excused = Curve::default();
    let mut ready = Curve::default();
    for worker in &case.timeline.workers {
        if let Some(since) = worker.ready {
            let until = worker.dead_for_sure().min(worker.retires().unwrap_or(Time::NEVER));
            sum.add(since, until);
            ready.add(since, until);
        }
    }
    spare_places(case, &mut sum);
    sum.rebase(case.facts);
    ready.rebase(case.facts);
    for window in windows {
        sum.add(window.from, window.ready_due);
        excused.add(window.from, window.ready_due);
    }
    tally.held();
    for gap in joined(&sum.stretches(from, case.facts.peace), |count| count < floor) {
        let expired = windows.iter().filter(|window| window.ready_due == gap.from).map(|window| window.from).min();
        missing(case, gap, floor, expired, "ready", tally);
    }
    let calm = joined(&excused.stretches(from, case.facts.peace), |count| count == 0);
    let levels = ready.stretches(from, case.facts.peace);
    let calm_at = |at: Time| calm.iter().any(|calm| calm.from <= at && at < calm.until);
    levels.iter().filter(|level| calm_at(level.from)).map(|level| level.count).min()
}

/// Replacements are on their way as soon as the policy allows: booting and ready together reach the floor.
fn judge_starts(case: &Case<'_>, windows: &[Window], from: Time, floor: i32, tally: &mut Tally) {
    let mut sum = Curve::default();
    for worker in &case.timeline.workers {
        sum.add(worker.born.earliest(), worker.dead_for_sure().min(worker.retires().unwrap_or(Time::NEVER)));
    }
    spare_places(case, &mut sum);
    sum.rebase(case.facts);
    for window in windows {
        sum.add(window.from, window.start_due);
    }
    for gap in joined(&sum.stretches(from, case.facts.peace), |count| count < floor) {
        let expired = windows.iter().filter(|window| window.start_due == gap.from).map(|window| window.from).min();
        missing(case, gap, floor, expired, "booting or ready", tally);
    }
}

/// Who is replaced in its own place is missed until its successor is ready, and so many may be at once.
fn spare_places(case: &Case<'_>, sum: &mut Curve) {
    let missing = case.scenario.pool.reload.map_or(0, Rolling::missing);
    let leaves = case.scenario.pool.drain.0 + bounds::kill_slack(case.profile);
    let boots = case.profile.boot.map_or(bounds::ORPHANS, |span| span.0);
    for (from, until) in &case.facts.rolls {
        (0..missing).for_each(|_| sum.add(*from, case.due_unhindered(*until, leaves + boots)));
    }
}

fn missing(case: &Case<'_>, gap: Stretch, floor: i32, expired: Option<Time>, what: &str, tally: &mut Tally) {
    let span = gap.until.since(gap.from);
    if span <= case.slack.0 {
        return;
    }
    if let Some(window) = expired
        && let Timely::Unknown(stalled) = case.timely(window, gap.from, gap.until, &[])
    {
        tally.doubt(format!("{what} workers were missing for {} and the host stalled for {}", say(span), say(stalled)));
        return;
    }
    let last = case.timeline.workers.iter().enumerate().filter_map(|(index, worker)| {
        let gone = worker.dead_for_sure().min(worker.retires().unwrap_or(Time::NEVER));
        (gone <= gap.from && worker.ready.is_some()).then_some((gone, index))
    });
    let who = last.max().map_or_else(|| "nobody".to_owned(), |(at, index)| format!("{} at {at}", case.name(index)));
    let scaled = case.facts.wanted(gap.from) as i32 - case.facts.initial as i32;
    tally.fail(
        gap.from,
        format!(
            "workers were missing for {} and no fault or script excuses that; the last that left: {who}",
            say(span)
        ),
        format!("at least {} {what} workers, those excused counted", floor + scaled),
        format!("{} of them", gap.count + scaled),
    );
}

fn judge_probes(case: &Case<'_>, windows: &[Window], from: Time, tally: &mut Tally) {
    let Some(reply) = case.profile.reply else { return };
    let probes: Vec<_> = case.scenario.load.iter().filter(|load| matches!(load, Load::Probe { .. })).collect();
    if probes.is_empty() {
        return;
    }
    let excuses = Excuses::read(case);
    for (index, conn) in case.timeline.connections.iter().enumerate() {
        let record = conn.record;
        let within = record.tried >= from && record.tried < case.facts.peace;
        if !within || !probes.iter().any(|load| load.name() == record.load) {
            continue;
        }
        if let Some(answered) = record.answered {
            judge_answer(case, windows, &excuses, conn, answered, tally);
        } else if record.ended < case.facts.peace && excuses.is_loss(index) {
            if let Some(why) = impatience(case, record) {
                tally.doubt(why);
            } else if !touches(windows, record.tried, record.ended) {
                unanswered(record, record.ended, tally);
            }
        } else if record.ended >= case.facts.peace || matches!(record.outcome, Outcome::Hang | Outcome::Dropped) {
            judge_wait(case, windows, &excuses, conn, reply.0, tally);
        }
    }
}

/// What was answered was answered in time.
fn judge_answer(
    case: &Case<'_>,
    windows: &[Window],
    excuses: &Excuses,
    conn: &Conn<'_>,
    answered: Time,
    tally: &mut Tally,
) {
    let (record, Some(reply)) = (conn.record, case.profile.reply) else { return };
    let hold = std::time::Duration::from_nanos(record.hold_ns);
    let owner = conn.owner.map(|owner| case.worker(owner).proc);
    let span = answered.since(record.tried).saturating_sub(hold);
    let excused = span > reply.0
        && (touches(windows, record.tried, answered)
            || excuses.frozen_owner(case, conn, answered)
            || nobody_ready(case, record.tried, answered));
    if excused {
        return;
    }
    let due = case.answer_due(record.tried, reply.0 + hold);
    match case.timely(record.tried, due, answered, owner.as_slice()) {
        Timely::Yes => tally.measured(span, reply.0),
        Timely::Unknown(stalled) => tally.doubt(format!(
            "connection {} took {} of {} and the host stalled for {}",
            record.id,
            say(span),
            say(reply.0),
            say(stalled)
        )),
        Timely::No => tally.fail(
            record.tried,
            format!("probe {} of load {} was answered late, and all workers were there", record.id, record.load),
            format!("an answer within {}", say(reply.0)),
            say(span),
        ),
    }
}

/// A client still waited when its load or everything ended, or gave up: it ought to have had its answer long before. Nobody knows what
/// became of one that waits at a worker's own socket while a worker can't run.
fn judge_wait(
    case: &Case<'_>,
    windows: &[Window],
    excuses: &Excuses,
    conn: &Conn<'_>,
    reply: Duration,
    tally: &mut Tally,
) {
    let record = conn.record;
    let until = record.ended.min(case.facts.peace);
    let own = case.handoff() == Handoff::Reuseport && conn.owner.is_none();
    let stuck = own && (0..case.timeline.workers.len()).any(|one| could_not_run(case, one, record.tried, until));
    if excuses.frozen_owner(case, conn, until) || stuck {
        return;
    }
    let missed = touches(windows, record.tried, until) || nobody_ready(case, record.tried, until);
    let let_in = record.opened.unwrap_or(Time::NEVER);
    let room = |full: Time| full.max(let_in.min(tries_again(record.tried, full + reply)));
    let since = if missed { full_since(case, until).map(room) } else { Some(record.tried) };
    let Some(since) = since else { return };
    let due = case.due_unhindered(since, reply + Duration::from_nanos(record.hold_ns));
    let owner = conn.owner.map(|owner| case.worker(owner).proc);
    match case.timely(record.tried, due, until, owner.as_slice()) {
        Timely::Yes => {}
        Timely::Unknown(stalled) => {
            tally.doubt(format!("connection {} waited, and the host stalled for {}", record.id, say(stalled)));
        }
        Timely::No => unanswered(record, until, tally),
    }
}

/// When a client that was not let in tries again, if there is room for it since this instant. Of one that finds the queue of the listener
/// full TCP drops the first segment without a word, and sends it again after a second, then after twice as long each time (RFC 6298,
/// 2.1 and 5.5).
fn tries_again(tried: Time, room: Time) -> Time {
    let (mut at, mut wait) = (tried, Duration::from_secs(1));
    while at < room {
        at = at + wait;
        wait *= 2;
    }
    at
}

/// Since when all workers that are wanted are ready and run, if they are at this instant: who waited until then waits no longer.
fn full_since(case: &Case<'_>, at: Time) -> Option<Time> {
    let mut serving = Curve::default();
    for (index, worker) in case.timeline.workers.iter().enumerate() {
        let hung = case.facts.traits[index].hangs || worker.spoiled.is_some();
        let Some(ready) = worker.ready.filter(|_| !hung) else { continue };
        let gone = worker.maybe_dead().min(worker.retires().unwrap_or(Time::NEVER));
        let frozen = case.timeline.faults.iter().filter(|fault| fault.freezes(worker.proc));
        let mut from = ready;
        for (froze, thawed) in merge(frozen.map(|fault| (fault.from, fault.until)).collect()) {
            serving.add(from, froze.min(gone));
            from = from.max(thawed);
        }
        serving.add(from, gone);
    }
    serving.rebase(case.facts);
    let full = joined(&serving.stretches(Time::default(), at), |count| count >= case.facts.initial as i32);
    full.last().filter(|full| full.until == at).map(|full| full.from)
}

fn unanswered(record: &Connection, until: Time, tally: &mut Tally) {
    tally.fail(
        record.tried,
        format!("probe {} of load {} had no answer, and all workers were there", record.id, record.load),
        "an answer".to_owned(),
        format!("{:?} after {}", record.outcome, say(until.since(record.tried))),
    );
}
