//! The tight loop: the fastest supervisor there can be that starts its workers in the same way. It waits for a death and
//! spawns, and knows nothing else. After each spawn it writes a line, as the supervisor writes its events.

use std::ffi::OsString;
use std::io::Write;

use nix::sys::wait::{Id, WaitPidFlag, waitid};
use supervisor::core::Signal;
use supervisor::kernel::{Processes, SpawnSpec, Streams};
use supervisor::unix::Unix;

/// Never returns.
pub fn main() -> ! {
    let mut kernel = Unix::start().expect("a kernel");
    let program = std::env::current_exe().expect("this program");
    let spec = SpawnSpec {
        argv: vec![program.into_os_string(), OsString::from("worker")],
        env: std::env::vars_os().collect(),
        channel: true,
        on_parent_death: Some(Signal::Term),
        ..SpawnSpec::default()
    };
    let mut stdout = std::io::stdout().lock();
    loop {
        let spawned = kernel.spawn(&spec).expect("a process");
        writeln!(stdout, "{{\"event\":\"fork\",\"pid\":{}}}", spawned.child.0).expect("somebody reads");
        waitid(Id::All, WaitPidFlag::WEXITED).expect("a child");
        spawned.channel.into_iter().for_each(|channel| kernel.close(channel));
    }
}
