//! What the workers of each pool are started from, by revision of the configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::rc::Rc;

use crate::config::{Config, PoolConfig};
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
    /// For each pool the oldest revision that something may still be started from.
    oldest: BTreeMap<u16, Revision>,
}

impl Settings {
    /// No revision yet; `inherited` is the environment that workers' own is added to.
    pub fn new(inherited: Vec<(OsString, OsString)>) -> Self {
        Self { inherited, revisions: BTreeMap::new(), oldest: BTreeMap::new() }
    }

    /// Adds a revision; `sockets` are those of `config.listen`, in that order.
    pub fn add(&mut self, revision: Revision, config: &Config, sockets: &[Fd]) {
        let pools = config.pools.iter().map(|pool| Rc::new(self.pool(config, pool, sockets))).collect();
        if self.revisions.is_empty() {
            self.oldest = (0u16..).zip(&config.pools).map(|(pool, _)| (pool, revision)).collect();
        }
        self.revisions.insert(revision, pools);
    }

    /// A pool needs nothing older any more; what no pool needs is forgotten.
    pub fn settle(&mut self, pool: u16, revision: Revision) {
        if let Some(oldest) = self.oldest.get_mut(&pool) {
            *oldest = revision.max(*oldest);
        }
        let needed = self.oldest.values().min().copied().unwrap_or_default();
        self.revisions.retain(|&revision, _| revision >= needed);
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

    /// What a worker is started from.
    pub fn of(&self, id: WorkerId, revision: Revision) -> Option<Rc<PoolSettings>> {
        self.revisions.get(&revision)?.get(usize::from(id.pool)).map(Rc::clone)
    }

    /// Every listening socket of any revision.
    pub fn sockets(&self) -> BTreeSet<Fd> {
        let pools = self.revisions.values().flatten();
        pools.flat_map(|pool| pool.listeners.iter().map(|&(_, fd)| fd)).collect()
    }
}
