//! The traits of the supervisor's kernel, on the model. Waiting is what makes the world go round.

use std::cell::RefCell;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::rc::Rc;

use supervisor::core::{ExitStatus, SpawnError};
use supervisor::kernel::{
    Address, Child, Clock, Errno, Fd, Files, Listen, ListenOptions, Own, Peer, PidFileError, Processes, Readiness,
    Received, Scope, Setup, SignalNumber, SignalSet, SpawnSpec, Spawned, Streams, Wait, Watch,
};
use supervisor::policy::Instant;

use super::engine::World;

/// A kernel in virtual time. What waits in it while the supervisor waits is the rest of the world: workers, clients and
/// the harness.
#[derive(Debug)]
pub struct SimKernel(pub(super) Rc<RefCell<World>>);

/// Where the service manager of the model listens.
const MANAGER: &str = "/run/manager/notify";

/// The wall clock of the model at its beginning: somewhen in 2026.
const WALL: u64 = 1_790_000_000_000_000_000;

impl SimKernel {
    /// CLOCK_REALTIME: for supervisors that use it where they ought not to.
    pub fn wall(&self) -> Instant {
        let world = self.0.borrow();
        Instant::from_nanos((WALL + world.now.as_nanos()).saturating_add_signed(world.wall_offset))
    }
}

impl Clock for SimKernel {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.borrow().now.as_nanos())
    }
}

impl Wait for SimKernel {
    fn wait(&mut self, watches: &[Watch], until: Option<Instant>, ready: &mut Vec<Readiness>) -> Result<(), Errno> {
        ready.clear();
        self.0.borrow_mut().wait(watches, World::deadline(until), ready)
    }

    fn pause(&mut self, until: Instant) {
        // The end of this world is told by whatever is called next.
        _ = self.0.borrow_mut().wait(&[], World::deadline(Some(until)), &mut Vec::new());
    }

    fn take_signals(&mut self) -> SignalSet {
        self.0.borrow_mut().take_signals()
    }
}

impl Streams for SimKernel {
    fn receive(&mut self, fd: Fd, buffer: &mut [u8]) -> Result<Received, Errno> {
        self.0.borrow_mut().receive(fd, buffer).map(|bytes| Received { bytes, handle: None })
    }

    fn send(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        self.0.borrow_mut().send(fd, bytes)
    }

    fn send_handle(&mut self, fd: Fd, bytes: &[u8], handle: Fd) -> Result<usize, Errno> {
        self.0.borrow_mut().send_handle(fd, bytes, handle)
    }

    fn peer(&mut self, fd: Fd) -> Result<Peer, Errno> {
        self.0.borrow().peer(fd)
    }

    fn notify_socket(&mut self) -> Result<(Fd, String), Errno> {
        self.0.borrow_mut().notify_socket()
    }

    fn receive_datagram(&mut self, fd: Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.0.borrow_mut().receive_datagram(fd, buffer)
    }

    fn close(&mut self, fd: Fd) {
        self.0.borrow_mut().close(fd);
    }
}

impl Listen for SimKernel {
    fn listen(&mut self, address: &Address, options: &ListenOptions) -> Result<Fd, Errno> {
        self.0.borrow_mut().listen(address, options)
    }

    fn bound_address(&self, fd: Fd) -> Option<Address> {
        self.0.borrow().bound_address(fd)
    }

    fn accept(&mut self, listener: Fd) -> Result<Fd, Errno> {
        self.0.borrow_mut().accept(listener)
    }
}

impl Processes for SimKernel {
    fn spawn(&mut self, spec: &SpawnSpec) -> Result<Spawned, SpawnError> {
        self.0.borrow_mut().spawn(spec)
    }

    fn signal(&mut self, child: Child, signal: SignalNumber, scope: Scope) -> Result<(), Errno> {
        self.0.borrow_mut().signal_child(child, signal.0, scope)
    }

    fn ended(&mut self) -> Result<Option<(Child, ExitStatus)>, Errno> {
        self.0.borrow_mut().ended()
    }

    fn reap(&mut self, child: Child) -> Result<(), Errno> {
        self.0.borrow_mut().reap_child(child)
    }

    fn has_children(&mut self) -> bool {
        self.0.borrow_mut().has_children()
    }
}

impl Files for SimKernel {
    fn read(&mut self, path: &Path, limit: usize) -> Result<Vec<u8>, Errno> {
        self.0.borrow_mut().read_file(path, limit)
    }

    fn open_append(&mut self, path: &Path) -> Result<Fd, Errno> {
        self.0.borrow_mut().open_append(path)
    }

    fn inherited(&mut self, number: i32) -> Result<Fd, Errno> {
        // Where nobody asks what comes out of them, it was started without standard streams.
        self.0.borrow_mut().inherited(number)
    }

    fn write(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        self.0.borrow_mut().write(fd, bytes)
    }
}

impl Own for SimKernel {
    fn pid_file(&mut self, _path: &Path) -> Result<Fd, PidFileError> {
        // The configuration names one path.
        self.0.borrow_mut().take_pid_file()
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        let mut environment = vec![("PATH".into(), "/usr/bin:/bin".into())];
        if self.0.borrow().managed {
            environment.push(("NOTIFY_SOCKET".into(), MANAGER.into()));
        }
        environment
    }

    fn refuses(&self, setup: &Setup) -> Option<String> {
        self.0.borrow().no_directory(setup).then(|| "there is no such directory".to_owned())
    }

    fn notify(&mut self, address: &OsStr, text: &str) -> Result<(), Errno> {
        // Whatever else is there belongs to workers and their supervisor.
        if address == MANAGER { self.0.borrow_mut().tell_manager(text) } else { Err(Errno(111)) }
    }

    fn identity(&self) -> Peer {
        Peer { pid: self.0.borrow().supervisor.proc.pid, user: 0 }
    }
}
