//! A supervisor's view of the kernel, with something wrong.

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::time::Duration;

use supervisor::core::{ExitStatus, Signal, SpawnError};
use supervisor::kernel::{
    Address, Child, Clock, Errno, Fd, Files, Listen, ListenOptions, Own, Peer, PidFileError, Processes, Readiness,
    Received, Scope, Sharing, SignalNumber, SignalSet, SpawnSpec, Spawned, Streams, Wait, Watch,
};
use supervisor::policy::Instant;

use crate::channels::{ChannelFault, Channels};
use crate::excess::{Excess, Hoard};
use crate::meddling;
use crate::output::{OutputFault, Plumbing, wait_for_room};
use crate::shares::{ShareFault, Shares};
use crate::shut::Shut;
use crate::wall::WallClock;

/// More of a pid file is not read.
const PIDS: usize = 64;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelFault {
    /// Nothing.
    None,
    /// After a SIGCHLD one ended child is seen, and the next after another SIGCHLD.
    OneReapPerSignal,
    /// Children are started without a signal at the death of their parent.
    NoParentDeathSignal,
    /// Nothing is ever closed.
    ClosesNothing,
    /// Every second SIGCHLD is lost.
    LosesSigchld,
    /// A wait that a signal interrupts is an error that nothing can be done about.
    InterruptIsFatal,
    /// Every child seems to have ended with status 0.
    StatusLost,
    /// What is meant for the group of a child its leader alone gets.
    KillsAlone,
    /// Whatever is at the path of a socket is removed before it is bound.
    TakesPaths,
    /// Its addresses may be bound by others at the same time.
    SharesAddresses,
    /// Both.
    StartsBeside,
    /// What it reads it waits for, whatever that is.
    WaitsForFiles,
    /// Files are looked for by way of the working directory.
    NeedsItsDirectory,
    /// Of what it reads it takes what it can: not all of what is long, and not what is no text.
    ReadsWhatItCan,
    /// It never sleeps.
    Spins,
    /// A file that it has open is open in every worker, too.
    LeaksToWorkers,
    /// Workers are started with its own umask cleared.
    ClearsUmask,
    /// Workers are started in the root directory.
    LeavesDirectory,
    /// Workers may open fewer descriptors than it may itself.
    HalvesLimits,
    /// Workers are started without what they are to be.
    ForgetsIdentity,
    /// Workers keep its user and its groups, whatever they are to be beside that.
    KeepsItsUser,
    /// Variables that were meant for the supervisor reach its workers.
    KeepsVariables,
    /// The service manager is told that it is ready as soon as it begins to start.
    ReadyTooEarly,
    /// The service manager is not told that it stops.
    SilentAtStop,
    /// Nor that it is alive.
    NoSignOfLife,
    /// Nor that it reloads.
    ReloadsInSilence,
    /// Its workers get its own NOTIFY_SOCKET, and not theirs.
    SharesItsManager,
    /// A pid file that says anything keeps it from starting.
    BlockedByPidFile,
    /// Its pid file is not written.
    WritesNoPid,
    /// Its pid file is written, and not locked.
    SharesPidFile,
    /// Whoever the pid file names is told to end before it starts.
    EndsWhoIsNamed,
    /// Who is in its own process group gets what it sends to a worker.
    SignalsNeighbours,
    /// At the deadline of a worker that was told to leave its pid gets SIGKILL, whosever it is by then.
    RemembersPids,
    /// The clock that it goes by is the wall clock.
    WallClock,
    /// Nobody listens while there is no worker.
    ShutsWhileEmpty,
    /// Everybody may write to its sockets.
    OpenToEverybody,
    /// Whoever can connect to its control socket is taken for its operator.
    TrustsEverybody,
    /// Whoever can reach a NOTIFY_SOCKET is taken for a worker.
    HearsEverybody,
    /// Only who was started here is waited for.
    ForgetsOrphans,
    /// As process 1 it does not hear what it has to do at a signal.
    DeafAsInit,
    /// The kernel is to reset a connection whose client takes nothing for a moment.
    LosesPatience,
    /// At an address that is taken it tries again, for as long as that is so.
    WaitsForAddresses,
    /// A signal that tells it to stop is one to its workers, too.
    PassesSignalsOn,
    /// After so many deaths its workers wait for ever for what a dead one had.
    LocksUp,
    /// Two signals at once find it in the middle of what it does about one, and it waits for itself.
    EntersItself,
    /// Something is wrong on the way to its workers or back.
    Channel(ChannelFault),
    /// Something with output.
    Output(OutputFault),
    /// Of something there is too much.
    Excess(Excess),
    /// Something with listening sockets that share an address.
    Shares(ShareFault),
}

