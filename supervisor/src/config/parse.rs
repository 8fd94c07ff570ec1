//! From the text of a file to a validated configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::policy::defaults::{self, WORKERS_LIMIT};
use crate::policy::{Backoff, Limit, Policy, Readiness, Restart};

use super::handoff::{handoff, ready};
use super::problem::Problems;
use super::read::{Reader, Struct};
use super::{Config, EventSink, PoolConfig, parse_address};

/// Every field of the file.
const FIELDS: &[&str] = &[
    "command",
    "workers",
    "listen",
    "limit",
    "backoff",
    "stable",
    "restart",
    "handoff",
    "handoff_timeout",
    "leave",
    "leave_pause",
    "ready",
    "ready_timeout",
    "drain",
    "watchdog",
    "notify_fd",
    "events",
    "env",
    "backlog",
    "seed",
    "quiet",
];

/// What a pool is called that nobody gave a name.
pub const ONLY_POOL: &str = "main";

/// systemd's limit for a name of LISTEN_FDNAMES.
pub const NAME_LIMIT: usize = 255;

/// Reads a configuration file.
///
/// # Errors
/// Everything that is wrong with it at once; `file_name` is what the problems call it.
pub fn parse(text: &str, file_name: &str) -> Result<Config, Problems> {
    let mut reader = Reader::new(text);
    let config = reader.structure(text, "Config", FIELDS).map(|fields| config(&mut reader, &fields));
    let mut list = reader.problems;
    match config {
        Some(config) if list.is_empty() => Ok(config),
        _ => {
            list.sort_by_key(|problem| problem.place.start);
            Err(Problems { file: file_name.to_owned(), text: text.to_owned(), list })
        }
    }
}

