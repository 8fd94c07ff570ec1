//! INV-DETECT: a worker that hangs is found, and no other is taken for one.

use std::time::Duration;

use crate::history::{Status, Worker};
use crate::time::Time;
use crate::verdict::Verdict;

use super::bounds;
use super::case::{Case, Timely};
use super::tally::{Tally, say};

const SIGKILL: i32 = 9;

/// Judges it.
pub(super) fn judge(case: &Case<'_>) -> Verdict {
    let (silence, boot) = (case.scenario.pool.watchdog, case.scenario.pool.ready_timeout);
    let handoff = case.scenario.pool.handoff_timeout;
    if silence.is_none() && boot.is_none() && handoff.is_none() {
        return Verdict::NotApplicable { why: "nobody was asked to look for workers that hang".to_owned() };
    }
    match case.profile.watchdog {
        None => return Verdict::Undeclared,
        Some(false) => return Verdict::NotApplicable { why: "it does not promise to find them".to_owned() },
        Some(true) => {}
    }
    let mut tally = Tally::default();
    for index in 0..case.timeline.workers.len() {
        if let Some(boot) = boot {
            judge_boot(case, index, boot.0, &mut tally);
        }
        if let Some(handoff) = handoff.filter(|_| case.facts.traits[index].deaf) {
            judge_deaf(case, index, handoff.0, &mut tally);
        }
        match silent_from(case, index).filter(|_| silence.is_some()) {
            Some((from, until)) => judge_found(case, index, from, until, &mut tally),
            None if silence.is_some() => judge_spared(case, index, &mut tally),
            None => {}
        }
    }
    tally.verdict("no worker was ever ready")
}

/// It is ready when the time for that is over, or dead; and not killed before.
fn judge_boot(case: &Case<'_>, index: usize, boot: Duration, tally: &mut Tally) {
    let worker = case.worker(index);
    // Nobody sees when one that hangs is told to leave.
    let hangs = case.facts.traits[index].hangs || worker.hung.is_some();
    let (born, dead) = (worker.born.latest(), worker.dead_for_sure());
    // Its own word may have given it more.
    let boot = worker.extended.map_or(boot, |until| boot.max(until.since(born)));
    let unsure = |at: Time| hangs && (case.facts.rolling(at) || !case.facts.scales.is_empty());
    if unsure(born) || unsure(dead) || worker.announced.is_some() {
        return;
    }
    let bound = boot + bounds::kill_slack(case.profile);
    let due = case.due(born, bound);
    let over = [worker.ordered(), Some(case.facts.peace)].into_iter().flatten().min().unwrap_or(Time::NEVER);
    let settled = worker.ready.unwrap_or(Time::NEVER).min(dead);
    if settled.min(due) >= over {
        return; // it may have been told to leave before
    }
    match case.timely(born, due, settled, &[worker.proc]) {
        Timely::Yes => tally.measured(case.lasted(born, settled), bound),
        Timely::Unknown(stalled) => {
            tally.doubt(format!("a boot took too long, and the host stalled for {}", say(stalled)))
        }
        Timely::No => tally.fail(
            due,
            format!("{} was not ready in time, and nobody ended it", case.name(index)),
            format!("ready within {}, or its end within {}", say(boot), say(bound)),
            if settled < case.facts.peace {
                format!("after {}", say(settled.since(born)))
            } else {
                "neither".to_owned()
            },
        ),
    }
    let early = worker.maybe_dead() + bounds::START_JITTER + case.slack.0 < worker.born.earliest() + boot;
    if early && dead == settled && killed(case, index) {
        tally.fail(
            dead,
            format!("{} was killed while it still had time to get ready", case.name(index)),
            format!("{} to get ready", say(boot)),
            format!("SIGKILL after {}", say(dead.since(born))),
        );
    }
}

/// It never takes what it is passed, and somebody has come for everybody since it was ready: it is dead when the time for
/// that is over.
fn judge_deaf(case: &Case<'_>, index: usize, handoff: Duration, tally: &mut Tally) {
    let worker = case.worker(index);
    let Some(ready) = worker.ready else { return };
    let mut came: Vec<Time> = case.timeline.connections.iter().map(|conn| conn.record.tried).collect();
    came.retain(|tried| *tried >= ready);
    came.sort_unstable();
    let in_turn = came.get(case.facts.most_wanted().saturating_sub(1) as usize);
    let bound = handoff + bounds::kill_slack(case.profile);
    let due = in_turn.map_or(Time::NEVER, |passed| found_by(case, *passed, bound));
    if due >= worker.ordered().unwrap_or(Time::NEVER).min(case.facts.peace) {
        return;
    }
    let dead = worker.dead_for_sure();
    match case.timely(ready, due, dead, &[worker.proc]) {
        Timely::Yes => tally.measured(case.lasted(ready, dead), case.lasted(ready, due)),
        Timely::Unknown(stalled) => tally.doubt(format!("the host stalled for {}", say(stalled))),
        Timely::No => tally.fail(
            due,
            format!("{} never took what it was passed, and nobody noticed", case.name(index)),
            format!("its end within {} of the first connection that was for it", say(bound)),
            if dead < case.facts.peace { format!("after {}", say(dead.since(ready))) } else { "alive".to_owned() },
        ),
    }
}

