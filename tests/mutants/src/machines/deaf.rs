//! Faults with a memory: at the wrong moment something is not heard, or not done.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use supervisor::core::{
    Action, Command, Event, ExitStatus, Input, Machine, Pools, ReloadPhase, Revision, Signal, WorkerId,
};
use supervisor::policy::{ExitCode, Instant};

use super::behind::Fault;

/// What comes within this comes together.
const AT_ONCE: Duration = Duration::from_millis(20);

/// When a stop is not heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum While {
    /// While a worker boots.
    Booting,
    /// While a restart waits for its time.
    Waiting,
}

/// Does not hear a stop at the wrong moment.
pub struct DeafToStop {
    when: While,
    booting: BTreeSet<WorkerId>,
    waiting: BTreeSet<WorkerId>,
}

impl DeafToStop {
    /// At this moment.
    pub fn new(when: While) -> Self {
        Self { when, booting: BTreeSet::new(), waiting: BTreeSet::new() }
    }
}

impl Fault for DeafToStop {
    fn input(&mut self, input: Input) -> Option<Input> {
        let deaf = match self.when {
            While::Booting => !self.booting.is_empty(),
            While::Waiting => !self.waiting.is_empty(),
        };
        (!deaf || input != Input::Command(Command::Stop)).then_some(input)
    }

    fn action(&mut self, action: Action) -> Option<Action> {
        match action {
            Action::Emit(Event::Restart { worker, .. }) => drop(self.waiting.insert(worker)),
            Action::Spawn(id, _) => {
                self.waiting.remove(&id);
                self.booting.insert(id);
            }
            Action::Emit(Event::Ready { worker } | Event::Exit { worker, .. }) => drop(self.booting.remove(&worker)),
            _ => {}
        }
        Some(action)
    }
}

/// Hears one stop and no other.
#[derive(Default)]
pub struct HearsOneStop {
    heard: bool,
}

impl Fault for HearsOneStop {
    fn input(&mut self, input: Input) -> Option<Input> {
        let again = input == Input::Command(Command::Stop) && std::mem::replace(&mut self.heard, true);
        (!again).then_some(input)
    }
}

/// Does not hear of a configuration while another one is rolled out.
#[derive(Default)]
pub struct OneReloadAtATime {
    rolling: bool,
}

impl Fault for OneReloadAtATime {
    fn input(&mut self, input: Input) -> Option<Input> {
        let another = matches!(input, Input::Configure(..) | Input::Command(Command::Reload));
        (!another || !self.rolling).then_some(input)
    }

    fn action(&mut self, action: Action) -> Option<Action> {
        if let Action::Emit(Event::Reload { phase, .. }) = &action {
            self.rolling = *phase == ReloadPhase::Began;
        }
        Some(action)
    }
}

/// What has to do with the end of everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Having given up it stays.
    StaysAfterGiveUp,
    /// Having given up it goes at once, whoever is left.
    LeavesAtGiveUp,
    /// At a stop it tells the first worker alone.
    TellsOne,
}

/// Ends in the wrong way.
pub struct Ends {
    how: End,
    gave_up: bool,
    told: u32,
    ending: bool,
}

impl Ends {
    /// In this one.
    pub fn new(how: End) -> Self {
        Self { how, gave_up: false, told: 0, ending: false }
    }
}

impl Fault for Ends {
    fn action(&mut self, action: Action) -> Option<Action> {
        match (&action, self.how) {
            (Action::Emit(Event::GiveUp { .. }), _) => self.gave_up = true,
            (Action::Emit(Event::Draining { .. }), End::LeavesAtGiveUp) if self.gave_up => {
                return Some(Action::Exit(ExitCode::GaveUp));
            }
            (Action::Emit(Event::Draining { .. }), _) => self.ending = true,
            (Action::Exit(_), End::StaysAfterGiveUp) if self.gave_up => return None,
            (Action::Signal(_, Signal::Term), End::TellsOne) if self.ending => {
                self.told += 1;
                return (self.told == 1).then_some(action);
            }
            _ => {}
        }
        Some(action)
    }
}

/// Takes a closed channel for a death, and does not look at the death any more.
#[derive(Default)]
pub struct ChannelIsLife {
    gone: BTreeSet<WorkerId>,
}

impl Fault for ChannelIsLife {
    fn input(&mut self, input: Input) -> Option<Input> {
        match input {
            Input::Disconnected(id) if self.gone.insert(id) => Some(Input::Exited(id, ExitStatus::Signal(9))),
            Input::Exited(id, _) if !self.gone.insert(id) => None,
            _ => Some(input),
        }
    }
}

/// Overlooks the death of a worker whose channel did not end with it, but before.
pub struct ChannelEndsLast {
    pools: Pools,
    closed: BTreeMap<WorkerId, Instant>,
}

impl ChannelEndsLast {
    /// Around these pools.
    pub fn new(pools: Pools) -> Self {
        Self { pools, closed: BTreeMap::new() }
    }
}

impl Machine for ChannelEndsLast {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        match input {
            Input::Disconnected(id) => drop(self.closed.insert(id, now)),
            Input::Exited(id, _) if self.closed.remove(&id).is_some_and(|at| now.since(at) > AT_ONCE) => return,
            _ => {}
        }
        self.pools.step(now, input, actions);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.pools.next_deadline()
    }
}

/// Starts again from the first configuration whoever has died, whatever was rolled out since.
#[derive(Default)]
pub struct OldRestarts {
    restarts: BTreeSet<WorkerId>,
}

impl Fault for OldRestarts {
    fn action(&mut self, action: Action) -> Option<Action> {
        match action {
            Action::Emit(Event::Restart { worker, .. }) => {
                self.restarts.insert(worker);
                Some(action)
            }
            Action::Spawn(id, _) if self.restarts.contains(&id) => Some(Action::Spawn(id, Revision::default())),
            // It must not be forgotten as long as anybody is started from it.
            Action::Settle(..) => None,
            _ => Some(action),
        }
    }
}

/// Sends each SIGTERM to the worker that was started last instead of the one that it is for.
#[derive(Default)]
pub struct WrongTarget {
    newest: Option<WorkerId>,
    ended: BTreeSet<WorkerId>,
}

impl Fault for WrongTarget {
    fn action(&mut self, action: Action) -> Option<Action> {
        match action {
            Action::Emit(Event::Ready { worker }) => self.newest = Some(worker),
            Action::Emit(Event::Exit { worker, .. }) => drop(self.ended.insert(worker)),
            Action::Signal(_, Signal::Term) => {
                let target = self.newest.filter(|id| !self.ended.contains(id));
                return target.map(|id| Action::Signal(id, Signal::Term)).or(Some(action));
            }
            _ => {}
        }
        Some(action)
    }
}
