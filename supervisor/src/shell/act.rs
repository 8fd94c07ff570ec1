//! What the machine wants done to workers: start, tell, ask to leave, kill.

use std::rc::Rc;

use crate::channel::encode;
use crate::config::{Handoff, Leave};
use crate::core::{ErrorEvent, Input, Machine, Order, Revision, Signal, SpawnError, SpawnStep, WorkerId};
use crate::kernel::{Errno, Fd, Kernel, Scope, SignalNumber, SpawnSpec, Spawned};

use super::link::Link;
use super::owners::Owner;
use super::settings::PoolSettings;
use super::spec;
use super::state::Shell;
use super::workers::Worker;

/// What the kernel would say to a worker of a pool that there isn't.
const NO_SUCH_POOL: SpawnError = SpawnError { step: SpawnStep::Setup, errno: Errno::NOENT.0 };

impl<K: Kernel, M: Machine> Shell<'_, K, M> {
    /// Starts a worker; the result is the answer for the machine.
    pub fn spawn(&mut self, id: WorkerId, revision: Revision) -> Input {
        let Some(settings) = self.settings.of(id, revision) else { return Input::SpawnFailed(id, NO_SUCH_POOL) };
        let no_descriptors =
            |errno: Errno| Input::SpawnFailed(id, SpawnError { step: SpawnStep::Descriptors, errno: errno.0 });
        let fds = match self.born_with(id, &settings) {
            Ok(fds) => fds,
            Err(errno) => return no_descriptors(errno),
        };
        let (notify, address) = match self.kernel.notify_socket() {
            Ok(socket) => socket,
            Err(errno) => return no_descriptors(errno),
        };
        let unique = self.handoffs.next_unique(&settings.config);
        let spec = SpawnSpec { fds, ..spec::for_worker(&settings.template, address, unique) };
        match self.kernel.spawn(&spec) {
            Ok(spawned) => {
                self.take_in(id, settings, notify, spawned);
                self.equip(id);
                Input::Spawned(id)
            }
            Err(error) => {
                self.kernel.close(notify);
                Input::SpawnFailed(id, error)
            }
        }
    }

    /// A process was started: from here on everything that it says is heard.
    fn take_in(&mut self, id: WorkerId, settings: Rc<PoolSettings>, notify: Fd, spawned: Spawned) {
        self.owners.add(notify, Owner::Notify(id));
        if let Some(fd) = spawned.channel {
            self.owners.add(fd, Owner::Channel(id));
        }
        if let Some(fd) = spawned.notify {
            self.owners.add(fd, Owner::Newline(id));
        }
        self.outputs.adopt(self.kernel, id, &settings.config, [spawned.stdout, spawned.stderr]);
        let worker = Worker {
            child: spawned.child,
            settings,
            link: spawned.channel.map(Link::new),
            notify: Some(notify),
            newline: spawned.notify,
            status: String::new(),
            refused: 0,
        };
        self.workers.insert(id, worker);
        self.subscribe_newborn(id);
    }

    /// A worker that can't be told on its channel, because it has none or does not read, gets SIGTERM, which says the same.
    pub fn tell(&mut self, id: WorkerId, order: Order) {
        self.take_out(id);
        if !self.send(id, encode(order)) {
            self.kill(id, Signal::Term.into(), Scope::Process);
        }
    }

    /// Sends a line, with its LF; false if the worker has no channel, or nobody reads it.
    pub fn send(&mut self, id: WorkerId, line: &[u8]) -> bool {
        let Some(link) = self.workers.get_mut(id).and_then(|worker| worker.link.as_mut()) else { return false };
        match link.say(self.kernel, line) {
            Ok(()) => !link.is_deaf(),
            Err(errno) => {
                self.worker_error(id, ErrorEvent::System { call: "send", errno: errno.0 });
                false
            }
        }
    }

    /// Carries out a signal of the machine: SIGTERM asks to leave, in whichever way the pool's workers understand.
    pub fn signal(&mut self, id: WorkerId, signal: Signal) {
        match signal {
            Signal::Term => self.ask_to_leave(id),
            Signal::Kill => {
                // It may have left its group, or may be alone in it with processes that are not ours to signal.
                _ = self.kill(id, signal.into(), Scope::Group) || self.kill(id, signal.into(), Scope::Process);
            }
        }
    }

    /// A worker that can't be asked in its pool's way is asked in the other: by SIGTERM, or by the order to drain. If that
    /// fails, too, the deadline remains.
    fn ask_to_leave(&mut self, id: WorkerId) {
        let Some(worker) = self.workers.get(id) else { return };
        let settings = Rc::clone(&worker.settings);
        self.take_out(id);
        let told = match &settings.config.leave {
            Leave::Signal(number) => {
                if !self.kill(id, SignalNumber(*number), Scope::Process) {
                    self.send(id, encode(Order::Drain));
                }
                return;
            }
            Leave::Message(message) => self.send(id, format!("{message}\n").as_bytes()),
            Leave::Disconnect if matches!(settings.config.handoff, Handoff::NodeCluster { .. }) => self.see_out(id),
            Leave::Disconnect => self.disconnect(id),
        };
        if !told {
            self.kill(id, Signal::Term.into(), Scope::Process);
        }
    }

    /// Sends a signal to a worker that has not been reaped; false if it did not get it.
    fn kill(&mut self, id: WorkerId, signal: SignalNumber, scope: Scope) -> bool {
        let Some(child) = self.workers.signallable(id) else { return true };
        let sent = self.kernel.signal(child, signal, scope);
        if let Err(errno) = sent
            && errno != Errno::SRCH
        {
            self.worker_error(id, ErrorEvent::System { call: "kill", errno: errno.0 });
        }
        sent.is_ok()
    }

    /// Closes a worker's channel as soon as what waits in it is sent; false if it has none.
    fn disconnect(&mut self, id: WorkerId) -> bool {
        let Some(link) = self.workers.get_mut(id).and_then(|worker| worker.link.as_mut()) else { return false };
        link.close_when_sent();
        self.close_if_sent(id);
        true
    }

    /// Closes the channel of a worker that was to be disconnected, if nothing waits in it any more.
    pub fn close_if_sent(&mut self, id: WorkerId) {
        let link = self.workers.get(id).and_then(|worker| worker.link.as_ref());
        if link.is_some_and(Link::is_to_be_closed) {
            self.close_channel(id);
        }
    }
}

#[cfg(test)]
#[path = "act_tests.rs"]
mod tests;
