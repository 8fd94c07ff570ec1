//! What the workers of one pool are told by the harness.

use std::time::Duration;

use crate::scenario::{Life, Lives, Pool, Ready, Scenario};
use crate::subject::Profile;

/// The workers of one pool.
#[derive(Debug)]
pub(super) struct Crew {
    lives: Lives,
    /// Tickets taken, by generation.
    tickets: Vec<u32>,
    /// How long after it stopped accepting a worker exits by itself, whatever it holds.
    pub own_deadline: Option<Duration>,
    /// How long a worker drains at most when its supervisor is gone.
    pub orphan_grace: Duration,
    /// How often a ready worker says that it makes progress.
    pub beat: Option<Duration>,
    /// How a worker says that it is ready; `None`: as it can.
    pub ready: Option<Ready>,
}

impl Crew {
    /// Those of all pools, by their numbers.
    pub fn all(scenario: &Scenario, profile: &Profile) -> Vec<Self> {
        // Under a supervisor that knows no drain deadline the workers keep it themselves.
        let own_deadline = |pool: &Pool| (profile.drain != Some(true)).then_some(pool.drain.0);
        let crew = |(pool, lives): (&Pool, &Lives)| Self {
            lives: lives.clone(),
            tickets: Vec::new(),
            own_deadline: own_deadline(pool),
            orphan_grace: pool.drain.0,
            beat: pool.beat(),
            ready: pool.ready,
        };
        scenario.pools().map(crew).collect()
    }

    /// The next ticket of this generation.
    pub fn take_ticket(&mut self, generation: u32) -> u32 {
        let generation = generation as usize;
        if self.tickets.len() <= generation {
            self.tickets.resize(generation + 1, 0);
        }
        self.tickets[generation] += 1;
        self.tickets[generation]
    }

    /// The life that this ticket gives.
    pub fn life(&self, generation: u32, ticket: u32) -> Life {
        self.lives.life(generation, ticket).clone()
    }
}
