//! What follows from a history before anybody's promises are looked at: who left and by whose doing, when the
//! supervisor could not act, when and how its end began.

use std::time::Duration;

use crate::history::{Form, Proc, Status, Timeline, Worker};
use crate::scenario::{Command, Scenario};
use crate::time::Time;

use super::bounds;
use super::traits::Traits;

const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;
/// INT, QUIT, TERM: an operator's stop.
const STOPS: [i32; 3] = [2, 3, SIGTERM];
/// ILL, ABRT, KILL, USR1, SEGV, USR2, PIPE: may end a supervisor that does not expect them.
const FELLS: [i32; 7] = [4, 6, SIGKILL, 10, 11, 12, 13];

/// How a worker left the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It died, without a word.
    Death,
    /// It stopped accepting without a word; the supervisor can know only when it dies.
    Silent,
    /// It announced and stopped accepting.
    OnePhase,
    /// It announced and serves on.
    TwoPhase,
    /// It died after it had announced that it would wait: its replacement is on its way already.
    Untimely,
}

/// A worker left the pool, or said that it will, and not because the supervisor told it to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Departure {
    /// Index of the worker.
    pub worker: usize,
    /// Since when it may be missing.
    pub at: Time,
    /// Since when the supervisor can know; [`Time::NEVER`] if it never could.
    pub known: Time,
    /// How.
    pub how: Leave,
    /// Whether a script or a fault did it: false for a death by a signal that the harness did not send.
    pub excused: bool,
    /// How long it had been ready, if it was.
    pub ready_for: Option<Duration>,
}

/// Everything that several invariants need and that does not depend on the profile.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The supervisor at the first step.
    pub supervisor: Option<Proc>,
    /// When the supervisor was frozen.
    pub frozen: Vec<(Time, Time)>,
    /// When another fault with an end was active.
    pub hindered: Vec<(Time, Time)>,
    /// The first order to stop.
    pub stop: Option<Time>,
    /// The second one.
    pub hurry: Option<Time>,
    /// A signal to the supervisor that may end it.
    pub felled: Option<Time>,
    /// Its end.
    pub exit: Option<(Time, Status)>,
    /// When it must have given up (or broken down), if it ended without an order or a signal.
    pub ended_itself: Option<Time>,
    /// Until when a pool is to be kept: the first of all these, or the end of the observation.
    pub peace: Time,
    /// When the steps began.
    pub steps: Option<Time>,
    /// Script of each worker.
    pub traits: Vec<Traits>,
    /// Whether a fault or a script hit each worker so that it could not finish its work.
    pub hit: Vec<bool>,
    /// Departures by the instant at which they could be known.
    pub departures: Vec<Departure>,
    /// Rolling restarts: from the order to the last worker that was told to leave because of it.
    pub rolls: Vec<(Time, Time)>,
}

impl Facts {
    /// Reads them.
    pub fn read(scenario: &Scenario, line: &Timeline<'_>) -> Self {
        let traits: Vec<_> = line.workers.iter().map(|worker| Traits::of_worker(scenario, worker)).collect();
        let mut facts = Self {
            supervisor: line.supervisor().map(|one| one.proc),
            exit: line.supervisors.last().and_then(|one| one.exited),
            steps: line.phases.steps,
            peace: line.until,
            traits,
            ..Self::default()
        };
        facts.read_faults(line);
        facts.read_orders(line);
        facts.read_departures(line);
        facts.read_hits(line);
        facts.read_end(line);
        facts.read_rolls(line);
        facts
    }

    fn read_faults(&mut self, line: &Timeline<'_>) {
        let (mut frozen, mut hindered) = (Vec::new(), Vec::new());
        for fault in &line.faults {
            let freezes = fault.fault.starts_with("Freeze");
            let at_supervisor = line.supervisors.iter().any(|one| fault.on.contains(&one.proc));
            match (freezes, at_supervisor) {
                (true, true) => frozen.push((fault.from, fault.until)),
                (true, false) => {}
                (false, _) => hindered.push((fault.from, fault.until)),
            }
        }
        self.frozen = merge(frozen);
        self.hindered = merge(hindered);
    }

