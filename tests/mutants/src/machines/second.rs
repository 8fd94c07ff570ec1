//! Replaces a worker once more when it exits.

use std::collections::{BTreeMap, BTreeSet};

use supervisor::core::{Action, Event, Input, Machine, Pools, Revision, Signal, Word, WorkerId};
use supervisor::policy::{Instant, Policy};

use super::ends;

/// A pool and the workers that should not be there. They live in slots of their own, which the pool does not know.
pub struct SecondReplacement {
    pool: Pools,
    wanted: u32,
    /// Whether it is deaths that are made up for twice, and not announcements.
    of_the_dead: bool,
    /// Whose exit starts one too many.
    counted: BTreeSet<WorkerId>,
    /// The surplus workers, and whether each was told to leave.
    surplus: BTreeMap<WorkerId, bool>,
    count: u32,
    ending: bool,
    /// The pool's last word, withheld until the surplus is gone too.
    exit: Option<Action>,
}

impl SecondReplacement {
    /// Pools under these policies. The surplus is in the first.
    pub fn new(policies: Vec<Policy>) -> Self {
        Self {
            wanted: policies.first().map_or(0, |policy| policy.workers),
            pool: Pools::new(policies),
            of_the_dead: false,
            counted: BTreeSet::new(),
            surplus: BTreeMap::new(),
            count: 0,
            ending: false,
            exit: None,
        }
    }

    /// The same for workers that die without a word.
    pub fn of_the_dead(policies: Vec<Policy>) -> Self {
        Self { of_the_dead: true, ..Self::new(policies) }
    }

    /// What one of the surplus workers does.
    fn surplus_step(&mut self, id: WorkerId, input: Input, actions: &mut Vec<Action>) {
        match input {
            Input::Spawned(_) => {
                actions.push(Action::Emit(Event::Fork { worker: id }));
                actions.push(Action::Emit(Event::Online { worker: id }));
            }
            Input::Word(_, Word::Ready) => actions.push(Action::Emit(Event::Ready { worker: id })),
            Input::Disconnected(_) => actions.push(Action::Emit(Event::Disconnect { worker: id })),
            Input::Exited(_, status) => {
                self.surplus.remove(&id);
                actions.push(Action::Emit(Event::Exit { worker: id, status }));
            }
            Input::SpawnFailed(..) => drop(self.surplus.remove(&id)),
            Input::Start
            | Input::Word(..)
            | Input::Hung(_)
            | Input::Command(_)
            | Input::PoolCommand(..)
            | Input::Configure(..)
            | Input::Tick
            | Input::Resumed => {}
        }
    }

    /// One more, in a slot beyond those of the pool.
    fn start_surplus(&mut self, actions: &mut Vec<Action>) {
        let id = WorkerId { pool: 0, slot: self.wanted + self.count, generation: 1 };
        self.count += 1;
        self.surplus.insert(id, false);
        actions.push(Action::Spawn(id, Revision(0)));
    }

    /// They leave with the others: TERM when the end begins, KILL when only they are left.
    fn end_surplus(&mut self, actions: &mut Vec<Action>) {
        let signal = if self.exit.is_some() { Signal::Kill } else { Signal::Term };
        for (&id, told) in &mut self.surplus {
            if !std::mem::replace(told, true) || signal == Signal::Kill {
                actions.push(Action::Signal(id, signal));
            }
        }
    }
}

impl Machine for SecondReplacement {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        let about = match input {
            Input::Spawned(id)
            | Input::SpawnFailed(id, _)
            | Input::Word(id, _)
            | Input::Disconnected(id)
            | Input::Exited(id, _)
            | Input::Hung(id) => Some(id),
            Input::Start
            | Input::Command(_)
            | Input::PoolCommand(..)
            | Input::Configure(..)
            | Input::Tick
            | Input::Resumed => None,
        };
        let exited = matches!(input, Input::Exited(..));
        match about {
            Some(id) if id.slot >= self.wanted => self.surplus_step(id, input, actions),
            _ => self.pool.step(now, input, actions),
        }
        for action in actions.iter() {
            match action {
                Action::Emit(Event::Announce { worker, .. }) if !self.of_the_dead => drop(self.counted.insert(*worker)),
                Action::Emit(Event::Ready { worker }) if self.of_the_dead => drop(self.counted.insert(*worker)),
                Action::Emit(Event::Retire { worker }) if self.of_the_dead => drop(self.counted.remove(worker)),
                _ => {}
            }
        }
        self.ending |= ends(actions);
        if let Some(Action::Exit(_)) = actions.last() {
            self.exit = actions.pop();
        }
        if exited && about.is_some_and(|id| self.counted.remove(&id)) && !self.ending {
            self.start_surplus(actions);
        }
        if self.ending {
            self.end_surplus(actions);
        }
        if self.surplus.is_empty() {
            actions.extend(self.exit.take());
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.pool.next_deadline()
    }
}
