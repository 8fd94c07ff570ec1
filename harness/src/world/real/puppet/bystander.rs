//! A process that nobody has any business with: it writes down each signal that it gets.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use nix::sys::signal::SigSet;
use nix::sys::signalfd::{SfdFlags, SignalFd};

use super::super::beside::BystanderLine;
use super::super::{clock, procfs};

/// First argument of such a process; the second is the file that it writes to.
pub const BYSTANDER: &str = "__bystander";

/// The process itself: it ends by SIGKILL alone.
///
/// # Errors
/// The file or the signals can't be used.
pub fn main(path: &Path) -> io::Result<i32> {
    // First of all: whatever comes from here on is seen.
    let all = SigSet::all();
    all.thread_block()?;
    let signals = SignalFd::with_flags(&all, SfdFlags::SFD_CLOEXEC)?;
    let mut file = OpenOptions::new().append(true).create(true).open(path)?;
    write(&mut file, None)?;
    loop {
        if let Some(signal) = signals.read_signal()? {
            let number = i32::try_from(signal.ssi_signo).unwrap_or(0);
            write(&mut file, Some((number, signal.ssi_pid)))?;
        }
    }
}

fn write(file: &mut File, got: Option<(i32, u32)>) -> io::Result<()> {
    let proc = procfs::own().ok_or(io::ErrorKind::NotFound)?;
    let mut line = serde_json::to_vec(&BystanderLine { t: clock::now(), proc, got })?;
    line.push(b'\n');
    file.write_all(&line)
}
