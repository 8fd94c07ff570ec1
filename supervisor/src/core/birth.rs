//! Workers come: start, ready, and the restarts that wait for their time.

use crate::policy::{Instant, Readiness, draw};

use super::slot::{Next, Slot};
use super::step::Step;
use super::worker::{Phase, Worker};
use super::{Action, ErrorEvent, Event, SpawnError, SpawnStep, WorkerId};

/// EAGAIN, ENOMEM, ENFILE, EMFILE and ENOBUFS of Linux: the host is short of something, the program is not to blame.
const SHORTAGE: [i32; 5] = [11, 12, 23, 24, 105];

impl Step<'_> {
    /// Starts the next worker of a slot now, from the configuration of an epoch: the one in force or the one on trial.
    pub(super) fn start(&mut self, slot: u32, charge: bool, epoch: u64) {
        let Some(id) = self.next_id(slot) else { return };
        let charged = self.pool.policy.limit.filter(|_| charge).map(|limit| {
            self.pool.restarts.note(limit, self.now);
            self.now
        });
        let place = &mut self.pool.slots[slot as usize];
        place.generation = id.generation;
        place.next = Next::Started(id.generation);
        self.pool.workers.insert(id, Worker::new(epoch, charged));
        let revision = self.trial_of(epoch).map_or(self.pool.revision, |change| change.revision);
        self.actions.push(Action::Spawn(id, revision));
    }

    /// Sees to it that a worker will be started in a slot, after the delay that its failures have earned. Gives up if
    /// it is certain already that the limit will not allow it.
    pub(super) fn refill(&mut self, slot: u32, charge: bool) {
        let Some(id) = self.next_id(slot) else { return };
        let policy = &self.pool.policy;
        let failures = self.pool.slots[slot as usize].failures;
        let delay =
            policy.backoff.delay(failures, draw(policy.seed ^ u64::from(id.pool) << 32, id.slot, id.generation));
        self.replace(slot, charge, self.now + delay);
    }

    /// Starts a replacement at `at`, which may be now.
    pub(super) fn replace(&mut self, slot: u32, charge: bool, at: Instant) {
        let Some(id) = self.next_id(slot) else { return };
        if charge && !self.limit_allows(at) {
            return self.one_too_many(slot);
        }
        self.emit(Event::Restart { worker: id, delay: at.since(self.now) });
        if at <= self.now && !self.is_for_trial(slot) {
            self.start(slot, charge, self.pool.epoch);
        } else {
            self.pool.slots[slot as usize].next = Next::Due { at, charge };
        }
    }

    /// Starts the worker whose restart is due. Restarts of other slots, or a loop that was held up, may have filled
    /// the window since it was scheduled.
    pub(super) fn restart_if_due(&mut self, slot: u32) {
        match self.pool.slots[slot as usize].next {
            Next::Due { at, charge } if at <= self.now => {
                if charge && !self.limit_allows(self.now) {
                    self.one_too_many(slot);
                } else {
                    self.start(slot, charge, self.pool.epoch);
                }
            }
            Next::Due { .. } | Next::Nobody | Next::Started(_) | Next::After(_) => {}
        }
    }

    /// A slot needs a restart that the limit does not allow. That is the end, unless a worker on trial may still do instead.
    fn one_too_many(&mut self, slot: u32) {
        let place = &mut self.pool.slots[slot as usize];
        place.next = place.aside.take().map_or(Next::Nobody, Next::Started);
        if place.next == Next::Nobody {
            self.give_up();
        }
    }

    /// The program runs.
    pub(super) fn spawned(&mut self, id: WorkerId) {
        let Some(Phase::Starting { .. }) = self.pool.workers.get(&id).map(|worker| worker.phase) else {
            return self.unexpected(Some(id), "a start that was not asked for");
        };
        let policy = self.policy_of(id);
        let (ready, timeout) = (policy.ready, policy.ready_timeout);
        self.set_phase(id, Phase::Booting { deadline: self.now + timeout });
        self.emit(Event::Fork { worker: id });
        self.emit(Event::Online { worker: id });
        if !self.is_running() {
            self.leave_late(id);
        } else if !self.is_next(id) {
            self.terminate(id); // its slot was closed while it was started
        } else if ready == Readiness::AtSpawn {
            self.ready(id);
        }
    }

    /// There is no process. A shortage costs nothing, however often it strikes: a restart that the host refused has not
    /// happened, and giving up would only add to the trouble. A program that can't be run is a failed start like any
    /// other: it is tried again, with growing delays, up to the limit.
    pub(super) fn spawn_failed(&mut self, id: WorkerId, error: SpawnError) {
        let Some(&Worker { phase: Phase::Starting { charged }, epoch, .. }) = self.pool.workers.get(&id) else {
            return self.unexpected(Some(id), "a failed start that was not asked for");
        };
        self.pool.workers.remove(&id);
        self.emit(Event::Error { worker: Some(id), what: ErrorEvent::Spawn(error) });
        let shortage =
            matches!(error.step, SpawnStep::Descriptors | SpawnStep::Fork) || SHORTAGE.contains(&error.errno);
        if let Some(at) = charged.filter(|_| shortage) {
            self.pool.restarts.take_back(at);
        }
        if self.is_running() && self.is_next(id) {
            self.start_failed(id, epoch, !shortage || charged.is_some());
        } else {
            self.start_after(id);
        }
    }

    /// The worker serves. Told twice, on the channel and by sd_notify, or while it leaves, this says nothing new.
    pub(super) fn ready(&mut self, id: WorkerId) {
        let Some(&Worker { phase: Phase::Booting { .. }, epoch, .. }) = self.pool.workers.get(&id) else { return };
        self.set_phase(id, Phase::Ready { since: self.now, alive_by: None });
        self.emit(Event::Ready { worker: id });
        if self.trial_of(epoch).is_some() {
            return self.heard(id); // it waits for the trials of the other pools
        }
        self.take_place(id, epoch);
    }

    /// A worker that is ready takes over: its slot is its own.
    pub(super) fn take_place(&mut self, id: WorkerId, epoch: u64) {
        let slot = &mut self.pool.slots[id.slot as usize];
        let aside = slot.aside.take();
        // Who is on trial goes on beside the other; whom the one on trial has overtaken is not needed any more.
        let beside = aside.filter(|&generation| generation != id.generation).map_or(Next::Nobody, Next::Started);
        let overtaken = std::mem::replace(&mut slot.next, beside);
        slot.epoch = epoch;
        let old = slot.serving.replace(id.generation);
        let wanted = self.settle_trial(epoch);
        self.heard(id);
        if let Some(generation) = old {
            self.succeed(WorkerId { generation, ..id });
        }
        if let Next::Started(generation) = overtaken
            && generation != id.generation
        {
            self.dismiss(WorkerId { generation, ..id });
        }
        if let Some(wanted) = wanted {
            self.resize(wanted);
        }
    }

    /// Whether this worker is one that is to serve in its slot.
    pub(super) fn is_next(&self, id: WorkerId) -> bool {
        let comes = |slot: &Slot| slot.next == Next::Started(id.generation) || slot.aside == Some(id.generation);
        self.pool.slots.get(id.slot as usize).is_some_and(comes)
    }

    /// The worker that would be started next in a slot.
    fn next_id(&self, slot: u32) -> Option<WorkerId> {
        let place = self.pool.slots.get(slot as usize)?;
        Some(WorkerId { pool: self.pool.number, slot, generation: place.generation.wrapping_add(1) })
    }

    fn limit_allows(&self, at: Instant) -> bool {
        self.pool.policy.limit.is_none_or(|limit| self.pool.restarts.allows(limit, at))
    }
}
