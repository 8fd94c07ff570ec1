//! Connections in fair turn: each goes to the worker that has the fewest on their way to it, of several to the one that
//! has waited longest, and is ours until that worker has acknowledged it.
//!
//! How many may be on their way to a worker depends on how promptly it takes them: one at first, and always to one that
//! takes its time, because what waits here can still go to anybody. One that refuses rests for a moment, one that is told
//! to leave gets no more, and what a dead one left unanswered goes to the front of the queue: it has not read a byte of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use crate::policy::Instant;

/// How long a worker that refused is left alone, so that workers that are all full don't toss a connection about.
const REST: Duration = Duration::from_millis(20);

/// How many connections wait here; more wait in the kernel's accept queue.
const QUEUE: usize = 64;

/// How many connections are on their way to one worker at most.
const UNDER_WAY: u32 = 8;

/// With each answer that came so soon a worker may owe one more; one that took longer halves that.
const PROMPT: Duration = Duration::from_millis(10);

/// Who is to get the next connection. `W` names a worker, `C` a connection.
#[derive(Clone, Debug)]
pub struct Robin<W, C> {
    members: BTreeMap<W, Member>,
    /// Members that may owe one more answer and don't rest, the next in turn first.
    free: BTreeSet<(Place, W)>,
    resting: BTreeMap<W, Instant>,
    /// How many places in the turn were given.
    places: u64,
    queue: VecDeque<C>,
    /// What was handed out and is unanswered, by its number and so by its age.
    flights: BTreeMap<u64, Flight<W, C>>,
}

/// The order of those who are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// It will leave, and gets one only if there is nobody else.
    yields: bool,
    /// How many answers it owes.
    owes: u32,
    /// Grows with each connection that anybody gets.
    number: u64,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    place: Place,
    /// How many answers it may owe.
    window: u32,
}

#[derive(Clone, Debug)]
struct Flight<W, C> {
    worker: W,
    connection: C,
    since: Instant,
    /// Whether somebody was told that it is overdue.
    told: bool,
}

/// What became of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled<C> {
    /// The worker has the connection: ours can be closed.
    Taken(C),
    /// It goes to another worker.
    Back,
    /// Nothing like it was asked of this worker.
    Unknown,
}

impl<W, C> Default for Robin<W, C> {
    fn default() -> Self {
        Self {
            members: BTreeMap::new(),
            free: BTreeSet::new(),
            resting: BTreeMap::new(),
            places: 0,
            queue: VecDeque::new(),
            flights: BTreeMap::new(),
        }
    }
}

impl<W: Copy + Ord, C: Copy> Robin<W, C> {
    /// A worker takes part, as the last in turn.
    pub fn join(&mut self, worker: W) {
        if self.members.contains_key(&worker) {
            return;
        }
        let owes = self.flights.values().filter(|flight| flight.worker == worker).count();
        let place = Place { yields: false, owes: u32::try_from(owes).unwrap_or(u32::MAX), number: self.next_place() };
        self.members.insert(worker, Member { place, window: 1 });
        self.change(worker, |_| {});
    }

    /// A worker announced that it will leave: others come first.
    pub fn yields(&mut self, worker: W) {
        self.change(worker, |member| member.place.yields = true);
    }

    /// A worker gets no more connections. What it owes an answer for stays with it.
    pub fn leave(&mut self, worker: W) {
        if let Some(member) = self.members.remove(&worker) {
            self.free.remove(&(member.place, worker));
            self.resting.remove(&worker);
        }
    }

    /// A worker is dead, and all its answers were heard: what it did not answer for is the next to be handed out.
    pub fn gone(&mut self, worker: W) {
        self.leave(worker);
        let left: Vec<C> =
            self.flights.extract_if(.., |_, flight| flight.worker == worker).map(|(_, f)| f.connection).collect();
        left.into_iter().rev().for_each(|connection| self.queue.push_front(connection));
    }

    /// A connection came.
    pub fn offer(&mut self, connection: C) {
        self.queue.push_back(connection);
    }

    /// Whether connections are to be accepted: there is somebody to serve them, and not too many wait.
    pub fn wants_more(&self) -> bool {
        !self.members.is_empty() && self.queue.len() < QUEUE
    }

