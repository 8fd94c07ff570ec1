//! Several pools of one supervisor: each is judged by itself, on what it can know of the run.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Event, History, Leftover, PhaseMark, Proc, Role, Status, Timeline, What};
use crate::scenario::{Command, Scenario};
use crate::subject::Profile;
use crate::time::Time;

use super::INVARIANTS;
use super::bounds::{BIRTH_SEEN, REACT};
use super::case::{Case, Finding, Slack};
use super::ending::trances;
use super::facts::{Facts, STOPS};
use super::giveup::exceeded;
use super::judge::judge_one;
use super::say_status::matches_status;

/// One pool's own view.
struct View {
    scenario: Scenario,
    profile: Profile,
    history: History,
}

/// Judges each pool; what is found about another than the first bears its name, as in `INV-FLOOR@notifier`.
pub(super) fn judge(scenario: &Scenario, profile: &Profile, history: &History, slack: Slack) -> Vec<Finding> {
    let mut views: Vec<View> =
        (0..).zip(scenario.pools()).map(|(number, _)| view(scenario, profile, history, number)).collect();
    let seen: Vec<Seen> = views.iter().map(|view| Seen::by(view, slack)).collect();
    // Nobody is started after the end has begun, in any of them.
    let last_birth = seen.iter().map(|one| one.last_birth).max().unwrap_or_default();
    let told = seen.iter().flat_map(|one| one.told.iter().copied()).filter(|told| *told >= last_birth).min();
    let gave_up = seen.iter().enumerate().filter(|(_, seen)| seen.gave_up);
    let gave_up = gave_up.filter_map(|(number, seen)| Some((seen.ended?.max(last_birth), number)));
    let gave_up: Vec<(Time, usize)> = gave_up.collect();
    // Who may have given up long before anybody was told to leave has not.
    let soon = gave_up.iter().filter(|(began, _)| told.is_some_and(|told| told.since(*began) <= REACT));
    if let Some(&(began, ender)) = soon.min().or(gave_up.iter().min()) {
        // Of workers that hang nobody sees that they are told, and their end may look like the need that was too much.
        let began = told.filter(|told| seen[ender].hung(*told)).map_or(began, |told| told.min(began));
        for (number, view) in views.iter_mut().enumerate().filter(|(number, _)| *number != ender) {
            // Both are about one instant, which each pool can tell from its own workers only.
            let own = seen[number].ended.map_or(began, |own| own.max(began - BIRTH_SEEN));
            view.is_told_to_stop(told.map_or(own, |told| own.min(told.max(began))));
        }
    }
    let failed: Vec<Time> = seen.iter().flat_map(|seen| seen.failed_starts.iter().copied()).collect();
    let mut findings = Vec::new();
    for ((number, view), name) in views.iter().enumerate().zip(scenario.pool_names()) {
        let gone = seen.iter().flat_map(|seen| seen.gone.iter().copied()).collect();
        let own = judge_one(&view.scenario, &view.profile, &view.history, slack, &failed, gone);
        if number == 0 {
            findings.extend(own);
        } else {
            let mine = own.into_iter().filter(|finding| is_of_any(&finding.id));
            findings.extend(mine.map(|finding| Finding { id: format!("{}@{name}", finding.id), ..finding }));
        }
    }
    findings
}

/// Whether this is judged of any pool: the expectations are those that it has itself.
fn is_of_any(id: &str) -> bool {
    id.starts_with("EXPECT-") || INVARIANTS.iter().any(|invariant| invariant.id == id && invariant.of_each_pool)
}

/// What one pool saw of the run that matters to the others.
struct Seen {
    /// When the supervisor must have given up (or broken down).
    ended: Option<Time>,
    /// When its workers may have been told to leave for good.
    told: Vec<Time>,
    /// When its last worker was started, at the earliest.
    last_birth: Time,
    /// From when until when a worker did nothing that it was told.
    hanging: Vec<(Time, Time)>,
    /// Whether this pool was why.
    gave_up: bool,
    /// When a worker died that had never been ready.
    failed_starts: Vec<Time>,
    /// When a worker was started that left, and when that was known.
    gone: Vec<(Time, Time)>,
}

