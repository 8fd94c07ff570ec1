//! Looks at inputs and actions alone and knows what must hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::core::{Action, Command, ErrorEvent, Event, Input, ReloadPhase, Signal, SpawnStep, Word, WorkerId};
use crate::policy::{ExitCode, Instant, Policy};

/// What is seen of a worker that has not ended.
#[derive(Clone, Debug, Default)]
struct Seen {
    booting_since: Option<Instant>,
    ready_since: Option<Instant>,
    retired: Option<Instant>,
    announced: bool,
    terms: u32,
    killed: bool,
}

/// The observer.
pub struct Observer {
    policy: Policy,
    workers: BTreeMap<WorkerId, Seen>,
    asked: BTreeSet<WorkerId>,
    /// Restarts announced by an event: when each is due.
    due: BTreeMap<WorkerId, Instant>,
    /// Workers whose start costs nothing.
    free: BTreeSet<WorkerId>,
    /// When restarts were started that count.
    charged: BTreeMap<WorkerId, Instant>,
    free_cause: bool,
    reloading: bool,
    stops: u32,
    gave_up: bool,
    over: Option<ExitCode>,
    full: bool,
}

impl Observer {
    /// Nothing seen yet.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            workers: BTreeMap::new(),
            asked: BTreeSet::new(),
            due: BTreeMap::new(),
            free: BTreeSet::new(),
            charged: BTreeMap::new(),
            free_cause: false,
            reloading: false,
            stops: 0,
            gave_up: false,
            over: None,
            full: false,
        }
    }

    /// An input is about to be given.
    pub fn before(&mut self, now: Instant, input: &Input) {
        self.free_cause = false;
        match input {
            Input::Word(id, Word::Retire) => self.free_cause = self.ran_stable(*id, now),
            Input::Command(Command::Stop) if self.over.is_none() => self.stops += 1,
            Input::Exited(id, _) => {
                self.workers.remove(id);
            }
            Input::SpawnFailed(id, error) => {
                self.workers.remove(id);
                if matches!(error.step, SpawnStep::Fork) {
                    self.free_cause = self.free.contains(id);
                    self.charged.remove(id);
                }
            }
            Input::Start
            | Input::Spawned(_)
            | Input::Word(..)
            | Input::Disconnected(_)
            | Input::Hung(_)
            | Input::Command(_)
            | Input::PoolCommand(..)
            | Input::Configure(..)
            | Input::Tick => {}
        }
    }

    /// One action.
    pub fn action(&mut self, now: Instant, action: &Action) {
        assert_eq!(self.over, None, "an action after the exit: {action:?}");
        match action {
            Action::Spawn(id, _) => self.spawn(now, *id),
            Action::Emit(event) => self.event(now, event),
            Action::Signal(id, signal) => {
                let seen = self.workers.get_mut(id).expect("a signal to nobody");
                match signal {
                    Signal::Term => seen.terms += 1,
                    Signal::Kill => assert!(seen.killed, "SIGKILL without its event"),
                }
                assert!(seen.terms <= 1, "{id:?} was told twice");
            }
            Action::Tell(id, _) => {
                let seen = &self.workers[id];
                assert!(seen.announced, "an order for {id:?}, which does not wait for it");
                assert_eq!(seen.terms, 0);
            }
            Action::Settle(..) => {}
            Action::Exit(code) => {
                assert!(self.workers.is_empty(), "an exit with workers left: {:?}", self.workers);
                assert_eq!(*code, if self.gave_up { ExitCode::GaveUp } else { ExitCode::Stopped });
                assert!(self.gave_up || self.stops > 0, "an exit without a reason");
                self.over = Some(*code);
            }
        }
    }

    fn spawn(&mut self, now: Instant, id: WorkerId) {
        assert!(self.stops == 0 && !self.gave_up, "{id:?} started after the end began");
        assert!(self.asked.insert(id), "{id:?} asked for twice");
        match self.due.remove(&id) {
            Some(due) => assert_eq!(due, now, "{id:?} not started when due"),
            None => {
                assert!(id.generation == 1 || self.reloading, "{id:?} started for no reason");
                self.free.insert(id);
            }
        }
        if !self.free.contains(&id) {
            self.charge(now, id);
        }
        self.workers.insert(id, Seen::default());
        let coming = self.in_slot(id.slot).filter(|(_, seen)| seen.ready_since.is_none()).count();
        assert!(coming <= 1, "two replacements in slot {}", id.slot);
        assert!(self.in_slot(id.slot).count() <= 2, "three in slot {}", id.slot);
        let alone = self.in_slot(id.slot).count() == 1;
        let asked_for = self.in_slot(id.slot).any(|(_, seen)| seen.announced);
        assert!(alone || asked_for || self.reloading, "{id:?} beside a worker that serves");
    }

    fn charge(&mut self, now: Instant, id: WorkerId) {
        self.charged.insert(id, now);
        if let Some(limit) = self.policy.limit {
            let window = self.charged.values().filter(|&&at| now.since(at) < limit.within).count();
            assert!(window <= limit.restarts as usize, "{window} restarts in a window, {limit:?}");
        }
    }

    /// Workers of a slot that serve or are to serve.
    fn in_slot(&self, slot: u32) -> impl Iterator<Item = (&WorkerId, &Seen)> {
        self.workers.iter().filter(move |(id, seen)| id.slot == slot && seen.retired.is_none())
    }

    fn event(&mut self, now: Instant, event: &Event) {
        match event {
            Event::Online { worker } => {
                let seen = self.workers.get_mut(worker).expect("online without a start");
                seen.booting_since = Some(now);
            }
            Event::Ready { worker } => {
                let seen = self.workers.get_mut(worker).expect("ready without a start");
                assert!(seen.ready_since.is_none() && seen.retired.is_none());
                seen.ready_since = Some(now);
            }
            Event::Announce { worker, .. } => self.seen(worker).announced = true,
            Event::Retire { worker } => {
                let seen = self.seen(worker);
                assert_eq!(seen.retired, None, "{worker:?} retired twice");
                seen.retired = Some(now);
            }
            Event::Restart { worker, delay } => {
                assert!(self.due.insert(*worker, now + *delay).is_none(), "{worker:?} scheduled twice");
                assert!(*delay <= self.policy.backoff.cap);
                if self.free_cause {
                    self.free.insert(*worker);
                }
            }
            Event::GiveUp { restarts, .. } => {
                assert_eq!(*restarts, self.policy.limit.expect("a give-up without a limit").restarts);
                self.gave_up = true;
            }
            Event::Kill { worker } => self.kill(now, worker),
            Event::Reload { phase, .. } => self.reloading = matches!(phase, ReloadPhase::Began | ReloadPhase::Absorbed),
            Event::Error { what, .. } => assert!(
                !matches!(what, ErrorEvent::Unexpected(what) if *what != "an announcement said twice"),
                "{what:?}"
            ),
            Event::Setup { .. } | Event::Listening { .. } | Event::Close { .. } => panic!("the shell's: {event:?}"),
            Event::Fork { .. }
            | Event::Disconnect { .. }
            | Event::Exit { .. }
            | Event::Draining { .. }
            | Event::DrainDeadline { .. }
            | Event::Hang { .. }
            | Event::Scale { .. }
            | Event::Stop { .. } => {}
        }
    }

    fn seen(&mut self, id: &WorkerId) -> &mut Seen {
        self.workers.get_mut(id).expect("an event about nobody")
    }

    /// SIGKILL comes at a deadline and at no other time, but for a second stop.
    fn kill(&mut self, now: Instant, id: &WorkerId) {
        let (drain, boot, hurried) = (self.policy.drain, self.policy.ready_timeout, self.stops > 1);
        let seen = self.seen(id);
        let at = |since: Option<Instant>, span: Duration| since.is_some_and(|since| since + span == now);
        let due = if seen.retired.is_some() { at(seen.retired, drain) } else { at(seen.booting_since, boot) };
        assert!(due || hurried, "{id:?} killed at {now}: {seen:?}");
        assert!(!seen.killed, "{id:?} killed twice");
        seen.killed = true;
    }

    /// All actions of one input were seen: nobody may be past a deadline.
    pub fn after(&mut self, now: Instant) {
        for (id, seen) in &self.workers {
            let late = |since: Option<Instant>, span: Duration| since.is_some_and(|since| since + span < now);
            let boots = seen.ready_since.is_none() && seen.retired.is_none();
            let is_late =
                late(seen.retired, self.policy.drain) || (boots && late(seen.booting_since, self.policy.ready_timeout));
            assert!(seen.killed || !is_late, "{id:?} is past its deadline at {now}: {seen:?}");
        }
        if self.full && self.stops == 0 && !self.gave_up {
            assert!(self.ready() >= self.policy.workers as usize, "{} ready at {now}", self.ready());
        }
    }

    /// From now on fewer ready workers than wanted are an error.
    pub fn demand_full_pool(&mut self) {
        self.full = true;
    }

    fn ready(&self) -> usize {
        self.workers.values().filter(|seen| seen.ready_since.is_some() && seen.retired.is_none()).count()
    }

    /// The worker that has served longest and has not announced.
    pub fn oldest_that_serves(&self) -> Option<WorkerId> {
        let serving = self
            .workers
            .iter()
            .filter(|(_, seen)| seen.retired.is_none() && !seen.announced && seen.ready_since.is_some());
        serving.min_by_key(|(_, seen)| seen.ready_since).map(|(&id, _)| id)
    }

    /// Nothing has gone wrong for long: N ready, nobody else, or the end.
    pub fn at_rest(&self) {
        if self.stops > 0 || self.gave_up {
            return assert!(self.over.is_some(), "it ought to have ended");
        }
        assert!(self.over.is_none());
        assert_eq!(self.ready(), self.policy.workers as usize);
        assert_eq!(self.workers.len(), self.policy.workers as usize, "{:?}", self.workers);
        assert!(!self.reloading, "a rolling restart that does not end");
    }

    /// Whether it has ended.
    pub fn is_over(&self) -> bool {
        self.over.is_some()
    }

    fn ran_stable(&self, id: WorkerId, now: Instant) -> bool {
        let since = self.workers.get(&id).filter(|seen| seen.retired.is_none()).and_then(|seen| seen.ready_since);
        since.is_some_and(|since| now.since(since) >= self.policy.stable)
    }
}
