//! The caller's side of a run: starts the guard, reads what the runner says, waits until everything is gone.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::history::{Event, Header, History};
use crate::world::Plan;

use super::job::{GUARD, Job, Line};
use super::traced::{Trace, Traced};
use super::{RunError, rundir};

/// Runs `plan` with real processes and returns what happened. `progress` sees each event as it is noted.
///
/// Several runs may go on at once, in threads or processes; whether one is to be alone is its caller's affair, see
/// [`super::enter`]. When this returns, and also when the caller is killed in the middle of it, no process, socket or
/// directory of the run is left.
///
/// # Errors
/// [`RunError::Setup`] if the run can't be set up, [`RunError::Bug`] if the harness itself fails. Whatever the subject
/// does is a history.
pub fn run(plan: &Plan, progress: &mut dyn FnMut(&Event)) -> Result<History, RunError> {
    perform(Job { plan: plan.clone(), dir: rundir::choose(), trace: None }, progress).map(|(history, _)| history)
}

/// The same with a tracer, which sees each system call of the supervisor from the first one on.
///
/// # Errors
/// As of [`run`]; and it may be that nobody may trace here.
pub fn run_traced(plan: &Plan, trace: Trace) -> Result<(History, Traced), RunError> {
    let job = Job { plan: plan.clone(), dir: rundir::choose(), trace: Some(trace) };
    let (history, traced) = perform(job, &mut |_| {})?;
    let untold = || RunError::Bug("the run told nothing of the supervisor's calls".to_owned());
    Ok((history, traced.ok_or_else(untold)?))
}

fn perform(job: Job, progress: &mut dyn FnMut(&Event)) -> Result<(History, Option<Traced>), RunError> {
    let mut guard = start_guard(&job)?;
    let complaints = guard.stderr.take().map(|mut stderr| {
        std::thread::spawn(move || {
            let mut text = String::new();
            // What can't be read is not worth a failure: this is the text of a failure already.
            let _ = stderr.read_to_string(&mut text);
            text
        })
    });
    let told = read(&mut guard, progress);
    // The end of that pipe means that guard and runner are gone or about to be; closing ours tells a stuck guard.
    drop(guard.stdin.take());
    let ended = guard.wait();
    let complaints = complaints.and_then(|thread| thread.join().ok()).unwrap_or_default();
    remove_rest(&job.dir);
    match told {
        Ok(told) => Ok(told),
        Err(Told::Failed(why)) => Err(why),
        Err(Told::Cut(why)) => {
            let ended = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
            Err(RunError::Bug(format!("{why}; its guard ended with {ended}\n{}", complaints.trim_end())))
        }
    }
}

fn start_guard(job: &Job) -> Result<Child, RunError> {
    let harness = &job.plan.bins.harness;
    let setup =
        |what: &str, error: &dyn std::fmt::Display| RunError::Setup(format!("{what} {}: {error}", harness.display()));
    let line = serde_json::to_string(job).map_err(|error| RunError::Bug(error.to_string()))?;
    // Another name than the caller's: who kills all processes of that name must not hit the guard, too.
    let mut guard = Command::new(harness)
        .arg0("run-guard")
        .arg(GUARD)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| setup("cannot start", &error))?;
    let written = guard.stdin.as_mut().map(|stdin| stdin.write_all(format!("{line}\n").as_bytes()));
    if let Some(Err(error)) = written {
        drop(guard.stdin.take());
        // It is gone or goes: either way it must not stay a zombie.
        let _ = guard.wait();
        return Err(setup("cannot speak to", &error));
    }
    Ok(guard)
}

enum Told {
    Failed(RunError),
    Cut(String),
}

/// Reads to the end of the pipe and not only to the end mark: a runner that has lost its guard still cleans up.
fn read(guard: &mut Child, progress: &mut dyn FnMut(&Event)) -> Result<(History, Option<Traced>), Told> {
    let Some(stdout) = guard.stdout.take() else { return Err(Told::Cut("the run has no output".into())) };
    let mut header: Option<Box<Header>> = None;
    let mut events = Vec::new();
    let mut whole = false;
    let (mut failed, mut traced) = (None, None);
    for line in BufReader::new(stdout).lines() {
        let parsed = line
            .map_err(|error| error.to_string())
            .and_then(|line| serde_json::from_str(&line).map_err(|error| format!("`{line}` is not known: {error}")));
        match parsed {
            Ok(Line::Header(first)) => header = Some(first),
            Ok(Line::Event(event)) => {
                progress(&event);
                events.push(event);
            }
            Ok(Line::Traced(seen)) => traced = Some(seen),
            Ok(Line::Failed(why)) => failed = Some(Told::Failed(why)),
            Ok(Line::End) => whole = true,
            Err(why) => failed = Some(Told::Cut(format!("what the run says can't be read: {why}"))),
        }
    }
    match (failed, header, whole) {
        (Some(failed), ..) => Err(failed),
        (None, Some(header), true) => Ok((History { header: *header, events }, traced)),
        (None, None, _) => Err(Told::Cut("the run ended without a header".into())),
        (None, _, false) => Err(Told::Cut(format!("the run ended without an end mark, after {} events", events.len()))),
    }
}

/// The guard removes the directory, or the runner if the guard was killed. This is for the moment at which neither could.
fn remove_rest(dir: &Path) {
    if let Err(error) = rundir::remove(dir) {
        eprintln!("cannot remove {}: {error}", dir.display());
    }
}
