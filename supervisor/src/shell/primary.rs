//! The primary of Node's cluster module: answers what its workers ask for.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use crate::channel::{
    ClusterMessage, Confirm, HandleKind, Need, Query, QueryAnswer, envelope, may_leave, query_answer,
};
use crate::config::{Handoff, ReadySign};
use crate::core::{ErrorEvent, Event, Input, Machine, Word, WorkerId};
use crate::kernel::{Address, Errno, Fd, Kernel, ListenOptions};
use crate::policy::Instant;

use super::handoff::Handoffs;
use super::link::{Content, Parcel};
use super::state::Shell;

/// How many sockets the workers of one pool can have bound.
const SOCKETS: usize = 256;

/// EAFNOSUPPORT and EADDRNOTAVAIL: there is no IPv6 here.
const NO_IPV6: [i32; 2] = [97, 99];

impl<K: Kernel, M: Machine> Shell<'_, K, M> {
    /// A worker says something to its primary. Of a worker that has none it means nothing.
    pub fn take_cluster_message(&mut self, id: WorkerId, message: ClusterMessage) {
        let Some(config) = self.workers.get(id).map(|worker| &worker.settings.config) else { return };
        let (Handoff::NodeCluster { round_robin }, sign) = (&config.handoff, config.sign) else { return };
        let round_robin = *round_robin;
        match message {
            ClusterMessage::Online if sign == ReadySign::Online => self.feed(Input::Word(id, Word::Ready)),
            ClusterMessage::Listening if sign == ReadySign::Sockets => self.feed(Input::Word(id, Word::Ready)),
            ClusterMessage::Online | ClusterMessage::Listening => {}
            ClusterMessage::Query { seq, query } => self.take_query(id, seq, &query, round_robin),
            ClusterMessage::Close { key } => self.take_close(id, &key),
            ClusterMessage::Leaving { seq } => {
                // Out of the turn, and its replacement on its way, before it closes its servers.
                self.feed(Input::Word(id, Word::Suicide));
                let line = may_leave(seq, self.handoffs.next_seq());
                _ = self.send(id, &line);
            }
            ClusterMessage::Answer { ack, accepted } => self.settle(id, ack, accepted),
        }
    }

    fn take_close(&mut self, id: WorkerId, key: &str) {
        let closed = self.handoffs.primaries.get_mut(&id.pool).and_then(|primary| primary.close(id, key));
        if let Some(turn) = closed.and_then(|listener| self.handoffs.turns.get_mut(&listener)) {
            turn.robin.leave(id);
        }
    }

    /// Closes the sockets that the workers' program has done with: while as many workers serve as are wanted, nobody has had
    /// one for longer than a worker may take to start, so that whoever is to have it has asked for it, or to leave, so that
    /// whoever closed it in order to end has ended and is replaced. Everything that was said before `heard` is known.
    pub fn close_unused(&mut self, heard: Instant) {
        let unused = self.unused();
        let now = self.kernel.now();
        let Handoffs { unused: known, asked, .. } = &mut self.handoffs;
        known.retain(|fd, _| unused.contains_key(fd));
        for (fd, span) in unused {
            known.entry(fd).or_insert(now + span);
        }
        let due: Vec<Fd> = known.extract_if(.., |_, at| *at <= heard).map(|(fd, _)| fd).collect();
        if due.is_empty() {
            return;
        }
        due.iter().for_each(|fd| _ = asked.remove(fd));
        self.keep_turns(&self.settings.sockets());
        due.into_iter().for_each(|fd| self.kernel.close(fd));
    }

    /// The sockets that nobody has now, and for how long they are kept.
    fn unused(&self) -> BTreeMap<Fd, Duration> {
        let mut unused = BTreeMap::new();
        for (&pool, primary) in &self.handoffs.primaries {
            let mut unheld = primary.unheld().filter(|fd| self.handoffs.asked.contains(fd)).peekable();
            if unheld.peek().is_none() || !self.voices.roster.is_settled(pool) {
                continue;
            }
            let policy = self.settings.in_force(pool).map(|settings| &settings.config.policy);
            let span = policy.map_or(Duration::ZERO, |policy| policy.ready_timeout.max(policy.drain));
            // Who closed one may not have been given it yet.
            unused.extend(unheld.filter(|&fd| !self.workers.are_passed(fd)).map(|fd| (fd, span)));
        }
        unused
    }

    /// One that was told to leave does not wait for an answer.
    fn take_query(&mut self, id: WorkerId, seq: u64, query: &Query, round_robin: bool) {
        if self.handoffs.dismissed.contains(&id) {
            return;
        }
        let got = self.socket_for(id, query);
        let key = query.key();
        let socket = got.ok().and_then(|_| self.handoffs.primaries.get(&id.pool)?.get(&key)).cloned();
        let in_turn = round_robin && query.family.is_stream();
        let answer = QueryAnswer {
            ack: seq,
            key: &key,
            data: socket.as_ref().map_or("null", |socket| &socket.data),
            errno: got.err().map_or(0, |errno| errno.0),
            sockname: socket.as_ref().and_then(|socket| socket.sockname).filter(|_| in_turn),
        };
        let message = query_answer(&answer, self.handoffs.next_seq());
        let Some(socket) = socket.filter(|_| !in_turn) else {
            _ = self.send(id, format!("{message}\n").as_bytes());
            return got.ok().into_iter().for_each(|listener| self.join(id, listener));
        };
        let kind = if socket.is_stream { HandleKind::NativeStream } else { HandleKind::NativeDatagram };
        let parcel = Parcel { fd: socket.handle, content: Content::Asked(seq) };
        let kernel = &mut *self.kernel;
        if let Some(link) = self.workers.get_mut(id).and_then(|worker| worker.link.as_mut())
            && let Err(errno) = link.pass(kernel, envelope(kind, &message), parcel, Confirm::First)
        {
            self.worker_error(id, ErrorEvent::System { call: "send", errno: errno.0 });
        }
        self.note_owing(id);
    }

    /// A socket has not reached the worker that asked with this number, and won't: it waits for an answer, and may ask again.
    pub fn refuse_socket(&mut self, id: WorkerId, socket: Fd, seq: u64) {
        let Some(primary) = self.handoffs.primaries.get_mut(&id.pool) else { return };
        let held = primary.held_by(id).find(|(_, held)| held.handle == socket);
        let key = held.map_or_else(String::new, |(key, _)| key.to_owned());
        primary.close(id, &key);
        let answer = QueryAnswer { ack: seq, key: &key, data: "null", errno: Errno::MFILE.0, sockname: None };
        let message = query_answer(&answer, self.handoffs.next_seq());
        _ = self.send(id, format!("{message}\n").as_bytes());
    }

    /// The socket that a worker asks for, bound now if nobody asked before.
    fn socket_for(&mut self, id: WorkerId, query: &Query) -> Result<Fd, Errno> {
        let listeners: Vec<Fd> =
            self.workers.get(id).into_iter().flat_map(|w| w.settings.listeners.iter().map(|&(_, fd)| fd)).collect();
        let addresses: Vec<Address> =
            listeners.iter().map(|&fd| self.kernel.bound_address(fd).unwrap_or(NOWHERE)).collect();
        let primary = self.handoffs.primaries.entry(id.pool).or_default();
        let socket = match primary.ask(id, query, &addresses)? {
            Need::Nothing => return primary.get(&query.key()).map(|socket| socket.handle).ok_or(Errno::BADF),
            Need::Configured(place) => listeners[place],
            Need::Bind(..) if primary.len() >= SOCKETS => return Err(Errno::MFILE),
            Need::Bind(address, options) => self.bind(query, &address, &options)?,
        };
        let bound = self.kernel.bound_address(socket);
        let primary = self.handoffs.primaries.entry(id.pool).or_default();
        if primary.held_by(id).any(|(_, held)| held.handle == socket) {
            return Err(Errno::ADDRINUSE);
        }
        primary.add(id, query, socket, bound.as_ref());
        Ok(socket)
    }

    fn bind(&mut self, query: &Query, address: &Address, options: &ListenOptions) -> Result<Fd, Errno> {
        let socket = match self.kernel.listen(address, options) {
            Err(errno) if NO_IPV6.contains(&errno.0) && query.address.is_none() => {
                self.kernel.listen(&over_ipv4(address), options)
            }
            other => other,
        }?;
        self.handoffs.asked.insert(socket);
        let address = self.kernel.bound_address(socket).map_or_else(String::new, |address| address.to_string());
        self.emit(&Event::Listening { address });
        Ok(socket)
    }
}

/// The address of a socket that has none: no program asks for it.
const NOWHERE: Address = Address::Unix(std::path::PathBuf::new());

/// The same port of every IPv4 address.
fn over_ipv4(address: &Address) -> Address {
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    match address {
        Address::Tcp(address) => Address::Tcp((any, address.port()).into()),
        Address::Udp(address) => Address::Udp((any, address.port()).into()),
        Address::Unix(_) => address.clone(),
    }
}

#[cfg(test)]
#[path = "primary_tests.rs"]
mod tests;
