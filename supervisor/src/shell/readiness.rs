//! What workers say of themselves beside their channel: datagrams of sd_notify, and s6's newline.

use crate::channel::{Notice, notices, says_ready};
use crate::core::{ErrorEvent, Input, Machine, Word, WorkerId};
use crate::kernel::{Errno, Kernel};

use super::state::Shell;

/// How many datagrams of one worker are taken in one turn.
const DATAGRAMS_PER_TURN: usize = 16;

/// How many buffers full are read in one turn of a pipe on which one newline is awaited.
const READS_PER_TURN: usize = 4;

impl<K: Kernel, M: Machine> Shell<'_, K, M> {
    /// Takes what came to a worker's notify socket.
    pub(super) fn take_notifications(&mut self, id: WorkerId) {
        for _ in 0..DATAGRAMS_PER_TURN {
            let Some(fd) = self.workers.get(id).and_then(|worker| worker.notify) else { return };
            match self.kernel.receive_datagram(fd, &mut self.buffer) {
                Ok(length) => {
                    let said: Vec<Notice> = notices(&self.buffer[..length]).collect();
                    said.into_iter().for_each(|notice| self.take_notice(id, notice));
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(errno) => {
                    self.worker_error(id, ErrorEvent::System { call: "recvmsg", errno: errno.0 });
                    self.close_notify(id);
                }
            }
        }
    }

    fn take_notice(&mut self, id: WorkerId, notice: Notice) {
        match notice {
            Notice::Word(word) => self.feed(Input::Word(id, word)),
            Notice::Status(text) => {
                if let Some(worker) = self.workers.get_mut(id) {
                    worker.status = text;
                }
            }
        }
    }

    /// Takes what came through a worker's pipe; the newline or the end of it ends that.
    pub(super) fn take_newline(&mut self, id: WorkerId) {
        for _ in 0..READS_PER_TURN {
            let Some(fd) = self.workers.get(id).and_then(|worker| worker.newline) else { return };
            match self.kernel.receive(fd, &mut self.buffer) {
                Ok(received) if received.bytes == 0 => self.close_newline(id),
                Ok(received) => {
                    if says_ready(&self.buffer[..received.bytes]) {
                        self.close_newline(id);
                        self.feed(Input::Word(id, Word::Ready));
                    }
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return,
                Err(errno) => {
                    self.worker_error(id, ErrorEvent::System { call: "read", errno: errno.0 });
                    self.close_newline(id);
                }
            }
        }
    }

    /// Hears no datagrams of this worker any more.
    pub(super) fn close_notify(&mut self, id: WorkerId) {
        if let Some(fd) = self.workers.get_mut(id).and_then(|worker| worker.notify.take()) {
            self.owners.remove(fd);
            self.kernel.close(fd);
        }
    }

    /// Awaits no newline of this worker any more.
    pub(super) fn close_newline(&mut self, id: WorkerId) {
        if let Some(fd) = self.workers.get_mut(id).and_then(|worker| worker.newline.take()) {
            self.owners.remove(fd);
            self.kernel.close(fd);
        }
    }
}

#[cfg(test)]
#[path = "readiness_tests.rs"]
mod tests;
