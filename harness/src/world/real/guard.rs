//! The guard: a process that outlives caller and runner just long enough to clean up after them.
//!
//! caller → guard → runner → supervisor → workers. The guard is a child subreaper, so whatever the runner leaves behind
//! becomes its child. It ends everything when the runner ends, when the caller is gone (its pipe ends) or when the
//! run takes longer than it can take. If the guard itself is killed, the runner notices and does the same.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open, set_child_subreaper, setsid};

use super::RunError;
use super::job::{JOB_FILE, Job, Line, RUNNER};
use super::{bounds, clock, rundir, sweep};

/// The guard process. Returns its exit status.
pub fn main() -> i32 {
    let mut stdin = BufReader::new(io::stdin());
    let mut line = String::new();
    match stdin.read_line(&mut line) {
        Ok(0) => return 0,
        Ok(_) => {}
        Err(error) => return complain(&format!("cannot read the job: {error}")),
    }
    let job: Job = match serde_json::from_str(&line) {
        Ok(job) => job,
        Err(error) => return complain(&format!("the job is not readable: {error}")),
    };
    let status = guard(&job, &line).unwrap_or_else(|error| {
        say(&Line::Failed(RunError::Setup(format!("{}: {error}", job.dir.display()))));
        1
    });
    sweep::kill_all();
    match rundir::remove(&job.dir) {
        Ok(()) => status,
        Err(error) => complain(&format!("cannot remove {}: {error}", job.dir.display())),
    }
}

fn guard(job: &Job, text: &str) -> io::Result<i32> {
    // Out of the caller's session: a Ctrl-C there is for the caller alone. It may be a session leader already.
    let _ = setsid();
    rustix::thread::set_name(c"run-guard")?;
    set_child_subreaper(Some(rustix::process::getpid()))?;
    rundir::create(&job.dir)?;
    if let Some(user) = job.plan.scenario.pool.identity.as_ref().and_then(|identity| identity.user) {
        rundir::admit(&job.dir, user)?;
    }
    std::fs::write(job.dir.join(JOB_FILE), text)?;
    let runner = start_runner(job)?;
    // Only now, as a child would inherit the blocked mask. From here on TERM and INT mean: clean up and go.
    let mut polite = SigSet::empty();
    polite.extend([Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP]);
    polite.thread_block()?;
    let asked = SignalFd::with_flags(&polite, SfdFlags::SFD_CLOEXEC)?;
    let why = watch(&runner, &asked, bounds::whole_run(&job.plan))?;
    match why {
        Why::RunnerEnded => {}
        Why::CallerGone | Why::Asked => {}
        Why::TooLong => {
            complain("the run did not end within the time that it can take at most");
        }
    }
    Ok(i32::from(!matches!(why, Why::RunnerEnded)))
}

fn start_runner(job: &Job) -> io::Result<Child> {
    let mut runner = Command::new(&job.plan.bins.harness);
    runner.arg0("run-runner").arg(RUNNER).arg(&job.dir).arg(std::process::id().to_string());
    runner.stdin(Stdio::null()).spawn()
}

enum Why {
    RunnerEnded,
    CallerGone,
    Asked,
    TooLong,
}

fn watch(runner: &Child, asked: &SignalFd, at_most: Duration) -> io::Result<Why> {
    let pid = i32::try_from(runner.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    let runner = pidfd_open(pid, PidfdFlags::empty())?;
    let stdin = io::stdin();
    let deadline = clock::now() + at_most;
    loop {
        let left = deadline.since(clock::now());
        if left.is_zero() {
            return Ok(Why::TooLong);
        }
        let mut fds = [
            PollFd::new(&runner, PollFlags::IN),
            PollFd::new(&stdin, PollFlags::IN),
            PollFd::new(asked, PollFlags::IN),
        ];
        match poll(&mut fds, Some(&clock::timespec(left))) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        // The runner first: an ended run is an ended run, even if the caller left at the same time.
        if !fds[0].revents().is_empty() {
            return Ok(Why::RunnerEnded);
        }
        if !fds[1].revents().is_empty() {
            return Ok(Why::CallerGone);
        }
        if !fds[2].revents().is_empty() {
            return Ok(Why::Asked);
        }
    }
}

fn say(line: &Line) {
    if let Ok(text) = serde_json::to_string(line) {
        // A caller that is gone can't be told.
        let _ = writeln!(io::stdout(), "{text}");
    }
}

fn complain(what: &str) -> i32 {
    let _ = writeln!(io::stderr(), "run-guard: {what}");
    70
}
