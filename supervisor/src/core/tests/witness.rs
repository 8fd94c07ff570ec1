//! Looks at one pool.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::core::{Command, Event, Input, ReloadPhase, Revision, Signal, SpawnStep, Word, WorkerId};
use crate::policy::{Instant, Policy};

#[path = "silence.rs"]
mod silence;

/// So many stops leave nobody any time.
pub const HURRIED: u32 = 3;

/// What is seen of a worker that has not ended.
#[derive(Clone, Debug, Default)]
struct Seen {
    revision: Revision,
    ready_since: Option<Instant>,
    retired: bool,
    announced: bool,
    terms: u32,
    /// Its slot was closed, or filled by a worker on trial that was ready before it.
    outside: bool,
    killed: bool,
    hangs: bool,
    interval: Option<Duration>,
    /// It has booted or left by then.
    deadline: Option<Instant>,
    /// If it is silent it hangs, not before the one, and not after the other.
    silent: Option<(Instant, Instant)>,
}

/// What the input that is being taken explains.
#[derive(Debug, Default)]
struct Cause {
    /// A restart that costs nothing.
    free: bool,
    /// Slots closed or opened.
    scale: bool,
    /// The operator wants this slot's worker replaced.
    restart: Option<u32>,
    /// The slot whose worker became ready.
    ready: Option<u32>,
    /// The worker that ended.
    ended: Option<WorkerId>,
    /// The worker that hangs at once.
    hangs: Option<WorkerId>,
}

/// What is known of a pool.
pub struct Witness {
    policy: Policy,
    revision: Revision,
    configured: BTreeMap<Revision, Policy>,
    dropped: BTreeSet<Revision>,
    /// What it was given while it took orders.
    given: BTreeSet<Revision>,
    workers: BTreeMap<WorkerId, Seen>,
    asked: BTreeSet<WorkerId>,
    /// Restarts announced by an event: when each is due.
    due: BTreeMap<WorkerId, Instant>,
    /// Workers whose start costs nothing.
    free: BTreeSet<WorkerId>,
    /// When restarts were started that count.
    charged: BTreeMap<WorkerId, Instant>,
    /// Slots whose replacement the operator has ordered.
    ordered: BTreeSet<u32>,
    reloading: bool,
    /// Whether the last rolling restart was carried through.
    renewed: bool,
    stops: u32,
    serves_until: Option<Instant>,
    ended: bool,
    gave_up: bool,
    full: bool,
    cause: Cause,
}

