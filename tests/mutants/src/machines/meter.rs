//! Counts other things against the restart limit than it should.

use std::collections::BTreeMap;

use supervisor::core::{
    Action, Command, Event, ExitStatus, Input, Machine, Pools, SpawnError, SpawnStep, Word, WorkerId,
};
use supervisor::policy::{ExitCode, Instant, Limit, RestartLog};

use super::withdraw;

/// What counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// Every start of a worker, the first ones included; only a rolling restart is free.
    EveryStart,
    /// Restarts after a death alone.
    Deaths,
    /// Every replacement, those of a rolling restart included.
    Replacements,
    /// Restarts, each place in the pool for itself.
    PerSlot,
    /// Restarts since a worker was ready.
    SinceReady,
    /// Restarts, but not those of workers that ended with status 0.
    Failures,
    /// Restarts, but not those after a start at which there was no program.
    Programs,
}

/// A pool without a limit, and a limit around it.
pub struct Meter {
    pool: Pools,
    limit: Option<Limit>,
    counting: Counting,
    /// Of each slot, or of all under 0.
    logs: BTreeMap<u32, RestartLog>,
    /// Workers whose start was announced as a restart, and whether it counts.
    restarts: Vec<(WorkerId, bool)>,
    gave_up: bool,
    stopped: bool,
}

impl Meter {
    /// Around a pool whose policy has no limit.
    pub fn new(pool: Pools, limit: Option<Limit>, counting: Counting) -> Self {
        Self { pool, limit, counting, logs: BTreeMap::new(), restarts: Vec::new(), gave_up: false, stopped: false }
    }

    /// Whether this start is one too many; if it counts and is not, it is noted.
    fn exceeds(&mut self, now: Instant, id: WorkerId) -> bool {
        let known = self.restarts.iter().position(|(restart, _)| *restart == id);
        let counts = match known.map(|place| self.restarts.remove(place)) {
            Some((_, counts)) => counts,
            None => match self.counting {
                Counting::EveryStart => id.generation == 1,
                Counting::Replacements => id.generation > 1,
                Counting::Deaths
                | Counting::PerSlot
                | Counting::SinceReady
                | Counting::Failures
                | Counting::Programs => false,
            },
        };
        let Some(limit) = self.limit.filter(|_| counts) else { return false };
        let log = self.logs.entry(if self.counting == Counting::PerSlot { id.slot } else { 0 }).or_default();
        if log.allows(limit, now) {
            log.note(limit, now);
            return false;
        }
        true
    }

    /// Gives up as the pool would have: everybody is told to leave.
    fn give_up(&mut self, now: Instant, unwanted: WorkerId, actions: &mut Vec<Action>) {
        let Some(limit) = self.limit else { return };
        self.gave_up = true;
        actions.push(Action::Emit(Event::GiveUp { pool: 0, restarts: limit.restarts, within: limit.within }));
        let mut told = Vec::new();
        self.pool.step(now, Input::Command(Command::Stop), &mut told);
        actions.extend(told.into_iter().filter(|action| !matches!(action, Action::Emit(Event::Stop { .. }))));
        withdraw(&mut self.pool, now, unwanted, actions);
    }
}

impl Machine for Meter {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        if input == Input::Command(Command::Stop) && self.gave_up && !self.stopped {
            self.stopped = true;
            return actions.push(Action::Emit(Event::Stop { pool: None, hurry: false }));
        }
        let free = match self.counting {
            Counting::Deaths => matches!(input, Input::Word(_, Word::Retire | Word::Suicide)),
            Counting::Failures => matches!(input, Input::Exited(_, ExitStatus::Code(0))),
            Counting::Programs => {
                matches!(input, Input::SpawnFailed(_, SpawnError { step: SpawnStep::Exec, .. }))
            }
            Counting::EveryStart | Counting::Replacements | Counting::PerSlot | Counting::SinceReady => false,
        };
        let mut told = Vec::new();
        self.pool.step(now, input, &mut told);
        for action in told {
            match action {
                Action::Spawn(id, _) if self.gave_up => withdraw(&mut self.pool, now, id, actions),
                Action::Spawn(id, _) if self.exceeds(now, id) => self.give_up(now, id, actions),
                Action::Emit(Event::Restart { worker, .. }) => {
                    self.restarts.push((worker, !free));
                    actions.push(action);
                }
                Action::Emit(Event::Ready { .. }) if self.counting == Counting::SinceReady => {
                    self.logs.clear();
                    actions.push(action);
                }
                other => actions.push(other),
            }
        }
        for action in actions {
            if self.gave_up && *action == Action::Exit(ExitCode::Stopped) {
                *action = Action::Exit(ExitCode::GaveUp);
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.pool.next_deadline()
    }
}
