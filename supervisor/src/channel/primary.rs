//! The primary of Node's cluster module as data: which sockets its workers have asked for, and who holds which.
//!
//! Unlike Node's own it keeps a socket when the last worker that held it is gone: connections wait for the next one. How long
//! is not for it to say.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use crate::kernel::{Address, Errno, ListenOptions};

use super::cluster::{Family, Query};

/// What Node takes for the length of an accept queue if a program says nothing.
const BACKLOG: u32 = 511;

/// The first descriptor of those that the supervisor was told to listen on, as programs number them.
const FIRST_FD: u32 = 3;

/// Read and write for everybody; the owner may always.
const OWNER: u32 = 0o700;
const READABLE: u32 = 0o444;
const WRITABLE: u32 = 0o222;

/// The sockets of one pool. `W` names a worker, `H` a socket.
#[derive(Clone, Debug)]
pub struct Primary<W, H> {
    sockets: BTreeMap<String, Socket<W, H>>,
}

/// A socket that at least one worker asked for.
#[derive(Clone, Debug)]
pub struct Socket<W, H> {
    /// It.
    pub handle: H,
    /// What the first worker that asked sent along, a JSON text.
    pub data: String,
    /// Its address, if it has one that a program can be shown.
    pub sockname: Option<SocketAddr>,
    /// Whether connections come to it; datagrams otherwise.
    pub is_stream: bool,
    members: BTreeSet<W>,
}

/// What has to be done before a query can be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: there is such a socket, and the worker has become one of those that hold it.
    Nothing,
    /// This socket has to be bound, then [`Primary::add`].
    Bind(Address, ListenOptions),
    /// The socket at this place in the pool's configuration is meant: [`Primary::add`] it.
    Configured(usize),
}

impl<W: Copy + Ord, H: Copy> Default for Primary<W, H> {
    fn default() -> Self {
        Self { sockets: BTreeMap::new() }
    }
}

impl<W: Copy + Ord, H: Copy> Primary<W, H> {
    /// What a query of `worker` needs. `configured` are the addresses that the pool was told to listen on, as bound.
    ///
    /// # Errors
    /// With what the query is to be refused: EADDRINUSE if this worker holds the socket already (as one process would
    /// see it), EBADF for a descriptor that is none of the configured sockets, EINVAL for an address that is none.
    pub fn ask(&mut self, worker: W, query: &Query, configured: &[Address]) -> Result<Need, Errno> {
        if let Some(socket) = self.sockets.get_mut(&query.key()) {
            return if socket.members.insert(worker) { Ok(Need::Nothing) } else { Err(Errno::ADDRINUSE) };
        }
        if let Some(number) = query.fd {
            let place = number.checked_sub(FIRST_FD).map(|place| place as usize);
            return place.filter(|&place| place < configured.len()).map(Need::Configured).ok_or(Errno::BADF);
        }
        let (address, options) = bind(query)?;
        match configured.iter().position(|known| stands_for(known, &address)) {
            Some(place) => Ok(Need::Configured(place)),
            None => Ok(Need::Bind(address, options)),
        }
    }

    /// The socket that `worker` asked for is there.
    pub fn add(&mut self, worker: W, query: &Query, handle: H, bound: Option<&Address>) {
        let sockname = match bound {
            Some(Address::Tcp(address)) => Some(*address),
            Some(Address::Udp(_) | Address::Unix(_)) | None => None,
        };
        let socket = Socket {
            handle,
            data: query.data.clone(),
            sockname,
            is_stream: query.family.is_stream(),
            members: BTreeSet::from([worker]),
        };
        self.sockets.insert(query.key(), socket);
    }

    /// How many sockets there are.
    pub fn len(&self) -> usize {
        self.sockets.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }

    /// Forgets the sockets that are not to be kept: they are about to be closed.
    pub fn retain(&mut self, keep: impl Fn(&H) -> bool) {
        self.sockets.retain(|_, socket| keep(&socket.handle));
    }

    /// The socket of this key.
    pub fn get(&self, key: &str) -> Option<&Socket<W, H>> {
        self.sockets.get(key)
    }

    /// A worker closed its server; the socket, if it held one of that key.
    pub fn close(&mut self, worker: W, key: &str) -> Option<H> {
        let socket = self.sockets.get_mut(key)?;
        socket.members.remove(&worker).then_some(socket.handle)
    }

    /// A worker is gone.
    pub fn gone(&mut self, worker: W) {
        for socket in self.sockets.values_mut() {
            socket.members.remove(&worker);
        }
    }

    /// The sockets that no worker holds.
    pub fn unheld(&self) -> impl Iterator<Item = H> {
        self.sockets.values().filter(|socket| socket.members.is_empty()).map(|socket| socket.handle)
    }

    /// The sockets that a worker holds, with their keys.
    pub fn held_by(&self, worker: W) -> impl Iterator<Item = (&str, &Socket<W, H>)> {
        let holds = move |socket: &&Socket<W, H>| socket.members.contains(&worker);
        self.sockets.iter().filter(move |(_, socket)| holds(socket)).map(|(key, socket)| (key.as_str(), socket))
    }
}

/// Whether a configured socket is what a program means that asks for `asked`: the same, or the same port of any address.
fn stands_for(configured: &Address, asked: &Address) -> bool {
    match (configured, asked) {
        (Address::Tcp(known), Address::Tcp(asked)) | (Address::Udp(known), Address::Udp(asked)) => {
            known.port() == asked.port() && (known.ip() == asked.ip() || asked.ip().is_unspecified())
        }
        (Address::Unix(known), Address::Unix(asked)) => known == asked,
        _ => false,
    }
}

/// Where and how a query wants to be bound.
fn bind(query: &Query) -> Result<(Address, ListenOptions), Errno> {
    let mut options = ListenOptions::backlog(query.backlog.unwrap_or(BACKLOG));
    if query.family == Family::Pipe {
        let path = query.address.as_deref().filter(|path| path.starts_with('/')).ok_or(Errno::INVAL)?;
        let (readable, writable) = (query.readable_all, query.writable_all);
        if readable || writable {
            let everybody = if readable { READABLE } else { 0 } | if writable { WRITABLE } else { 0 };
            options.mode = Some(OWNER | everybody);
        }
        return Ok((Address::Unix(PathBuf::from(path)), options));
    }
    let ip = match (&query.address, query.family) {
        (Some(address), _) => address.parse().map_err(|_| Errno::INVAL)?,
        (None, Family::Udp4) => IpAddr::from([0, 0, 0, 0]),
        (None, _) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let address = SocketAddr::new(ip, query.port.ok_or(Errno::INVAL)?);
    options.dual_stack = query.flags & V6_ONLY == 0;
    let address = if query.family.is_stream() { Address::Tcp(address) } else { Address::Udp(address) };
    Ok((address, options))
}

/// `UV_TCP_IPV6ONLY` and `UV_UDP_IPV6ONLY`.
const V6_ONLY: u32 = 1;

#[cfg(test)]
#[path = "primary_tests.rs"]
mod tests;
