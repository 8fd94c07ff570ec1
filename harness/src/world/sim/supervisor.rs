//! The supervisor's process: its signals, its descriptors, its end.

use supervisor::kernel::Errno;

use crate::history::{Proc, Status, What};
use crate::time::Time;

use super::engine::World;
use super::model::{CALL, SUPERVISOR_START, TEARDOWN, WAKE};
use super::process::{Parent, Stage};
use super::queue::Ev;
use super::sockets::{Descriptors, OPERATOR, Object};

/// Where the supervisor is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Unborn,
    /// Its handlers are not installed yet.
    Starting,
    Running,
    Ended(Status),
}

/// Its pending signals: one bit each, but for the planted model error.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pending {
    /// How many children ended since the last look.
    pub children: u32,
    pub stop: bool,
    pub reload: bool,
    pub reopen: bool,
    pub more: bool,
    pub less: bool,
    pub resumed: bool,
}

impl Pending {
    pub fn any(self) -> bool {
        let Self { children, stop, reload, reopen, more, less, resumed } = self;
        children > 0 || stop || reload || reopen || more || less || resumed
    }
}

/// The supervisor.
#[derive(Debug)]
pub(super) struct Supervisor {
    pub proc: Proc,
    life: Life,
    pub frozen: bool,
    pub pending: Pending,
    /// It is started with these blocked: they wait until it has handlers for them.
    blocked: Vec<i32>,
    /// Something happened that may end its wait.
    pub stirred: bool,
    pub descriptors: Descriptors,
}

impl Supervisor {
    pub fn new(blocked: Vec<i32>) -> Self {
        Self {
            proc: Proc { pid: 0, start: 0 },
            life: Life::Unborn,
            frozen: false,
            pending: Pending::default(),
            blocked,
            stirred: false,
            descriptors: Descriptors::default(),
        }
    }

    pub fn running(&self) -> bool {
        self.life == Life::Running
    }

    /// There is a process.
    pub fn alive(&self) -> bool {
        matches!(self.life, Life::Starting | Life::Running)
    }

    pub fn run(&mut self) {
        if self.life == Life::Starting {
            self.life = Life::Running;
        }
    }
}

impl World {
    /// The harness starts the supervisor.
    pub fn start_supervisor(&mut self) {
        if self.supervisor.life != Life::Unborn {
            self.note(What::Incomplete { why: "a second start of the supervisor is not built".into() });
            return;
        }
        self.supervisor.proc = self.processes.identity(0);
        self.supervisor.life = Life::Starting;
        self.note(What::SupervisorBorn(self.supervisor.proc));
        self.soon(SUPERVISOR_START, Ev::SupervisorRuns);
    }

    /// A signal for the supervisor.
    pub fn signal_supervisor(&mut self, number: i32) {
        if !self.supervisor.alive() {
            return;
        }
        let handled = self.supervisor.running() || self.supervisor.blocked.contains(&number);
        let pending = &mut self.supervisor.pending;
        match number {
            9 => self.end_supervisor(Status::Signal(9)),
            // Not handled, or ignored by Rust's runtime.
            13 | 28 => {}
            17 => pending.children += 1,
            2 | 3 | 15 if handled => pending.stop = true,
            1 if handled => pending.reload = true,
            10 if handled => pending.reopen = true,
            21 if handled => pending.more = true,
            22 if handled => pending.less = true,
            21 | 22 => self.supervisor.frozen = true,
            fatal => self.end_supervisor(Status::Signal(fatal)),
        }
        self.supervisor.stirred = true;
    }

    /// The supervisor executes nothing any more.
    pub fn end_supervisor(&mut self, status: Status) {
        if self.supervisor.alive() {
            self.supervisor.life = Life::Ended(status);
            self.soon(TEARDOWN, Ev::SupervisorGone);
        }
    }

    /// What the kernel does with a dead process: descriptors, children, death signals.
    pub fn supervisor_gone(&mut self) {
        for object in self.supervisor.descriptors.close_all() {
            self.release(object);
        }
        for at in 0..self.processes.listed.len() {
            let ix = self.processes.listed[at];
            let process = self.processes.get_mut(ix);
            if process.parent != Parent::Supervisor {
                continue;
            }
            process.parent = Parent::Harness;
            if process.death_signal {
                // Who has no handler yet is ended by it.
                self.signal_process(ix, 15);
            }
        }
        self.reap_adopted();
        if let Life::Ended(status) = self.supervisor.life {
            self.supervisor_gone_at = Some(self.now);
            self.note(What::SupervisorExited { proc: self.supervisor.proc, status });
        }
    }

    /// The harness reaps the zombies that became its children.
    fn reap_adopted(&mut self) {
        let zombies: Vec<u32> =
            self.processes.listed.iter().copied().filter(|&ix| self.is_adopted_zombie(ix)).collect();
        for ix in zombies {
            self.reap(ix);
        }
    }

    fn is_adopted_zombie(&self, ix: u32) -> bool {
        let process = self.processes.get(ix);
        process.stage == Stage::Zombie && process.parent == Parent::Harness
    }

    /// One reference of the supervisor to an object goes away.
    pub fn release(&mut self, object: Object) {
        match object {
            Object::Free | Object::Output | Object::Notify(_) | Object::Events => {}
            Object::Sink(_) | Object::Log(_) | Object::FullLog => {}
            Object::PidFile => self.release_pid_file(),
            Object::Conn(conn) => self.release_conn(conn),
            Object::Pipe(pipe) => self.close_reader(pipe),
            Object::Listener(listener) => {
                self.listeners[listener as usize].supervised = false;
                self.listener_released(listener);
            }
            Object::Channel(number) => {
                let channel = &mut self.channels[number as usize];
                channel.supervised = false;
                match channel.worker {
                    OPERATOR => self.turn_away(number),
                    worker => self.soon(WAKE, Ev::Channel(worker)),
                }
            }
        }
    }

    /// sendto(2), to the service manager, who reads at once.
    pub fn tell_manager(&mut self, text: &str) -> Result<(), Errno> {
        self.call(CALL)?;
        self.needs_descriptors(1)?;
        self.note(What::Notified { by: self.supervisor.proc.pid, text: text.to_owned() });
        Ok(())
    }

    /// When a deadline of the supervisor is noticed.
    pub fn deadline(until: Option<supervisor::policy::Instant>) -> Time {
        until.map_or(Time::NEVER, |at| Time::from_nanos(at.as_nanos()))
    }
}
