//! Long answers and long bodies: only their lengths travel. What both sockets of a connection keep is limited; the rest waits
//! for whoever is slow, and whoever is quick does something else meanwhile.

use crate::load;
use crate::puppet::{self, ConnId, Request};

use super::engine::World;
use super::model::{NET, SOCKET_BYTES};
use super::queue::Ev;
use super::sockets::Place;

/// How far a connection is with a long answer or a long body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bulk {
    /// The answer is a long one.
    pub long: bool,
    /// What its worker has not written of it.
    owed: u64,
    /// What was written and not read.
    sent: u64,
    /// What the client will read by now.
    takes: u64,
    /// The end has come behind what was written: whether it is a reset.
    end: Option<bool>,
    /// What the client has not written of a body.
    left: u64,
    /// How much of that it will by now.
    gives: u64,
    /// What of it the worker has not read.
    pub unread: u64,
    /// The worker has read the head.
    coming: bool,
}

impl Bulk {
    /// Nothing is long.
    pub const NONE: Self =
        Self { long: false, owed: 0, sent: 0, takes: 0, end: None, left: 0, gives: 0, unread: 0, coming: false };
}

impl World {
    /// A worker begins a long answer.
    pub fn answer_long(&mut self, ix: u32, conn: u32, bytes: u64) {
        let end = &mut self.conns[conn as usize];
        if end.place == Place::With(ix) {
            end.bulk = Bulk { long: true, owed: bytes, ..Bulk::NONE };
            self.write_on(conn);
        }
    }

    /// A worker writes as much of a long answer as there is room for.
    pub fn write_on(&mut self, conn: u32) {
        let Place::With(ix) = self.conns[conn as usize].place else { return };
        if !self.awake(ix, Ev::Room(conn)) || self.processes.get(ix).hung {
            return;
        }
        let bulk = &mut self.conns[conn as usize].bulk;
        let part = bulk.owed.min(SOCKET_BYTES.saturating_sub(bulk.sent));
        if part == 0 {
            return;
        }
        bulk.owed -= part;
        bulk.sent += part;
        let done = bulk.owed == 0;
        self.deliver(conn, Ev::Arrives(conn));
        if done {
            self.close_answered(ix, conn);
            self.puppet(ix, puppet::Input::Written(ConnId(conn)));
        }
    }

    /// A client will read so much more.
    pub fn read_more(&mut self, conn: u32, bytes: u64) {
        self.conns[conn as usize].bulk.takes += bytes;
        self.soon(NET, Ev::Arrives(conn));
    }

    /// A client reads what it wants to of what there is, and sees the end if that is next.
    pub fn arrive(&mut self, conn: u32) {
        let end = &mut self.conns[conn as usize];
        if !end.client_open || !end.bulk.long {
            return;
        }
        let (bulk, server) = (&mut end.bulk, end.server);
        let part = bulk.sent.min(bulk.takes);
        bulk.sent -= part;
        bulk.takes -= part;
        let (bulk, last) = (*bulk, end.last);
        if part > 0 {
            self.soon(NET, Ev::Room(conn));
        }
        let input = if bulk.sent > 0 || bulk.takes == 0 && bulk.owed > 0 {
            (part > 0).then_some(load::Input::Partial(conn))
        } else if last {
            Some(load::Input::LastAnswer(conn, self.processes.get(server).proc))
        } else if let Some(reset) = bulk.end.filter(|_| bulk.takes > 0) {
            Some(if reset { load::Input::Failed(conn, load::Failure::Reset) } else { load::Input::Closed(conn) })
        } else {
            (part > 0).then_some(load::Input::Partial(conn))
        };
        input.into_iter().for_each(|input| self.client(input));
    }

    /// The end of a connection comes behind a long answer: whether it has to wait until that was read.
    pub fn end_behind_answer(&mut self, conn: u32, reset: bool) -> bool {
        let bulk = &mut self.conns[conn as usize].bulk;
        if bulk.long && bulk.end.is_none() {
            bulk.end = Some(reset);
            self.arrive(conn);
            return true;
        }
        bulk.long
    }

    /// A client has written the head of a request with such a body.
    pub fn body_follows(&mut self, conn: u32, bytes: u64) {
        self.conns[conn as usize].bulk = Bulk { left: bytes, ..Bulk::NONE };
    }

    /// A client will write so much more of a body.
    pub fn write_more(&mut self, conn: u32, bytes: u64) {
        self.conns[conn as usize].bulk.gives += bytes;
        self.give(conn);
    }

    /// A client writes as much of a body as it wants to and there is room for.
    pub fn give(&mut self, conn: u32) {
        let end = &mut self.conns[conn as usize];
        let bulk = &mut end.bulk;
        let part = bulk.left.min(bulk.gives).min(SOCKET_BYTES.saturating_sub(bulk.unread));
        if part == 0 || !end.client_open {
            return;
        }
        if end.place == Place::Closed {
            return self.deliver(conn, Ev::Rst(conn));
        }
        bulk.left -= part;
        bulk.gives -= part;
        bulk.unread += part;
        if let Place::With(_) = end.place {
            self.soon(NET, Ev::Serve(conn));
        }
    }

    /// A worker has read the head of a request with a body.
    pub fn begin_body(&mut self, ix: u32, conn: u32) {
        self.conns[conn as usize].bulk.coming = true;
        self.puppet(ix, puppet::Input::Begun(ConnId(conn)));
    }

    /// A worker reads what there is of a body: the request, when it is whole.
    pub fn take_body(&mut self, conn: u32) -> Option<Request> {
        let bulk = &mut self.conns[conn as usize].bulk;
        if !bulk.coming {
            return None;
        }
        let part = std::mem::take(&mut bulk.unread);
        let whole = bulk.left == 0;
        bulk.coming = !whole;
        if part > 0 && !whole {
            self.soon(NET, Ev::Space(conn));
        }
        // How long it was is of no interest any more.
        whole.then_some(Request::Take { bytes: 0 })
    }
}
