//! Workers go: announcements, closed channels, ends, failed starts.

use super::slot::{Next, Slot};
use super::step::Step;
use super::worker::{Phase, Worker};
use super::{Action, Event, ExitStatus, Order, Word, WorkerId};

impl Step<'_> {
    /// A worker said something.
    pub(super) fn word(&mut self, id: WorkerId, word: Word) {
        match self.pool.workers.get(&id).map(|worker| worker.phase) {
            None => return self.unexpected(Some(id), "a word of no worker"),
            Some(Phase::Starting { .. }) => return self.unexpected(Some(id), "a word before the start"),
            Some(Phase::Booting { .. } | Phase::Ready { .. } | Phase::Draining { .. } | Phase::Killed { .. }) => {}
        }
        self.heard(id);
        match word {
            Word::Ready => self.ready(id),
            Word::Retire => self.announce(id, true),
            Word::Suicide => self.announce(id, false),
            Word::Alive => {}
            Word::Failing => self.hangs(id),
            Word::Interval(span) => self.set_interval(id, span),
            Word::Extend(span) => self.extend(id, span),
        }
    }

    /// A worker wants to leave. Said again it changes nothing, except that a worker may stop accepting (`suicide`) after
    /// it had promised to wait (`retire`). Said by one that was told to leave already, the two messages have crossed.
    fn announce(&mut self, id: WorkerId, two_phase: bool) {
        let Some(worker) = self.pool.workers.get_mut(&id) else { return };
        let (phase, epoch) = (worker.phase, worker.epoch);
        let again = worker.announced > 0 && (two_phase || !matches!(phase, Phase::Ready { .. }));
        worker.announced = if again { worker.announced.saturating_add(1) } else { 1 };
        let (times, on_trial) = (worker.announced, self.is_next(id));
        if again {
            if times == 2 {
                self.unexpected(Some(id), "an announcement said twice");
            }
            return;
        }
        self.emit(Event::Announce { worker: id, two_phase });
        match phase {
            Phase::Ready { .. } if !on_trial && two_phase => self.replace_announced(id, two_phase),
            Phase::Ready { .. } if !on_trial => {
                self.vacate(id);
                self.retire(id);
                self.replace_announced(id, two_phase);
            }
            // It leaves without ever having served: a start that failed by its own word.
            Phase::Booting { .. } | Phase::Ready { .. } => {
                if two_phase {
                    self.order_drain(id);
                }
                self.retire(id);
                self.start_failed(id, epoch, true);
            }
            Phase::Starting { .. } | Phase::Draining { .. } | Phase::Killed { .. } => {}
        }
    }

    /// Starts the replacement of a worker that announced, unless it is on its way: one that is ordered by the operator
    /// or that covers an earlier announcement serves as well. A worker that leaves soon after it was ready, or that
    /// leaves a gap, is charged like a death, or it could be replaced for ever.
    fn replace_announced(&mut self, id: WorkerId, two_phase: bool) {
        let nobody = self.pool.slots[id.slot as usize].next == Next::Nobody;
        if nobody || (!two_phase && self.needs_another(id.slot)) {
            let charge = !two_phase || !self.ran_stable(id);
            self.set_aside(id.slot);
            self.replace(id.slot, charge, self.now);
        }
    }

    /// The worker that was ready in the place of `old` has taken over.
    pub(super) fn succeed(&mut self, old: WorkerId) {
        self.note_run(old);
        self.dismiss(old);
    }

    /// Tells a worker to leave: on the channel if it said that it waits for that, else by SIGTERM.
    pub(super) fn dismiss(&mut self, id: WorkerId) {
        let Some(worker) = self.pool.workers.get(&id) else { return };
        match worker.phase {
            Phase::Booting { .. } | Phase::Ready { .. } if worker.announced > 0 && worker.connected => {
                self.order_drain(id);
                self.retire(id);
            }
            Phase::Booting { .. } | Phase::Ready { .. } => self.terminate(id),
            Phase::Starting { .. } | Phase::Draining { .. } | Phase::Killed { .. } => {}
        }
    }

    fn order_drain(&mut self, id: WorkerId) {
        self.actions.push(Action::Tell(id, Order::Drain));
    }

    /// Takes a worker out of service: from now on it has a deadline.
    pub(super) fn retire(&mut self, id: WorkerId) {
        self.set_phase(id, Phase::Draining { deadline: self.now + self.pool.policy.drain });
        self.emit(Event::Retire { worker: id });
    }

    /// The channel is closed. A worker may do without one, so nothing follows from it but that it can't be told
    /// anything there; if it had announced and waits for the order to drain, SIGTERM will do instead.
    pub(super) fn disconnected(&mut self, id: WorkerId) {
        match self.pool.workers.get_mut(&id).map(|worker| std::mem::replace(&mut worker.connected, false)) {
            Some(true) => self.emit(Event::Disconnect { worker: id }),
            Some(false) => self.unexpected(Some(id), "a channel that closed twice"),
            // The process is gone; something that it left behind held the channel open until now.
            None if self.was_asked_for(id) => self.emit(Event::Disconnect { worker: id }),
            None => self.unexpected(Some(id), "a channel of no worker"),
        }
    }

    /// The process has ended.
    pub(super) fn exited(&mut self, id: WorkerId, status: ExitStatus) {
        let stable = self.ran_stable(id);
        let Some(Worker { epoch, .. }) = self.pool.workers.remove(&id) else {
            return self.unexpected(Some(id), "an end of no worker");
        };
        self.emit(Event::Exit { worker: id, status });
        if self.is_running() {
            let slot = &self.pool.slots[id.slot as usize];
            if slot.serving == Some(id.generation) {
                self.serving_ended(id, stable, status);
            } else if slot.aside == Some(id.generation) {
                self.start_failed(id, epoch, true);
            } else if slot.next == Next::Started(id.generation) {
                self.next_ended(id, epoch, status);
            } else {
                self.start_after(id);
            }
        }
    }

    /// A worker is gone: somebody may have waited for that.
    pub(super) fn start_after(&mut self, id: WorkerId) {
        let waits = |slot: &Slot| slot.next == Next::After(id.generation);
        if self.is_running() && self.pool.slots.get(id.slot as usize).is_some_and(waits) {
            self.start(id.slot, false, self.epoch_of(id.slot));
        }
    }

    /// The worker that served died. If its replacement is on its way (it had announced, or a rolling restart is at this
    /// slot) that is enough, and it costs nothing; unless that one is on trial, and may never be ready.
    fn serving_ended(&mut self, id: WorkerId, stable: bool, status: ExitStatus) {
        self.pool.slots[id.slot as usize].serving = None;
        if self.pool.policy.restart.follows(status.code()) && self.needs_another(id.slot) {
            self.set_aside(id.slot);
            let slot = &mut self.pool.slots[id.slot as usize];
            slot.failures = if stable { 0 } else { slot.failures.saturating_add(1) };
            self.refill(id.slot, true);
        }
    }

    /// The worker that was to serve died before it was ready.
    fn next_ended(&mut self, id: WorkerId, epoch: u64, status: ExitStatus) {
        if self.pool.policy.restart.follows(status.code()) || self.was_ordered(id) {
            return self.start_failed(id, epoch, true);
        }
        self.abort_reload_at(id, epoch);
        // It is not to be restarted, so whoever waits for it to take over has waited long enough.
        let slot = &mut self.pool.slots[id.slot as usize];
        slot.next = slot.aside.take().map_or(Next::Nobody, Next::Started);
        if let Some(generation) = slot.serving {
            let old = WorkerId { generation, ..id };
            self.vacate(old);
            self.dismiss(old);
        }
    }

    /// What was to serve in a slot won't. Tries again after the delay; but if only the operator wanted it, the old worker
    /// serves on.
    pub(super) fn start_failed(&mut self, id: WorkerId, epoch: u64, charge: bool) {
        let ordered = self.was_ordered(id);
        self.abort_reload_at(id, epoch);
        let slot = &mut self.pool.slots[id.slot as usize];
        if slot.aside.take_if(|aside| *aside == id.generation).is_some() {
            return; // whoever makes up for the old worker is on the way
        }
        slot.next = Next::Nobody;
        if !ordered {
            slot.failures = slot.failures.saturating_add(1);
            self.refill(id.slot, charge);
        }
    }

    /// Whether this successor stands beside a worker that serves and did not ask for one.
    pub(super) fn was_ordered(&self, id: WorkerId) -> bool {
        let serving = self.pool.slots[id.slot as usize].serving;
        let old = serving.and_then(|generation| self.pool.workers.get(&WorkerId { generation, ..id }));
        old.is_some_and(|worker| worker.announced == 0)
    }

    /// A worker no longer serves in its slot.
    pub(super) fn vacate(&mut self, id: WorkerId) {
        self.note_run(id);
        self.pool.slots[id.slot as usize].serving = None;
    }

    /// A stable run ends the row of failures, whatever ended the run.
    fn note_run(&mut self, id: WorkerId) {
        if self.ran_stable(id) {
            self.pool.slots[id.slot as usize].failures = 0;
        }
    }

    pub(super) fn ran_stable(&self, id: WorkerId) -> bool {
        match self.pool.workers.get(&id).map(|worker| worker.phase) {
            Some(Phase::Ready { since, .. }) => self.now.since(since) >= self.pool.policy.stable,
            Some(Phase::Killed { stable }) => stable,
            Some(Phase::Starting { .. } | Phase::Booting { .. } | Phase::Draining { .. }) | None => false,
        }
    }
}
