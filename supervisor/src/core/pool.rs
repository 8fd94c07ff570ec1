//! The pool: slots, the workers in them, and what each input does to them.

use crate::policy::{Instant, Policy};

use super::{Action, Input, Machine};

/// A pool of workers under one policy.
#[derive(Clone, Debug)]
pub struct Pool {
    policy: Policy,
}

impl Pool {
    /// A pool that has not started yet.
    pub fn new(policy: Policy) -> Self {
        Self { policy }
    }
}

impl Machine for Pool {
    fn step(&mut self, _now: Instant, _input: Input, _actions: &mut Vec<Action>) {
        let _ = &self.policy;
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}
