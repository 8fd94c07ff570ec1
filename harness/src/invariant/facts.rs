//! What follows from a history before anybody's promises are looked at: who left and by whose doing, when the
//! supervisor could not act, when and how its end began.

use std::time::Duration;

use crate::history::{Form, Injected, Proc, Status, Supervisor, Timeline, Worker};
use crate::scenario::{Command, Scenario};
use crate::time::Time;

use super::bounds;
use super::case::extend;
use super::ending;
use super::output::is_about_output;
use super::traits::Traits;

const SIGHUP: i32 = 1;
const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;
/// INT, QUIT, TERM: an operator's stop.
pub(super) const STOPS: [i32; 3] = [2, 3, SIGTERM];
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
    /// Since when it must know: later than `known` where nobody can say whether it was still listening.
    pub known_for_sure: Time,
    /// How.
    pub how: Leave,
    /// Whether a script or a fault did it: false for a death by a signal that the harness did not send.
    pub excused: bool,
    /// Whether it hung when a rolling restart may have told it to leave, which nobody sees.
    pub perhaps_told: bool,
    /// How long it had certainly been ready when the supervisor knew, if it was: time for which the supervisor was
    /// frozen may be missing in its own count.
    pub shortest_run: Option<Duration>,
    /// How long it may have been ready until the supervisor could act.
    pub longest_run: Option<Duration>,
}

impl Departure {
    /// The span in which nobody may be started in its place, if there certainly is one: it was a failure, known for long enough
    /// that the supervisor has noticed it, and no failure is followed at once.
    pub fn delayed(&self, scenario: &Scenario) -> Option<(Time, Time)> {
        let backoff = scenario.pool.backoff?;
        let stable = self.longest_run.is_some_and(|run| bounds::maybe_stable(scenario, run));
        let from = self.known_for_sure + bounds::START_JITTER;
        let until = self.known + bounds::least(&backoff, 1);
        (self.how == Leave::Death && !stable && from < until).then_some((from, until))
    }

    /// Whether it had never served, whatever it said as it left.
    pub fn is_failed_start(&self) -> bool {
        self.shortest_run.is_none()
    }
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
    /// When one or the other: one may begin while the other goes on, and end later.
    pub held_up: Vec<(Time, Time)>,
    /// The first order to stop.
    pub told: Option<Time>,
    /// When it takes effect: at once, or when the pool has served on for as long as it is to, or at a second
    /// order that comes before.
    pub stop: Option<Time>,
    /// The next order after that.
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
    /// Orders to change the number of workers: when, and the number from then on.
    pub scales: Vec<(Time, u32)>,
    /// How many workers the pool is started with.
    pub initial: u32,
    /// Of several pools: when a start failed in one of them. A new configuration is dropped for that in all of them.
    pub failed_starts: Vec<Time>,
    /// Of several pools: when a worker of any of them was started, and when it was known to have gone.
    pub gone: Vec<(Time, Time)>,
    /// Rolling restarts: from the order to the last worker that was told to leave because of it.
    pub rolls: Vec<(Time, Time)>,
}

