//! The loop's state, and the way from an input to everything that follows from it.

use std::cell::Cell;
use std::collections::VecDeque;

use crate::channel::{Hub, TopicLimits};
use crate::core::{Action, ErrorEvent, Event, Input, Machine, WorkerId};
use crate::kernel::{Errno, Fd, Kernel};
use crate::policy::{ExitCode, Instant};

use super::handoff::Handoffs;
use super::json::event_worker;
use super::operator::Operator;
use super::output::Outputs;
use super::owners::Owners;
use super::reload::Reloading;
use super::settings::Settings;
use super::sockets::Sockets;
use super::voices::Voices;
use super::workers::Workers;

/// One read's worth of bytes.
const BUFFER: usize = 64 * 1024;

/// Everything that the loop knows.
pub struct Shell<'a, K, M> {
    pub kernel: &'a mut K,
    pub machine: M,
    pub voices: Voices,
    pub workers: Workers,
    /// Whose descriptor is whose.
    pub owners: Owners,
    /// What workers are started from.
    pub settings: Settings,
    /// The listening sockets.
    pub sockets: Sockets,
    /// Where other configurations come from.
    pub reloading: Reloading<'a>,
    /// How it ends, once the machine has said so.
    pub end: Option<ExitCode>,
    /// What is on its way to workers.
    pub handoffs: Handoffs,
    /// What the workers share.
    pub topics: Hub<WorkerId>,
    /// What workers write.
    pub outputs: Outputs,
    /// The operator's socket.
    pub operator: Operator,
    /// For whatever is read, one thing at a time.
    pub buffer: Vec<u8>,
    /// What the machine waits for, if it was asked since its last step: it looks at every worker to find out.
    due: Cell<Option<Option<Instant>>>,
    todo: VecDeque<Action>,
    fresh: Vec<Action>,
}

/// What is opened before anything is started.
#[derive(Debug, Default)]
pub struct Open {
    pub sockets: Sockets,
    pub outputs: Outputs,
    pub operator: Operator,
    /// Of no concern to the loop: held from before the first worker until after the last.
    pub pid_file: Option<Fd>,
}

impl<'a, K: Kernel, M: Machine> Shell<'a, K, M> {
    /// Nothing runs yet.
    pub fn new(
        kernel: &'a mut K,
        machine: M,
        voices: Voices,
        settings: Settings,
        open: Open,
        reloading: Reloading<'a>,
    ) -> Self {
        let Open { sockets, outputs, operator, .. } = open;
        Self {
            kernel,
            machine,
            voices,
            workers: Workers::default(),
            owners: Owners::default(),
            settings,
            sockets,
            reloading,
            end: None,
            buffer: vec![0; BUFFER],
            handoffs: Handoffs::default(),
            outputs,
            operator,
            topics: Hub::new(TopicLimits::default()),
            due: Cell::new(None),
            todo: VecDeque::new(),
            fresh: Vec::new(),
        }
    }

    /// Tells the machine and does what it wants, until it wants nothing more. What this leads to may tell the machine
    /// more: then that comes first, and the rest is done after it.
    pub fn feed(&mut self, input: Input) {
        self.step(input);
        while let Some(action) = self.todo.pop_front() {
            if let Some(answer) = self.perform(action) {
                self.step(answer);
            }
        }
    }

    /// What the answer to an action leads to comes before the actions that were listed after it.
    fn step(&mut self, input: Input) {
        if self.end.is_some() {
            return;
        }
        self.due.set(None);
        self.machine.step(self.kernel.now(), input, &mut self.fresh);
        for action in self.fresh.drain(..).rev() {
            self.todo.push_front(action);
        }
    }

    /// When the machine wants to be told of the time.
    pub fn next_deadline(&self) -> Option<Instant> {
        let due = self.due.get().unwrap_or_else(|| self.machine.next_deadline());
        self.due.set(Some(due));
        due
    }

    /// Whether that has come, or a worker's answer to a hand-off is overdue.
    pub fn is_overdue(&self) -> bool {
        let due = [self.next_deadline(), self.handoffs.next_deadline()].into_iter().flatten().min();
        due.is_some_and(|deadline| deadline <= self.kernel.now())
    }

    fn perform(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::Spawn(id, revision) => return Some(self.spawn(id, revision)),
            Action::Settle(pool, revision) => {
                self.settings.settle(pool, revision);
                let shared = self.settings.shared();
                self.keep_own(|pool, _, first| shared.contains(&(pool, first)));
                self.keep_turns(&self.settings.sockets());
                self.keep_sockets();
            }
            Action::Tell(id, order) => self.tell(id, order),
            Action::Signal(id, signal) => self.signal(id, signal),
            Action::Emit(event) => {
                self.rotate(&event);
                self.emit(&event);
            }
            Action::Exit(code) => {
                self.end = Some(code);
                self.todo.clear();
            }
        }
        None
    }

    /// Closes the listening sockets that no configuration in use names, unless one may have to be passed once more.
    pub fn keep_sockets(&mut self) {
        let (used, workers) = (self.settings.sockets(), &self.workers);
        self.sockets.keep(self.kernel, |fd| used.contains(&fd) || workers.are_passed(fd));
    }

    /// Tells the world.
    pub fn emit(&mut self, event: &Event) {
        let pid = event_worker(event).and_then(|id| self.workers.get(id)).map(|worker| worker.child);
        self.voices.event(self.kernel.now(), event, pid);
    }

    /// Tells the world that something is wrong with a worker.
    pub fn worker_error(&mut self, id: WorkerId, what: ErrorEvent) {
        self.emit(&Event::Error { worker: Some(id), what });
    }

    /// Tells the world that a system call failed.
    pub fn system_error(&mut self, call: &'static str, errno: Errno) {
        self.emit(&Event::Error { worker: None, what: ErrorEvent::System { call, errno: errno.0 } });
    }

    /// Opens the files of events and of workers' output again.
    pub fn reopen(&mut self) {
        let reopened = [self.voices.reopen(self.kernel), self.outputs.reopen(self.kernel)];
        for errno in reopened.into_iter().filter_map(Result::err) {
            self.system_error("open", errno);
        }
    }
}

#[cfg(test)]
#[path = "state_tests.rs"]
mod tests;
