//! Acts, as they are carried out over time.

use std::time::Duration;

use crate::history::{Event, Proc, What};
use crate::scenario::{Act, Ask, Attempt, Command, Fault, Reader, Signal, Target};
use crate::time::Time;

use super::Injection;
use super::random::Random;
use super::sequence::Sequence;
use super::view::{Supervisor, View};

/// Everything that an act may look at, and where its injections go.
pub struct Stage<'a> {
    pub now: Time,
    pub view: &'a mut View,
    pub random: &'a mut Random,
    pub owners: &'a dyn Fn(&str) -> Option<Proc>,
    pub out: &'a mut Vec<Injection>,
    /// Whose edge fired the step, or the last one before it that had one.
    pub that: Option<Proc>,
}

/// Which step an act belongs to, and the name for what it hits.
#[derive(Clone, Debug)]
pub struct Origin {
    pub path: Vec<u32>,
    pub name: Option<String>,
}

/// An act that is not over when it begins.
#[derive(Clone, Debug)]
pub enum Task {
    /// It begins at this instant.
    Later { at: Time, act: Act, origin: Origin },
    /// One thing after the other, each at its instant, in order of time.
    Blows { due: Vec<(Time, Blow)>, origin: Origin },
    /// Nothing until then.
    Pause(Time),
    /// A fault, which heals at this instant, if it ever does.
    During { heals: Time, heal: Option<Injection>, body: Box<Sequence>, origin: Origin },
    /// Steps within a step.
    Steps(Sequence),
    /// Several at once.
    Together(Vec<Task>),
}

/// One of several things of one act.
#[derive(Clone, Debug)]
pub enum Blow {
    Signal(Vec<Proc>, Signal),
    Group(Proc, Signal),
    Ask(Proc, Ask),
    Operate(Command),
}