/// When the time of a worker that was told to leave is over, for who remembers its pid.
const DEADLINE: Duration = Duration::from_millis(500);

/// How many die before one of them holds a lock.
const LUCKY: u32 = 50;

/// What stops whoever gets it, as it does who waits for a lock (SIGTTIN).
const STOPS: SignalNumber = SignalNumber(21);

/// What a terminal sends (SIGINT).
const INTERRUPT: SignalNumber = SignalNumber(2);

/// How often who waits for an address tries it, a moment apart.
const TRIES: u32 = 5000;

/// How long who talks without end is silent.
const MOMENT: Duration = Duration::from_millis(1);

/// A kernel, as a broken supervisor uses it.
pub struct Faulty<K> {
    inner: K,
    fault: KernelFault,
    may_reap: bool,
    /// Whether the last SIGCHLD was lost.
    lost: bool,
    channels: Channels,
    plumbing: Plumbing,
    shares: Shares,
    shut: Shut,
    hoard: Hoard,
    /// Who was started here and is not reaped.
    children: Vec<Child>,
    /// Who was told to leave, and when its time is over.
    remembered: Vec<(Child, Instant)>,
    deaths: u32,
}

impl<K> Faulty<K> {
    /// The kernel `inner` with a fault.
    pub fn new(inner: K, fault: KernelFault) -> Self {
        let channels = match fault {
            KernelFault::Channel(fault) => Channels::new(Some(fault)),
            _ => Channels::default(),
        };
        Self {
            inner,
            fault,
            may_reap: false,
            lost: true,
            channels,
            plumbing: Plumbing::default(),
            shares: Shares::default(),
            shut: Shut::default(),
            hoard: Hoard::default(),
            children: Vec::new(),
            remembered: Vec::new(),
            deaths: 0,
        }
    }
}

impl<K: Processes> Faulty<K> {
    /// Sends a signal to every worker, who may have ended.
    fn signal_all(&mut self, signal: SignalNumber) {
        for child in &self.children {
            _ = self.inner.signal(*child, signal, Scope::Process);
        }
    }
}

impl<K: Wait + WallClock + Files + Processes> Wait for Faulty<K> {
    fn wait(&mut self, watches: &[Watch], until: Option<Instant>, ready: &mut Vec<Readiness>) -> Result<(), Errno> {
        let until = match self.fault {
            KernelFault::WallClock => until.map(|at| self.inner.now() + at.since(self.inner.wall())),
            _ => until,
        };
        let until = self.remembered.iter().map(|&(_, at)| at).chain(until).min();
        let until = if self.fault == KernelFault::Spins { Some(self.inner.now()) } else { until };
        let soon = self.hoard.looks(self.fault, &mut self.inner).then(|| self.inner.now() + MOMENT);
        let until = soon.into_iter().chain(until).min();
        if let KernelFault::Output(fault) = self.fault {
            if self.plumbing.is_fatal(fault) {
                return Err(Errno::PIPE);
            }
            return self.inner.wait(&self.plumbing.watches(fault, watches), until, ready);
        }
        let waited = self.inner.wait(watches, until, ready);
        let now = self.inner.now();
        self.remembered.extract_if(.., |(_, at)| *at <= now).for_each(|(child, _)| meddling::kill_pid(child));
        match waited {
            Err(Errno::INTR) if self.fault == KernelFault::InterruptIsFatal => Err(Errno(5)),
            done => done,
        }
    }

    fn pause(&mut self, until: Instant) {
        self.inner.pause(until);
    }

    fn take_signals(&mut self) -> SignalSet {
        let mut signals = self.inner.take_signals();
        if self.fault == KernelFault::LosesSigchld && signals.child {
            self.lost = !self.lost;
            signals.child = !self.lost;
        }
        self.may_reap |= signals.child;
        if self.fault == KernelFault::PassesSignalsOn && signals.stop {
            self.signal_all(INTERRUPT);
        }
        if self.fault == KernelFault::EntersItself && signals.child && signals.reopen {
            meddling::wait_for_itself();
        }
        if signals.reload {
            self.shares.reloads();
        }
        if self.fault == KernelFault::DeafAsInit && std::process::id() == 1 {
            (signals.stop, signals.reload) = (false, false);
        }
        signals.reopen &= self.fault != KernelFault::Output(OutputFault::NeverReopens);
        signals
    }
}

