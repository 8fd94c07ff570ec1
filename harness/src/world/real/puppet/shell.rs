//! The puppet's poll loop: inputs into the core, actions out of it.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixDatagram};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::{Errno, FdFlags, fcntl_setfd, ioctl_fionbio, retry_on_intr};
use rustix::net::{SendFlags, SocketAddrAny, SocketFlags, acceptfrom_with, getpeername, send};
use rustix::process::kill_current_process_group;
use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime};

use crate::puppet::{Action, ConnId, Entry, Input, Lines, Puppet, Told};
use crate::scenario::{Ask, Child, Ready, Retirement, Span, Stream};
use crate::time::Time;

use super::super::journal::JournalLine;
use super::super::{clock, signals};
use super::channel::{Inbox, Word};
use super::conn::{Conn, Next, Wrote};
use super::output::output;
use super::setup::Setup;
use super::{child, crash, wire};

/// Connections without a TCP port (Unix sockets) are numbered from here, beyond all ports.
const UNNAMED: u32 = 1 << 16;

struct Shell {
    setup: Setup,
    core: Puppet,
    term: SignalFd,
    /// Readable when the core's next deadline is over. A poll with a timeout would not do: one that is stopped in the middle
    /// goes on with the time that it had left, as if none had passed meanwhile (ppoll(2) writes it back).
    timer: OwnedFd,
    accepting: bool,
    conns: BTreeMap<ConnId, Conn>,
    unnamed: u32,
    inbox: Inbox,
    leaked: Vec<Vec<u8>>,
    lines: Lines,
    exit: Option<i32>,
}

/// Plays the life to its end and returns the exit status.
pub fn run(setup: Setup) -> io::Result<i32> {
    let mut polite = SigSet::empty();
    polite.add(Signal::SIGTERM);
    polite.thread_block()?;
    let term = SignalFd::with_flags(&polite, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let core = Puppet::new(setup.life.clone(), setup.own_deadline, setup.orphan_grace)
        .beating(setup.beat)
        .ready_at_birth(setup.ready == Some(Ready::AtSpawn));
    let mut shell = Shell {
        lines: Lines::new(setup.me),
        setup,
        core,
        term,
        timer: timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)?,
        accepting: false,
        conns: BTreeMap::new(),
        unnamed: UNNAMED,
        inbox: Inbox::default(),
        leaked: Vec::new(),
        exit: None,
    };
    shell.input(Input::Born)?;
    loop {
        if let Some(status) = shell.exit {
            return Ok(status);
        }
        shell.turn()?;
    }
}

/// What a descriptor of the poll set is.
#[derive(Clone, Copy)]
enum Source {
    Term,
    Timer,
    Side,
    Channel,
    Listener(usize),
    Conn(ConnId),
}

impl Shell {
    fn input(&mut self, input: Input) -> io::Result<()> {
        self.step(clock::now(), input)
    }

    fn step(&mut self, now: Time, input: Input) -> io::Result<()> {
        let mut actions = Vec::new();
        self.core.step(now, input, &mut actions);
        actions.into_iter().try_for_each(|action| self.act(action))
    }

    fn turn(&mut self) -> io::Result<()> {
        let (ready, at) = self.wait()?;
        // What has come on connections goes before deadlines and before what the supervisor says (see the core).
        for source in ready {
            if self.exit.is_some() {
                return Ok(());
            }
            match source {
                Source::Term => self.on_term()?,
                // Setting it anew before the next wait makes it unreadable again.
                Source::Timer => {}
                Source::Side => self.on_side()?,
                Source::Channel => self.on_channel()?,
                Source::Listener(index) => self.on_listener(index)?,
                Source::Conn(id) => self.on_conn(id)?,
            }
        }
        if self.exit.is_none() {
            // Of the instant at which the descriptors were looked at: what has come since is not known yet.
            self.step(at, Input::Tick)?;
        }
        self.pipelined()
    }

    /// Requests that were read while an earlier one on their connection was worked on: no wake-up tells of them.
    fn pipelined(&mut self) -> io::Result<()> {
        let waiting = |conn: &Conn| !conn.busy && !conn.buffer.is_empty();
        let ids: Vec<ConnId> = self.conns.iter().filter(|(_, conn)| waiting(conn)).map(|(id, _)| *id).collect();
        ids.into_iter().try_for_each(|id| if self.exit.is_none() { self.next_request(id) } else { Ok(()) })
    }

