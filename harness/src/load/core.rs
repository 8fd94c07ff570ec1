//! The pure core of the load: when to connect, what to ask, what became of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::history::{Outcome, Proc};
use crate::puppet::Request;
use crate::scenario::Load;
use crate::time::Time;

use super::conn::{Conn, Purpose, Stage};
use super::gather::{Gather, Next, OWNER_GRACE};
use super::schedule::Schedule;
use super::{Action, Input};

/// A connect that has not returned after this is `NotAccepted`. A dropped SYN is sent again after 1 s, so two of them
/// may be lost.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(3);

/// A request that is not answered this long after the time that the server was asked to take is a `Hang`.
pub const ANSWER_DEADLINE: Duration = Duration::from_secs(10);

/// A word of a worker's journal about a port that no client knows yet is kept for so long: the worker may be quicker
/// than the client's own connect.
const EARLY: Duration = Duration::from_secs(1);

/// A load and how far it is.
#[derive(Debug)]
struct Running {
    load: Load,
    state: State,
}

#[derive(Debug)]
enum State {
    Off,
    Open(Schedule),
    Set(Gather),
}

/// All clients of a run.
#[derive(Debug)]
pub struct Clients {
    loads: Vec<Running>,
    workers: u32,
    conns: BTreeMap<u32, Conn>,
    /// The deadlines of open connections.
    deadlines: BTreeSet<(Time, u32)>,
    /// When open connections do something by themselves.
    wakes: BTreeSet<(Time, u32)>,
    /// Open connections by their local ports.
    peers: BTreeMap<u32, u32>,
    /// Who accepted from ports that are not known yet, and when.
    early: BTreeMap<u32, (Time, Proc)>,
    made: u32,
    /// How many requests of connections that are used again are over.
    over: u32,
}

impl Clients {
    /// The clients of these loads; none has started. `workers` is what `per_worker` counts.
    pub fn new(loads: &[Load], workers: u32) -> Self {
        let loads = loads.iter().map(|load| Running { load: load.clone(), state: State::Off }).collect();
        let (conns, deadlines, wakes) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
        Self {
            loads,
            workers,
            conns,
            deadlines,
            wakes,
            peers: BTreeMap::new(),
            early: BTreeMap::new(),
            made: 0,
            over: 0,
        }
    }

    /// Takes one input and appends what is to be done. An input about a connection that is over is ignored.
    pub fn step(&mut self, now: Time, input: Input, actions: &mut Vec<Action>) {
        match input {
            Input::Start(name) => self.start(now, &name, actions),
            Input::Stop(name) => self.stop(now, &name, actions),
            Input::Tick => {}
            Input::Opened(id, peer) => self.opened(now, id, peer, actions),
            Input::NotOpened(id, failure) | Input::Failed(id, failure) => {
                let outcome = self.conns.get(&id).map_or(failure.outcome(), |conn| conn.failed(failure));
                self.end(now, id, outcome, actions);
            }
            Input::Sent(id) => self.sent(now, id),
            Input::Partial(id) => {
                if let Some(conn) = self.conns.get_mut(&id).filter(|conn| conn.stage == Stage::Waiting) {
                    conn.stage = Stage::Partial;
                    if let Purpose::Read(_) = conn.purpose {
                        self.reached(now, id);
                    }
                }
            }
            Input::Answered(id, owner) => self.answered(now, id, owner, false, actions),
            Input::LastAnswer(id, owner) => self.answered(now, id, owner, true, actions),
            Input::Closed(id) => {
                if let Some(outcome) = self.conns.get(&id).map(Conn::closed) {
                    self.end(now, id, outcome, actions);
                }
            }
            Input::AcceptedBy(peer, at, owner) => self.accepted(peer, at, owner),
        }
        self.run_due(now, actions);
    }

    /// When [`Input::Tick`] is wanted next.
    pub fn next_deadline(&self) -> Option<Time> {
        let conns = self.deadlines.first().map(|(at, _)| *at);
        let loads = self.loads.iter().filter_map(|running| match &running.state {
            State::Off => None,
            State::Open(schedule) => Some(schedule.due()),
            State::Set(set) => self.grace_ends(set),
        });
        loads.chain(conns).chain(self.wakes.first().map(|(at, _)| *at)).min()
    }

