//! What an invariant is given and what it returns.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::history::{Conn, History, Proc, Stall, Status, Timeline, Worker};
use crate::scenario::{Handoff, Scenario};
use crate::subject::Profile;
use crate::time::Time;
use crate::verdict::Verdict;

use super::facts::Facts;

/// The measuring error of a world; 0 in simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slack(pub Duration);

/// One run, ready to be judged.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// What was asked for.
    pub scenario: &'a Scenario,
    /// What the subject promises.
    pub profile: &'a Profile,
    /// What happened.
    pub history: &'a History,
    /// The same, indexed.
    pub timeline: &'a Timeline<'a>,
    /// What follows from it, whatever is promised.
    pub facts: &'a Facts,
    /// The world's measuring error.
    pub slack: Slack,
}

/// One line of a report.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Finding {
    /// Stable id: `INV-FLOOR`, or `EXPECT-n NothingLeft` for an expectation of the file.
    pub id: String,
    /// What came out: against the profile (conformance).
    pub verdict: Verdict,
    /// What the scenario asked for and the subject lacks, with the measured figure (capability).
    pub lacks: Option<String>,
}

/// Whether something came in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timely {
    /// By its due time.
    Yes,
    /// Later, but by less than the measured delay of those concerned.
    Unknown(Duration),
    /// Later than every measured delay excuses.
    No,
}

impl<'a> Case<'a> {
    /// How workers get at connections: as the scenario wants it, or as the subject does it if it is not asked.
    pub(super) fn handoff(&self) -> Handoff {
        self.scenario.pool.handoff.unwrap_or_else(|| self.profile.own_handoff())
    }

    /// How many connections may have been on their way through the supervisor at that instant: it accepts them itself.
    pub(super) fn passing(&self, at: Time) -> u32 {
        let under_way = |conn: &&Conn<'_>| conn.record.tried <= at && conn.record.ended >= at;
        let count = || self.timeline.connections.iter().filter(under_way).count();
        if self.handoff() == Handoff::RoundRobin { u32::try_from(count()).unwrap_or(u32::MAX) } else { 0 }
    }

    /// When something that must follow `from` within `bound` is due: the measuring error is added, and so is every
    /// span in which the supervisor was frozen, because it could not have acted then.
    pub(super) fn due(&self, from: Time, bound: Duration) -> Time {
        extend(from, from + bound + self.slack.0, &self.facts.frozen)
    }

    /// The same for what the supervisor can't do either while another fault hinders it (no descriptors, no program…).
    pub(super) fn due_unhindered(&self, from: Time, bound: Duration) -> Time {
        extend(from, from + bound + self.slack.0, &self.facts.held_up)
    }

    /// When an answer is due. A supervisor that passes connections has to be able to accept them, too.
    pub(super) fn answer_due(&self, from: Time, bound: Duration) -> Time {
        if self.handoff() == Handoff::RoundRobin { self.due_unhindered(from, bound) } else { self.due(from, bound) }
    }

    /// Judges an instant against its due time. `concerned`: whose delays count beside the supervisor's and the harness's.
    pub(super) fn timely(&self, from: Time, due: Time, actual: Time, concerned: &[Proc]) -> Timely {
        if actual <= due {
            return Timely::Yes;
        }
        let stalled = self.stalled(from, actual, concerned);
        if actual.since(due) <= stalled { Timely::Unknown(stalled) } else { Timely::No }
    }

    /// How long something took, without the time for which the supervisor was frozen.
    pub(super) fn lasted(&self, from: Time, to: Time) -> Duration {
        let inside = |&(begin, end): &(Time, Time)| end.min(to).since(begin.max(from));
        to.since(from).saturating_sub(self.facts.frozen.iter().map(inside).sum())
    }

    /// How long the supervisor, the harness and those concerned were kept waiting by the host in this span, in sum. A supervisor
    /// that has forked waits until the new process runs its program, so who was being started counts as well.
    pub(super) fn stalled(&self, from: Time, to: Time, concerned: &[Proc]) -> Duration {
        let supervisor = self.facts.supervisor;
        let counts = |s: &Stall| {
            s.proc.is_none_or(|p| Some(p) == supervisor || concerned.contains(&p) || self.was_starting(p, s.since))
        };
        let touching = self.timeline.stalls.iter().filter(|s| s.since <= to && s.until >= from && counts(s));
        touching.map(|s| Duration::from_nanos(s.delay_ns)).sum()
    }

    /// Whether the host kept the harness, the supervisor or a worker waiting for half of this span or more: how long.
    pub(super) fn starved(&self, from: Time, to: Time) -> Option<Duration> {
        let mut delays: BTreeMap<Option<Proc>, Duration> = BTreeMap::new();
        for stall in self.timeline.stalls.iter().filter(|one| one.since <= to && one.until >= from) {
            *delays.entry(stall.proc).or_default() += Duration::from_nanos(stall.delay_ns);
        }
        delays.into_values().max().filter(|longest| *longest >= to.since(from) / 2)
    }

    /// Whether it was ended by the default action of a signal that came before its handlers can have been there, and that
    /// nobody had blocked or ignored for it.
    pub(super) fn ended_before_its_handlers(&self) -> bool {
        let (Some(one), Some(promised)) = (self.timeline.supervisors.last(), self.profile.handlers) else {
            return false;
        };
        let Some((exit, Status::Signal(signal))) = one.exited else { return false };
        let launch = &self.scenario.launch;
        let guarded = launch.blocks.iter().chain(&launch.ignores).any(|one| one.number() == signal);
        let sent = self.timeline.injected.iter().filter(|sent| sent.proc == one.proc && sent.signal == signal);
        let until = one.born + promised.0 + self.slack.0 + self.stalled(one.born, exit, &[one.proc]);
        !guarded && sent.map(|sent| sent.at).min().is_some_and(|at| at <= until)
    }

    /// Whether this is a worker that had not become ready then, or a child of the supervisor that never became one.
    fn was_starting(&self, proc: Proc, at: Time) -> bool {
        let worker = self.timeline.workers.iter().find(|worker| worker.proc == proc);
        let supervisor = |pid: u32| self.timeline.supervisors.iter().any(|one| one.proc.pid == pid);
        match worker {
            Some(worker) => at < worker.ready.unwrap_or(worker.maybe_dead()),
            None => self.timeline.descendants.iter().any(|one| one.proc == proc && supervisor(one.parent)),
        }
    }

    /// A worker by its index.
    pub(super) fn worker(&self, index: usize) -> &'a Worker {
        &self.timeline.workers[index]
    }

    /// How a report names a worker.
    pub(super) fn name(&self, index: usize) -> String {
        let worker = self.worker(index);
        format!("worker {} (pid {}, generation {})", index + 1, worker.proc.pid, worker.generation)
    }
}

/// `due`, later by as much of `spans` (in order, disjoint) as lies between `from` and it.
pub(super) fn extend(from: Time, due: Time, spans: &[(Time, Time)]) -> Time {
    let mut due = due;
    for &(begin, end) in spans {
        if end <= from {
            continue;
        }
        if begin >= due {
            break;
        }
        if end == Time::NEVER {
            return Time::NEVER;
        }
        due = due + end.since(begin.max(from));
    }
    due
}
