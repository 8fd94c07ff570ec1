//! Connections that we accept: off the listener, to the worker whose turn it is, and closed here once that has them.

use std::time::Duration;

use crate::channel::{Confirm, HandleKind, Settled, envelope, new_connection, offer};
use crate::config::Handoff;
use crate::core::{ErrorEvent, Input, Machine, Word, WorkerId};
use crate::kernel::{Errno, Fd, Kernel};

use super::link::{Content, Parcel};
use super::state::Shell;

/// How many connections of one listener are accepted in one turn of the loop.
const ACCEPTS_PER_TURN: usize = 64;

/// How long accepting rests if there is no descriptor or memory to be had; meanwhile connections wait in the kernel.
const PAUSE: Duration = Duration::from_millis(100);

/// How often is told at most what fails again and again.
pub(super) const TELL_EVERY: Duration = Duration::from_secs(10);

/// What accept(2) says of a connection that is gone before it was accepted, or of its network: EPERM, EPROTO, ENETDOWN,
/// ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, ENETUNREACH, ECONNABORTED, ETIMEDOUT. EOPNOTSUPP is not among them: it is also
/// what a socket says that nobody can accept from, at once and for ever.
const GONE: [i32; 10] = [1, 71, 100, 92, 112, 64, 113, 101, 103, 110];

impl<K: Kernel, M: Machine> Shell<'_, K, M> {
    /// Connections wait at a listener.
    pub fn accept(&mut self, listener: Fd) {
        for _ in 0..ACCEPTS_PER_TURN {
            let Some(turn) = self.handoffs.turns.get_mut(&listener) else { return };
            if turn.paused_until.is_some() || !turn.robin.wants_more() {
                break;
            }
            match self.kernel.accept(listener) {
                Ok(connection) => turn.robin.offer(connection),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(errno) if GONE.contains(&errno.0) => {}
                Err(errno) => {
                    self.pause(listener, errno);
                    break;
                }
            }
        }
        self.pump(listener);
    }

    /// Polling would say at once that the connection still waits.
    fn pause(&mut self, listener: Fd, errno: Errno) {
        let now = self.kernel.now();
        let Some(turn) = self.handoffs.turns.get_mut(&listener) else { return };
        turn.paused_until = Some(now + PAUSE);
        if turn.told.is_none_or(|told| now.since(told) >= TELL_EVERY) {
            turn.told = Some(now);
            self.system_error("accept", errno);
        }
    }

    /// Hands out what waits, as far as there are workers for it.
    pub fn pump(&mut self, listener: Fd) {
        let now = self.kernel.now();
        loop {
            let seq = self.handoffs.next_seq();
            let Some(turn) = self.handoffs.turns.get_mut(&listener) else { return };
            let Some((id, connection)) = turn.robin.assign(now, seq) else { return };
            if let Err(errno) = self.hand_over(id, listener, connection, seq)
                && let Some(turn) = self.handoffs.turns.get_mut(&listener)
            {
                turn.robin.answered(now, id, seq, false);
                if errno == Errno::PIPE {
                    turn.robin.leave(id);
                }
            }
        }
    }

    /// Passes a connection to a worker in the way that it understands.
    fn hand_over(&mut self, id: WorkerId, listener: Fd, connection: Fd, seq: u64) -> Result<(), Errno> {
        let worker = self.workers.get_mut(id).ok_or(Errno::PIPE)?;
        let (line, confirm) = match &worker.settings.config.handoff {
            Handoff::Node { message, .. } => (envelope(HandleKind::Socket, message), Confirm::Later),
            Handoff::NodeCluster { .. } => {
                let primary = self.handoffs.primaries.get(&id.pool).ok_or(Errno::PIPE)?;
                let (key, _) = primary.held_by(id).find(|(_, socket)| socket.handle == listener).ok_or(Errno::PIPE)?;
                (envelope(HandleKind::NativeStream, &new_connection(key, seq)), Confirm::Later)
            }
            Handoff::RoundRobin | Handoff::Inherit | Handoff::Reuseport => {
                let name = worker.settings.listeners.iter().find(|(_, fd)| *fd == listener).ok_or(Errno::PIPE)?;
                (offer(seq, &name.0), Confirm::Never)
            }
        };
        let link = worker.link.as_mut().ok_or(Errno::PIPE)?;
        link.pass(self.kernel, line, Parcel { fd: connection, content: Content::Connection(seq) }, confirm)?;
        // A worker that has closed its end for reading alone lives on, and the end of its channel may be far.
        if link.is_deaf() { Err(Errno::PIPE) } else { Ok(()) }
    }

    /// A worker answered for a connection.
    pub fn settle(&mut self, id: WorkerId, seq: u64, accepted: bool) {
        let now = self.kernel.now();
        let settled = self.handoffs.turns.iter_mut().find_map(|(&listener, turn)| {
            match turn.robin.answered(now, id, seq, accepted) {
                Settled::Unknown => None,
                Settled::Taken(connection) => Some((listener, Some(connection))),
                Settled::Back => Some((listener, None)),
            }
        });
        // An answer to nothing is a worker's own affair.
        let Some((listener, connection)) = settled else { return };
        connection.into_iter().for_each(|connection| self.kernel.close(connection));
        self.pump(listener);
    }

    /// What was passed to a worker has arrived.
    pub fn parcel_settled(&mut self, id: WorkerId, parcel: Parcel, arrived: bool) {
        let Some(worker) = self.workers.get(id) else { return };
        let config = &worker.settings.config;
        let answers_itself = matches!(config.handoff, Handoff::NodeCluster { .. });
        let sign = config.sign;
        match parcel.content {
            // Who accepts it says so with a message of its own.
            Content::Connection(_) if arrived && answers_itself => {}
            Content::Connection(seq) => self.settle(id, seq, arrived),
            Content::Listener if arrived => {
                self.keep_sockets();
                if self.parcel_arrived(id) && sign == crate::config::ReadySign::Sockets {
                    self.feed(Input::Word(id, Word::Ready));
                }
            }
            Content::Asked(_) if arrived => self.note_answered(id),
            // It had no descriptor left for it, again and again.
            Content::Listener | Content::Asked(_) => {
                self.worker_error(id, ErrorEvent::System { call: "SCM_RIGHTS", errno: Errno::MFILE.0 });
                if let Content::Asked(seq) = parcel.content {
                    self.note_answered(id);
                    self.refuse_socket(id, parcel.fd, seq);
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "turns_tests.rs"]
mod tests;
