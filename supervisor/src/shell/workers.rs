//! Which process is which worker, and what is open for each.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::core::WorkerId;
use crate::kernel::{Child, Fd, Watch};

use super::link::Link;
use super::settings::PoolSettings;

/// One worker, from spawn until process and channel are both gone.
#[derive(Debug)]
pub struct Worker {
    /// Its process; after the reaping only a number to report.
    pub child: Child,
    /// What it was started from: the configuration may have changed since.
    pub settings: Rc<PoolSettings>,
    /// Its channel, until that ends.
    pub link: Option<Link>,
    /// Its own socket for sd_notify.
    pub notify: Option<Fd>,
    /// Its pipe for the newline that says it is ready, until that came.
    pub newline: Option<Fd>,
    /// What it last said that it is doing, for people.
    pub status: String,
    /// How many of its messages were refused.
    pub refused: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Workers {
    by_id: BTreeMap<WorkerId, Worker>,
    by_child: BTreeMap<Child, WorkerId>,
}

impl Workers {
    /// A worker was born.
    pub fn insert(&mut self, id: WorkerId, worker: Worker) {
        self.by_child.insert(worker.child, id);
        self.by_id.insert(id, worker);
    }

    /// Which worker an unreaped child is; `None` for a stranger.
    pub fn of_child(&self, child: Child) -> Option<WorkerId> {
        self.by_child.get(&child).copied()
    }

    /// The child was reaped: its pid may belong to anyone now, so no signal must reach it.
    pub fn reaped(&mut self, child: Child) {
        self.by_child.remove(&child);
    }

    /// The process of a worker that can be signalled.
    pub fn signallable(&self, id: WorkerId) -> Option<Child> {
        let child = self.by_id.get(&id)?.child;
        (self.of_child(child) == Some(id)).then_some(child)
    }

    /// Every process that was not reaped.
    pub fn children(&self) -> impl Iterator<Item = Child> + '_ {
        self.by_child.keys().copied()
    }

    /// A worker.
    pub fn get(&self, id: WorkerId) -> Option<&Worker> {
        self.by_id.get(&id)
    }

    /// A worker.
    pub fn get_mut(&mut self, id: WorkerId) -> Option<&mut Worker> {
        self.by_id.get_mut(&id)
    }

    /// Every channel.
    pub fn links_mut(&mut self) -> impl Iterator<Item = &mut Link> {
        self.by_id.values_mut().filter_map(|worker| worker.link.as_mut())
    }

    /// Forgets a worker.
    pub fn remove(&mut self, id: WorkerId) -> Option<Worker> {
        self.by_id.remove(&id)
    }

    /// Appends what is to be watched: channels for reading, for writing only while something waits to be sent.
    pub fn watches(&self, watches: &mut Vec<Watch>) {
        for worker in self.by_id.values() {
            if let Some(link) = &worker.link {
                watches.push(Watch { fd: link.fd(), read: true, write: link.has_output() });
            }
            let only_read = |fd| Watch { fd, read: true, write: false };
            watches.extend(worker.notify.into_iter().chain(worker.newline).map(only_read));
        }
    }
}
