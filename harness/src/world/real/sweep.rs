//! Ends every process below this one.

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};

use super::procfs;

/// SIGKILLs all descendants, top down, and reaps until there is none. This process must be a child subreaper: what
/// outlives its parent then becomes a child of this one and is found by the next round. Every wait here is for a
/// process that has got its SIGKILL, so none is for ever.
pub fn kill_all() {
    let me = std::process::id();
    loop {
        let found = procfs::descendants(me);
        for pid in &found {
            if let Some(pid) = i32::try_from(*pid).ok().and_then(Pid::from_raw) {
                // Not there any more: so much the better.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        let how = if found.is_empty() { WaitOptions::NOHANG } else { WaitOptions::empty() };
        if let Err(Errno::CHILD) = wait(how) {
            return;
        }
    }
}