    /// Ends everything: each connection that is still open and within its deadline is recorded as `Dropped`.
    pub fn finish(&mut self, now: Time, actions: &mut Vec<Action>) {
        self.loads.iter_mut().for_each(|running| running.state = State::Off);
        self.run_due(now, actions);
        while let Some(id) = self.conns.keys().next().copied() {
            self.end(now, id, Outcome::Dropped, actions);
        }
    }

    /// The worker that owns an open connection of this load, if one is known; of several the oldest connection's.
    pub fn owner_of(&self, load: &str) -> Option<Proc> {
        self.conns.values().filter(|conn| conn.record.load == load).find_map(|conn| conn.record.owner)
    }

    fn run_due(&mut self, now: Time, actions: &mut Vec<Action>) {
        while let Some((_, id)) = self.deadlines.first().copied().filter(|(at, _)| *at <= now) {
            let outcome = self.conns.get(&id).map_or(Outcome::Hang, Conn::given_up);
            self.end(now, id, outcome, actions);
        }
        while let Some((_, id)) = self.wakes.first().copied().filter(|(at, _)| *at <= now) {
            self.wake(now, id, actions);
        }
        for index in 0..self.loads.len() {
            while let State::Open(schedule) = &mut self.loads[index].state
                && schedule.due() <= now
            {
                let due = schedule.due();
                let request = schedule.take();
                self.connect(now, index, (Purpose::Once, request, Some(due)), actions);
            }
            self.check_held(now, index, actions);
        }
    }

    fn start(&mut self, now: Time, name: &str, actions: &mut Vec<Action>) {
        let Some(index) = self.loads.iter().position(|running| running.load.name() == name) else { return };
        let running = &mut self.loads[index];
        if !matches!(running.state, State::Off) {
            return;
        }
        if let Some(schedule) = Schedule::of(&running.load, now) {
            running.state = State::Open(schedule);
        } else if let Some(set) = Gather::of(&running.load, self.workers, now) {
            let (purpose, request, each) = (set.purpose, set.request, set.each);
            let seeks = set.workers.is_some();
            running.state = State::Set(set);
            if seeks {
                self.seek(now, index, actions);
            } else {
                (0..each).for_each(|_| self.connect(now, index, (purpose, request, None), actions));
            }
        }
    }

    fn stop(&mut self, now: Time, name: &str, actions: &mut Vec<Action>) {
        for running in self.loads.iter_mut().filter(|running| running.load.name() == name) {
            running.state = State::Off;
        }
        let kept = |conn: &&Conn| conn.record.load == name && conn.purpose != Purpose::Once;
        let ids: Vec<u32> = self.conns.values().filter(kept).map(|conn| conn.record.id).collect();
        ids.into_iter().for_each(|id| self.end(now, id, Outcome::Dropped, actions));
    }

    fn connect(&mut self, now: Time, load: usize, what: (Purpose, Request, Option<Time>), actions: &mut Vec<Action>) {
        let (purpose, request, due) = what;
        let id = self.made;
        self.made = self.made.wrapping_add(1);
        let conn = Conn::new(id, (load, self.loads[load].load.name()), purpose, request, due, now);
        self.deadlines.extend(conn.deadline.map(|at| (at, id)));
        self.conns.insert(id, conn);
        actions.push(Action::Connect(id));
    }

    /// Changes a connection and keeps the list of deadlines true.
    fn change<T>(&mut self, id: u32, how: impl FnOnce(&mut Conn) -> T) -> Option<T> {
        let conn = self.conns.get_mut(&id)?;
        let before = (conn.deadline, conn.wake);
        let result = how(conn);
        if before.0 != conn.deadline {
            before.0.map(|at| self.deadlines.remove(&(at, id)));
            self.deadlines.extend(conn.deadline.map(|at| (at, id)));
        }
        if before.1 != conn.wake {
            before.1.map(|at| self.wakes.remove(&(at, id)));
            self.wakes.extend(conn.wake.map(|at| (at, id)));
        }
        Some(result)
    }

