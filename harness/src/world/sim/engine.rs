//! The engine: one queue of events, one clock, and who acts on what.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use supervisor::kernel::{Child as ChildHandle, Errno};

use crate::director::{Director, Injection};
use crate::history::{Event, Proc, What};
use crate::load::{self, Clients};
use crate::puppet;
use crate::subject::{Contents, HowToReload, HowToReopen, HowToStop, Questions, Rendered};
use crate::time::Time;
use crate::world::conversation::Conversation;
use crate::world::scaling::Scaling;

use super::claims::Claims;
use super::counters::Counters;
use super::crew::Crew;
use super::model::{Favour, HARNESS, Latency, Model, WAKE};
use super::output::Outlets;
use super::pid_file::PidFile;
use super::process::Processes;
use super::queue::{Ev, Queue};
use super::rng::Rng;
use super::sockets::{Channel, Conn, Listener, Pipe};
use super::supervisor::Supervisor;

/// A run that goes on longer than this many events is not going to end.
const BUDGET: u64 = 200_000_000;

/// The process of the supervisor does not run any more: it was killed, or the run is over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gone;

impl From<Gone> for Errno {
    /// EIO: no loop goes on after it.
    fn from(_: Gone) -> Self {
        Self(5)
    }
}

/// Everything there is in a simulated run.
#[derive(Debug)]
pub(super) struct World {
    pub now: Time,
    pub queue: Queue,
    pub rng: Rng,
    pub model: Model,
    pub favour: Favour,
    /// Events of the kernel so far: what the queue held, and every system call of anybody.
    pub kernel_events: u64,
    pub counters: Counters,
    /// Lines that supervisors have written, of events and for people.
    pub lines: u64,
    /// Nothing happens any more.
    pub over: bool,

    pub history: Vec<Event>,
    pub director: Director,
    /// A step waits for an accepted connection.
    pub heeds_accepts: bool,
    pub director_at: Time,
    pub injections: Vec<Injection>,

    pub supervisor: Supervisor,
    pub processes: Processes,
    pub channels: Vec<Channel>,
    pub pipes: Vec<Pipe>,
    pub outlets: Outlets,
    pub listeners: Vec<Listener>,
    /// What waits at each notify socket of the supervisor.
    pub datagrams: Vec<VecDeque<Vec<u8>>>,
    /// By how much the wall clock was set, in nanoseconds.
    pub wall_offset: i64,
    /// The socket of somebody else who holds the subject's address.
    pub stranger: Option<u32>,
    /// With so many processes there can be no more of this user (RLIMIT_NPROC).
    pub process_limit: usize,
    /// What exec(2) of the workers' program fails with.
    pub program_error: Option<Errno>,
    /// There is no directory in which workers of their own one could run.
    pub directory_gone: bool,
    pub pid_file: PidFile,
    /// A service manager listens to the supervisor.
    pub managed: bool,
    /// The configuration file while a fault has taken it away.
    pub file_aside: Option<(PathBuf, Contents)>,
    /// What open(2) of it says instead.
    pub file_error: Option<Errno>,
    pub claims: Claims,
    pub how_to_stop: HowToStop,
    pub how_to_reload: Option<HowToReload>,
    pub questions: Option<Questions>,
    /// Whether the supervisor was asked for a control socket.
    pub owns_control: bool,
    /// What operators wait for, by their channels.
    pub talks: BTreeMap<u32, Conversation>,
    pub how_to_reopen: Option<HowToReopen>,
    pub scaling: Scaling,
    /// What the subject is rendered to; `None` if it can't be.
    pub rendered: Option<Rc<Rendered>>,
    /// The configuration file's path and what is there, if that was not taken away.
    pub file: Option<(PathBuf, Contents)>,
    /// Its number.
    pub revision: u32,

    pub generation: u32,
    /// By the numbers of their pools.
    pub crews: Vec<Crew>,
    /// How long what the supervisor started may outlive it.
    pub orphans: Duration,
    pub supervisor_gone_at: Option<Time>,
    pub puppet_actions: Vec<puppet::Action>,