    /// Waits; what is ready, and when that was.
    fn wait(&self) -> io::Result<(Vec<Source>, Time)> {
        let mut sources = Vec::new();
        let mut fds: Vec<PollFd<'_>> = Vec::new();
        for (id, conn) in &self.conns {
            sources.push(Source::Conn(*id));
            fds.push(PollFd::new(&conn.fd, conn.wants()));
        }
        if self.accepting {
            for (index, listener) in self.setup.listeners.iter().enumerate() {
                sources.push(Source::Listener(index));
                fds.push(PollFd::new(listener, PollFlags::IN));
            }
        }
        if let Some(side) = &self.setup.side {
            sources.push(Source::Side);
            fds.push(PollFd::new(side, PollFlags::IN));
        }
        if let Some(channel) = self.setup.channel.as_ref().filter(|_| !self.core.is_deaf()) {
            sources.push(Source::Channel);
            fds.push(PollFd::new(channel, PollFlags::IN));
        }
        sources.push(Source::Term);
        fds.push(PollFd::new(&self.term, PollFlags::IN));
        self.set_timer()?;
        sources.push(Source::Timer);
        fds.push(PollFd::new(&self.timer, PollFlags::IN));
        retry_on_intr(|| poll(&mut fds, None))?;
        let at = clock::now();
        let ready = sources.into_iter().zip(&fds).filter(|(_, fd)| !fd.revents().is_empty());
        Ok((ready.map(|(source, _)| source).collect(), at))
    }

    fn set_timer(&self) -> io::Result<()> {
        // Zero is never; so is the end of time.
        let at = self.core.next_deadline().filter(|at| *at != Time::NEVER).map_or(0, |at| at.as_nanos().max(1));
        let timer = Itimerspec {
            it_interval: clock::timespec(Duration::ZERO),
            it_value: clock::timespec(Duration::from_nanos(at)),
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &timer)?;
        Ok(())
    }

    fn on_term(&mut self) -> io::Result<()> {
        while let Some(_signal) = self.term.read_signal()? {
            self.input(Input::Term)?;
        }
        Ok(())
    }

    fn on_side(&mut self) -> io::Result<()> {
        let mut buffer = [0_u8; 4096];
        while let Some(length) = self.setup.side.as_ref().and_then(|side| side.recv(&mut buffer).ok()) {
            match serde_json::from_slice::<Ask>(&buffer[..length]) {
                Ok(ask) => self.input(Input::Asked(ask))?,
                Err(error) => writeln!(io::stderr(), "puppet: asked for something unknown: {error}")?,
            }
            if self.exit.is_some() {
                return Ok(());
            }
        }
        Ok(())
    }

    fn on_channel(&mut self) -> io::Result<()> {
        let Some(channel) = &self.setup.channel else { return Ok(()) };
        let ended = !self.inbox.receive(channel);
        while let Some(word) = self.inbox.next_word() {
            match word {
                Word::Drain => self.input(Input::Told(Told::Drain))?,
                Word::Update(topic, data) => self.input(Input::Told(Told::Update { topic, data }))?,
                Word::Connection(seq, fd) => self.on_passed(seq, fd)?,
            }
        }
        if ended {
            self.setup.channel = None;
            self.input(Input::Orphaned)?;
        }
        Ok(())
    }

    /// One connection a wake-up, so that others get some, too.
    fn on_listener(&mut self, index: usize) -> io::Result<()> {
        let Some(listener) = self.setup.listeners.get(index).filter(|_| self.accepting) else { return Ok(()) };
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (fd, peer) = match acceptfrom_with(listener, flags) {
            Ok(accepted) => accepted,
            // Somebody else was faster, the client has gone, or descriptors are short: the next wake-up tries again.
            Err(_) => return Ok(()),
        };
        let id = self.hold(fd, peer)?;
        self.journal(Entry::Accepted(id.0))?;
        self.input(Input::Connected(id))?;
        // The request is there already, as a rule.
        self.on_conn(id)?;
        // On a busy machine the first worker that is woken would take all that wait.
        rustix::thread::sched_yield();
        Ok(())
    }

    /// A connection that the supervisor accepted: the core says whether it is served here.
    fn on_passed(&mut self, seq: u64, fd: OwnedFd) -> io::Result<()> {
        ioctl_fionbio(&fd, true)?;
        let peer = getpeername(&fd).ok().flatten();
        let id = self.hold(fd, peer)?;
        self.input(Input::Passed(id, seq))?;
        // Who leaves instead of taking it leaves what the client has sent to the next one.
        if self.exit.is_some() { Ok(()) } else { self.on_conn(id) }
    }

