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
    if case.scenario.pool.watchdog.is_none() {
        return Verdict::NotApplicable { why: "nobody was asked to look for workers that hang".to_owned() };
    }
    match case.profile.watchdog {
        None => return Verdict::Undeclared,
        Some(false) => return Verdict::NotApplicable { why: "it does not promise to find them".to_owned() },
        Some(true) => {}
    }
    let mut tally = Tally::default();
    for index in 0..case.timeline.workers.len() {
        match silent_from(case, index) {
            Some((from, until)) => judge_found(case, index, from, until, &mut tally),
            None => judge_spared(case, index, &mut tally),
        }
    }
    tally.verdict("no worker was ever ready")
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
    let blamed = worker.status == Some(Status::Signal(SIGKILL)) && !hit(worker) && worker.retires().is_none();
    if blamed && silent + silence / 2 + case.slack.0 < silence {
        tally.fail(
            died.latest(),
            format!("{} was killed before it could say anything", case.name(index)),
            format!("{} in which a worker may be silent while its supervisor runs", say(silence)),
            format!("SIGKILL after {}", say(silent)),
        );
    }
}

fn hit(worker: &Worker) -> bool {
    worker.signalled.is_some() || worker.spoiled.is_some()
}

/// It was well: nobody but the harness may have killed it before it was told to leave.
fn judge_spared(case: &Case<'_>, index: usize, tally: &mut Tally) {
    let worker = case.worker(index);
    let Some(ready) = worker.ready else { return };
    tally.held();
    let Some(died) = worker.died.filter(|died| died.latest() < case.facts.peace) else { return };
    let killed = worker.status == Some(Status::Signal(SIGKILL));
    if !killed || hit(worker) || worker.retires().is_some() {
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
