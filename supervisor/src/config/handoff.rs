//! How workers get at connections, and how they are asked to leave, as the file writes it.

use std::str::FromStr;

use nix::sys::signal::Signal;
use serde::Deserialize;
use serde_json::Value;

use crate::channel::swallows_channel;
use crate::kernel::Address;
use crate::policy::Readiness;

use super::read::{Reader, Struct};
use super::{Config, Handoff, LEAVE_SIGNAL, Leave, PoolConfig, ReadySign};

/// The message of the articles, beside which a listening socket comes.
const SERVER: &str = "server";

/// What comes beside a connection if nothing else is wanted.
const SOCKET: &str = "socket";

const EXPECTED: &str =
    "Inherit, Node(message: \"server\", connections: false), NodeCluster(policy: RoundRobin), RoundRobin or Reuseport";

/// What is allowed and will hardly be meant, one sentence each.
pub fn advice(config: &Config) -> Vec<String> {
    let swallowed = |pool: &PoolConfig| {
        let needs_channel = matches!(pool.handoff, Handoff::Node { .. } | Handoff::NodeCluster { .. });
        let launcher = swallows_channel(&pool.command).filter(|_| needs_channel)?;
        Some(format!(
            "{}: `{launcher}` keeps the channel for itself, and the program that it starts gets none; \
             start that itself, as in command: [\"node\", \"server.js\"]",
            pool.name
        ))
    };
    config.pools.iter().filter_map(swallowed).collect()
}

/// Reads `handoff`, `leave` and what belongs to them into a pool whose listeners and sign of readiness are known.
pub fn handoff(reader: &mut Reader<'_>, fields: &Struct<'_>, listen: &[(String, Address)], pool: &mut PoolConfig) {
    pool.handoff = read_handoff(reader, fields);
    pool.handoff_timeout = reader.span(fields, "handoff_timeout", pool.handoff_timeout);
    pool.leave_pause = reader.span(fields, "leave_pause", pool.leave_pause);
    pool.leave = read_leave(reader, fields, &pool.handoff);
    let part = fields.get("handoff").unwrap_or(reader.text);
    let needs_listener = matches!(pool.handoff, Handoff::Node { .. } | Handoff::RoundRobin | Handoff::Reuseport);
    if needs_listener && pool.listen.is_empty() {
        reader.wrong(part, "`handoff`: there is nothing to hand over", "").help =
            Some("say where to listen: listen: {\"web\": \"127.0.0.1:8080\"}".to_owned());
    }
    let paths = pool.listen.iter().filter_map(|&place| listen.get(place));
    let path = paths.map(|(_, address)| address).find(|address| matches!(address, Address::Unix(_)));
    if let (Handoff::Reuseport, Some(path)) = (&pool.handoff, path) {
        reader.wrong(part, format!("`handoff`: {path} can't be shared by several sockets"), "only ports can");
    }
    if pool.handoff_timeout.is_zero() {
        let part = fields.get("handoff_timeout").unwrap_or(reader.text);
        reader.wrong(part, "`handoff_timeout` is 0: every worker would hang", "");
    }
    if pool.sign == ReadySign::Online && !matches!(pool.handoff, Handoff::NodeCluster { .. }) {
        let part = fields.get("ready").unwrap_or(reader.text);
        reader.wrong(part, "`ready`: only workers of a Node cluster say that they are online", "").help =
            Some("write ready: Told, or handoff: NodeCluster(policy: RoundRobin)".to_owned());
    }
}

fn read_handoff(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Handoff {
    #[derive(Deserialize)]
    #[serde(rename = "Handoff", deny_unknown_fields)]
    enum Written {
        Inherit,
        Node {
            message: Option<Value>,
            #[serde(default)]
            connections: bool,
        },
        NodeCluster {
            #[serde(default)]
            policy: Scheduling,
        },
        RoundRobin,
        Reuseport,
    }
    #[derive(Default, Deserialize, PartialEq)]
    enum Scheduling {
        #[default]
        RoundRobin,
        Shared,
    }
    match reader.value(fields, "handoff", EXPECTED, Written::Inherit) {
        Written::Inherit => Handoff::Inherit,
        Written::Node { message, connections } => {
            let default = if connections { SOCKET } else { SERVER };
            let message = message.unwrap_or_else(|| Value::from(default)).to_string();
            Handoff::Node { message, connections }
        }
        Written::NodeCluster { policy } => Handoff::NodeCluster { round_robin: policy == Scheduling::RoundRobin },
        Written::RoundRobin => Handoff::RoundRobin,
        Written::Reuseport => Handoff::Reuseport,
    }
}

/// Without a word about it a worker of a Node cluster is told to disconnect, every other one gets SIGTERM.
fn read_leave(reader: &mut Reader<'_>, fields: &Struct<'_>, handoff: &Handoff) -> Leave {
    #[derive(Deserialize)]
    #[serde(rename = "Leave", deny_unknown_fields)]
    enum Written {
        Signal(String),
        Message(Value),
        Disconnect,
    }
    let default = match handoff {
        Handoff::NodeCluster { .. } => Leave::Disconnect,
        _ => Leave::Signal(LEAVE_SIGNAL),
    };
    let Some(part) = fields.get("leave") else { return default };
    match reader.read(part, "leave", "Signal(\"TERM\"), Message(\"shutdown\") or Disconnect") {
        Some(Written::Signal(name)) => match signal(&name) {
            Some(number) => Leave::Signal(number),
            None => {
                let known = Signal::iterator().map(|signal| signal.as_str().trim_start_matches("SIG"));
                let help = super::nearest(&name, known.collect::<Vec<_>>());
                reader.wrong(part, format!("`leave`: there is no signal {name:?}"), "").help = Some(help);
                default
            }
        },
        Some(Written::Message(message)) => Leave::Message(message.to_string()),
        Some(Written::Disconnect) => Leave::Disconnect,
        None => default,
    }
}

/// The number of `TERM` or `SIGTERM`.
fn signal(name: &str) -> Option<i32> {
    let name = name.strip_prefix("SIG").unwrap_or(name);
    Signal::from_str(&format!("SIG{name}")).ok().map(|signal| signal as i32)
}

/// Reads `ready`.
pub fn ready(reader: &mut Reader<'_>, fields: &Struct<'_>) -> (Readiness, ReadySign) {
    #[derive(Deserialize)]
    #[serde(rename = "Ready")]
    enum Written {
        Told,
        Word,
        Online,
        AtSpawn,
    }
    match reader.value(fields, "ready", "Told, Word, Online or AtSpawn", Written::Told) {
        Written::Told => (Readiness::Told, ReadySign::Sockets),
        Written::Word => (Readiness::Told, ReadySign::Nothing),
        Written::Online => (Readiness::Told, ReadySign::Online),
        Written::AtSpawn => (Readiness::AtSpawn, ReadySign::Nothing),
    }
}
