//! Workers come: start, ready, and the restarts that wait for their time.

use crate::policy::{Instant, Readiness, draw};

use super::slot::Next;
use super::step::Step;
use super::worker::{Phase, Worker};
use super::{Action, ErrorEvent, Event, Revision, SpawnError, SpawnStep, WorkerId};

/// EAGAIN, ENOMEM, ENFILE, EMFILE and ENOBUFS of Linux: the host is short of something, the program is not to blame.
const SHORTAGE: [i32; 5] = [11, 12, 23, 24, 105];

impl Step<'_> {
    /// Starts the next worker of a slot now.
    pub(super) fn start(&mut self, slot: u32, charge: bool) {
        let Some(id) = self.next_id(slot) else { return };
        let charged = self.pool.policy.limit.filter(|_| charge).map(|limit| {
            self.pool.restarts.note(limit, self.now);
            self.now
        });
        let place = &mut self.pool.slots[slot as usize];
        place.generation = id.generation;
        place.next = Next::Started(id.generation);
        self.pool.workers.insert(id, Worker::new(charged));
        self.actions.push(Action::Spawn(id, Revision(0)));
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
            return self.give_up();
        }
        self.emit(Event::Restart { worker: id, delay: at.since(self.now) });
        if at <= self.now {
            self.start(slot, charge);
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
                    self.give_up();
                } else {
                    self.start(slot, charge);
                }
            }
            Next::Due { .. } | Next::Nobody | Next::Started(_) => {}
        }
    }

    /// The program runs.
    pub(super) fn spawned(&mut self, id: WorkerId) {
        let Some(Phase::Starting { .. }) = self.pool.workers.get(&id).map(|worker| worker.phase) else {
            return self.unexpected(Some(id), "a start that was not asked for");
        };
        self.set_phase(id, Phase::Booting { deadline: self.now + self.pool.policy.ready_timeout });
        self.emit(Event::Fork { worker: id });
        self.emit(Event::Online { worker: id });
        if !self.is_running() {
            self.leave_late(id);
        } else if self.pool.policy.ready == Readiness::AtSpawn {
            self.ready(id);
        }
    }

    /// There is no process. A shortage costs nothing, however often it strikes: a restart that the host refused has not
    /// happened, and giving up would only add to the trouble. A program that can't be run is a failed start like any
    /// other: it is tried again, with growing delays, up to the limit.
    pub(super) fn spawn_failed(&mut self, id: WorkerId, error: SpawnError) {
        let Some(Phase::Starting { charged }) = self.pool.workers.get(&id).map(|worker| worker.phase) else {
            return self.unexpected(Some(id), "a failed start that was not asked for");
        };
        self.pool.workers.remove(&id);
        self.emit(Event::Error { worker: Some(id), what: ErrorEvent::Spawn(error) });
        let shortage =
            matches!(error.step, SpawnStep::Descriptors | SpawnStep::Fork) || SHORTAGE.contains(&error.errno);
        if let Some(at) = charged.filter(|_| shortage) {
            self.pool.restarts.take_back(at);
        }
        if self.is_running() {
            self.start_failed(id, !shortage || charged.is_some());
        }
    }

    /// The worker serves. Told twice, on the channel and by sd_notify, or while it leaves, this says nothing new.
    pub(super) fn ready(&mut self, id: WorkerId) {
        let Some(Phase::Booting { .. }) = self.pool.workers.get(&id).map(|worker| worker.phase) else { return };
        self.set_phase(id, Phase::Ready { since: self.now });
        self.emit(Event::Ready { worker: id });
        let slot = &mut self.pool.slots[id.slot as usize];
        slot.next = Next::Nobody;
        if let Some(old) = slot.serving.replace(id.generation) {
            self.succeed(WorkerId { generation: old, ..id });
        }
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
