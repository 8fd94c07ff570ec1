//! The operator changes how many workers there are, or has one replaced.

use crate::policy::defaults::WORKERS_LIMIT;

use super::pool::Wish;
use super::slot::{Next, Slot};
use super::step::Step;
use super::{Event, Scale, WorkerId};

impl Step<'_> {
    /// Another number of workers is wanted.
    pub(super) fn scale(&mut self, scale: Scale) {
        self.resize(match scale {
            Scale::To(wanted) => wanted,
            Scale::By(difference) => self.pool.policy.workers.saturating_add_signed(difference),
        });
        self.outlive_changes();
    }

    /// The order is younger than a configuration that is on trial or waits, so that one does not undo it.
    fn outlive_changes(&mut self) {
        let wanted = self.pool.policy.workers;
        let Some(reload) = &mut self.pool.reload else { return };
        let waits = match &mut reload.next {
            Some(Wish::Change(change)) => Some(change),
            Some(Wish::Fresh) | None => None,
        };
        for change in reload.trial.iter_mut().chain(waits) {
            change.policy.workers = wanted;
        }
    }

    /// Opens or closes slots at the end of the row. New workers are started at once, free of charge; whoever is in a slot
    /// that is closed, or on the way there, retires.
    pub(super) fn resize(&mut self, wanted: u32) {
        let wanted = wanted.clamp(1, WORKERS_LIMIT);
        let before = std::mem::replace(&mut self.pool.policy.workers, wanted);
        self.emit(Event::Scale { pool: self.pool.number, workers: wanted });
        for slot in wanted..before {
            self.close(slot);
        }
        for slot in before..wanted {
            self.open(slot);
        }
    }

    /// What is started here is as new as anything that is started now.
    fn open(&mut self, slot: u32) {
        if self.pool.slots.len() <= slot as usize {
            self.pool.slots.push(Slot::default());
        }
        self.pool.slots[slot as usize].epoch = self.pool.epoch;
        self.start(slot, false, self.pool.epoch);
    }

    /// Who is being started at this very moment is told when it runs.
    fn close(&mut self, slot: u32) {
        let place = &mut self.pool.slots[slot as usize];
        let next = match std::mem::take(&mut place.next) {
            Next::Started(generation) => Some(generation),
            Next::Nobody | Next::Due { .. } | Next::After(_) => None,
        };
        let others = [place.serving.take(), place.aside.take()];
        place.failures = 0;
        for generation in others.into_iter().chain([next]).flatten() {
            self.dismiss(WorkerId { pool: self.pool.number, slot, generation });
        }
    }

    /// The operator wants a fresh worker in this slot. If one is on its way, that is the one.
    pub(super) fn restart_slot(&mut self, slot: u32) {
        if slot >= self.pool.policy.workers {
            return self.unexpected(None, "a restart of a slot that does not exist");
        }
        match self.pool.slots[slot as usize].next {
            Next::Started(_) | Next::After(_) => {}
            Next::Due { .. } => self.start_early(slot, self.pool.epoch),
            Next::Nobody => self.renew(slot, self.pool.epoch),
        }
    }

    /// Has who serves in a slot, if anybody does, replaced by a worker of this epoch, free of charge: the old one leaves
    /// when the new one is ready, or before the new one is started if both must not run at once.
    pub(super) fn renew(&mut self, slot: u32, epoch: u64) {
        match self.pool.slots[slot as usize].serving {
            Some(generation) if self.pool.policy.surge == 0 => {
                let old = WorkerId { pool: self.pool.number, slot, generation };
                self.vacate(old);
                self.pool.slots[slot as usize].next = Next::After(generation);
                self.dismiss(old);
            }
            Some(_) | None => self.start(slot, false, epoch),
        }
    }

    /// Starts a worker that was to wait for its time.
    pub(super) fn start_early(&mut self, slot: u32, epoch: u64) {
        let generation = self.pool.slots[slot as usize].generation.wrapping_add(1);
        let worker = WorkerId { pool: self.pool.number, slot, generation };
        self.emit(Event::Restart { worker, delay: std::time::Duration::ZERO });
        self.start(slot, false, epoch);
    }
}
