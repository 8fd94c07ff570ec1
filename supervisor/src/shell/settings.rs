//! What the workers of each pool are started from, by revision of the configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::rc::Rc;

use crate::config::{Config, Handoff, PoolConfig};
use crate::core::{Revision, WorkerId};
use crate::kernel::{Fd, SpawnSpec};

use super::spec;

/// One pool in one revision.
#[derive(Debug)]
pub struct PoolSettings {
    /// What the configuration says of it.
    pub config: PoolConfig,
    /// Its listeners, by name.
    pub listeners: Vec<(String, Fd)>,
    /// Length of their accept queues.
    pub backlog: u32,
    /// What all its workers are started with.
    pub template: SpawnSpec,
}

/// Every revision that a worker may still be started from.
#[derive(Debug)]
pub struct Settings {
    /// The environment that the supervisor was started with.
    inherited: Vec<(OsString, OsString)>,
    revisions: BTreeMap<Revision, Vec<Rc<PoolSettings>>>,
    /// For each pool what may still be started.
    needs: BTreeMap<u16, Need>,
}

/// What one pool needs: the revision in force, and all later ones but those that it has tried in vain.
#[derive(Debug, Default)]
struct Need {
    in_force: Revision,
    /// The latest that a worker was started from.
    tried: Revision,
    failed: BTreeSet<Revision>,
}

impl Need {
    fn includes(&self, revision: Revision) -> bool {
        revision >= self.in_force && !self.failed.contains(&revision)
    }
}

impl Settings {
    /// No revision yet; `inherited` is the environment that workers' own is added to.
    pub fn new(inherited: Vec<(OsString, OsString)>) -> Self {
        Self { inherited, revisions: BTreeMap::new(), needs: BTreeMap::new() }
    }

    /// Adds a revision; `sockets` are those of `config.listen`, in that order.
    pub fn add(&mut self, revision: Revision, config: &Config, sockets: &[Fd]) {
        let pools = config.pools.iter().map(|pool| Rc::new(self.pool(config, pool, sockets))).collect();
        if self.revisions.is_empty() {
            let need = || Need { in_force: revision, tried: revision, failed: BTreeSet::new() };
            self.needs = (0u16..).zip(&config.pools).map(|(pool, _)| (pool, need())).collect();
        }
        self.revisions.insert(revision, pools);
    }

    /// This revision is in force in a pool. If a later one was tried there, it was in vain. What no pool needs is forgotten.
    pub fn settle(&mut self, pool: u16, revision: Revision) {
        if let Some(need) = self.needs.get_mut(&pool) {
            need.in_force = revision.max(need.in_force);
            if need.tried > revision {
                need.failed.insert(need.tried);
            }
            need.failed = need.failed.split_off(&revision);
        }
        let needs = &self.needs;
        self.revisions.retain(|&revision, _| needs.values().any(|need| need.includes(revision)));
    }

    fn pool(&self, config: &Config, pool: &PoolConfig, sockets: &[Fd]) -> PoolSettings {
        let listeners: Vec<(String, Fd)> = pool
            .listen
            .iter()
            .filter_map(|&place| Some((config.listen.get(place)?.0.clone(), *sockets.get(place)?)))
            .collect();
        let template = spec::template(pool, self.inherited.clone(), &listeners);
        PoolSettings { config: pool.clone(), listeners, backlog: config.backlog, template }
    }

    /// What a worker that starts now is started from.
    pub fn of(&mut self, id: WorkerId, revision: Revision) -> Option<Rc<PoolSettings>> {
        if let Some(need) = self.needs.get_mut(&id.pool) {
            need.tried = need.tried.max(revision);
        }
        self.revisions.get(&revision)?.get(usize::from(id.pool)).map(Rc::clone)
    }

    /// A pool as it is in force.
    pub fn in_force(&self, pool: u16) -> Option<&PoolSettings> {
        let revision = self.needs.get(&pool)?.in_force;
        self.revisions.get(&revision)?.get(usize::from(pool)).map(Rc::as_ref)
    }

    /// The listening sockets beside which the workers of a pool have their own, in any revision.
    pub fn shared(&self) -> BTreeSet<(u16, Fd)> {
        let pools = self.revisions.values().flat_map(|pools| (0u16..).zip(pools));
        let own = pools.filter(|(_, pool)| pool.config.handoff == Handoff::Reuseport);
        own.flat_map(|(number, pool)| pool.listeners.iter().map(move |&(_, fd)| (number, fd))).collect()
    }

    /// Every listening socket of any revision.
    pub fn sockets(&self) -> BTreeSet<Fd> {
        let pools = self.revisions.values().flatten();
        pools.flat_map(|pool| pool.listeners.iter().map(|&(_, fd)| fd)).collect()
    }
}

#[cfg(test)]
#[path = "settings_tests.rs"]
mod tests;