impl Witness {
    /// Nothing seen yet.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            revision: Revision(0),
            configured: BTreeMap::new(),
            dropped: BTreeSet::new(),
            given: BTreeSet::new(),
            workers: BTreeMap::new(),
            asked: BTreeSet::new(),
            due: BTreeMap::new(),
            free: BTreeSet::new(),
            charged: BTreeMap::new(),
            ordered: BTreeSet::new(),
            reloading: false,
            renewed: false,
            stops: 0,
            serves_until: None,
            ended: false,
            gave_up: false,
            full: false,
            cause: Cause::default(),
        }
    }

    /// An input is about to be given.
    pub fn before(&mut self, number: u16, now: Instant, input: &Input) {
        self.cause = Cause::default();
        match input {
            Input::Command(command) => self.command(*command),
            Input::PoolCommand(pool, command) if *pool == number => self.command(*command),
            Input::Configure(revision, policies) => {
                self.configured.insert(*revision, policies[usize::from(number)].clone());
                if !self.ended && self.serves_until.is_none() {
                    self.given.insert(*revision);
                }
            }
            Input::Word(id, word) if id.pool == number => self.word(now, *id, *word),
            Input::Hung(id) => self.cause.hangs = Some(*id),
            Input::Exited(id, _) => {
                self.cause.ended = Some(*id);
                self.workers.remove(id);
            }
            Input::SpawnFailed(id, error) => {
                // Somebody may wait for one to be gone that was told to leave before it ran.
                self.cause.ended = self.workers.remove(id).filter(|seen| seen.outside).map(|_| *id);
                if matches!(error.step, SpawnStep::Fork) {
                    self.cause.free = self.free.contains(id);
                    self.charged.remove(id);
                }
            }
            Input::PoolCommand(..)
            | Input::Word(..)
            | Input::Start
            | Input::Spawned(_)
            | Input::Disconnected(_)
            | Input::Tick => {}
            Input::Resumed => {
                let everybody: Vec<_> = self.workers.keys().copied().collect();
                everybody.into_iter().for_each(|id| self.heard(now, id));
            }
        }
    }

    fn command(&mut self, command: Command) {
        match command {
            Command::Scale(_) => self.cause.scale = true,
            Command::Restart(slot) => {
                self.cause.restart = Some(slot);
                self.ordered.insert(slot);
            }
            Command::Reload | Command::Stop => {}
        }
    }

    fn word(&mut self, now: Instant, id: WorkerId, word: Word) {
        let stable = self.policy.stable;
        let Some(seen) = self.workers.get_mut(&id) else { return };
        match word {
            Word::Retire => {
                self.cause.free = !seen.retired && seen.ready_since.is_some_and(|since| now.since(since) >= stable);
            }
            Word::Failing => self.cause.hangs = Some(id),
            Word::Interval(span) => seen.interval = Some(span),
            Word::Extend(span) => seen.deadline = seen.deadline.map(|deadline| deadline.max(now + span)),
            Word::Ready | Word::Suicide | Word::Alive => {}
        }
        self.heard(now, id);
    }

    /// A start is asked for.
    pub fn spawn(&mut self, now: Instant, id: WorkerId, revision: Revision) {
        assert!(!self.ended, "{id:?} started after the end began");
        assert!(self.asked.insert(id), "{id:?} asked for twice");
        assert!(id.slot < self.policy.workers, "{id:?} started in a closed slot");
        self.check_revision(id, revision);
        match self.due.remove(&id) {
            Some(due) => assert!(due <= now, "{id:?} started before it was due"),
            None => {
                let gap = self.cause.ended.is_some_and(|ended| ended.slot == id.slot && ended.pool == id.pool);
                let by_order = self.cause.scale || self.cause.restart == Some(id.slot) || gap;
                assert!(id.generation == 1 || self.reloading || by_order, "{id:?} started for no reason");
                self.free.insert(id);
            }
        }
        if !self.free.contains(&id) {
            self.charge(now, id);
        }
        self.workers.insert(id, Seen { revision, ..Seen::default() });
        self.check_slot(id);
    }

    /// Nothing is started of a configuration that was dropped; of one on trial there is one worker.
    fn check_revision(&self, id: WorkerId, revision: Revision) {
        if revision != self.revision {
            assert!(self.configured.contains_key(&revision), "{id:?} of nothing");
            assert!(!self.dropped.contains(&revision), "{id:?} is of {revision:?}, which was dropped");
            assert!(self.reloading, "{id:?} is of {revision:?}, which is not on trial");
            let others = self.workers.values().filter(|seen| seen.revision == revision && !seen.retired).count();
            assert_eq!(others, 0, "{id:?} is not the only one on trial");
        }
    }

    fn check_slot(&self, id: WorkerId) {
        let coming = |slot| self.in_slot(slot).filter(|seen| seen.ready_since.is_none()).count();
        let in_force = |seen: &&Seen| seen.ready_since.is_none() && seen.revision == self.revision;
        assert!(self.in_slot(id.slot).filter(in_force).count() <= 1, "two replacements in slot {}", id.slot);
        assert!(self.in_slot(id.slot).count() <= 2, "three in slot {}", id.slot);
        let surplus = |&slot: &u32| {
            let serves = self.in_slot(slot).any(|seen| seen.ready_since.is_some() && !seen.announced);
            serves && coming(slot) > 0 && !self.ordered.contains(&slot)
        };
        if surplus(&id.slot) {
            assert!(self.reloading, "{id:?} beside a worker that serves");
            let surplus = (0..self.policy.workers).filter(surplus).count();
            assert!(surplus <= self.policy.surge.min(self.policy.at_once.max(1)) as usize, "{surplus} too many");
        }
    }

    fn charge(&mut self, now: Instant, id: WorkerId) {
        self.charged.insert(id, now);
        if let Some(limit) = self.policy.limit {
            let window = self.charged.values().filter(|&&at| now.since(at) < limit.within).count();
            assert!(window <= limit.restarts as usize, "{window} restarts in a window, {limit:?}");
        }
    }

    /// Workers of a slot that serve or are to serve. One that was killed while it served only has to go.
    fn in_slot(&self, slot: u32) -> impl Iterator<Item = &Seen> {
        let gone = |seen: &Seen| seen.retired || seen.outside || (seen.killed && seen.ready_since.is_some());
        self.workers.iter().filter(move |(id, seen)| id.slot == slot && !gone(seen)).map(|(_, seen)| seen)
    }

    /// Nobody is told to leave without a reason; above all not by a rolling restart before the successor is ready.
    pub fn signal(&mut self, id: WorkerId, signal: Signal) {
        let without_surge = self.policy.surge == 0 && (self.reloading || self.ordered.contains(&id.slot));
        let reason = self.ended || self.cause.scale || self.cause.ready == Some(id.slot) || without_surge;
        let seen = self.workers.get_mut(&id).expect("a signal to nobody");
        match signal {
            Signal::Term => {
                assert!(reason || seen.outside, "{id:?} told to leave for no reason");
                seen.terms += 1;
            }
            Signal::Kill => assert!(seen.killed, "SIGKILL without its event"),
        }
        assert!(seen.terms <= 1, "{id:?} was told twice");
    }

    /// An order on the channel.
    pub fn told_to_drain(&mut self, id: WorkerId) {
        let seen = &self.workers[&id];
        assert!(seen.announced, "an order for {id:?}, which does not wait for it");
        assert_eq!(seen.terms, 0);
    }

    /// A configuration took effect, true, or was dropped.
    pub fn settle(&mut self, now: Instant, revision: Revision) -> bool {
        if revision == self.revision {
            let tried = self.workers.values().map(|seen| seen.revision).filter(|&other| other > revision);
            self.dropped.extend(tried);
            return false;
        }
        let tried = self.serving().find(|(_, seen)| seen.revision == revision).map(|(&id, _)| id);
        let tried = tried.unwrap_or_else(|| panic!("{revision:?} is in force before a worker of it is ready"));
        let policy = self.configured[&revision].clone();
        self.policy = Policy { workers: self.policy.workers, ..policy };
        self.revision = revision;
        self.takes_over(tried);
        for id in self.workers.keys().copied().collect::<Vec<_>>() {
            self.heard(now, id);
        }
        true
    }

    /// An event about this pool or one of its workers.
    pub fn event(&mut self, now: Instant, event: &Event) {
        match event {
            Event::Online { worker } => {
                let revision = self.seen(worker).revision;
                let timeout = self.configured.get(&revision).unwrap_or(&self.policy).ready_timeout;
                self.seen(worker).deadline = Some(now + timeout);
            }
            Event::Ready { worker } => self.ready(now, *worker),
            Event::Announce { worker, .. } => self.seen(worker).announced = true,
            Event::Retire { worker } => {
                let drain = self.policy.drain;
                let seen = self.seen(worker);
                assert!(!seen.retired, "{worker:?} retired twice");
                (seen.retired, seen.silent, seen.deadline) = (true, None, Some(now + drain));
            }
            Event::Restart { worker, delay } => self.restart(now, *worker, *delay),
            Event::GiveUp { restarts, .. } => {
                assert!(*restarts >= self.policy.limit.expect("a give-up without a limit").restarts);
                self.gave_up = true;
            }
            Event::LameDuck { span, .. } => {
                assert_eq!(*span, self.policy.lame_duck);
                self.serves_until = Some(now + *span);
            }
            Event::Draining { .. } => {
                self.ended = true;
                // It was told to stop before that, if it was a lame duck.
                if self.serves_until.take().is_some() {
                    self.stops = self.stops.max(HURRIED - 1);
                }
            }
            Event::Kill { worker } => self.kill(now, worker),
            Event::Hang { worker } => {
                let at_once = self.cause.hangs == Some(*worker);
                let seen = self.seen(worker);
                let silent = seen.silent.is_some_and(|(from, _)| from <= now);
                assert!(!seen.retired && (at_once || silent), "{worker:?} does not hang at {now}: {seen:?}");
                seen.hangs = true;
            }
            Event::Scale { workers, .. } => {
                self.cause.scale = true;
                self.policy.workers = *workers;
                self.cancel(|id| id.slot >= *workers);
                for (_, seen) in self.workers.iter_mut().filter(|(id, _)| id.slot >= *workers) {
                    seen.outside = true;
                }
            }
            Event::Reload { phase, .. } => {
                // What is cancelled in a lame duck is the new order; the one before goes on.
                let goes_on = *phase == ReloadPhase::Cancelled && self.serves_until.is_some() && self.reloading;
                self.reloading = goes_on || matches!(phase, ReloadPhase::Began | ReloadPhase::Absorbed);
                self.renewed = *phase == ReloadPhase::Done;
                if *phase == ReloadPhase::Aborted {
                    let tried = self.workers.values_mut().filter(|seen| seen.revision > self.revision);
                    tried.for_each(|seen| seen.outside = true);
                }
                if *phase == ReloadPhase::Done {
                    let old = self.serving().find(|(_, seen)| seen.revision != self.revision);
                    assert!(old.is_none(), "{old:?} was left");
                }
            }
            Event::Setup { .. } | Event::Listening { .. } | Event::Close { .. } | Event::Error { .. } => {}
            Event::Fork { .. }
            | Event::Disconnect { .. }
            | Event::Exit { .. }
            | Event::DrainDeadline { .. }
            | Event::ReloadRefused { .. }
            | Event::Stop { .. } => {}
        }
    }

    fn ready(&mut self, now: Instant, id: WorkerId) {
        let seen = self.seen(&id);
        assert!(seen.ready_since.is_none() && !seen.retired);
        seen.ready_since = Some(now);
        seen.deadline = None;
        if self.workers[&id].revision <= self.revision {
            self.takes_over(id);
        }
        self.heard(now, id);
    }

    /// A worker is ready, and not on trial any more: nobody else is wanted in its slot.
    fn takes_over(&mut self, id: WorkerId) {
        self.cause.ready = Some(id.slot);
        self.ordered.remove(&id.slot);
        self.cancel(|due| due.slot == id.slot);
        let revision = self.seen(&id).revision;
        let overtaken = |other: &WorkerId, seen: &Seen| {
            other.slot == id.slot && seen.ready_since.is_none() && seen.revision < revision
        };
        for (_, seen) in self.workers.iter_mut().filter(|(other, seen)| overtaken(other, seen)) {
            seen.outside = true;
        }
    }

    /// Restarts that will not be: the next with that number is another one.
    fn cancel(&mut self, which: impl Fn(&WorkerId) -> bool) {
        for (id, _) in self.due.extract_if(.., |id, _| which(id)) {
            self.free.remove(&id);
        }
    }

    fn restart(&mut self, now: Instant, id: WorkerId, delay: Duration) {
        assert!(delay <= self.policy.backoff.cap);
        let before = self.due.insert(id, now + delay);
        // What was due already was left to a worker on trial, since the limit allowed no more.
        let left_to_a_trial = !self.reloading && before.is_some_and(|at| at <= now);
        if before.is_some() && !left_to_a_trial {
            let by_order = self.cause.restart == Some(id.slot);
            assert!(self.reloading || by_order, "{id:?} scheduled twice");
            if !self.free.insert(id) && !by_order {
                // A worker on trial takes its number, and the restart, as free as it was, the next.
                self.free.insert(WorkerId { generation: id.generation + 1, ..id });
            }
        }
        if self.cause.free {
            self.free.insert(id);
        }
    }

    fn seen(&mut self, id: &WorkerId) -> &mut Seen {
        self.workers.get_mut(id).expect("an event about nobody")
    }

    /// SIGKILL comes at a deadline, to one that hangs, or with a second stop.
    fn kill(&mut self, now: Instant, id: &WorkerId) {
        let hurried = self.stops >= HURRIED;
        let seen = self.seen(id);
        let due = seen.deadline.is_some_and(|deadline| deadline <= now);
        assert!(due || hurried || seen.hangs, "{id:?} killed at {now}: {seen:?}");
        assert!(!seen.killed, "{id:?} killed twice");
        (seen.killed, seen.deadline, seen.silent) = (true, None, None);
    }

    /// Nobody may be past a deadline.
    pub fn after(&self, now: Instant) {
        for (id, seen) in &self.workers {
            let late = seen.deadline.is_some_and(|deadline| deadline < now);
            let silent = seen.silent.is_some_and(|(_, until)| until < now);
            assert!(!late && !silent, "{id:?} is past its deadline at {now}: {seen:?}");
        }
        if !self.ended {
            let full = self.policy.limit.is_some_and(|limit| self.charged.len() >= limit.restarts as usize);
            let tried = |slot| full && self.in_slot(slot).any(|seen| seen.revision > self.revision);
            let late = self.due.iter().find(|(id, at)| **at < now && !tried(id.slot));
            assert!(late.is_none(), "{late:?} was not started when due");
            let ready = self.serving().count();
            assert!(!self.full || ready >= self.policy.workers as usize, "{ready} ready at {now}");
            let left = (0..self.policy.workers).find(|&slot| self.is_left_to_a_trial(slot));
            assert!(left.is_none() || self.policy.surge == 0, "slot {left:?} is left to a worker on trial");
        }
    }

    /// Whether only the worker of a configuration on trial, which may never be ready, is to serve in a slot, although the
    /// limit allows to start another one. One that was killed while it served is replaced when it has ended.
    fn is_left_to_a_trial(&self, slot: u32) -> bool {
        let on_trial = |seen: &Seen| seen.revision > self.revision;
        let alone = self.in_slot(slot).count() == 1 && self.in_slot(slot).any(on_trial);
        let counted = self.charged.len() + self.due.len();
        let allowed = self.policy.limit.is_none_or(|limit| counted < limit.restarts as usize);
        let dying = self.workers.iter().any(|(id, seen)| id.slot == slot && seen.killed && !seen.retired);
        alone && allowed && !dying && !self.due.keys().any(|id| id.slot == slot)
    }

    /// From now on fewer ready workers than wanted are an error.
    pub fn demand_full_pool(&mut self) {
        self.full = true;
    }

    fn serving(&self) -> impl Iterator<Item = (&WorkerId, &Seen)> {
        self.workers.iter().filter(|(_, seen)| seen.ready_since.is_some() && !seen.retired && !seen.killed)
    }

    /// The worker that has served longest and has not announced.
    pub fn oldest_that_serves(&self) -> Option<(Instant, WorkerId)> {
        let serving = self.serving().filter(|(_, seen)| !seen.announced);
        serving.filter_map(|(id, seen)| Some((seen.ready_since?, *id))).min()
    }

    /// Nothing has gone wrong for long: N ready, all of the configuration in force if that was carried through, nobody
    /// else; or the end.
    pub fn at_rest(&self) {
        if self.ended {
            return assert!(self.is_over(), "it ought to have ended");
        }
        assert_eq!(self.serving().count(), self.policy.workers as usize);
        assert_eq!(self.workers.len(), self.policy.workers as usize, "{:?}", self.workers);
        assert!(!self.reloading, "a rolling restart that does not end");
        let old = self.workers.values().any(|seen| seen.revision != self.revision);
        assert!(!self.renewed || !old, "old workers are left: {:?}", self.workers);
    }

    /// Whether its workers may be told to leave now because of a stop.
    pub fn may_drain(&self, now: Instant) -> bool {
        self.stops >= HURRIED - 1 || self.serves_until.is_none_or(|until| until <= now)
    }

    /// Whether a configuration must not take effect in any pool yet: its worker on trial is not ready here.
    pub fn objects_to(&self, revision: Revision) -> bool {
        let tried = self.revision >= revision || self.serving().any(|(_, seen)| seen.revision == revision);
        !self.ended && self.given.contains(&revision) && !tried
    }

    /// How often it was told to stop: once for a lame duck, once more to drain, once more in a hurry.
    pub fn stops(&self) -> u32 {
        self.stops
    }

    /// It hears a stop if it heard that many.
    pub fn stop_if(&mut self, least: u32) {
        if self.stops == least {
            let drains = least == 0 && (self.policy.lame_duck.is_zero() || self.ended);
            self.stops = if drains { HURRIED - 1 } else { least + 1 };
        }
    }

    /// Whether its end has begun.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Whether nobody is left and nobody may come.
    pub fn is_over(&self) -> bool {
        self.ended && self.workers.is_empty()
    }

    /// Whether the restart limit was reached.
    pub fn gave_up(&self) -> bool {
        self.gave_up
    }
}
