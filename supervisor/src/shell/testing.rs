//! For tests of the loop: a kernel that fails where it is told to, and a machine that does what it is told.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use crate::config::{Config, PoolConfig};
use crate::core::{Action, ExitStatus, Input, Machine, Revision, SpawnError, WorkerId};
use crate::kernel::{
    Address, Child, Clock, Errno, Fd, Files, Listen, ListenOptions, Own, Peer, PidFileError, Processes, Readiness,
    Received, Scope, Setup, SignalNumber, SignalSet, SpawnSpec, Spawned, Streams, Wait, Watch,
};
use crate::policy::{ExitCode, Instant};

use super::{Start, run};

pub const WORKER: WorkerId = WorkerId { pool: 0, slot: 0, generation: 1 };

/// The descriptor of the pid file.
pub const PID_FILE: i32 = 500;

/// One thing that the machine was told, or that the kernel was asked to do.
pub type Log = Rc<RefCell<Vec<String>>>;

pub struct Fake {
    pub log: Log,
    pub now: u64,
    /// What each wait brings: signals and readable descriptors, or an error. Afterwards it fails with EBADF.
    pub waits: VecDeque<Result<(SignalSet, Vec<Fd>), Errno>>,
    /// How long those take; afterwards no time at all.
    pub spans: VecDeque<Duration>,
    pub signals: SignalSet,
    pub notify: Result<(), Errno>,
    pub listen: Result<(), Errno>,
    pub pid_file: Result<(), PidFileError>,
    pub listeners: i32,
    /// What the first of them answer; all later ones answer `listen`.
    pub listens: VecDeque<Result<(), Errno>>,
    /// How each was asked for.
    pub listened: Vec<ListenOptions>,
    pub reads: VecDeque<&'static str>,
    /// What reading fails with before that.
    pub failures: VecDeque<Errno>,
    /// What comes to the notify socket.
    pub datagrams: VecDeque<Result<&'static str, Errno>>,
    /// What accepts bring.
    pub connections: VecDeque<Fd>,
    /// What they fail with before that.
    pub refusals: VecDeque<Errno>,
    /// Who is at the other end of each connection.
    pub peer: Result<Peer, Errno>,
    pub own: Peer,
    pub environment: Vec<(OsString, OsString)>,
    /// What was written, other than to sockets.
    pub written: String,
    /// The same for each descriptor.
    pub written_to: BTreeMap<Fd, String>,
    /// What writes answer; afterwards everything fits.
    pub writes: VecDeque<Result<usize, Errno>>,
    /// What files have in them, by path.
    pub files: BTreeMap<&'static str, Vec<u8>>,
    /// What opening files to append to them brings; afterwards there is no space.
    pub appends: VecDeque<Result<Fd, Errno>>,
    /// Why processes can't be made into what they are to be.
    pub refuses: Option<String>,
    /// What sends answer; afterwards everything fits.
    pub sends: VecDeque<Result<usize, Errno>>,
    pub dead: Vec<Child>,
    /// Whether there are children, each time that somebody asks; later there are none.
    pub children: VecDeque<bool>,
    pub spawned: Vec<SpawnSpec>,
    /// The channels of the first workers; all later ones have `channel`.
    pub channels: VecDeque<Fd>,
    pub channel: Option<Fd>,
    pub stdout: Option<Fd>,
    /// The pipe on which a newline is awaited.
    pub newline: Option<Fd>,
    /// Where every listening socket is bound.
    pub bound: Option<Address>,
    pub ended: VecDeque<Errno>,
    pub kills: VecDeque<Errno>,
    pub reap: VecDeque<Errno>,
}

