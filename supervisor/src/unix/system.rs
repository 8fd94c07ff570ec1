//! The operating system as one value.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::Path;

use rustix::event::PollFd;
use rustix::process::{Pid, geteuid};
use rustix::time::{ClockId, clock_gettime};

use crate::kernel::{Child, Clock, Errno, Fd, Own, Peer, PidFileError, Setup};
use crate::policy::Instant;

use super::refusal::refusal;
use super::signals::Signals;
use super::spawn;
use super::streams::send_to;
use super::table::Table;

/// The operating system. One per process: signal handlers and children belong to the process.
#[derive(Debug)]
pub struct Unix {
    pub(super) signals: Signals,
    pub(super) table: Table,
    /// Children that were spawned and not reaped.
    pub(super) children: BTreeSet<Child>,
    /// How many notify sockets there were, for names that are never used twice.
    pub(super) notify_sockets: u64,
    pub(super) started: Instant,
    /// What poll(2) is given; kept for its room alone.
    pub(super) polled: Vec<PollFd<'static>>,
}

impl Unix {
    /// Takes over what belongs to the process: handlers for the signals of [`crate::kernel::SignalSet`], an empty signal
    /// mask, SIGPIPE ignored, every inherited descriptor from 3 on closed on exec, orphans of workers adopted.
    ///
    /// To be called first of all, so that no early signal meets the default action, and from the main thread, whose end
    /// is what PR_SET_PDEATHSIG watches.
    ///
    /// # Errors
    /// No descriptors are left, or the kernel is too old for one of these.
    pub fn start() -> io::Result<Self> {
        let signals = Signals::install()?;
        spawn::close_strays_on_exec()?;
        rustix::process::set_child_subreaper(Some(Pid::INIT))?;
        Ok(Self {
            signals,
            table: Table::default(),
            children: BTreeSet::new(),
            notify_sockets: 0,
            started: monotonic(),
            polled: Vec::new(),
        })
    }
}

pub(super) fn monotonic() -> Instant {
    let now = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
    Instant::from_nanos(seconds * 1_000_000_000 + u64::try_from(now.tv_nsec).unwrap_or(0))
}

impl Clock for Unix {
    fn now(&self) -> Instant {
        monotonic()
    }
}

impl Own for Unix {
    fn refuses(&self, setup: &Setup) -> Option<String> {
        refusal(setup)
    }

    fn environment(&self) -> Vec<(OsString, OsString)> {
        std::env::vars_os().collect()
    }

    fn pid_file(&mut self, path: &Path) -> Result<Fd, PidFileError> {
        self.take_pid_file(path)
    }

    fn notify(&mut self, address: &OsStr, text: &str) -> Result<(), Errno> {
        send_to(address, text)
    }

    fn identity(&self) -> Peer {
        Peer { pid: std::process::id(), user: geteuid().as_raw() }
    }
}

impl From<rustix::io::Errno> for Errno {
    fn from(errno: rustix::io::Errno) -> Self {
        Self(errno.raw_os_error())
    }
}

/// The errno that the last libc call of this thread left.
pub(super) fn last_errno() -> Errno {
    Errno(nix::errno::Errno::last_raw())
}