    /// The next connection and who is to get it, if both are there; `seq`, greater than any before, is what the answer
    /// will name.
    pub fn assign(&mut self, now: Instant, seq: u64) -> Option<(W, C)> {
        self.queue.front()?;
        let &(place, worker) = self.free.first()?;
        if place.yields && !self.members.values().all(|member| member.place.yields) {
            return None;
        }
        let connection = self.queue.pop_front()?;
        self.flights.insert(seq, Flight { worker, connection, since: now, told: false });
        let number = self.next_place();
        self.change(worker, |member| {
            member.place.owes += 1;
            member.place.number = number;
        });
        Some((worker, connection))
    }

    /// A worker answered for a connection, or it is certain that it never got it (`accepted` is false).
    pub fn answered(&mut self, now: Instant, worker: W, seq: u64, accepted: bool) -> Settled<C> {
        let Some(flight) = self.flights.get(&seq).filter(|flight| flight.worker == worker).cloned() else {
            return Settled::Unknown;
        };
        self.flights.remove(&seq);
        if !accepted && self.members.contains_key(&worker) {
            self.resting.insert(worker, now + REST);
        }
        let prompt = accepted && now.since(flight.since) <= PROMPT;
        self.change(worker, |member| {
            member.place.owes = member.place.owes.saturating_sub(1);
            member.window = if prompt { (member.window + 1).min(UNDER_WAY) } else { (member.window / 2).max(1) };
        });
        if accepted {
            return Settled::Taken(flight.connection);
        }
        self.queue.push_front(flight.connection);
        Settled::Back
    }

    /// Ends the rests that are over.
    pub fn tick(&mut self, now: Instant) {
        let over: Vec<W> = self.resting.extract_if(.., |_, until| *until <= now).map(|(worker, _)| worker).collect();
        over.into_iter().for_each(|worker| self.change(worker, |_| {}));
    }

    /// Workers that have owed an answer for `limit` or longer: each is told once. If it is seen only long after it was due,
    /// nobody looked meanwhile (this process was stopped, the host suspended): then all workers get the time again.
    pub fn overdue(&mut self, now: Instant, limit: Duration) -> Vec<W> {
        let Some(oldest) = self.untold().map(|flight| now.since(flight.since)) else { return Vec::new() };
        if oldest >= limit + UNSEEN {
            self.excuse(now);
            return Vec::new();
        }
        let late = |flight: &&Flight<W, C>| !flight.told && now.since(flight.since) >= limit;
        let late: BTreeSet<W> = self.flights.values().filter(late).map(|flight| flight.worker).collect();
        self.flights.values_mut().filter(|flight| late.contains(&flight.worker)).for_each(|flight| flight.told = true);
        late.into_iter().collect()
    }

    /// Nobody could answer until now: what is not overdue yet has its whole time from here.
    pub fn excuse(&mut self, now: Instant) {
        self.flights.values_mut().filter(|flight| !flight.told).for_each(|flight| flight.since = now);
    }

    /// When a rest ends or, with a limit, an answer is overdue.
    pub fn next_deadline(&self, limit: Option<Duration>) -> Option<Instant> {
        let answer = limit.and_then(|limit| Some(self.untold()?.since + limit));
        self.resting.values().copied().chain(answer).min()
    }

    /// Everything that waits or is unanswered, to be closed; nothing is left.
    pub fn take_all(&mut self) -> Vec<C> {
        let flights = std::mem::take(&mut self.flights).into_values().map(|flight| flight.connection);
        flights.chain(self.queue.drain(..)).collect()
    }

    /// The oldest of the flights that nobody was told of.
    fn untold(&self) -> Option<&Flight<W, C>> {
        self.flights.values().find(|flight| !flight.told)
    }

    fn next_place(&mut self) -> u64 {
        self.places += 1;
        self.places
    }

    /// Changes a member, if it is one, and with it its place among those who are free.
    fn change(&mut self, worker: W, change: impl FnOnce(&mut Member)) {
        let Some(member) = self.members.get_mut(&worker) else { return };
        self.free.remove(&(member.place, worker));
        change(member);
        if member.place.owes < member.window && !self.resting.contains_key(&worker) {
            self.free.insert((member.place, worker));
        }
    }
}

/// So much later than it was due an overdue answer is seen only if nobody looked.
pub const UNSEEN: Duration = Duration::from_secs(1);

#[cfg(test)]
#[path = "robin_tests.rs"]
mod tests;
