//! A process that a puppet starts: it does nothing, for a while or for ever.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::SigSet;
use rustix::process::setsid;

use crate::scenario::Child;

/// First argument of such a process. The second says how it is to be: words joined by commas.
pub const CHILD: &str = "__child";

/// Starts one. It holds what is not close-on-exec; the caller sees to that.
pub fn start(child: Child) -> io::Result<()> {
    let mut how = vec![child.lives_for.map_or(0, |span| span.0.as_millis()).to_string()];
    if child.setsid {
        how.push("setsid".to_owned());
    }
    if child.orphan {
        how.push("orphan".to_owned());
    }
    let mut started = Command::new("/proc/self/exe").arg0("puppet-child").args([CHILD, &how.join(",")]).spawn()?;
    if child.orphan {
        // It has forked and is gone in a moment; a zombie of it would be the puppet's fault, not the supervisor's.
        started.wait()?;
    }
    Ok(())
}

/// The child process itself.
pub fn main(how: Option<&str>) -> i32 {
    // The puppet blocks the signals that it reads from a descriptor, and a mask is inherited.
    let _ = SigSet::all().thread_unblock();
    let words: Vec<&str> = how.unwrap_or("0").split(',').collect();
    if words.contains(&"setsid") {
        let _ = setsid();
    }
    if words.contains(&"orphan") {
        let rest: Vec<&str> = words.iter().copied().filter(|word| *word != "orphan").collect();
        let started = Command::new("/proc/self/exe")
            .arg0("puppet-child")
            .args([CHILD, &rest.join(",")])
            .stdin(Stdio::null())
            .spawn();
        return i32::from(started.is_err());
    }
    match words.first().and_then(|millis| millis.parse().ok()) {
        Some(millis) if millis > 0 => std::thread::sleep(Duration::from_millis(millis)),
        _ => loop {
            std::thread::park();
        },
    }
    0
}
