//! Workers that hang: signs of life, and what to do without them.

use std::time::Duration;

use crate::policy::defaults::SUSPENDED;

use super::step::Step;
use super::worker::Phase;
use super::{Event, WorkerId};

impl Step<'_> {
    /// A sign of life: from now on the silence counts afresh. Only ready workers are watched; those that start or leave have
    /// a deadline anyway.
    pub(super) fn heard(&mut self, id: WorkerId) {
        let silence = self.silence(id);
        if let Some(Phase::Ready { alive_by, .. }) = self.pool.workers.get_mut(&id).map(|worker| &mut worker.phase) {
            *alive_by = silence.map(|silence| self.now + silence);
        }
    }

    fn silence(&self, id: WorkerId) -> Option<Duration> {
        self.pool.workers.get(&id)?.silence(self.policy_of(id))
    }

    /// A worker wants to be watched more or less closely than the others.
    pub(super) fn set_interval(&mut self, id: WorkerId, interval: Duration) {
        if let Some(worker) = self.pool.workers.get_mut(&id) {
            worker.interval = Some(interval);
        }
        self.heard(id);
    }

    /// Every ready worker is watched as the policy says now, from now on.
    pub(super) fn watch_afresh(&mut self) {
        for id in self.everyone() {
            self.heard(id);
        }
    }

    /// The loop comes back this much later than it wanted to. If that is more than a busy host explains, it was suspended
    /// (SIGSTOP, a frozen cgroup, a sleeping virtual machine), and its workers maybe with it: they could not speak, or could
    /// not be heard.
    pub(super) fn excuse(&mut self, late: Duration) {
        let suspended = |silence: Duration| late > SUSPENDED.max(silence / 4);
        for id in self.everyone() {
            if self.silence(id).is_some_and(suspended) {
                self.heard(id);
            }
        }
    }

    /// A worker hangs: it was silent for too long, did not answer, or says so itself. One that is leaving has its deadline.
    pub(super) fn hangs(&mut self, id: WorkerId) {
        match self.pool.workers.get(&id).map(|worker| worker.phase) {
            Some(Phase::Booting { .. } | Phase::Ready { .. }) => {
                self.emit(Event::Hang { worker: id });
                self.kill(id);
            }
            Some(Phase::Draining { .. } | Phase::Killed { .. }) => {}
            Some(Phase::Starting { .. }) | None => self.unexpected(Some(id), "a worker hangs that does not run"),
        }
    }

    /// A worker that starts or leaves needs at least so long from now on.
    pub(super) fn extend(&mut self, id: WorkerId, span: Duration) {
        let until = self.now + span;
        match self.pool.workers.get_mut(&id).map(|worker| &mut worker.phase) {
            Some(Phase::Booting { deadline } | Phase::Draining { deadline }) => *deadline = until.max(*deadline),
            Some(Phase::Starting { .. } | Phase::Ready { .. } | Phase::Killed { .. }) | None => {}
        }
    }
}
