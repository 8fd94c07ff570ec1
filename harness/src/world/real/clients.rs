//! The sockets of the load core.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with, sockopt};

use crate::history::{Event, What};
use crate::load::{Action, Clients, Input};
use crate::scenario::Load;
use crate::time::Time;

use super::client::{Conn, failure, opened};
use super::clock;

/// All clients of a run, with their sockets.
pub struct Sockets {
    core: Clients,
    conns: BTreeMap<u32, Conn>,
    address: SocketAddrV4,
}

impl Sockets {
    /// None is open.
    pub fn new(loads: &[Load], workers: u32, address: SocketAddrV4) -> Self {
        Self { core: Clients::new(loads, workers), conns: BTreeMap::new(), address }
    }

    /// The pure core.
    pub fn core(&self) -> &Clients {
        &self.core
    }

    /// What is to be polled, and for what.
    pub fn fds(&self) -> impl Iterator<Item = (u32, BorrowedFd<'_>, PollFlags)> {
        let fds = self.conns.iter().map(|(id, conn)| (*id, conn.fd.as_fd(), conn.wants()));
        // One that reads nothing for now does not want to hear of its end either.
        fds.filter(|(_, _, wanted)| !wanted.is_empty())
    }

    /// Something from outside: a load starts or stops, a deadline, a journal line.
    pub fn input(&mut self, input: Input, out: &mut Vec<Event>) {
        let mut actions = Vec::new();
        self.core.step(clock::now(), input, &mut actions);
        self.act(actions, out);
    }

    /// Ends everything.
    pub fn finish(&mut self, out: &mut Vec<Event>) {
        let mut actions = Vec::new();
        self.core.finish(clock::now(), &mut actions);
        self.act(actions, out);
    }

    /// Carries out actions, and what follows from them at once.
    fn act(&mut self, actions: Vec<Action>, out: &mut Vec<Event>) {
        let host = self.address;
        let mut queue = VecDeque::from(actions);
        while let Some(action) = queue.pop_front() {
            let input = match action {
                Action::Connect(id) => self.connect(id),
                Action::Send(id, request) => self.conn(id).and_then(|conn| conn.send(id, request, host)),
                Action::Byte(id, request) => self.conn(id).and_then(|conn| conn.byte(id, request, host)),
                Action::Write(id, bytes) => self.conn(id).and_then(|conn| conn.give(id, bytes)),
                Action::Read(id, bytes) => self.conn(id).and_then(|conn| conn.take(id, bytes)),
                Action::Close(id) => {
                    self.conns.remove(&id);
                    None
                }
                Action::Record(record) => {
                    out.push(Event::at(record.ended, What::Connection(record)));
                    None
                }
                Action::Over(request) => {
                    out.push(Event::at(request.ended, What::Request(request)));
                    None
                }
                Action::Held(load) => {
                    out.push(Event::at(clock::now(), What::Held { load }));
                    None
                }
            };
            if let Some(input) = input {
                let mut more = Vec::new();
                self.core.step(clock::now(), input, &mut more);
                queue.extend(more);
            }
        }
    }

    fn conn(&mut self, id: u32) -> Option<&mut Conn> {
        self.conns.get_mut(&id)
    }

    fn connect(&mut self, id: u32) -> Option<Input> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let fd = match socket_with(AddressFamily::INET, SocketType::STREAM, flags, None) {
            Ok(fd) => fd,
            // Descriptors are short here, not there: the connect deadline will say that nothing came of it.
            Err(_) => return None,
        };
        // A request is one small write; waiting for more would be measured as the server's slowness.
        let _ = sockopt::set_tcp_nodelay(&fd, true);
        let started = connect(&fd, &self.address);
        let connecting = matches!(started, Err(Errno::INPROGRESS));
        let conn = Conn::new(fd, connecting);
        let input = match started {
            Ok(()) => opened(id, &conn),
            Err(Errno::INPROGRESS) => None,
            Err(error) => return Some(Input::NotOpened(id, failure(error))),
        };
        self.conns.insert(id, conn);
        input
    }

    /// A descriptor is ready.
    pub fn ready(&mut self, id: u32, out: &mut Vec<Event>) {
        if let Some(input) = self.conns.get_mut(&id).and_then(|conn| conn.connected(id)) {
            self.input(input, out);
        }
        if let Some(input) = self.conns.get_mut(&id).and_then(|conn| conn.write_out(id)) {
            self.input(input, out);
        }
        if let Some(input) = self.conns.get_mut(&id).and_then(|conn| conn.read_in(id)) {
            self.input(input, out);
        }
        if let Some(input) = self.conns.get_mut(&id).and_then(|conn| conn.failed(id)) {
            self.input(input, out);
        }
    }

    /// Takes note of what has come by now, an answer and the end behind it: whoever stops a load has not closed what was
    /// closed before.
    pub fn catch_up(&mut self, out: &mut Vec<Event>) {
        for _ in 0..2 {
            let open: Vec<u32> = self.fds().map(|(id, ..)| id).collect();
            open.into_iter().for_each(|id| self.ready(id, out));
        }
    }

    /// When the core wants a tick.
    pub fn next_deadline(&self) -> Option<Time> {
        self.core.next_deadline()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{SocketAddr, TcpListener};

    use crate::history::Outcome;
    use crate::scenario::Span;

    use super::*;

    #[test]
    fn who_was_hung_up_on_before_the_load_was_stopped_did_not_hang_up() {
        let outcome = |hangs_up: bool| {
            let server = TcpListener::bind("127.0.0.1:0").expect("an address");
            let Ok(SocketAddr::V4(address)) = server.local_addr() else { panic!("it is of IPv4") };
            let held = Load::Hold {
                connections: 1,
                per_worker: false,
                hold: Span::millis(10_000),
                name: "held".to_owned(),
                on_demand: false,
            };
            let (mut sockets, mut out) = (Sockets::new(&[held], 1, address), Vec::new());
            sockets.input(Input::Start("held".to_owned()), &mut out);
            sockets.catch_up(&mut out);
            let accepted = server.accept().expect("it connects");
            if hangs_up {
                drop(accepted);
                sockets.catch_up(&mut out);
            }
            sockets.input(Input::Stop("held".to_owned()), &mut out);
            out.into_iter().find_map(|event| match event.what {
                What::Connection(record) => Some(record.outcome),
                _ => None,
            })
        };
        assert_eq!(outcome(false), Some(Outcome::Dropped));
        assert!(matches!(outcome(true), Some(Outcome::Reset | Outcome::Empty)), "{:?}", outcome(true));
    }
}
