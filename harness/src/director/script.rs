//! The director: the phases of a run around the steps of its scenario.

use std::time::Duration;

use crate::history::{Event, PhaseMark, Proc, What};
use crate::scenario::{Act, Command, Expect, Life, Lives, Load, Scenario, Start, State, Step};
use crate::subject::{OnSupervisorDeath, Profile};
use crate::time::Time;

use super::Injection;
use super::act::Stage;
use super::random::Random;
use super::sequence::Sequence;
use super::view::{Supervisor, View};

/// How long the pool must stay as wanted before a run is stopped (H).
const HOLD: Duration = Duration::from_millis(300);

/// How long a full pool may take to stand, beside what the lives' own boot takes.
const BASELINE: Duration = Duration::from_secs(10);

/// T_conv where the profile names none.
const CONVERGE: Duration = Duration::from_secs(5);

/// What a wait for the subject's end has on top of what was promised, so that a late end is measured and not cut off.
const LATE: Duration = Duration::from_secs(5);

/// How long the director waits for things that should come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// For a full pool before the first step.
    pub baseline: Duration,
    /// For a settled pool after the last step. The wait ends as soon as the pool has been settled for H = 300 ms.
    pub settle: Duration,
    /// For the end of the supervisor after the stop.
    pub stop: Duration,
    /// For the end of everything else after that.
    pub linger: Duration,
}

impl Bounds {
    /// What a scenario and a profile imply.
    pub fn of(scenario: &Scenario, profile: &Profile) -> Self {
        let span = |span: Option<crate::scenario::Span>, otherwise: Duration| span.map_or(otherwise, |span| span.0);
        let boot = scenario.pools().map(|(_, lives)| slowest_boot(lives)).max().unwrap_or_default();
        let leave = scenario.longest_drain() + span(profile.kill_slack, Duration::from_millis(250));
        let caps = scenario.pools().filter_map(|(pool, _)| pool.backoff).map(|backoff| backoff.cap.0);
        let backoff = caps.max().unwrap_or_default();
        let orphans = span(profile.orphans, Duration::from_secs(1)).max(left_within(scenario));
        let deserted = match profile.on_supervisor_death {
            Some(OnSupervisorDeath::WorkersLeave { within }) => within.0,
            Some(OnSupervisorDeath::WorkersStay) | None => Duration::ZERO,
        };
        Self {
            baseline: BASELINE + boot,
            settle: span(profile.converge, CONVERGE) + boot + backoff + leave + HOLD,
            stop: scenario.pool.lame_duck.0 + leave + LATE,
            linger: leave + orphans.max(deserted) + HOLD,
        }
    }
}

/// Where a run is.
#[derive(Debug)]
enum Phase {
    Fresh,
    /// Until this instant.
    Baseline(Time),
    Steps(Sequence),
    /// Until the first instant; settled since the second.
    Settle(Time, Option<Time>),
    /// The same.
    Stop(Time),
    Over(Time),
    Ended,
}

/// Fires the steps of one scenario.
#[derive(Debug)]
pub struct Director {
    scenario: Scenario,
    bounds: Bounds,
    view: View,
    random: Random,
    that: Option<Proc>,
    phase: Phase,
    /// When `step` was called last.
    now: Time,
}

impl Director {
    /// A director for a scenario and a subject that promises this.
    pub fn for_plan(scenario: &Scenario, profile: &Profile, seed: u64) -> Self {
        Self::new(scenario, seed, Bounds::of(scenario, profile))
    }

    /// A director with bounds of its own.
    pub fn new(scenario: &Scenario, seed: u64, bounds: Bounds) -> Self {
        let view = View::new(scenario, !has_start(&scenario.steps));
        let random = Random::new(seed);
        Self { scenario: scenario.clone(), bounds, view, random, that: None, phase: Phase::Fresh, now: Time::default() }
    }

    /// Shows an event that was appended to the history.
    pub fn see(&mut self, event: &Event) {
        let pool = self.view.pool_of(event);
        self.view.see(event);
        match &mut self.phase {
            Phase::Steps(steps) => steps.see(event, pool),
            Phase::Settle(_, since) if !self.view.is(State::Settled) => *since = None,
            _ => {}
        }
    }

    /// Whether somebody was started who has not begun yet: nobody knows of it by an event, and the pool has not settled.
    pub fn expect_birth(&mut self, unborn: bool) {
        self.view.unborn = unborn;
        if let Phase::Settle(_, since) = &mut self.phase
            && unborn
        {
            *since = None;
        }
    }

    /// Appends what is to be done at `now`, after everything that is known was shown. `owners` names the worker that
    /// owns a connection of a load ([`crate::load::Clients::owner_of`]).
    pub fn step(&mut self, now: Time, owners: &dyn Fn(&str) -> Option<Proc>, out: &mut Vec<Injection>) {
        self.now = now;
        while self.advance(now, owners, out) {}
    }

    /// When `step` is wanted although no event was seen. It is asked for after each event and each step.
    pub fn next_deadline(&self) -> Option<Time> {
        let now = self.now;
        match &self.phase {
            Phase::Fresh => Some(now),
            Phase::Baseline(until) | Phase::Stop(until) | Phase::Over(until) => Some(*until),
            Phase::Steps(steps) => steps.next_deadline(&self.view, now),
            Phase::Settle(until, since) => Some(since.map_or(*until, |since| (since + HOLD).min(*until))),
            Phase::Ended => None,
        }
    }

