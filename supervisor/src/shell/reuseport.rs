//! A listening socket for each place of a pool (SO_REUSEPORT): the kernel spreads connections over them, and a worker that
//! is busy keeps those waiting that came to its own. A socket stays when its worker is replaced, and so does its queue.

use crate::config::Handoff;
use crate::core::{Machine, WorkerId};
use crate::kernel::{Errno, Fd, Kernel, ListenOptions, Sharing};

use super::settings::PoolSettings;
use super::state::Shell;

impl<K: Kernel, M: Machine> Shell<'_, K, M> {
    /// The descriptors that a worker is born with. The first place of a pool has the sockets that were bound at the start.
    ///
    /// # Errors
    /// A socket can't be bound.
    pub fn born_with(&mut self, id: WorkerId, settings: &PoolSettings) -> Result<Vec<Fd>, Errno> {
        if settings.config.handoff != Handoff::Reuseport || id.slot == 0 {
            return Ok(settings.template.fds.clone());
        }
        settings.listeners.iter().map(|&(_, first)| self.own_listener(id, first, settings.backlog)).collect()
    }

    fn own_listener(&mut self, id: WorkerId, first: Fd, backlog: u32) -> Result<Fd, Errno> {
        let place = (id.pool, id.slot, first);
        if let Some(&fd) = self.handoffs.own.get(&place) {
            return Ok(fd);
        }
        let address = self.kernel.bound_address(first).ok_or(Errno::BADF)?;
        let options = ListenOptions { sharing: Sharing::Next, ..ListenOptions::backlog(backlog) };
        let fd = self.kernel.listen(&address, &options)?;
        self.handoffs.own.insert(place, fd);
        Ok(fd)
    }

    /// Closes the sockets of places for which this does not hold: nobody would accept from them.
    pub fn keep_own(&mut self, keep: impl Fn(u16, u32, Fd) -> bool) {
        for (_, fd) in self.handoffs.own.extract_if(.., |&(pool, slot, first), _| !keep(pool, slot, first)) {
            self.kernel.close(fd);
        }
    }
}

#[cfg(test)]
#[path = "reuseport_tests.rs"]
mod tests;
