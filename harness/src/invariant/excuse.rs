//! Which connections were lost, and which of the losses are excused.

use std::time::Duration;

use crate::history::{Conn, Connection, FaultSpan, Outcome, Worker};
use crate::scenario::{Handoff, Load, Ready};
use crate::time::Time;

use super::bounds::START_JITTER;
use super::case::{Case, extend};
use super::facts::{Leave, merge};
use super::tally::say;

/// The connections that have no answer and no excuse.
#[derive(Debug, Default)]
pub(super) struct Excuses {
    /// Indices into the connections of the timeline, ascending.
    losses: Vec<usize>,
    /// How many were excused.
    pub excused: u32,
}

impl Excuses {
    /// Looks at every connection.
    pub fn read(case: &Case<'_>) -> Self {
        let mut excuses = Self::default();
        let mut unowned = Vec::new();
        for (index, conn) in case.timeline.connections.iter().enumerate() {
            if matches!(conn.record.outcome, Outcome::Ok | Outcome::Dropped) {
                continue;
            }
            if is_excused(case, conn) {
                excuses.excused += 1;
            } else if conn.owner.is_none() && matches!(conn.record.outcome, Outcome::Reset | Outcome::Empty) {
                unowned.push(index);
            } else {
                excuses.losses.push(index);
            }
        }
        excuses.match_to_killed(case, unowned);
        excuses.losses.sort_unstable();
        excuses
    }

    /// Whether this connection was lost without an excuse.
    pub fn is_loss(&self, index: usize) -> bool {
        self.losses.binary_search(&index).is_ok()
    }

    /// The losses.
    pub fn losses(&self) -> &[usize] {
        &self.losses
    }

    /// Whether the owner of a connection could not run at some time before `until`.
    pub fn frozen_owner(&self, case: &Case<'_>, conn: &Conn<'_>, until: Time) -> bool {
        conn.owner.is_some_and(|owner| could_not_run(case, owner, conn.record.tried, until))
    }

    /// A worker that was killed, or ended while it could not run, may have accepted one connection that it had no time to note: each death excuses one
    /// that was open then. The one that ended first is taken, so that as many as possible are excused.
    fn match_to_killed(&mut self, case: &Case<'_>, mut unowned: Vec<usize>) {
        let workers = case.timeline.workers.iter().enumerate();
        let mut deaths: Vec<Death> = workers
            .filter(|(index, _)| case.facts.hit[*index] || ended_unaware(case, *index))
            .filter_map(|(_, worker)| {
                let died = worker.died?;
                // Its sockets are closed a little before it has ended.
                let closes = died.earliest() - START_JITTER - case.slack.0;
                let from = worker.killed.unwrap_or(closes).min(died.earliest());
                Some(Death { from, until: died.latest(), ran_until: last_ran(case, worker, from) })
            })
            .collect();
        deaths.sort_unstable();
        let record = |index: usize| case.timeline.connections[index].record;
        for death in deaths {
            let may = |&index: &usize| {
                let record = record(index);
                record.tried <= death.until && record.tried <= death.ran_until && record.ended >= death.from
            };
            if let Some(place) = unowned.iter().position(may) {
                unowned.remove(place);
                self.excused += 1;
            }
        }
        self.losses.extend(unowned);
    }
}

/// The end of a worker that was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Death {
    from: Time,
    until: Time,
    /// It did nothing after this.
    ran_until: Time,
}

/// A process is stopped so long after it is sent the signal, at most.
const A_SIGNAL: Duration = Duration::from_millis(1);

/// When a worker that ended at `died` last ran: one that was frozen until then had accepted nothing since. A client's clock
/// and the fault's may differ a little.
fn last_ran(case: &Case<'_>, worker: &Worker, died: Time) -> Time {
    let frozen = |fault: &&FaultSpan<'_>| fault.freezes(worker.proc) && fault.from <= died && died <= fault.until;
    case.timeline.faults.iter().find(frozen).map_or(Time::NEVER, |fault| fault.from + A_SIGNAL + case.slack.0)
}

fn is_excused(case: &Case<'_>, conn: &Conn<'_>) -> bool {
    let (record, facts) = (conn.record, case.facts);
    // Never connected: INV-FLOOR asks for that where it promises something.
    if record.outcome == Outcome::NotAccepted && record.opened.is_none() {
        return facts.peace <= record.ended || nobody_ready(case, record.tried, record.ended);
    }
    if record.tried >= facts.peace || facts.hurry.is_some_and(|hurry| hurry <= record.ended) {
        return true;
    }
    match conn.owner {
        Some(owner) => owner_excuses(case, conn, owner) || came_back_late(case, conn),
        None => nobody_excuses(case, conn),
    }
}

