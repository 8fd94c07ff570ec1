//! What broken supervisors do to the host, as real processes only.

use std::fs;

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgrp, getpid};
use supervisor::kernel::SignalNumber;

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