fn config(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Config {
    let listen = listen(reader, fields);
    let (ready, sign) = ready(reader, fields);
    let policy = policy(reader, fields, ready);
    let mut pool = PoolConfig {
        env: env(reader, fields),
        listen: (0..listen.len()).collect(),
        sign,
        notify_fd: notify_fd(reader, fields, listen.len()),
        policy: policy.clone(),
        ..PoolConfig::new(ONLY_POOL, command(reader, fields), policy.workers)
    };
    handoff(reader, fields, &listen, &mut pool);
    Config {
        pools: vec![pool],
        listen,
        backlog: reader.value(fields, "backlog", "a number", defaults::BACKLOG),
        control: None,
        events: fields
            .get("events")
            .and_then(|part| reader.read::<Option<PathBuf>>(part, "events", "a file name in quotes").flatten())
            .map(EventSink::File),
        quiet: reader.value(fields, "quiet", "true or false", false),
    }
}

fn command(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Vec<String> {
    let Some(part) = fields.get("command") else {
        let end = reader.text.trim_end().len();
        let closing = &reader.text[end.saturating_sub(1)..end];
        reader.wrong(closing, "`command` is missing", "").help =
            Some("say what the workers run: command: [\"/usr/bin/web\", \"--flag\"]".to_owned());
        return Vec::new();
    };
    let expected = "program and arguments: [\"/usr/bin/web\", \"--flag\"]";
    let Some(command) = reader.read::<Vec<String>>(part, "command", expected) else { return Vec::new() };
    if command.first().is_none_or(String::is_empty) {
        reader.wrong(part, "`command` names no program", format!("expected {expected}"));
    }
    if command.iter().any(|word| word.contains('\0')) {
        reader.wrong(part, "`command` contains a NUL", "no program can be given one");
    }
    command
}

fn env(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Vec<(String, String)> {
    let Some(part) = fields.get("env") else { return Vec::new() };
    let map: BTreeMap<String, String> = reader.read(part, "env", "a map: {\"NAME\": \"value\"}").unwrap_or_default();
    for (name, value) in &map {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            reader.wrong(part, format!("`env`: {name:?} can't be set"), "a name has no `=`, and nothing has a NUL");
        }
    }
    map.into_iter().collect()
}

fn listen(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Vec<(String, crate::kernel::Address)> {
    let Some(part) = fields.get("listen") else { return Vec::new() };
    let map: BTreeMap<String, String> =
        reader.read(part, "listen", "a map: {\"web\": \"127.0.0.1:8080\"}").unwrap_or_default();
    let mut listen: Vec<(String, crate::kernel::Address)> = Vec::new();
    for (name, text) in map {
        if name.is_empty() || name.len() > NAME_LIMIT || name.contains(|c: char| c == ':' || c.is_control()) {
            let label = format!("a name has 1 to {NAME_LIMIT} bytes, none of them a colon or a control character");
            reader.wrong(part, format!("`listen`: {name:?} can't be a name"), label);
        }
        match parse_address(&text) {
            Ok(address) if listen.iter().any(|(_, other)| *other == address && !is_any_port(&address)) => {
                reader.wrong(part, format!("`listen`: {text} is there twice"), "");
            }
            Ok(address) => listen.push((name, address)),
            Err(expected) => {
                let quoted = format!("\"{text}\"");
                let found = part.find(&quoted).map_or(part, |at| &part[at..at + quoted.len()]);
                reader.wrong(found, format!("`listen`: {text:?} is no address"), expected);
            }
        }
    }
    listen
}

fn is_any_port(address: &crate::kernel::Address) -> bool {
    use crate::kernel::Address::{Tcp, Udp};
    matches!(address, Tcp(socket) | Udp(socket) if socket.port() == 0)
}

fn policy(reader: &mut Reader<'_>, fields: &Struct<'_>, ready: Readiness) -> Policy {
    let before = reader.problems.len();
    let workers = reader.value(fields, "workers", "a number", default_workers());
    let mut policy = defaults::policy(workers);
    policy.limit = limit(reader, fields, policy.limit);
    policy.backoff = backoff(reader, fields, policy.backoff);
    policy.stable = reader.span(fields, "stable", policy.stable);
    policy.restart = restart(reader, fields);
    policy.ready = ready;
    policy.ready_timeout = reader.span(fields, "ready_timeout", policy.ready_timeout);
    policy.drain = reader.span(fields, "drain", policy.drain);
    policy.watchdog = watchdog(reader, fields);
    policy.seed = reader.value(fields, "seed", "a number", policy.seed);
    if reader.problems.len() == before {
        for fault in check_policy(&policy) {
            let part = fields.get(fault.field).unwrap_or(reader.text);
            reader.wrong(part, fault.what, "").help = fault.help;
        }
    }
    policy
}

/// The number of CPUs that this process may use.
pub fn default_workers() -> u32 {
    std::thread::available_parallelism().ok().and_then(|n| u32::try_from(n.get()).ok()).unwrap_or(1)
}

fn limit(reader: &mut Reader<'_>, fields: &Struct<'_>, default: Option<Limit>) -> Option<Limit> {
    let part = match fields.get("limit") {
        None => return default,
        Some("None") => return None,
        Some(part) => unwrap_some(part),
    };
    let inner = reader.structure(part, "Limit", &["restarts", "within"])?;
    Some(Limit {
        restarts: reader.value(&inner, "restarts", "a number", defaults::LIMIT_RESTARTS),
        within: reader.span(&inner, "within", defaults::LIMIT_WITHIN),
    })
}

/// A length of time that is more than nothing, or none.
fn watchdog(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Option<Duration> {
    if matches!(fields.get("watchdog"), None | Some("None")) {
        return None;
    }
    let silence = reader.span(fields, "watchdog", Duration::MAX);
    if silence.is_zero() {
        let part = fields.get("watchdog").unwrap_or(reader.text);
        reader.wrong(part, "`watchdog` is 0: no worker could ever be heard in time", "expected a time, or None");
    }
    Some(silence)
}

/// Highest number that a descriptor can have under the usual limit.
const LAST_FD: i32 = 1023;

/// A descriptor that nothing else is given to the workers as.
fn notify_fd(reader: &mut Reader<'_>, fields: &Struct<'_>, listeners: usize) -> Option<i32> {
    let part = fields.get("notify_fd").filter(|part| *part != "None").map(unwrap_some)?;
    let number = reader.read::<i32>(part, "notify_fd", "the number of a descriptor, or None")?;
    // The standard ones, the listening sockets, the channel.
    let first = i32::try_from(3 + listeners + 1).unwrap_or(LAST_FD);
    if !(first..=LAST_FD).contains(&number) {
        reader.wrong(
            part,
            format!("`notify_fd` is {number}"),
            format!("expected {first} to {LAST_FD}; lower ones are taken"),
        );
    }
    Some(number)
}

/// `Some((…))` may be written out.
fn unwrap_some(part: &str) -> &str {
    let inner = part.strip_prefix("Some").map(str::trim_start).and_then(|rest| rest.strip_prefix('('));
    inner.and_then(|rest| rest.strip_suffix(')')).map_or(part, str::trim)
}

fn backoff(reader: &mut Reader<'_>, fields: &Struct<'_>, default: Backoff) -> Backoff {
    let Some(part) = fields.get("backoff") else { return default };
    let Some(inner) = reader.structure(part, "Backoff", &["initial", "factor", "cap", "jitter_percent"]) else {
        return default;
    };
    Backoff {
        initial: reader.span(&inner, "initial", default.initial),
        factor: reader.value(&inner, "factor", "a whole number", default.factor),
        cap: reader.span(&inner, "cap", default.cap),
        jitter_percent: reader.value(&inner, "jitter_percent", "a number from 0 to 100", default.jitter_percent),
    }
}

fn restart(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Restart {
    #[derive(Deserialize)]
    #[serde(rename = "Restart", deny_unknown_fields)]
    enum Written {
        Always,
        OnFailure {
            #[serde(default = "zero")]
            success: Vec<i32>,
        },
        Never,
    }
    fn zero() -> Vec<i32> {
        vec![0]
    }
    match reader.value(fields, "restart", "Always, OnFailure(success: [0]) or Never", Written::Always) {
        Written::Always => Restart::Always,
        Written::OnFailure { success } => Restart::OnFailure { success },
        Written::Never => Restart::Never,
    }
}

/// A policy that no pool can follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field that is to be changed.
    pub field: &'static str,
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub help: Option<String>,
}

/// Everything that makes no sense, wherever the policy came from.
pub fn check_policy(policy: &Policy) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut fault = |field, what: String, help: Option<String>| faults.push(Fault { field, what, help });
    if policy.workers == 0 || policy.workers > WORKERS_LIMIT {
        fault("workers", format!("`workers` is {}: expected 1 to {WORKERS_LIMIT}", policy.workers), None);
    }
    let Backoff { initial, factor, cap, jitter_percent } = policy.backoff;
    if initial < Duration::from_millis(1) {
        fault("backoff", format!("`backoff.initial` is {initial:?}: expected at least 1ms"), None);
    }
    if factor == 0 {
        fault("backoff", "`backoff.factor` is 0: expected at least 1".to_owned(), None);
    }
    if cap < initial {
        fault("backoff", format!("`backoff.cap` ({cap:?}) is less than `backoff.initial` ({initial:?})"), None);
    }
    if jitter_percent > 100 {
        fault("backoff", format!("`backoff.jitter_percent` is {jitter_percent}: expected 0 to 100"), None);
    }
    if policy.ready == Readiness::Told && policy.ready_timeout.is_zero() {
        fault("ready_timeout", "`ready_timeout` is 0: no worker could ever become ready".to_owned(), None);
    }
    if let Some(limit) = policy.limit {
        if limit.within.is_zero() {
            fault("limit", "`limit.within` is 0: no window of that length holds anything".to_owned(), None);
        } else if let Some((what, help)) = unreachable(limit, &policy.backoff) {
            fault("limit", what, Some(help));
        }
    }
    faults
}

/// A limit that a crash loop of one worker never reaches, because its delays are longer than the window.
fn unreachable(limit: Limit, backoff: &Backoff) -> Option<(String, String)> {
    let span = limit.crash_loop_span(backoff);
    (span >= limit.within).then(|| {
        let Limit { restarts, within } = limit;
        let what = format!(
            "the limit can't be reached: {restarts} restarts of one crash-looping worker take {span:?} of backoff, \
             and the window is {within:?}"
        );
        (what, format!("widen `limit.within` beyond {span:?}, lower `limit.restarts` or lower `backoff.cap`"))
    })
}

/// Reads a limit as the command line writes it: `10/60s`, or `none`.
///
/// # Errors
/// What was expected.
pub fn parse_limit(text: &str) -> Result<Option<Limit>, String> {
    if text == "none" {
        return Ok(None);
    }
    let expected = || format!("expected restarts and window as in 10/60s, or none; got {text:?}");
    let (restarts, within) = text.split_once('/').ok_or_else(expected)?;
    Ok(Some(Limit {
        restarts: restarts.trim().parse().map_err(|_| expected())?,
        within: humantime::parse_duration(within.trim()).map_err(|_| expected())?,
    }))
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
