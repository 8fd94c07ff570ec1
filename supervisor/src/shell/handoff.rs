//! Sockets and connections on their way to workers: who takes part in what, and what is due when.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::channel::{Confirm, HandleKind, Primary, Robin, UNSEEN, disconnect, envelope};
use crate::config::{Handoff, PoolConfig};
use crate::core::{Event, Input, Machine, WorkerId};
use crate::kernel::{Address, Fd, Kernel, Watch};
use crate::policy::Instant;

use super::link::{Content, Link, Parcel};
use super::owners::Owner;
use super::state::Shell;

/// When to try again if too many descriptors are under way.
const CROWDED: Duration = Duration::from_millis(10);

/// Everything about it that outlives a turn of the loop.
#[derive(Debug, Default)]
pub struct Handoffs {
    /// The number of the last message or connection; none is used twice.
    seq: u64,
    /// The last NODE_UNIQUE_ID; none is used twice.
    unique: u64,
    /// The listeners from which we accept ourselves.
    pub turns: BTreeMap<Fd, Turn>,
    /// What the workers of each Node cluster have asked for.
    pub primaries: BTreeMap<u16, Primary<WorkerId, Fd>>,
    /// Sockets that were bound because a worker asked for them.
    pub asked: BTreeSet<Fd>,
    /// Those of them that nobody has though everybody serves, and when they are to be closed.
    pub unused: BTreeMap<Fd, Instant>,
    /// The sockets that places of pools have for themselves: pool, slot, and the first place's socket.
    pub own: BTreeMap<(u16, u32, Fd), Fd>,
    /// Workers that are ready and were not told to leave.
    serving: BTreeSet<WorkerId>,
    /// Workers that were told to leave.
    pub dismissed: BTreeSet<WorkerId>,
    /// How many listeners are on their way to a worker that gets them at its birth.
    parcels: BTreeMap<WorkerId, usize>,
    /// Workers that have not acknowledged a socket that they asked for.
    owing: BTreeMap<WorkerId, Owing>,
    /// Workers of a Node cluster, and when they are to be told to disconnect.
    farewells: BTreeMap<WorkerId, Instant>,
    /// When to try again what did not fit because too many descriptors were under way.
    retry: Option<Instant>,
}

/// Since when a worker owes an answer, and for how long it may.
#[derive(Clone, Copy, Debug)]
struct Owing {
    since: Instant,
    limit: Duration,
}

impl Owing {
    fn until(self) -> Instant {
        self.since + self.limit
    }
}

/// A listener from which we accept, and who gets what comes.
#[derive(Debug, Default)]
pub struct Turn {
    /// Who.
    pub robin: Robin<WorkerId, Fd>,
    /// Accepting failed and is not tried before.
    pub paused_until: Option<Instant>,
    /// When that was last told.
    pub told: Option<Instant>,
    /// An answer that takes longer is overdue.
    pub limit: Duration,
}

impl Handoffs {
    /// A number for the next message or connection.
    pub fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// NODE_UNIQUE_ID of a worker of this pool that is about to be started, if it needs one.
    pub fn next_unique(&mut self, pool: &PoolConfig) -> Option<u64> {
        matches!(pool.handoff, Handoff::NodeCluster { .. }).then(|| {
            self.unique += 1;
            self.unique
        })
    }

    /// Appends the listeners that somebody accepts from now.
    pub fn watches(&self, watches: &mut Vec<Watch>) {
        let accepting = self.turns.iter().filter(|(_, turn)| turn.paused_until.is_none() && turn.robin.wants_more());
        watches.extend(accepting.map(|(&fd, _)| Watch { fd, read: true, write: false }));
    }

    /// When something is due; `None` while nothing is.
    pub fn next_deadline(&self) -> Option<Instant> {
        let turns =
            self.turns.values().flat_map(|turn| [turn.robin.next_deadline(Some(turn.limit)), turn.paused_until]);
        let others = self.farewells.values().chain(self.unused.values()).copied();
        let owing = self.owing.values().map(|owing| owing.until());
        turns.chain([self.retry]).flatten().chain(others).chain(owing).min()
    }
}

