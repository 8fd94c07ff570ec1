//! Workers: the puppet's pure core on the model of the kernel.

use std::time::Duration;

use crate::history::{Form, Role, What};
use crate::puppet::{Action, ConnId, Entry, Input, Lines, Puppet, Request, Told};
use crate::scenario::{Child, Ready, Retirement, Span};
use crate::time::Time;

use super::engine::World;
use super::model::{NET, START, TIMER, WAKE};
use super::process::{Parent, Process, Stage};
use super::queue::Ev;
use super::sockets::{Handle, Place};

impl World {
    /// A process that has exec'ed reaches its main function.
    pub fn reach_main(&mut self, ix: u32) {
        if !self.awake(ix, Ev::Main(ix)) {
            return;
        }
        let process = self.processes.get_mut(ix);
        process.stage = Stage::Running;
        if !process.worker {
            return;
        }
        let generation = self.generation;
        let own = self.processes.get(ix).life.clone();
        let crew = &mut self.crews[self.processes.get(ix).pool as usize];
        let ticket = crew.take_ticket(generation);
        let life = own.unwrap_or_else(|| crew.life(generation, ticket));
        let puppet = Puppet::new(life, crew.own_deadline, crew.orphan_grace)
            .beating(crew.beat)
            .ready_at_birth(crew.ready == Some(Ready::AtSpawn));
        self.processes.get_mut(ix).lines = Some(Lines::new(self.processes.get(ix).proc));
        self.processes.get_mut(ix).puppet = Some(puppet);
        self.note_birth(ix, ticket);
        let Process { proc, revision, .. } = *self.processes.get(ix);
        if let Some(revision) = revision {
            self.note(What::Runs { proc, revision });
        }
        self.puppet(ix, Input::Born);
        // What was written to its channel before, or its end.
        self.soon(WAKE, Ev::Channel(ix));
    }

    /// A worker is known as one from its ticket on, or (without one: ticket 0) from its death.
    pub fn note_birth(&mut self, ix: u32, ticket: u32) {
        let (parent, generation) = (self.supervisor.proc.pid, self.generation);
        let Process { proc, born, pool, .. } = *self.processes.get(ix);
        self.note_at(born, What::Born { proc, parent, role: Role::Worker { ticket, generation, pool } });
    }

    /// How the workers of its pool say that they are ready.
    fn ready_way(&self, ix: u32) -> Option<Ready> {
        self.crews[self.processes.get(ix).pool as usize].ready
    }

    /// Shows an input to a puppet and does what it wants.
    pub fn puppet(&mut self, ix: u32, input: Input) {
        let mut actions = std::mem::take(&mut self.puppet_actions);
        let process = self.processes.get_mut(ix);
        if let Some(puppet) = process.puppet.as_mut().filter(|_| !process.hung) {
            puppet.step(self.now, input, &mut actions);
            let deadline = puppet.next_deadline();
            self.act_all(ix, actions.drain(..));
            self.set_timer(ix, deadline);
        }
        self.puppet_actions = actions;
    }

    fn set_timer(&mut self, ix: u32, deadline: Option<Time>) {
        let Some(deadline) = deadline else {
            self.processes.get_mut(ix).tick_at = Time::NEVER;
            return;
        };
        let late = TIMER.draw(&mut self.rng);
        let at = deadline.max(self.now) + Duration::from_nanos(late);
        let process = self.processes.get_mut(ix);
        // An earlier timer that is set already looks at the deadlines again when it fires.
        if process.tick_at > at || process.tick_at <= self.now {
            process.tick_at = at;
            self.queue.push(at, Ev::Tick(ix));
        }
    }

    /// A worker's timer fires.
    pub fn tick(&mut self, ix: u32, at: Time) {
        // Later than set: it was frozen meanwhile.
        if self.processes.get(ix).tick_at <= at && self.awake(ix, Ev::Tick(ix)) {
            self.processes.get_mut(ix).tick_at = Time::NEVER;
            self.puppet(ix, Input::Tick);
        }
    }

    /// A worker sees SIGTERM.
    pub fn see_term(&mut self, ix: u32) {
        if self.awake(ix, Ev::Term(ix)) {
            self.puppet(ix, Input::Term);
        }
    }