impl Fake {
    pub fn new(waits: Vec<Result<(SignalSet, Vec<Fd>), Errno>>) -> Self {
        Self {
            log: Log::default(),
            now: 1_000_000_000,
            waits: waits.into(),
            spans: VecDeque::new(),
            signals: SignalSet::default(),
            notify: Ok(()),
            listen: Ok(()),
            pid_file: Ok(()),
            listeners: 0,
            listens: VecDeque::new(),
            listened: Vec::new(),
            reads: VecDeque::new(),
            failures: VecDeque::new(),
            datagrams: VecDeque::new(),
            connections: VecDeque::new(),
            refusals: VecDeque::new(),
            peer: Err(Errno::NOSYS),
            own: Peer::default(),
            environment: vec![("LISTEN_PID".into(), "1".into())],
            written: String::new(),
            written_to: BTreeMap::new(),
            writes: VecDeque::new(),
            files: BTreeMap::new(),
            appends: VecDeque::new(),
            refuses: None,
            sends: VecDeque::new(),
            dead: Vec::new(),
            children: VecDeque::new(),
            spawned: Vec::new(),
            channels: VecDeque::new(),
            channel: Some(Fd(10)),
            stdout: None,
            newline: None,
            bound: None,
            ended: VecDeque::new(),
            kills: VecDeque::new(),
            reap: VecDeque::new(),
        }
    }

    pub fn note(&self, text: impl Into<String>) {
        self.log.borrow_mut().push(text.into());
    }
}

impl Clock for Fake {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.now)
    }
}

impl Wait for Fake {
    fn wait(&mut self, _: &[Watch], until: Option<Instant>, ready: &mut Vec<Readiness>) -> Result<(), Errno> {
        ready.clear();
        if let (Some(until), None) = (until, self.waits.front()) {
            self.pause(until);
            return Ok(());
        }
        self.now += self.spans.pop_front().map_or(0, |span| span.as_nanos() as u64);
        let (signals, fds) = self.waits.pop_front().unwrap_or(Err(Errno::BADF))?;
        self.signals = signals;
        ready.extend(fds.into_iter().map(|fd| Readiness { fd, readable: true, writable: true }));
        Ok(())
    }

    fn pause(&mut self, until: Instant) {
        self.now = self.now.max(until.as_nanos());
    }

    fn take_signals(&mut self) -> SignalSet {
        std::mem::take(&mut self.signals)
    }
}

impl Streams for Fake {
    fn receive(&mut self, _: Fd, buffer: &mut [u8]) -> Result<Received, Errno> {
        self.failures.pop_front().map_or(Ok(()), Err)?;
        let text = self.reads.pop_front().ok_or(Errno::AGAIN)?;
        buffer[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Received { bytes: text.len(), handle: None })
    }
    fn send(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        self.note(format!("send {} {}", fd.0, bytes.escape_ascii()));
        self.sends.pop_front().unwrap_or(Ok(bytes.len()))
    }
    fn send_handle(&mut self, fd: Fd, bytes: &[u8], handle: Fd) -> Result<usize, Errno> {
        self.note(format!("pass {} {}", fd.0, handle.0));
        self.sends.pop_front().unwrap_or(Ok(bytes.len()))
    }
    fn peer(&mut self, _: Fd) -> Result<Peer, Errno> {
        self.peer
    }
    fn notify_socket(&mut self) -> Result<(Fd, String), Errno> {
        self.notify.map(|()| (Fd(20), "@x".to_owned()))
    }
    fn receive_datagram(&mut self, _: Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
        let text = self.datagrams.pop_front().unwrap_or(Err(Errno::AGAIN))?;
        buffer[..text.len()].copy_from_slice(text.as_bytes());
        Ok(text.len())
    }
    fn close(&mut self, fd: Fd) {
        self.note(format!("close {}", fd.0));
    }
}

impl Listen for Fake {
    fn listen(&mut self, _: &Address, options: &ListenOptions) -> Result<Fd, Errno> {
        self.listeners += 1;
        self.listened.push(*options);
        self.listens.pop_front().unwrap_or(self.listen).map(|()| Fd(29 + self.listeners))
    }
    fn bound_address(&self, _: Fd) -> Option<Address> {
        self.bound.clone()
    }
    fn accept(&mut self, _: Fd) -> Result<Fd, Errno> {
        self.refusals.pop_front().map_or(Ok(()), Err)?;
        self.connections.pop_front().ok_or(Errno::AGAIN)
    }
}