impl<K: Processes + Listen + Streams + Clock + Files> Processes for Faulty<K> {
    fn spawn(&mut self, spec: &SpawnSpec) -> Result<Spawned, SpawnError> {
        if self.fault == KernelFault::NoParentDeathSignal {
            return self.inner.spawn(&SpawnSpec { on_parent_death: None, ..spec.clone() });
        }
        if let KernelFault::Shares(fault) = self.fault {
            self.shares.starts(&mut self.inner, fault, spec);
        }
        self.shut.reopen(&mut self.inner);
        let spawned = self.inner.spawn(&meddling::respecified(self.fault, spec))?;
        self.shut.started(spawned.child);
        self.hoard.started(self.fault);
        self.children.push(spawned.child);
        if self.fault == KernelFault::LocksUp && self.deaths >= LUCKY {
            self.signal_all(STOPS);
        }
        self.channels.started(&spawned);
        self.plumbing.spawned(&spawned);
        Ok(spawned)
    }

    fn signal(&mut self, child: Child, signal: SignalNumber, scope: Scope) -> Result<(), Errno> {
        self.channels.signalled(child);
        if self.fault == KernelFault::SignalsNeighbours {
            meddling::signal_neighbours(signal);
        }
        if self.fault == KernelFault::RemembersPids && signal == Signal::Term.into() {
            self.remembered.push((child, self.inner.now() + DEADLINE));
        }
        let scope = if self.fault == KernelFault::KillsAlone { Scope::Process } else { scope };
        self.inner.signal(child, signal, scope)
    }

    fn ended(&mut self) -> Result<Option<(Child, ExitStatus)>, Errno> {
        if self.fault == KernelFault::OneReapPerSignal && !self.may_reap {
            return Ok(None);
        }
        if self.fault == KernelFault::ForgetsOrphans {
            return Ok(meddling::ended_of(&self.children));
        }
        let ended = self.inner.ended()?;
        if let Some((child, _)) = ended {
            self.plumbing.ended(child);
        }
        Ok(match self.fault {
            KernelFault::StatusLost => ended.map(|(child, _)| (child, ExitStatus::Code(0))),
            _ => ended,
        })
    }

    fn reap(&mut self, child: Child) -> Result<(), Errno> {
        self.may_reap = false;
        self.children.retain(|one| *one != child);
        self.inner.reap(child)?;
        self.deaths += 1;
        if self.fault == KernelFault::LocksUp && self.deaths == LUCKY {
            self.signal_all(STOPS);
        }
        self.hoard.ended(self.fault, &mut self.inner);
        if self.fault == KernelFault::ShutsWhileEmpty {
            self.shut.ended(&mut self.inner, child);
        }
        Ok(())
    }

    fn has_children(&mut self) -> bool {
        self.inner.has_children()
    }
}

impl<K: WallClock> Clock for Faulty<K> {
    fn now(&self) -> Instant {
        match self.fault {
            KernelFault::WallClock => self.inner.wall(),
            _ => self.inner.now(),
        }
    }
}

impl<K: Streams> Streams for Faulty<K> {
    fn receive(&mut self, fd: Fd, buffer: &mut [u8]) -> Result<Received, Errno> {
        if let KernelFault::Output(fault) = self.fault
            && let Some(read) = self.plumbing.receive(fault, fd)
        {
            return read.map(|bytes| Received { bytes, handle: None });
        }
        self.channels.receive(&mut self.inner, fd, buffer)
    }

    fn send(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        self.channels.send(&mut self.inner, fd, bytes)
    }

    fn send_handle(&mut self, fd: Fd, bytes: &[u8], handle: Fd) -> Result<usize, Errno> {
        self.channels.send_handle(&mut self.inner, fd, bytes, handle)
    }

    fn peer(&mut self, fd: Fd) -> Result<Peer, Errno> {
        let peer = self.inner.peer(fd)?;
        Ok(if self.fault == KernelFault::TrustsEverybody { Peer { user: 0, ..peer } } else { peer })
    }

    fn notify_socket(&mut self) -> Result<(Fd, String), Errno> {
        self.inner.notify_socket()
    }

    fn receive_datagram(&mut self, fd: Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
        self.channels.receive_datagram(&mut self.inner, fd, buffer)
    }

    fn close(&mut self, fd: Fd) {
        if self.fault == KernelFault::ClosesNothing {
            return;
        }
        if let KernelFault::Shares(fault) = self.fault
            && self.shares.stays(fault, fd)
        {
            return;
        }
        self.shut.forget(fd);
        self.channels.closed(fd);
        self.plumbing.closed(fd);
        self.inner.close(fd);
    }
}

