//! Descriptors of the supervisor, channels, listeners and connections.

use supervisor::kernel::Address;

use std::collections::VecDeque;

use crate::puppet::Request;
use crate::scenario::Stream;
use crate::time::Time;

use super::bulk::Bulk;

/// What a descriptor of the supervisor refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Object {
    Free,
    Output,
    Listener(u32),
    Channel(u32),
    Notify(u32),
    Events,
    /// A connection that it accepted.
    Conn(u32),
    /// The reading end of a pipe.
    Pipe(u32),
    /// A standard stream, opened again for itself.
    Sink(Stream),
    /// The log file, the n-th of that name,
    Log(u32),
    /// or one on a full disk.
    FullLog,
    /// The pid file, locked.
    PidFile,
}

/// The supervisor's descriptor table: the lowest free number is given, as open(2) does.
#[derive(Debug)]
pub(super) struct Descriptors {
    slots: Vec<Object>,
    /// Numbers from here on are not given (RLIMIT_NOFILE).
    pub limit: usize,
}

impl Default for Descriptors {
    fn default() -> Self {
        Self { slots: vec![Object::Output; 3], limit: usize::MAX }
    }
}

impl Descriptors {
    pub fn open(&mut self, object: Object) -> i32 {
        let free = self.slots.iter().position(|slot| *slot == Object::Free);
        let ix = free.unwrap_or_else(|| {
            self.slots.push(Object::Free);
            self.slots.len() - 1
        });
        self.slots[ix] = object;
        ix as i32
    }

    /// Whether that many can be opened.
    pub fn has_room(&self, wanted: usize) -> bool {
        let open = self.slots.iter().take(self.limit).filter(|slot| **slot != Object::Free).count();
        self.limit - open >= wanted
    }

    /// How many are open.
    pub fn count(&self) -> u32 {
        self.slots.iter().filter(|slot| **slot != Object::Free).count() as u32
    }

    pub fn get(&self, fd: i32) -> Object {
        usize::try_from(fd).ok().and_then(|ix| self.slots.get(ix)).copied().unwrap_or(Object::Free)
    }

    pub fn close(&mut self, fd: i32) -> Object {
        match usize::try_from(fd).ok().and_then(|ix| self.slots.get_mut(ix)) {
            Some(slot) => std::mem::replace(slot, Object::Free),
            None => Object::Free,
        }
    }

    pub fn close_all(&mut self) -> impl Iterator<Item = Object> + use<> {
        std::mem::take(&mut self.slots).into_iter()
    }
}

/// A descriptor on its way through a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Handle {
    Conn(u32),
    Listener(u32),
}

/// A pipe from one worker to the supervisor.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    /// Written and not yet read.
    pub bytes: VecDeque<u8>,
    /// How many processes have the writing end open.
    pub writers: u32,
    /// Whether the supervisor has its end open.
    pub read: bool,
    /// The worker.
    pub worker: u32,
}

/// How much a pipe holds (pipe(7)).
const PIPE: usize = 65_536;

impl Pipe {
    /// How much can be written.
    pub fn room(&self) -> usize {
        PIPE - self.bytes.len()
    }
}

/// A Unix stream socket pair between the supervisor and one worker.
#[derive(Debug, Default)]
pub(super) struct Channel {
    /// Written by the worker, not yet read by the supervisor.
    pub to_supervisor: Vec<u8>,
    /// Written by the supervisor, not yet read by the worker.
    pub to_worker: Vec<u8>,
    /// How many bytes the worker has read so far.
    pub taken: u64,
    /// Descriptors on their way to the worker, each with the number of the byte that it travels with.
    pub handles: VecDeque<(u64, Handle)>,
    /// How many processes have the worker's end open.
    pub holders: u32,
    /// Whether the supervisor has its end open.
    pub supervised: bool,
    /// The worker's end was closed with unread data in it: the next read at the end of data says ECONNRESET, once.
    pub reset: bool,
    /// The worker, or [`OPERATOR`].
    pub worker: u32,
}

/// Who has the other end of a connection to the control socket. It takes all that it is told.
pub(super) const OPERATOR: u32 = u32::MAX;

/// A listening socket.
#[derive(Debug)]
pub(super) struct Listener {
    pub address: Address,
    /// The clients connect here.
    pub target: bool,
    /// Others may listen at the address, too, and get a part of the connections.
    pub reuse_port: bool,
    pub backlog: usize,
    /// Connections that nobody has accepted.
    pub queue: VecDeque<u32>,
    /// The same of operators: their channels.
    pub operators: VecDeque<u32>,
    /// Whether the supervisor has it open.
    pub supervised: bool,
    /// How many workers have it open.
    pub holders: u32,
    /// Processes that wait for connections.
    pub acceptors: Vec<u32>,
}

impl Listener {
    pub fn open(&self) -> bool {
        self.supervised || self.holders > 0
    }
}

/// Where a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Not established.
    Nowhere,
    /// The client's SYN was dropped.
    Dropped,
    /// In the accept queue.
    Queued,
    /// Accepted by the supervisor, and with no worker yet.
    Held,
    /// Accepted by this process.
    With(u32),
    /// The server's end is closed.
    Closed,
}

/// A connection, both ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conn {
    pub place: Place,
    /// The process that answers.
    pub server: u32,
    /// How often the server's end is open: by the supervisor, by workers, and on the way between them.
    pub holders: u32,
    /// The client has not closed it.
    pub client_open: bool,
    /// A request that the server has not read.
    pub request: Option<Request>,
    /// How much of a request was written byte by byte.
    pub bytes: u32,
    /// The server has said that it answers nothing more.
    pub last: bool,
    /// What the client sees next is not before this: a stream keeps its order.
    pub delivered: Time,
    /// What is long about it.
    pub bulk: Bulk,
}

impl Conn {
    pub const NEW: Self = Self {
        place: Place::Nowhere,
        server: 0,
        holders: 0,
        client_open: false,
        request: None,
        bytes: 0,
        last: false,
        delivered: Time::NEVER,
        bulk: Bulk::NONE,
    };
}