    /// A worker looks at its side socket.
    pub fn look_at_side_socket(&mut self, ix: u32) {
        if !self.awake(ix, Ev::Asked(ix)) {
            return;
        }
        while let Some(ask) = self.processes.get_mut(ix).asks.pop_front() {
            if self.processes.get(ix).alive() {
                self.puppet(ix, Input::Asked(ask));
            }
        }
    }

    /// A worker looks at its channel: takes whole lines, then the end.
    pub fn look_at_channel(&mut self, ix: u32) {
        if self.processes.get(ix).stage != Stage::Running || !self.awake(ix, Ev::Channel(ix)) {
            return;
        }
        let deaf = self.processes.get(ix).puppet.as_ref().is_some_and(Puppet::is_deaf);
        let Some(number) = self.processes.get(ix).channel.filter(|_| !deaf && !self.processes.get(ix).hung) else {
            return;
        };
        self.kernel_events += 1;
        loop {
            let channel = &mut self.channels[number as usize];
            let Some(end) = channel.to_worker.iter().position(|&byte| byte == b'\n') else {
                break;
            };
            let said = read(&channel.to_worker[..end]);
            channel.to_worker.drain(..=end);
            channel.taken += end as u64 + 1;
            let upto = channel.taken;
            let handle = self.take_handle(number, upto);
            self.hear(ix, said, handle);
        }
        let gone = !self.channels[number as usize].supervised;
        let process = self.processes.get_mut(ix);
        if gone && process.alive() && !std::mem::replace(&mut process.orphaned, true) {
            self.puppet(ix, Input::Orphaned);
        }
    }

    /// A worker has read a line, maybe with a descriptor.
    fn hear(&mut self, ix: u32, said: Option<Said>, handle: Option<Handle>) {
        // One that dies or hangs in the middle of what it has read makes nothing of the rest.
        let hears = self.processes.get(ix).alive() && !self.processes.get(ix).hung;
        match (said, handle) {
            (Some(Said::Told(told)), None) if hears => self.puppet(ix, Input::Told(told)),
            (Some(Said::Connection(seq)), Some(Handle::Conn(conn))) if hears => self.passed(ix, conn, seq),
            (_, Some(handle)) => self.release_handle(handle),
            (_, None) => {}
        }
    }

    pub fn act(&mut self, ix: u32, action: Action) {
        self.kernel_events += 1;
        match action {
            Action::Journal(entry) => self.journal(ix, entry),
            Action::Accept => self.accept_from_now(ix),
            Action::StopAccepting => self.close_listeners(ix),
            Action::SayReady if self.says_by_newline(ix) => self.write_ready(ix, b"\n"),
            Action::SayReady => self.tell(ix, "{\"act\":\"ready\"}", "READY=1"),
            Action::Notify(text) => self.notify(ix, text.into_bytes()),
            Action::NotifyFd(text) => self.write_ready(ix, text.as_bytes()),
            Action::Extend(Span(by)) => self.tell(
                ix,
                &format!("{{\"act\":\"extend\",\"ms\":{}}}", by.as_millis()),
                &format!("EXTEND_TIMEOUT_USEC={}", by.as_micros()),
            ),
            Action::Take(conn, seq) => self.take_passed(ix, conn.0, seq),
            Action::Refuse(conn, seq) => self.refuse_passed(ix, conn.0, seq),
            Action::Announce(Retirement::OnePhase) => self.say(ix, b"{\"act\":\"suicide\"}\n"),
            Action::Announce(Retirement::TwoPhase) => self.say(ix, b"{\"act\":\"retire\"}\n"),
            Action::Announce(Retirement::Silent) => {}
            Action::Answer { conn, keep_alive, status: _ } => self.answer(ix, conn.0, keep_alive),
            Action::AnswerLong { conn, bytes } => self.answer_long(ix, conn.0, bytes),
            Action::Close(conn) => self.close_by_worker(ix, conn.0),
            Action::CloseChannel => self.leave_channel(ix),
            Action::Say { line, times } => self.say(ix, format!("{line}\n").repeat(times as usize).as_bytes()),
            Action::Write(bytes) => self.say(ix, &bytes),
            Action::Output { stream, bytes } => self.write_lines(ix, stream, bytes),
            // Nobody in a simulated run counts the memory.
            Action::Leak(_) => {}
            Action::Spawn(child) => self.spawn_descendant(ix, child),
            Action::SignalGroup(signal) => self.signal_group(ix, signal.number()),
            Action::SayAlive => self.tell(ix, "{\"act\":\"alive\"}", "WATCHDOG=1"),
            Action::Hang { .. } => {
                self.processes.get_mut(ix).hung = true;
                self.stop_waiting(ix);
            }
            Action::Exit(code) => self.end_process(ix, crate::history::Status::Code(code)),
            Action::Crash(signal) => self.end_process(ix, crate::history::Status::Signal(signal.number())),
        }
    }

