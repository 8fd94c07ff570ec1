//! The rolling restart: slot by slot, each replacement ready before the old worker goes.
//!
//! With another configuration it begins with a trial: one worker of the new configuration is started, and until it is
//! ready, and those of all other pools are, nothing else changes: whoever dies meanwhile is replaced from the old
//! configuration, in the slot of the trial too, where one is set aside for the other until it is known who is ready
//! first. When it is ready the new configuration is in force, for the other slots as for every later restart, and there
//! is no way back; if it fails to start, the new configuration is dropped. Later a worker that fails to start ends the
//! rolling restart, and the old workers that are left serve on, but whatever is started is of the new configuration.
//!
//! Which worker is new is a matter of epochs: each rolling restart has its own, and so have the workers and slots that it
//! has seen to.

use crate::policy::{Policy, Restart};

use super::pool::{Change, Reload, Stage, Wish};
use super::slot::{Next, Slot};
use super::step::Step;
use super::worker::{Phase, Worker};
use super::{Action, Event, ReloadPhase, Revision, WorkerId};

impl Step<'_> {
    /// The operator wants another configuration; each pool finds its own policy in its place.
    pub(super) fn configure(&mut self, revision: Revision, policies: Vec<Policy>) {
        let policy = policies.into_iter().nth(usize::from(self.pool.number));
        match (self.pool.stage, policy) {
            (Stage::Running, Some(policy)) => self.reload(Wish::Change(Change { revision, policy })),
            (Stage::Running, None) => self.unexpected(None, "a configuration that lacks a pool"),
            (Stage::New, _) => self.unexpected(None, "a configuration before the start"),
            (Stage::LameDuck(_) | Stage::Ending { .. } | Stage::Over { .. }, _) => {
                self.emit(Event::Reload { pool: self.pool.number, phase: ReloadPhase::Cancelled });
                self.settle();
            }
        }
    }

    /// The operator wants every worker replaced. One rolling restart that waits covers all that come before it begins; of
    /// several configurations the last one counts.
    pub(super) fn reload(&mut self, wish: Wish) {
        let Some(reload) = &mut self.pool.reload else { return self.begin_reload(wish) };
        let absorbed = reload.next.is_some();
        if (!absorbed || matches!(wish, Wish::Change(_)))
            && let Some(Wish::Change(before)) = reload.next.replace(wish)
        {
            self.pool.dropped = before.revision;
        }
        if absorbed {
            self.emit(Event::Reload { pool: self.pool.number, phase: ReloadPhase::Absorbed });
        }
    }

    /// Without a trial, what is started for whatever reason from now on is as new as what it starts itself.
    fn begin_reload(&mut self, wish: Wish) {
        let epoch = self.pool.epoch + 1;
        let trial = match wish {
            Wish::Fresh => {
                self.pool.epoch = epoch;
                None
            }
            Wish::Change(change) => Some(change),
        };
        self.pool.reload = Some(Reload { epoch, trial, next: None });
        self.emit(Event::Reload { pool: self.pool.number, phase: ReloadPhase::Began });
    }

    /// Drives the rolling restart on as far as the state allows. A slot is done when a new worker serves in it, or when
    /// it is empty for good. Old workers drain while the next slot is seen to.
    pub(super) fn roll(&mut self) {
        while let Some(reload) = &self.pool.reload {
            let (epoch, trial) = (reload.epoch, reload.trial.is_some());
            let slots = self.in_turn();
            if slots.is_empty() && trial {
                return; // there is nobody to make it with, but other pools may
            }
            if slots.is_empty() {
                self.end_reload(ReloadPhase::Done);
                continue;
            }
            let done = slots.into_iter().filter(|&slot| self.roll_slot(slot, epoch, trial)).count();
            if done == 0 {
                return;
            }
        }
    }

    /// The slots that the rolling restart sees to now: the first that are not done. A trial is made with one.
    fn in_turn(&self) -> Vec<u32> {
        let Some(reload) = &self.pool.reload else { return Vec::new() };
        let together = if reload.trial.is_some() { 1 } else { self.pool.policy.rolls() };
        let open = (0..self.pool.policy.workers).zip(&self.pool.slots);
        open.filter(|(_, slot)| slot.epoch < reload.epoch).map(|(index, _)| index).take(together).collect()
    }

    /// Sees to one slot; gives whether there is nothing to do in it. If a worker is on its way there, it is waited for:
    /// should it be an old one, it will be replaced once it is ready. But a trial does not wait for a restart from the old
    /// configuration: maybe that is what it mends. The restart has to wait for it only if both must not run at once.
    fn roll_slot(&mut self, slot: u32, epoch: u64, trial: bool) -> bool {
        let free = self.replacements() < self.pool.policy.rolls();
        let place = &mut self.pool.slots[slot as usize];
        match (place.next, place.serving) {
            (Next::Due { at, charge }, _) if trial && place.aside.is_none() => {
                self.start_early(slot, epoch);
                if self.needs_another(slot) {
                    self.set_aside(slot);
                    self.replace(slot, charge, at);
                }
            }
            (Next::Due { .. } | Next::Started(_) | Next::After(_), _) => {}
            (Next::Nobody, Some(_)) if free => self.renew(slot, epoch),
            (Next::Nobody, Some(_)) => {}
            (Next::Nobody, None) => {
                place.epoch = epoch;
                return true;
            }
        }
        false
    }

    /// How many replacements by order are under way, be it for this rolling restart, for one that ended early, or of single
    /// workers.
    fn replacements(&self) -> usize {
        let by_order = |(index, slot): &(u32, &Slot)| match slot.next {
            Next::After(_) => true,
            Next::Started(generation) => {
                self.was_ordered(WorkerId { pool: self.pool.number, slot: *index, generation })
            }
            Next::Nobody | Next::Due { .. } => false,
        };
        (0..).zip(&self.pool.slots).filter(by_order).count()
    }

    /// What is to be started in a slot when the worker that had to leave it first is gone.
    pub(super) fn epoch_of(&self, slot: u32) -> u64 {
        let reload = self.pool.reload.as_ref().filter(|_| self.in_turn().contains(&slot));
        reload.map_or(self.pool.epoch, |reload| reload.epoch)
    }

    /// Whether the next worker of this slot is the one that a new configuration is tried with.
    pub(super) fn is_for_trial(&self, slot: u32) -> bool {
        let trial = self.pool.reload.as_ref().is_some_and(|reload| reload.trial.is_some());
        trial && self.in_turn().contains(&slot) && self.pool.slots[slot as usize].aside.is_none()
    }

    /// Whether somebody is to be started in a slot that nobody serves in: nobody comes, or somebody on trial, and more than
    /// wanted may run.
    pub(super) fn needs_another(&self, slot: u32) -> bool {
        self.pool.slots[slot as usize].next == Next::Nobody || self.to_be_set_aside(slot).is_some()
    }

    /// Makes room for who is started in such a slot: whoever comes there on trial is set aside.
    pub(super) fn set_aside(&mut self, slot: u32) {
        if let Some(generation) = self.to_be_set_aside(slot) {
            let place = &mut self.pool.slots[slot as usize];
            (place.next, place.aside) = (Next::Nobody, Some(generation));
        }
    }

    fn to_be_set_aside(&self, slot: u32) -> Option<u32> {
        let Slot { next: Next::Started(generation), serving: None, .. } = self.pool.slots[slot as usize] else {
            return None;
        };
        let worker = self.pool.workers.get(&WorkerId { pool: self.pool.number, slot, generation })?;
        self.trial_of(worker.epoch)?;
        (self.pool.policy.surge > 0).then_some(generation)
    }

    /// The configuration on trial, if it is that of this epoch.
    pub(super) fn trial_of(&self, epoch: u64) -> Option<&Change> {
        self.pool.reload.as_ref().filter(|reload| reload.epoch == epoch)?.trial.as_ref()
    }

    /// The policy that a worker was started under.
    pub(super) fn policy_of(&self, id: WorkerId) -> &Policy {
        let trial = self.pool.workers.get(&id).and_then(|worker| self.trial_of(worker.epoch));
        trial.map_or(&self.pool.policy, |change| &change.policy)
    }

    /// The worker on trial, unless it was told to leave.
    fn on_trial(&self) -> Option<WorkerId> {
        let of_trial =
            |&(id, worker): &(&WorkerId, &Worker)| self.is_next(*id) && self.trial_of(worker.epoch).is_some();
        self.pool.workers.iter().find(of_trial).map(|(&id, _)| id)
    }

    /// Whether the worker on trial is ready, or nobody is left to make a trial with.
    pub(super) fn has_succeeded(&self) -> bool {
        match self.on_trial() {
            Some(id) => matches!(self.pool.workers[&id].phase, Phase::Ready { .. }),
            None => self.in_turn().is_empty(),
        }
    }

    /// All pools' trials have succeeded, or one of them has not. Some other's tick may be over already.
    pub(super) fn conclude(&mut self, agreed: bool) {
        match self.on_trial() {
            Some(id) if agreed => self.take_place(id, self.pool.workers[&id].epoch),
            None if agreed => self.end_reload(ReloadPhase::Done),
            Some(id) => {
                self.end_reload(ReloadPhase::Aborted);
                self.withdraw(id);
            }
            None => self.end_reload(ReloadPhase::Aborted),
        }
        self.tick();
        self.go_on();
    }

    /// Has the worker on trial leave. Whoever it was to replace serves on, or is made up for.
    fn withdraw(&mut self, id: WorkerId) {
        let without_surge = self.pool.policy.surge == 0;
        let place = &mut self.pool.slots[id.slot as usize];
        if place.aside.take_if(|aside| *aside == id.generation).is_none() {
            place.next = Next::Nobody;
            if place.serving.is_none() && without_surge {
                place.next = Next::After(id.generation);
            } else if place.serving.is_none() && self.pool.policy.restart != Restart::Never {
                self.refill(id.slot, true); // the limit has not allowed it before
            }
        }
        self.dismiss(id);
    }

    /// A worker of this epoch is ready: if its configuration was on trial, it is in force now. Gives the number of workers
    /// that it wants, which is left to the caller.
    pub(super) fn settle_trial(&mut self, epoch: u64) -> Option<u32> {
        let reload = self.pool.reload.as_mut().filter(|reload| reload.epoch == epoch)?;
        let Change { revision, policy } = reload.trial.take()?;
        let wanted = policy.workers;
        self.pool.policy = Policy { workers: self.pool.policy.workers, ..policy };
        self.pool.revision = revision;
        self.pool.epoch = epoch;
        self.settle();
        self.watch_afresh();
        (wanted != self.pool.policy.workers).then_some(wanted)
    }

    fn settle(&mut self) {
        self.actions.push(Action::Settle(self.pool.number, self.pool.revision));
    }

    /// A worker failed to start. If the rolling restart waits for it, and it is a new one, there is no use in going on.
    pub(super) fn abort_reload_at(&mut self, id: WorkerId, epoch: u64) {
        let is_new = self.pool.reload.as_ref().is_some_and(|reload| epoch >= reload.epoch);
        if is_new && self.in_turn().contains(&id.slot) {
            self.end_reload(ReloadPhase::Aborted);
        }
    }

    /// Ends the one that runs; the one that waits begins. If nobody was left to make a trial with, it has not failed.
    fn end_reload(&mut self, phase: ReloadPhase) {
        if let (ReloadPhase::Done, Some(reload)) = (phase, &self.pool.reload)
            && let Some(wanted) = self.settle_trial(reload.epoch)
        {
            self.resize(wanted);
        }
        let Some(reload) = self.pool.reload.take() else { return };
        self.emit(Event::Reload { pool: self.pool.number, phase });
        if let Some(change) = reload.trial {
            self.pool.dropped = change.revision;
            self.settle();
        }
        if let Some(wish) = reload.next {
            self.begin_reload(wish);
        }
    }

    /// A stop comes first, also before the one that waits.
    pub(super) fn cancel_reload(&mut self) {
        let Some(reload) = self.pool.reload.take() else { return };
        self.emit(Event::Reload { pool: self.pool.number, phase: ReloadPhase::Cancelled });
        if reload.trial.is_some() || matches!(reload.next, Some(Wish::Change(_))) {
            self.settle();
        }
    }
}
