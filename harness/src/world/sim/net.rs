//! Connections: the accept queue, and both ways of a stream. Requests and answers travel as values, not bytes.

use crate::history::{Proc, What};
use crate::load::{Failure, Input};
use crate::puppet::{self, ConnId, Request};

use super::engine::World;
use super::model::{NET, REQUEST_BYTES, SYN_RETRY_NS, WAKE};
use super::queue::Ev;
use super::sockets::{Conn, Listener, Place};

impl World {
    /// A client calls connect.
    pub fn connect(&mut self, conn: u32) {
        let at = conn as usize;
        if self.conns.len() <= at {
            self.conns.resize(at + 1, Conn::NEW);
        }
        self.conns[at] = Conn { client_open: true, delivered: self.now, ..Conn::NEW };
        self.syn(conn, 0);
    }

    /// A SYN reaches the listener: refused without one, dropped if its queue is full.
    fn syn(&mut self, conn: u32, tries: u8) {
        let Some(number) = self.target() else {
            self.client_inputs.push_back(Input::NotOpened(conn, Failure::Refused));
            return;
        };
        let listener = &mut self.listeners[number as usize];
        if listener.queue.len() > listener.backlog {
            self.conns[conn as usize].place = Place::Dropped;
            let wait = SYN_RETRY_NS << tries.min(6);
            self.queue.push(self.now + std::time::Duration::from_nanos(wait), Ev::Syn(conn, tries + 1));
            return;
        }
        listener.queue.push_back(conn);
        if listener.acceptors.is_empty() {
            self.supervisor.stirred = true;
        }
        self.conns[conn as usize].place = Place::Queued;
        self.client_inputs.push_back(Input::Opened(conn, conn));
        self.soon(WAKE, Ev::Offer(number));
    }

    /// The listener that a SYN reaches: where several share the address, any of them.
    fn target(&mut self) -> Option<u32> {
        let open = |(_, listener): &(usize, &Listener)| listener.target && listener.open();
        let count = self.listeners.iter().enumerate().filter(open).count();
        let pick = if count > 1 { self.rng.below(count as u64) as usize } else { 0 };
        self.listeners.iter().enumerate().filter(open).nth(pick).map(|(number, _)| number as u32)
    }

    /// A dropped SYN is sent again.
    pub fn retry_syn(&mut self, conn: u32, tries: u8) {
        let end = self.conns[conn as usize];
        if end.client_open && end.place == Place::Dropped {
            self.syn(conn, tries);
            self.run_clients();
        }
    }

    /// A client writes a request.
    pub fn request(&mut self, conn: u32, request: Request) {
        if let Request::Take { bytes } = request {
            self.body_follows(conn, bytes);
        }
        let end = &mut self.conns[conn as usize];
        match end.place {
            Place::Queued | Place::Held => end.request = Some(request),
            Place::With(_) => {
                end.request = Some(request);
                self.soon(NET, Ev::Serve(conn));
            }
            Place::Closed => {
                // Its end may be on the way already; writing to it makes sure that it is a reset.
                self.deliver(conn, Ev::Rst(conn));
            }
            Place::Nowhere | Place::Dropped => {
                self.client_inputs.push_back(Input::Failed(conn, Failure::Reset));
                return;
            }
        }
        self.client_inputs.push_back(Input::Sent(conn));
    }

    /// A client writes one more byte of a request. Nobody can do anything with it before it is whole.
    pub fn byte(&mut self, conn: u32, request: Request) {
        let end = &mut self.conns[conn as usize];
        end.bytes += 1;
        if end.place == Place::Closed {
            self.deliver(conn, Ev::Rst(conn));
        } else if end.bytes == REQUEST_BYTES {
            self.request(conn, request);
        }
    }

    /// A client closes its end.
    pub fn close_by_client(&mut self, conn: u32) {
        let Some(end) = self.conns.get_mut(conn as usize) else {
            return;
        };
        end.client_open = false;
        if matches!(end.place, Place::With(_)) {
            self.soon(NET, Ev::Hangup(conn));
        }
    }

    /// Everybody who could accept is woken by everything that waits.
    pub fn offer_all(&mut self) {
        for listener in 0..self.listeners.len() as u32 {
            for _ in 0..self.listeners[listener as usize].queue.len() {
                self.soon(WAKE, Ev::Offer(listener));
            }
        }
    }

    /// One of the workers that wait at a listener wins a connection.
    pub fn offer(&mut self, listener: u32) {
        let waiting = &self.listeners[listener as usize];
        if waiting.queue.is_empty() {
            return;
        }
        let able = |ix: &&u32| !self.processes.get(**ix).stopped();
        let count = waiting.acceptors.iter().filter(able).count();
        let winner = self.favour.pick(count, &mut self.rng);
        let Some(&ix) = waiting.acceptors.iter().filter(able).nth(winner) else {
            return;
        };
        let Some(conn) = self.listeners[listener as usize].queue.pop_front() else {
            return;
        };
        self.kernel_events += 1;
        self.accepted(ix, conn);
    }

    fn accepted(&mut self, ix: u32, conn: u32) {
        self.conns[conn as usize].holders = 1;
        let proc = self.take_hold(ix, conn);
        self.note(What::Accepted { proc, peer: conn });
        self.client(crate::load::Input::AcceptedBy(conn, self.now, proc));
        self.puppet(ix, puppet::Input::Connected(ConnId(conn)));
        self.show_connection(ix, conn);
    }

    /// A process has a connection open now.
    pub fn take_hold(&mut self, ix: u32, conn: u32) -> Proc {
        let end = &mut self.conns[conn as usize];
        end.place = Place::With(ix);
        end.server = ix;
        let process = self.processes.get_mut(ix);
        process.connections.push(conn);
        process.proc
    }

    /// What the client did before a worker had its connection is seen by that worker now.
    pub fn show_connection(&mut self, ix: u32, conn: u32) {
        let hung_up = !self.conns[conn as usize].client_open;
        if self.conns[conn as usize].place != Place::With(ix) {
            return;
        }
        if self.conns[conn as usize].request.is_some() {
            // Mostly the request is there and read in the same turn of the worker's loop; now and then it is not.
            if self.rng.one_in(8) {
                self.soon(NET, Ev::Serve(conn));
            } else {
                self.serve(conn);
            }
        }
        if hung_up {
            self.soon(NET, Ev::Hangup(conn));
        }
    }

    /// A reference to a listening socket went away; with the last one go the connections that nobody accepted.
    pub fn listener_released(&mut self, listener: u32) {
        if !self.listeners[listener as usize].open() {
            self.reset_queue(listener);
        }
    }

    /// The planted model error: what waits is lost.
    pub fn lose_queues(&mut self) {
        for listener in 0..self.listeners.len() as u32 {
            self.reset_queue(listener);
        }
    }

    fn reset_queue(&mut self, listener: u32) {
        while let Some(conn) = self.listeners[listener as usize].queue.pop_front() {
            self.conns[conn as usize].place = Place::Closed;
            self.deliver(conn, Ev::Rst(conn));
        }
        while let Some(operator) = self.listeners[listener as usize].operators.pop_front() {
            self.turn_away(operator);
        }
    }
}
