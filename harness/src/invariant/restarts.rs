//! Which births were restarts that count against a limit, as far as that is certain from outside.

use std::time::Duration;

use crate::time::Time;

use super::bounds;
use super::case::Case;
use super::facts::{Departure, Leave};

/// Births that certainly were not initial ones nor ordered by an operator, and the departures that cost nothing.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    /// Instants of the births, ascending.
    births: Vec<Time>,
    /// Planned departures: each may have caused one of the births between these instants at no cost.
    free: Vec<(Time, Time)>,
}

/// So many restarts within so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Burst {
    /// The first of them.
    pub from: Time,
    /// The last of them.
    pub until: Time,
    /// How many.
    pub count: u32,
}

impl Restarts {
    /// Reads them.
    pub fn read(case: &Case<'_>) -> Self {
        let mut restarts = Self::default();
        let wanted = case.scenario.pool.workers as usize;
        // What is seen after the beginning of the end was started before it.
        let end = case.facts.ended_itself.map_or(Time::NEVER, |at| at + bounds::BIRTH_SEEN);
        let supervisors = case.timeline.supervisors.len().max(1);
        // The initial starts come first; each further supervisor makes its own.
        for worker in case.timeline.workers.iter().skip(wanted * supervisors) {
            let born = worker.born.latest();
            if !case.facts.rolling(born) && !case.facts.rolling(worker.born.earliest()) && born <= end {
                restarts.births.push(born);
            }
        }
        let free = case.facts.departures.iter().filter(|one| !costs(case, one));
        let ordered = case.facts.additions().flat_map(|(at, more)| std::iter::repeat_n(at, more as usize));
        let free = free.map(|one| one.known).chain(ordered);
        restarts.free = free.map(|at| (at, case.due_unhindered(at, bounds::REACT))).collect();
        restarts
    }

    /// All births that may be restarts.
    pub fn count(&self) -> usize {
        self.births.len()
    }

    /// From the first to the last of them.
    pub fn span(&self) -> Duration {
        match (self.births.first(), self.births.last()) {
            (Some(first), Some(last)) => last.since(*first),
            _ => Duration::ZERO,
        }
    }

    /// The fullest window of this length among those that end with the birth `last`: restarts that certainly count.
    fn window(&self, last: usize, within: Duration) -> Burst {
        let until = self.births[last];
        let first = self.births[..=last].partition_point(|birth| until.since(*birth) >= within);
        let from = self.births[first];
        let births = last - first + 1;
        let free = self.free.iter().filter(|(at, due)| *at <= until && *due >= from).count();
        Burst { from, until, count: u32::try_from(births.saturating_sub(free)).unwrap_or(u32::MAX) }
    }

    /// The fullest window of this length.
    pub fn fullest(&self, within: Duration) -> Option<Burst> {
        (0..self.births.len()).map(|last| self.window(last, within)).max_by_key(|burst| burst.count)
    }

    /// From the first to the last of so many births in a row, where they were nearest to each other.
    pub fn nearest(&self, count: usize) -> Option<(Time, Time)> {
        let rows = self.births.windows(count).filter_map(|row| Some((*row.first()?, *row.last()?)));
        rows.min_by_key(|(first, last)| last.since(*first))
    }

    /// The first window of this length that holds more than `most`.
    pub fn exceeding(&self, most: u32, within: Duration) -> Option<Burst> {
        (0..self.births.len()).map(|last| self.window(last, within)).find(|burst| burst.count > most)
    }

    /// The last window of this length that holds at least `least`.
    pub fn last_reaching(&self, least: u32, within: Duration) -> Option<Burst> {
        (0..self.births.len()).rev().map(|last| self.window(last, within)).find(|burst| burst.count >= least)
    }
}

/// Whether replacing this one certainly counts against a limit: a death, a word of the form that leaves a gap, or a
/// polite word of a worker whose run was not stable.
pub(super) fn costs(case: &Case<'_>, one: &Departure) -> bool {
    match one.how {
        Leave::Death | Leave::Silent | Leave::OnePhase => true,
        Leave::TwoPhase => one.longest_run.is_some_and(|run| !bounds::maybe_stable(case.scenario, run)),
        Leave::Untimely => false,
    }
}
