//! The runner process: its begin, and its end whatever happens.

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use nix::sys::signal::{SigSet, Signal};
use rustix::process::{Pid, PidfdFlags, getppid, pidfd_open, set_child_subreaper, setsid};

use super::RunError;
use super::job::{GUARD, JOB_FILE, Job, Line, RUNNER};
use super::runner::Runner;
use super::{guard, rundir, sweep, sys};

/// Runs this process as a part of a run, if its arguments say so. To be called before anything else is done with
/// them; returns the exit status.
pub fn hidden_main() -> Option<i32> {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    match args.as_slice() {
        [first] if first == GUARD => Some(guard::main()),
        [first, dir, guard] if first == RUNNER => Some(main(Path::new(dir), &guard.to_string_lossy())),
        [first, ..] if first == GUARD || first == RUNNER => {
            let _ = writeln!(io::stderr(), "{}: for the harness's own use", first.display());
            Some(64)
        }
        _ => None,
    }
}

fn main(dir: &Path, guard: &str) -> i32 {
    let done = catch_unwind(AssertUnwindSafe(|| run(dir, guard)));
    // The guard does the same; but it may be gone, which is why this process ends in the first place.
    sweep::kill_all();
    let removed = rundir::remove(dir);
    match done {
        Ok(Ok(())) => i32::from(removed.is_err()),
        Ok(Err(why)) => {
            say(&Line::Failed(why));
            1
        }
        // The panic has been printed.
        Err(_) => 70,
    }
}

fn run(dir: &Path, guard: &str) -> Result<(), RunError> {
    let bug = |what: &str, error: &dyn std::fmt::Display| RunError::Bug(format!("{what}: {error}"));
    let guard = watch_guard(guard)?;
    // A session of its own, so that nothing which is meant for it comes from the guard's.
    let _ = setsid();
    heed_signals().map_err(|error| bug("its signals", &error))?;
    rustix::thread::set_name(c"run-runner").map_err(|error| bug("its name", &error))?;
    set_child_subreaper(Some(rustix::process::getpid())).map_err(|error| bug("subreaper", &error))?;
    let text = std::fs::read_to_string(dir.join(JOB_FILE)).map_err(|error| bug(JOB_FILE, &error))?;
    let job: Job = serde_json::from_str(&text).map_err(|error| bug(JOB_FILE, &error))?;
    Runner::new(job, guard).map_err(RunError::Setup)?.run()
}

/// No signal is ignored or blocked, whoever started the harness (nohup(1), for instance): what a scenario sends would come to
/// nothing. But PIPE, which is a matter of those who write.
fn heed_signals() -> io::Result<()> {
    use Signal::{SIGKILL, SIGPIPE, SIGSTOP};
    for signal in Signal::iterator().filter(|signal| ![SIGKILL, SIGPIPE, SIGSTOP].contains(signal)) {
        sys::dispose(signal as i32, false)?;
    }
    Ok(SigSet::empty().thread_set_mask()?)
}

/// Whoever started this process must still be there: from then on its pidfd tells.
fn watch_guard(guard: &str) -> Result<OwnedFd, RunError> {
    let gone = || RunError::Bug("the guard is gone".to_owned());
    let pid = guard.parse().ok().and_then(Pid::from_raw).ok_or_else(gone)?;
    let watched = pidfd_open(pid, PidfdFlags::empty()).map_err(|_| gone())?;
    if getppid() == Some(pid) { Ok(watched) } else { Err(gone()) }
}

/// The run has no end mark, so the caller needs a reason. It is the last line, after whatever is on its way.
fn say(line: &Line) {
    if let Ok(text) = serde_json::to_string(line) {
        let _ = writeln!(io::stdout(), "{text}");
    }
}
