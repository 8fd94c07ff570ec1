//! Starting, signalling and reaping children.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;

use nix::libc;

use crate::core::{ExitStatus, SpawnError};
use crate::kernel::{Child, Errno, Processes, Scope, SignalNumber, SpawnSpec, Spawned};

use super::signals::probably_ended;
use super::table::Kind;
use super::{Unix, last_errno, spawn};

impl Processes for Unix {
    fn spawn(&mut self, spec: &SpawnSpec) -> Result<Spawned, SpawnError> {
        let (child, ends) = spawn::spawn(spec, &self.table)?;
        self.children.insert(child);
        let mut own = |fd: Option<OwnedFd>, kind| fd.map(|fd| self.table.insert(fd, kind));
        Ok(Spawned {
            child,
            channel: own(ends.channel, Kind::Plain),
            stdout: own(ends.stdout, Kind::Pipe),
            stderr: own(ends.stderr, Kind::Pipe),
            notify: own(ends.notify, Kind::Pipe),
        })
    }

    fn signal(&mut self, child: Child, signal: SignalNumber, scope: Scope) -> Result<(), Errno> {
        if !self.children.contains(&child) {
            return Err(Errno::SRCH);
        }
        let pid = raw(child);
        let target = match scope {
            Scope::Process => pid,
            Scope::Group => -pid,
        };
        // SAFETY: no memory is involved. The child was not reaped, so the number is nobody else's.
        match unsafe { libc::kill(target, signal.0) } {
            0 => Ok(()),
            _ => Err(last_errno()),
        }
    }

    /// The child that the last signal was about comes first: the kernel finds that one at once, and any by looking at each.
    fn ended(&mut self) -> Result<Option<(Child, ExitStatus)>, Errno> {
        if let Some(pid) = probably_ended().filter(|&pid| self.children.contains(&Child(pid)))
            && let Ok(Some(found)) = wait(libc::P_PID, pid, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT)
        {
            return Ok(Some(found));
        }
        let found = match wait(libc::P_ALL, 0, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT) {
            Err(Errno(libc::ECHILD)) => None,
            other => other?,
        };
        Ok(found)
    }

    fn reap(&mut self, child: Child) -> Result<(), Errno> {
        self.children.remove(&child);
        loop {
            match wait(libc::P_PID, child.0, libc::WEXITED | libc::WNOHANG) {
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
                Ok(_) => return Ok(()),
            }
        }
    }

    fn has_children(&mut self) -> bool {
        wait(libc::P_ALL, 0, libc::WEXITED | libc::WNOHANG | libc::WNOWAIT).is_ok()
    }
}

fn raw(child: Child) -> libc::pid_t {
    // Every child's number came from a pid_t.
    child.0 as libc::pid_t
}

/// waitid(2), not waitpid(2): it can look without reaping, and takes a death by any signal, real-time ones included.
fn wait(kind: libc::idtype_t, id: libc::id_t, options: libc::c_int) -> Result<Option<(Child, ExitStatus)>, Errno> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    // SAFETY: `info` is writable; zeroed, it reads as "nobody" if the kernel leaves it alone. The accessors read fields
    // that waitid fills.
    unsafe {
        if libc::waitid(kind, id, info.as_mut_ptr(), options) != 0 {
            return Err(last_errno());
        }
        let info = info.assume_init();
        let pid = info.si_pid();
        if pid == 0 {
            return Ok(None);
        }
        let status = match info.si_code {
            libc::CLD_EXITED => ExitStatus::Code(info.si_status()),
            _ => ExitStatus::Signal(info.si_status()),
        };
        Ok(Some((Child(pid as u32), status)))
    }
}