/// Why a loss proves nothing: a client lost patience on a host that gave those who could have served it no processor.
pub(super) fn impatience(case: &Case<'_>, record: &Connection) -> Option<String> {
    let impatient = matches!(record.outcome, Outcome::Hang | Outcome::NotAccepted);
    let stalled = case.starved(record.tried, record.ended).filter(|_| impatient)?;
    Some(format!("connection {} waited, and the host stalled for {}", record.id, say(stalled)))
}

/// A client that was to ask again within a time came back later than that, because the harness was late: its worker had
/// every right to close the idle connection, and the request crossed that on its way.
pub(super) fn came_back_late(case: &Case<'_>, conn: &Conn<'_>) -> bool {
    let promise = case.scenario.load.iter().find_map(|load| match load {
        Load::Park { reuse, name, .. } if *name == conn.record.load => *reuse,
        _ => None,
    });
    let retired = conn.owner.and_then(|owner| case.worker(owner).retires());
    match (promise, retired, conn.record.sent) {
        (Some(promise), Some(retired), Some(sent)) => sent > retired + promise.0,
        _ => false,
    }
}

fn owner_excuses(case: &Case<'_>, conn: &Conn<'_>, owner: usize) -> bool {
    let (record, worker, traits) = (conn.record, case.worker(owner), &case.facts.traits[owner]);
    let since_hit = [worker.killed, worker.spoiled].into_iter().flatten().min();
    let scripted_end = traits.exits && worker.exiting.is_some_and(|(at, _)| at <= record.ended + case.slack.0);
    if since_hit.is_some_and(|hit| hit <= record.ended + case.slack.0) || scripted_end || traits.hangs {
        return true;
    }
    let own_death = case.facts.departures.iter().any(|one| {
        one.worker == owner
            && one.excused
            && one.how != Leave::OnePhase
            && one.how != Leave::TwoPhase
            && one.how != Leave::Silent
    });
    if own_death || ended_unaware(case, owner) {
        // Its sockets are closed before it has ended, and it may wait for a processor in between.
        let stalled = case.stalled(record.ended, worker.maybe_dead(), &[worker.proc]);
        if worker.maybe_dead() <= record.ended + START_JITTER + case.slack.0 + stalled {
            return true;
        }
    }
    if could_not_run(case, owner, record.tried, record.ended) && record.outcome == Outcome::Hang {
        return true;
    }
    // At the drain deadline what is not finished is cut; what would have been finished by then is not.
    worker.retires().is_some_and(|retired| {
        let deadline = deadline(case, owner, retired);
        let stalled = case.stalled(retired, record.ended, &[worker.proc]);
        lost_at(case, conn) + stalled >= deadline && !had_time(case, conn, owner, deadline)
    })
}

/// From when on a worker that retired then may be cut. Its supervisor may have counted from the instant at which it
/// sent the order, a little before the worker saw it, or long before if the worker was frozen.
pub(super) fn deadline(case: &Case<'_>, index: usize, retired: Time) -> Time {
    let drain = case.scenario.pool.drain.0;
    let proc = case.worker(index).proc;
    let thawed = |until: Time| until <= retired && retired.since(until) <= super::bounds::REACT;
    let frozen = case.timeline.faults.iter().filter(|fault| fault.on.contains(&proc) && thawed(fault.until));
    // … or it was itself frozen between the decision and the order.
    let itself = case.facts.frozen.iter().filter(|(_, until)| thawed(*until)).map(|(from, _)| *from);
    let ordered = frozen.map(|fault| fault.from).chain(itself).min().unwrap_or(retired);
    let promised = ordered + drain - (drain / 10).min(super::bounds::REACT) - case.slack.0;
    // Its own word may have given it more. One that announced on its channel and says this elsewhere may be heard in any order.
    let worker = case.worker(index);
    let in_order = worker.ordered().is_some() || case.scenario.pool.ready != Some(Ready::Notify);
    worker.lingers.filter(|_| in_order).map_or(promised, |until| promised.max(until - case.slack.0))
}

/// When a connection was cut. A client that reads slowly sees that later: it has to read first what was sent before, and its
/// worker is dead by then.
pub(super) fn lost_at(case: &Case<'_>, conn: &Conn<'_>) -> Time {
    let slow = conn.owner.filter(|_| conn.record.slow_ns > 0);
    let gone = slow.map_or(Time::NEVER, |owner| case.worker(owner).dead_for_sure());
    conn.record.ended.min(gone)
}

/// Whether its worker could have finished it by then: what it waited for a processor meanwhile it could not use.
pub(super) fn had_time(case: &Case<'_>, conn: &Conn<'_>, owner: usize, deadline: Time) -> bool {
    let waited = case.stalled(conn.record.tried, deadline, &[case.worker(owner).proc]);
    natural_end(case, conn).is_some_and(|end| end + waited < deadline)
}

