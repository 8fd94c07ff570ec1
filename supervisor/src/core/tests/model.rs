//! A little world for the state machine: workers, host and operator that do as random choices say, in virtual time, and
//! an observer that checks every action. It knows nothing of the machine's state.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::observer::Observer;
use crate::core::{
    Action, Command, ExitStatus, Input, Machine, Order, Pools, Revision, Signal, SpawnError, SpawnStep, Word, WorkerId,
};
use crate::policy::{Instant, Policy};

/// Something that will happen to the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Coming {
    Say(WorkerId, Saying),
    Close(WorkerId),
    End(WorkerId, i32),
}

/// What a worker says, or what is said about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Saying {
    Ready,
    Retire,
    Suicide,
    /// And again and again.
    Alive,
    Failing,
    Hung,
    Interval(Duration),
    Extend(Duration),
}

/// What somebody does from outside.
#[derive(Clone, Debug)]
pub enum Deed {
    /// The operator wants something of all pools.
    All(Command),
    /// The operator wants something of one pool.
    One(u16, Command),
    /// Another configuration: the policies for as many pools as there are. Their limits stay as they were.
    Configure(Vec<Policy>),
    /// Everything stands still for a while, and the loop only notices afterwards.
    Suspend(Duration),
}

/// How a worker is.
#[derive(Clone, Copy, Debug)]
struct Manners {
    /// How long after it was told it leaves; not at all.
    leaves: Option<Duration>,
    /// Whether it goes on saying that it is alive.
    talks: bool,
}

/// How often a worker says that it is alive: more often than any policy of these tests wants it to.
const TALK: Duration = Duration::from_millis(90);

/// The world.
pub struct Model {
    pools: Pools,
    policies: Vec<Policy>,
    revision: u32,
    drain: Duration,
    watched: bool,
    now: Instant,
    /// The loop was suspended and has not come to its tick yet.
    late: bool,
    choices: std::vec::IntoIter<u8>,
    coming: BTreeSet<(Instant, u64, Coming)>,
    count: u64,
    manners: BTreeMap<WorkerId, Manners>,
    observer: Observer,
}

impl Model {
    /// A world in which `choices` decide; when they are used up everything behaves.
    pub fn new(policies: Vec<Policy>, choices: Vec<u8>) -> Self {
        let mut model = Self {
            observer: Observer::new(&policies),
            pools: Pools::new(policies.clone()),
            policies: Vec::new(),
            revision: 0,
            drain: Duration::ZERO,
            watched: false,
            now: Instant::from_nanos(1_000_000_000),
            late: false,
            choices: choices.into_iter(),
            coming: BTreeSet::new(),
            count: 0,
            manners: BTreeMap::new(),
        };
        model.know(policies);
        model.give(Input::Start);
        model
    }

    fn know(&mut self, policies: Vec<Policy>) {
        self.watched |= policies.iter().any(|policy| policy.watchdog.is_some());
        self.drain = policies.iter().map(|policy| policy.drain + policy.lame_duck).fold(self.drain, Duration::max);
        self.policies = policies;
    }

    /// The operator's day: each deed so long after the one before.
    pub fn operate(&mut self, deeds: &[(Duration, Deed)]) {
        for (span, deed) in deeds {
            self.run_until(self.now + *span);
            match deed {
                Deed::All(command) => self.give(Input::Command(*command)),
                Deed::One(pool, command) => {
                    self.give(Input::PoolCommand(pool % self.policies.len() as u16, *command));
                }
                Deed::Configure(policies) => self.configure(policies),
                Deed::Suspend(span) => {
                    self.now = self.now + *span;
                    self.late = true;
                    self.observer.suspended(self.now);
                    self.run_until(self.now);
                    self.give(Input::Tick);
                }
            }
        }
    }

    fn configure(&mut self, policies: &[Policy]) {
        let limits = self.policies.iter().map(|policy| policy.limit);
        let policies: Vec<_> =
            limits.zip(policies.iter().cycle()).map(|(limit, policy)| Policy { limit, ..policy.clone() }).collect();
        self.revision += 1;
        self.know(policies.clone());
        self.give(Input::Configure(Revision(self.revision), policies));
    }

