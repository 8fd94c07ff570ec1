//! Clients: the load's pure core on the model of the kernel.

use crate::history::What;
use crate::load::{Action, Failure, Input};
use crate::time::Time;

use super::engine::World;
use super::queue::Ev;
use super::sockets::Place;

impl World {
    /// Shows an input to the clients and does what they want, until they want nothing more.
    pub fn client(&mut self, input: Input) {
        self.client_inputs.push_back(input);
        self.run_clients();
    }

    /// Shows what is waiting to the clients.
    pub fn run_clients(&mut self) {
        let mut actions = std::mem::take(&mut self.client_actions);
        while let Some(input) = self.client_inputs.pop_front() {
            self.clients.step(self.now, input, &mut actions);
            for action in actions.drain(..) {
                self.act_for_client(action);
            }
        }
        self.client_actions = actions;
        if let Some(at) = self.clients.next_deadline() {
            let at = at.max(self.now);
            if at < self.clients_at {
                self.clients_at = at;
                self.queue.push(at, Ev::Clients);
            }
        }
    }

    /// A deadline of the clients is due.
    pub fn clients_due(&mut self, at: Time) {
        if at == self.clients_at {
            self.clients_at = Time::NEVER;
            self.client(Input::Tick);
        }
    }

    fn act_for_client(&mut self, action: Action) {
        self.kernel_events += 1;
        match action {
            Action::Connect(conn) => self.connect(conn),
            Action::Send(conn, request) => self.request(conn, request),
            Action::Byte(conn, request) => self.byte(conn, request),
            Action::Write(conn, bytes) => self.write_more(conn, bytes),
            Action::Read(conn, bytes) => self.read_more(conn, bytes),
            Action::Close(conn) => self.close_by_client(conn),
            Action::Record(connection) => self.note(What::Connection(connection)),
            Action::Over(request) => self.note(What::Request(request)),
            Action::Held(load) => self.note(What::Held { load }),
        }
    }

    /// A client sees an answer, and the end of the connection if the server has closed it.
    pub fn deliver_answer(&mut self, conn: u32) {
        let end = self.conns[conn as usize];
        if !end.client_open {
            return;
        }
        self.kernel_events += 1;
        let server = self.processes.get(end.server).proc;
        self.client(if end.last { Input::LastAnswer(conn, server) } else { Input::Answered(conn, server) });
        let end = self.conns[conn as usize];
        if end.client_open && end.place == Place::Closed && end.delivered <= self.now {
            self.client(Input::Closed(conn));
        }
    }

    /// A client sees the end of a connection.
    pub fn deliver_end(&mut self, conn: u32, reset: bool) {
        if self.conns[conn as usize].client_open && !self.end_behind_answer(conn, reset) {
            self.kernel_events += 1;
            self.client(if reset { Input::Failed(conn, Failure::Reset) } else { Input::Closed(conn) });
        }
    }

    /// The run is over: every connection that is still open is recorded.
    pub fn finish_clients(&mut self) {
        let mut actions = std::mem::take(&mut self.client_actions);
        self.clients.finish(self.now, &mut actions);
        for action in actions.drain(..) {
            self.act_for_client(action);
        }
        self.client_actions = actions;
    }
}
