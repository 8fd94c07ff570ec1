//! For tests of the loop: a kernel that fails where it is told to, and a machine that does what it is told.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use crate::config::{Config, PoolConfig};
use crate::core::{Action, ExitStatus, Input, Machine, Revision, SpawnError, WorkerId};
use crate::kernel::{
    Address, Child, Clock, Errno, Fd, Files, Listen, ListenOptions, Own, Peer, PidFileError, Processes, Readiness,
    Received, Scope, SignalNumber, SignalSet, SpawnSpec, Spawned, Streams, Wait, Watch,
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
    pub reads: VecDeque<&'static str>,
    /// What accepts bring.
    pub connections: VecDeque<Fd>,
    /// What was written, other than to sockets.
    pub written: String,
    /// What sends answer; afterwards everything fits.
    pub sends: VecDeque<Result<usize, Errno>>,
    pub dead: Vec<Child>,
    pub spawned: Vec<SpawnSpec>,
    pub channel: Option<Fd>,
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
            reads: VecDeque::new(),
            connections: VecDeque::new(),
            written: String::new(),
            sends: VecDeque::new(),
            dead: Vec::new(),
            spawned: Vec::new(),
            channel: Some(Fd(10)),
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
        let text = self.reads.pop_front().ok_or(Errno::AGAIN)?;
        buffer[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Received { bytes: text.len(), handle: None })
    }
    fn send(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        self.note(format!("send {} {}", fd.0, bytes.escape_ascii()));
        self.sends.pop_front().unwrap_or(Ok(bytes.len()))
    }
    fn send_handle(&mut self, _: Fd, bytes: &[u8], _: Fd) -> Result<usize, Errno> {
        self.sends.pop_front().unwrap_or(Ok(bytes.len()))
    }
    fn peer(&mut self, _: Fd) -> Result<Peer, Errno> {
        Err(Errno::NOSYS)
    }
    fn notify_socket(&mut self) -> Result<(Fd, String), Errno> {
        self.notify.map(|()| (Fd(20), "@x".to_owned()))
    }
    fn receive_datagram(&mut self, _: Fd, _: &mut [u8]) -> Result<usize, Errno> {
        Err(Errno::AGAIN)
    }
    fn close(&mut self, fd: Fd) {
        self.note(format!("close {}", fd.0));
    }
}

impl Listen for Fake {
    fn listen(&mut self, _: &Address, _: &ListenOptions) -> Result<Fd, Errno> {
        self.listeners += 1;
        self.listen.map(|()| Fd(29 + self.listeners))
    }
    fn bound_address(&self, _: Fd) -> Option<Address> {
        None
    }
    fn accept(&mut self, _: Fd) -> Result<Fd, Errno> {
        self.connections.pop_front().ok_or(Errno::AGAIN)
    }
}

impl Processes for Fake {
    fn spawn(&mut self, spec: &SpawnSpec) -> Result<Spawned, SpawnError> {
        self.note(format!("spawn {:?}", spec.argv[0]));
        self.spawned.push(spec.clone());
        Ok(Spawned { child: Child(7), channel: self.channel, stdout: None, stderr: None, notify: None })
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
}

impl Files for Fake {
    fn read(&mut self, _: &Path, _: usize) -> Result<Vec<u8>, Errno> {
        Err(Errno::NOENT)
    }
    fn open_append(&mut self, _: &Path) -> Result<Fd, Errno> {
        Err(Errno::NOSPC)
    }
    fn inherited(&mut self, number: i32) -> Result<Fd, Errno> {
        Ok(Fd(number))
    }
    fn write(&mut self, _: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        self.written.push_str(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }
}

impl Own for Fake {
    fn notify(&mut self, _: &OsStr, text: &str) -> Result<(), Errno> {
        self.note(format!("notify {text:?}"));
        Ok(())
    }
    fn pid_file(&mut self, _: &Path) -> Result<Fd, PidFileError> {
        self.pid_file.map(|()| Fd(PID_FILE))
    }
    fn environment(&self) -> Vec<(OsString, OsString)> {
        vec![("LISTEN_PID".into(), "1".into())]
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

pub const FIRST: Revision = Revision(0);
