//! A kernel on which one system call fails: the k-th of its kind, once or from then on.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::rc::Rc;

use supervisor::core::{ExitStatus, Pools, SpawnError};
use supervisor::kernel::{
    Address, Child, Clock, Errno, Fd, Files, Listen, ListenOptions, Own, Peer, PidFileError, Processes, Readiness,
    Received, Scope, SignalNumber, SignalSet, SpawnSpec, Spawned, Streams, Wait, Watch,
};
use supervisor::policy::Instant;

use crate::history::What;

use super::call::{Call, Failure};
use super::kernel::SimKernel;
use super::model::{CALL, Model};
use super::run::{Outcome, Prepared};

/// Which call fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Of this kind.
    pub call: Call,
    /// The first one that fails, from 1.
    pub nth: u64,
    /// How many fail; [`u64::MAX`] is all that follow.
    pub times: u64,
    /// How.
    pub failure: Failure,
}

impl Planned {
    /// Whether the call with this number fails.
    fn hits(self, call: Call, number: u64) -> bool {
        call == self.call && number >= self.nth && number - self.nth < self.times
    }
}

/// What was called and said in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CallLog {
    /// How many calls there were, by kind.
    pub calls: BTreeMap<Call, u64>,
    /// How many of them were made to fail.
    pub failed: u64,
    /// Everything that the supervisor wrote: event lines, and what it told people on standard error.
    pub said: String,
}

impl CallLog {
    /// All calls of all kinds.
    pub fn total(&self) -> u64 {
        self.calls.values().sum()
    }
}

impl Prepared<'_> {
    /// One run of the shipped supervisor in which `planned` fails.
    pub fn run_failing(&self, seed: u64, planned: Option<Planned>) -> (Outcome, CallLog) {
        let log = Rc::new(RefCell::new(CallLog::default()));
        let wrap = |kernel| Failing { inner: kernel, planned, log: Rc::clone(&log) };
        let outcome = self.run(seed, Model::default(), Pools::new, wrap);
        (outcome, log.take())
    }
}

/// The simulated kernel with a planned failure, and with a standard error that somebody reads.
#[derive(Debug)]
struct Failing {
    inner: SimKernel,
    planned: Option<Planned>,
    log: Rc<RefCell<CallLog>>,
}

/// Standard error: a number that no other descriptor of a simulated supervisor gets.
const STDERR: Fd = Fd(i32::MAX);

impl Failing {
    /// Counts a call; if it is one that fails it takes its time and fails without any effect. The history says so: a
    /// fault that is over at once.
    fn enter(&mut self, call: Call) -> Result<(), Failure> {
        let mut log = self.log.borrow_mut();
        let number = log.calls.entry(call).or_default();
        *number += 1;
        let number = *number;
        let Some(planned) = self.planned.filter(|planned| planned.hits(call, number)) else { return Ok(()) };
        log.failed += 1;
        let world = &mut *self.inner.0.borrow_mut();
        // A supervisor that is being killed has no use for the answer.
        _ = world.call(CALL);
        if !world.over {
            let fault = format!("call {number} of {}: {}", call.name(), planned.failure.name);
            let on = vec![world.supervisor.proc];
            world.note(What::FaultBegan { step: Vec::new(), fault, on });
            world.note(What::Healed { step: Vec::new() });
        }
        Err(planned.failure)
    }

    fn check(&mut self, call: Call) -> Result<(), Errno> {
        self.enter(call).map_err(|failure| Errno(failure.errno))
    }
}

impl Clock for Failing {
    fn now(&self) -> Instant {
        self.inner.now()
    }
}

impl Wait for Failing {
    fn wait(&mut self, watches: &[Watch], until: Option<Instant>, ready: &mut Vec<Readiness>) -> Result<(), Errno> {
        ready.clear();
        self.check(Call::Wait)?;
        self.inner.wait(watches, until, ready)
    }

    fn pause(&mut self, until: Instant) {
        self.inner.pause(until);
    }

    fn take_signals(&mut self) -> SignalSet {
        self.inner.take_signals()
    }
}

