//! Which process is which worker, and what is open for each.

use std::collections::{BTreeMap, BTreeSet};
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
    /// What is to be watched for each, in their order. Kept from turn to turn: nearly all of them are as they were.
    watched: Vec<(WorkerId, Watch)>,
    /// Whose part of that may be out of date.
    touched: BTreeSet<WorkerId>,
    /// Whose channel waits until fewer descriptors are under way on this machine.
    crowded: BTreeSet<WorkerId>,
}

impl Workers {
    /// A worker was born.
    pub fn insert(&mut self, id: WorkerId, worker: Worker) {
        self.by_child.insert(worker.child, id);
        self.touched.insert(id);
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

    /// A worker, of which anything may change.
    pub fn get_mut(&mut self, id: WorkerId) -> Option<&mut Worker> {
        let worker = self.by_id.get_mut(&id)?;
        self.touched.insert(id);
        Some(worker)
    }

    /// Who waits until fewer descriptors are under way, as of the last [`Workers::watches`].
    pub fn crowded(&self) -> &BTreeSet<WorkerId> {
        &self.crowded
    }

    /// Whether a descriptor is still on its way to somebody.
    pub fn are_passed(&self, fd: Fd) -> bool {
        self.by_id.values().filter_map(|worker| worker.link.as_ref()).any(|link| link.carries(fd))
    }

    /// Forgets a worker.
    pub fn remove(&mut self, id: WorkerId) -> Option<Worker> {
        self.touched.insert(id);
        self.by_id.remove(&id)
    }

    /// Appends what is to be watched: channels for reading, for writing only while something waits to be sent.
    pub fn watches(&mut self, watches: &mut Vec<Watch>) {
        for id in std::mem::take(&mut self.touched) {
            self.renew(id);
        }
        watches.extend(self.watched.iter().map(|&(_, watch)| watch));
    }

    /// Brings what is kept of a worker up to date.
    fn renew(&mut self, id: WorkerId) {
        let worker = self.by_id.get(&id);
        let link = worker.and_then(|worker| worker.link.as_ref());
        let channel = link.map(|link| Watch { fd: link.fd(), read: true, write: link.has_output() });
        let others = worker.into_iter().flat_map(|worker| [worker.notify, worker.newline]).flatten();
        let others = others.map(|fd| Watch { fd, read: true, write: false });
        let begin = self.watched.partition_point(|(of, _)| *of < id);
        let end = self.watched.partition_point(|(of, _)| *of <= id);
        self.watched.splice(begin..end, channel.into_iter().chain(others).map(|watch| (id, watch)));
        if link.is_some_and(Link::is_crowded) {
            self.crowded.insert(id);
        } else {
            self.crowded.remove(&id);
        }
    }
}

#[cfg(test)]
#[path = "workers_tests.rs"]
mod tests;
