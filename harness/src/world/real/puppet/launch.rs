//! A process that becomes the supervisor, with what a scenario wants it to be started with.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::{SigSet, SigmaskHow};
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, Signal as Kernel, getpid, getrlimit, kill_process, setrlimit, umask};

use crate::scenario::{Launch, Signal};

use super::super::{environment, sys};

/// First argument of such a process. Then: the launch as JSON, the run's directory, and the command.
pub const LAUNCH: &str = "__launch";

/// The same of one that stops when it is prepared, until somebody who wants to see everything that the command does is there.
pub const HELD: &str = "__launch_held";

/// Becomes the command; returns only if that fails.
pub fn main(launch: &str, run: &Path, command: &[String], held: bool) -> io::Error {
    let hold = || if held { Ok(kill_process(getpid(), Kernel::STOP)?) } else { Ok(()) };
    match prepare(launch, run).and_then(|()| hold()) {
        Ok(()) => match command.split_first() {
            Some((program, args)) => Command::new(program).args(args).exec(),
            None => io::Error::from(io::ErrorKind::InvalidInput),
        },
        Err(error) => error,
    }
}

/// Starts such a process with `spawn`. What it is to block or to ignore it does not get from its first instant on: until it
/// has made itself what it is to be, the mask that it inherits keeps that from it.
pub fn withholding<T>(launch: &Launch, spawn: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
    let former = mask(launch.blocks.iter().chain(&launch.ignores))?.thread_swap_mask(SigmaskHow::SIG_BLOCK)?;
    let spawned = spawn();
    former.thread_set_mask()?;
    spawned
}

fn mask<'a>(signals: impl Iterator<Item = &'a Signal>) -> io::Result<SigSet> {
    let mut mask = SigSet::empty();
    for signal in signals {
        mask.add(nix::sys::signal::Signal::try_from(signal.number())?);
    }
    Ok(mask)
}

fn prepare(launch: &str, run: &Path) -> io::Result<()> {
    let launch: Launch = serde_json::from_str(launch)?;
    if let Some(mask) = launch.umask.as_deref().and_then(|mask| u32::from_str_radix(mask, 8).ok()) {
        umask(Mode::from_raw_mode(mask));
    }
    if let Some(nofile) = launch.nofile {
        let maximum = getrlimit(Resource::Nofile).maximum;
        setrlimit(Resource::Nofile, Rlimit { current: Some(nofile), maximum })?;
    }
    // Rust's runtime ignores it, which nobody asked for.
    sys::dispose(Signal::PIPE.number(), launch.ignores.contains(&Signal::PIPE))?;
    for signal in &launch.ignores {
        sys::dispose(signal.number(), true)?;
    }
    mask(launch.blocks.iter())?.thread_set_mask()?;
    for _ in 0..launch.leaks {
        sys::leak()?;
    }
    environment::tell(run, environment::own()?)
}
