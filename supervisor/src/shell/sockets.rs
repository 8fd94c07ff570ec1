//! The listening sockets. They belong to the supervisor: workers come and go, a socket stays while a configuration
//! that is in use names it.

use crate::config::{Config, Handoff, PoolConfig};
use crate::core::Event;
use crate::kernel::{Address, Errno, Fd, Kernel, Listen, ListenOptions, Sharing, Streams};

use super::voices::Voices;

/// One bound address.
#[derive(Debug)]
struct Socket {
    name: String,
    /// As the configuration writes it: its port may be 0.
    address: Address,
    fd: Fd,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Sockets {
    open: Vec<Socket>,
}

/// An address that can't be had.
#[derive(Debug)]
pub struct Unbound {
    /// What the configuration calls it.
    pub name: String,
    /// The address.
    pub address: Address,
    /// Why.
    pub errno: Errno,
}

impl Sockets {
    /// A socket for each of the configuration's listeners, in their order: those that are open already, else new ones.
    ///
    /// # Errors
    /// The first address that can't be bound; then everything is as it was before.
    pub fn bind<K: Kernel>(
        &mut self,
        kernel: &mut K,
        voices: &mut Voices,
        config: &Config,
    ) -> Result<Vec<Fd>, Unbound> {
        let before = self.open.len();
        let mut bound = Vec::new();
        for (place, (name, address)) in config.listen.iter().enumerate() {
            if let Some(fd) = self.reusable(name, address, &bound) {
                bound.push(fd);
                continue;
            }
            let shared = |pool: &PoolConfig| pool.handoff == Handoff::Reuseport && pool.listen.contains(&place);
            let sharing = if config.pools.iter().any(shared) { Sharing::First } else { Sharing::Alone };
            match kernel.listen(address, &ListenOptions { sharing, ..ListenOptions::backlog(config.backlog) }) {
                Ok(fd) => {
                    self.open.push(Socket { name: name.clone(), address: address.clone(), fd });
                    bound.push(fd);
                    let address = kernel.bound_address(fd).map_or_else(String::new, |address| address.to_string());
                    voices.event(kernel.now(), &Event::Listening { address }, None);
                }
                Err(errno) => {
                    self.open.drain(before..).for_each(|socket| kernel.close(socket.fd));
                    return Err(Unbound { name: name.clone(), address: address.clone(), errno });
                }
            }
        }
        Ok(bound)
    }

    /// An open socket of this address that the same configuration has not taken already; of several (with a port of 0)
    /// the one with the same name.
    fn reusable(&self, name: &str, address: &Address, taken: &[Fd]) -> Option<Fd> {
        let fitting = self.open.iter().filter(|socket| socket.address == *address && !taken.contains(&socket.fd));
        fitting.max_by_key(|socket| socket.name == name).map(|socket| socket.fd)
    }

    /// Closes those that are of no use.
    pub fn keep<K: Listen + Streams>(&mut self, kernel: &mut K, is_used: impl Fn(Fd) -> bool) {
        self.open.retain(|socket| {
            let keep = is_used(socket.fd);
            if !keep {
                kernel.close(socket.fd);
            }
            keep
        });
    }
}

#[cfg(test)]
#[path = "sockets_tests.rs"]
mod tests;
