//! From the events to the timeline, in one pass.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::time::Time;

use super::timeline::{
    Answer, Asked, Caught, Conn, Descendant, FaultSpan, Given, Injected, Owned, Second, Stall, Supervisor, Timeline,
    TopicEvent, TopicWord, Used, Worker,
};
use super::{Connection, Event, History, Proc, Role, Status, What, When};

/// Signals that end a process unless it takes care: HUP, INT, QUIT, ILL, ABRT, BUS, FPE, KILL, USR1, SEGV, USR2, TERM. Not
/// PIPE, which the runtimes of workers ignore: it counts if it ended one.
const FATAL: [i32; 12] = [1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 15];
/// Those of them that a worker can't take for an order to leave: ILL, ABRT, BUS, FPE, KILL, USR1, SEGV, USR2.
const DEADLY: [i32; 8] = [4, 6, 7, 8, 9, 10, 11, 12];

/// Acts after which a worker is no longer fit, whoever ends it then.
const SPOILING: [&str; 6] = ["Exit", "Hang", "CloseChannel", "Garble", "Write", "SignalGroup"];

/// Acts after which a worker leaves and says so.
const LEAVING: [&str; 2] = ["Throw", "Retire"];

impl<'a> Timeline<'a> {
    /// Reads a history. Events about processes that it never saw born are ignored.
    pub fn read(history: &'a History) -> Self {
        let mut reader = Reader::default();
        for event in &history.events {
            reader.take(event);
        }
        reader.finish()
    }
}

/// Where a process is found.
#[derive(Clone, Copy)]
enum Place {
    Worker(usize),
    Descendant(usize),
}

