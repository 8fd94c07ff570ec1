//! Events as lines for people.

use std::fmt::Write;
use std::io;

use crate::core::{ErrorEvent, Event, ExitStatus, ReloadPhase, SpawnStep, WorkerId};
use crate::kernel::{Child, Errno};

use super::json::event_pool;
use super::voices::About;

/// Appends the line of `event`, with its LF; nothing for those that only a program cares about.
pub fn write_event(out: &mut String, event: &Event, about: About<'_>) {
    let begin = out.len();
    out.push_str("supervisor: ");
    let silent = out.len();
    _ = sentence(out, event, about);
    if out.len() == silent {
        out.truncate(begin);
    } else {
        out.push('\n');
    }
}

/// Appends the line that says how many lines before it were lost because nobody took them.
pub fn write_loss(out: &mut String, lost: u64) {
    _ = writeln!(out, "supervisor: {lost} lines were lost here");
}

/// What the number means, in words.
pub fn errno_text(errno: Errno) -> String {
    io::Error::from_raw_os_error(errno.0).to_string()
}

/// `worker 1 (generation 2, pid 5)`, with the name of its pool before it.
fn worker_name(worker: &WorkerId, about: About<'_>) -> String {
    let pool = about.pool.map(|pool| format!("{pool} ")).unwrap_or_default();
    let pid = about.pid.map(|Child(pid)| format!(", pid {pid}")).unwrap_or_default();
    format!("{pool}worker {} (generation {}{pid})", worker.slot, worker.generation)
}

fn sentence(out: &mut String, event: &Event, about: About<'_>) -> std::fmt::Result {
    let name = |worker| worker_name(worker, about);
    if let (Some(pool), Some(_)) = (about.pool, event_pool(event)) {
        write!(out, "{pool}: ")?;
    }
    match event {
        Event::Setup { workers, .. } => write!(out, "starting {workers} workers"),
        Event::Listening { address } => write!(out, "listening on {address}"),
        Event::Fork { worker } => write!(out, "{} started", name(worker)),
        Event::Ready { worker } => write!(out, "{} is ready", name(worker)),
        Event::Announce { worker, two_phase: true } => write!(out, "{} wants to retire", name(worker)),
        Event::Announce { worker, two_phase: false } => write!(out, "{} retires", name(worker)),
        Event::Exit { worker, status: ExitStatus::Code(code) } => {
            write!(out, "{} exited with status {code}", name(worker))
        }
        Event::Exit { worker, status: ExitStatus::Signal(signal) } => {
            write!(out, "{} was ended by signal {signal}", name(worker))
        }
        Event::Error { worker: Some(worker), what } => write!(out, "{}: {}", name(worker), error(what)),
        Event::Error { worker: None, what } => write!(out, "{}", error(what)),
        Event::Restart { worker, delay } if delay.is_zero() => write!(out, "{} starts now", name(worker)),
        Event::Restart { worker, delay } => write!(out, "{} starts in {delay:?}", name(worker)),
        Event::GiveUp { restarts, within, .. } => {
            write!(out, "giving up: one more restart would be more than {restarts} within {within:?}")
        }
        Event::LameDuck { span, .. } => write!(out, "goes on serving for {span:?} before anybody is told to leave"),
        Event::Draining { workers, .. } => write!(out, "waiting for {workers} workers to finish"),
        Event::DrainDeadline { worker } => write!(out, "{} did not finish in time", name(worker)),
        Event::Kill { worker } => write!(out, "{} gets SIGKILL, with its process group", name(worker)),
        Event::Hang { worker } => write!(out, "{} hangs", name(worker)),
        Event::Scale { workers, .. } => write!(out, "{workers} workers are wanted"),
        Event::Reload { phase: ReloadPhase::Began, .. } => write!(out, "rolling restart begins"),
        Event::Reload { phase: ReloadPhase::Absorbed, .. } => write!(out, "rolling restart: one is waiting already"),
        Event::Reload { phase: ReloadPhase::Done, .. } => write!(out, "rolling restart done"),
        Event::Reload { phase: ReloadPhase::Aborted, .. } => {
            write!(out, "rolling restart abandoned: a new worker did not become ready; the old ones stay")
        }
        Event::Reload { phase: ReloadPhase::Cancelled, .. } => write!(out, "rolling restart cancelled by the stop"),
        Event::ReloadRefused { reason } => write!(out, "the configuration stays as it is: {reason}"),
        Event::Stop { hurry: false, .. } => write!(out, "stopping"),
        Event::Stop { hurry: true, .. } => write!(out, "stopping at once"),
        Event::Online { .. } | Event::Retire { .. } | Event::Disconnect { .. } | Event::Close { .. } => Ok(()),
    }
}

fn error(what: &ErrorEvent) -> String {
    match what {
        ErrorEvent::Spawn(error) => {
            let tried = match error.step {
                SpawnStep::Descriptors => "can't make its descriptors",
                SpawnStep::Fork => "can't fork",
                SpawnStep::Setup => "can't be set up",
                SpawnStep::Exec => "can't run its program",
            };
            format!("{tried}: {}", errno_text(Errno(error.errno)))
        }
        ErrorEvent::ReadyTimeout => "was not ready in time".to_owned(),
        ErrorEvent::Unexpected(text) => format!("unexpected: {text}"),
        ErrorEvent::Garbage(text) => format!("said something that is no message: {text}"),
        ErrorEvent::Refused(reason) => format!("said something that was refused: {reason}"),
        ErrorEvent::System { call, errno } => format!("{call} failed: {}", errno_text(Errno(*errno))),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::core::SpawnError;

    fn line(event: &Event) -> String {
        let mut out = String::new();
        write_event(&mut out, event, About { pid: Some(Child(5)), pool: None });
        out
    }

    #[test]
    fn one_pool_of_several_is_named() {
        let mut out = String::new();
        let worker = WorkerId { pool: 1, slot: 1, generation: 2 };
        let about = About { pid: None, pool: Some("web") };
        write_event(&mut out, &Event::Ready { worker }, about);
        write_event(&mut out, &Event::Draining { pool: 1, workers: 2 }, about);
        assert_eq!(
            out,
            "supervisor: web worker 1 (generation 2) is ready\nsupervisor: web: waiting for 2 workers to finish\n"
        );
    }

    #[test]
    fn a_start_is_now_or_in_a_while() {
        let restart = |delay| line(&Event::Restart { worker: WorkerId { pool: 0, slot: 1, generation: 2 }, delay });
        assert_eq!(restart(Duration::ZERO), "supervisor: worker 1 (generation 2, pid 5) starts now\n");
        assert_eq!(restart(Duration::from_millis(20)), "supervisor: worker 1 (generation 2, pid 5) starts in 20ms\n");
    }

    #[test]
    fn says_who_and_why() {
        let worker = WorkerId { pool: 0, slot: 1, generation: 2 };
        let what = ErrorEvent::Spawn(SpawnError { step: SpawnStep::Exec, errno: 2 });
        assert_eq!(
            line(&Event::Error { worker: Some(worker), what }),
            "supervisor: worker 1 (generation 2, pid 5): can't run its program: No such file or directory (os error 2)\n"
        );
        assert_eq!(line(&Event::Online { worker }), "");
    }
}