    pub clients: Clients,
    pub clients_at: Time,
    pub client_inputs: VecDeque<load::Input>,
    pub client_actions: Vec<load::Action>,
    /// By the client's number.
    pub conns: Vec<Conn>,
}

impl World {
    /// An instant after now, drawn from `latency`.
    pub fn after(&mut self, latency: Latency) -> Time {
        Time::from_nanos(self.now.as_nanos() + latency.draw(&mut self.rng))
    }

    /// Lets `ev` happen after a latency.
    pub fn soon(&mut self, latency: Latency, ev: Ev) {
        let at = self.after(latency);
        self.queue.push(at, ev);
    }

    /// Appends to the history and shows it to the director.
    pub fn note(&mut self, what: What) {
        self.note_at(self.now, what);
    }

    /// Notes now what happened at some instant before.
    pub fn note_at(&mut self, at: Time, what: What) {
        // Few triggers are about single connections, so as a rule these don't wake the harness up.
        let wakes = match what {
            What::Accepted { .. } => self.heeds_accepts,
            What::Refused { .. } | What::Connection(_) | What::Request(_) | What::Heard { .. } => false,
            _ => true,
        };
        let event = Event::at(at, what);
        self.director.see(&event);
        self.scaling.see(&event);
        self.history.push(event);
        if wakes {
            let at = self.after(HARNESS);
            self.wake_director(at);
        }
    }

    /// Lets the director act at `at` unless it does so earlier anyway.
    fn wake_director(&mut self, at: Time) {
        if at < self.director_at {
            self.director_at = at;
            self.queue.push(at, Ev::Director);
        }
    }

    /// Lets the director act now.
    pub fn direct(&mut self) {
        self.director_at = Time::NEVER;
        let mut injections = std::mem::take(&mut self.injections);
        let clients = &self.clients;
        self.director.step(self.now, &|load| clients.owner_of(load), &mut injections);
        for injection in injections.drain(..) {
            self.inject(injection);
        }
        self.injections = injections;
        self.tell_scale();
        for at in [self.director.next_deadline(), self.scaling.next_deadline()].into_iter().flatten() {
            self.wake_director(at.max(self.now));
        }
    }

    /// Lets the next event happen if it is due by `limit`.
    pub fn happen(&mut self, limit: Time) -> bool {
        if self.over || self.queue.next_at() > limit {
            return false;
        }
        let Some((at, ev)) = self.queue.pop() else {
            return false;
        };
        self.now = self.now.max(at);
        self.kernel_events += 1;
        if self.kernel_events > BUDGET {
            self.note(What::Incomplete { why: format!("the run did not end within {BUDGET} events") });
            self.over = true;
            return false;
        }
        self.dispatch(at, ev);
        true
    }

    fn dispatch(&mut self, at: Time, ev: Ev) {
        match ev {
            Ev::Director => {
                if at == self.director_at {
                    self.direct();
                }
            }
            Ev::Look => self.look_for_leftovers(),
            Ev::Clients => self.clients_due(at),
            Ev::SupervisorRuns => self.supervisor.run(),
            Ev::SupervisorGone => self.supervisor_gone(),
            Ev::Main(ix) => self.reach_main(ix),
            Ev::Tick(ix) => self.tick(ix, at),
            Ev::Term(ix) => self.see_term(ix),
            Ev::Channel(ix) => self.look_at_channel(ix),
            Ev::Asked(ix) => self.look_at_side_socket(ix),
            Ev::Waits(ix) => self.says_that_it_waits(ix),
            Ev::Ends(ix) => self.end_process(ix, crate::history::Status::Code(0)),
            Ev::Teardown(ix) => self.tear_down(ix),
            Ev::Zombie(ix) => self.become_zombie(ix),
            Ev::Offer(listener) => self.offer(listener),
            Ev::Serve(conn) => self.serve(conn),
            Ev::Answer(conn) => self.deliver_answer(conn),
            Ev::Fin(conn) => self.deliver_end(conn, false),
            Ev::Rst(conn) => self.deliver_end(conn, true),
            Ev::Hangup(conn) => self.deliver_hangup(conn),
            Ev::Arrives(conn) => self.arrive(conn),
            Ev::Room(conn) => self.write_on(conn),
            Ev::Space(conn) => self.give(conn),
            Ev::Syn(conn, tries) => self.retry_syn(conn, tries),
        }
    }