impl Stage<'_> {
    fn resolve(&mut self, target: &Target, origin: &Origin) -> Vec<Proc> {
        let found = self.view.resolve(target, self.that, self.random, self.owners);
        if found.is_empty() {
            self.out.push(Injection::Note(What::NoTarget { step: origin.path.clone() }));
        } else if let Some(name) = &origin.name {
            self.view.name(name, &found);
        }
        found
    }

    fn operate(&mut self, command: &Command) {
        self.view.command(command, self.now);
        self.out.push(Injection::Operate(command.clone()));
    }

    /// Notes an order to end before it is given.
    fn may_end(&mut self, to: &[Proc], signal: Signal) {
        let supervisor = |proc: &Proc| self.view.supervisor == Supervisor::Alive(*proc);
        let ends =
            matches!(signal, Signal::KILL | Signal::TERM | Signal::INT | Signal::QUIT | Signal::ABRT | Signal::SEGV);
        if ends && to.iter().any(supervisor) {
            self.view.told_to_end = true;
        }
    }

    fn signal(&mut self, to: Vec<Proc>, signal: Signal) {
        self.may_end(&to, signal);
        if signal == Signal::KILL {
            self.view.doom(&to);
        }
        self.out.push(Injection::Signal { to, signal });
    }

    /// Begins an act; what is left of it afterwards.
    pub fn begin(&mut self, act: &Act, origin: &Origin) -> Option<Task> {
        match act {
            Act::Kill(target) => self.send(target, Signal::KILL, 1, Duration::ZERO, origin),
            Act::Signal { to, signal, times, spacing } => self.send(to, *signal, *times, spacing.0, origin),
            Act::Ask { who, to, spread } => self.ask(who, to, spread.0, origin),
            Act::Operate(Command::Reloads { times, spacing }) => {
                let blow = |k| (self.now + spacing.0.saturating_mul(k), Blow::Operate(Command::Reload));
                Some(Task::Blows { due: (0..*times).map(blow).collect(), origin: origin.clone() })
            }
            Act::Operate(command) => {
                self.operate(command);
                None
            }
            Act::StartLoad(name) | Act::StopLoad(name) => {
                let start = matches!(act, Act::StartLoad(_));
                self.out.push(Injection::Load { name: name.clone(), start });
                None
            }
            Act::Config(variant) => {
                self.out.push(Injection::Config(variant.clone()));
                None
            }
            Act::During { fault, span, steps } => {
                let heal = self.begin_fault(fault, origin);
                let body = Box::new(Sequence::new(steps.clone(), origin.path.clone(), 1, self.now));
                Some(Task::During { heals: self.now + span.0, heal, body, origin: origin.clone() })
            }
            Act::Repeat { times, steps } => {
                Some(Task::Steps(Sequence::new(steps.clone(), origin.path.clone(), *times, self.now)))
            }
            Act::OneOf(acts) => {
                let index = self.random.index(acts.len());
                self.begin(acts.get(index)?, &origin.child(index))
            }
            Act::Together { spread, acts } => {
                let later = |(index, act): (usize, &Act)| Task::Later {
                    at: self.now + self.random.within(spread.0),
                    act: act.clone(),
                    origin: origin.child(index),
                };
                Some(Task::Together(acts.iter().enumerate().map(later).collect()))
            }
            Act::Pause(span) => Some(Task::Pause(self.now + span.0)),
        }
    }

    fn send(&mut self, to: &Target, signal: Signal, times: u32, spacing: Duration, origin: &Origin) -> Option<Task> {
        let procs = self.resolve(to, origin);
        if procs.is_empty() {
            return None;
        }
        let bursts = if to.one_by_one() { procs.into_iter().map(|proc| vec![proc]).collect() } else { vec![procs] };
        let at = |k: u32| self.now + spacing.saturating_mul(k);
        let blows = (0..times).flat_map(|k| bursts.iter().map(move |burst| (k, burst.clone())));
        let blow = |burst: Vec<Proc>| match burst.first() {
            Some(leader) if *to == Target::Group => Blow::Group(*leader, signal),
            _ => Blow::Signal(burst, signal),
        };
        let due = blows.map(|(k, burst)| (at(k), blow(burst))).collect();
        Some(Task::Blows { due, origin: origin.clone() })
    }

    fn ask(&mut self, who: &Target, to: &Ask, spread: Duration, origin: &Origin) -> Option<Task> {
        let procs = self.resolve(who, origin);
        let blow = |proc| (self.now + self.random.within(spread), Blow::Ask(proc, to.clone()));
        let mut due: Vec<(Time, Blow)> = procs.into_iter().map(blow).collect();
        due.sort_by_key(|(at, _)| *at);
        (!due.is_empty()).then(|| Task::Blows { due, origin: origin.clone() })
    }

    /// Begins a fault: what heals it, if it hit somebody and anything can.
    fn begin_fault(&mut self, fault: &Fault, origin: &Origin) -> Option<Injection> {
        let target = match fault {
            // Nobody of the subject's is hit.
            Fault::NotRead(Reader::LogReader) | Fault::Gone(Reader::LogReader) => None,
            Fault::Freeze(target) => Some(target),
            Fault::Limit { on, .. } => Some(on),
            Fault::Syscall { of, .. } => Some(of),
            Fault::Stranger(Attempt::Notify(who, _)) => Some(who),
            Fault::File { .. }
            | Fault::AddressHeld
            | Fault::AddressShared
            | Fault::PidReused
            | Fault::Operators { .. }
            | Fault::Stranger(Attempt::Order(_))
            | Fault::ClockStep { .. } => None,
        };
        let on = target.map(|target| self.resolve(target, origin)).unwrap_or_default();
        if target.is_some() && on.is_empty() {
            return None;
        }
        let began = What::FaultBegan { step: origin.path.clone(), fault: said(fault), on: on.clone() };
        self.out.push(Injection::Note(began));
        let inject = |begin: bool| match fault {
            Fault::Freeze(_) => Injection::Freeze { who: on.clone(), on: begin },
            _ => Injection::Fault { step: origin.path.clone(), fault: fault.clone(), on: on.clone(), begin },
        };
        if matches!(fault, Fault::Freeze(_)) {
            self.view.freeze(&on);
        }
        self.out.push(inject(true));
        // Who has gone does not come back.
        (!matches!(fault, Fault::Gone(_))).then(|| inject(false))
    }

    /// Ends a fault. Whom another freeze holds as well goes on when the last of them is over.
    fn heal(&mut self, heal: Injection, origin: &Origin) {
        self.out.push(match heal {
            Injection::Freeze { who, on } => Injection::Freeze { who: self.view.thaw(who), on },
            other => other,
        });
        self.out.push(Injection::Note(What::Healed { step: origin.path.clone() }));
    }

    fn strike(&mut self, blow: Blow, origin: &Origin) {
        let path = || Injection::Note(What::NoTarget { step: origin.path.clone() });
        match blow {
            Blow::Signal(mut to, signal) => {
                to.retain(|proc| self.view.alive(*proc));
                if to.is_empty() { self.out.push(path()) } else { self.signal(to, signal) }
            }
            Blow::Group(of, signal) if self.view.alive(of) => {
                self.may_end(&[of], signal);
                self.out.push(Injection::SignalGroup { of, signal });
            }
            Blow::Group(..) => self.out.push(path()),
            Blow::Ask(who, act) if self.view.alive(who) => self.out.push(Injection::Ask { who, act }),
            Blow::Ask(..) => self.out.push(path()),
            Blow::Operate(command) => self.operate(&command),
        }
    }
}

