//! Pid namespaces: a supervisor that is process 1 of one.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Child, Command};

use nix::sched::{CloneFlags, setns, unshare};

use super::procfs;

/// The pid that the namespace of whoever writes it gave last; needs the right to restore processes (CAP_CHECKPOINT_RESTORE).
const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";

/// First argument of a process that has its pid namespace give the next pids from the one after the second.
pub const LAST: &str = "__last_pid";

/// That process.
///
/// # Errors
/// It is not permitted.
pub fn main(last: &str) -> io::Result<i32> {
    fs::write(LAST_PID, last).map(|()| 0)
}

/// Why the pid of a process can't be chosen here, in words; `None` if it can.
pub fn forbids_choice() -> Option<String> {
    let error = File::options().write(true).open(LAST_PID).err()?;
    Some(format!("here: the pid of a process can't be chosen ({error})"))
}

/// Why no pid namespace can be made here, in words; `None` if one can.
pub fn forbids() -> Option<String> {
    // Only of the thread that tries it, and nothing is started in it.
    let tried = || unshare(CloneFlags::CLONE_NEWPID).map_err(|error| error.desc());
    let tried = std::thread::spawn(tried).join().unwrap_or(Ok(()));
    tried.err().map(|why| format!("here: no pid namespace can be made ({why})"))
}

/// Starts a command as process 1 of a new pid namespace; what this process starts later is in its own again.
///
/// # Errors
/// No namespace can be made, or the command can't be started.
pub fn spawn_init(command: &mut Command) -> io::Result<Child> {
    let home = File::open("/proc/self/ns/pid")?;
    unshare(CloneFlags::CLONE_NEWPID)?;
    let started = command.spawn();
    setns(home, CloneFlags::CLONE_NEWPID)?;
    started
}

/// Starts a command with a certain pid in the namespace whose process 1 is `init`: `None` if the pid is not free. `puppet`
/// is the program that chooses it.
///
/// # Errors
/// The namespace can't be entered, the pid not chosen, or the command not started.
pub fn spawn_as(init: u32, pid: u32, puppet: &Path, command: &mut Command) -> io::Result<Option<Child>> {
    let home = File::open("/proc/self/ns/pid")?;
    setns(File::open(format!("/proc/{init}/ns/pid"))?, CloneFlags::CLONE_NEWPID)?;
    let chosen = Command::new(puppet).args([LAST, &pid.saturating_sub(1).to_string()]).status();
    let started = chosen.and_then(|status| match status.success() {
        true => command.spawn(),
        false => Err(io::ErrorKind::PermissionDenied.into()),
    });
    setns(home, CloneFlags::CLONE_NEWPID)?;
    let mut child = started?;
    if procfs::inner(child.id()) == Some(pid) {
        return Ok(Some(child));
    }
    child.kill()?;
    child.wait().map(|_| None)
}