    /// Everything behaves from now on. After a long while the pools must be as wanted.
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
        self.run_until(self.now + self.drain + Duration::from_secs(1));
        assert!(self.observer.is_over(), "it has not ended");
        assert_eq!(self.pools.next_deadline(), None);
    }

    fn choose(&mut self) -> Option<u8> {
        self.choices.next()
    }

    /// A span of at most two seconds, most are short; none without choices.
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
            let event = self.coming.first().map(|&(at, ..)| at.max(self.now));
            let deadline = self.pools.next_deadline().map(|at| at.max(self.now));
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
                    self.now = at;
                    self.give(Input::Tick);
                }
            }
        }
        self.now = end;
    }

    fn happen(&mut self, what: Coming) {
        let (Coming::Say(id, _) | Coming::Close(id) | Coming::End(id, _)) = what;
        let Some(manners) = self.manners.get(&id) else { return }; // it ended before it came to this
        match what {
            Coming::Say(_, Saying::Hung) => self.give(Input::Hung(id)),
            Coming::Say(_, saying) => {
                if saying == Saying::Alive && manners.talks {
                    self.later(TALK, what);
                }
                self.give(Input::Word(id, word(saying)));
            }
            Coming::Close(_) => self.give(Input::Disconnected(id)),
            Coming::End(_, code) => {
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
            self.pools.step(self.now, input, &mut actions);
            let done = self.pools.next_deadline().is_none_or(|at| at > self.now);
            assert!(done || !ticked, "a tick that left something due");
            self.late &= !ticked;
            for action in actions {
                self.observer.action(self.now, &action);
                match action {
                    Action::Spawn(id, _) => inputs.push_back(self.spawn(id)),
                    Action::Signal(id, Signal::Term) | Action::Tell(id, Order::Drain) => self.told_to_leave(id),
                    Action::Signal(id, Signal::Kill) => self.later(Duration::ZERO, Coming::End(id, 137)),
                    Action::Emit(_) | Action::Settle(..) | Action::Exit(_) => {}
                }
            }
            if !self.late {
                self.observer.after(self.now);
            }
        }
    }

    fn told_to_leave(&mut self, id: WorkerId) {
        if let Some(span) = self.manners.get(&id).and_then(|manners| manners.leaves) {
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
        let leaves = match self.choose() {
            Some(0..40) => None,
            _ => Some(self.span()),
        };
        let talks = self.watched && !(180..190).contains(&fate);
        self.manners.insert(id, Manners { leaves, talks });
        if talks {
            self.later(TALK, Coming::Say(id, Saying::Alive));
        }
        let boot = self.span();
        if fate < 60 {
            self.later(boot, Coming::End(id, i32::from(fate % 2)));
            return Input::Spawned(id);
        }
        if fate >= 72 {
            self.later(boot, Coming::Say(id, Saying::Ready));
        }
        let life = boot + self.span();
        match fate {
            72..110 => self.later(life, Coming::End(id, i32::from(fate % 2))),
            110..140 => self.announce(id, life, Saying::Retire),
            140..170 => self.announce(id, life, Saying::Suicide),
            170..180 => self.later(life, Coming::Close(id)),
            190..200 => self.later(life, Coming::Say(id, Saying::Failing)),
            200..210 => self.later(life, Coming::Say(id, Saying::Hung)),
            210..220 => self.later(life, Coming::Say(id, Saying::Interval(TALK * (u32::from(fate) % 4) * 3))),
            220..230 => self.later(life, Coming::Say(id, Saying::Extend(Duration::from_millis(400)))),
            _ => {}
        }
        Input::Spawned(id)
    }

    fn announce(&mut self, id: WorkerId, after: Duration, saying: Saying) {
        self.later(after, Coming::Say(id, saying));
        let leaves = self.span();
        if saying == Saying::Suicide && leaves < Duration::from_millis(300) {
            self.later(after + leaves, Coming::End(id, 0));
        }
    }
}

fn word(saying: Saying) -> Word {
    match saying {
        Saying::Ready => Word::Ready,
        Saying::Retire => Word::Retire,
        Saying::Suicide => Word::Suicide,
        Saying::Alive | Saying::Hung => Word::Alive,
        Saying::Failing => Word::Failing,
        Saying::Interval(span) => Word::Interval(span),
        Saying::Extend(span) => Word::Extend(span),
    }
}