/// When the answer would have been complete: a worker begins when it has accepted, and does nothing while it is frozen; a client
/// that reads or writes slowly takes its time.
fn natural_end(case: &Case<'_>, conn: &Conn<'_>) -> Option<Time> {
    let sent = conn.record.sent?;
    let begun = conn.accepted.map_or(sent, |accepted| accepted.max(sent));
    let frozen = case
        .timeline
        .faults
        .iter()
        .filter(|fault| conn.owner.is_some_and(|owner| fault.on.contains(&case.worker(owner).proc)));
    let frozen = merge(frozen.map(|fault| (fault.from, fault.until)).collect());
    let takes = Duration::from_nanos(conn.record.hold_ns.saturating_add(conn.record.slow_ns));
    Some(extend(begun, begun + takes, &frozen))
}

/// Whether a worker was ended by its supervisor at a deadline of which it could not know, because it did not run, or its
/// supervisor did not until the deadline.
pub(super) fn ended_unaware(case: &Case<'_>, index: usize) -> bool {
    let worker = case.worker(index);
    let drain = case.scenario.pool.drain.0;
    let died = worker.maybe_dead();
    let late = |(from, until): &(Time, Time)| {
        until.since(*from) >= drain && *until <= died && died.since(*until) <= super::bounds::REACT
    };
    let could_not = || could_not_run(case, index, died - (drain + super::bounds::kill_slack(case.profile)), died);
    worker.died.is_some() && worker.ordered().is_none() && (could_not() || case.facts.frozen.iter().any(late))
}

fn nobody_excuses(case: &Case<'_>, conn: &Conn<'_>) -> bool {
    let (record, facts) = (conn.record, case.facts);
    let overlaps =
        |spans: &[(Time, Time)]| spans.iter().any(|(from, until)| *from <= record.ended && record.tried <= *until);
    if facts.peace <= record.ended || overlaps(&facts.hindered) {
        return true;
    }
    let first_ready = case.timeline.workers.iter().filter_map(|worker| worker.ready).min();
    if first_ready.is_none_or(|first| record.tried < first) {
        return true;
    }
    match record.outcome {
        // A listener that is held refuses nobody, whatever became of the workers.
        Outcome::Refused => case.profile.holds_listener != Some(true) && nobody_ready(case, record.tried, record.ended),
        Outcome::Hang => overlaps(&facts.frozen) || nobody_ready(case, record.tried, record.ended),
        Outcome::Reset | Outcome::Empty => went_with_a_socket(case, record),
        _ => false,
    }
}

/// Whether a connection waited at the socket of a worker whose place the operator closed, and ended with that socket:
/// where each worker has its own, nobody else can accept from it.
fn went_with_a_socket(case: &Case<'_>, record: &Connection) -> bool {
    if case.handoff() != Handoff::Reuseport {
        return false;
    }
    let left_over = |worker: &&Worker| {
        let gone = worker.retires().unwrap_or(Time::NEVER);
        worker.ready.is_some_and(|ready| case.facts.wanted(gone) < case.facts.wanted(ready))
    };
    // It says so before it closes the socket, and its end closes it at the latest.
    let went = |worker: &Worker| {
        let (from, until) = (worker.retires().unwrap_or(Time::NEVER), worker.dead_for_sure());
        record.tried <= until
            && from <= record.ended + case.slack.0
            && record.ended <= until + START_JITTER + case.slack.0
    };
    case.timeline.workers.iter().filter(left_over).any(went)
}

/// Whether at some instant of this span nobody could serve.
pub(super) fn nobody_ready(case: &Case<'_>, from: Time, until: Time) -> bool {
    let mut ready = super::curve::Curve::default();
    for (index, worker) in case.timeline.workers.iter().enumerate() {
        if let Some(since) = worker.ready
            && !could_not_run(case, index, from, until)
        {
            ready.add(since, worker.maybe_dead().min(worker.retires().unwrap_or(Time::NEVER)));
        }
    }
    ready.stretches(from, until + Duration::from_nanos(1)).iter().any(|stretch| stretch.count == 0)
}

/// Whether a worker was frozen or hung at some time in this span.
pub(super) fn could_not_run(case: &Case<'_>, index: usize, from: Time, until: Time) -> bool {
    let worker = case.worker(index);
    let frozen = case
        .timeline
        .faults
        .iter()
        .any(|fault| fault.from <= until && from <= fault.until && fault.on.contains(&worker.proc));
    frozen || case.facts.traits[index].hangs || worker.spoiled.is_some_and(|at| at <= until)
}
