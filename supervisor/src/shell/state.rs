//! The loop's state: what each action does to the world, and how the world's news reach the machine.

use std::collections::VecDeque;

use crate::channel::{Hub, TopicLimits};
use crate::core::{Action, ErrorEvent, Event, Input, Machine, Order, Signal, SpawnError, SpawnStep, WorkerId};
use crate::kernel::{Child, Errno, Kernel, Readiness, Scope, SpawnSpec};
use crate::policy::ExitCode;

use super::json::event_worker;
use super::link::{Link, Said};
use super::spec;
use super::voices::Voices;
use super::workers::{Worker, Workers};

/// One read's worth of bytes.
const BUFFER: usize = 64 * 1024;

/// How often the kernel may refuse to name or to reap the dead before the next signal is waited for.
const REFUSALS: u32 = 3;

/// Everything that the loop knows.
pub struct Shell<'a, K, M> {
    pub kernel: &'a mut K,
    pub machine: M,
    pub voices: Voices,
    pub workers: Workers,
    /// How it ends, once the machine has said so.
    pub end: Option<ExitCode>,
    /// What the workers share.
    pub topics: Hub<WorkerId>,
    template: SpawnSpec,
    todo: VecDeque<Action>,
    fresh: Vec<Action>,
    pub(super) buffer: Vec<u8>,
}

impl<'a, K: Kernel, M: Machine> Shell<'a, K, M> {
    /// Nothing runs yet.
    pub fn new(kernel: &'a mut K, machine: M, voices: Voices, template: SpawnSpec) -> Self {
        Self {
            kernel,
            machine,
            voices,
            workers: Workers::default(),
            end: None,
            topics: Hub::new(TopicLimits::default()),
            template,
            todo: VecDeque::new(),
            fresh: Vec::new(),
            buffer: vec![0; BUFFER],
        }
    }

