//! A little world for the state machine: workers, host and operator that do as random choices say, in virtual time, and
//! an observer that checks every action. It knows nothing of the machine's state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::observer::Observer;
use crate::core::{
    Action, Command, ExitStatus, Input, Machine, Order, Pools, Signal, SpawnError, SpawnStep, Word, WorkerId,
};
use crate::policy::{Instant, Policy, Readiness};

/// Something that will happen to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Coming {
    Say(WorkerId, u8),
    Close(WorkerId),
    End(WorkerId, i32),
}

/// What a worker does when it is told to leave.
#[derive(Clone, Copy, Debug)]
enum Manners {
    LeavesAfter(Duration),
    Stays,
}

/// The world.
pub struct Model {
    pool: Pools,
    policy: Policy,
    now: Instant,
    choices: std::vec::IntoIter<u8>,
    coming: BTreeSet<(Instant, u64, Coming)>,
    count: u64,
    manners: BTreeMap<WorkerId, Manners>,
    observer: Observer,
}

const READY: u8 = 0;
const RETIRE: u8 = 1;
const SUICIDE: u8 = 2;

impl Model {
    /// A world in which `choices` decide; when they are used up everything behaves.
    pub fn new(policy: Policy, choices: Vec<u8>) -> Self {
        let mut model = Self {
            pool: Pools::new(vec![policy.clone()]),
            observer: Observer::new(policy.clone()),
            policy,
            now: Instant::from_nanos(1_000_000_000),
            choices: choices.into_iter(),
            coming: BTreeSet::new(),
            count: 0,
            manners: BTreeMap::new(),
        };
        model.give(Input::Start);
        model
    }

    /// The operator's day: each command so long after the one before.
    pub fn operate(&mut self, commands: &[(Duration, Command)]) {
        for &(span, command) in commands {
            self.run_until(self.now + span);
            self.give(Input::Command(command));
        }
    }

    /// Everything behaves from now on. After a long while the pool must be as wanted.
    pub fn calm(&mut self) {
        self.choices = Vec::new().into_iter();
        self.run_until(self.now + Duration::from_secs(60));
        self.observer.at_rest();
    }

    /// From now on fewer ready workers than wanted are an error.
    pub fn demand_full_pool(&mut self) {
        self.observer.demand_full_pool();
    }

    /// The longest serving worker announces, in two phases, after each of these spans.
    pub fn retire_now_and_then(&mut self, spans: &[Duration]) {
        for &span in spans {
            self.run_until(self.now + span);
            if let Some(id) = self.observer.oldest_that_serves() {
                self.give(Input::Word(id, Word::Retire));
            }
        }
    }

    /// Stops it and demands that it ends in time, whatever the workers do.
    pub fn end(&mut self) {
        self.give(Input::Command(Command::Stop));
        self.run_until(self.now + self.policy.drain + Duration::from_secs(1));
        assert!(self.observer.is_over(), "it has not ended");
        assert_eq!(self.pool.next_deadline(), None);
    }

    fn choose(&mut self) -> Option<u8> {
        self.choices.next()
    }

    /// A span of at most a second, most are short; none without choices.
    fn span(&mut self) -> Duration {
        let step = self.choose().unwrap_or(0);
        Duration::from_millis(u64::from(step % 16) << (step >> 5))
    }

    fn later(&mut self, span: Duration, what: Coming) {
        self.count += 1;
        self.coming.insert((self.now + span, self.count, what));
    }

    /// What is due at one instant comes in the order of a shell: words and ends first, then the tick.
    fn run_until(&mut self, end: Instant) {
        loop {
            let event = self.coming.first().map(|&(at, ..)| at);
            let deadline = self.pool.next_deadline();
            let next = [event, deadline].into_iter().flatten().min();
            match next.filter(|&at| at <= end) {
                None => break,
                Some(at) if event == Some(at) => {
                    self.now = at;
                    if let Some((_, _, what)) = self.coming.pop_first() {
                        self.happen(what);
                    }
                }
                Some(at) => {
                    self.now = self.now.max(at);
                    self.give(Input::Tick);
                }
            }
        }
        self.now = end;
    }

    fn happen(&mut self, what: Coming) {
        let (Coming::Say(id, _) | Coming::Close(id) | Coming::End(id, _)) = what;
        if !self.manners.contains_key(&id) {
            return; // it ended before it came to this
        }
        match what {
            Coming::Say(id, READY) => self.give(Input::Word(id, Word::Ready)),
            Coming::Say(id, RETIRE) => self.give(Input::Word(id, Word::Retire)),
            Coming::Say(id, _) => self.give(Input::Word(id, Word::Suicide)),
            Coming::Close(id) => self.give(Input::Disconnected(id)),
            Coming::End(id, code) => {
                self.manners.remove(&id);
                self.give(Input::Exited(id, ExitStatus::Code(code)));
            }
        }
    }

    /// One input, and all that follows from it at once.
    fn give(&mut self, input: Input) {
        let mut inputs = std::collections::VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let mut actions = Vec::new();
            self.observer.before(self.now, &input);
            let ticked = input == Input::Tick;
            self.pool.step(self.now, input, &mut actions);
            let done = self.pool.next_deadline().is_none_or(|at| at > self.now);
            assert!(done || !ticked, "a tick that left something due");
            for action in actions {
                self.observer.action(self.now, &action);
                match action {
                    Action::Spawn(id, _) => inputs.push_back(self.spawn(id)),
                    Action::Signal(id, Signal::Term) | Action::Tell(id, Order::Drain) => self.told_to_leave(id),
                    Action::Signal(id, Signal::Kill) => self.later(Duration::ZERO, Coming::End(id, 137)),
                    Action::Emit(_) | Action::Settle(..) | Action::Exit(_) => {}
                }
            }
            self.observer.after(self.now);
        }
    }

    fn told_to_leave(&mut self, id: WorkerId) {
        if let Some(&Manners::LeavesAfter(span)) = self.manners.get(&id) {
            self.later(span, Coming::End(id, 0));
        }
    }

    /// A process is asked for: the host may refuse, the worker gets its fate.
    fn spawn(&mut self, id: WorkerId) -> Input {
        let refusal = |step, errno| Input::SpawnFailed(id, SpawnError { step, errno });
        let fate = self.choose().unwrap_or(255);
        match fate {
            0..12 => return refusal(SpawnStep::Fork, 11),
            12..24 => return refusal(SpawnStep::Exec, 2),
            _ => {}
        }
        let manners = match self.choose() {
            Some(0..40) => Manners::Stays,
            _ => Manners::LeavesAfter(self.span()),
        };
        self.manners.insert(id, manners);
        let boot = self.span();
        if fate < 60 {
            self.later(boot, Coming::End(id, i32::from(fate % 2)));
            return Input::Spawned(id);
        }
        if self.policy.ready == Readiness::Told && fate >= 72 {
            self.later(boot, Coming::Say(id, READY));
        }
        let life = boot + self.span();
        match fate {
            72..110 => self.later(life, Coming::End(id, i32::from(fate % 2))),
            110..140 => self.announce(id, life, RETIRE),
            140..170 => self.announce(id, life, SUICIDE),
            170..180 => self.later(life, Coming::Close(id)),
            _ => {}
        }
        Input::Spawned(id)
    }

    fn announce(&mut self, id: WorkerId, after: Duration, word: u8) {
        self.later(after, Coming::Say(id, word));
        let leaves = self.span();
        if word == SUICIDE && leaves < Duration::from_millis(300) {
            self.later(after + leaves, Coming::End(id, 0));
        }
    }
}
