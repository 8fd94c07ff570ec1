//! The supervisor's system calls.

use std::collections::VecDeque;
use std::path::Path;

use supervisor::core::{ExitStatus, SpawnError, SpawnStep};
use supervisor::kernel::{
    Address, Child, Errno, Fd, ListenOptions, Readiness, Scope, Setup, Sharing, SignalSet, SpawnSpec, Spawned, Watch,
};

use crate::history::{Status, What};
use crate::scenario::Life;
use crate::subject::Contents;
use crate::time::Time;

use supervisor::kernel::Stdio;

use super::engine::{Gone, World};
use super::model::{CALL, CHANNEL_BYTES, SPAWN, START, TIMER, WAKE};
use super::process::{Parent, Process, Stage};
use super::queue::Ev;
use super::sockets::{Channel, Listener, OPERATOR, Object};

const ECHILD: Errno = Errno(10);
/// The one program of this world.
pub(super) const PUPPET: &str = "puppet";
/// Addresses of notify sockets begin with this.
const NOTIFY: &str = "@notify-";

impl World {
    /// poll(2): the world goes round until something wakes the supervisor.
    pub fn wait(&mut self, watches: &[Watch], until: Time, ready: &mut Vec<Readiness>) -> Result<(), Errno> {
        self.call(CALL)?;
        self.counters.deaths_in_one_turn += u32::from(std::mem::take(&mut self.counters.reaped) > 1);
        self.supervisor.stirred = true;
        let spurious = if self.rng.one_in(64) { self.now.as_nanos() + self.rng.below(50_000_000) } else { u64::MAX };
        let limit = until.min(Time::from_nanos(spurious));
        loop {
            if self.over || !self.supervisor.running() {
                return Err(Errno(5));
            }
            if !self.supervisor.frozen {
                if std::mem::take(&mut self.supervisor.stirred) && self.woken(watches) {
                    return self.wake(watches, ready);
                }
                if self.now >= limit {
                    self.call(TIMER)?;
                    self.counters.spurious_wakes += u32::from(self.now < until);
                    self.poll(watches, ready);
                    return Ok(());
                }
            }
            let horizon = if self.supervisor.frozen { Time::NEVER } else { limit };
            if !self.happen(horizon) {
                if self.over || horizon == Time::NEVER {
                    self.stuck();
                    return Err(Errno(5));
                }
                self.now = self.now.max(limit);
            }
        }
    }

    fn woken(&self, watches: &[Watch]) -> bool {
        self.supervisor.pending.any() || watches.iter().any(|watch| self.readiness(watch).is_some())
    }

    /// It takes a while until the woken process runs; what happens meanwhile is seen in the same turn.
    fn wake(&mut self, watches: &[Watch], ready: &mut Vec<Readiness>) -> Result<(), Errno> {
        self.call(WAKE)?;
        self.poll(watches, ready);
        if ready.is_empty() && self.supervisor.pending.any() && self.rng.one_in(4) {
            self.counters.interrupted_waits += 1;
            return Err(Errno::INTR);
        }
        Ok(())
    }

    fn poll(&self, watches: &[Watch], ready: &mut Vec<Readiness>) {
        ready.extend(watches.iter().filter_map(|watch| self.readiness(watch)));
    }

    fn readiness(&self, watch: &Watch) -> Option<Readiness> {
        let (readable, writable) = match self.supervisor.descriptors.get(watch.fd.0) {
            Object::Channel(number) => {
                let channel = &self.channels[number as usize];
                let over = channel.holders == 0;
                (over || !channel.to_supervisor.is_empty(), over || channel.to_worker.len() < CHANNEL_BYTES)
            }
            Object::Notify(number) => (!self.datagrams[number as usize].is_empty(), false),
            Object::Listener(number) => {
                let listener = &self.listeners[number as usize];
                (!listener.queue.is_empty() || !listener.operators.is_empty(), false)
            }
            Object::Conn(number) => {
                let conn = &self.conns[number as usize];
                (conn.request.is_some() || !conn.client_open, true)
            }
            Object::Pipe(number) => {
                let pipe = &self.pipes[number as usize];
                (pipe.writers == 0 || !pipe.bytes.is_empty(), false)
            }
            Object::Sink(stream) => (false, self.outlets.writable(stream)),
            Object::Output | Object::Events | Object::Log(_) | Object::FullLog | Object::PidFile => (false, true),
            // POLLNVAL
            Object::Free => (true, true),
        };
        let (readable, writable) = (readable && watch.read, writable && watch.write);
        (readable || writable).then_some(Readiness { fd: watch.fd, readable, writable })
    }

