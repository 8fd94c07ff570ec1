//! What a configuration means, in words.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use crate::config::{Config, EventSink, Handoff, Leave, Output, PoolConfig, ReadySign};
use crate::kernel::Setup;
use crate::policy::{Backoff, ExitCode, Limit, Policy, Readiness, Restart};
use crate::shell::launcher;

/// How many delays are shown.
const DELAYS_SHOWN: u32 = 4;

/// The text that `check` prints.
pub fn describe(file: &Path, config: &Config) -> String {
    let mut text = format!("{} is valid\n", file.display());
    let mut lines = Vec::new();
    lines.extend(config.listen.iter().map(|(name, address)| ("listen", format!("{address} ({name})"))));
    match &config.events {
        Some(EventSink::File(path)) => lines.push(("events", format!("appended to {}", path.display()))),
        Some(EventSink::Descriptor(number)) => lines.push(("events", format!("to descriptor {number}"))),
        None => {}
    }
    lines.extend(config.control.iter().map(|path| ("control", path.display().to_string())));
    lines.extend(config.pid_file.iter().map(|path| ("pid file", path.display().to_string())));
    write_lines(&mut text, "  ", &lines);
    for pool in &config.pools {
        let several = config.pools.len() > 1;
        if several {
            _ = writeln!(text, "  pool {}", pool.name);
        }
        write_lines(&mut text, if several { "    " } else { "  " }, &pool_lines(config, pool, several));
    }
    text
}

fn write_lines(text: &mut String, indent: &str, lines: &[(&str, String)]) {
    for (name, value) in lines {
        _ = writeln!(text, "{indent}{name:<8} {value}");
    }
}

fn pool_lines(config: &Config, pool: &PoolConfig, several: bool) -> Vec<(&'static str, String)> {
    let policy = &pool.policy;
    let mut lines = vec![("command", pool.command.join(" ")), ("workers", policy.workers.to_string())];
    if several {
        let names: Vec<&str> = pool.listen.iter().map(|&place| config.listen[place].0.as_str()).collect();
        lines.push(("listen", if names.is_empty() { "nowhere".to_owned() } else { names.join(", ") }));
    }
    lines.push(("handoff", handoff(&pool.handoff).to_owned()));
    lines.push(("ready", ready(pool)));
    lines.push(("leave", leave(&pool.leave)));
    lines.push(("drain", format!("{:?} to finish, then SIGKILL to the process group", policy.drain)));
    if !policy.lame_duck.is_zero() {
        lines.push(("lame duck", format!("goes on serving for {:?} after a stop, then drains", policy.lame_duck)));
    }
    lines.extend(
        policy.watchdog.map(|interval| ("watchdog", format!("a worker that says nothing for {interval:?} is killed"))),
    );
    if !pool.subscribe.is_empty() {
        lines.push(("topics", format!("told of {} from their birth", pool.subscribe.join(", "))));
    }
    lines.push(("restart", restart(&policy.restart)));
    lines.push(("backoff", backoff(&policy.backoff, policy.stable)));
    lines.push(("limit", limit(policy)));
    lines.push(("reload", reload(policy)));
    lines.extend(output(&pool.output).map(|text| ("output", text)));
    lines.extend(setup(&pool.setup).map(|text| ("setup", text)));
    lines.extend(launcher(pool).map(|text| ("warning", text)));
    lines
}

fn handoff(handoff: &Handoff) -> &'static str {
    match handoff {
        Handoff::Inherit => "workers inherit the listening sockets",
        Handoff::Node { connections: false, .. } => "the listening sockets are passed on Node's channel",
        Handoff::Node { connections: true, .. } => "connections are accepted here and passed in turn on Node's channel",
        Handoff::NodeCluster { round_robin: true } => "as Node's cluster module asks, connections in turn",
        Handoff::NodeCluster { round_robin: false } => "as Node's cluster module asks, sockets shared",
        Handoff::RoundRobin => "connections are accepted here and passed in turn",
        Handoff::Reuseport => "a listening socket for each worker (SO_REUSEPORT)",
    }
}

fn leave(leave: &Leave) -> String {
    match leave {
        Leave::Signal(number) => match nix::sys::signal::Signal::try_from(*number) {
            Ok(signal) => format!("asked by {signal}"),
            Err(_) => format!("asked by signal {number}"),
        },
        Leave::Message(message) => format!("asked by the message {message}"),
        Leave::Disconnect => "asked by the end of its channel".to_owned(),
    }
}

fn reload(policy: &Policy) -> String {
    let Policy { surge, at_once, .. } = policy;
    match surge {
        0 => format!("{at_once} at a time, each gone before its replacement starts"),
        _ => format!("{} at a time, each when its replacement is ready", (*at_once).min(*surge)),
    }
}

fn output(output: &Output) -> Option<String> {
    match output {
        Output::Inherit => None,
        Output::Prefixed => Some("by lines, each with its worker before it".to_owned()),
        Output::Files { stdout, stderr } => {
            let stderr = stderr.as_ref().unwrap_or(stdout);
            Some(format!("by lines to {} and {}", stdout.display(), stderr.display()))
        }
        Output::Null => Some("to /dev/null".to_owned()),
    }
}

fn setup(setup: &Setup) -> Option<String> {
    let mut parts = Vec::new();
    parts.extend(setup.user.map(|user| format!("user {user}")));
    parts.extend(setup.group.map(|group| format!("group {group}")));
    parts.extend(setup.umask.map(|umask| format!("umask {umask:03o}")));
    parts.extend(setup.directory.as_ref().map(|directory| format!("in {}", directory.display())));
    parts.extend(setup.limits.iter().map(|limit| {
        let shown = |value: Option<u64>| value.map_or_else(|| "unlimited".to_owned(), |value| value.to_string());
        format!("{} {}/{}", format!("{:?}", limit.resource).to_lowercase(), shown(limit.soft), shown(limit.hard))
    }));
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn ready(pool: &PoolConfig) -> String {
    let policy = &pool.policy;
    match policy.ready {
        Readiness::Told => {
            let when = match (pool.sign, &pool.handoff) {
                (ReadySign::Sockets, Handoff::Node { .. }) => "when it has the sockets",
                (ReadySign::Sockets, Handoff::NodeCluster { .. }) => "when it listens",
                (ReadySign::Online, Handoff::NodeCluster { .. }) => "when Node runs",
                _ => "when it says so",
            };
            format!("{when}; a failed start after {:?}", policy.ready_timeout)
        }
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