impl Task {
    /// Goes on as far as possible; whether it is over.
    pub fn go(&mut self, stage: &mut Stage<'_>) -> bool {
        match self {
            Self::Later { at, act, origin } => {
                if *at > stage.now {
                    return false;
                }
                match stage.begin(act, origin) {
                    None => true,
                    Some(begun) => {
                        *self = begun;
                        self.go(stage)
                    }
                }
            }
            Self::Blows { due, origin } => {
                let ripe = due.iter().take_while(|(at, _)| *at <= stage.now).count();
                due.drain(..ripe).for_each(|(_, blow)| stage.strike(blow, origin));
                due.is_empty()
            }
            Self::Pause(until) => *until <= stage.now,
            Self::During { heals, heal, body, origin } => {
                if *heals > stage.now {
                    body.go(stage);
                    return false;
                }
                // It heals when its time is over, whatever its body still waits for.
                if !body.go(stage) {
                    body.abandon(stage);
                }
                if let Some(heal) = heal.take() {
                    stage.heal(heal, origin);
                }
                true
            }
            Self::Steps(steps) => steps.go(stage),
            Self::Together(tasks) => {
                tasks.retain_mut(|task| !task.go(stage));
                tasks.is_empty()
            }
        }
    }

    /// Whether it has steps or time of its own, so that what follows counts from its end and not from its beginning.
    pub fn is_composite(&self) -> bool {
        match self {
            Self::Pause(_) | Self::During { .. } | Self::Steps(_) => true,
            Self::Blows { .. } | Self::Later { .. } => false,
            Self::Together(tasks) => tasks.iter().any(Self::is_composite),
        }
    }

    /// Whether the last of its steps were left out because the harness was late.
    pub fn is_adrift(&self) -> bool {
        match self {
            Self::During { body, .. } => body.is_adrift(),
            Self::Steps(steps) => steps.is_adrift(),
            Self::Later { .. } | Self::Blows { .. } | Self::Pause(_) | Self::Together(_) => false,
        }
    }

    /// Shows an event to whatever waits inside.
    pub fn see(&mut self, event: &Event, pool: Option<u32>) {
        match self {
            Self::During { body, .. } => body.see(event, pool),
            Self::Steps(steps) => steps.see(event, pool),
            Self::Together(tasks) => tasks.iter_mut().for_each(|task| task.see(event, pool)),
            Self::Later { .. } | Self::Blows { .. } | Self::Pause(_) => {}
        }
    }

    /// Heals what it has begun and says which of its steps never came.
    pub fn abandon(&mut self, stage: &mut Stage<'_>) {
        match self {
            Self::During { heal, body, origin, .. } => {
                body.abandon(stage);
                if let Some(heal) = heal.take() {
                    stage.heal(heal, origin);
                }
            }
            Self::Steps(steps) => steps.abandon(stage),
            Self::Together(tasks) => tasks.iter_mut().for_each(|task| task.abandon(stage)),
            Self::Later { .. } | Self::Blows { .. } | Self::Pause(_) => {}
        }
    }

    /// When it may go on although no event was seen.
    pub fn next_deadline(&self, view: &View, now: Time) -> Option<Time> {
        match self {
            Self::Later { at, .. } | Self::Pause(at) => Some(*at),
            Self::Blows { due, .. } => due.first().map(|(at, _)| *at),
            Self::During { heals, body, .. } => {
                Some(body.next_deadline(view, now).map_or(*heals, |body| body.min(*heals)))
            }
            Self::Steps(steps) => steps.next_deadline(view, now),
            Self::Together(tasks) => tasks.iter().filter_map(|task| task.next_deadline(view, now)).min(),
        }
    }
}

impl Origin {
    fn child(&self, index: usize) -> Self {
        let mut path = self.path.clone();
        path.push(u32::try_from(index).unwrap_or(u32::MAX));
        Self { path, name: self.name.clone() }
    }
}

/// What a person would write.
pub fn said(value: &impl serde::Serialize) -> String {
    crate::ron_file::dialect().to_string(value).unwrap_or_else(|why| format!("(can't be written: {why})"))
}