    /// The signals that arrived since the last look.
    pub fn take_signals(&mut self) -> SignalSet {
        self.kernel_events += 1;
        if self.over || !self.supervisor.running() {
            return SignalSet::default();
        }
        let pending = std::mem::take(&mut self.supervisor.pending);
        self.counters.signals_coalesced += u32::from(pending.children > 1);
        if !self.model.sigchld_coalesces && pending.children > 1 {
            self.supervisor.pending.children = pending.children - 1;
        }
        SignalSet {
            child: pending.children > 0,
            stop: pending.stop,
            reload: pending.reload,
            reopen: pending.reopen,
            more: pending.more,
            less: pending.less,
            resumed: pending.resumed,
        }
    }

    /// Now and then only a part is transferred, as the contract of the call allows.
    pub(super) fn part(&mut self, bytes: usize) -> usize {
        if bytes > 1 && self.rng.one_in(16) { 1 + self.rng.below(bytes as u64 - 1) as usize } else { bytes }
    }

    /// recvmsg(2) on a channel, read(2) on a pipe. No worker of this world sends descriptors.
    pub fn receive(&mut self, fd: Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.call(CALL)?;
        let number = match self.supervisor.descriptors.get(fd.0) {
            Object::Channel(number) => number,
            Object::Pipe(pipe) => return self.read_pipe(pipe, buffer),
            _ => return Err(Errno::BADF),
        };
        let there = self.channels[number as usize].to_supervisor.len().min(buffer.len());
        let bytes = self.part(there);
        self.counters.partial_reads += u32::from(bytes < there);
        let channel = &mut self.channels[number as usize];
        if bytes > 0 {
            buffer[..bytes].copy_from_slice(&channel.to_supervisor[..bytes]);
            channel.to_supervisor.drain(..bytes);
            return Ok(bytes);
        }
        match channel.holders {
            0 if std::mem::take(&mut channel.reset) => {
                self.counters.channels_reset += 1;
                Err(Errno::CONNRESET)
            }
            0 => Ok(0),
            _ => Err(Errno::AGAIN),
        }
    }

    /// write(2) on a channel.
    pub fn send(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        self.call(CALL)?;
        let Object::Channel(number) = self.supervisor.descriptors.get(fd.0) else {
            return Err(Errno::BADF);
        };
        let channel = &self.channels[number as usize];
        if channel.holders == 0 {
            return Err(Errno::PIPE);
        }
        let room = CHANNEL_BYTES.saturating_sub(channel.to_worker.len()).min(bytes.len());
        if room == 0 && !bytes.is_empty() {
            return Err(Errno::AGAIN);
        }
        let taken = self.part(room);
        self.counters.partial_writes += u32::from(taken < room);
        let channel = &mut self.channels[number as usize];
        if channel.worker == OPERATOR {
            self.tell_operator(number, &bytes[..taken]);
            return Ok(taken);
        }
        channel.to_worker.extend_from_slice(&bytes[..taken]);
        let worker = channel.worker;
        self.soon(WAKE, Ev::Channel(worker));
        Ok(taken)
    }

    /// A datagram socket for the words of one worker.
    pub fn notify_socket(&mut self) -> Result<(Fd, String), Errno> {
        self.call(CALL)?;
        self.needs_descriptors(1)?;
        let number = self.datagrams.len() as u32;
        self.datagrams.push(VecDeque::new());
        Ok((Fd(self.supervisor.descriptors.open(Object::Notify(number))), format!("{NOTIFY}{number}")))
    }