    /// A connection is open here from now on.
    fn hold(&mut self, fd: OwnedFd, peer: Option<SocketAddrAny>) -> io::Result<ConnId> {
        let port = peer.and_then(|peer| SocketAddr::try_from(peer).ok()).map(|peer| u32::from(peer.port()));
        let id = ConnId(port.unwrap_or_else(|| {
            self.unnamed += 1;
            self.unnamed
        }));
        // The client's port may be in use again before the end of its last connection was read.
        self.hang_up(id)?;
        self.conns.insert(id, Conn::new(fd));
        Ok(id)
    }

    fn on_conn(&mut self, id: ConnId) -> io::Result<()> {
        let Some(conn) = self.conns.get_mut(&id) else { return Ok(()) };
        if !conn.read() {
            return self.hang_up(id);
        }
        self.write_out(id)?;
        self.next_request(id)
    }

    /// Hands the next request to the core if it waits for none. Ends the connection if the client has.
    fn next_request(&mut self, id: ConnId) -> io::Result<()> {
        while self.exit.is_none() {
            let Some(conn) = self.conns.get_mut(&id).filter(|conn| !conn.busy && !conn.last) else { break };
            match conn.next() {
                Next::Begun => self.input(Input::Begun(id))?,
                Next::Whole(request) => {
                    conn.busy = true;
                    self.input(Input::Request(id, request))?;
                }
                Next::Partial if !conn.ended => return Ok(()),
                Next::Partial | Next::Garbage => return self.hang_up(id),
            }
        }
        // A client that closes while its request is worked on: it does not want the answer any more.
        if self.conns.get(&id).is_some_and(|conn| conn.ended && conn.busy) {
            return self.hang_up(id);
        }
        Ok(())
    }

    fn hang_up(&mut self, id: ConnId) -> io::Result<()> {
        if self.conns.remove(&id).is_some() { self.input(Input::Hangup(id)) } else { Ok(()) }
    }

    fn write_out(&mut self, id: ConnId) -> io::Result<()> {
        let Some(conn) = self.conns.get_mut(&id) else { return Ok(()) };
        match conn.write() {
            Wrote::NotAll => return Ok(()),
            Wrote::Nothing => return self.hang_up(id),
            Wrote::All => {}
        }
        let long = std::mem::take(&mut conn.long);
        if conn.last {
            self.conns.remove(&id);
        }
        if long { self.input(Input::Written(id)) } else { Ok(()) }
    }

    fn act(&mut self, action: Action) -> io::Result<()> {
        match action {
            Action::Journal(entry) => {
                let runs = self.setup.revision.filter(|_| entry == Entry::Born);
                self.journal(entry)?;
                if let Some(revision) = runs {
                    self.journal(Entry::Runs(revision))?;
                }
            }
            Action::Accept => self.accepting = true,
            Action::StopAccepting => {
                self.accepting = false;
                self.setup.listeners.clear();
            }
            Action::SayReady if self.setup.ready == Some(Ready::NotifyFd) => self.write_newline(b"\n"),
            Action::SayReady => self.tell("{\"act\":\"ready\"}", b"READY=1"),
            Action::Notify(text) => self.notify(text.as_bytes()),
            Action::NotifyFd(text) => self.write_newline(text.as_bytes()),
            Action::Extend(Span(by)) => self.tell(
                &format!("{{\"act\":\"extend\",\"ms\":{}}}", by.as_millis()),
                format!("EXTEND_TIMEOUT_USEC={}", by.as_micros()).as_bytes(),
            ),
            Action::Announce(Retirement::OnePhase) => self.say("{\"act\":\"suicide\"}"),
            Action::Announce(Retirement::TwoPhase) => self.say("{\"act\":\"retire\"}"),
            Action::Announce(Retirement::Silent) => {}
            Action::Answer { conn, keep_alive, status } => self.answer(conn, keep_alive, status, 0)?,
            Action::AnswerLong { conn, bytes } => self.answer(conn, false, 200, bytes)?,
            Action::Take(_, seq) => self.say(&format!("{{\"act\":\"accepted\",\"seq\":{seq}}}")),
            Action::Refuse(id, seq) => {
                self.conns.remove(&id);
                self.say(&format!("{{\"act\":\"refused\",\"seq\":{seq}}}"));
            }
            Action::Close(id) => drop(self.conns.remove(&id)),
            Action::CloseChannel => self.setup.channel = None,
            Action::Say { line, times } => self.say(&vec![line; times as usize].join("\n")),
            Action::Write(bytes) => self.write(&bytes),
            Action::Output { stream, bytes } => self.output(stream, bytes)?,
            Action::Leak(bytes) => self.leaked.push(vec![1; usize::try_from(bytes).unwrap_or(usize::MAX / 2)]),
            Action::Spawn(child) => self.spawn(child)?,
            // The answer is the signal itself.
            Action::SignalGroup(signal) => drop(kill_current_process_group(signals::kernel(signal))),
            Action::SayAlive => self.tell("{\"act\":\"alive\"}", b"WATCHDOG=1"),
            Action::Hang { busy } => loop {
                if busy { std::hint::spin_loop() } else { std::thread::park() }
            },
            Action::Exit(status) => self.exit = Some(status),
            Action::Crash(signal) => crash::by(signal)?,
        }
        Ok(())
    }