    fn journal(&mut self, ix: u32, entry: Entry) {
        let proc = self.processes.get(ix).proc;
        let what = match entry {
            // Noted with ticket and generation where main is reached.
            Entry::Born | Entry::Runs(_) => return,
            Entry::Ready => What::Ready(proc),
            Entry::Extends(by) => What::Extends { proc, by },
            Entry::Hangs => What::Hangs(proc),
            Entry::Accepted(peer) => What::Accepted { proc, peer },
            Entry::Refused(peer) => What::Refused { proc, peer },
            Entry::Subscribed(topic) => What::Subscribed { proc, topic },
            Entry::Published(topic, data) => What::Published { proc, topic, data },
            Entry::Heard(topic, data) => What::Heard { proc, topic, data },
            Entry::Announced(Retirement::TwoPhase) => What::Announced { proc, form: Form::TwoPhase },
            Entry::Announced(Retirement::OnePhase) => What::Announced { proc, form: Form::OnePhase },
            Entry::Announced(Retirement::Silent) => return,
            Entry::Told => What::ToldToStop(proc),
            Entry::StoppedAccepting => What::StoppedAccepting(proc),
            Entry::Drained => What::Drained(proc),
            Entry::Exiting(code) => What::Exiting { proc, code },
            // Noted as it writes.
            Entry::Wrote { .. } | Entry::Waits { .. } => return,
        };
        self.note(what);
    }

    /// Writes to the channel; a worker whose supervisor is gone gets EPIPE and doesn't care.
    pub fn say(&mut self, ix: u32, bytes: &[u8]) {
        let Some(number) = self.processes.get(ix).channel else {
            return;
        };
        let channel = &mut self.channels[number as usize];
        if channel.supervised {
            channel.to_supervisor.extend_from_slice(bytes);
            self.supervisor.stirred = true;
        }
    }

    fn says_by_newline(&self, ix: u32) -> bool {
        let process = self.processes.get(ix);
        self.ready_way(ix) == Some(Ready::NotifyFd) || process.channel.is_none() && process.ready_pipe.is_some()
    }

    /// Says it on the channel or, if there is none or the pool wants it so, by sd_notify(3).
    fn tell(&mut self, ix: u32, line: &str, state: &str) {
        if self.ready_way(ix) == Some(Ready::Notify) || self.processes.get(ix).channel.is_none() {
            self.notify(ix, state.as_bytes().to_vec());
        } else {
            self.say(ix, format!("{line}\n").as_bytes());
        }
    }

    fn notify(&mut self, ix: u32, datagram: Vec<u8>) {
        if let Some(socket) = self.processes.get(ix).notify {
            self.datagrams[socket as usize].push_back(datagram);
            self.supervisor.stirred = true;
        }
    }

    fn accept_from_now(&mut self, ix: u32) {
        let process = self.processes.get_mut(ix);
        if process.listeners.is_empty() || std::mem::replace(&mut process.accepting, true) {
            return;
        }
        for &listener in &process.listeners {
            self.listeners[listener as usize].acceptors.push(ix);
        }
        self.offer_all();
    }

    fn answer(&mut self, ix: u32, conn: u32, keep_alive: bool) {
        if self.conns[conn as usize].place != Place::With(ix) {
            return;
        }
        if !keep_alive {
            self.close_answered(ix, conn);
        }
        if self.conns[conn as usize].client_open {
            self.deliver(conn, Ev::Answer(conn));
        }
    }

