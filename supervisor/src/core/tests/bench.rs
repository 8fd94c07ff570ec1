//! A pool on the bench: the test is its environment and looks at every action.

use std::time::Duration;

use crate::core::{
    Action, Command, Event, ExitStatus, Input, Machine, Pools, ReloadPhase, Revision, Signal, SpawnError, SpawnStep,
    Word, WorkerId,
};
use crate::policy::{Backoff, ExitCode, Instant, Limit, Policy, defaults};

/// Milliseconds.
pub const MS: fn(u64) -> Duration = Duration::from_millis;

/// The `generation`-th worker of a slot.
pub fn w(slot: u32, generation: u32) -> WorkerId {
    WorkerId { pool: 0, slot, generation }
}

/// The first worker of a slot in a pool.
pub fn p(pool: u16, slot: u32) -> WorkerId {
    WorkerId { pool, slot, generation: 1 }
}

/// A policy with round figures: limit 3 in 10 s, delays 100, 200, 400… up to 1000 ms, stable 5 s, drain 2 s.
pub fn policy(workers: u32) -> Policy {
    Policy {
        limit: Some(Limit { restarts: 3, within: MS(10_000) }),
        backoff: Backoff { initial: MS(100), factor: 2, cap: MS(1000), jitter_percent: 0 },
        stable: MS(5000),
        ready_timeout: MS(3000),
        drain: MS(2000),
        ..defaults::policy(workers)
    }
}

/// Pools, mostly one, and a clock.
pub struct Bench {
    pools: Pools,
    pub now: Instant,
}

impl Bench {
    /// A pool that has started, all workers ready, at second 1.
    pub fn steady(policy: Policy) -> Self {
        Self::steady_pools(vec![policy])
    }

    /// Pools that have started, all workers ready, at second 1.
    pub fn steady_pools(policies: Vec<Policy>) -> Self {
        let mut bench = Self { pools: Pools::new(policies), now: Instant::from_nanos(1_000_000_000) };
        for id in starts(&bench.give(Input::Start)) {
            bench.boot(id);
        }
        bench
    }

    /// A pool whose first workers were asked for.
    pub fn started(policy: Policy) -> Self {
        let mut bench = Self { pools: Pools::new(vec![policy]), now: Instant::from_nanos(1_000_000_000) };
        bench.give(Input::Start);
        bench
    }

    /// One input; its actions.
    pub fn give(&mut self, input: Input) -> Vec<Action> {
        let mut actions = Vec::new();
        self.pools.step(self.now, input, &mut actions);
        actions
    }

    /// Lets time pass and ticks.
    pub fn pass(&mut self, span: Duration) -> Vec<Action> {
        self.now = self.now + span;
        self.give(Input::Tick)
    }

    /// In how long the next deadline is.
    pub fn next(&self) -> Option<Duration> {
        self.pools.next_deadline().map(|at| at.since(self.now))
    }

    /// The program of a worker runs.
    pub fn spawned(&mut self, id: WorkerId) -> Vec<Action> {
        self.give(Input::Spawned(id))
    }

    /// No process for it.
    pub fn spawn_fails(&mut self, id: WorkerId, step: SpawnStep, errno: i32) -> Vec<Action> {
        self.give(Input::SpawnFailed(id, SpawnError { step, errno }))
    }

    /// It runs and says ready; what follows from the latter.
    pub fn boot(&mut self, id: WorkerId) -> Vec<Action> {
        self.spawned(id);
        self.word(id, Word::Ready)
    }

    /// It says something.
    pub fn word(&mut self, id: WorkerId, word: Word) -> Vec<Action> {
        self.give(Input::Word(id, word))
    }

    /// It ends by exit.
    pub fn exits(&mut self, id: WorkerId, code: i32) -> Vec<Action> {
        self.give(Input::Exited(id, ExitStatus::Code(code)))
    }

    /// Another configuration for the only pool.
    pub fn configure(&mut self, revision: u32, policy: Policy) -> Vec<Action> {
        self.give(Input::Configure(Revision(revision), vec![policy]))
    }

    /// The operator speaks about one pool.
    pub fn pool_command(&mut self, pool: u16, command: Command) -> Vec<Action> {
        self.give(Input::PoolCommand(pool, command))
    }

    /// The operator speaks.
    pub fn command(&mut self, command: Command) -> Vec<Action> {
        self.give(Input::Command(command))
    }
}

/// Short names for what comes out, so that a test can state the whole list.
pub fn emit(event: Event) -> Action {
    Action::Emit(event)
}

/// `Restart` in so many milliseconds.
pub fn restart(worker: WorkerId, delay: u64) -> Action {
    emit(Event::Restart { worker, delay: MS(delay) })
}

/// A start from the first configuration.
pub fn spawn(worker: WorkerId) -> Action {
    Action::Spawn(worker, Revision(0))
}

/// A rolling restart of the first pool.
pub fn reload(phase: ReloadPhase) -> Action {
    emit(Event::Reload { pool: 0, phase })
}

/// Ready.
pub fn ready(worker: WorkerId) -> Action {
    emit(Event::Ready { worker })
}

/// `Exit` with a code.
pub fn exit(worker: WorkerId, code: i32) -> Action {
    emit(Event::Exit { worker, status: ExitStatus::Code(code) })
}

/// SIGTERM and out of service.
pub fn term(worker: WorkerId) -> [Action; 2] {
    [Action::Signal(worker, Signal::Term), emit(Event::Retire { worker })]
}

/// SIGKILL.
pub fn kill(worker: WorkerId) -> [Action; 2] {
    [emit(Event::Kill { worker }), Action::Signal(worker, Signal::Kill)]
}

/// The last action of a list, if it is an exit.
pub fn ending(actions: &[Action]) -> Option<ExitCode> {
    match actions.last() {
        Some(Action::Exit(code)) => Some(*code),
        _ => None,
    }
}

/// The workers that a list of actions starts.
pub fn starts(actions: &[Action]) -> Vec<WorkerId> {
    actions.iter().filter_map(|action| if let Action::Spawn(id, _) = action { Some(*id) } else { None }).collect()
}
