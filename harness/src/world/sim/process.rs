//! The process table.

use std::collections::VecDeque;

use crate::history::{Proc, Status};
use crate::puppet::{Action, Lines, Puppet};
use crate::scenario::{Ask, Life};
use crate::time::Time;

use super::output::Writing;
use super::queue::Ev;

/// How far a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// exec is done, main is not reached: default dispositions, nothing is read.
    Starting,
    /// It runs.
    Running,
    /// It executes nothing any more; the kernel tears it down.
    Dying,
    /// Its parent has not reaped it.
    Zombie,
    /// It is not in the table any more.
    Gone,
}

/// Who reaps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parent {
    Supervisor,
    /// The harness is the subreaper and reaps at once.
    Harness,
    Process(u32),
}

/// One process that the subject started.
#[derive(Debug)]
pub(super) struct Process {
    pub proc: Proc,
    /// When it was forked.
    pub born: Time,
    pub parent: Parent,
    /// Pid of the leader of its process group.
    pub group: u32,
    pub stage: Stage,
    pub status: Status,
    pub frozen: bool,
    /// Its main loop does nothing any more.
    pub hung: bool,
    /// Gets SIGTERM when its parent dies.
    pub death_signal: bool,
    /// The number of the configuration that it was started from, if it finds one in its environment.
    pub revision: Option<u32>,
    /// The number of its pool.
    pub pool: u32,
    /// The life that its configuration gives it, whatever its ticket.
    pub life: Option<Life>,
    /// Its script, if it is a worker that has taken a ticket.
    pub puppet: Option<Puppet>,
    /// It is a worker, not a descendant of one.
    pub worker: bool,
    /// The listening sockets that it has open.
    pub listeners: Vec<u32>,
    /// It waits for connections.
    pub accepting: bool,
    pub channel: Option<u32>,
    /// Its notify socket.
    pub notify: Option<u32>,
    /// Its standard output, if that is a pipe.
    pub stdout: Option<u32>,
    /// The pipe that it tells on that it is ready.
    pub ready_pipe: Option<u32>,
    /// Its standard error, if that is a pipe.
    pub stderr: Option<u32>,
    /// Its output and errors are the supervisor's own.
    pub inherits_output: bool,
    /// It writes to a pipe that is full.
    pub blocked: bool,
    /// What it is in the middle of writing.
    pub writing: Option<Writing>,
    /// What it will do when it has written that.
    pub todo: VecDeque<Action>,
    /// The lines that it has written.
    pub lines: Option<Lines>,
    /// The channel's end was shown to the puppet.
    pub orphaned: bool,
    /// Connections that it has accepted and not closed.
    pub connections: Vec<u32>,
    /// When its timer is set to fire.
    pub tick_at: Time,
    /// What came while it was frozen.
    pub deferred: Vec<Ev>,
    /// Datagrams on its side socket.
    pub asks: VecDeque<Ask>,
}

impl Process {
    pub fn new(proc: Proc, born: Time, parent: Parent, group: u32) -> Self {
        Self {
            proc,
            born,
            parent,
            group,
            stage: Stage::Starting,
            status: Status::Code(0),
            frozen: false,
            hung: false,
            death_signal: false,
            revision: None,
            pool: 0,
            life: None,
            puppet: None,
            worker: false,
            listeners: Vec::new(),
            accepting: false,
            channel: None,
            notify: None,
            stdout: None,
            ready_pipe: None,
            stderr: None,
            inherits_output: false,
            blocked: false,
            writing: None,
            todo: VecDeque::new(),
            lines: None,
            orphaned: false,
            connections: Vec::new(),
            tick_at: Time::NEVER,
            deferred: Vec::new(),
            asks: VecDeque::new(),
        }
    }

    /// Whether it executes nothing for now.
    pub fn stopped(&self) -> bool {
        self.frozen || self.blocked
    }

    /// Neither dying nor dead.
    pub fn alive(&self) -> bool {
        matches!(self.stage, Stage::Starting | Stage::Running)
    }
}

/// All processes of a run, dead ones included: an index names one process for ever.
#[derive(Debug)]
pub(super) struct Processes {
    pub all: Vec<Process>,
    /// Indices of those that are listed, oldest first.
    pub listed: Vec<u32>,
    next_pid: u32,
    pids: u32,
    next_start: u64,
}

/// The lowest pid that the model gives.
const FIRST_PID: u32 = 1000;

impl Processes {
    pub fn new(pids: u32) -> Self {
        Self { all: Vec::new(), listed: Vec::new(), next_pid: 0, pids: pids.max(1), next_start: 1 }
    }

    /// The identity of a new process: the next free pid and a start time that no other process has.
    pub fn identity(&mut self, taken: u32) -> Proc {
        for _ in 0..=self.listed.len() + 1 {
            let pid = FIRST_PID + self.next_pid;
            self.next_pid = (self.next_pid + 1) % self.pids;
            if pid != taken && !self.listed.iter().any(|&ix| self.all[ix as usize].proc.pid == pid) {
                self.next_start += 1;
                return Proc { pid, start: self.next_start };
            }
        }
        // Every pid of the small range is taken: go beyond it instead of failing a fork that nobody asked to fail.
        self.next_start += 1;
        Proc { pid: FIRST_PID + self.pids + self.next_start as u32, start: self.next_start }
    }

    pub fn add(&mut self, process: Process) -> u32 {
        let ix = self.all.len() as u32;
        self.listed.push(ix);
        self.all.push(process);
        ix
    }

    pub fn get(&self, ix: u32) -> &Process {
        &self.all[ix as usize]
    }

    pub fn get_mut(&mut self, ix: u32) -> &mut Process {
        &mut self.all[ix as usize]
    }

    /// The listed process with this pid.
    pub fn by_pid(&self, pid: u32) -> Option<u32> {
        self.listed.iter().copied().find(|&ix| self.get(ix).proc.pid == pid)
    }

    /// The listed process with this identity.
    pub fn by_proc(&self, proc: Proc) -> Option<u32> {
        self.by_pid(proc.pid).filter(|&ix| self.get(ix).proc == proc)
    }

    /// Takes a process out of the table.
    pub fn remove(&mut self, ix: u32) {
        self.get_mut(ix).stage = Stage::Gone;
        self.listed.retain(|&other| other != ix);
    }
}