impl<K: Listen + Wait + Clock> Listen for Faulty<K> {
    fn listen(&mut self, address: &Address, options: &ListenOptions) -> Result<Fd, Errno> {
        match (self.fault, address) {
            (KernelFault::TakesPaths | KernelFault::StartsBeside, Address::Unix(path)) => {
                _ = std::fs::remove_file(path)
            }
            (KernelFault::SharesAddresses | KernelFault::StartsBeside, _) => {
                return self.inner.listen(address, &ListenOptions { sharing: Sharing::Next, ..*options });
            }
            _ => {}
        }
        let mode = options.mode.map(|mode| if self.fault == KernelFault::OpenToEverybody { 0o666 } else { mode });
        // Its successor is bound while those who leave still have it.
        let sharing = match self.fault {
            KernelFault::Shares(ShareFault::AtReload) => Sharing::Next,
            KernelFault::Shares(ShareFault::WithAnybody) if options.sharing == Sharing::First => Sharing::Next,
            _ => options.sharing,
        };
        let options = &ListenOptions { sharing, mode, ..*options };
        let mut bound = self.inner.listen(address, options);
        for _ in 0..TRIES {
            if self.fault != KernelFault::WaitsForAddresses || bound != Err(Errno::ADDRINUSE) {
                break;
            }
            self.inner.pause(self.inner.now() + MOMENT);
            bound = self.inner.listen(address, options);
        }
        let bound = bound?;
        if self.fault == KernelFault::LosesPatience && matches!(address, Address::Tcp(_)) {
            meddling::lose_patience(bound);
        }
        self.shares.bound(bound, options);
        self.shut.bound(bound, address);
        Ok(bound)
    }

    fn bound_address(&self, fd: Fd) -> Option<Address> {
        self.inner.bound_address(fd)
    }

    fn accept(&mut self, listener: Fd) -> Result<Fd, Errno> {
        self.channels.accept(&mut self.inner, listener)
    }
}

impl<K: Files + Wait> Files for Faulty<K> {
    fn read(&mut self, path: &Path, limit: usize) -> Result<Vec<u8>, Errno> {
        if self.fault == KernelFault::NeedsItsDirectory && std::env::current_dir().is_err() {
            return Err(Errno::NOENT);
        }
        if self.fault == KernelFault::WaitsForFiles {
            return std::fs::read(path).map_err(|error| Errno(error.raw_os_error().unwrap_or(0)));
        }
        if self.fault != KernelFault::ReadsWhatItCan {
            return self.inner.read(path, limit);
        }
        let mut bytes = self.inner.read(path, limit)?;
        bytes.retain(u8::is_ascii);
        bytes.truncate(limit - 1);
        Ok(bytes)
    }

    fn open_append(&mut self, path: &Path) -> Result<Fd, Errno> {
        let fd = self.inner.open_append(path)?;
        self.hoard.opened(fd);
        Ok(fd)
    }

    fn inherited(&mut self, number: i32) -> Result<Fd, Errno> {
        self.inner.inherited(number)
    }

    fn write(&mut self, fd: Fd, bytes: &[u8]) -> Result<usize, Errno> {
        let KernelFault::Output(fault) = self.fault else { return self.inner.write(fd, bytes) };
        let mut wrote = self.inner.write(fd, bytes);
        while fault == OutputFault::BlocksItself && wrote == Err(Errno::AGAIN) {
            wait_for_room(&mut self.inner, fd);
            wrote = self.inner.write(fd, bytes);
        }
        self.plumbing.wrote(fault, fd, bytes.len(), wrote)
    }
}

impl<K: Own + Files> Own for Faulty<K> {
    fn pid_file(&mut self, path: &Path) -> Result<Fd, PidFileError> {
        match self.fault {
            KernelFault::BlockedByPidFile => {
                let left = self.inner.read(path, PIDS).is_ok_and(|text| !text.is_empty());
                if left { Err(PidFileError::Held(None)) } else { self.inner.pid_file(path) }
            }
            KernelFault::WritesNoPid => self.inner.open_append(Path::new("/dev/null")).map_err(PidFileError::System),
            KernelFault::SharesPidFile => {
                meddling::write_pid(path);
                self.inner.open_append(path).map_err(PidFileError::System)
            }
            KernelFault::EndsWhoIsNamed => {
                meddling::end_named(path);
                self.inner.pid_file(path)
            }
            _ => self.inner.pid_file(path),
        }
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        self.inner.environment()
    }

    fn notify(&mut self, address: &OsStr, text: &str) -> Result<(), Errno> {
        match self.fault {
            KernelFault::SilentAtStop if text.contains("STOPPING=1") => Ok(()),
            KernelFault::NoSignOfLife if text == "WATCHDOG=1" => Ok(()),
            KernelFault::ReadyTooEarly if text.contains("starting") => self.inner.notify(address, "READY=1"),
            KernelFault::ReloadsInSilence if text.contains("RELOADING=1") => Ok(()),
            _ => self.inner.notify(address, text),
        }
    }

    fn identity(&self) -> Peer {
        self.inner.identity()
    }
}