impl<K: Kernel, M: Machine> Shell<'_, K, M> {
    /// A worker was started: gives it what it is to get without asking.
    pub fn equip(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get_mut(id) else { return };
        let (Handoff::Node { message, connections: false }, Some(link)) =
            (&worker.settings.config.handoff, &mut worker.link)
        else {
            return;
        };
        for &(_, fd) in &worker.settings.listeners {
            let kind = match self.kernel.bound_address(fd) {
                Some(Address::Udp(address)) => HandleKind::Datagram { v6: address.is_ipv6() },
                Some(Address::Tcp(_) | Address::Unix(_)) | None => HandleKind::Server,
            };
            let parcel = Parcel { fd, content: Content::Listener };
            // One that is deaf already has ended.
            _ = link.pass(self.kernel, envelope(kind, message), parcel, Confirm::First);
        }
        self.handoffs.parcels.insert(id, worker.settings.listeners.len());
    }

    /// A listener that a worker got at its birth has arrived; true if it was the last.
    pub fn parcel_arrived(&mut self, id: WorkerId) -> bool {
        let Some(left) = self.handoffs.parcels.get_mut(&id) else { return false };
        *left -= 1;
        let all = *left == 0;
        if all {
            self.handoffs.parcels.remove(&id);
        }
        all
    }

    /// What an event means for whose turn it is. A worker is out before it learns that it is to leave.
    pub fn rotate(&mut self, event: &Event) {
        match *event {
            Event::Ready { worker } => self.take_part(worker),
            Event::Announce { worker, two_phase: true } => {
                self.handoffs.turns.values_mut().for_each(|turn| turn.robin.yields(worker));
            }
            Event::Scale { pool, workers } => self.keep_own(|of, slot, _| of != pool || slot < workers),
            Event::Retire { worker } | Event::Kill { worker } => self.take_out(worker),
            _ => {}
        }
    }

    fn take_part(&mut self, id: WorkerId) {
        self.handoffs.serving.insert(id);
        for listener in self.listeners_of(id) {
            self.join(id, listener);
        }
    }

    /// The listeners whose connections a worker gets from us, one by one.
    fn listeners_of(&self, id: WorkerId) -> Vec<Fd> {
        let Some(worker) = self.workers.get(id) else { return Vec::new() };
        match worker.settings.config.handoff {
            Handoff::RoundRobin | Handoff::Node { connections: true, .. } => {
                worker.settings.listeners.iter().map(|&(_, fd)| fd).collect()
            }
            Handoff::NodeCluster { round_robin: true } => {
                let primary = self.handoffs.primaries.get(&id.pool);
                let held = primary.into_iter().flat_map(|primary| primary.held_by(id));
                held.filter(|(_, socket)| socket.is_stream).map(|(_, socket)| socket.handle).collect()
            }
            Handoff::Inherit
            | Handoff::Reuseport
            | Handoff::Node { connections: false, .. }
            | Handoff::NodeCluster { round_robin: false } => Vec::new(),
        }
    }

    /// From now on a worker gets connections of this listener, if it serves.
    pub fn join(&mut self, id: WorkerId, listener: Fd) {
        let Some(worker) = self.workers.get(id).filter(|_| self.handoffs.serving.contains(&id)) else { return };
        let turn = self.handoffs.turns.entry(listener).or_default();
        turn.limit = worker.settings.config.handoff_timeout;
        turn.robin.join(id);
        self.owners.add(listener, Owner::Listener);
        self.pump(listener);
    }

    /// From now on a worker gets no connection any more.
    pub fn take_out(&mut self, id: WorkerId) {
        self.handoffs.serving.remove(&id);
        self.handoffs.dismissed.insert(id);
        self.handoffs.turns.values_mut().for_each(|turn| turn.robin.leave(id));
    }

    /// A worker is dead or its channel has ended, and everything that it said was heard: what it did not answer for goes
    /// to others.
    pub fn take_back(&mut self, id: WorkerId) {
        self.take_out(id);
        self.handoffs.parcels.remove(&id);
        self.handoffs.owing.remove(&id);
        self.handoffs.farewells.remove(&id);
        if let Some(primary) = self.handoffs.primaries.get_mut(&id.pool) {
            primary.gone(id);
        }
        let listeners: Vec<Fd> = self.handoffs.turns.keys().copied().collect();
        for listener in listeners {
            if let Some(turn) = self.handoffs.turns.get_mut(&listener) {
                turn.robin.gone(id);
            }
            self.pump(listener);
        }
    }

    /// A socket that a worker asked for has arrived, or never will: from now on it owes the next answer, if any.
    pub fn note_answered(&mut self, id: WorkerId) {
        self.handoffs.owing.remove(&id);
        self.note_owing(id);
    }

    /// A worker was sent a socket that it asked for.
    pub fn note_owing(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get(id) else { return };
        if worker.link.as_ref().is_some_and(Link::owes_socket) {
            let owing = Owing { since: self.kernel.now(), limit: worker.settings.config.handoff_timeout };
            self.handoffs.owing.entry(id).or_insert(owing);
        }
    }

    /// Nobody could answer until now: all have their whole time from here.
    pub fn excuse_handoffs(&mut self) {
        let now = self.kernel.now();
        self.handoffs.turns.values_mut().for_each(|turn| turn.robin.excuse(now));
        self.handoffs.owing.values_mut().for_each(|owing| owing.since = now);
    }

    /// Nothing of a worker is left.
    pub fn forget(&mut self, id: WorkerId) {
        self.take_back(id);
        self.keep_sockets();
        self.handoffs.dismissed.remove(&id);
    }

    /// Has a worker of a Node cluster disconnect after its rest. False if it has no channel.
    pub fn see_out(&mut self, id: WorkerId) -> bool {
        let Some(worker) = self.workers.get(id).filter(|worker| worker.link.is_some()) else { return false };
        let rest = worker.settings.config.rest();
        self.take_out(id);
        self.handoffs.farewells.insert(id, self.kernel.now() + rest);
        true
    }

    /// Does what is due. Everything that workers said before `heard` is known: whoever owed an answer by then hangs.
    pub fn tick_handoffs(&mut self, heard: Instant) {
        let now = self.kernel.now();
        if self.handoffs.next_deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        self.tell_farewells(now);
        if self.handoffs.retry.take_if(|retry| *retry <= now).is_some() {
            for id in self.workers.crowded().clone() {
                if let Some(link) = self.workers.get_mut(id).and_then(|worker| worker.link.as_mut()) {
                    link.flush(self.kernel);
                }
            }
        }
        let mut late = self.owe_too_long(heard);
        let listeners: Vec<Fd> = self.handoffs.turns.keys().copied().collect();
        for listener in listeners {
            if let Some(turn) = self.handoffs.turns.get_mut(&listener) {
                turn.paused_until.take_if(|until| *until <= now);
                turn.robin.tick(now);
                late.extend(turn.robin.overdue(heard, turn.limit));
            }
            self.pump(listener);
        }
        for id in late {
            self.feed(Input::Hung(id));
        }
    }

    /// Workers that owe an answer for longer than they may, as [`Robin::overdue`] has it.
    fn owe_too_long(&mut self, heard: Instant) -> Vec<WorkerId> {
        let unseen = |owing: &Owing| heard.since(owing.until()) >= UNSEEN;
        self.handoffs.owing.values_mut().filter(|owing| unseen(owing)).for_each(|owing| owing.since = heard);
        self.handoffs.owing.extract_if(.., |_, owing| owing.until() <= heard).map(|(id, _)| id).collect()
    }

    fn tell_farewells(&mut self, now: Instant) {
        let due: Vec<WorkerId> =
            self.handoffs.farewells.iter().filter(|(_, at)| **at <= now).map(|(&id, _)| id).collect();
        for id in due {
            self.handoffs.farewells.remove(&id);
            let line = disconnect(self.handoffs.next_seq());
            _ = self.send(id, &line);
        }
    }

    /// Arranges for what is stuck to be tried again. To be called before each wait, when it is known what is watched.
    pub fn retry_what_is_stuck(&mut self) {
        if self.handoffs.retry.is_none() && !self.workers.crowded().is_empty() {
            self.handoffs.retry = Some(self.kernel.now() + CROWDED);
        }
    }

    /// Lets go of the listeners that no configuration in use names: `used` are those that one does.
    pub fn keep_turns(&mut self, used: &BTreeSet<Fd>) {
        let Handoffs { turns, primaries, asked, .. } = &mut self.handoffs;
        let keep = |fd: &Fd| used.contains(fd) || asked.contains(fd);
        primaries.values_mut().for_each(|primary| primary.retain(keep));
        for (listener, mut turn) in turns.extract_if(.., |fd, _| !keep(fd)) {
            self.owners.remove(listener);
            turn.robin.take_all().into_iter().for_each(|connection| self.kernel.close(connection));
        }
    }

    /// The end: closes what is left.
    pub fn close_handoffs(&mut self) {
        let asked = std::mem::take(&mut self.handoffs.asked);
        self.keep_own(|_, _, _| false);
        self.keep_turns(&BTreeSet::new());
        asked.into_iter().for_each(|socket| self.kernel.close(socket));
    }
}

#[cfg(test)]
#[path = "handoff_tests.rs"]
mod tests;
