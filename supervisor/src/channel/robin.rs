//! Connections in fair turn: each goes to the worker that has waited longest for one, and is ours until that worker has
//! acknowledged it.
//!
//! One connection at a time is on its way to a worker. One that answers gets the next, one that refuses rests for a
//! moment, one that is told to leave gets no more, and what a dead one left unanswered goes to the front of the queue: it
//! has not read a byte of it.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::policy::Instant;

/// How long a worker that refused is left alone, so that workers that are all full don't toss a connection about.
pub const REST: Duration = Duration::from_millis(20);

/// How many connections wait here; more wait in the kernel's accept queue.
pub const QUEUE: usize = 64;

/// Who is to get the next connection. `W` names a worker, `C` a connection.
#[derive(Clone, Debug)]
pub struct Robin<W, C> {
    members: BTreeMap<W, Member>,
    /// Members that owe nothing and don't rest, the one that has waited longest first.
    free: VecDeque<W>,
    queue: VecDeque<C>,
    /// What was handed out and is unanswered, by its number.
    flights: BTreeMap<u64, Flight<W, C>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Member {
    /// It refused a connection and gets none before.
    rests_until: Option<Instant>,
    /// It gets one only if there is nobody else.
    yields: bool,
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
        Self { members: BTreeMap::new(), free: VecDeque::new(), queue: VecDeque::new(), flights: BTreeMap::new() }
    }
}

impl<W: Copy + Ord, C: Copy> Robin<W, C> {
    /// A worker takes part, as the last in turn.
    pub fn join(&mut self, worker: W) {
        if self.members.insert(worker, Member::default()).is_none() {
            self.free_if_idle(worker);
        }
    }

    /// A worker announced that it will leave: others come first.
    pub fn yields(&mut self, worker: W) {
        if let Some(member) = self.members.get_mut(&worker) {
            member.yields = true;
        }
    }

    /// A worker gets no more connections. What it owes an answer for stays with it.
    pub fn leave(&mut self, worker: W) {
        self.members.remove(&worker);
        self.free.retain(|&free| free != worker);
    }

    /// A worker is dead, and all its answers were heard: what it did not answer for is the next to be handed out.
    pub fn gone(&mut self, worker: W) {
        self.leave(worker);
        let left: Vec<u64> = self.flights.iter().filter(|(_, f)| f.worker == worker).map(|(&seq, _)| seq).collect();
        for seq in left.iter().rev() {
            if let Some(flight) = self.flights.remove(seq) {
                self.queue.push_front(flight.connection);
            }
        }
    }

    /// A connection came.
    pub fn offer(&mut self, connection: C) {
        self.queue.push_back(connection);
    }

    /// Whether connections are to be accepted: there is somebody to serve them, and not too many wait.
    pub fn wants_more(&self) -> bool {
        !self.members.is_empty() && self.queue.len() < QUEUE
    }

    /// Whether anybody takes part.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The next connection and who is to get it, if both are there; `seq`, never used before, is what the answer will
    /// name.
    pub fn assign(&mut self, now: Instant, seq: u64) -> Option<(W, C)> {
        self.queue.front()?;
        let yields = |worker: &W| self.members.get(worker).is_some_and(|member| member.yields);
        let place = match self.free.iter().position(|worker| !yields(worker)) {
            Some(place) => place,
            None if self.members.values().all(|member| member.yields) => 0,
            None => return None,
        };
        let worker = self.free.remove(place)?;
        let connection = self.queue.pop_front()?;
        self.flights.insert(seq, Flight { worker, connection, since: now, told: false });
        Some((worker, connection))
    }

    /// A worker answered for a connection, or it is certain that it never got it (`accepted` is false).
    pub fn answered(&mut self, now: Instant, worker: W, seq: u64, accepted: bool) -> Settled<C> {
        let Some(flight) = self.flights.get(&seq).filter(|flight| flight.worker == worker).cloned() else {
            return Settled::Unknown;
        };
        self.flights.remove(&seq);
        if accepted {
            self.free_if_idle(worker);
            return Settled::Taken(flight.connection);
        }
        self.queue.push_front(flight.connection);
        if let Some(member) = self.members.get_mut(&worker) {
            member.rests_until = Some(now + REST);
        }
        Settled::Back
    }

    /// Ends the rests that are over.
    pub fn tick(&mut self, now: Instant) {
        let over = |member: &Member| member.rests_until.is_some_and(|until| until <= now);
        let over: Vec<W> = self.members.iter().filter(|(_, member)| over(member)).map(|(&worker, _)| worker).collect();
        for worker in over {
            if let Some(member) = self.members.get_mut(&worker) {
                member.rests_until = None;
            }
            self.free_if_idle(worker);
        }
    }

    /// Workers that have owed an answer for `limit` or longer: each answer is told once. If it is seen only long after it
    /// was due, nobody looked meanwhile (this process was stopped, the host suspended): then the worker gets the time again.
    pub fn overdue(&mut self, now: Instant, limit: Duration) -> Vec<W> {
        let mut late = Vec::new();
        for flight in self.flights.values_mut().filter(|flight| !flight.told) {
            let owed = now.since(flight.since);
            if owed >= limit + UNSEEN {
                flight.since = now;
            } else if owed >= limit {
                flight.told = true;
                late.push(flight.worker);
            }
        }
        late
    }

    /// When a rest ends or, with a limit, an answer is overdue.
    pub fn next_deadline(&self, limit: Option<Duration>) -> Option<Instant> {
        let rests = self.members.values().filter_map(|member| member.rests_until);
        let untold = self.flights.values().filter(|flight| !flight.told);
        let answers = untold.filter_map(|flight| limit.map(|limit| flight.since + limit));
        rests.chain(answers).min()
    }

    /// Everything that waits or is unanswered, to be closed; nothing is left.
    pub fn take_all(&mut self) -> Vec<C> {
        let flights = std::mem::take(&mut self.flights).into_values().map(|flight| flight.connection);
        flights.chain(self.queue.drain(..)).collect()
    }

    fn free_if_idle(&mut self, worker: W) {
        let rests = self.members.get(&worker).is_none_or(|member| member.rests_until.is_some());
        let owes = self.flights.values().any(|flight| flight.worker == worker);
        if !rests && !owes && !self.free.contains(&worker) {
            self.free.push_back(worker);
        }
    }
}

/// So much later than it was due an overdue answer is seen only if nobody looked.
const UNSEEN: Duration = Duration::from_secs(1);

#[cfg(test)]
#[path = "robin_tests.rs"]
mod tests;
