//! One step: which input means what in which stage.

use crate::policy::Instant;

use super::pool::{Pool, Stage, StopAsked};
use super::worker::{Phase, Worker};
use super::{Action, Command, ErrorEvent, Event, Input, Signal, WorkerId};

/// A pool, the present and the list of actions: everything that one step works on.
pub(super) struct Step<'a> {
    pub(super) pool: &'a mut Pool,
    pub(super) now: Instant,
    pub(super) actions: &'a mut Vec<Action>,
}

impl Step<'_> {
    /// Takes one input.
    pub(super) fn run(&mut self, input: Input) {
        match (self.pool.stage, input) {
            (
                _,
                Input::Hung(_)
                | Input::PoolCommand(..)
                | Input::Configure(..)
                | Input::Command(Command::Scale(_) | Command::Restart(_)),
            ) => self.unexpected(None, "something that is not built"),
            (Stage::New, Input::Start) => self.start_pool(),
            (Stage::New, Input::Command(Command::Stop)) => self.stop(),
            (Stage::New, Input::Tick) => {}
            (Stage::New, Input::Command(Command::Reload)) => self.unexpected(None, "a reload before the start"),
            (
                Stage::New,
                Input::Spawned(id)
                | Input::SpawnFailed(id, _)
                | Input::Word(id, _)
                | Input::Disconnected(id)
                | Input::Exited(id, _),
            ) => self.unexpected(Some(id), "a worker before the start"),

            (Stage::Running | Stage::Ending { .. }, Input::Start) => self.unexpected(None, "a second start"),
            (Stage::Running | Stage::Ending { .. }, Input::Spawned(id)) => self.spawned(id),
            (Stage::Running | Stage::Ending { .. }, Input::SpawnFailed(id, error)) => self.spawn_failed(id, error),
            (Stage::Running | Stage::Ending { .. }, Input::Word(id, word)) => self.word(id, word),
            (Stage::Running | Stage::Ending { .. }, Input::Disconnected(id)) => self.disconnected(id),
            (Stage::Running | Stage::Ending { .. }, Input::Exited(id, status)) => self.exited(id, status),
            (Stage::Running | Stage::Ending { .. }, Input::Tick) => self.tick(),
            (Stage::Running, Input::Command(Command::Reload)) => self.reload(),
            (Stage::Ending { .. }, Input::Command(Command::Reload)) => {
                self.emit(Event::Reload { phase: super::ReloadPhase::Cancelled })
            }
            (Stage::Running, Input::Command(Command::Stop)) => self.stop(),
            (Stage::Ending { stop: StopAsked::Never, code }, Input::Command(Command::Stop)) => {
                self.pool.stage = Stage::Ending { stop: StopAsked::Once, code };
                self.emit(Event::Stop { hurry: false });
            }
            (Stage::Ending { stop: StopAsked::Once, code }, Input::Command(Command::Stop)) => {
                self.pool.stage = Stage::Ending { stop: StopAsked::Hurried, code };
                self.hurry();
            }
            // Everything that can be done to the workers has been done.
            (Stage::Ending { stop: StopAsked::Hurried, .. }, Input::Command(Command::Stop)) => {}

            // Exit is the last action of all.
            (
                Stage::Over,
                Input::Start
                | Input::Spawned(_)
                | Input::SpawnFailed(..)
                | Input::Word(..)
                | Input::Disconnected(_)
                | Input::Exited(..)
                | Input::Command(_)
                | Input::Tick,
            ) => {}
        }
        self.go_on();
    }

    /// What follows from the state alone, whatever the input was.
    fn go_on(&mut self) {
        match self.pool.stage {
            Stage::Running => {
                self.roll();
                self.end_if_finished();
            }
            Stage::Ending { .. } => self.end_if_gone(),
            Stage::New | Stage::Over => {}
        }
    }

    fn start_pool(&mut self) {
        self.pool.stage = Stage::Running;
        for slot in 0..self.pool.policy.workers {
            self.start(slot, false);
        }
    }

    /// Does what is due. Restarts come first: one of them may find the limit reached, and with a drain of zero the
    /// deadlines of that are due as well.
    fn tick(&mut self) {
        let now = self.now;
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

    /// A worker took too long to get ready or to leave.
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
            Some(Phase::Starting { .. } | Phase::Ready { .. } | Phase::Killed) | None => {}
        }
    }

    /// SIGKILL to a worker and all that it started.
    pub(super) fn kill(&mut self, id: WorkerId) {
        self.set_phase(id, Phase::Killed);
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