#[derive(Default)]
struct Reader<'a> {
    line: Timeline<'a>,
    places: BTreeMap<Proc, Place>,
    /// (client's port, when, by whom, whether it took the connection).
    accepts: Vec<(u32, Time, Proc, bool)>,
    records: Vec<&'a Connection>,
    topics: Vec<(Time, Proc, &'a str, TopicWord<'a>)>,
    /// Per fault, its step and whether it is open.
    open: Vec<(&'a [u32], bool)>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, event: &'a Event) {
        let at = event.when.latest();
        self.line.until = self.line.until.max(at);
        match &event.what {
            What::SupervisorBorn(proc) => {
                self.line.supervisors.push(Supervisor { proc: *proc, born: at, exited: None })
            }
            What::SupervisorExited { proc, status } => {
                if let Some(one) = self.line.supervisors.iter_mut().rev().find(|one| one.proc == *proc) {
                    one.exited.get_or_insert((at, *status));
                }
            }
            What::SecondBorn(proc) => self.line.seconds.push(Second { proc: *proc, born: at, exited: None }),
            What::SecondExited { proc, status } => {
                if let Some(one) = self.line.seconds.iter_mut().find(|one| one.proc == *proc) {
                    one.exited.get_or_insert((at, *status));
                }
            }
            What::Bystander(proc) => self.line.bystanders.push(*proc),
            What::Caught { proc, signal, by } => {
                self.line.caught.push(Caught { at, proc: *proc, signal: *signal, by: *by });
            }
            What::Environment { proc, is } => self.line.environments.push((at, *proc, is)),
            What::Owned { what, is } => self.line.owned.push(Owned { at, what, is: is.as_deref() }),
            What::Born { proc, parent, role } => self.born(*proc, *parent, *role, event.when),
            What::Died { proc, death } => self.died(*proc, event.when, death.status),
            What::Reaped(proc) => self.reaped(*proc, event.when),
            What::Runs { .. }
            | What::Ready(_)
            | What::Extends { .. }
            | What::Hangs(_)
            | What::Announced { .. }
            | What::StoppedAccepting(_)
            | What::ToldToStop(_)
            | What::Drained(_)
            | What::Exiting { .. } => self.worker_says(&event.what, at),
            What::Accepted { proc, peer } => self.accepts.push((*peer, at, *proc, true)),
            What::Refused { proc, peer } => self.accepts.push((*peer, at, *proc, false)),
            What::Subscribed { proc, topic } => self.topics.push((at, *proc, topic, TopicWord::Subscribed)),
            What::Published { proc, topic, data } => self.topics.push((at, *proc, topic, TopicWord::Published(data))),
            What::Heard { proc, topic, data } => self.topics.push((at, *proc, topic, TopicWord::Heard(data))),
            What::Step { step, said } => self.line.steps.push((at, step, said)),
            What::Missed { step, must } => self.line.missed.push((at, step, *must)),
            What::Injected { proc, signal } => self.line.injected.push(Injected { at, proc: *proc, signal: *signal }),
            What::Asked { proc, act } => self.line.asked.push(Asked { at, proc: *proc, act }),
            // A wall clock that is set hinders nobody and excuses nothing.
            What::FaultBegan { fault, .. } if fault.starts_with("ClockStep") => {}
            // Nor does whoever has a pid that nobody else has.
            What::FaultBegan { fault, .. } if fault == "PidReused" => {}
            // Nor do operators, whatever they say, or who may say nothing.
            What::FaultBegan { fault, .. } if fault.starts_with("Operators") || fault.starts_with("Stranger") => {}
            What::FaultBegan { step, fault, on } => {
                self.line.faults.push(FaultSpan { fault, on, from: at, until: Time::NEVER });
                self.open.push((step, true));
            }
            What::Healed { step } => self.healed(step, at),
            What::Commanded(command) => self.line.commands.push((at, command)),
            What::Connection(record) => self.records.push(record),
            // Of a lost one its connection tells.
            What::Request(_) => {}
            What::Phase(mark) => self.line.phases.note(*mark, at),
            What::Stall { proc, since, delay_ns } => {
                self.line.stalls.push(Stall { proc: *proc, since: *since, until: at, delay_ns: *delay_ns });
            }
            What::Left(what) => self.line.left.push((at, what)),
            What::Claimed(claim) => self.line.claims.push((at, claim)),
            What::Notified { by, text } => self.line.notified.push((at, *by, text)),
            What::Output(output) => self.line.output.push((at, output)),
            What::Incomplete { why } => self.line.incomplete.push(why),
            What::Configured { revision, serves, .. } => self.line.configured.push((at, *revision, *serves)),
            What::Answered { answered, after_ns, pids } => {
                let asked = at - Duration::from_nanos(*after_ns);
                self.line.answers.push(Answer { asked, at, answered: *answered, pids: pids.as_deref() });
            }
            What::Replied { ordered, reply } => self.line.replies.push((*ordered, at, *reply)),
            What::Used { proc, descriptors, threads, cpu_ns, peak } => {
                let (descriptors, threads, cpu_ns) = (*descriptors, *threads, *cpu_ns);
                self.line.used.push(Used { at, proc: *proc, descriptors, threads, cpu_ns, peak: *peak });
            }
            What::Lines { proc, lines } => self.line.lines.push((at, *proc, *lines)),
            What::Slept { proc, times } => self.line.slept.push((at, *proc, *times)),
            What::NoTarget { .. } | What::Held { .. } => {}
        }
    }

    fn born(&mut self, proc: Proc, parent: u32, role: Role, born: When) {
        match (self.places.get(&proc).copied(), role) {
            (None, Role::Worker { ticket, generation, pool }) => {
                self.worker(Worker { ticket, generation, pool, ..unborn(proc, parent, born) });
            }
            // A fork seen first and known as a worker only later was born when it was first seen.
            (Some(Place::Descendant(at)), Role::Worker { ticket, generation, pool }) => {
                let one = self.line.descendants.remove(at);
                for (index, later) in self.line.descendants.iter().enumerate().skip(at) {
                    self.places.insert(later.proc, Place::Descendant(index));
                }
                let known = unborn(proc, one.parent, one.born);
                self.worker(Worker { ticket, generation, pool, died: one.died, reaped: one.reaped, ..known });
            }
            (None, Role::Descendant) => {
                self.places.insert(proc, Place::Descendant(self.line.descendants.len()));
                self.line.descendants.push(Descendant { proc, parent, born, died: None, reaped: None });
            }
            (Some(_), _) => {}
        }
    }

    fn worker(&mut self, worker: Worker) {
        self.places.insert(worker.proc, Place::Worker(self.line.workers.len()));
        self.line.workers.push(worker);
    }

    fn died(&mut self, proc: Proc, when: When, status: Option<Status>) {
        match self.places.get(&proc) {
            Some(Place::Worker(at)) => {
                let worker = &mut self.line.workers[*at];
                worker.died.get_or_insert(when);
                worker.status = worker.status.or(status);
            }
            Some(Place::Descendant(at)) => _ = self.line.descendants[*at].died.get_or_insert(when),
            None => {}
        }
    }

    fn reaped(&mut self, proc: Proc, when: When) {
        match self.places.get(&proc) {
            Some(Place::Worker(at)) => _ = self.line.workers[*at].reaped.get_or_insert(when),
            Some(Place::Descendant(at)) => _ = self.line.descendants[*at].reaped.get_or_insert(when),
            None => {}
        }
    }

    fn worker_says(&mut self, what: &What, at: Time) {
        let (What::Runs { proc, .. }
        | What::Ready(proc)
        | What::Extends { proc, .. }
        | What::Hangs(proc)
        | What::Announced { proc, .. }
        | What::StoppedAccepting(proc)
        | What::ToldToStop(proc)
        | What::Drained(proc)
        | What::Exiting { proc, .. }) = what
        else {
            return;
        };
        let Some(Place::Worker(index)) = self.places.get(proc) else { return };
        let worker = &mut self.line.workers[*index];
        match what {
            What::Runs { revision, .. } => _ = worker.revision.get_or_insert(*revision),
            What::Hangs(_) => _ = worker.hung.get_or_insert(at),
            What::Extends { by, .. } if worker.retires().is_some_and(|left| left <= at) => {
                worker.lingers = worker.lingers.max(Some(at + by.0));
            }
            What::Extends { by, .. } => worker.extended = worker.extended.max(Some(at + by.0)),
            What::Ready(_) => _ = worker.ready.get_or_insert(at),
            What::Announced { form, .. } => _ = worker.announced.get_or_insert((at, *form)),
            What::StoppedAccepting(_) => _ = worker.retired.get_or_insert(at),
            What::ToldToStop(_) => _ = worker.told.get_or_insert(at),
            What::Drained(_) => _ = worker.drained.get_or_insert(at),
            What::Exiting { code, .. } => _ = worker.exiting.get_or_insert((at, *code)),
            _ => {}
        }
    }

    fn healed(&mut self, step: &[u32], at: Time) {
        let last = self.open.iter().rposition(|(path, open)| *open && *path == step);
        if let Some(index) = last {
            self.open[index].1 = false;
            self.line.faults[index].until = at;
        }
    }

    fn finish(mut self) -> Timeline<'a> {
        // Observers note what they see when they see it; the instants say the order.
        self.line.workers.sort_by_key(|worker| worker.born.latest());
        for (index, worker) in self.line.workers.iter().enumerate() {
            self.places.insert(worker.proc, Place::Worker(index));
        }
        self.topics();
        self.mark_hits();
        self.mark_frozen();
        self.connections();
        self.line
    }

    fn topics(&mut self) {
        for (at, proc, topic, what) in std::mem::take(&mut self.topics) {
            let worker = self.worker_of(proc);
            self.line.topics.extend(worker.map(|worker| TopicEvent { at, worker, topic, what }));
        }
        self.line.topics.sort_by_key(|event| event.at);
    }

    fn worker_of(&self, proc: Proc) -> Option<usize> {
        match self.places.get(&proc) {
            Some(Place::Worker(index)) => Some(*index),
            _ => None,
        }
    }

    fn mark_frozen(&mut self) {
        for fault in std::mem::take(&mut self.line.faults) {
            // Who may use no more memory is ended by the kernel, as the harness wanted it.
            let starved = fault.on.iter().filter(|_| fault.fault.contains("resource:\"memory\""));
            for index in starved.filter_map(|proc| self.worker_of(*proc)).collect::<Vec<_>>() {
                let worker = &mut self.line.workers[index];
                if worker.status == Some(Status::Signal(9)) {
                    worker.killed.get_or_insert(fault.from);
                    worker.signalled.get_or_insert(fault.from);
                }
            }
            let frozen = fault.on.iter().filter(|_| fault.fault.starts_with("Freeze"));
            for index in frozen.filter_map(|proc| self.worker_of(*proc)).collect::<Vec<_>>() {
                let worker = &mut self.line.workers[index];
                worker.frozen.get_or_insert(fault.from);
                // It does what it is asked when it runs again.
                worker.silenced = worker.silenced.map(|at| if fault.from <= at { at.max(fault.until) } else { at });
            }
            self.line.faults.push(fault);
        }
    }

    fn mark_hits(&mut self) {
        for injected in std::mem::take(&mut self.line.injected) {
            if let Some(index) = self.worker_of(injected.proc) {
                let worker = &mut self.line.workers[index];
                // Where the status is known it says which signal did it, whether a worker could have handled it or not.
                if DEADLY.contains(&injected.signal) || worker.status == Some(Status::Signal(injected.signal)) {
                    worker.killed.get_or_insert(injected.at);
                }
                if FATAL.contains(&injected.signal) {
                    worker.signalled.get_or_insert(injected.at);
                }
            }
            self.line.injected.push(injected);
        }
        for asked in std::mem::take(&mut self.line.asked) {
            if let Some(index) = self.worker_of(asked.proc) {
                let worker = &mut self.line.workers[index];
                if SPOILING.iter().any(|act| asked.act.starts_with(act)) {
                    worker.spoiled.get_or_insert(asked.at);
                }
                if asked.act.starts_with("CloseChannel") {
                    worker.silenced.get_or_insert(asked.at);
                } else if worker.silenced.is_some() && LEAVING.iter().any(|act| asked.act.starts_with(act)) {
                    worker.mute.get_or_insert(asked.at);
                }
            }
            self.line.asked.push(asked);
        }
        // A request may make it hang as well; its own word is all that there is of that.
        for worker in &mut self.line.workers {
            worker.spoiled = worker.spoiled.or(worker.hung);
        }
    }

    fn connections(&mut self) {
        let mut records = std::mem::take(&mut self.records);
        records.sort_by_key(|record| record.ended);
        self.accepts.sort_unstable();
        for record in records {
            self.note_given(record);
            let noted = self.accepted_by(record);
            let owner = record.owner.and_then(|proc| self.worker_of(proc)).or(noted.map(|(_, owner)| owner));
            self.line.connections.push(Conn { record, owner, accepted: noted.map(|(at, _)| at) });
        }
    }

    /// What the workers' journals say of this connection: ports are used again, so the instants must agree too. One that was
    /// never let in has no port that its client knew.
    fn journalled(&self, record: &Connection) -> &[(u32, Time, Proc, bool)] {
        if record.opened.is_none() {
            return &[];
        }
        let from = self.accepts.partition_point(|(peer, at, ..)| (*peer, *at) < (record.peer, record.tried));
        let until = self.accepts.partition_point(|(peer, at, ..)| (*peer, *at) <= (record.peer, record.ended));
        &self.accepts[from..until.max(from)]
    }

    /// Notes who was given a connection, unless that is one who took it.
    fn note_given(&mut self, record: &Connection) {
        let conn = self.line.connections.len();
        let lines = self.journalled(record);
        if matches!(lines, [] | [(.., true)]) {
            return;
        }
        let given = |(_, at, proc, taken): &(u32, Time, Proc, bool)| {
            Some(Given { at: *at, conn, worker: self.worker_of(*proc)?, taken: *taken })
        };
        let given: Vec<Given> = lines.iter().filter_map(given).collect();
        self.line.given.extend(given);
    }

    /// The worker whose journal says that it took this connection.
    fn accepted_by(&self, record: &Connection) -> Option<(Time, usize)> {
        if record.answered.is_some() {
            return None;
        }
        let (_, at, proc, _) = self.journalled(record).iter().rfind(|(.., taken)| *taken)?;
        self.worker_of(*proc).map(|owner| (*at, owner))
    }
}

fn unborn(proc: Proc, parent: u32, born: When) -> Worker {
    Worker {
        proc,
        ticket: 0,
        generation: 1,
        pool: 0,
        parent,
        born,
        revision: None,
        ready: None,
        extended: None,
        lingers: None,
        hung: None,
        frozen: None,
        announced: None,
        told: None,
        retired: None,
        drained: None,
        died: None,
        status: None,
        exiting: None,
        reaped: None,
        killed: None,
        signalled: None,
        spoiled: None,
        silenced: None,
        mute: None,
    }
}
