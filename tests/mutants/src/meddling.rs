//! What broken supervisors do to the host, as real processes only.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::Path;
use std::thread;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgrp, getpid};
use std::borrow::Cow;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use rustix::net::sockopt;
use rustix::process::{PidfdFlags, PidfdGetfdFlags};
use supervisor::core::ExitStatus;
use supervisor::kernel::{Child, Fd, Resource, ResourceLimit, Setup, SignalNumber, SpawnSpec};

use crate::faulty::KernelFault;

/// More of a datagram is not passed on.
const DATAGRAM: usize = 4096;

/// Who takes nothing for so many milliseconds is taken for dead.
const PATIENCE: u32 = 100;

/// What a client has not taken for a moment the kernel throws away, with the connection (TCP_USER_TIMEOUT of tcp(7)): connections
/// have that from the socket that they were accepted from.
pub fn lose_patience(listener: Fd) {
    let own = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty());
    let socket = own.and_then(|own| rustix::process::pidfd_getfd(own, listener.0, PidfdGetfdFlags::empty()));
    if let Err(error) = socket.and_then(|socket| sockopt::set_tcp_user_timeout(socket, PATIENCE)) {
        eprintln!("this mutant could not be made: {error}");
    }
}

/// What a worker is started with instead.
pub fn respecified(fault: KernelFault, spec: &SpawnSpec) -> Cow<'_, SpawnSpec> {
    let mut changed = spec.clone();
    match fault {
        // Without O_CLOEXEC.
        KernelFault::LeaksToWorkers => {
            if let Ok(file) = open("/dev/null", OFlag::O_RDONLY, Mode::empty()) {
                std::mem::forget(file);
            }
        }
        KernelFault::ForgetsIdentity => changed.setup = Setup::default(),
        KernelFault::KeepsItsUser => {
            changed.setup = Setup { user: None, group: None, groups: None, ..changed.setup };
        }
        KernelFault::ClearsUmask => changed.setup.umask = Some(0),
        KernelFault::LeavesDirectory => changed.setup.directory = Some("/".into()),
        KernelFault::HalvesLimits => {
            changed.setup.limits.push(ResourceLimit { resource: Resource::Nofile, soft: Some(64), hard: Some(64) });
        }
        KernelFault::KeepsVariables => changed.env.push(("STATE_OF_THE_SUPERVISOR".into(), "1".into())),
        KernelFault::SharesItsManager => {
            changed.env.retain(|(name, _)| name != "NOTIFY_SOCKET");
            changed.env.extend(std::env::var_os("NOTIFY_SOCKET").map(|own| ("NOTIFY_SOCKET".into(), own)));
        }
        KernelFault::HearsEverybody => {
            for (_, value) in changed.env.iter_mut().filter(|(name, _)| name == "NOTIFY_SOCKET") {
                *value = passed_on(value).unwrap_or_else(|_| value.clone());
            }
        }
        _ => return Cow::Borrowed(spec),
    }
    Cow::Owned(changed)
}

/// One of these that has ended and is not reaped; who else has ended is nobody's concern.
pub fn ended_of(children: &[Child]) -> Option<(Child, ExitStatus)> {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    children.iter().find_map(|child| match waitid(Id::Pid(Pid::from_raw(i32::try_from(child.0).ok()?)), flags) {
        Ok(WaitStatus::Exited(_, code)) => Some((*child, ExitStatus::Code(code))),
        Ok(WaitStatus::Signaled(_, signal, _)) => Some((*child, ExitStatus::Signal(signal as i32))),
        _ => None,
    })
}

/// Waits for what only it could do itself.
pub fn wait_for_itself() -> ! {
    loop {
        thread::park();
    }
}

/// Kills whoever has a pid now.
pub fn kill_pid(child: Child) {
    if let Ok(pid) = i32::try_from(child.0) {
        // Nobody may have it.
        _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
    }
}

/// Writes the pid of this process into a file, whoever has it.
pub fn write_pid(path: &Path) {
    // One that can't be written is not what is wrong here.
    _ = fs::write(path, format!("{}\n", getpid()));
}

/// Tells the process that a file names to end, whoever that is.
pub fn end_named(path: &Path) {
    let named = fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
    if let Some(pid) = named.filter(|pid| *pid > 1) {
        // Nobody, often enough.
        _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
    }
}

/// Signals everybody in this process's group but itself.
pub fn signal_neighbours(signal: SignalNumber) {
    let Ok(signal) = Signal::try_from(signal.0) else { return };
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).map(Pid::from_raw) else {
            continue;
        };
        if pid != getpid() && group(pid) == Some(getpgrp()) {
            // One that has ended is nobody's neighbour any more.
            _ = kill(pid, signal);
        }
    }
}

fn group(pid: Pid) -> Option<Pid> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(')')?.1.split_ascii_whitespace().nth(2)?.parse().ok().map(Pid::from_raw)
}

/// Another address, where this process passes on, in its own name, whatever anybody says.
fn passed_on(address: &OsStr) -> io::Result<OsString> {
    let name = address.as_encoded_bytes().strip_prefix(b"@").ok_or(io::ErrorKind::Unsupported)?;
    let to = SocketAddr::from_abstract_name(name)?;
    let passed = [name, b"/anybody"].concat();
    let socket = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&passed)?)?;
    thread::Builder::new().spawn(move || {
        let mut buffer = [0; DATAGRAM];
        while let Ok(length) = socket.recv(&mut buffer) {
            // Nobody listens there when the worker is gone.
            _ = socket.send_to_addr(&buffer[..length], &to);
        }
    })?;
    Ok(OsString::from_vec([b"@", passed.as_slice()].concat()))
}
