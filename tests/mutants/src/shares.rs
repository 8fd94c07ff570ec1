//! What goes wrong with listening sockets that share an address (SO_REUSEPORT).

use std::collections::BTreeSet;

use supervisor::kernel::{Fd, Listen, ListenOptions, Sharing, SpawnSpec, Streams};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShareFault {
    /// The socket of a place that is closed stays open, and nobody accepts from it.
    Kept,
    /// Each worker gets a new socket, and that of its predecessor is closed with what waits there.
    Fresh,
    /// The socket that all workers share is closed at a reload, with what waits there, and another one is bound.
    AtReload,
    /// What is to be shared with its own sockets is shared with whoever else has the address already.
    WithAnybody,
}

/// The sockets that share an address with the first, which is no part of it.
#[derive(Debug, Default)]
pub struct Shares {
    first: Option<Fd>,
    others: BTreeSet<Fd>,
    given: BTreeSet<Fd>,
    /// A reload was ordered since the last start.
    reloads: bool,
}

impl Shares {
    /// A reload is ordered.
    pub fn reloads(&mut self) {
        self.reloads = true;
    }

    /// A socket was bound.
    pub fn bound(&mut self, fd: Fd, options: &ListenOptions) {
        match (options.sharing, self.first) {
            (Sharing::Alone, _) => {}
            (Sharing::First | Sharing::Next, None) => self.first = Some(fd),
            (Sharing::First | Sharing::Next, Some(_)) => _ = self.others.insert(fd),
        }
    }

    /// Whether closing this does nothing.
    pub fn stays(&self, fault: ShareFault, fd: Fd) -> bool {
        fault == ShareFault::Kept && self.others.contains(&fd)
    }

    /// A worker is about to be started.
    pub fn starts<K: Listen + Streams>(&mut self, kernel: &mut K, fault: ShareFault, spec: &SpawnSpec) {
        let shared = self.first.filter(|fd| fault == ShareFault::AtReload && spec.fds.contains(fd));
        if let Some(fd) = shared.filter(|_| std::mem::take(&mut self.reloads)) {
            replace(kernel, fd);
        }
        for fd in spec.fds.iter().filter(|fd| self.others.contains(fd)) {
            if !self.given.insert(*fd) && fault == ShareFault::Fresh {
                replace(kernel, *fd);
            }
        }
    }
}

/// Closes a socket and binds another one, which has the same number: of those that are free the lowest is given.
fn replace<K: Listen + Streams>(kernel: &mut K, fd: Fd) {
    let Some(address) = kernel.bound_address(fd) else { return };
    kernel.close(fd);
    let options = ListenOptions { sharing: Sharing::Next, ..ListenOptions::backlog(1024) };
    let mut beside = Vec::new();
    while let Ok(bound) = kernel.listen(&address, &options) {
        if bound == fd {
            break;
        }
        beside.push(bound);
    }
    beside.into_iter().for_each(|fd| kernel.close(fd));
}
