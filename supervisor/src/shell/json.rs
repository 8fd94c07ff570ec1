//! Events as JSON lines; docs/supervisor.md describes the format.

use std::fmt::Write;
use std::time::Duration;

use crate::core::{ErrorEvent, Event, ExitStatus, ReloadPhase, SpawnStep, WorkerId};
use crate::kernel::Child;
use crate::policy::Instant;

use super::voices::About;

/// Appends the line of `event`, with its LF.
pub fn write_event(out: &mut String, at: Instant, event: &Event, about: About<'_>) {
    begin(out, at, name(event));
    if let Some(worker) = event_worker(event) {
        out.push_str(r#","worker":{"#);
        if let Some(pool) = about.pool {
            _ = write!(out, r#""pool":{},"#, quoted(pool));
        }
        _ = write!(out, r#""slot":{},"generation":{}}}"#, worker.slot, worker.generation);
        if let Some(Child(pid)) = about.pid {
            _ = write!(out, r#","pid":{pid}"#);
        }
    }
    if let (Some(pool), Some(_)) = (about.pool, event_pool(event)) {
        _ = write!(out, r#","pool":{}"#, quoted(pool));
    }
    details(out, event);
    out.push_str("}\n");
}

/// Appends the line that says how many lines before it were lost because nobody took them.
pub fn write_loss(out: &mut String, at: Instant, lost: u64) {
    begin(out, at, "error");
    _ = writeln!(out, r#","kind":"lost","lost":{lost}}}"#);
}

fn begin(out: &mut String, at: Instant, name: &str) {
    let nanos = at.as_nanos();
    _ = write!(out, r#"{{"t":{}.{:09},"event":"{name}""#, nanos / 1_000_000_000, nanos % 1_000_000_000);
}

fn name(event: &Event) -> &'static str {
    match event {
        Event::Setup { .. } => "setup",
        Event::Listening { .. } => "listening",
        Event::Fork { .. } => "fork",
        Event::Online { .. } => "online",
        Event::Ready { .. } => "ready",
        Event::Announce { .. } => "announce",
        Event::Retire { .. } => "retire",
        Event::Disconnect { .. } => "disconnect",
        Event::Close { .. } => "close",
        Event::Exit { .. } => "exit",
        Event::Error { .. } => "error",
        Event::Restart { .. } => "restart",
        Event::GiveUp { .. } => "giveup",
        Event::LameDuck { .. } => "lame_duck",
        Event::Draining { .. } => "draining",
        Event::DrainDeadline { .. } => "drain_deadline",
        Event::Kill { .. } => "kill",
        Event::Hang { .. } => "hang",
        Event::Scale { .. } => "scale",
        Event::Reload { .. } | Event::ReloadRefused { .. } => "reload",
        Event::Stop { .. } => "stop",
    }
}

/// The worker that an event concerns.
pub fn event_worker(event: &Event) -> Option<WorkerId> {
    match event {
        Event::Fork { worker }
        | Event::Online { worker }
        | Event::Ready { worker }
        | Event::Announce { worker, .. }
        | Event::Retire { worker }
        | Event::Disconnect { worker }
        | Event::Close { worker }
        | Event::Exit { worker, .. }
        | Event::Restart { worker, .. }
        | Event::DrainDeadline { worker }
        | Event::Kill { worker }
        | Event::Hang { worker } => Some(*worker),
        Event::Error { worker, .. } => *worker,
        Event::Setup { .. }
        | Event::Listening { .. }
        | Event::GiveUp { .. }
        | Event::LameDuck { .. }
        | Event::Draining { .. }
        | Event::Scale { .. }
        | Event::Reload { .. }
        | Event::ReloadRefused { .. }
        | Event::Stop { .. } => None,
    }
}

/// The pool that an event concerns as a whole.
pub fn event_pool(event: &Event) -> Option<u16> {
    match event {
        Event::Setup { pool, .. }
        | Event::GiveUp { pool, .. }
        | Event::LameDuck { pool, .. }
        | Event::Draining { pool, .. }
        | Event::Scale { pool, .. }
        | Event::Reload { pool, .. } => Some(*pool),
        Event::Stop { pool, .. } => *pool,
        Event::Listening { .. }
        | Event::ReloadRefused { .. }
        | Event::Fork { .. }
        | Event::Online { .. }
        | Event::Ready { .. }
        | Event::Announce { .. }
        | Event::Retire { .. }
        | Event::Disconnect { .. }
        | Event::Close { .. }
        | Event::Exit { .. }
        | Event::Error { .. }
        | Event::Restart { .. }
        | Event::DrainDeadline { .. }
        | Event::Kill { .. }
        | Event::Hang { .. } => None,
    }
}

fn details(out: &mut String, event: &Event) {
    _ = match event {
        Event::Setup { workers, .. } | Event::Draining { workers, .. } | Event::Scale { workers, .. } => {
            write!(out, r#","workers":{workers}"#)
        }
        Event::Listening { address } => write!(out, r#","address":{}"#, quoted(address)),
        Event::Announce { two_phase, .. } => write!(out, r#","two_phase":{two_phase}"#),
        Event::Exit { status: ExitStatus::Code(code), .. } => write!(out, r#","code":{code}"#),
        Event::Exit { status: ExitStatus::Signal(signal), .. } => write!(out, r#","signal":{signal}"#),
        Event::Error { what, .. } => error(out, what),
        Event::Restart { delay, .. } => write!(out, r#","delay_ms":{}"#, milliseconds(*delay)),
        Event::GiveUp { restarts, within, .. } => {
            write!(out, r#","restarts":{restarts},"within_ms":{}"#, milliseconds(*within))
        }
        Event::LameDuck { span, .. } => write!(out, r#","for_ms":{}"#, milliseconds(*span)),
        Event::Reload { phase, .. } => write!(out, r#","phase":"{}""#, phase_name(*phase)),
        Event::ReloadRefused { reason } => write!(out, r#","phase":"refused","reason":{}"#, quoted(reason)),
        Event::Stop { hurry, .. } => write!(out, r#","hurry":{hurry}"#),
        Event::Fork { .. }
        | Event::Online { .. }
        | Event::Ready { .. }
        | Event::Retire { .. }
        | Event::Disconnect { .. }
        | Event::Close { .. }
        | Event::DrainDeadline { .. }
        | Event::Kill { .. }
        | Event::Hang { .. } => Ok(()),
    };
}

fn error(out: &mut String, what: &ErrorEvent) -> std::fmt::Result {
    match what {
        ErrorEvent::Spawn(error) => {
            write!(out, r#","kind":"spawn","step":"{}","errno":{}"#, step_name(error.step), error.errno)
        }
        ErrorEvent::ReadyTimeout => write!(out, r#","kind":"ready_timeout""#),
        ErrorEvent::Unexpected(text) => write!(out, r#","kind":"unexpected","text":{}"#, quoted(text)),
        ErrorEvent::Garbage(text) => write!(out, r#","kind":"garbage","text":{}"#, quoted(text)),
        ErrorEvent::Refused(reason) => write!(out, r#","kind":"refused","text":{}"#, quoted(reason)),
        ErrorEvent::System { call, errno } => {
            write!(out, r#","kind":"system","call":{},"errno":{errno}"#, quoted(call))
        }
    }
}

fn step_name(step: SpawnStep) -> &'static str {
    match step {
        SpawnStep::Descriptors => "descriptors",
        SpawnStep::Fork => "fork",
        SpawnStep::Setup => "setup",
        SpawnStep::Exec => "exec",
    }
}

fn phase_name(phase: ReloadPhase) -> &'static str {
    match phase {
        ReloadPhase::Began => "began",
        ReloadPhase::Absorbed => "absorbed",
        ReloadPhase::Done => "done",
        ReloadPhase::Aborted => "aborted",
        ReloadPhase::Cancelled => "cancelled",
    }
}

/// A JSON string.
fn quoted(text: &str) -> serde_json::Value {
    serde_json::Value::from(text)
}

/// A JSON number, exact to the nanosecond, without a fraction if there is none.
fn milliseconds(span: Duration) -> String {
    let (whole, fraction) = (span.as_millis(), span.subsec_nanos() % 1_000_000);
    if fraction == 0 {
        return whole.to_string();
    }
    format!("{whole}.{fraction:06}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