impl Seen {
    fn by(view: &View, slack: Slack) -> Self {
        let View { scenario, profile, history } = view;
        let timeline = Timeline::read(history);
        let facts = Facts::read(scenario, &timeline);
        let case = Case { scenario, profile, history, timeline: &timeline, facts: &facts, slack };
        let ended = facts.ended_itself;
        let workers = timeline.workers.iter().zip(&facts.traits);
        let births = timeline.workers.iter().map(|worker| worker.born.earliest());
        Self {
            ended,
            told: if facts.scales.is_empty() { facts.orders_to_end(&timeline) } else { Vec::new() },
            last_birth: births.max().unwrap_or_default(),
            hanging: workers.flat_map(|(one, traits)| trances(one, traits, &timeline)).collect(),
            gave_up: ended.is_some() && scenario.pool.limit.is_some_and(|limit| exceeded(&case, limit)),
            failed_starts: facts.departures.iter().filter(|one| one.is_failed_start()).map(|one| one.known).collect(),
            gone: facts.departures.iter().map(|one| (case.worker(one.worker).born.latest(), one.known)).collect(),
        }
    }

    /// Whether somebody was there who hangs.
    fn hung(&self, at: Time) -> bool {
        self.hanging.iter().any(|(from, until)| *from <= at && at < *until)
    }
}

fn view(scenario: &Scenario, profile: &Profile, history: &History, number: u32) -> View {
    let mut profile = profile.clone();
    if let Some(rule) = profile.environment.as_mut().filter(|_| number > 0) {
        rule.listeners = false;
    }
    let name = scenario.pool_names().nth(number as usize).unwrap_or_default().to_owned();
    let of_others = scenario.pool_names().zip(scenario.pools()).filter(|(other, _)| *other != name);
    let wanted = of_others.map(|(_, (pool, _))| pool.workers as usize).sum();
    let scenario = scenario.of_pool(number as usize);
    let mut others = Others { number, name, wanted, theirs: theirs(history, number), workers: BTreeMap::new() };
    let events = history.events.iter().filter_map(|event| others.leave(event)).collect();
    View { scenario, profile, history: History { header: history.header.clone(), events } }
}

impl View {
    /// Another pool's end is an order to stop for this one, whether it serves on for a while or not.
    fn is_told_to_stop(&mut self, at: Time) {
        self.scenario.pool.lame_duck = crate::scenario::Span::ZERO;
        let place = self.history.events.iter().position(|event| event.when.latest() > at);
        let place = place.unwrap_or(self.history.events.len());
        // Whoever orders it to stop meanwhile says that for the first time.
        let is_supervisor = |event: &Event| if let What::SupervisorBorn(proc) = event.what { Some(proc) } else { None };
        let supervisors: BTreeSet<Proc> = self.history.events.iter().filter_map(is_supervisor).collect();
        let stops = |event: &Event| match event.what {
            What::Phase(PhaseMark::Stop) | What::Commanded(Command::Stop) => true,
            What::Injected { proc, signal } => STOPS.contains(&signal) && supervisors.contains(&proc),
            _ => false,
        };
        let ordered = self.history.events[place..].iter().find(|event| stops(event)).map(|event| event.when);
        self.history.events.retain(|event| Some(event.when) != ordered || !stops(event));
        self.history.events.insert(place, Event::at(at, What::Commanded(Command::Stop)));
        for event in &mut self.history.events {
            if let What::SupervisorExited { status, .. } = &mut event.what
                && self.profile.give_up_status.is_some_and(|declared| matches_status(*status, declared))
            {
                *status = Status::Code(0);
            }
        }
    }
}

/// The workers of the other pools.
struct Others {
    /// The pool that is looked at.
    number: u32,
    /// Its name.
    name: String,
    /// How many workers the others are to have, unless somebody orders another size.
    wanted: usize,
    /// All of them: some tell something of themselves before anybody knows whose they are.
    theirs: BTreeSet<Proc>,
    /// Those that live, and whether they are ready.
    workers: BTreeMap<Proc, bool>,
}