    /// One phase's work; whether another one began.
    fn advance(&mut self, now: Time, owners: &dyn Fn(&str) -> Option<Proc>, out: &mut Vec<Injection>) -> bool {
        match &mut self.phase {
            Phase::Fresh => self.open(now, out),
            Phase::Baseline(until) => {
                let until = *until;
                if self.view.is(State::PoolFull) {
                    self.begin_steps(now, out);
                } else if self.gone() || until <= now {
                    out.push(Injection::Note(What::Phase(PhaseMark::NoBaseline)));
                    self.stop(now, out);
                } else {
                    return false;
                }
            }
            Phase::Steps(steps) => {
                let (view, random, that) = (&mut self.view, &mut self.random, self.that);
                let mut stage = Stage { now, view, random, owners, out, that };
                let over = steps.go(&mut stage);
                self.that = stage.that;
                if !over {
                    return false;
                }
                self.settle(now, out);
            }
            Phase::Settle(until, since) => {
                let until = *until;
                if self.view.is(State::Settled) && since.is_none() {
                    *since = Some(now);
                }
                let held = since.is_some_and(|since| since + HOLD <= now);
                if !held && until > now && !self.gone() {
                    return false;
                }
                self.stop(now, out);
            }
            Phase::Stop(until) => {
                if *until > now && !self.gone() {
                    return false;
                }
                out.push(Injection::Note(What::Phase(PhaseMark::Over)));
                self.load(false, out);
                self.phase = Phase::Over(now + self.bounds.linger);
            }
            Phase::Over(until) => {
                if *until > now && self.gone() && !self.view.nobody() {
                    return false;
                }
                out.extend([Injection::Note(What::Phase(PhaseMark::End)), Injection::End]);
                self.phase = Phase::Ended;
            }
            Phase::Ended => return false,
        }
        true
    }

    fn gone(&self) -> bool {
        matches!(self.view.supervisor, Supervisor::Gone { .. })
    }

    fn open(&mut self, now: Time, out: &mut Vec<Injection>) {
        match self.scenario.start {
            Start::Steady => {
                out.push(Injection::Start);
                self.phase = Phase::Baseline(now + self.bounds.baseline);
            }
            Start::AtOnce => {
                self.begin_steps(now, out);
                if self.view.no_start_ahead {
                    out.push(Injection::Start);
                }
            }
        }
    }

    fn begin_steps(&mut self, now: Time, out: &mut Vec<Injection>) {
        out.push(Injection::Note(What::Phase(PhaseMark::Steps)));
        self.load(true, out);
        self.phase = Phase::Steps(Sequence::new(self.scenario.steps.clone(), Vec::new(), 1, now));
    }

    /// After the last step the pool must become as wanted, unless its end has been ordered or has come.
    fn settle(&mut self, now: Time, out: &mut Vec<Injection>) {
        if self.gone() || self.view.told_to_end {
            self.stop(now, out);
        } else {
            out.push(Injection::Note(What::Phase(PhaseMark::Settle)));
            self.phase = Phase::Settle(now + self.bounds.settle, None);
        }
    }

    /// Stops the subject. One that has been told to stop is not told again: a second order would hurry it.
    fn stop(&mut self, now: Time, out: &mut Vec<Injection>) {
        if !self.gone() && !self.view.told_to_end {
            out.push(Injection::Note(What::Phase(PhaseMark::Stop)));
            self.load(false, out);
            self.view.told_to_end = true;
            out.push(Injection::StopSubject);
        }
        self.phase = Phase::Stop(now + self.bounds.stop);
    }

    /// Starts the loads that run from the first step, or stops all.
    fn load(&self, start: bool, out: &mut Vec<Injection>) {
        let which = self.scenario.load.iter().filter(|load| !start || !load.on_demand());
        out.extend(which.map(Load::name).map(|name| Injection::Load { name: name.to_owned(), start }));
    }
}

fn slowest_boot(lives: &Lives) -> Duration {
    let boot = |life: &Life| match life {
        Life::SlowBoot(span) => span.0,
        Life::Record(record) => record.boot.0,
        _ => Duration::ZERO,
    };
    let listed = lives.first.iter().chain(lives.generation.values().flatten());
    listed.chain([&lives.then]).map(boot).max().unwrap_or_default()
}

fn left_within(scenario: &Scenario) -> Duration {
    let within = |expect: &Expect| match expect {
        Expect::NothingLeft { within } => Some(within.0),
        _ => None,
    };
    scenario.expect.iter().filter_map(within).max().unwrap_or_default()
}

fn has_start(steps: &[Step]) -> bool {
    steps.iter().filter_map(|step| step.act.as_ref()).any(starts)
}

fn starts(act: &Act) -> bool {
    match act {
        Act::Operate(command) => *command == Command::Start,
        Act::During { steps, .. } | Act::Repeat { steps, .. } => has_start(steps),
        Act::OneOf(acts) | Act::Together { acts, .. } => acts.iter().any(starts),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