    /// Tells the machine and does what it wants, until it wants nothing more.
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
        self.machine.step(self.kernel.now(), input, &mut self.fresh);
        for action in self.fresh.drain(..).rev() {
            self.todo.push_front(action);
        }
    }

    fn perform(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::Spawn(id, _) => return Some(self.spawn(id)),
            Action::Settle(..) => {}
            Action::Tell(id, order) => self.tell(id, order),
            Action::Signal(id, signal) => self.signal(id, signal),
            Action::Emit(event) => self.emit(&event),
            Action::Exit(code) => {
                self.end = Some(code);
                self.todo.clear();
            }
        }
        None
    }

    fn spawn(&mut self, id: WorkerId) -> Input {
        let (notify, address) = match self.kernel.notify_socket() {
            Ok(socket) => socket,
            Err(errno) => {
                return Input::SpawnFailed(id, SpawnError { step: SpawnStep::Descriptors, errno: errno.0 });
            }
        };
        match self.kernel.spawn(&spec::for_worker(&self.template, address)) {
            Ok(spawned) => {
                let link = spawned.channel.map(Link::new);
                let worker = Worker {
                    child: spawned.child,
                    link,
                    notify: Some(notify),
                    newline: spawned.notify,
                    status: String::new(),
                    refused: 0,
                };
                self.workers.insert(id, worker);
                Input::Spawned(id)
            }
            Err(error) => {
                self.kernel.close(notify);
                Input::SpawnFailed(id, error)
            }
        }
    }

    /// A worker that can't be told on its channel, because it has none or does not read, gets SIGTERM, which says the same.
    fn tell(&mut self, id: WorkerId, order: Order) {
        let link = self.workers.get_mut(id).and_then(|worker| worker.link.as_mut());
        match link.map(|link| (link.tell(self.kernel, order), link.is_deaf())) {
            Some((Ok(()), false)) => return,
            Some((Err(errno), _)) => self.worker_error(id, ErrorEvent::System { call: "send", errno: errno.0 }),
            Some((Ok(()), true)) | None => {}
        }
        self.signal(id, Signal::Term);
    }

    fn signal(&mut self, id: WorkerId, signal: Signal) {
        let Some(child) = self.workers.signallable(id) else { return };
        let sent = match signal {
            Signal::Term => self.kernel.signal(child, signal, Scope::Process),
            // It may have left its group, or may be alone in it with processes that are not ours to signal.
            Signal::Kill => self
                .kernel
                .signal(child, signal, Scope::Group)
                .or_else(|_| self.kernel.signal(child, signal, Scope::Process)),
        };
        let Err(errno) = sent else { return };
        if errno != Errno::SRCH {
            self.worker_error(id, ErrorEvent::System { call: "kill", errno: errno.0 });
        }
        let link = self.workers.get_mut(id).and_then(|worker| worker.link.as_mut());
        if let (Signal::Term, Some(link)) = (signal, link) {
            // The same by the other way; if that fails, too, the deadline remains.
            _ = link.tell(self.kernel, Order::Drain);
        }
    }

    /// Tells the world.
    pub fn emit(&mut self, event: &Event) {
        let pid = event_worker(event).and_then(|id| self.workers.get(id)).map(|worker| worker.child);
        self.voices.event(self.kernel.now(), event, pid);
    }

    pub(super) fn worker_error(&mut self, id: WorkerId, what: ErrorEvent) {
        self.emit(&Event::Error { worker: Some(id), what });
    }

    /// Tells the world that a system call failed.
    pub fn system_error(&mut self, call: &'static str, errno: Errno) {
        self.emit(&Event::Error { worker: None, what: ErrorEvent::System { call, errno: errno.0 } });
    }

    /// Opens the event file again.
    pub fn reopen(&mut self) {
        if let Err(errno) = self.voices.reopen(self.kernel) {
            self.system_error("open", errno);
        }
    }

    /// A worker's channel or notify socket is ready; a descriptor of nobody (any more) is ignored.
    pub fn serve_worker(&mut self, readiness: Readiness) {
        let Some(id) = self.workers.owner(readiness.fd) else { return };
        let Some(worker) = self.workers.get_mut(id) else { return };
        if worker.notify == Some(readiness.fd) {
            return self.take_notifications(id);
        }
        if worker.newline == Some(readiness.fd) {
            return self.take_newline(id);
        }
        if readiness.writable
            && let Some(link) = &mut worker.link
        {
            link.flush(self.kernel);
        }
        if readiness.readable {
            self.take_words(id, false);
        }
    }

    fn take_words(&mut self, id: WorkerId, last: bool) {
        let Some(link) = self.workers.get_mut(id).and_then(|worker| worker.link.as_mut()) else { return };
        let mut said = Vec::new();
        link.receive(self.kernel, &mut self.buffer, last, &mut said);
        for said in said {
            match said {
                Said::Word(word) => self.feed(Input::Word(id, word)),
                Said::Topics(word) => self.take_topic_word(id, word),
                Said::Refused(refusal) => self.refuse(id, &refusal),
                Said::Wrong(what) => self.worker_error(id, what),
                Said::End => self.close_channel(id),
            }
        }
    }

    fn close_channel(&mut self, id: WorkerId) {
        if let Some(link) = self.workers.get_mut(id).and_then(|worker| worker.link.take()) {
            self.kernel.close(link.fd());
            self.topics.leave(id);
            self.feed(Input::Disconnected(id));
        }
    }

    /// Reaps until nobody is left to reap: many deaths may have made one signal. A kernel that refuses is asked again,
    /// because no other signal may come, but not for ever.
    pub fn reap(&mut self) {
        let mut refusals = 0;
        while refusals < REFUSALS {
            match self.kernel.ended() {
                Ok(None) => return,
                Ok(Some((child, status))) => {
                    let id = self.workers.of_child(child);
                    if let Some(id) = id {
                        self.last_words(id, child);
                    }
                    let reaped = self.kernel.reap(child);
                    self.workers.reaped(child);
                    if let Some(id) = id {
                        self.feed(Input::Exited(id, status));
                        self.emit(&Event::Close { worker: id });
                        self.workers.remove(id);
                    }
                    if let Err(errno) = reaped {
                        self.system_error("waitid", errno);
                        refusals += 1;
                    }
                }
                Err(errno) => {
                    self.system_error("waitid", errno);
                    refusals += 1;
                }
            }
        }
    }

    /// Hears what a dead worker still had to say, then ends the rest of its process group, while the zombie holds the pid
    /// that names it.
    fn last_words(&mut self, id: WorkerId, child: Child) {
        self.take_words(id, true);
        self.take_notifications(id);
        self.take_newline(id);
        match self.kernel.signal(child, Signal::Kill, Scope::Group) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(errno) => self.worker_error(id, ErrorEvent::System { call: "kill", errno: errno.0 }),
        }
        self.close_channel(id);
        self.close_notify(id);
        self.close_newline(id);
    }
}
