//! Whose descriptor is whose, so that each wake-up finds its way at once, however many there are.

use std::collections::BTreeMap;

use crate::core::WorkerId;
use crate::kernel::Fd;

/// What a descriptor that is watched for reading is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A listener from which we accept.
    Listener,
    /// A worker's channel.
    Channel(WorkerId),
    /// A worker's socket for sd_notify.
    Notify(WorkerId),
    /// A worker's pipe for the newline that says it is ready.
    Newline(WorkerId),
}

/// All of them. Whoever opens one says so, whoever closes it takes it back.
#[derive(Debug, Default)]
pub struct Owners(BTreeMap<Fd, Owner>);

impl Owners {
    /// From now on this descriptor is that.
    pub fn add(&mut self, fd: Fd, owner: Owner) {
        self.0.insert(fd, owner);
    }

    /// What a descriptor is; `None` if it belongs to nobody (any more).
    pub fn of(&self, fd: Fd) -> Option<Owner> {
        self.0.get(&fd).copied()
    }

    /// It is about to be closed.
    pub fn remove(&mut self, fd: Fd) {
        self.0.remove(&fd);
    }
}