    /// Lets everything happen until the supervisor's process has run for `nanos` more.
    pub fn elapse(&mut self, nanos: u64) -> Result<(), Gone> {
        let until = Time::from_nanos(self.now.as_nanos() + nanos);
        loop {
            if self.over || !self.supervisor.running() {
                return Err(Gone);
            }
            let limit = if self.supervisor.frozen { Time::NEVER } else { until };
            if self.happen(limit) {
                continue;
            }
            if self.over || self.supervisor.frozen {
                self.stuck();
                return Err(Gone);
            }
            self.now = self.now.max(until);
            return Ok(());
        }
    }

    /// A system call of the supervisor: takes its time, and everything due meanwhile happens first.
    pub fn call(&mut self, latency: Latency) -> Result<(), Gone> {
        self.kernel_events += 1;
        let nanos = latency.draw(&mut self.rng);
        self.elapse(nanos)
    }

    /// Nothing is going to happen and the run has not ended.
    pub fn stuck(&mut self) {
        if !self.over {
            self.note(What::Incomplete { why: "nothing is left that could happen".into() });
            self.over = true;
        }
    }

    /// Lets everything happen until the supervisor's loop begins or never will.
    pub fn until_supervisor_runs(&mut self) {
        while !self.supervisor.running() && self.happen(Time::NEVER) {}
    }

    /// Lets everything happen until the run is over.
    pub fn until_over(&mut self) {
        while self.happen(Time::NEVER) {}
        self.stuck();
    }

    /// Handles what a stopped process can't see yet: it is kept until it goes on. `true`: the process runs, go on.
    pub fn awake(&mut self, ix: u32, ev: Ev) -> bool {
        let process = self.processes.get_mut(ix);
        if !process.alive() {
            return false;
        }
        if process.stopped() {
            process.deferred.push(ev);
            return false;
        }
        true
    }

    /// Freezes or thaws a process.
    pub fn freeze(&mut self, proc: Proc, on: bool) {
        if proc == self.supervisor.proc {
            self.supervisor.frozen = on;
            self.supervisor.stirred = true;
            self.supervisor.pending.resumed |= !on && self.supervisor.running();
            return;
        }
        let Some(ix) = self.processes.by_proc(proc) else {
            return;
        };
        let process = self.processes.get_mut(ix);
        process.frozen = on;
        if !on {
            self.unblock(ix);
        }
    }

    /// A process that was stopped sees what came meanwhile.
    pub fn go_on(&mut self, ix: u32) {
        let process = self.processes.get_mut(ix);
        if process.stopped() || !process.alive() {
            return;
        }
        let todo = std::mem::take(&mut process.todo);
        self.act_all(ix, todo.into_iter());
        let process = self.processes.get_mut(ix);
        if process.stopped() || !process.alive() {
            return;
        }
        let deferred = std::mem::take(&mut process.deferred);
        let accepting = process.accepting;
        for ev in deferred {
            let at = self.after(WAKE);
            if ev == Ev::Tick(ix) {
                // The timer that fired meanwhile is this one now.
                self.processes.get_mut(ix).tick_at = at;
            }
            self.queue.push(at, ev);
        }
        if accepting {
            self.offer_all();
        }
    }

    /// The listed child of the supervisor with this handle.
    pub fn child(&self, child: ChildHandle) -> Result<u32, Errno> {
        let found = self.processes.by_pid(child.0);
        found.filter(|&ix| self.processes.get(ix).parent == super::process::Parent::Supervisor).ok_or(Errno(10))
    }
}