    /// A connection does what it does by itself.
    fn wake(&mut self, now: Time, id: u32, actions: &mut Vec<Action>) {
        let Some(conn) = self.conns.get(&id) else { return };
        let request = conn.request;
        match conn.purpose {
            Purpose::Trickle(every) => {
                self.change(id, |conn| conn.wake = Some(now + every));
                actions.push(Action::Byte(id, request));
            }
            Purpose::Read(bulk) | Purpose::Write(bulk) => {
                let reads = matches!(conn.purpose, Purpose::Read(_));
                let piece = self.change(id, |conn| conn.next_piece(bulk)).unwrap_or_default();
                actions.push(if reads { Action::Read(id, piece) } else { Action::Write(id, piece) });
            }
            _ => {
                self.change(id, |conn| {
                    conn.due = conn.wake.take().unwrap_or(now);
                    conn.ask(now, request);
                });
                actions.push(Action::Send(id, request));
            }
        }
    }

    fn opened(&mut self, now: Time, id: u32, peer: u32, actions: &mut Vec<Action>) {
        let Some(conn) = self.conns.get(&id).filter(|conn| conn.stage == Stage::Connecting) else { return };
        let tried = conn.record.tried;
        let owner = self.early.remove(&peer).filter(|(accepted, _)| *accepted >= tried).map(|(_, owner)| owner);
        self.peers.insert(peer, id);
        if self.change(id, |conn| conn.opened(now, peer, owner)) == Some(true) {
            actions.push(Action::Send(id, self.conns[&id].request));
        } else {
            self.reached(now, id);
        }
    }

    fn sent(&mut self, now: Time, id: u32) {
        let Some(conn) = self.conns.get_mut(&id) else { return };
        if conn.stage == Stage::Connecting || conn.record.sent.is_some() {
            return;
        }
        if conn.stage == Stage::Writing {
            self.change(id, |conn| conn.written(now));
            return;
        }
        let held = matches!(conn.purpose, Purpose::Hold | Purpose::Write(_));
        self.change(id, |conn| conn.begun(now));
        if held {
            self.reached(now, id);
        }
    }

    fn answered(&mut self, now: Time, id: u32, owner: Proc, last: bool, actions: &mut Vec<Action>) {
        let Some(conn) = self.conns.get(&id) else { return };
        if !matches!(conn.stage, Stage::Waiting | Stage::Partial) {
            return;
        }
        let (purpose, load) = (conn.purpose, conn.load);
        if let Some(conn) = self.conns.get_mut(&id) {
            conn.record.owner = Some(owner);
        }
        self.request_over(now, id, Outcome::Ok, actions);
        let answers = self.change(id, |conn| conn.answered(now, owner)).unwrap_or_default();
        match purpose {
            Purpose::Once | Purpose::Hold | Purpose::Trickle(_) | Purpose::Read(_) | Purpose::Write(_) => {
                self.end(now, id, Outcome::Ok, actions)
            }
            Purpose::Park => self.reached(now, id),
            Purpose::Reuse(think) => {
                // Spread evenly enough, and the same in every run.
                let share = id.wrapping_mul(7).wrapping_add(answers).wrapping_mul(5) % 16;
                self.change(id, |conn| conn.wake = (!last).then(|| now + think * share / 16));
                if answers == 1 {
                    self.reached(now, id);
                }
            }
            Purpose::Seek => {
                if let State::Set(set) = &mut self.loads[load].state
                    && !set.found(owner)
                {
                    self.conns.get_mut(&id).into_iter().for_each(|conn| conn.purpose = Purpose::Once);
                    self.end(now, id, Outcome::Ok, actions);
                }
                self.seek(now, load, actions);
            }
            Purpose::Mute => {}
        }
    }

    /// Ports are used again: what was accepted before a connection was tried is another one, of which is told late.
    fn accepted(&mut self, peer: u32, at: Time, owner: Proc) {
        match self.peers.get(&peer).and_then(|id| self.conns.get_mut(id)) {
            Some(conn) if conn.record.tried <= at => conn.record.owner = Some(owner),
            Some(_) => {}
            None => {
                self.early.retain(|_, (accepted, _)| at.since(*accepted) < EARLY);
                self.early.insert(peer, (at, owner));
            }
        }
    }

    /// A request is over, if this connection has one of several under way.
    fn request_over(&mut self, now: Time, id: u32, outcome: Outcome, actions: &mut Vec<Action>) {
        if let Some(over) = self.conns.get(&id).and_then(|conn| conn.over(self.over, now, outcome)) {
            self.over = self.over.wrapping_add(1);
            actions.push(Action::Over(over));
        }
    }

