//! The part of the file that describes one pool.

use std::collections::BTreeMap;

use crate::channel::TopicLimits;
use crate::kernel::Address;
use crate::policy::defaults;

use super::PoolConfig;
use super::problem::nearest;
use super::read::{Reader, Struct};
use super::rules::policy;
use super::setup::setup;
use super::ways::{handoff, leave, output};

/// Every field of a pool, but `listen`, which means something else where the only pool stands at the top.
pub const POOL_FIELDS: &[&str] = &[
    "command",
    "workers",
    "handoff",
    "ready",
    "ready_timeout",
    "notify_fd",
    "subscribe",
    "handoff_timeout",
    "leave",
    "leave_pause",
    "drain",
    "lame_duck",
    "watchdog",
    "restart",
    "stable",
    "limit",
    "backoff",
    "reload",
    "output",
    "env",
    "user",
    "group",
    "groups",
    "umask",
    "directory",
    "limits",
    "seed",
];

/// The highest number that a descriptor can have under the usual limit.
const LAST_FD: i32 = 1023;

/// What the fields of one pool say; `all` is its whole text.
pub fn pool(reader: &mut Reader<'_>, fields: &Struct<'_>, name: &str, all: &str, listen: Vec<usize>) -> PoolConfig {
    let (policy, sign) = policy(reader, fields, all);
    let handoff = handoff(reader, fields);
    let mut pool = PoolConfig {
        env: env(reader, fields),
        leave: leave(reader, fields, &handoff),
        handoff_timeout: reader.span(fields, "handoff_timeout", defaults::HANDOFF_TIMEOUT),
        leave_pause: reader.span(fields, "leave_pause", defaults::LEAVE_PAUSE),
        notify_fd: notify_fd(reader, fields, listen.len()),
        subscribe: subscribe(reader, fields),
        output: output(reader, fields),
        setup: setup(reader, fields),
        handoff,
        listen,
        sign,
        ..PoolConfig::new(name, command(reader, fields, all), policy.workers)
    };
    pool.policy = policy;
    pool
}

fn command(reader: &mut Reader<'_>, fields: &Struct<'_>, all: &str) -> Vec<String> {
    let Some(part) = fields.get("command") else {
        let end = all.trim_end().len();
        let closing = &all[end.saturating_sub(1)..end];
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

/// Which listeners a pool names, as places in the list of all, in its order; all of them if it says nothing.
pub fn named_listeners(reader: &mut Reader<'_>, fields: &Struct<'_>, listeners: &[(String, Address)]) -> Vec<usize> {
    let Some(part) = fields.get("listen") else { return (0..listeners.len()).collect() };
    let names: Vec<String> = reader.read(part, "listen", "names of listeners: [\"web\"]").unwrap_or_default();
    let mut places = Vec::new();
    for name in names {
        match listeners.iter().position(|(known, _)| *known == name) {
            Some(place) if !places.contains(&place) => places.push(place),
            Some(_) => drop(reader.wrong(part, format!("`listen`: {name:?} is there twice"), "")),
            None => {
                let help = nearest(&name, listeners.iter().map(|(known, _)| known.as_str()));
                reader.wrong(part, format!("`listen`: there is no listener {name:?}"), "").help = Some(help);
            }
        }
    }
    places
}

/// Where s6's convention has it, beyond the listening sockets and the channel.
fn notify_fd(reader: &mut Reader<'_>, fields: &Struct<'_>, listeners: usize) -> Option<i32> {
    let part = fields.get("notify_fd").filter(|part| *part != "None")?;
    let number = reader.read::<Option<i32>>(part, "notify_fd", "the number of a descriptor").flatten()?;
    let first = i32::try_from(listeners).unwrap_or(LAST_FD) + 4;
    if !(first..=LAST_FD).contains(&number) {
        let label = format!("expected {first} to {LAST_FD}: before that lie the listening sockets and the channel");
        reader.wrong(part, format!("`notify_fd` is {number}"), label);
    }
    Some(number)
}

/// The topics that each worker is subscribed to without asking.
fn subscribe(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Vec<String> {
    let Some(part) = fields.get("subscribe") else { return Vec::new() };
    let topics: Vec<String> = reader.read(part, "subscribe", "names of topics: [\"prices\"]").unwrap_or_default();
    let TopicLimits { topics: most, name: longest, .. } = TopicLimits::default();
    if topics.len() > most {
        reader.wrong(part, format!("`subscribe`: {} topics", topics.len()), format!("expected at most {most}"));
    }
    for topic in topics.iter().filter(|topic| !(1..=longest).contains(&topic.len())) {
        let what = format!("`subscribe`: {topic:?} can't be a topic");
        reader.wrong(part, what, format!("a name has 1 to {longest} bytes"));
    }
    topics
}
