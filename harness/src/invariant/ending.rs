//! When the end began that a supervisor takes by itself: it has given up, or broken down.

use crate::history::{Timeline, Worker};
use crate::scenario::Scenario;
use crate::time::Time;

use super::bounds;
use super::facts::{Facts, Leave};
use super::traits::Traits;

impl Facts {
    /// An order may come while it is giving up: then more workers had left than the limit allows, and its status says so,
    /// or somebody had been told to leave that no birth followed.
    pub(super) fn gave_up_before(
        &self,
        scenario: &Scenario,
        line: &Timeline<'_>,
        ordered: Time,
        says_so: bool,
    ) -> Option<Time> {
        let limit = scenario.pool.limit?;
        let began = self.end_began(scenario.pool.workers as usize, line, ordered);
        let left = self.departures.iter().filter(|one| one.how != Leave::Untimely && one.known <= ordered).count();
        let told = line.workers.iter().any(|one| one.ordered().is_some_and(|at| at >= began && at < ordered));
        ((told || says_so) && began < ordered && left > limit.restarts as usize).then_some(began)
    }

    /// A supervisor that ends by itself starts nobody any more and tells everybody to leave: the end began at the
    /// first need for a worker that came after the last birth, or at the first order to leave that no birth followed and after
    /// which nobody stayed.
    /// Where a need was still open at the last birth, or there is neither, a restart that was due later was one too many:
    /// after the last birth at any rate.
    pub(super) fn end_began(&self, wanted: usize, line: &Timeline<'_>, exit: Time) -> Time {
        let last_birth = line.workers.iter().map(|worker| worker.born.latest()).filter(|at| *at <= exit).max();
        let last_birth = last_birth.unwrap_or_default();
        let needs = || self.departures.iter().filter(|one| one.how != Leave::Untimely && one.known <= exit);
        let ordered = self.added(exit) as usize;
        let met = line.workers.len().saturating_sub(wanted * line.supervisors.len() + ordered);
        if needs().filter(|one| one.known < last_birth).count() > met {
            return last_birth - bounds::BIRTH_SEEN;
        }
        let unmet = |perhaps_told: bool| {
            let need = needs().find(|one| one.known >= last_birth && one.perhaps_told == perhaps_told)?;
            Some(self.tried_until(line, need.known))
        };
        let told = self.orders_to_end(line).into_iter();
        let told = told.filter(|at| *at + bounds::BIRTH_SEEN >= last_birth && *at <= exit).min();
        let began = [unmet(false), told].into_iter().flatten().min().or_else(|| unmet(true));
        began.unwrap_or(last_birth - bounds::BIRTH_SEEN).min(exit)
    }

    /// The orders to leave after which nobody stays, unless it hangs: that it was told, nobody sees.
    pub(super) fn orders_to_end(&self, line: &Timeline<'_>) -> Vec<Time> {
        // Whoever gets the order for which it waits, or because of a rolling restart, leaves somebody behind.
        let stays = |(one, traits): (&Worker, &Traits), at: Time| {
            let soon = at + bounds::REACT;
            let hangs = || trances(one, traits, line).any(|(from, until)| from <= soon && at < until);
            one.born.latest() <= at && one.retires().unwrap_or(Time::NEVER).min(one.dead_for_sure()) > soon && !hangs()
        };
        let told = line.workers.iter().filter_map(Worker::ordered);
        told.filter(|at| !line.workers.iter().zip(&self.traits).any(|one| stays(one, *at))).collect()
    }

    /// Whoever was on its way at `at` beside as many as are wanted, and never got ready by its script, was to meet the need,
    /// until there were too few.
    fn tried_until(&self, line: &Timeline<'_>, at: Time) -> Time {
        let soon = at + bounds::START_JITTER;
        let there = |(one, _): &(&Worker, &Traits)| {
            let gone = one.retires().unwrap_or(Time::NEVER).min(one.dead_for_sure());
            one.born.earliest() <= at && soon < gone && one.ordered().is_none()
        };
        let there = line.workers.iter().zip(&self.traits).filter(there);
        let (mut tried, mut ends) = (false, Vec::new());
        for (one, traits) in there {
            tried |= traits.spoils_boot() && one.ready.is_none();
            ends.push(one.dead_for_sure());
        }
        ends.sort_unstable();
        let spare = ends.len().checked_sub(self.wanted(at) as usize).filter(|_| tried);
        spare.and_then(|spare| ends.get(spare)).map_or(at, |end| (*end).max(at))
    }
}

/// From when until when a worker did nothing that it was told, or nobody would see that it did: it hung until its end, or was
/// frozen, or ignores what the harness had sent it before.
pub(super) fn trances<'a>(
    worker: &'a Worker,
    traits: &Traits,
    line: &'a Timeline<'_>,
) -> impl Iterator<Item = (Time, Time)> + 'a {
    // Not all say when their scripts let them hang.
    let hung = worker.hung.or_else(|| traits.hangs.then(|| worker.born.earliest()));
    let frozen = line.faults.iter().filter(|fault| fault.freezes(worker.proc)).map(|fault| (fault.from, fault.until));
    let deaf = worker.signalled.filter(|_| traits.ignores_term);
    [hung, deaf].into_iter().flatten().map(|from| (from, worker.dead_for_sure())).chain(frozen)
}
