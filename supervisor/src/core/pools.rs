//! The state machine over all pools: who gets which input, and when everything is over.

use std::ops::Range;
use std::time::Duration;

use crate::policy::{ExitCode, Instant, Policy};

use super::pool::{Pool, StopAsked};
use super::{Action, Command, ErrorEvent, Event, Input, Machine, Revision};

/// One or more pools, each under its own policy. They share their end: one that gives up takes the others with it, and
/// the machine exits when the last pool is over.
#[derive(Clone, Debug)]
pub struct Pools {
    pools: Vec<Pool>,
    /// [`Action::Exit`] was given.
    over: bool,
}

impl Pools {
    /// One pool for each policy, in their order; none has started yet.
    pub fn new(policies: Vec<Policy>) -> Self {
        let pools = (0u16..).zip(policies).map(|(number, policy)| Pool::new(number, policy)).collect();
        Self { pools, over: false }
    }

    /// The places of the pools that an input is for; noted if there are none.
    fn addressed(&self, input: &Input, actions: &mut Vec<Action>) -> Range<usize> {
        let all = 0..self.pools.len();
        let (number, worker) = match input {
            Input::Start | Input::Command(_) | Input::Configure(..) | Input::Tick | Input::Resumed => return all,
            Input::PoolCommand(pool, _) => (*pool, None),
            Input::Spawned(id)
            | Input::SpawnFailed(id, _)
            | Input::Word(id, _)
            | Input::Disconnected(id)
            | Input::Exited(id, _)
            | Input::Hung(id) => (id.pool, Some(*id)),
        };
        let place = usize::from(number);
        if all.contains(&place) {
            return place..place + 1;
        }
        let what = ErrorEvent::Unexpected("something for a pool that does not exist");
        actions.push(Action::Emit(Event::Error { worker, what }));
        0..0
    }

    /// Whatever it is that wakes the loop: if something was due long ago, it was suspended.
    fn excuse_if_late(&mut self, now: Instant) {
        if self.pools.iter().any(Pool::watches) {
            let late = self.next_deadline().map_or(Duration::ZERO, |deadline| now.since(deadline));
            for pool in &mut self.pools {
                pool.excuse(now, late);
            }
        }
    }

    /// If a pool has given up, so do the others that are not over.
    fn give_up_together(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if self.pools.iter().any(Pool::gave_up) {
            for pool in &mut self.pools {
                pool.give_up_too(now, actions);
            }
        }
    }

    /// No pool replaces anybody before the trials of all pools have succeeded; if one fails, the others are for nothing.
    fn agree(&mut self, now: Instant, actions: &mut Vec<Action>) {
        while let Some((revision, agreed)) = self.verdict(now) {
            for place in 0..self.pools.len() {
                self.pools[place].conclude(now, revision, agreed, actions);
                self.give_up_together(now, actions);
            }
        }
    }

    /// The configuration on trial, as soon as it is known what becomes of it. Pools try one at a time: the next one begins
    /// when it is known of the one before.
    fn verdict(&mut self, now: Instant) -> Option<(Revision, bool)> {
        let revision = self.pools.iter().filter_map(Pool::tries).min()?;
        if self.pools.iter().any(|pool| pool.dropped == revision) {
            return Some((revision, false));
        }
        self.pools.iter_mut().all(|pool| pool.agrees(now, revision)).then_some((revision, true))
    }

    fn exit_if_over(&mut self, actions: &mut Vec<Action>) {
        if self.pools.iter().all(|pool| pool.is_over()) {
            self.over = true;
            let gave_up = self.pools.iter().any(Pool::gave_up);
            actions.push(Action::Exit(if gave_up { ExitCode::GaveUp } else { ExitCode::Stopped }));
        }
    }
}

impl Machine for Pools {
    fn step(&mut self, now: Instant, input: Input, actions: &mut Vec<Action>) {
        if self.over {
            return;
        }
        self.excuse_if_late(now);
        let places = self.addressed(&input, actions);
        if let Input::Command(Command::Stop) = input {
            stop(&mut self.pools[places], None, now, actions);
        } else if let Input::PoolCommand(pool, Command::Stop) = input {
            stop(&mut self.pools[places], Some(pool), now, actions);
        } else {
            for place in places {
                self.pools[place].step(now, input.clone(), actions);
                // Before the next one starts anything.
                self.give_up_together(now, actions);
            }
        }
        self.agree(now, actions);
        self.exit_if_over(actions);
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.pools.iter().filter_map(Pool::next_deadline).min()
    }
}

/// Says stop to those of these pools that heard it least often: nobody is hurried who could still be asked, and who was
/// hurried can't be hurried more.
fn stop(pools: &mut [Pool], pool: Option<u16>, now: Instant, actions: &mut Vec<Action>) {
    let Some(least) = pools.iter().filter_map(Pool::stop_asked).min() else { return };
    if least != StopAsked::Hurried {
        actions.push(Action::Emit(Event::Stop { pool, hurry: least >= StopAsked::Once }));
        for pool in pools.iter_mut().filter(|pool| pool.stop_asked() == Some(least)) {
            pool.step(now, Input::Command(Command::Stop), actions);
        }
    }
}
