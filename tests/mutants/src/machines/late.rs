//! Replaces a worker that announced only when it has exited.

use std::collections::BTreeMap;

use supervisor::core::{Action, Event, Input, Machine, Order, Pools, Revision, Word, WorkerId};
use supervisor::policy::Instant;

use super::{ends, withdraw};

/// Withholds the start of each replacement until the announcer is gone. Since a two-phase announcer would wait for its
/// replacement, it is told to drain at once.
pub struct LateReplacement {
    pool: Pools,
    /// Whose exit each withheld start waits for.
    withheld: BTreeMap<WorkerId, WorkerId>,
}

impl LateReplacement {
    /// Around this pool.
    pub fn new(pool: Pools) -> Self {
        Self { pool, withheld: BTreeMap::new() }
    }

    fn announced(&mut self, now: Instant, id: WorkerId, word: Word, actions: &mut Vec<Action>) {
        let mut told = Vec::new();
        self.pool.step(now, Input::Word(id, Word::Suicide), &mut told);
        for action in told {
            match action {
                Action::Spawn(next, _) => drop(self.withheld.insert(id, next)),
                Action::Emit(Event::Announce { worker, .. }) => {
                    actions.push(Action::Emit(Event::Announce { worker, two_phase: word == Word::Retire }));
                    if word == Word::Retire {
                        actions.push(Action::Tell(id, Order::Drain));
                    }
                }
                other => actions.push(other),
            }
        }
    }
}

impl Machine for LateReplacement {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        let gone = if let Input::Exited(id, _) = input { Some(id) } else { None };
        match input {
            Input::Word(id, word @ (Word::Retire | Word::Suicide)) => self.announced(now, id, word, actions),
            other => self.pool.step(now, other, actions),
        }
        if ends(actions) {
            for (_, next) in std::mem::take(&mut self.withheld) {
                withdraw(&mut self.pool, now, next, actions);
            }
        }
        actions.extend(gone.and_then(|id| self.withheld.remove(&id)).map(|id| Action::Spawn(id, Revision(0))));
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.pool.next_deadline()
    }
}