    /// A connection is over.
    fn end(&mut self, now: Time, id: u32, outcome: Outcome, actions: &mut Vec<Action>) {
        self.request_over(now, id, outcome, actions);
        let Some(mut conn) = self.conns.remove(&id) else { return };
        conn.deadline.map(|at| self.deadlines.remove(&(at, id)));
        conn.wake.map(|at| self.wakes.remove(&(at, id)));
        if self.peers.get(&conn.record.peer) == Some(&id) {
            self.peers.remove(&conn.record.peer);
        }
        conn.record.ended = now;
        conn.record.outcome = outcome;
        let (purpose, load, owner) = (conn.purpose, conn.load, conn.record.owner);
        // Who was turned away or lost its answer does not come back: there may be nobody any more.
        let comes_back = matches!(purpose, Purpose::Reuse(_)) && outcome == Outcome::Ok;
        actions.push(Action::Close(id));
        actions.push(Action::Record(Box::new(conn.record)));
        if comes_back && matches!(self.loads[load].state, State::Set(_)) {
            self.connect(now, load, (purpose, conn.request, None), actions);
        }
        if purpose == Purpose::Seek
            && let State::Set(set) = &mut self.loads[load].state
        {
            if conn.stage == Stage::Idle {
                set.lost(owner);
            }
            self.seek(now, load, actions);
        }
    }

    /// A connection of a set got as far as it should.
    fn reached(&mut self, now: Time, id: u32) {
        let load = self.conns.get(&id).map(|conn| conn.load);
        if let Some(State::Set(set)) = load.map(|load| &mut self.loads[load].state) {
            set.reached = set.reached.saturating_add(1);
            set.last = now;
        }
    }

    /// Goes on with a set that wants connections on each worker, when nothing of it is outstanding.
    fn seek(&mut self, now: Time, load: usize, actions: &mut Vec<Action>) {
        let mine = |conn: &&Conn| conn.load == load && conn.purpose == Purpose::Seek;
        if self.conns.values().filter(mine).any(|conn| conn.stage != Stage::Idle) {
            return;
        }
        let State::Set(set) = &mut self.loads[load].state else { return };
        let (purpose, request) = (set.purpose, set.request);
        match set.next() {
            Next::More(count) => {
                let who = Request::Who { keep_alive: true };
                (0..count).for_each(|_| self.connect(now, load, (Purpose::Seek, who, None), actions));
            }
            // An incomplete set is used, too; it is just never said to be held.
            Next::Complete | Next::Fruitless => {
                let ids: Vec<u32> = self.conns.values().filter(mine).map(|conn| conn.record.id).collect();
                ids.into_iter().for_each(|id| self.use_found(now, id, purpose, request, actions));
            }
        }
    }

    fn use_found(&mut self, now: Time, id: u32, purpose: Purpose, request: Request, actions: &mut Vec<Action>) {
        self.change(id, |conn| {
            conn.purpose = purpose;
            match purpose {
                Purpose::Hold => conn.ask(now, request),
                Purpose::Reuse(_) => conn.wake = Some(now),
                _ => {}
            }
        });
        if purpose == Purpose::Hold {
            actions.push(Action::Send(id, request));
        } else {
            self.reached(now, id);
        }
    }

    /// When a set whose connections are all there stops waiting for their owners' names.
    fn grace_ends(&self, set: &Gather) -> Option<Time> {
        (!set.held && set.reached >= set.wanted()).then(|| set.last + OWNER_GRACE)
    }

    fn check_held(&mut self, now: Time, index: usize, actions: &mut Vec<Action>) {
        let State::Set(set) = &self.loads[index].state else { return };
        let Some(grace) = self.grace_ends(set) else { return };
        let nameless = |conn: &Conn| conn.load == index && conn.purpose != Purpose::Mute && conn.record.owner.is_none();
        if grace <= now || !self.conns.values().any(nameless) {
            if let State::Set(set) = &mut self.loads[index].state {
                set.held = true;
            }
            actions.push(Action::Held(self.loads[index].load.name().to_owned()));
        }
    }
}

#[cfg(test)]
mod tests;