    /// recvmsg(2) on a notify socket.
    pub fn receive_datagram(&mut self, fd: Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.call(CALL)?;
        let Object::Notify(number) = self.supervisor.descriptors.get(fd.0) else {
            return Err(Errno::BADF);
        };
        let datagram = self.datagrams[number as usize].pop_front().ok_or(Errno::AGAIN)?;
        let bytes = datagram.len().min(buffer.len());
        buffer[..bytes].copy_from_slice(&datagram[..bytes]);
        Ok(bytes)
    }

    /// close(2).
    pub fn close(&mut self, fd: Fd) {
        if self.call(CALL).is_ok() {
            let object = self.supervisor.descriptors.close(fd.0);
            self.release(object);
        }
    }

    /// socket(2), bind(2), listen(2).
    pub fn listen(&mut self, address: &Address, options: &ListenOptions) -> Result<Fd, Errno> {
        self.call(CALL)?;
        self.needs_descriptors(1)?;
        let port = matches!(address, Address::Tcp(_));
        let shares = options.sharing == Sharing::Next;
        let taken = |other: &Listener| other.open() && other.address == *address && !(other.reuse_port && shares);
        if self.listeners.iter().any(taken) {
            return Err(Errno::ADDRINUSE);
        }
        // The clients know the first port that the subject ever had.
        let first = self.listeners.iter().find(|other| other.target).map_or(address, |other| &other.address);
        let number = self.listeners.len() as u32;
        self.listeners.push(Listener {
            target: port && first == address,
            address: address.clone(),
            backlog: options.backlog as usize,
            reuse_port: options.sharing != Sharing::Alone,
            queue: Default::default(),
            operators: Default::default(),
            supervised: true,
            holders: 0,
            acceptors: Vec::new(),
        });
        Ok(Fd(self.supervisor.descriptors.open(Object::Listener(number))))
    }

    /// getsockname(2).
    pub fn bound_address(&self, fd: Fd) -> Option<Address> {
        match self.supervisor.descriptors.get(fd.0) {
            Object::Listener(number) => Some(self.listeners[number as usize].address.clone()),
            _ => None,
        }
    }

    /// fork(2), exec(2), and the wait until it is known that the program runs. It may have ended by then.
    pub fn spawn(&mut self, spec: &SpawnSpec) -> Result<Spawned, SpawnError> {
        self.call(CALL).map_err(killed)?;
        if let Some((step, errno)) = self.spawn_error(spec) {
            match step {
                SpawnStep::Descriptors => self.counters.no_descriptors += 1,
                SpawnStep::Exec => self.counters.no_program += 1,
                SpawnStep::Fork => self.counters.no_processes += 1,
                SpawnStep::Setup => self.counters.no_directory += 1,
            }
            if matches!(step, SpawnStep::Setup | SpawnStep::Exec) {
                let nanos = SPAWN.draw(&mut self.rng);
                self.elapse(nanos).map_err(killed)?;
            }
            return Err(SpawnError { step, errno: errno.0 });
        }
        let proc = self.processes.identity(self.supervisor.proc.pid);
        let mut process = Process::new(proc, self.now, Parent::Supervisor, proc.pid);
        process.worker = true;
        process.death_signal = spec.on_parent_death.is_some();
        for &fd in &spec.fds {
            if let Object::Listener(number) = self.supervisor.descriptors.get(fd.0) {
                self.listeners[number as usize].holders += 1;
                process.listeners.push(number);
            }
        }
        let channel = spec.channel.then_some(self.channels.len() as u32);
        process.channel = channel;
        process.notify = notify_of(spec);
        process.revision = variable(spec, "HARNESS_REVISION").and_then(|number| number.parse().ok());
        let pool = variable(spec, "HARNESS_POOL").and_then(|number| number.parse().ok()).unwrap_or(0);
        process.pool = pool.min(self.crews.len() as u32 - 1);
        process.life = variable(spec, "HARNESS_LIFE").and_then(|life| Life::read(life).ok());
        let ix = self.processes.add(process);
        let fd = channel.map(|number| {
            self.channels.push(Channel { holders: 1, supervised: true, worker: ix, ..Channel::default() });
            Fd(self.supervisor.descriptors.open(Object::Channel(number)))
        });
        let [stdout, stderr, notify] = self.pipes_of(ix, spec);
        let exec = SPAWN.draw(&mut self.rng) / 2;
        let main = self.now + std::time::Duration::from_nanos(exec + START.draw(&mut self.rng));
        self.queue.push(main, Ev::Main(ix));
        // Mostly the supervisor is on its way again before the child does anything; now and then long after.
        let slow = if self.rng.one_in(32) { 2_500_000 } else { 0 };
        self.kernel_events += 4;
        self.elapse(exec + slow).map_err(killed)?;
        self.counters.dead_at_birth += u32::from(!self.processes.get(ix).alive());
        Ok(Spawned { child: Child(proc.pid), channel: fd, stdout, stderr, notify })
    }

