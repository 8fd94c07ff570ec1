//! Other pools of the same supervisor.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Expect, Lives, Pool, Scenario, Target};

/// What the pool that serves the address is called where pools have names.
pub const MAIN: &str = "main";

/// A pool beside the one that serves the address. Its workers serve nobody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beside {
    /// Its name.
    pub name: String,
    /// What the supervisor is asked for.
    pub pool: Pool,
    /// What its workers do; their tickets are counted by themselves.
    #[serde(default, skip_serializing_if = "super::is_default")]
    pub lives: Lives,
    /// What must hold in it beyond the invariants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<Expect>,
}

impl Scenario {
    /// All pools in their order, the one that serves the address first, with what their workers do. A pool's place here is
    /// its number.
    pub fn pools(&self) -> impl Iterator<Item = (&Pool, &Lives)> {
        [(&self.pool, &self.lives)].into_iter().chain(self.beside.iter().map(|other| (&other.pool, &other.lives)))
    }

    /// The names of the pools, by their numbers.
    pub fn pool_names(&self) -> impl Iterator<Item = &str> {
        [MAIN].into_iter().chain(self.beside.iter().map(|other| other.name.as_str()))
    }

    /// The longest drain deadline of all pools: so long the supervisor may have to wait for its workers.
    pub fn longest_drain(&self) -> Duration {
        self.pools().map(|(pool, _)| pool.drain.0).max().unwrap_or_default()
    }

    /// The scenario as one pool sees it: its own demands stand where those of the first one did, and the others are beside it.
    /// The load, and what steps expect, concerns the first one.
    pub fn of_pool(&self, number: usize) -> Self {
        let mut own = self.clone();
        let Some(index) = number.checked_sub(1).filter(|index| *index < own.beside.len()) else { return own };
        let Beside { pool, lives, expect, .. } = own.beside.remove(index);
        let pool = std::mem::replace(&mut own.pool, pool);
        let lives = std::mem::replace(&mut own.lives, lives);
        let expect = std::mem::replace(&mut own.expect, expect);
        own.beside.insert(0, Beside { name: MAIN.to_owned(), pool, lives, expect });
        own.load.clear();
        own.steps.iter_mut().for_each(|step| step.expect.clear());
        own
    }
}

impl Target {
    /// Whether it means each worker by itself, and not all of them at once.
    pub fn one_by_one(&self) -> bool {
        match self {
            Self::Each => true,
            Self::In(_, who) => who.one_by_one(),
            _ => false,
        }
    }
}