    fn output(&mut self, stream: Stream, bytes: u64) -> io::Result<()> {
        let mut lines = self.lines;
        let wrote = output(&mut lines, stream, bytes, &mut |entry| self.journal(entry));
        self.lines = lines;
        wrote
    }

    fn journal(&mut self, entry: Entry) -> io::Result<()> {
        let Setup { me, ticket, generation, pool, .. } = self.setup;
        let Some(journal) = &mut self.setup.journal else { return Ok(()) };
        let line = JournalLine { t: clock::now(), pid: me.pid, start: me.start, ticket, generation, pool, entry };
        let mut text = serde_json::to_vec(&line)?;
        text.push(b'\n');
        journal.write_all(&text)
    }

    /// Says it on the channel or, if there is none or the pool wants it so, by sd_notify(3).
    fn tell(&mut self, line: &str, state: &[u8]) {
        let by_datagram = self.setup.channel.is_none() || self.setup.ready == Some(Ready::Notify);
        if by_datagram && self.setup.notify.is_some() { self.notify(state) } else { self.say(line) }
    }

    /// A datagram of sd_notify(3). NOTIFY_SOCKET may name an abstract socket, with an @ for its leading zero.
    fn notify(&mut self, state: &[u8]) {
        let Some(path) = &self.setup.notify else { return };
        // Whoever should listen does not: that is the supervisor's affair.
        let _ = UnixDatagram::unbound().and_then(|socket| match path.as_os_str().as_bytes() {
            [b'@', name @ ..] => socket.send_to_addr(state, &UnixAddr::from_abstract_name(name)?),
            _ => socket.send_to(state, path),
        });
    }

    /// Bytes where a newline says that it is ready. After one it is closed, as s6 has it.
    fn write_newline(&mut self, bytes: &[u8]) {
        if let Some(fd) = &self.setup.newline {
            let _ = rustix::io::write(fd, bytes);
        }
        self.setup.newline.take_if(|_| bytes.contains(&b'\n'));
    }

    /// A line on the channel.
    fn say(&mut self, line: &str) {
        self.write(format!("{line}\n").as_bytes());
    }

    /// Bytes on the channel. A supervisor that does not read makes its worker wait, as it would a real one; one that
    /// is gone is noticed by reading.
    fn write(&mut self, bytes: &[u8]) {
        let Some(channel) = &self.setup.channel else { return };
        let mut written = 0;
        while written < bytes.len() {
            match send(channel, &bytes[written..], SendFlags::NOSIGNAL) {
                Ok(count) => written += count,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let _ = poll(&mut [PollFd::new(channel, PollFlags::OUT)], None);
                }
                Err(_) => return,
            }
        }
    }

    fn answer(&mut self, id: ConnId, keep_alive: bool, status: u16, bytes: u64) -> io::Result<()> {
        let Setup { me, generation, .. } = self.setup;
        let Some(conn) = self.conns.get_mut(&id) else { return Ok(()) };
        let (answer, padding) = wire::answer(status, keep_alive, me, generation, bytes);
        conn.answer(answer, padding, !keep_alive);
        self.write_out(id)
    }

    fn spawn(&mut self, child: Child) -> io::Result<()> {
        let held = |flags: FdFlags, shell: &Self| {
            for fd in shell.handed_on() {
                let _ = fcntl_setfd(fd, flags);
            }
        };
        if child.holds_descriptors {
            held(FdFlags::empty(), self);
        }
        let started = child::start(child);
        held(FdFlags::CLOEXEC, self);
        if let Err(error) = started {
            writeln!(io::stderr(), "puppet: cannot start a child: {error}")?;
        }
        Ok(())
    }

    fn handed_on(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.setup.listeners.iter().chain(&self.setup.channel).map(AsFd::as_fd)
    }
}

#[cfg(test)]
mod tests;
