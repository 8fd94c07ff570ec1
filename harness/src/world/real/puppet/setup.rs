//! Where a puppet finds what it is to be: environment, inherited descriptors, the run's directory.

use std::env;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use serde::{Deserialize, Serialize};

use crate::history::Proc;
use crate::scenario::{Life, Lives, NOTIFY_FD, Pool, Ready};
use crate::subject::Profile;

use super::super::journal::JOURNAL;
use super::super::{environment, procfs, sys};

/// Name of the script in the run's directory.
pub const SCRIPT: &str = "plan.json";

/// What the harness tells all puppets of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Script {
    /// Who lives how.
    pub lives: Lives,
    /// How long after it stopped accepting a worker exits by itself, whatever it holds; `null` leaves that to its supervisor.
    pub own_deadline_ms: Option<u64>,
    /// How long a worker drains at most when its supervisor is gone.
    pub orphan_grace_ms: u64,
    /// How often a ready worker says that it makes progress; `null`: never.
    pub beat_ms: Option<u64>,
    /// How a worker says that it is ready; `null`: as it can.
    pub ready: Option<Ready>,
    /// The same for the workers of the pools beside the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<Script>,
}

impl Script {
    /// For the workers of one pool.
    pub fn new(pool: &Pool, lives: &Lives, profile: &Profile) -> Self {
        let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        Self {
            lives: lives.clone(),
            // Under a supervisor that knows no drain deadline the workers keep it themselves.
            own_deadline_ms: (profile.drain != Some(true)).then_some(millis(pool.drain.0)),
            orphan_grace_ms: millis(pool.drain.0),
            beat_ms: pool.beat().map(millis),
            ready: pool.ready,
            beside: Vec::new(),
        }
    }

    /// What is for the pool of this number.
    fn of_pool(mut self, number: u32) -> Result<Self, Wrong> {
        let Some(index) = (number as usize).checked_sub(1) else { return Ok(self) };
        if index < self.beside.len() {
            return Ok(self.beside.swap_remove(index));
        }
        Err(Wrong::Usage(format!("HARNESS_POOL is {number}, and the run has {} pools", self.beside.len() + 1)))
    }
}

/// Why a puppet can't begin.
pub enum Wrong {
    /// It was started the wrong way.
    Usage(String),
    /// Something failed.
    System(String),
}

/// A worker before its birth.
pub struct Setup {
    /// Itself.
    pub me: Proc,
    /// n-th of its generation; 0 outside a run.
    pub ticket: u32,
    /// From 1; 0 outside a run.
    pub generation: u32,
    /// The number of its pool.
    pub pool: u32,
    /// The number of the configuration that it was started from, if that tells.
    pub revision: Option<u32>,
    /// How it lives.
    pub life: Life,
    /// See [`Script`].
    pub own_deadline: Option<Duration>,
    /// See [`Script`].
    pub orphan_grace: Duration,
    /// See [`Script`]. Twice as often as WATCHDOG_USEC of its environment asks for goes before that.
    pub beat: Option<Duration>,
    /// Where it writes what happens to it.
    pub journal: Option<File>,
    /// Where the harness asks it for things.
    pub side: Option<UnixDatagram>,
    /// Its listening sockets.
    pub listeners: Vec<OwnedFd>,
    /// Its channel to the supervisor.
    pub channel: Option<OwnedFd>,
    /// Where `READY=1` goes if there is no channel, or [`Setup::ready`] wants it.
    pub notify: Option<PathBuf>,
    /// Where a newline says that it is ready, until one was written.
    pub newline: Option<OwnedFd>,
    /// See [`Script`].
    pub ready: Option<Ready>,
}

impl Setup {
    /// Reads everything and takes a ticket.
    pub fn from_environment() -> Result<Self, Wrong> {
        let born = environment::own().map_err(|error| Wrong::System(format!("/proc: {error}")));
        let me = procfs::own().ok_or_else(|| Wrong::System("/proc is not readable".into()))?;
        let listeners = listeners(std::process::id())?;
        let channel = channel()?;
        let notify = env::var_os("NOTIFY_SOCKET").map(PathBuf::from);
        let Some(run) = env::var_os("HARNESS_RUN").map(PathBuf::from) else {
            if listeners.is_empty() {
                return Err(Wrong::Usage(
                    "this is the scripted worker of `harness`: start it under a supervisor, with HARNESS_RUN naming a run's \
                     directory, or at least with listening sockets (LISTEN_FDS) to serve who-am-I answers"
                        .into(),
                ));
            }
            return Ok(Self::demo(me, listeners, channel, notify));
        };
        let failed = |what: &str| {
            let place = run.join(what).display().to_string();
            move |error: io::Error| Wrong::System(format!("{place}: {error}"))
        };
        environment::tell(&run, born?).map_err(failed(environment::ENVIRONMENTS))?;
        let script = fs::read_to_string(run.join(SCRIPT)).map_err(failed(SCRIPT))?;
        let script: Script =
            serde_json::from_str(&script).map_err(|error| Wrong::System(format!("{SCRIPT}: {error}")))?;
        let pool = pool()?;
        let script = script.of_pool(pool)?;
        let generation = generation(&run).map_err(failed("generation"))?;
        let ticket = take_ticket(&run, pool, generation).map_err(failed("tickets"))?;
        let journal = OpenOptions::new().append(true).create(true).open(run.join(JOURNAL)).map_err(failed(JOURNAL))?;
        let side = side_socket(&run, me.pid).map_err(failed("side"))?;
        Ok(Self {
            ticket,
            generation,
            pool,
            revision: env::var("HARNESS_REVISION").ok().and_then(|number| number.parse().ok()),
            life: match env::var("HARNESS_LIFE") {
                Ok(life) => Life::read(&life).map_err(|why| Wrong::Usage(why.render(false)))?,
                Err(_) => script.lives.life(generation, ticket).clone(),
            },
            own_deadline: script.own_deadline_ms.map(Duration::from_millis),
            orphan_grace: Duration::from_millis(script.orphan_grace_ms),
            beat: watchdog().or(script.beat_ms.map(Duration::from_millis)),
            journal: Some(journal),
            side: Some(side),
            newline: (script.ready == Some(Ready::NotifyFd))
                .then(|| take("the pool's `ready`", NOTIFY_FD))
                .transpose()?,
            ready: script.ready,
            ..Self::demo(me, listeners, channel, notify)
        })
    }

