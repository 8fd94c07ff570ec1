//! What is going to happen, in order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::time::Time;

/// Something that happens at an instant. Numbers are indices into the tables of the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ev {
    /// The harness acts.
    Director,
    /// The harness looks for what is left.
    Look,
    /// A deadline of the clients is due.
    Clients,
    /// The supervisor's loop begins.
    SupervisorRuns,
    /// What is left of the dead supervisor is torn down.
    SupervisorGone,
    /// A process reaches its main function.
    Main(u32),
    /// A worker's timer fires.
    Tick(u32),
    /// A worker sees SIGTERM.
    Term(u32),
    /// A worker looks at its channel.
    Channel(u32),
    /// A worker looks at its side socket.
    Asked(u32),
    /// A worker may still wait to write.
    Waits(u32),
    /// A descendant has lived its time.
    Ends(u32),
    /// The descriptors of a dying process are closed.
    Teardown(u32),
    /// A dying process becomes a zombie.
    Zombie(u32),
    /// A worker is woken by a connection that waits at a listener.
    Offer(u32),
    /// The worker that has a connection looks at it.
    Serve(u32),
    /// A client sees the answer.
    Answer(u32),
    /// A client sees the orderly end of its connection.
    Fin(u32),
    /// A client sees its connection reset.
    Rst(u32),
    /// A worker sees that the client has closed.
    Hangup(u32),
    /// A client looks at what there is of a long answer.
    Arrives(u32),
    /// A worker may have room for more of one.
    Room(u32),
    /// A client may have room for more of a body.
    Space(u32),
    /// A dropped SYN is sent again: connection, how often so far.
    Syn(u32, u8),
}

/// The queue: by time, then by order of insertion.
#[derive(Debug, Default)]
pub(super) struct Queue {
    heap: BinaryHeap<Reverse<(u64, u64, Ev)>>,
    inserted: u64,
}

impl Queue {
    pub fn push(&mut self, at: Time, ev: Ev) {
        self.inserted += 1;
        self.heap.push(Reverse((at.as_nanos(), self.inserted, ev)));
    }

    /// When the next event is due; [`Time::NEVER`] if there is none.
    pub fn next_at(&self) -> Time {
        self.heap.peek().map_or(Time::NEVER, |Reverse((at, _, _))| Time::from_nanos(*at))
    }

    pub fn pop(&mut self) -> Option<(Time, Ev)> {
        self.heap.pop().map(|Reverse((at, _, ev))| (Time::from_nanos(at), ev))
    }
}
