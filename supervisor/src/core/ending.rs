//! The end: stop, give-up, and exit when everything is gone.

use crate::policy::ExitCode;

use super::pool::{Stage, StopAsked};
use super::slot::Next;
use super::step::Step;
use super::worker::Phase;
use super::{Action, Event, Signal, WorkerId};

impl Step<'_> {
    /// Whether workers are still to be kept available.
    pub(super) fn is_running(&self) -> bool {
        matches!(self.pool.stage, Stage::Running | Stage::LameDuck(_))
    }

    /// The operator said stop. A pool that is to be a lame duck first goes on as it is, and takes no other orders.
    pub(super) fn stop(&mut self) {
        let span = self.pool.policy.lame_duck;
        if self.pool.stage != Stage::Running || span.is_zero() {
            return self.end(ExitCode::Stopped, StopAsked::Once);
        }
        self.pool.stage = Stage::LameDuck(self.now + span);
        self.emit(Event::LameDuck { pool: self.pool.number, span });
    }

    /// One restart too many is needed.
    pub(super) fn give_up(&mut self) {
        if let Some(limit) = self.pool.policy.limit.filter(|_| self.is_running()) {
            let restarts = u32::try_from(self.pool.restarts.count(limit, self.now)).unwrap_or(u32::MAX);
            self.emit(Event::GiveUp { pool: self.pool.number, restarts, within: limit.within });
            self.end(ExitCode::GaveUp, StopAsked::Never);
        }
    }

    /// Another pool gave up. What it can't do alone, this one can't do without it; one that ends already only shares the
    /// status.
    pub(super) fn give_up_too(&mut self) {
        match self.pool.stage {
            Stage::New | Stage::Running | Stage::LameDuck(_) => {
                self.end(ExitCode::GaveUp, StopAsked::Never);
                // Its tick may be over already, and without time to drain there is something due now.
                self.tick();
            }
            Stage::Ending { .. } | Stage::Over { .. } => {}
        }
        self.end_if_gone();
    }

    /// No more starts; every worker is told to leave. One that is leaving already was told once, or told us: another
    /// signal might end it before it has drained.
    fn end(&mut self, code: ExitCode, stop: StopAsked) {
        let stop = if self.pool.stage.serves_until().is_some() { StopAsked::Once } else { stop };
        self.pool.stage = Stage::Ending { code, stop };
        self.cancel_reload();
        for slot in &mut self.pool.slots {
            (slot.serving, slot.next, slot.aside) = (None, Next::Nobody, None);
        }
        let alive = u32::try_from(self.pool.workers.len()).unwrap_or(u32::MAX);
        self.emit(Event::Draining { pool: self.pool.number, workers: alive });
        for id in self.everyone() {
            match self.phase(id) {
                Some(Phase::Booting { .. } | Phase::Ready { .. }) => self.terminate(id),
                Some(Phase::Starting { .. } | Phase::Draining { .. } | Phase::Killed { .. }) | None => {}
            }
        }
    }

    /// A worker whose start was under way when the end began.
    pub(super) fn leave_late(&mut self, id: WorkerId) {
        match self.pool.stage {
            Stage::Ending { stop: StopAsked::Hurried, .. } => self.kill(id),
            Stage::Ending { stop: StopAsked::Never | StopAsked::LameDuck | StopAsked::Once, .. } => self.terminate(id),
            Stage::New | Stage::Running | Stage::LameDuck(_) | Stage::Over { .. } => {}
        }
    }

    pub(super) fn terminate(&mut self, id: WorkerId) {
        self.actions.push(Action::Signal(id, Signal::Term));
        self.retire(id);
    }

    /// The operator said stop again: nobody is waited for any more.
    pub(super) fn hurry(&mut self) {
        for id in self.everyone() {
            match self.phase(id) {
                Some(Phase::Booting { .. } | Phase::Ready { .. } | Phase::Draining { .. }) => self.kill(id),
                Some(Phase::Starting { .. } | Phase::Killed { .. }) | None => {}
            }
        }
    }

    /// With a restart rule other than `Always` the pool may have done what it was for.
    pub(super) fn end_if_finished(&mut self) {
        if self.pool.workers.is_empty() && self.pool.slots.iter().all(|slot| slot.is_empty_for_good()) {
            self.pool.stage = Stage::Over { code: ExitCode::Stopped };
        }
    }

    /// The end is reached when the last worker is gone.
    pub(super) fn end_if_gone(&mut self) {
        if let (Stage::Ending { code, .. }, true) = (self.pool.stage, self.pool.workers.is_empty()) {
            self.pool.stage = Stage::Over { code };
        }
    }

    pub(super) fn everyone(&self) -> Vec<WorkerId> {
        self.pool.workers.keys().copied().collect()
    }

    fn phase(&self, id: WorkerId) -> Option<Phase> {
        self.pool.workers.get(&id).map(|worker| worker.phase)
    }
}