    /// A worker that serves and belongs to no run.
    pub(super) fn demo(me: Proc, listeners: Vec<OwnedFd>, channel: Option<OwnedFd>, notify: Option<PathBuf>) -> Self {
        Self {
            me,
            ticket: 0,
            generation: 0,
            pool: 0,
            revision: None,
            life: Life::Serve,
            own_deadline: None,
            orphan_grace: Duration::from_secs(5),
            beat: watchdog(),
            journal: None,
            side: None,
            listeners,
            channel,
            notify,
            newline: None,
            ready: None,
        }
    }
}

/// systemd's socket activation: descriptors from 3 on, if they are meant for this process; see sd_listen_fds(3).
fn listeners(me: u32) -> Result<Vec<OwnedFd>, Wrong> {
    let meant = env::var("LISTEN_PID").map_or(Ok(true), |pid| pid.parse::<u32>().map(|pid| pid == me));
    if !meant.map_err(|_| Wrong::Usage("LISTEN_PID is not a number".into()))? {
        return Ok(Vec::new());
    }
    let count: RawFd = match env::var("LISTEN_FDS") {
        Err(_) => 0,
        Ok(text) => text.parse().map_err(|_| Wrong::Usage(format!("LISTEN_FDS is `{text}`, not a number")))?,
    };
    (3..3 + count.clamp(0, 1024)).map(|number| take("LISTEN_FDS", number)).collect()
}

/// Half of what systemd's convention asks for; see sd_watchdog_enabled(3).
fn watchdog() -> Option<Duration> {
    let micros = env::var("WATCHDOG_USEC").ok()?.parse().ok()?;
    Some(Duration::from_micros(micros) / 2)
}

fn channel() -> Result<Option<OwnedFd>, Wrong> {
    let Ok(text) = env::var("NODE_CHANNEL_FD") else { return Ok(None) };
    let number = text.parse().map_err(|_| Wrong::Usage(format!("NODE_CHANNEL_FD is `{text}`, not a number")))?;
    take("NODE_CHANNEL_FD", number).map(Some)
}

/// Not blocking: a worker that blocks in accept(2) when it dies has eaten a connection.
fn take(named_by: &str, number: RawFd) -> Result<OwnedFd, Wrong> {
    let wrong = |error: io::Error| Wrong::Usage(format!("{named_by} names descriptor {number}: {error}"));
    let fd = sys::inherited(number).map_err(wrong)?;
    let flags = fcntl_getfl(fd.as_fd()).map_err(|error| wrong(error.into()))?;
    fcntl_setfl(fd.as_fd(), flags | OFlags::NONBLOCK).map_err(|error| wrong(error.into()))?;
    Ok(fd)
}

/// The number of the worker's pool: what its configuration says, or the first.
fn pool() -> Result<u32, Wrong> {
    let Ok(text) = env::var("HARNESS_POOL") else { return Ok(0) };
    text.parse().map_err(|_| Wrong::Usage(format!("HARNESS_POOL is `{text}`, not a number")))
}

fn generation(run: &Path) -> io::Result<u32> {
    let text = fs::read_to_string(run.join("generation"))?;
    text.trim().parse().map_err(|_| io::Error::new(io::ErrorKind::InvalidData, format!("`{text}` is not a number")))
}

/// The first number of this generation that nobody has taken yet.
fn take_ticket(run: &Path, pool: u32, generation: u32) -> io::Result<u32> {
    let tickets = run.join("tickets");
    let of = if pool == 0 { String::new() } else { format!("{pool}-") };
    for number in 1..u32::MAX {
        let path = tickets.join(format!("{of}{generation}.{number}"));
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(_) => return Ok(number),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("no ticket is left"))
}

/// A socket path is short (108 bytes, unix(7)); a run's directory is, too. What an earlier process with the same pid
/// left there is removed.
fn side_socket(run: &Path, pid: u32) -> io::Result<UnixDatagram> {
    let path = run.join("side").join(pid.to_string());
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let socket = UnixDatagram::bind(path)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}
