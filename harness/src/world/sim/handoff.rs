//! Connections that the supervisor accepts and passes on, and descriptors on their way.

use supervisor::kernel::{Errno, Fd, Peer};

use crate::puppet::{ConnId, Input};

use super::engine::World;
use super::model::{CALL, CHANNEL_BYTES, WAKE};
use super::queue::Ev;
use super::sockets::{Handle, OPERATOR, Object, Place};

/// One call in so many finds too many descriptors of this user on their way, if there are any.
const TOO_MANY_IN_FLIGHT: u64 = 256;

impl World {
    /// accept4(2).
    pub fn accept(&mut self, listener: Fd) -> Result<Fd, Errno> {
        self.call(CALL)?;
        let Object::Listener(number) = self.supervisor.descriptors.get(listener.0) else {
            return Err(Errno::BADF);
        };
        self.needs_descriptors(1)?;
        if let Some(operator) = self.listeners[number as usize].operators.pop_front() {
            return Ok(Fd(self.supervisor.descriptors.open(Object::Channel(operator))));
        }
        let conn = self.listeners[number as usize].queue.pop_front().ok_or(Errno::AGAIN)?;
        let end = &mut self.conns[conn as usize];
        end.place = Place::Held;
        end.holders = 1;
        Ok(Fd(self.supervisor.descriptors.open(Object::Conn(conn))))
    }

    /// getsockopt(2) with SO_PEERCRED. Operators are root; nobody else here connects to a Unix socket.
    pub fn peer(&self, fd: Fd) -> Result<Peer, Errno> {
        match self.supervisor.descriptors.get(fd.0) {
            Object::Channel(number) if self.channels[number as usize].worker == OPERATOR => {
                Ok(Peer { pid: 1, user: 0 })
            }
            _ => Err(Errno(22)),
        }
    }

    /// sendmsg(2) with SCM_RIGHTS: the descriptor travels with the first byte.
    pub fn send_handle(&mut self, fd: Fd, bytes: &[u8], handle: Fd) -> Result<usize, Errno> {
        self.call(CALL)?;
        let Object::Channel(number) = self.supervisor.descriptors.get(fd.0) else {
            return Err(Errno::BADF);
        };
        let handle = match self.supervisor.descriptors.get(handle.0) {
            Object::Conn(conn) => Handle::Conn(conn),
            Object::Listener(listener) => Handle::Listener(listener),
            // Nothing else is ever sent.
            _ => return Err(Errno::BADF),
        };
        let channel = &self.channels[number as usize];
        if channel.holders == 0 {
            return Err(Errno::PIPE);
        }
        if !channel.handles.is_empty() && self.rng.one_in(TOO_MANY_IN_FLIGHT) {
            return Err(Errno::TOOMANYREFS);
        }
        let room = CHANNEL_BYTES.saturating_sub(channel.to_worker.len()).min(bytes.len());
        if room == 0 {
            return Err(if bytes.is_empty() { Errno(22) } else { Errno::AGAIN });
        }
        let taken = self.part(room);
        let channel = &mut self.channels[number as usize];
        channel.handles.push_back((channel.taken + channel.to_worker.len() as u64, handle));
        channel.to_worker.extend_from_slice(&bytes[..taken]);
        let worker = channel.worker;
        match handle {
            Handle::Conn(conn) => self.conns[conn as usize].holders += 1,
            Handle::Listener(listener) => self.listeners[listener as usize].holders += 1,
        }
        self.soon(WAKE, Ev::Channel(worker));
        Ok(taken)
    }

    /// A descriptor that was on its way is closed.
    pub fn release_handle(&mut self, handle: Handle) {
        match handle {
            Handle::Conn(conn) => self.release_conn(conn),
            Handle::Listener(listener) => self.release_listener(listener),
        }
    }

    /// The descriptor that a worker gets with the bytes that it has read up to `end`; it closes all but the first.
    pub fn take_handle(&mut self, channel: u32, end: u64) -> Option<Handle> {
        let mut first = None;
        while let Some(&(_, handle)) = self.channels[channel as usize].handles.front().filter(|(at, _)| *at < end) {
            self.channels[channel as usize].handles.pop_front();
            match first {
                None => first = Some(handle),
                Some(_) => self.release_handle(handle),
            }
        }
        first
    }

    /// A worker was passed a connection.
    pub fn passed(&mut self, ix: u32, conn: u32, seq: u64) {
        self.processes.get_mut(ix).connections.push(conn);
        self.puppet(ix, Input::Passed(ConnId(conn), seq));
    }

    /// A worker serves a connection that it was passed.
    pub fn take_passed(&mut self, ix: u32, conn: u32, seq: u64) {
        self.say(ix, format!("{{\"act\":\"accepted\",\"seq\":{seq}}}\n").as_bytes());
        let end = &mut self.conns[conn as usize];
        (end.place, end.server) = (Place::With(ix), ix);
        let proc = self.processes.get(ix).proc;
        self.client(crate::load::Input::AcceptedBy(conn, self.now, proc));
        self.show_connection(ix, conn);
    }

    /// A worker can't take a connection that it was passed.
    pub fn refuse_passed(&mut self, ix: u32, conn: u32, seq: u64) {
        self.forget_connection(ix, conn);
        self.let_go(ix, conn);
        self.say(ix, format!("{{\"act\":\"refused\",\"seq\":{seq}}}\n").as_bytes());
    }
}
