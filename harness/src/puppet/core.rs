//! The pure core of the puppet.

use std::time::Duration;

use crate::scenario::Life;
use crate::time::Time;

use super::{Action, Input};

/// One worker's script, running.
#[derive(Clone, Debug)]
pub struct Puppet {
    life: Life,
}

impl Puppet {
    /// A worker that will live `life`. `own_deadline`: how long after it has stopped accepting it exits by itself
    /// whatever it holds (the articles' five seconds); `None` leaves that to the supervisor. `orphan_grace`: how long it
    /// drains at most after its supervisor is gone.
    pub fn new(life: Life, _own_deadline: Option<Duration>, _orphan_grace: Duration) -> Self {
        Self { life }
    }

    /// Takes one input and appends what is to be done.
    pub fn step(&mut self, _now: Time, _input: Input, _actions: &mut Vec<Action>) {
        let _ = &self.life;
    }

    /// When [`Input::Tick`] is wanted next.
    pub fn next_deadline(&self) -> Option<Time> {
        None
    }
}
