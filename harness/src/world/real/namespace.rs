//! Pid namespaces: a supervisor that is process 1 of one.

use std::fs::File;
use std::io;
use std::process::{Child, Command};

use nix::sched::{CloneFlags, setns, unshare};

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
