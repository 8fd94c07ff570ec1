//! One step: which input means what in which stage.

use std::time::Duration;

use crate::policy::Instant;

use super::pool::{Pool, Stage, StopAsked, Wish};
use super::worker::{Phase, Worker};
use super::{Action, Command, ErrorEvent, Event, Input, ReloadPhase, Signal, WorkerId};

/// A pool, the present and the list of actions: everything that one step works on.
pub(super) struct Step<'a> {
    pub(super) pool: &'a mut Pool,
    pub(super) now: Instant,
    pub(super) actions: &'a mut Vec<Action>,
}

impl Step<'_> {
    /// Takes one input.
    pub(super) fn run(&mut self, input: Input) {
        match input {
            Input::Start => self.start_pool(),
            Input::Tick => self.tick(),
            Input::Resumed => self.excuse(Duration::MAX),
            Input::Command(command) | Input::PoolCommand(_, command) => self.command(command),
            Input::Configure(revision, policies) => self.configure(revision, policies),
            Input::Spawned(id) if self.hears(id) => self.spawned(id),
            Input::SpawnFailed(id, error) if self.hears(id) => self.spawn_failed(id, error),
            Input::Word(id, word) if self.hears(id) => self.word(id, word),
            Input::Disconnected(id) if self.hears(id) => self.disconnected(id),
            Input::Exited(id, status) if self.hears(id) => self.exited(id, status),
            Input::Hung(id) if self.hears(id) => self.hangs(id),
            Input::Spawned(_)
            | Input::SpawnFailed(..)
            | Input::Word(..)
            | Input::Disconnected(_)
            | Input::Exited(..)
            | Input::Hung(_) => {}
        }
        self.go_on();
    }

    /// Whether there can be news of workers: none before the start, and once the pool is over none that matter.
    fn hears(&mut self, id: WorkerId) -> bool {
        match self.pool.stage {
            Stage::New => {
                self.unexpected(Some(id), "a worker before the start");
                false
            }
            Stage::Running | Stage::LameDuck(_) | Stage::Ending { .. } => true,
            Stage::Over { .. } => false,
        }
    }

    fn command(&mut self, command: Command) {
        match (self.pool.stage, command) {
            (Stage::New | Stage::Running | Stage::LameDuck(_), Command::Stop) => self.stop(),
            (Stage::Ending { stop: StopAsked::Never | StopAsked::LameDuck, code }, Command::Stop) => {
                self.pool.stage = Stage::Ending { stop: StopAsked::Once, code };
            }
            (Stage::Ending { stop: StopAsked::Once, code }, Command::Stop) => {
                self.pool.stage = Stage::Ending { stop: StopAsked::Hurried, code };
                self.hurry();
            }
            // Everything that can be done to the workers has been done.
            (Stage::Ending { stop: StopAsked::Hurried, .. } | Stage::Over { .. }, Command::Stop) => {}

            (Stage::New, Command::Reload) => self.unexpected(None, "a reload before the start"),
            (Stage::Running, Command::Reload) => self.reload(Wish::Fresh),
            (Stage::LameDuck(_) | Stage::Ending { .. } | Stage::Over { .. }, Command::Reload) => {
                self.emit(Event::Reload { pool: self.pool.number, phase: ReloadPhase::Cancelled });
            }

            (Stage::Running, Command::Scale(scale)) => self.scale(scale),
            (Stage::Running, Command::Restart(slot)) => self.restart_slot(slot),
            (
                Stage::New | Stage::LameDuck(_) | Stage::Ending { .. } | Stage::Over { .. },
                Command::Scale(_) | Command::Restart(_),
            ) => self.unexpected(None, "a command to a pool that does not run"),
        }
    }

    /// What follows from the state alone, whatever the input was.
    pub(super) fn go_on(&mut self) {
        match self.pool.stage {
            Stage::Running | Stage::LameDuck(_) => {
                self.roll();
                self.end_if_finished();
            }
            Stage::Ending { .. } => self.end_if_gone(),
            Stage::New | Stage::Over { .. } => {}
        }
    }

    fn start_pool(&mut self) {
        match self.pool.stage {
            Stage::New => {
                self.pool.stage = Stage::Running;
                for slot in 0..self.pool.policy.workers {
                    self.start(slot, false, self.pool.epoch);
                }
            }
            Stage::Running | Stage::LameDuck(_) | Stage::Ending { .. } => self.unexpected(None, "a second start"),
            // It was stopped before.
            Stage::Over { .. } => {}
        }
    }

    /// Does what is due. A stop wins over a restart. Restarts come before other deadlines: one of them may find the limit
    /// reached, and with a drain of zero the deadlines of that are due as well.
    pub(super) fn tick(&mut self) {
        let now = self.now;
        if self.pool.stage.serves_until().is_some_and(|until| until <= now) {
            self.stop();
        }
        let mut dues: Vec<_> = self.pool.dues().filter(|&(at, _)| at <= now).collect();
        dues.sort_unstable();
        for (_, slot) in dues {
            self.restart_if_due(slot);
        }
        let late = |worker: &Worker| worker.phase.deadline().is_some_and(|deadline| deadline <= now);
        let late: Vec<_> = self.pool.workers.iter().filter(|(_, worker)| late(worker)).map(|(&id, _)| id).collect();
        for id in late {
            self.deadline(id);
        }
    }

    /// A worker took too long to get ready, to leave or to say something.
    fn deadline(&mut self, id: WorkerId) {
        match self.pool.workers.get(&id).map(|worker| worker.phase) {
            Some(Phase::Booting { .. }) => {
                self.emit(Event::Error { worker: Some(id), what: ErrorEvent::ReadyTimeout });
                self.kill(id);
            }
            Some(Phase::Draining { .. }) => {
                self.emit(Event::DrainDeadline { worker: id });
                self.kill(id);
            }
            Some(Phase::Ready { .. }) => self.hangs(id),
            Some(Phase::Starting { .. } | Phase::Killed { .. }) | None => {}
        }
    }

    /// SIGKILL to a worker and all that it started.
    pub(super) fn kill(&mut self, id: WorkerId) {
        self.set_phase(id, Phase::Killed { stable: self.ran_stable(id) });
        self.emit(Event::Kill { worker: id });
        self.actions.push(Action::Signal(id, Signal::Kill));
    }

    pub(super) fn set_phase(&mut self, id: WorkerId, phase: Phase) {
        if let Some(worker) = self.pool.workers.get_mut(&id) {
            worker.phase = phase;
        }
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.actions.push(Action::Emit(event));
    }

    pub(super) fn unexpected(&mut self, worker: Option<WorkerId>, what: &'static str) {
        self.emit(Event::Error { worker, what: ErrorEvent::Unexpected(what) });
    }

    /// Whether this worker was asked for at some time, be it gone or not.
    pub(super) fn was_asked_for(&self, id: WorkerId) -> bool {
        let slot = self.pool.slots.get(id.slot as usize);
        slot.is_some_and(|slot| (1..=slot.generation).contains(&id.generation))
    }
}
