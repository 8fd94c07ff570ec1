//! The operator's socket: who may connect, how many, and what each of them follows or waits for.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};
use std::path::Path;
use std::time::Duration;

use crate::config::{Config, PoolConfig};
use crate::control::{Asked, Complaint, Hello, Reply, Who, Whom};
use crate::core::WorkerId;
use crate::kernel::{Address, Errno, Fd, Kernel, ListenOptions, Peer, Readiness, Watch};
use crate::policy::Instant;

use super::client::Client;
use super::commands::worker_name;
use super::goals::Goal;
use super::logs::LogLine;
use super::roster::Roster;
use super::usage::Units;
use super::voices::Told;

/// How many connections there may be at once.
pub const CLIENTS: usize = 64;

/// How many are accepted in one turn.
const ACCEPTS_PER_TURN: usize = 16;

/// How long the listener is left alone when there is no descriptor for one more.
const PAUSE: Duration = Duration::from_millis(100);

/// How many events are kept for those who ask later.
const EVENTS_KEPT: usize = 200;

/// Only the owner may connect.
const MODE: u32 = 0o600;

/// The socket and its connections. Without one configured it is empty and does nothing.
#[derive(Debug, Default)]
pub struct Operator {
    listener: Option<Fd>,
    clients: BTreeMap<Fd, Client>,
    past: VecDeque<Told>,
    /// Counts accepts and reads: who was heard of last.
    occasion: u64,
    /// Whose request was carried out last: the next one is another client's, if any has one.
    asked_last: Option<Fd>,
    /// There may be requests that were read and not carried out: the next turn comes at once.
    behind: bool,
    paused_until: Option<Instant>,
    own: Peer,
    faces: Vec<Face>,
    begun: Instant,
    units: Units,
}

/// What a pool is to those who ask.
#[derive(Debug)]
struct Face {
    name: String,
    command: String,
}