    fn read_orders(&mut self, line: &Timeline<'_>) {
        let is_supervisor = |proc: Proc| line.supervisors.iter().any(|one| one.proc == proc);
        let signals = |set: &'static [i32]| {
            line.injected.iter().filter(move |one| set.contains(&one.signal) && is_supervisor(one.proc))
        };
        let commands = line.commands.iter().filter(|(_, command)| matches!(command, Command::Stop));
        let mut stops: Vec<Time> = commands.map(|(at, _)| *at).chain(signals(&STOPS).map(|one| one.at)).collect();
        stops.extend(line.phases.stop);
        stops.sort_unstable();
        self.stop = stops.first().copied();
        // An order is noted as a command, as the signal that carries it and as a phase: one instant is one order.
        self.hurry = self.stop.and_then(|first| stops.iter().copied().find(|at| at.since(first) > bounds::ONE_ORDER));
        self.felled = signals(&FELLS).map(|one| one.at).min();
    }

    fn read_departures(&mut self, line: &Timeline<'_>) {
        for (index, worker) in line.workers.iter().enumerate() {
            self.departures.extend(departures(index, worker, &self.traits[index]).into_iter().flatten());
        }
        self.departures.sort_by_key(|one| one.known);
    }

    fn read_hits(&mut self, line: &Timeline<'_>) {
        self.hit = line.workers.iter().map(|one| one.killed.is_some() || one.spoiled.is_some()).collect();
        for one in &self.departures {
            let died = matches!(one.how, Leave::Death | Leave::Untimely | Leave::Silent);
            self.hit[one.worker] |= one.excused && died;
        }
    }

    fn read_end(&mut self, line: &Timeline<'_>) {
        let ordered = [self.stop, self.felled].into_iter().flatten().min();
        match (self.exit, ordered) {
            (Some((exit, _)), None) => self.ended_itself = Some(self.end_began(line, exit)),
            (Some((exit, _)), Some(ordered)) if exit < ordered => self.ended_itself = Some(self.end_began(line, exit)),
            // A stop may come while it is giving up: its status tells, and somebody had been told to leave before.
            (Some((_, Status::Code(code))), Some(ordered)) if code != 0 => {
                let began = self.end_began(line, ordered);
                let told = line.workers.iter().any(|one| one.ordered().is_some_and(|at| at >= began && at < ordered));
                self.ended_itself = (told && began < ordered).then_some(began);
            }
            _ => {}
        }
        let ends = [ordered, self.ended_itself, self.exit.map(|(at, _)| at), line.phases.stop, Some(line.until)];
        self.peace = ends.into_iter().flatten().min().unwrap_or(line.until);
    }

    /// A supervisor that ends by itself starts nobody any more and tells everybody to leave: the end began at the
    /// first need for a worker that was not met, and not after the first order to leave that no birth followed.
    fn end_began(&self, line: &Timeline<'_>, exit: Time) -> Time {
        let last_birth = line.workers.iter().map(|worker| worker.born.latest()).filter(|at| *at <= exit).max();
        let last_birth = last_birth.unwrap_or_default();
        let needs = || self.departures.iter().filter(|one| one.how != Leave::Untimely && one.known <= exit);
        let unmet = needs().map(|one| one.known).find(|at| *at >= last_birth);
        let last = needs().map(|one| one.known).max();
        let told = line.workers.iter().filter_map(Worker::ordered);
        let told = told.filter(|at| *at + bounds::BIRTH_SEEN >= last_birth && *at <= exit).min();
        [unmet.or(last), told].into_iter().flatten().min().unwrap_or(exit)
    }

    fn read_rolls(&mut self, line: &Timeline<'_>) {
        let reloads = line.commands.iter().filter(|(at, command)| is_reload(command) && *at <= self.peace);
        let spans = reloads.map(|(at, command)| {
            let told = line.workers.iter().filter_map(Worker::ordered);
            let last = told.filter(|told| told >= at && *told <= self.peace).max().unwrap_or(*at);
            (*at, last.max(*at + burst(command)) + bounds::REACT)
        });
        self.rolls = merge(spans.collect());
    }

    /// Whether a rolling restart may have been going on.
    pub fn rolling(&self, at: Time) -> bool {
        self.rolls.iter().any(|(from, until)| *from <= at && at <= *until)
    }
}

fn is_reload(command: &Command) -> bool {
    matches!(command, Command::Reload | Command::Reloads { .. } | Command::Upgrade)
}

/// How long a command goes on being given.
fn burst(command: &Command) -> Duration {
    match command {
        Command::Reloads { times, spacing } => spacing.0.saturating_mul(*times),
        _ => Duration::ZERO,
    }
}

fn departures(index: usize, worker: &Worker, traits: &Traits) -> [Option<Departure>; 2] {
    let ready_for = |at: Time| worker.ready.filter(|ready| *ready <= at).map(|ready| at.since(ready));
    let depart = |at: Time, known: Time, how, excused| {
        Some(Departure { worker: index, at, known, how, excused, ready_for: ready_for(at) })
    };
    let hit = worker.signalled.is_some() || worker.spoiled.is_some();
    let own = hit || traits.exits || traits.hangs || traits.spoils_boot() || ended_by_itself(worker);
    // What it does after the supervisor told it to leave is the supervisor's doing.
    let told = worker.ordered();
    let announced = worker.announced.filter(|(at, _)| told.is_none_or(|told| *at <= told));
    let known = worker.dead_for_sure();
    match (announced, told) {
        (Some((at, Form::OnePhase)), _) => {
            [depart(worker.retired.map_or(at, |retired| retired.min(at)), at, Leave::OnePhase, true), None]
        }
        (Some((at, Form::TwoPhase)), told) => {
            let untimely = told.is_none() && worker.died.is_some();
            let gap = depart(worker.retires().unwrap_or(worker.maybe_dead()), known, Leave::Untimely, own);
            [depart(at, at, Leave::TwoPhase, true), gap.filter(|_| untimely)]
        }
        (None, Some(_)) => [None, None],
        (None, None) => match (worker.retires(), worker.died) {
            (Some(left), _) => [depart(left, known, Leave::Silent, true), None],
            (None, Some(died)) => [depart(died.earliest(), known, Leave::Death, own), None],
            (None, None) => [None, None],
        },
    }
}

/// Whether its status or its journal says that no signal of a supervisor ended it.
fn ended_by_itself(worker: &Worker) -> bool {
    match worker.status {
        Some(Status::Code(_)) => true,
        Some(Status::Signal(signal)) => signal != SIGKILL && signal != SIGTERM,
        None => worker.exiting.is_some(),
    }
}

/// Sorted and disjoint.
pub(super) fn merge(mut spans: Vec<(Time, Time)>) -> Vec<(Time, Time)> {
    spans.sort_unstable();
    let mut merged: Vec<(Time, Time)> = Vec::with_capacity(spans.len());
    for (from, until) in spans {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => merged.push((from, until)),
        }
    }
    merged
}
