//! The part of the file that says how workers get at connections, how they are asked to leave and where they write.

use std::path::PathBuf;

use ron::Value;
use serde::Deserialize;

use super::read::{Reader, Struct};
use super::{Handoff, LEAVE_SIGNAL, Leave, Output};

/// How connections reach the workers.
pub fn handoff(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Handoff {
    #[derive(Deserialize)]
    #[serde(rename = "Handoff", deny_unknown_fields)]
    enum Written {
        #[serde(alias = "inherit")]
        Inherit,
        #[serde(alias = "node")]
        Node {
            #[serde(default = "server")]
            message: Value,
            #[serde(default)]
            pass: Pass,
        },
        #[serde(alias = "node_cluster")]
        NodeCluster {
            #[serde(default)]
            policy: Schedule,
        },
        #[serde(alias = "round_robin")]
        RoundRobin,
        #[serde(alias = "reuseport")]
        Reuseport,
    }
    #[derive(Default, Deserialize)]
    enum Pass {
        #[default]
        Listener,
        Connections,
    }
    #[derive(Default, Deserialize)]
    enum Schedule {
        #[default]
        RoundRobin,
        Shared,
    }
    fn server() -> Value {
        Value::String("server".to_owned())
    }
    let Some(part) = fields.get("handoff") else { return Handoff::Inherit };
    let expected = "Inherit, Node(message: \"server\", pass: Listener), NodeCluster(policy: RoundRobin), RoundRobin or \
                    Reuseport";
    match reader.read(with_fields(part), "handoff", expected).unwrap_or(Written::Inherit) {
        Written::Inherit => Handoff::Inherit,
        Written::Node { message, pass } => {
            let message = json(reader, part, "handoff", &message);
            Handoff::Node { message, connections: matches!(pass, Pass::Connections) }
        }
        Written::NodeCluster { policy } => Handoff::NodeCluster { round_robin: matches!(policy, Schedule::RoundRobin) },
        Written::RoundRobin => Handoff::RoundRobin,
        Written::Reuseport => Handoff::Reuseport,
    }
}

/// `Node` means `Node()`: all its fields have defaults.
fn with_fields(part: &str) -> &str {
    match part {
        "Node" | "node" => "Node()",
        "NodeCluster" | "node_cluster" => "NodeCluster()",
        _ => part,
    }
}

/// How a worker is asked to leave; a worker of Node's cluster by what that module understands.
pub fn leave(reader: &mut Reader<'_>, fields: &Struct<'_>, handoff: &Handoff) -> Leave {
    #[derive(Deserialize)]
    #[serde(rename = "Leave")]
    enum Written {
        Signal(Name),
        Message(Value),
        Disconnect,
    }
    #[derive(Clone, Copy, Deserialize)]
    #[serde(rename = "Signal")]
    #[allow(clippy::upper_case_acronyms, reason = "as signal(7) spells them")]
    enum Name {
        HUP = 1,
        INT = 2,
        QUIT = 3,
        USR1 = 10,
        USR2 = 12,
        TERM = 15,
        WINCH = 28,
    }
    let Some(part) = fields.get("leave") else {
        return match handoff {
            Handoff::NodeCluster { .. } => Leave::Disconnect,
            Handoff::Inherit | Handoff::Node { .. } | Handoff::RoundRobin | Handoff::Reuseport => {
                Leave::Signal(LEAVE_SIGNAL)
            }
        };
    };
    let expected = "Signal(TERM) or HUP, INT, QUIT, USR1, USR2, WINCH; Message(\"shutdown\") or Disconnect";
    match reader.read(part, "leave", expected) {
        None => Leave::Signal(LEAVE_SIGNAL),
        Some(Written::Signal(name)) => Leave::Signal(name as i32),
        Some(Written::Message(message)) => Leave::Message(json(reader, part, "leave", &message)),
        Some(Written::Disconnect) => Leave::Disconnect,
    }
}

/// A value as the worker's channel carries it.
fn json(reader: &mut Reader<'_>, part: &str, field: &str, value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| {
        reader.wrong(
            part,
            format!("`{field}`: this message is no JSON: {error}"),
            "expected a text, a number, a list or a map",
        );
        String::new()
    })
}

/// Where the workers write.
pub fn output(reader: &mut Reader<'_>, fields: &Struct<'_>) -> Output {
    #[derive(Deserialize)]
    #[serde(rename = "Output", deny_unknown_fields)]
    enum Written {
        Inherit,
        Prefixed,
        Files {
            stdout: PathBuf,
            #[serde(default)]
            stderr: Option<PathBuf>,
        },
        Null,
    }
    let expected = "Inherit, Prefixed, Files(stdout: \"web.log\", stderr: \"web.err\") or Null";
    match reader.value(fields, "output", expected, Written::Inherit) {
        Written::Inherit => Output::Inherit,
        Written::Prefixed => Output::Prefixed,
        Written::Files { stdout, stderr } => Output::Files { stdout, stderr },
        Written::Null => Output::Null,
    }
}