impl Streams for Failing {
    fn receive(&mut self, fd: Fd, buffer: &mut [u8]) -> Result<Received, Errno> {
        self.check(Call::Receive)?;
        self.inner.receive(fd, buffer)
    }

    fn send(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        self.check(Call::Send)?;
        self.inner.send(fd, bytes)
    }

    fn send_handle(&mut self, fd: Fd, bytes: &[u8], handle: Fd) -> Result<usize, Errno> {
        self.check(Call::SendHandle)?;
        self.inner.send_handle(fd, bytes, handle)
    }

    fn peer(&mut self, fd: Fd) -> Result<Peer, Errno> {
        self.check(Call::Peer)?;
        self.inner.peer(fd)
    }

    fn notify_socket(&mut self) -> Result<(Fd, String), Errno> {
        self.check(Call::NotifySocket)?;
        self.inner.notify_socket()
    }

    fn receive_datagram(&mut self, fd: Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.check(Call::ReceiveDatagram)?;
        self.inner.receive_datagram(fd, buffer)
    }

    fn close(&mut self, fd: Fd) {
        if fd != STDERR {
            self.inner.close(fd);
        }
    }
}

impl Listen for Failing {
    fn listen(&mut self, address: &Address, options: &ListenOptions) -> Result<Fd, Errno> {
        self.check(Call::Listen)?;
        self.inner.listen(address, options)
    }

    fn bound_address(&self, fd: Fd) -> Option<Address> {
        self.inner.bound_address(fd)
    }

    fn accept(&mut self, listener: Fd) -> Result<Fd, Errno> {
        self.check(Call::Accept)?;
        self.inner.accept(listener)
    }
}

impl Processes for Failing {
    fn spawn(&mut self, spec: &SpawnSpec) -> Result<Spawned, SpawnError> {
        self.enter(Call::Spawn).map_err(|failure| SpawnError { step: failure.step, errno: failure.errno })?;
        self.inner.spawn(spec)
    }

    fn signal(&mut self, child: Child, signal: SignalNumber, scope: Scope) -> Result<(), Errno> {
        self.check(Call::Signal)?;
        self.inner.signal(child, signal, scope)
    }

    fn ended(&mut self) -> Result<Option<(Child, ExitStatus)>, Errno> {
        self.check(Call::Ended)?;
        self.inner.ended()
    }

    fn reap(&mut self, child: Child) -> Result<(), Errno> {
        self.check(Call::Reap)?;
        self.inner.reap(child)
    }

    fn has_children(&mut self) -> bool {
        self.inner.has_children()
    }
}

impl Files for Failing {
    fn read(&mut self, path: &Path, limit: usize) -> Result<Vec<u8>, Errno> {
        self.check(Call::Read)?;
        self.inner.read(path, limit)
    }

    fn open_append(&mut self, path: &Path) -> Result<Fd, Errno> {
        self.check(Call::OpenAppend)?;
        self.inner.open_append(path)
    }

    fn inherited(&mut self, number: i32) -> Result<Fd, Errno> {
        self.check(Call::Inherited)?;
        let inherited = self.inner.inherited(number);
        // What a scenario reads is read there, and everything else here.
        if number == 2 { inherited.or(Ok(STDERR)) } else { inherited }
    }

    fn write(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        self.check(Call::Write)?;
        let taken = if fd == STDERR { bytes.len() } else { self.inner.write(fd, bytes)? };
        self.log.borrow_mut().said.push_str(&String::from_utf8_lossy(&bytes[..taken]));
        Ok(taken)
    }
}

impl Own for Failing {
    fn pid_file(&mut self, path: &Path) -> Result<Fd, PidFileError> {
        self.check(Call::PidFile).map_err(PidFileError::System)?;
        self.inner.pid_file(path)
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        self.inner.environment()
    }

    fn notify(&mut self, address: &OsStr, text: &str) -> Result<(), Errno> {
        self.check(Call::Notify)?;
        self.inner.notify(address, text)
    }

    fn identity(&self) -> Peer {
        self.inner.identity()
    }
}