impl Facts {
    /// Reads them.
    pub fn read(scenario: &Scenario, line: &Timeline<'_>) -> Self {
        let traits = line.workers.iter().map(|worker| {
            let scripted = Traits::of_worker(scenario, worker);
            // Nobody gets ready with a configuration that no pool can serve with.
            if unfit(line, worker) { Traits { never_ready: true, ..scripted } } else { scripted }
        });
        let traits: Vec<_> = traits.collect();
        let mut facts = Self {
            supervisor: line.supervisor().map(|one| one.proc),
            exit: line.supervisors.last().and_then(|one| one.exited),
            steps: line.phases.steps,
            peace: line.until,
            traits,
            initial: scenario.pool.workers,
            scales: scales(line),
            ..Self::default()
        };
        facts.read_faults(line);
        facts.read_orders(line, scenario.pool.lame_duck.0);
        facts.read_departures(line, scenario.pool.watchdog.or(scenario.pool.handoff_timeout).is_some());
        facts.read_hits(line);
        facts.read_end(scenario, line);
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
                (false, _) if is_about_output(fault.fault) => {}
                (false, _) => hindered.push((fault.from, fault.until)),
            }
        }
        self.frozen = merge(frozen);
        self.hindered = merge(hindered);
        self.held_up = merge(self.frozen.iter().chain(&self.hindered).copied().collect());
    }

    fn read_orders(&mut self, line: &Timeline<'_>, lame_duck: Duration) {
        let is_supervisor = |proc: Proc| line.supervisors.iter().any(|one| one.proc == proc);
        let signals = |set: &'static [i32]| {
            line.injected.iter().filter(move |one| set.contains(&one.signal) && is_supervisor(one.proc))
        };
        let commands = line.commands.iter().filter(|(_, command)| matches!(command, Command::Stop));
        let mut stops: Vec<Time> = commands.map(|(at, _)| *at).chain(signals(&STOPS).map(|one| one.at)).collect();
        stops.extend(line.phases.stop);
        stops.sort_unstable();
        // One instant is one order: the harness notes the phase, and what it did to begin it.
        let next = |after: Time| stops.iter().copied().find(|at| *at > after);
        self.told = stops.first().copied();
        self.stop = self.told.map(|first| next(first).unwrap_or(Time::NEVER).min(first + lame_duck));
        self.hurry = self.stop.and_then(next);
        self.felled = signals(&FELLS).filter(|one| !self.outlived(one)).map(|one| one.at).min();
    }

    /// Whether the supervisor lived on after a signal, and ended for another reason.
    fn outlived(&self, signal: &Injected) -> bool {
        let other = |status| status != Status::Signal(signal.signal);
        self.exit.is_some_and(|(exit, status)| other(status) && exit > signal.at + bounds::REACT)
    }

    fn read_departures(&mut self, line: &Timeline<'_>, watched: bool) {
        for (index, worker) in line.workers.iter().enumerate() {
            let departures = departures(index, worker, &self.traits[index], watched).into_iter().flatten();
            self.departures.extend(departures.map(|one| measured(one, worker, &self.frozen)));
        }
        let orphaned = orphaned(line);
        for one in &mut self.departures {
            let worker = &line.workers[one.worker];
            let hung = ending::trances(worker, &self.traits[one.worker], line)
                .any(|(from, until)| from <= one.at && one.at <= until);
            let reloaded = |at: Time| worker.born.earliest() <= at && at < one.known;
            one.perhaps_told = hung && reloads(line).any(|(at, _)| reloaded(at));
            one.excused |= orphaned.iter().any(|(from, until)| *from <= one.at && one.at < *until);
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

    fn read_end(&mut self, scenario: &Scenario, line: &Timeline<'_>) {
        let ordered = [self.stop, self.felled].into_iter().flatten().min();
        let wanted = scenario.pool.workers as usize;
        let told = [self.told, self.felled].into_iter().flatten().min();
        let mut giving_up = None;
        match (self.exit, ordered) {
            (Some((exit, _)), None) => self.ended_itself = Some(self.end_began(wanted, line, exit)),
            (Some((exit, _)), Some(_)) if told.is_some_and(|told| exit < told) => {
                self.ended_itself = Some(self.end_began(wanted, line, exit))
            }
            (Some((_, status)), Some(ordered)) if status != Status::Code(0) => {
                giving_up = self.gave_up_before(scenario, line, ordered, matches!(status, Status::Code(_)));
                // A signal ended it before it could say so.
                self.ended_itself = giving_up.filter(|_| matches!(status, Status::Code(_)));
            }
            _ => {}
        }
        // Whoever was to serve on for a while and ended before is no excuse for not serving.
        let exit =
            self.exit.map(|(at, _)| at).filter(|exit| told.is_none_or(|told| *exit < told) || ordered <= Some(*exit));
        let ends = [ordered, self.ended_itself, giving_up, exit, line.phases.stop, Some(line.until)];
        self.peace = ends.into_iter().flatten().min().unwrap_or(line.until);
    }

    fn read_rolls(&mut self, line: &Timeline<'_>) {
        // Until its end, not until it may have given up: nobody knows exactly when that was.
        let ends = [self.stop, self.felled, self.exit.map(|(at, _)| at)];
        let end = ends.into_iter().flatten().min().unwrap_or(line.until);
        // A rolling restart waits for a supervisor that is frozen, and for workers that are scripted to boot slowly.
        let slow = line.workers.iter().zip(&self.traits).filter(|(_, traits)| traits.spoils_boot());
        let slow = slow.map(|(one, _)| (one.born.earliest(), one.ready.unwrap_or(one.dead_for_sure()).min(line.until)));
        let held_up = merge(self.frozen.iter().copied().chain(slow).collect());
        let spans = reloads(line).filter(|(at, _)| *at <= end).map(|(at, burst)| {
            let told = line.workers.iter().filter_map(Worker::ordered);
            let last = told.filter(|told| *told >= at && *told <= end).max().unwrap_or(at);
            (at, extend(at, last.max(at + burst) + bounds::REACT, &held_up))
        });
        self.rolls = merge(spans.collect());
    }

    /// How many workers are wanted at this instant.
    pub fn wanted(&self, at: Time) -> u32 {
        self.scales.iter().rev().find(|(since, _)| *since <= at).map_or(self.initial, |(_, workers)| *workers)
    }

    /// The largest number that was ever wanted.
    pub fn most_wanted(&self) -> u32 {
        self.scales.iter().map(|(_, workers)| *workers).fold(self.initial, u32::max)
    }

    /// How many workers more were ordered by this instant, those that were ordered away again counted.
    pub fn added(&self, by: Time) -> u32 {
        self.additions().filter(|(at, _)| *at <= by).map(|(_, more)| more).sum()
    }

    /// The orders for more workers: when, and how many more.
    pub fn additions(&self) -> impl Iterator<Item = (Time, u32)> {
        let before = std::iter::once(self.initial).chain(self.scales.iter().map(|(_, workers)| *workers));
        let more = before.zip(&self.scales).map(|(before, (at, workers))| (*at, workers.saturating_sub(before)));
        more.filter(|(_, more)| *more > 0)
    }

    /// Whether a rolling restart may have been going on.
    pub fn rolling(&self, at: Time) -> bool {
        self.rolls.iter().any(|(from, until)| *from <= at && at <= *until)
    }
}

fn unfit(line: &Timeline<'_>, worker: &Worker) -> bool {
    line.configured.iter().any(|(_, revision, serves)| worker.revision == Some(*revision) && !serves)
}

fn scales(line: &Timeline<'_>) -> Vec<(Time, u32)> {
    let scale = |(at, command): &(Time, &Command)| match command {
        Command::Scale(workers) => Some((*at, *workers)),
        _ => None,
    };
    line.commands.iter().filter_map(scale).collect()
}

/// When a step sent SIGHUP to the supervisor: an operator's reload, without a word to the harness.
pub(super) fn hangups(line: &Timeline<'_>) -> impl Iterator<Item = Time> {
    let supervisor = line.supervisor().map(|one| one.proc);
    let sent = line.injected.iter().filter(move |one| Some(one.proc) == supervisor && one.signal == SIGHUP);
    sent.map(|one| one.at)
}

/// The orders to replace workers: when, and for how long they went on being given.
fn reloads(line: &Timeline<'_>) -> impl Iterator<Item = (Time, Duration)> {
    let orders = line.commands.iter().filter(|(_, command)| is_reload(command));
    orders.map(|(at, command)| (*at, burst(command))).chain(hangups(line).map(|at| (at, Duration::ZERO)))
}

fn is_reload(command: &Command) -> bool {
    matches!(command, Command::Reload | Command::Reloads { .. } | Command::Restart(_) | Command::RestartPool)
}

/// How long a command goes on being given.
fn burst(command: &Command) -> Duration {
    match command {
        Command::Reloads { times, spacing } => spacing.0.saturating_mul(*times),
        _ => Duration::ZERO,
    }
}

fn departures(index: usize, worker: &Worker, traits: &Traits, watched: bool) -> [Option<Departure>; 2] {
    let unsure = |at: Time| worker.silenced.is_some_and(|silenced| at >= silenced);
    let depart = |at: Time, known: Time, how, excused| {
        let known_for_sure = if unsure(known) { known.max(worker.dead_for_sure()) } else { known };
        let (shortest_run, longest_run) = (None, None);
        let perhaps_told = false;
        Some(Departure {
            worker: index,
            at,
            known,
            known_for_sure,
            how,
            excused,
            perhaps_told,
            shortest_run,
            longest_run,
        })
    };
    let hit = worker.signalled.is_some() || worker.killed.is_some() || worker.spoiled.is_some();
    // Who is watched may be killed for being silent, whatever kept it so.
    let silent_too_long = watched && (traits.silent || worker.frozen.is_some());
    let own = hit || silent_too_long || traits.exits || traits.hangs || traits.spoils_boot() || ended_by_itself(worker);
    // What it does after the supervisor told it to leave is the supervisor's doing.
    let told = worker.ordered();
    let silenced = worker.silenced.map(|silenced| silenced + bounds::START_JITTER);
    let silent =
        |at: Time| silenced.is_some_and(|silenced| at > silenced) || worker.mute.is_some_and(|mute| at >= mute);
    let heard = |at: Time| told.is_none_or(|told| at <= told) && !silent(at);
    let announced = worker.announced.filter(|(at, _)| heard(*at));
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
        // It had gone by itself, and nobody had noticed.
        (None, Some(told)) if worker.retires().is_some_and(|left| left < told) => {
            [depart(worker.retires().unwrap_or(told), known, Leave::Silent, true), None]
        }
        (None, Some(_)) => [None, None],
        (None, None) => match (worker.retires(), worker.died) {
            (Some(left), _) => [depart(left, known, Leave::Silent, true), None],
            (None, Some(died)) => [depart(died.earliest(), known, Leave::Death, own), None],
            (None, None) => [None, None],
        },
    }
}