impl Processes for Fake {
    fn spawn(&mut self, spec: &SpawnSpec) -> Result<Spawned, SpawnError> {
        self.note(format!("spawn {:?}", spec.argv[0]));
        self.spawned.push(spec.clone());
        let channel = self.channels.pop_front().or(self.channel);
        Ok(Spawned { child: Child(7), channel, stdout: self.stdout, stderr: None, notify: self.newline })
    }
    fn signal(&mut self, child: Child, signal: SignalNumber, scope: Scope) -> Result<(), Errno> {
        self.note(format!("signal {} {scope:?} {}", signal.0, child.0));
        self.kills.pop_front().map_or(Ok(()), Err)
    }
    fn ended(&mut self) -> Result<Option<(Child, ExitStatus)>, Errno> {
        self.ended.pop_front().map_or(Ok(()), Err)?;
        Ok(self.dead.last().map(|&child| (child, ExitStatus::Code(0))))
    }
    fn reap(&mut self, child: Child) -> Result<(), Errno> {
        self.note(format!("reap {}", child.0));
        self.reap.pop_front().map_or(Ok(()), Err)?;
        self.dead.pop();
        Ok(())
    }
    fn has_children(&mut self) -> bool {
        self.children.pop_front().unwrap_or(false)
    }
}

impl Files for Fake {
    fn read(&mut self, path: &Path, limit: usize) -> Result<Vec<u8>, Errno> {
        let file = self.files.get(path.to_str().expect("UTF-8")).ok_or(Errno::NOENT)?;
        Ok(file[..limit.min(file.len())].to_vec())
    }
    fn open_append(&mut self, _: &Path) -> Result<Fd, Errno> {
        self.appends.pop_front().unwrap_or(Err(Errno::NOSPC))
    }
    fn inherited(&mut self, number: i32) -> Result<Fd, Errno> {
        Ok(Fd(number))
    }
    fn write(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        let taken = self.writes.pop_front().unwrap_or(Ok(usize::MAX))?.min(bytes.len());
        let text = String::from_utf8_lossy(&bytes[..taken]);
        self.written.push_str(&text);
        self.written_to.entry(fd).or_default().push_str(&text);
        Ok(taken)
    }
}

impl Own for Fake {
    fn refuses(&self, _: &Setup) -> Option<String> {
        self.refuses.clone()
    }
    fn notify(&mut self, _: &OsStr, text: &str) -> Result<(), Errno> {
        self.note(format!("notify {text:?}"));
        Ok(())
    }
    fn pid_file(&mut self, _: &Path) -> Result<Fd, PidFileError> {
        self.pid_file.map(|()| Fd(PID_FILE))
    }
    fn environment(&self) -> Vec<(OsString, OsString)> {
        self.environment.clone()
    }
    fn identity(&self) -> Peer {
        self.own
    }
}

pub fn pool(name: &str) -> PoolConfig {
    PoolConfig::new(name, vec![name.to_owned()], 1)
}

pub fn config(pools: Vec<PoolConfig>, listen: &[&str]) -> Config {
    let address = |text: &str| crate::config::parse_address(text).expect("valid");
    let listen = listen.iter().map(|text| (format!("on {text}"), address(text))).collect();
    Config { pools, listen, backlog: 1, events: None, quiet: true, control: None, pid_file: None }
}

pub fn run_machine<M: Machine>(kernel: &mut Fake, machine: M, config: &Config) -> (ExitCode, Vec<String>) {
    let code = run(kernel, machine, config, Start::default());
    let id = format!("{WORKER:?}");
    let log = kernel.log.borrow().iter().map(|line| line.replace(&id, "w")).collect();
    (code, log)
}

/// Gives the actions of one list for each input, then none.
pub struct Script(pub VecDeque<Vec<Action>>);

impl Machine for Script {
    fn step(&mut self, _: Instant, _: Input, actions: &mut Vec<Action>) {
        actions.extend(self.0.pop_front().unwrap_or_default());
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}

/// Notes each input, and gives the actions that a function has for it.
pub struct Answering<F>(pub Log, pub F);

impl<F: FnMut(Input) -> Vec<Action>> Machine for Answering<F> {
    fn step(&mut self, _: Instant, input: Input, actions: &mut Vec<Action>) {
        self.0.borrow_mut().push(format!("{input:?}"));
        actions.extend((self.1)(input));
    }

    fn next_deadline(&self) -> Option<Instant> {
        None
    }
}

/// A wait that these descriptors end.
pub fn ready(fds: &[i32]) -> Result<(SignalSet, Vec<Fd>), Errno> {
    Ok((SignalSet::default(), fds.iter().map(|&fd| Fd(fd)).collect()))
}

pub const FIRST: Revision = Revision(0);
