//! Pools that know nothing of each other.

use supervisor::core::{Action, Event, Input, Machine, Pools, WorkerId};
use supervisor::policy::{ExitCode, Instant, Policy};

/// Each pool is a supervisor by itself: none ends with another, and none waits for the others' trials.
pub struct Apart {
    pools: Vec<Pools>,
    /// Those that are over, and how.
    over: Vec<Option<ExitCode>>,
}

impl Apart {
    /// One machine for each policy.
    pub fn new(policies: Vec<Policy>) -> Self {
        let over = vec![None; policies.len()];
        Self { pools: policies.into_iter().map(|policy| Pools::new(vec![policy])).collect(), over }
    }

    fn one(&mut self, now: Instant, pool: usize, input: Input, actions: &mut Vec<Action>) {
        let mut told = Vec::new();
        self.pools[pool].step(now, input, &mut told);
        for action in told {
            match action {
                Action::Exit(code) => self.over[pool] = Some(code),
                // A stop of all is told once.
                Action::Emit(Event::Stop { .. }) if pool > 0 => {}
                other => actions.push(renumbered(other, pool as u16)),
            }
        }
    }
}

/// As its pool is known outside.
fn renumbered(action: Action, pool: u16) -> Action {
    let own = |id: WorkerId| WorkerId { pool, ..id };
    match action {
        Action::Spawn(id, revision) => Action::Spawn(own(id), revision),
        Action::Signal(id, signal) => Action::Signal(own(id), signal),
        Action::Tell(id, order) => Action::Tell(own(id), order),
        Action::Settle(_, revision) => Action::Settle(pool, revision),
        Action::Emit(event) => Action::Emit(told_of(event, pool)),
        Action::Exit(code) => Action::Exit(code),
    }
}

/// What is about a worker or a pool is about the one outside.
fn told_of(mut event: Event, number: u16) -> Event {
    match &mut event {
        Event::Fork { worker }
        | Event::Online { worker }
        | Event::Ready { worker }
        | Event::Announce { worker, .. }
        | Event::Retire { worker }
        | Event::Disconnect { worker }
        | Event::Close { worker }
        | Event::Exit { worker, .. }
        | Event::Error { worker: Some(worker), .. }
        | Event::Restart { worker, .. }
        | Event::DrainDeadline { worker }
        | Event::Kill { worker }
        | Event::Hang { worker } => worker.pool = number,
        Event::Setup { pool, .. }
        | Event::GiveUp { pool, .. }
        | Event::LameDuck { pool, .. }
        | Event::Draining { pool, .. }
        | Event::Scale { pool, .. }
        | Event::Reload { pool, .. } => *pool = number,
        Event::Listening { .. }
        | Event::Error { worker: None, .. }
        | Event::ReloadRefused { .. }
        | Event::Stop { .. } => {}
    }
    event
}

impl Machine for Apart {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        let inner = |id: WorkerId| WorkerId { pool: 0, ..id };
        let (pool, input) = match input {
            Input::Spawned(id) => (Some(id.pool), Input::Spawned(inner(id))),
            Input::SpawnFailed(id, why) => (Some(id.pool), Input::SpawnFailed(inner(id), why)),
            Input::Word(id, word) => (Some(id.pool), Input::Word(inner(id), word)),
            Input::Disconnected(id) => (Some(id.pool), Input::Disconnected(inner(id))),
            Input::Exited(id, status) => (Some(id.pool), Input::Exited(inner(id), status)),
            Input::Hung(id) => (Some(id.pool), Input::Hung(inner(id))),
            Input::PoolCommand(pool, command) => (Some(pool), Input::PoolCommand(0, command)),
            all => (None, all),
        };
        match pool {
            Some(pool) => self.one(now, pool.into(), input, actions),
            None => {
                for pool in 0..self.pools.len() {
                    let own = match &input {
                        Input::Configure(revision, policies) => {
                            Input::Configure(*revision, vec![policies[pool].clone()])
                        }
                        other => other.clone(),
                    };
                    self.one(now, pool, own, actions);
                }
            }
        }
        if self.over.iter().all(Option::is_some) {
            let gave_up = self.over.contains(&Some(ExitCode::GaveUp));
            actions.push(Action::Exit(if gave_up { ExitCode::GaveUp } else { ExitCode::Stopped }));
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.pools.iter().filter_map(Pools::next_deadline).min()
    }
}
