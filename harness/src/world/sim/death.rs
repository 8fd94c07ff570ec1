//! How processes end: torn down, then zombies, then reaped.

use crate::history::{Death, Status, What};

use super::engine::World;
use super::model::{TEARDOWN, WAKE, ZOMBIE};
use super::process::{Parent, Stage};
use super::queue::Ev;
use super::sockets::Place;

impl World {
    /// A process executes nothing any more.
    pub fn end_process(&mut self, ix: u32, status: Status) {
        let process = self.processes.get_mut(ix);
        if !process.alive() {
            return;
        }
        process.stage = Stage::Dying;
        process.status = status;
        process.writing = None;
        process.todo.clear();
        self.stop_waiting(ix);
        self.soon(TEARDOWN, Ev::Teardown(ix));
    }

    /// A signal for a process of the subject, from whomever.
    pub fn signal_process(&mut self, ix: u32, number: i32) {
        let process = self.processes.get(ix);
        if !process.alive() {
            return;
        }
        // A puppet handles SIGTERM once it has reached main; a descendant handles nothing.
        let handles_term = process.worker && process.stage == Stage::Running;
        match number {
            9 => self.end_process(ix, Status::Signal(9)),
            13 | 17 | 28 => {}
            21 | 22 => self.freeze(process.proc, true),
            15 if handles_term => self.soon(WAKE, Ev::Term(ix)),
            fatal => self.end_process(ix, Status::Signal(fatal)),
        }
    }

    /// Its descriptors are closed.
    pub fn tear_down(&mut self, ix: u32) {
        let connections = std::mem::take(&mut self.processes.get_mut(ix).connections);
        for conn in connections {
            self.let_go(ix, conn);
        }
        self.close_listeners(ix);
        self.close_writers(ix);
        if !self.model.queue_survives_death && self.processes.get(ix).worker {
            self.lose_queues();
        }
        self.leave_channel(ix);
        self.soon(ZOMBIE, Ev::Zombie(ix));
    }

    /// One holder of the worker's end of a channel goes away.
    pub fn leave_channel(&mut self, ix: u32) {
        let Some(number) = self.processes.get_mut(ix).channel.take() else {
            return;
        };
        let channel = &mut self.channels[number as usize];
        channel.holders -= 1;
        if channel.holders == 0 {
            channel.reset = !channel.to_worker.is_empty();
            self.supervisor.stirred = true;
            self.counters.handoffs_lost += u32::try_from(channel.handles.len()).unwrap_or(u32::MAX);
            for (_, handle) in std::mem::take(&mut channel.handles) {
                self.release_handle(handle);
            }
        }
    }

    /// It has ended: its parent is told.
    pub fn become_zombie(&mut self, ix: u32) {
        let process = self.processes.get_mut(ix);
        process.stage = Stage::Zombie;
        let (proc, parent, status) = (process.proc, process.parent, process.status);
        if process.worker && process.puppet.is_none() {
            self.note_birth(ix, 0);
        }
        self.note(What::Died { proc, death: Death { status: Some(status) } });
        self.give_children_away(ix);
        match parent {
            Parent::Supervisor if self.supervisor.alive() => {
                self.supervisor.pending.children += 1;
                self.supervisor.stirred = true;
            }
            _ => self.reap(ix),
        }
    }

    /// Takes a zombie out of the table.
    pub fn reap(&mut self, ix: u32) {
        self.processes.remove(ix);
        self.note(What::Reaped(self.processes.get(ix).proc));
    }

    /// Orphans are adopted by the supervisor, which is a subreaper, as long as there is one.
    fn give_children_away(&mut self, parent: u32) {
        for at in (0..self.processes.listed.len()).rev() {
            let ix = self.processes.listed[at];
            if self.processes.get(ix).parent == Parent::Process(parent) {
                self.processes.get_mut(ix).parent = self.subreaper();
            }
        }
    }

    /// Whose child an orphan becomes.
    pub fn subreaper(&self) -> Parent {
        if self.supervisor.alive() { Parent::Supervisor } else { Parent::Harness }
    }

    /// It waits for connections no more.
    pub fn stop_waiting(&mut self, ix: u32) {
        if std::mem::take(&mut self.processes.get_mut(ix).accepting) {
            for listener in &mut self.listeners {
                listener.acceptors.retain(|&other| other != ix);
            }
        }
    }

    /// Its listening sockets are closed.
    pub fn close_listeners(&mut self, ix: u32) {
        self.stop_waiting(ix);
        for listener in std::mem::take(&mut self.processes.get_mut(ix).listeners) {
            self.release_listener(listener);
        }
    }

    /// Somebody else than the supervisor closes a listening socket.
    pub fn release_listener(&mut self, listener: u32) {
        self.listeners[listener as usize].holders -= 1;
        self.listener_released(listener);
    }

    /// A worker closes a connection; it is the supervisor's again, if that has it open still.
    pub fn let_go(&mut self, ix: u32, conn: u32) {
        let end = &mut self.conns[conn as usize];
        if end.place == Place::With(ix) {
            end.place = Place::Held;
        }
        self.release_conn(conn);
    }

    /// One descriptor of the server's end of a connection is closed. With the last one goes the end: it is reset if there
    /// is unread data.
    pub fn release_conn(&mut self, conn: u32) {
        let end = &mut self.conns[conn as usize];
        end.holders -= 1;
        if end.holders > 0 {
            return;
        }
        end.place = Place::Closed;
        if !end.client_open {
            return;
        }
        let unread = end.request.take().is_some() || end.bulk.unread > 0;
        let ev = if unread { Ev::Rst(conn) } else { Ev::Fin(conn) };
        self.deliver(conn, ev);
    }
}