/// How long a worker that was ready was kept from saying anything: by its script, by the harness, or by a fault that ends.
fn silent_from(case: &Case<'_>, index: usize) -> Option<(Time, Time)> {
    let worker = case.worker(index);
    let ready = worker.ready?;
    let hung = worker.hung.filter(|at| *at >= ready);
    let silent = case.facts.traits[index].silent.then_some(ready);
    if let Some(from) = [hung, silent].into_iter().flatten().min() {
        return Some((from, Time::NEVER));
    }
    let frozen = case.timeline.faults.iter().find(|fault| fault.freezes(worker.proc) && fault.until > ready)?;
    Some((frozen.from.max(ready), frozen.until))
}

/// It is dead when the time is over that a worker may be silent: unless it comes back before, or leaves.
fn judge_found(case: &Case<'_>, index: usize, from: Time, until: Time, tally: &mut Tally) {
    let silence = case.scenario.pool.watchdog.map_or(bounds::REACT, |span| span.0);
    if until.since(from) < silence / 2 {
        return judge_spared(case, index, tally);
    }
    let worker = case.worker(index);
    let bound = silence + bounds::kill_slack(case.profile);
    let due = found_by(case, from, bound);
    let told = worker.ordered().into_iter().chain([case.facts.peace, until]).min().unwrap_or(until);
    if told <= due {
        return judge_pardoned(case, index, from, silence, tally);
    }
    match case.timely(from, due, worker.dead_for_sure(), &[worker.proc]) {
        Timely::Yes => tally.measured(case.lasted(from, worker.dead_for_sure()), bound.max(case.lasted(from, due))),
        Timely::Unknown(stalled) => tally.doubt(format!("the host stalled for {}", say(stalled))),
        Timely::No if is_unsaid(case, worker, from) => {
            tally.doubt(format!("{} was frozen before it can have said that it is ready", case.name(index)));
        }
        Timely::No => tally.fail(
            due,
            format!("{} did nothing any more from {from} on, and nobody noticed", case.name(index)),
            format!("its end within {}", say(bound)),
            match worker.died {
                Some(_) => format!("its end after {}", say(worker.dead_for_sure().since(from))),
                None => "alive to the end".to_owned(),
            },
        ),
    }
}

/// Whether it was frozen so soon after it was ready that its supervisor may not have heard of that.
fn is_unsaid(case: &Case<'_>, worker: &Worker, from: Time) -> bool {
    let frozen = case.timeline.faults.iter().any(|fault| fault.freezes(worker.proc) && fault.from <= from);
    frozen && worker.ready.is_some_and(|ready| from <= ready + bounds::START_JITTER + case.slack.0)
}

/// When a worker that does nothing from `from` on must be dead. A supervisor that was suspended before it noticed can't know
/// who could have spoken meanwhile, so that everybody has the time again.
fn found_by(case: &Case<'_>, from: Time, bound: Duration) -> Time {
    let mut due = case.due(from, bound);
    for &(begin, end) in &case.facts.frozen {
        if from <= end && begin < due {
            due = due.max(case.due(end, bound));
        }
    }
    due
}

/// It came back in time, or its supervisor was suspended with it: then it has its time again, and is not killed for the
/// silence of before. Its last word may have come half of that time before `from`.
fn judge_pardoned(case: &Case<'_>, index: usize, from: Time, silence: Duration, tally: &mut Tally) {
    let worker = case.worker(index);
    let Some(died) = worker.died.filter(|died| died.latest() < case.facts.peace) else { return tally.held() };
    let silent = case.lasted(from, died.latest());
    let blamed = killed(case, index) && worker.retires().is_none();
    if blamed && silent + silence / 2 + case.slack.0 < silence {
        tally.fail(
            died.latest(),
            format!("{} was killed before it could say anything", case.name(index)),
            format!("{} in which a worker may be silent while its supervisor runs", say(silence)),
            format!("SIGKILL after {}", say(silent)),
        );
    }
}

/// Whether it was killed, and neither by the harness nor by itself.
fn killed(case: &Case<'_>, index: usize) -> bool {
    let worker = case.worker(index);
    let hit = worker.signalled.is_some() || worker.spoiled.is_some() || case.facts.traits[index].kills_itself;
    worker.status == Some(Status::Signal(SIGKILL)) && !hit
}

/// It was well: nobody but the harness may have killed it before it was told to leave.
fn judge_spared(case: &Case<'_>, index: usize, tally: &mut Tally) {
    let worker = case.worker(index);
    let Some(ready) = worker.ready else { return };
    tally.held();
    let Some(died) = worker.died.filter(|died| died.latest() < case.facts.peace) else { return };
    if !killed(case, index) || worker.retires().is_some() {
        return;
    }
    // Who got no processor for so long could not say anything.
    let stalled = case.stalled(ready, died.latest(), &[worker.proc]);
    let silence = case.scenario.pool.watchdog.map_or(bounds::REACT, |span| span.0);
    if stalled >= silence / 2 {
        tally.doubt(format!("{} was killed, and the host stalled for {}", case.name(index), say(stalled)));
        return;
    }
    tally.fail(
        died.latest(),
        format!("{} was killed, and it had done nothing but its work", case.name(index)),
        "no end of a worker that says that it makes progress".to_owned(),
        format!("SIGKILL {} after it was ready", say(died.latest().since(ready))),
    );
}
