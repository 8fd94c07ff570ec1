//! Is there any way to pair restarts with departures so that every delay was waited for?
//!
//! From outside nobody knows who replaces whom, and the delay depends on it: a slot's row of failures goes over to the
//! worker that fills it. So the pairings are searched, the likeliest first: a restart comes when its delay is over, so
//! it most probably belongs to the departure whose delay ended last.

use crate::history::Worker;
use crate::scenario::Backoff;
use crate::time::Time;

use super::bounds;
use super::case::Case;
use super::facts::{Departure, Leave};

/// Births looked at; a longer row says nothing new.
const BIRTHS: usize = 200;
/// Pairings tried before the search gives up.
const TRIES: u32 = 20_000;

/// What the search found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A pairing.
    Pairing,
    /// There is none: this birth, by its index, was never reached in time by any.
    None {
        /// The latest birth that the search came to.
        birth: usize,
    },
    /// The search was given up.
    Unknown,
}

/// What happens to the pool, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// So many places become free at no cost and no delay.
    Free(u32),
    /// A worker leaves.
    Leaves(usize),
    /// A worker is born.
    Born(usize),
}

/// A place that waits for a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Vacancy {
    /// Not filled before this.
    earliest: Time,
    /// Runs in a row that were not stable.
    failures: u32,
}

/// Searches.
pub(super) fn search(case: &Case<'_>, backoff: &Backoff) -> Found {
    let mut search = Search {
        case,
        backoff,
        events: events(case),
        relieved: relieved(case),
        failures: vec![0; case.timeline.workers.len()],
        tries: 0,
        furthest: 0,
    };
    match search.go(0, &[]) {
        true => Found::Pairing,
        false if search.tries >= TRIES => Found::Unknown,
        false => Found::None { birth: search.furthest },
    }
}

fn events(case: &Case<'_>) -> Vec<Event> {
    let workers = case.scenario.pool.workers;
    let mut events: Vec<(Time, u8, Event)> = Vec::new();
    for one in &case.timeline.supervisors {
        events.push((one.born, 0, Event::Free(workers)));
    }
    // Everything that may be ordered by an operator is free; in doubt there are places enough.
    for (from, until) in &case.facts.rolls {
        let born =
            case.timeline.workers.iter().filter(|one| *from <= one.born.latest() && one.born.earliest() <= *until);
        events.push((*from, 0, Event::Free(u32::try_from(born.count()).unwrap_or(u32::MAX))));
    }
    for (at, more) in case.facts.additions() {
        events.push((at, 0, Event::Free(more)));
    }
    for (index, one) in case.facts.departures.iter().enumerate() {
        if one.how != Leave::Untimely {
            events.push((one.at.min(one.known), 1, Event::Leaves(index)));
        }
    }
    let end = case.facts.peace;
    for (index, worker) in case.timeline.workers.iter().enumerate().take(BIRTHS) {
        if worker.born.latest() <= end {
            events.push((worker.born.latest(), 2, Event::Born(index)));
        }
    }
    events.sort_by_key(|(at, rank, _)| (*at, *rank));
    events.into_iter().map(|(_, _, event)| event).collect()
}

fn relieved(case: &Case<'_>) -> Vec<Time> {
    let stable = |worker: &&Worker| {
        let run = worker.ordered().zip(worker.ready).map(|(told, ready)| told.since(ready));
        run.is_some_and(|run| bounds::maybe_stable(case.scenario, run))
    };
    let mut relieved: Vec<Time> = case.timeline.workers.iter().filter(stable).filter_map(Worker::ordered).collect();
    relieved.sort_unstable();
    relieved
}

struct Search<'a> {
    case: &'a Case<'a>,
    backoff: &'a Backoff,
    events: Vec<Event>,
    /// When workers were told to leave after a stable run: that ends the row of failures of whoever took over.
    relieved: Vec<Time>,
    /// Of each worker's place when it was born.
    failures: Vec<u32>,
    tries: u32,
    furthest: usize,
}

impl Search<'_> {
    /// Whether the events from `at` on can be explained with these places free.
    fn go(&mut self, at: usize, free: &[Vacancy]) -> bool {
        let mut free = free.to_vec();
        for at in at..self.events.len() {
            match self.events[at] {
                Event::Free(places) => {
                    let places = places.min(BIRTHS as u32) as usize;
                    free.extend(std::iter::repeat_n(Vacancy { earliest: Time::default(), failures: 0 }, places));
                }
                Event::Leaves(index) => free.push(self.vacancy(index)),
                Event::Born(worker) => return self.fill(at, worker, &free),
            }
        }
        true
    }

    /// Tries every place that may be filled by now.
    fn fill(&mut self, at: usize, worker: usize, free: &[Vacancy]) -> bool {
        let born = self.case.worker(worker).born.latest() + self.case.slack.0;
        self.furthest = self.furthest.max(worker);
        if free.is_empty() {
            // Nobody's place: INV-ONCE says what that is.
            self.failures[worker] = 0;
            return self.go(at + 1, free);
        }
        let mut open: Vec<usize> = (0..free.len()).filter(|&place| free[place].earliest <= born).collect();
        open.sort_by_key(|&place| std::cmp::Reverse((free[place].earliest, free[place].failures)));
        let mut tried: Vec<u32> = Vec::new();
        for place in open {
            // All that may be filled now stay so: only the row of failures tells them apart.
            if tried.contains(&free[place].failures) {
                continue;
            }
            tried.push(free[place].failures);
            self.tries += 1;
            if self.tries >= TRIES {
                return false;
            }
            self.failures[worker] = free[place].failures;
            let mut left = free.to_vec();
            left.swap_remove(place);
            if self.go(at + 1, &left) {
                return true;
            }
        }
        false
    }

    fn vacancy(&self, index: usize) -> Vacancy {
        let one = &self.case.facts.departures[index];
        let stable = one.longest_run.is_some_and(|run| bounds::maybe_stable(self.case.scenario, run));
        let before = if stable || self.is_relieved(one) { 0 } else { self.failures[one.worker] };
        // One that was asked to close its channel may have been heard before it did.
        let worker = self.case.worker(one.worker);
        let spoke = worker.announced.zip(worker.silenced);
        let spoke = spoke.is_some_and(|((spoke, _), silenced)| spoke <= silenced + bounds::START_JITTER);
        match one.how {
            Leave::Silent if spoke => Vacancy { earliest: one.at, failures: before },
            Leave::OnePhase | Leave::TwoPhase | Leave::Untimely => Vacancy { earliest: one.at, failures: before },
            Leave::Death | Leave::Silent => {
                let failures = if stable { 0 } else { before + 1 };
                // A silent one may be missed as soon as it is gone, whatever the observer saw.
                let died = worker.maybe_dead();
                Vacancy { earliest: died + bounds::least(self.backoff, failures), failures }
            }
        }
    }

    /// Whether this one may have taken over from a worker that had a stable run.
    fn is_relieved(&self, one: &Departure) -> bool {
        let Some(ready) = self.case.worker(one.worker).ready else { return false };
        let next = self.relieved.partition_point(|at| *at < ready);
        self.relieved.get(next).is_some_and(|at| *at <= one.known)
    }
}
