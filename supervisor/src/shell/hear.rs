//! How the news of workers reach the machine: their words, the ends of their channels, their deaths.

use crate::core::{ErrorEvent, Event, Input, Machine, Signal, WorkerId};
use crate::kernel::{Child, Errno, Kernel, Readiness, Scope};

use super::link::{Reading, Said};
use super::owners::Owner;
use super::state::Shell;

/// How often the kernel may refuse to name or to reap the dead before the next signal is waited for.
const REFUSALS: u32 = 3;

impl<K: Kernel, M: Machine> Shell<'_, K, M> {
    /// A descriptor is ready; one of nobody (any more) is ignored.
    pub fn serve(&mut self, readiness: Readiness) {
        match self.owners.of(readiness.fd) {
            Some(Owner::Listener) => self.accept(readiness.fd),
            Some(Owner::Channel(id)) => self.serve_channel(id, readiness),
            Some(Owner::Notify(id)) => self.take_notifications(id),
            Some(Owner::Newline(id)) => self.take_newline(id),
            None if self.operator.serve(self.kernel, readiness, &mut self.buffer) => {}
            None => self.outputs.serve(self.kernel, readiness.fd, &mut self.buffer, self.voices.errors()),
        }
    }

    fn serve_channel(&mut self, id: WorkerId, readiness: Readiness) {
        if readiness.writable
            && let Some(link) = self.workers.get_mut(id).and_then(|worker| worker.link.as_mut())
        {
            link.flush(self.kernel);
            self.close_if_sent(id);
        }
        if readiness.readable {
            // What was said in time must be heard before a deadline is held against anybody, also if it comes in pieces.
            let how = if self.is_overdue() { Reading::ToTheEnd } else { Reading::Briefly };
            self.take_words(id, how);
        }
    }

    fn take_words(&mut self, id: WorkerId, how: Reading) {
        let Some(link) = self.workers.get_mut(id).and_then(|worker| worker.link.as_mut()) else { return };
        let mut said = Vec::new();
        link.receive(self.kernel, &mut self.buffer, how, &mut said);
        for said in said {
            match said {
                Said::Word(word) => self.feed(Input::Word(id, word)),
                Said::Topics(word) => self.take_topic_word(id, word),
                Said::Refused(refusal) => self.refuse(id, &refusal),
                Said::Cluster(message) => self.take_cluster_message(id, message),
                Said::Answer(answer) => self.settle(id, answer.seq, answer.accepted),
                Said::Arrived(parcel) => self.parcel_settled(id, parcel, true),
                Said::Lost(parcel) => self.parcel_settled(id, parcel, false),
                Said::Wrong(what) => self.worker_error(id, what),
                Said::End => self.close_channel(id),
            }
        }
    }

    /// Closes a worker's channel, if it has one, and tells the machine.
    pub fn close_channel(&mut self, id: WorkerId) {
        if let Some(link) = self.workers.get_mut(id).and_then(|worker| worker.link.take()) {
            self.owners.remove(link.fd());
            link.close(self.kernel);
            self.topics.leave(id);
            self.take_back(id);
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
                        self.forget(id);
                        self.workers.remove(id);
                    }
                    // To find whether anybody else ended the kernel looks at every child: what is known is told before.
                    self.voices.flush(self.kernel);
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
        self.take_words(id, Reading::ForTheLastTime);
        self.take_notifications(id);
        self.take_newline(id);
        match self.kernel.signal(child, Signal::Kill.into(), Scope::Group) {
            Ok(()) | Err(Errno::SRCH) => {}
            Err(errno) => self.worker_error(id, ErrorEvent::System { call: "kill", errno: errno.0 }),
        }
        self.outputs.ended(self.kernel, id, &mut self.buffer, self.voices.errors());
        self.close_channel(id);
        self.close_notify(id);
        self.close_newline(id);
    }
}

#[cfg(test)]
#[path = "hear_tests.rs"]
mod tests;
