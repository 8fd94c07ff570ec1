//! Pools beside the first one, and what is aimed at them.

use crate::ron_file::Checker;
use crate::scenario::{Beside, MAIN, Pool, Scenario, Target, Trigger};

use super::steps::Steps;
use super::{expect, life, pool};

pub(super) fn check(checker: &mut Checker, scenario: &Scenario) {
    for (index, one) in scenario.beside.iter().enumerate() {
        checker.enter_index(index);
        name(checker, one, &scenario.beside[..index]);
        checker.enter("pool");
        pool::check(checker, &one.pool);
        serves_nobody(checker, &one.pool);
        checker.leave();
        checker.enter("expect");
        expect::check(checker, &one.expect, &scenario.of_pool(index + 1));
        checker.leave();
        checker.enter("lives");
        life::check(checker, &one.lives, &one.pool, scenario);
        checker.leave();
        checker.leave();
    }
    if scenario.launch.notify && !scenario.beside.is_empty() {
        let what = "what a service manager is told is about all pools together, and each is judged by itself";
        checker.wrong(what).expected("one pool, or no `notify` in `launch`");
    }
}

fn name(checker: &mut Checker, one: &Beside, before: &[Beside]) {
    let name = &one.name;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || !name.chars().all(fits) {
        let what = format!("`{name}` can't be the name of a pool");
        checker.wrong_in("name", what).expected("lower-case letters, digits and `_`");
    } else if name == MAIN {
        checker.wrong_in("name", format!("`{MAIN}` is the pool that serves the address")).expected("another name");
    } else if before.iter().any(|other| other.name == *name) {
        checker.wrong_in("name", format!("there are two pools `{name}`"));
    }
}

/// What only a pool has that serves the address, or that is of the supervisor as a whole.
fn serves_nobody(checker: &mut Checker, pool: &Pool) {
    let asked = [
        ("handoff", pool.handoff.is_some()),
        ("handoff_timeout", pool.handoff_timeout.is_some()),
        ("lame_duck", !pool.lame_duck.is_zero()),
        ("identity", pool.identity.is_some()),
        ("output", pool.output.is_some()),
        ("owns", !pool.owns.is_empty()),
    ];
    for (field, _) in asked.into_iter().filter(|(_, asked)| *asked) {
        let what = format!("a pool beside the first serves nobody, so `{field}` makes no sense for it");
        checker.wrong_in(field, what).expected(format!("`{field}` in the scenario's own `pool`"));
    }
}

impl Steps<'_> {
    /// An edge in another pool.
    pub(super) fn edge_in(&mut self, name: &str, edge: &Trigger) {
        self.pool(name);
        let edges = ["Born", "Ready", "Announced", "StoppedAccepting", "Exited"];
        let fits = matches!(
            edge,
            Trigger::Born | Trigger::Ready | Trigger::Announced | Trigger::StoppedAccepting | Trigger::Exited
        );
        if !fits {
            let what = "that is nothing that a worker of one pool does";
            self.checker.wrong_at(1, what).expected(format!("one of: {}", edges.join(", ")));
        }
    }

    /// Workers of another pool.
    pub(super) fn who_in(&mut self, name: &str, who: &Target) {
        self.pool(name);
        match who {
            Target::Random(0) => drop(self.checker.wrong_at(1, "nobody is hit").expected("expected at least 1")),
            Target::Oldest
            | Target::Newest
            | Target::Each
            | Target::All
            | Target::Random(_)
            | Target::Booting
            | Target::Draining => {}
            _ => {
                let all = ["Oldest", "Newest", "Each", "All", "Random", "Booting", "Draining"];
                let what = "that means the same in any pool";
                self.checker.wrong_at(1, what).expected(format!("one of: {}", all.join(", ")));
            }
        }
    }

    /// A pool of this name.
    pub(super) fn pool(&mut self, name: &str) {
        if !self.scenario.pool_names().any(|known| known == name) {
            let names: Vec<&str> = self.scenario.pool_names().collect();
            self.checker.wrong_at(0, format!("there is no pool `{name}`")).names(name, names);
        }
    }
}