/// The workers of all other pools.
fn theirs(history: &History, number: u32) -> BTreeSet<Proc> {
    let theirs = |event: &Event| match &event.what {
        What::Born { proc, role: Role::Worker { pool, .. }, .. } if *pool != number => Some(*proc),
        _ => None,
    };
    history.events.iter().filter_map(theirs).collect()
}

impl Others {
    /// What an event is to the pool that is looked at; `None` if it is none of its affairs.
    fn leave(&mut self, event: &Event) -> Option<Event> {
        match &event.what {
            What::Born { proc, .. } if self.theirs.contains(proc) => _ = self.workers.insert(*proc, false),
            What::Ready(proc) if self.workers.contains_key(proc) => _ = self.workers.insert(*proc, true),
            // A supervisor that starts a worker waits for it, whichever pool it is of.
            What::Stall { proc: Some(proc), since, delay_ns } if self.workers.get(proc) == Some(&false) => {
                let what = What::Stall { proc: None, since: *since, delay_ns: *delay_ns };
                return Some(Event { what, ..event.clone() });
            }
            What::Claimed(claim) if claim.pool.as_ref().is_some_and(|pool| *pool != self.name) => return None,
            What::Commanded(Command::In(pool, order)) => {
                let own = Event { what: What::Commanded((**order).clone()), ..event.clone() };
                return (*pool == self.name).then_some(own);
            }
            // Topics are shared: whoever publishes there is to these workers what an operator is.
            What::Published { proc, topic, data } if self.theirs.contains(proc) => {
                let order = Command::Publish { topic: topic.clone(), data: data.clone() };
                return Some(Event { what: What::Commanded(order), ..event.clone() });
            }
            // What the supervisor uses can be compared between instants at which everybody was there, and nobody else.
            What::Used { .. } if !self.are_full() => return None,
            // An answer names the workers of all pools.
            What::Answered { answered, after_ns, pids: Some(pids) } => {
                let theirs = |pid: &u32| self.theirs.iter().any(|proc| proc.pid == *pid);
                let pids = Some(pids.iter().copied().filter(|pid| !theirs(pid)).collect());
                let what = What::Answered { answered: *answered, after_ns: *after_ns, pids };
                return Some(Event { what, ..event.clone() });
            }
            // They are about all pools, and so is what they tell.
            What::Lines { .. } => return None,
            _ => {}
        }
        if let What::Died { proc, .. } = &event.what {
            self.workers.remove(proc);
        }
        let theirs = about(&event.what).is_some_and(|proc| self.theirs.contains(&proc));
        (!theirs && (self.number == 0 || !is_of_first(&event.what))).then(|| event.clone())
    }

    fn are_full(&self) -> bool {
        self.workers.len() == self.wanted && self.workers.values().all(|ready| *ready)
    }
}

/// What only the first pool has: clients, orders that name no pool, output and files that are looked at.
fn is_of_first(what: &What) -> bool {
    match what {
        What::Commanded(command) => {
            matches!(command, Command::Scale(_) | Command::Restart(_) | Command::RestartPool)
        }
        What::Connection(_) | What::Request(_) | What::Output(_) | What::Owned { .. } | What::Used { .. } => true,
        What::Left(left) => matches!(left, Leftover::Address(_) | Leftover::File(_)),
        _ => false,
    }
}

/// The process that something happened to.
fn about(what: &What) -> Option<Proc> {
    match what {
        What::Born { proc, .. }
        | What::Ready(proc)
        | What::Hangs(proc)
        | What::StoppedAccepting(proc)
        | What::ToldToStop(proc)
        | What::Drained(proc)
        | What::Reaped(proc)
        | What::Environment { proc, .. }
        | What::Died { proc, .. }
        | What::Runs { proc, .. }
        | What::Extends { proc, .. }
        | What::Announced { proc, .. }
        | What::Accepted { proc, .. }
        | What::Refused { proc, .. }
        | What::Exiting { proc, .. }
        | What::Injected { proc, .. }
        | What::Asked { proc, .. }
        | What::Slept { proc, .. }
        | What::Left(Leftover::Process { proc, .. }) => Some(*proc),
        _ => None,
    }
}
