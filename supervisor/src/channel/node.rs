//! Node's own messages on its channel: `{"cmd":"NODE_…"}`, one JSON object per line, beside those of the program.
//!
//! `lib/internal/child_process.js` of Node is the specification; Node 8 to 26 agree. A line of this kind never concerns
//! the program at the other end; whoever gets one that it does not know ignores it. A descriptor is passed (SCM_RIGHTS)
//! beside a line of `NODE_HANDLE`, and its receiver answers that line exactly once: one answer too many ends a worker
//! with an assertion, a missing one keeps it from ever sending anything again.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::cluster::{self, ClusterMessage};

/// The answer to a line whose descriptor has arrived.
pub const ACK: &[u8] = b"{\"cmd\":\"NODE_HANDLE_ACK\"}\n";

/// The answer to a line whose descriptor has not arrived: the receiver had none left, and the kernel dropped it.
pub const NACK: &[u8] = b"{\"cmd\":\"NODE_HANDLE_NACK\"}\n";

/// A message of Node itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Internal {
    /// A descriptor comes with this line, and it is to be answered; the line of the program's message inside it.
    Handle {
        /// The program's message, a JSON text.
        message: String,
    },
    /// The descriptor that was passed last has arrived.
    Ack,
    /// It has not.
    Nack,
    /// A worker of the cluster module asks or tells something.
    Cluster(ClusterMessage),
    /// Something that means nothing here.
    Unknown,
}

/// What Node makes of a descriptor. It looks at the descriptor as well and ends with an assertion or an unhandled error
/// if that is of another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandleKind {
    /// A listening stream socket, for the program: a `net.Server`.
    Server,
    /// A bound UDP socket, for the program: a `dgram.Socket`.
    Datagram {
        /// Over IPv6.
        v6: bool,
    },
    /// A connection, for the program: a `net.Socket`.
    Socket,
    /// Any stream socket, for Node's own use.
    NativeStream,
    /// A UDP socket, for Node's own use.
    NativeDatagram,
}

impl HandleKind {
    /// As the protocol spells it.
    const fn name(self) -> &'static str {
        match self {
            Self::Server => "net.Server",
            Self::Datagram { .. } => "dgram.Socket",
            Self::Socket => "net.Socket",
            Self::NativeStream => "net.Native",
            Self::NativeDatagram => "dgram.Native",
        }
    }

    /// What else the protocol wants to be told of it: what the program's end is to be does not follow from the descriptor.
    const fn further(self) -> &'static str {
        match self {
            Self::Datagram { v6: false } => ",\"dgramType\":\"udp4\"",
            Self::Datagram { v6: true } => ",\"dgramType\":\"udp6\"",
            Self::Server | Self::Socket | Self::NativeStream | Self::NativeDatagram => "",
        }
    }
}

/// The line beside which a descriptor is passed, LF included. `message`, a JSON text, is what the program sees.
pub fn envelope(kind: HandleKind, message: &str) -> Vec<u8> {
    let (name, further) = (kind.name(), kind.further());
    format!("{{\"cmd\":\"NODE_HANDLE\",\"type\":\"{name}\"{further},\"msg\":{message}}}\n").into_bytes()
}

/// Members of Node's messages, unread.
#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    cmd: &'a RawValue,
    #[serde(borrow)]
    msg: Option<&'a RawValue>,
}

/// What every internal message has somewhere: most lines of programs are told apart by it, without being read.
const MARK: &[u8] = b"NODE_";

/// How often an envelope may be in an envelope: Node wraps a descriptor that it sends again once more.
const WRAPPED: usize = 4;

/// The message of Node itself that a line is, if it is one.
pub fn internal(line: &[u8]) -> Option<Internal> {
    if !line.windows(MARK.len()).any(|window| window == MARK) {
        return None;
    }
    let line = std::str::from_utf8(line).ok()?;
    let members: Members<'_> = serde_json::from_str(line).ok()?;
    Some(match command(&members)?.as_str() {
        "NODE_HANDLE" => Internal::Handle { message: unwrapped(members) },
        "NODE_HANDLE_ACK" => Internal::Ack,
        "NODE_HANDLE_NACK" => Internal::Nack,
        "NODE_CLUSTER" => cluster::decode(line).map_or(Internal::Unknown, Internal::Cluster),
        _ => Internal::Unknown,
    })
}

/// The name of an internal message: one letter more than the mark at least.
fn command(members: &Members<'_>) -> Option<String> {
    let command: String = serde_json::from_str(members.cmd.get()).ok()?;
    (command.len() > MARK.len() && command.as_bytes().starts_with(MARK)).then_some(command)
}

/// The program's message in an envelope.
fn unwrapped(outer: Members<'_>) -> String {
    let mut message = outer.msg.map_or("null", RawValue::get);
    for _ in 0..WRAPPED {
        match serde_json::from_str::<Members<'_>>(message) {
            Ok(inner) if command(&inner).as_deref() == Some("NODE_HANDLE") => {
                message = inner.msg.map_or("null", RawValue::get);
            }
            _ => break,
        }
    }
    message.to_owned()
}

#[cfg(test)]
#[path = "node_tests.rs"]
mod tests;
