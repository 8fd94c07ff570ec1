//! Excused windows: after a departure that a script or a fault caused, a worker may be missing for as long as the
//! policy delays its replacement and the replacement takes to boot.

use std::time::Duration;

use crate::history::FaultSpan;
use crate::scenario::Start;
use crate::time::Time;

use super::bounds;
use super::case::Case;
use super::facts::Leave;

/// One worker may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Since then.
    pub from: Time,
    /// Nobody needs to be there in its place before this.
    pub start_due: Time,
    /// Nobody needs to be ready in its place before this.
    pub ready_due: Time,
}

/// The windows of a run, by their beginning.
pub(super) fn windows(case: &Case<'_>) -> Vec<Window> {
    let mut windows = Vec::new();
    let mut failures = 0;
    for one in &case.facts.departures {
        if was_surplus(case, one.worker) {
            continue;
        }
        let short = one.shortest_run.is_none_or(|run| !bounds::surely_stable(case.scenario, run));
        let delay = match one.how {
            Leave::TwoPhase if !one.is_failed_start() => continue,
            Leave::OnePhase if !one.is_failed_start() => Duration::ZERO,
            Leave::OnePhase | Leave::TwoPhase | Leave::Death | Leave::Silent | Leave::Untimely => {
                failures = if short { failures + 1 } else { failures };
                bounds::longest(case.scenario, case.profile, if short { failures } else { 0 })
            }
        };
        if one.excused {
            windows.push(window(case, one.at, one.known_for_sure, delay));
        }
    }
    windows.extend(starts(case));
    let added = case.facts.additions();
    windows
        .extend(added.flat_map(|(at, more)| std::iter::repeat_n(window(case, at, at, Duration::ZERO), more as usize)));
    windows.sort_by_key(|window| window.from);
    windows
}

/// Whether a worker never was ready and was beside a full pool when a rolling restart started it and when it ended: nobody
/// misses it. Who is told to leave as it starts is the one whose place it takes.
fn was_surplus(case: &Case<'_>, index: usize) -> bool {
    let worker = case.worker(index);
    if worker.ready.is_some() || !case.facts.rolling(worker.born.latest()) {
        return false;
    }
    let (started, ended) = (worker.born.earliest(), worker.maybe_dead());
    let full = |from: Time, until: Time| {
        let serving = case.timeline.workers.iter().filter(|other| other.is_ready(from) && other.is_ready(until));
        serving.count() >= case.facts.wanted(from) as usize
    };
    full(started, ended.min(started + bounds::START_JITTER)) && full(ended, ended)
}

/// At the start of a supervisor the whole pool is missing.
fn starts(case: &Case<'_>) -> impl Iterator<Item = Window> {
    let judged = case.scenario.start == Start::AtOnce || case.timeline.supervisors.len() > 1;
    let births = case.timeline.supervisors.iter().filter(move |_| judged);
    births.flat_map(|one| {
        let window = window(case, one.born, one.born, Duration::ZERO);
        std::iter::repeat_n(window, case.scenario.pool.workers as usize)
    })
}

fn window(case: &Case<'_>, from: Time, known: Time, delay: Duration) -> Window {
    let boot = case.profile.boot.or(case.profile.converge).map_or(bounds::ORPHANS, |span| span.0);
    let known = known.max(successor(case, from, case.due_unhindered(known, delay + bounds::REACT)).unwrap_or(known));
    let start_due = case.due_unhindered(known, delay + bounds::REACT);
    let mut ready_due = case.due_unhindered(known, delay + bounds::REACT + boot);
    // A replacement whose own script keeps it from being ready is excused while it tries. It may have been on its way
    // before, for a rolling restart.
    for (worker, traits) in case.timeline.workers.iter().zip(&case.facts.traits) {
        if worker.born.earliest() > start_due {
            break;
        }
        let on_its_way = worker.dead_for_sure() >= from && worker.ready.is_none_or(|ready| ready >= from);
        let boots = |fault: &&FaultSpan<'_>| fault.from <= worker.ready.unwrap_or(Time::NEVER);
        let frozen = case.timeline.faults.iter().filter(|fault| fault.freezes(worker.proc)).filter(boots);
        if let Some(thawed) = frozen.map(|fault| fault.until).filter(|_| on_its_way).max() {
            ready_due = ready_due.max((thawed + traits.boot + boot).min(worker.dead_for_sure()));
        }
        if traits.spoils_boot() && on_its_way {
            let scripted = worker.born.latest() + traits.boot + boot;
            let tried = if traits.never_ready { worker.dead_for_sure() } else { scripted.min(worker.dead_for_sure()) };
            ready_due = ready_due.max(tried);
        }
    }
    Window { from, start_due, ready_due }
}

/// When the next supervisor was started, if the one that had to replace who left at `from` ended before that was due: while
/// there is none nobody is replaced.
fn successor(case: &Case<'_>, from: Time, due: Time) -> Option<Time> {
    let pairs = case.timeline.supervisors.windows(2);
    let ended = pairs.filter(|pair| from < pair[1].born && pair[0].exited.is_some_and(|(exit, _)| exit <= due));
    ended.map(|pair| pair[1].born).min()
}

/// Whether a worker may have been missing at some instant of this span.
pub(super) fn touches(windows: &[Window], from: Time, until: Time) -> bool {
    windows.iter().any(|window| window.from <= until && from <= window.ready_due)
}