impl Operator {
    /// Listens, if the configuration wants it.
    ///
    /// # Errors
    /// Those of bind(2), with the path: EADDRINUSE if somebody listens there already.
    pub fn open<'c, K: Kernel>(kernel: &mut K, config: &'c Config) -> Result<Self, (&'c Path, Errno)> {
        let Some(path) = &config.control else { return Ok(Self::default()) };
        let options = ListenOptions { mode: Some(MODE), ..ListenOptions::backlog(64) };
        let listener =
            kernel.listen(&Address::Unix(path.clone()), &options).map_err(|errno| (path.as_path(), errno))?;
        let face = |pool: &PoolConfig| Face { name: pool.name.clone(), command: pool.command.join(" ") };
        Ok(Self {
            listener: Some(listener),
            own: kernel.identity(),
            faces: config.pools.iter().map(face).collect(),
            begun: kernel.now(),
            units: Units::read(kernel),
            ..Self::default()
        })
    }

    /// What the pools are called, in their order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.faces.iter().map(|face| face.name.as_str())
    }

    /// What a pool is called.
    pub fn name(&self, pool: u16) -> &str {
        self.faces.get(usize::from(pool)).map_or("", |face| &face.name)
    }

    /// What the pools run.
    pub fn commands(&self) -> impl Iterator<Item = &str> {
        self.faces.iter().map(|face| face.command.as_str())
    }

    /// How many pools there are.
    pub fn pools(&self) -> usize {
        self.faces.len()
    }

    /// Whether a worker is one of those that a name stands for.
    pub fn is(&self, worker: WorkerId, who: &Who) -> bool {
        self.name(worker.pool) == who.pool
            && match who.whom {
                Whom::All => true,
                Whom::Slot(slot) => worker.slot == slot,
                Whom::One(slot, generation) => (worker.slot, worker.generation) == (slot, generation),
            }
    }

    /// When it began to listen.
    pub fn begun(&self) -> Instant {
        self.begun
    }

    /// What /proc counts in.
    pub fn units(&self) -> Units {
        self.units
    }

    /// Whether there is a socket at all.
    pub fn is_open(&self) -> bool {
        self.listener.is_some()
    }

    /// This process.
    pub fn own(&self) -> Peer {
        self.own
    }

    /// Appends what is to be watched.
    pub fn watches(&self, watches: &mut Vec<Watch>) {
        let listener = self.listener.filter(|_| self.paused_until.is_none());
        watches.extend(listener.map(|fd| Watch { fd, read: true, write: false }));
        watches.extend(self.clients.iter().map(|(&fd, client)| {
            let (read, write) = client.watch();
            // Who has said more than could be done in a turn says nothing more before that is done.
            Watch { fd, read: read && !(self.behind && client.has_input()), write }
        }));
    }

    /// When it wants to be woken.
    pub fn next_deadline(&self) -> Option<Instant> {
        if self.behind { Some(Instant::default()) } else { self.paused_until }
    }

    /// Takes what a ready descriptor has, if it is one of ours; true if it was.
    pub fn serve<K: Kernel>(&mut self, kernel: &mut K, ready: Readiness, buffer: &mut [u8]) -> bool {
        if self.listener == Some(ready.fd) {
            self.accept(kernel);
            return true;
        }
        let Some(client) = self.clients.get_mut(&ready.fd) else { return false };
        if ready.writable {
            client.writable();
        }
        if ready.readable {
            self.occasion += 1;
            client.touched = self.occasion;
            client.receive(kernel, buffer);
        }
        true
    }

    fn accept<K: Kernel>(&mut self, kernel: &mut K) {
        let Some(listener) = self.listener else { return };
        for _ in 0..ACCEPTS_PER_TURN {
            match kernel.accept(listener) {
                Ok(fd) => self.welcome(kernel, fd),
                Err(Errno::AGAIN) => return,
                Err(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => {
                    if !self.make_room(kernel) {
                        self.paused_until = Some(kernel.now() + PAUSE);
                        return;
                    }
                }
                // This one is gone; the next may not be.
                Err(_) => {}
            }
        }
    }

    fn welcome<K: Kernel>(&mut self, kernel: &mut K, fd: Fd) {
        self.occasion += 1;
        let mut client = Client::new(fd, self.occasion);
        match kernel.peer(fd) {
            Ok(peer) if peer.user == 0 || peer.user == self.own.user => {
                client.queue(&Hello::new(self.own.pid).encode());
                if self.clients.len() >= CLIENTS && !self.make_room(kernel) {
                    client.turn_away(Complaint::new("busy", format!("{CLIENTS} connections are in use already")));
                }
            }
            Ok(peer) => {
                let text = format!("user {} may not; only root and user {} may", peer.user, self.own.user);
                client.turn_away(Complaint::new("refused", text));
            }
            Err(_) => client.turn_away(Complaint::new("refused", "the kernel does not say who you are")),
        }
        client.flush(kernel);
        if client.is_over() || client.watch() == (false, true) {
            // Turned away: whoever does not take even that line doesn't get it.
            return kernel.close(fd);
        }
        self.clients.insert(fd, client);
    }

    /// Turns away the connection that has been idle for longest, if there is one.
    fn make_room<K: Kernel>(&mut self, kernel: &mut K) -> bool {
        let idle = self.clients.iter().filter(|(_, client)| client.is_idle());
        let Some(fd) = idle.min_by_key(|(_, client)| client.touched).map(|(&fd, _)| fd) else { return false };
        if let Some(mut client) = self.clients.remove(&fd) {
            client.turn_away(Complaint::new("busy", "idle, and the place is needed for another connection"));
            client.flush(kernel);
        }
        kernel.close(fd);
        true
    }

    /// The next request: of one client after the other, however much each has to ask.
    pub fn next_request(&mut self) -> Option<(Fd, Asked)> {
        let asks = |(&fd, client): (&Fd, &mut Client)| client.next_request().map(|asked| (fd, asked));
        let after = self.asked_last.map_or(Unbounded, Excluded);
        let later = self.clients.range_mut((after, Unbounded)).find_map(asks);
        let found = later.or_else(|| self.clients.iter_mut().find_map(asks));
        self.asked_last = found.as_ref().map(|(fd, _)| *fd);
        found
    }

    /// The end of a turn: `behind` if requests may be left for the next one. So may those of a client that has read its
    /// answers in the meantime.
    pub fn leave_behind(&mut self, behind: bool) {
        self.behind = behind || self.clients.values().any(Client::has_caught_up);
    }

    /// Answers.
    pub fn reply(&mut self, fd: Fd, id: Option<u64>, reply: &Reply) {
        if let Some(client) = self.clients.get_mut(&fd) {
            client.reply(id, reply);
        }
    }

    /// Answers when the goal is reached, or not any more.
    pub fn reply_later(&mut self, fd: Fd, id: Option<u64>, goal: Goal) {
        if let Some(client) = self.clients.get_mut(&fd) {
            client.goals.push((id, goal));
        }
    }

    /// Tells the past events, and goes on if that is wanted.
    pub fn tell_events(&mut self, fd: Fd, id: Option<u64>, follow: bool) {
        let Some(client) = self.clients.get_mut(&fd) else { return };
        for told in &self.past {
            client.queue(&Reply::encode_event(id, told.text.as_deref(), &told.event));
        }
        if follow {
            client.events = Some(id);
        } else {
            client.reply(id, &Reply::Done { note: None });
        }
    }

    /// Tells lines of the past, and goes on if that is wanted.
    pub fn tell_logs(&mut self, fd: Fd, id: Option<u64>, lines: &[Reply], follow: Option<Option<Who>>) {
        let Some(client) = self.clients.get_mut(&fd) else { return };
        for line in lines {
            client.reply(id, line);
        }
        match follow {
            Some(who) => client.logs = Some((id, who)),
            None => client.reply(id, &Reply::Done { note: None }),
        }
    }

    /// Something happened.
    pub fn event(&mut self, told: Told) {
        if !self.is_open() {
            return;
        }
        for client in self.clients.values_mut() {
            if let Some(id) = client.events {
                client.offer(id, || Reply::encode_event(id, told.text.as_deref(), &told.event));
            }
        }
        self.past.push_back(told);
        if self.past.len() > EVENTS_KEPT {
            self.past.pop_front();
        }
    }

    /// Whether somebody follows what workers write.
    pub fn follows_logs(&self) -> bool {
        self.clients.values().any(|client| client.logs.is_some())
    }

    /// A line as it is told.
    pub fn log_reply(&self, line: &LogLine) -> Reply {
        let worker = worker_name(self.name(line.worker.pool), line.worker).to_string();
        Reply::Log { worker, stream: line.stream, text: line.text.clone(), more: line.more }
    }

    /// Workers wrote something.
    pub fn logs(&mut self, lines: &[LogLine]) {
        let mut clients = std::mem::take(&mut self.clients);
        for client in clients.values_mut() {
            let Some((id, who)) = client.logs.clone() else { continue };
            for line in lines.iter().filter(|line| who.as_ref().is_none_or(|who| self.is(line.worker, who))) {
                client.offer(id, || self.log_reply(line).encode(id));
            }
        }
        self.clients = clients;
    }

    /// Answers those whose goal is decided.
    pub fn settle(&mut self, roster: &Roster) {
        for client in self.clients.values_mut() {
            for (id, goal) in std::mem::take(&mut client.goals) {
                match goal.outcome(roster) {
                    None => client.goals.push((id, goal)),
                    Some(Ok(note)) => client.reply(id, &Reply::Done { note: Some(note) }),
                    Some(Err(complaint)) => client.reply(id, &Reply::Error(complaint)),
                }
            }
        }
    }

    /// Everything is gone: answers those who waited for that.
    pub fn stopped(&mut self) {
        for client in self.clients.values_mut() {
            for (id, goal) in std::mem::take(&mut client.goals) {
                client.reply(
                    id,
                    &match goal {
                        Goal::Stopped => Reply::Done { note: Some("stopped".to_owned()) },
                        _ => Reply::Error(Complaint::failed("the supervisor has stopped")),
                    },
                );
            }
        }
    }

    /// Sends what fits, and lets go of those who are gone.
    pub fn flush<K: Kernel>(&mut self, kernel: &mut K) {
        if self.paused_until.is_some_and(|until| until <= kernel.now()) {
            self.paused_until = None;
        }
        self.clients.values_mut().filter(|client| client.has_output()).for_each(|client| client.flush(kernel));
        self.clients.retain(|&fd, client| {
            let over = client.is_over();
            if over {
                kernel.close(fd);
            }
            !over
        });
    }

    /// Appends those to be watched at the end: who has not taken all that was said.
    pub fn last_watches(&self, watches: &mut Vec<Watch>) {
        let slow = self.clients.iter().filter(|(_, client)| client.has_output());
        watches.extend(slow.map(|(&fd, _)| Watch { fd, read: false, write: true }));
    }

    /// A descriptor can be written; it may be one of ours.
    pub fn writable(&mut self, fd: Fd) {
        if let Some(client) = self.clients.get_mut(&fd) {
            client.writable();
        }
    }

    /// Closes everything; the socket's path goes with it.
    pub fn close<K: Kernel>(self, kernel: &mut K) {
        self.clients.into_keys().chain(self.listener).for_each(|fd| kernel.close(fd));
    }
}

#[cfg(test)]
#[path = "operator_tests.rs"]
mod tests;
