//! What a configuration means, in words.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use crate::config::{Config, EventSink, advice};
use crate::policy::{Backoff, ExitCode, Limit, Policy, Readiness, Restart};

/// How many delays are shown.
const DELAYS_SHOWN: u32 = 4;

/// The text that `check` prints.
pub fn describe(file: &Path, config: &Config) -> String {
    let pool = &config.pools[0];
    let policy = &pool.policy;
    let mut lines = vec![("command", pool.command.join(" ")), ("workers", policy.workers.to_string())];
    lines.extend(config.listen.iter().map(|(name, address)| ("listen", format!("{address} ({name})"))));
    lines.push(("ready", ready(policy)));
    lines.push(("restart", restart(&policy.restart)));
    lines.push(("backoff", backoff(&policy.backoff, policy.stable)));
    lines.push(("limit", limit(policy)));
    lines.push(("drain", format!("{:?} to finish, then SIGKILL to the process group", policy.drain)));
    match &config.events {
        Some(EventSink::File(path)) => lines.push(("events", format!("appended to {}", path.display()))),
        Some(EventSink::Descriptor(number)) => lines.push(("events", format!("to descriptor {number}"))),
        None => {}
    }
    let mut text = format!("{} is valid\n", file.display());
    for (name, value) in lines {
        _ = writeln!(text, "  {name:<8} {value}");
    }
    for sentence in advice(config) {
        _ = writeln!(text, "  warning: {sentence}");
    }
    text
}

fn ready(policy: &Policy) -> String {
    match policy.ready {
        Readiness::Told => format!("when it says so; a failed start after {:?}", policy.ready_timeout),
        Readiness::AtSpawn => "as soon as its program runs".to_owned(),
    }
}

fn restart(restart: &Restart) -> String {
    match restart {
        Restart::Always => "after every exit that nobody asked for".to_owned(),
        Restart::OnFailure { success } => format!("after every exit but those with a status of {success:?}"),
        Restart::Never => "never".to_owned(),
    }
}

fn backoff(backoff: &Backoff, stable: Duration) -> String {
    let delays: Vec<String> = (1..=DELAYS_SHOWN).map(|failures| format!("{:?}", backoff.nominal(failures))).collect();
    let Backoff { cap, jitter_percent, .. } = backoff;
    format!(
        "at once after {stable:?} of service; else {}, … up to {cap:?}, each ±{jitter_percent} %",
        delays.join(", ")
    )
}

fn limit(policy: &Policy) -> String {
    let Some(limit) = policy.limit else { return "none: it never gives up".to_owned() };
    let Limit { restarts, within } = limit;
    let span = Duration::from_millis(limit.crash_loop_span(&policy.backoff).as_millis() as u64);
    let status = ExitCode::GaveUp.status();
    format!(
        "{restarts} restarts within {within:?}, one more ends with status {status}; \
         one crash-looping worker gets there after at most {span:?} of backoff"
    )
}
