//! Rolling restarts that go on although their new workers don't come up, and those that are done once more.

use std::collections::BTreeMap;

use supervisor::core::{Action, Command, Event, Input, Machine, Pools, ReloadPhase, Signal, WorkerId};
use supervisor::policy::Instant;

/// Tells an old worker to leave although its replacement failed.
pub struct RollsOn {
    pools: Pools,
    /// Who serves in each slot of each pool.
    serving: BTreeMap<(u16, u32), WorkerId>,
}

impl RollsOn {
    /// Around these pools.
    pub fn new(pools: Pools) -> Self {
        Self { pools, serving: BTreeMap::new() }
    }
}

impl Machine for RollsOn {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        let failed = match input {
            Input::Exited(id, _) | Input::SpawnFailed(id, _) => Some((id.pool, id.slot)),
            _ => None,
        };
        let before = actions.len();
        self.pools.step(now, input, actions);
        let mut aborted = false;
        for action in &actions[before..] {
            match action {
                Action::Emit(Event::Ready { worker }) => {
                    self.serving.insert((worker.pool, worker.slot), *worker);
                }
                Action::Emit(Event::Retire { worker } | Event::Exit { worker, .. }) => {
                    let place = (worker.pool, worker.slot);
                    if self.serving.get(&place) == Some(worker) {
                        self.serving.remove(&place);
                    }
                }
                Action::Emit(Event::Reload { phase: ReloadPhase::Aborted, .. }) => aborted = true,
                _ => {}
            }
        }
        let old = failed.filter(|_| aborted).and_then(|place| self.serving.get(&place));
        actions.extend(old.map(|&id| Action::Signal(id, Signal::Term)));
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.pools.next_deadline()
    }
}

/// Replaces every worker once more when everybody has been replaced.
pub struct RollsTwice {
    pools: Pools,
    again: bool,
}

impl RollsTwice {
    /// Around these pools.
    pub fn new(pools: Pools) -> Self {
        Self { pools, again: false }
    }
}

impl Machine for RollsTwice {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        let before = actions.len();
        self.pools.step(now, input, actions);
        let done = |action: &Action| matches!(action, Action::Emit(Event::Reload { phase: ReloadPhase::Done, .. }));
        if !self.again && actions[before..].iter().any(done) {
            self.again = true;
            self.pools.step(now, Input::Command(Command::Reload), actions);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.pools.next_deadline()
    }
}