/// From a signal of the harness that ended a supervisor to the next one: whoever goes then goes for that.
fn orphaned(line: &Timeline<'_>) -> Vec<(Time, Time)> {
    let born = line.supervisors.iter().skip(1).map(|next| next.born).chain([Time::NEVER]);
    let span = |(one, until): (&Supervisor, Time)| {
        let (_, status) = one.exited?;
        let ends = |sent: &&Injected| sent.proc == one.proc && status == Status::Signal(sent.signal);
        Some((line.injected.iter().find(ends)?.at, until))
    };
    line.supervisors.iter().zip(born).filter_map(span).collect()
}

/// With the length of the worker's run.
fn measured(one: Departure, worker: &Worker, frozen: &[(Time, Time)]) -> Departure {
    let Some(ready) = worker.ready.filter(|ready| *ready <= one.at) else { return one };
    let lost: Duration = frozen.iter().map(|(from, until)| until.min(&one.at).since(ready.max(*from))).sum();
    // What came just before it was frozen it had no time to notice.
    let before = |from: Time| from <= one.known + bounds::START_JITTER;
    let acts = frozen.iter().find(|(from, until)| before(*from) && one.known < *until).map(|(_, until)| *until);
    let acts = acts.unwrap_or(one.known);
    Departure {
        shortest_run: Some(one.at.since(ready).saturating_sub(lost)),
        longest_run: Some(acts.since(ready)),
        ..one
    }
}

/// Whether its status or its journal says that no signal of a supervisor ended it.
fn ended_by_itself(worker: &Worker) -> bool {
    match worker.status {
        Some(Status::Code(_)) => true,
        // Unless it had said that it would end by just that.
        Some(Status::Signal(signal)) => {
            let said = worker.exiting.is_some_and(|(_, code)| code == 128 + signal);
            said || signal != SIGKILL && signal != SIGTERM
        }
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