    /// Why this can't become a process, if it can't.
    fn spawn_error(&self, spec: &SpawnSpec) -> Option<(SpawnStep, Errno)> {
        let pipes = usize::from(spec.stdout == Stdio::Pipe)
            + usize::from(spec.stderr == Stdio::Pipe)
            + usize::from(spec.notify_fd.is_some());
        // Both ends of each, of the pipe for errors as well, one end of which is moved out of the way.
        let wanted = 2 * (usize::from(spec.channel) + pipes) + 3;
        if !self.supervisor.descriptors.has_room(wanted) {
            return Some((SpawnStep::Descriptors, Errno::MFILE));
        }
        if self.processes.listed.len() + 1 >= self.process_limit {
            return Some((SpawnStep::Fork, Errno::AGAIN));
        }
        if self.no_directory(&spec.setup) {
            return Some((SpawnStep::Setup, Errno::NOENT));
        }
        let puppet = spec.argv.first().is_some_and(|program| program == PUPPET);
        let errno = if puppet { self.program_error } else { Some(Errno::NOENT) };
        errno.map(|errno| (SpawnStep::Exec, errno))
    }

    /// Whether there is no directory in which this could run.
    pub fn no_directory(&self, setup: &Setup) -> bool {
        self.directory_gone && setup.directory.is_some()
    }

    /// EMFILE if that many more can't be opened.
    pub(super) fn needs_descriptors(&mut self, wanted: usize) -> Result<(), Errno> {
        if self.supervisor.descriptors.has_room(wanted) {
            return Ok(());
        }
        self.counters.no_descriptors += 1;
        Err(Errno::MFILE)
    }

    /// kill(2).
    pub fn signal_child(&mut self, child: Child, number: i32, scope: Scope) -> Result<(), Errno> {
        self.call(CALL)?;
        let ix = self.child(child).map_err(|_| Errno::SRCH)?;
        match scope {
            Scope::Process => self.signal_process(ix, number),
            Scope::Group => self.signal_group(ix, number),
        }
        Ok(())
    }

    /// A signal to everybody in the group of this process.
    pub fn signal_group(&mut self, ix: u32, number: i32) {
        let group = self.processes.get(ix).group;
        for at in 0..self.processes.listed.len() {
            let member = self.processes.listed[at];
            if self.processes.get(member).group == group {
                self.signal_process(member, number);
            }
        }
    }

