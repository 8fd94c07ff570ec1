//! What the operator orders.

use crate::scenario::{Command, MAIN, Owns, Pool};

use super::steps::{MOST_TIMES, Steps};

impl Steps<'_> {
    pub(super) fn command(&mut self, command: &Command) {
        match command {
            Command::Reloads { times, .. } => self.checker.one_to("times", (*times).into(), MOST_TIMES),
            Command::Restart(_) | Command::RestartPool | Command::Publish { .. } | Command::In(..)
                if !self.scenario.pool.owns.contains(&Owns::Control) =>
            {
                self.checker.wrong("it has no socket for that").expected("`owns: [Control]` in the pool");
            }
            Command::Publish { topic, data } => super::topics::published(self.checker, topic, data),
            Command::In(name, order) => self.order_in(name, order),
            Command::Scale(_)
            | Command::Restart(_)
            | Command::RestartPool
            | Command::Start
            | Command::Reload
            | Command::Stop
            | Command::SecondStart
            | Command::Reopen => self.order_of(&self.scenario.pool, command),
        }
    }

    /// An order that is about a pool beside the first.
    fn order_in(&mut self, name: &str, order: &Command) {
        if name == MAIN {
            let what = format!("`{MAIN}` is the pool that every order means which does not say otherwise");
            self.checker.wrong_at(0, what).expected("the order without `In`");
        } else {
            self.pool(name);
        }
        if !matches!(order, Command::Scale(_) | Command::Restart(_) | Command::RestartPool) {
            let what = "that is nothing that is ordered of one pool";
            self.checker.wrong_at(1, what).expected("one of: Scale, Restart, RestartPool");
        }
        if let Some(other) = self.scenario.beside.iter().find(|other| other.name == name) {
            self.checker.enter_index(1);
            self.order_of(&other.pool, order);
            self.checker.leave();
        }
    }

    fn order_of(&mut self, pool: &Pool, order: &Command) {
        match order {
            Command::Scale(0) => {
                self.checker.wrong_at(0, "a pool of no workers").expected("expected at least 1");
            }
            Command::Restart(place) if *place >= pool.workers => {
                let last = pool.workers.saturating_sub(1);
                self.checker
                    .wrong_at(0, format!("there is no place {place}"))
                    .expected(format!("expected 0 to {last}"));
            }
            _ => {}
        }
    }
}