    /// A worker has answered and closes. While somebody else has it open, its end comes after the answer. Else the client sees
    /// both at once.
    pub fn close_answered(&mut self, ix: u32, conn: u32) {
        let end = &mut self.conns[conn as usize];
        end.last = true;
        end.holders -= 1;
        end.place = if end.holders > 0 { Place::Held } else { Place::Closed };
        self.forget_connection(ix, conn);
    }

    pub fn close_by_worker(&mut self, ix: u32, conn: u32) {
        if self.conns[conn as usize].place == Place::With(ix) {
            self.forget_connection(ix, conn);
            self.let_go(ix, conn);
        }
    }

    pub fn forget_connection(&mut self, ix: u32, conn: u32) {
        let held = &mut self.processes.get_mut(ix).connections;
        if let Some(at) = held.iter().position(|&other| other == conn) {
            held.swap_remove(at);
        }
    }

    /// The client will see `ev` after a latency, and not before what was sent earlier.
    pub fn deliver(&mut self, conn: u32, ev: Ev) {
        let at = self.after(NET).max(self.conns[conn as usize].delivered);
        self.conns[conn as usize].delivered = at;
        self.queue.push(at, ev);
    }

    /// A worker is shown a connection's request, or its end.
    pub fn serve(&mut self, conn: u32) {
        let Place::With(ix) = self.conns[conn as usize].place else {
            return;
        };
        if !self.awake(ix, Ev::Serve(conn)) || self.processes.get(ix).hung {
            return;
        }
        let request = match self.conns[conn as usize].request.take() {
            Some(Request::Take { .. }) => {
                self.begin_body(ix, conn);
                self.take_body(conn)
            }
            Some(request) => Some(request),
            None => self.take_body(conn),
        };
        if let Some(request) = request {
            self.kernel_events += 1;
            self.puppet(ix, Input::Request(ConnId(conn), request));
        }
    }

    /// A worker sees that the client has closed a connection.
    pub fn deliver_hangup(&mut self, conn: u32) {
        let Place::With(ix) = self.conns[conn as usize].place else {
            return;
        };
        if self.awake(ix, Ev::Hangup(conn)) && !self.processes.get(ix).hung {
            self.forget_connection(ix, conn);
            self.let_go(ix, conn);
            self.puppet(ix, Input::Hangup(ConnId(conn)));
        }
    }

    fn spawn_descendant(&mut self, worker: u32, child: Child) {
        let identity = self.processes.identity(self.supervisor.proc.pid);
        let parent = if child.orphan { self.subreaper() } else { Parent::Process(worker) };
        let group = if child.setsid { identity.pid } else { self.processes.get(worker).group };
        let mut process = Process::new(identity, self.now, parent, group);
        process.stage = Stage::Running;
        if child.holds_descriptors {
            process.listeners.clone_from(&self.processes.get(worker).listeners);
            process.channel = self.processes.get(worker).channel;
        }
        for &listener in &process.listeners {
            self.listeners[listener as usize].holders += 1;
        }
        if let Some(channel) = process.channel {
            self.channels[channel as usize].holders += 1;
        }
        let ix = self.processes.add(process);
        let parent = self.processes.get(worker).proc.pid;
        self.note(What::Born { proc: identity, parent, role: Role::Descendant });
        if let Some(span) = child.lives_for {
            self.queue.push(self.now + span.0, Ev::Ends(ix));
        }
        // Started as a shell starts it: there is a moment before it can do anything.
        self.soon(START, Ev::Main(ix));
    }
}

/// A line of the supervisor's that a worker knows.
enum Said {
    Told(Told),
    /// Beside this line comes a connection.
    Connection(u64),
}

fn read(line: &[u8]) -> Option<Said> {
    if line == b"{\"act\":\"drain\"}" {
        return Some(Said::Told(Told::Drain));
    }
    let value: serde_json::Value = serde_json::from_slice(line).ok()?;
    match value.get("act")?.as_str()? {
        "drain" => Some(Said::Told(Told::Drain)),
        "connection" => Some(Said::Connection(value.get("seq")?.as_u64()?)),
        "update" => {
            let (topic, data) = (value.get("topic")?.as_str()?.to_owned(), value.get("data")?.to_string());
            Some(Said::Told(Told::Update { topic, data }))
        }
        _ => None,
    }
}