    /// waitid(2) with WNOWAIT: one of the zombies, whichever.
    pub fn ended(&mut self) -> Result<Option<(Child, ExitStatus)>, Errno> {
        self.call(CALL)?;
        let is_zombie = |ix: &&u32| {
            let process = self.processes.get(**ix);
            process.stage == Stage::Zombie && process.parent == Parent::Supervisor
        };
        let count = self.processes.listed.iter().filter(is_zombie).count();
        let pick = self.rng.below(count as u64) as usize;
        let Some(&ix) = self.processes.listed.iter().filter(is_zombie).nth(pick) else {
            return Ok(None);
        };
        let process = self.processes.get(ix);
        let status = match process.status {
            Status::Code(code) => ExitStatus::Code(code & 0xff),
            Status::Signal(signal) => ExitStatus::Signal(signal),
        };
        Ok(Some((Child(process.proc.pid), status)))
    }

    /// waitid(2).
    pub fn reap_child(&mut self, child: Child) -> Result<(), Errno> {
        self.call(CALL)?;
        let ix = self.child(child)?;
        if self.processes.get(ix).stage != Stage::Zombie {
            return Err(ECHILD);
        }
        self.counters.reaped += 1;
        self.reap(ix);
        Ok(())
    }

    /// waitid(2) without a status: whether there is any child, adopted or not.
    pub fn has_children(&mut self) -> bool {
        let running = self.call(CALL).is_ok();
        running && self.processes.listed.iter().any(|&ix| self.processes.get(ix).parent == Parent::Supervisor)
    }

    /// open(2), read(2) and close(2) of a whole file. There is one file in this world.
    pub fn read_file(&mut self, path: &Path, limit: usize) -> Result<Vec<u8>, Errno> {
        self.call(CALL)?;
        self.needs_descriptors(1)?;
        if self.pid_file.is_at(path) {
            return self.pid_file_text().map(|text| text.bytes().take(limit).collect()).ok_or(Errno::NOENT);
        }
        if let Some(errno) = self.file_error {
            return Err(errno);
        }
        let (_, contents) = self.file.as_ref().filter(|(known, _)| known == path).ok_or(Errno::NOENT)?;
        match contents {
            Contents::Bytes(bytes) => Ok(bytes.iter().copied().take(limit).collect()),
            // It is opened without waiting, and nobody writes.
            Contents::Fifo => Ok(Vec::new()),
            Contents::Directory => Err(Errno(21)),
            Contents::Missing | Contents::Dangling => Err(Errno::NOENT),
        }
    }

    /// open(2) of the event stream, or of the log file.
    pub fn open_append(&mut self, path: &Path) -> Result<Fd, Errno> {
        self.call(CALL)?;
        self.needs_descriptors(1)?;
        let object = self.open_log(path).unwrap_or(Ok(Object::Events))?;
        Ok(Fd(self.supervisor.descriptors.open(object)))
    }

    /// write(2) to the event stream or to where output goes.
    pub fn write(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        self.call(CALL)?;
        match self.supervisor.descriptors.get(fd.0) {
            Object::Output => {
                self.lines += lines(bytes);
                Ok(bytes.len())
            }
            Object::Sink(stream) => self.write_out(stream, bytes),
            Object::Log(number) => Ok(self.write_log(number, bytes)),
            Object::FullLog => Err(Errno(28)),
            Object::Events => {
                let taken = self.part(bytes.len());
                self.lines += lines(&bytes[..taken]);
                for claim in self.claims.take(&bytes[..taken]) {
                    self.note(What::Claimed(claim));
                }
                Ok(taken)
            }
            _ => Err(Errno::BADF),
        }
    }
}

/// How many lines end here.
fn lines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}

/// What a supervisor that is being killed makes of it reaches nobody.
fn killed(gone: Gone) -> SpawnError {
    SpawnError { step: SpawnStep::Fork, errno: Errno::from(gone).0 }
}

/// The notify socket that a process will find in its environment.
fn notify_of(spec: &SpawnSpec) -> Option<u32> {
    variable(spec, "NOTIFY_SOCKET")?.strip_prefix(NOTIFY)?.parse().ok()
}

/// What a process will find in its environment.
fn variable<'a>(spec: &'a SpawnSpec, name: &str) -> Option<&'a str> {
    spec.env.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.to_str())
}
