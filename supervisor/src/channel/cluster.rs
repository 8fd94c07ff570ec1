//! What workers of Node's cluster module say to their primary, and what it says to them.
//!
//! `lib/internal/cluster/` of Node is the specification. Each side numbers its messages (`seq`); an answer names the
//! number of what it answers (`ack`). Members are read leniently: versions of Node differ in which they leave out.

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// A message from a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClusterMessage {
    /// Node runs; the program is about to.
    Online,
    /// The program wants to listen.
    Query {
        /// To be named in the answer.
        seq: u64,
        /// On what.
        query: Query,
    },
    /// The program listens.
    Listening,
    /// The program has closed the server with this key.
    Close {
        /// The key.
        key: String,
    },
    /// It leaves of its own accord: it closes its servers as soon as this is answered, and hangs until then.
    Leaving {
        /// To be named in the answer.
        seq: u64,
    },
    /// The answer to a connection that it was passed.
    Answer {
        /// The number of the message that the connection came with.
        ack: u64,
        /// Whether it serves it; not if its server was closed meanwhile or has all the connections that it wants.
        accepted: bool,
    },
}

/// What a program wants to listen on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The how-manieth such query of this worker it is, from 0: tells the ones with port 0 apart.
    pub index: u64,
    /// Something of the program's, a JSON text, that every worker gets as the first one sent it (TLS session keys).
    pub data: String,
    /// A literal address, or the path of a Unix socket; `None` for any address.
    pub address: Option<String>,
    /// The port.
    pub port: Option<u16>,
    /// What kind of socket.
    pub family: Family,
    /// The number of a descriptor of the supervisor's, instead of an address.
    pub fd: Option<u32>,
    /// 1: IPv6 alone. (4, for UDP, would let strangers share the port: left out.)
    pub flags: u32,
    /// Length of the accept queue, if the program cares.
    pub backlog: Option<u32>,
    /// Whether everybody may read from the Unix socket.
    pub readable_all: bool,
    /// Whether everybody may write to the Unix socket.
    pub writable_all: bool,
}

/// Kinds of sockets, as libuv numbers them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Family {
    /// 4: TCP, over IPv4 unless the address is absent.
    #[default]
    Tcp4,
    /// 6: TCP over IPv6.
    Tcp6,
    /// -1: a Unix stream socket.
    Pipe,
    /// UDP over IPv4.
    Udp4,
    /// UDP over IPv6.
    Udp6,
}

impl Family {
    /// Whether connections come to it.
    pub const fn is_stream(self) -> bool {
        matches!(self, Self::Tcp4 | Self::Tcp6 | Self::Pipe)
    }
}

#[derive(Deserialize)]
struct Members<'a> {
    #[serde(borrow)]
    act: Option<&'a RawValue>,
    #[serde(borrow)]
    ack: Option<&'a RawValue>,
    #[serde(borrow)]
    seq: Option<&'a RawValue>,
    #[serde(borrow)]
    accepted: Option<&'a RawValue>,
    #[serde(borrow)]
    key: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryMembers<'a> {
    #[serde(default)]
    index: Value,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
    #[serde(default)]
    address: Value,
    #[serde(default)]
    port: Value,
    #[serde(default)]
    address_type: Value,
    #[serde(default)]
    fd: Value,
    #[serde(default)]
    flags: Value,
    #[serde(default)]
    backlog: Value,
    #[serde(default)]
    readable_all: Value,
    #[serde(default)]
    writable_all: Value,
}

/// Reads a line of `NODE_CLUSTER`; `None` if it means nothing to us.
pub(super) fn decode(line: &str) -> Option<ClusterMessage> {
    let members: Members<'_> = serde_json::from_str(line).ok()?;
    let number = |raw: Option<&RawValue>| raw?.get().parse::<u64>().ok();
    if let Some(ack) = number(members.ack) {
        let accepted = members.accepted.is_some_and(|raw| raw.get() == "true");
        return Some(ClusterMessage::Answer { ack, accepted });
    }
    Some(match members.act?.get() {
        "\"online\"" => ClusterMessage::Online,
        "\"queryServer\"" => ClusterMessage::Query { seq: number(members.seq)?, query: query(line)? },
        "\"listening\"" => ClusterMessage::Listening,
        "\"close\"" => ClusterMessage::Close { key: serde_json::from_str(members.key?.get()).ok()? },
        "\"exitedAfterDisconnect\"" => ClusterMessage::Leaving { seq: number(members.seq)? },
        _ => return None,
    })
}

fn query(line: &str) -> Option<Query> {
    let members: QueryMembers<'_> = serde_json::from_str(line).ok()?;
    let family = match &members.address_type {
        Value::String(text) if text == "udp6" => Family::Udp6,
        Value::String(text) if text == "udp4" => Family::Udp4,
        Value::Number(number) if number.as_i64() == Some(6) => Family::Tcp6,
        Value::Number(number) if number.as_i64() == Some(-1) => Family::Pipe,
        _ => Family::Tcp4,
    };
    let positive = |value: &Value| value.as_u64().and_then(|number| u32::try_from(number).ok());
    Some(Query {
        index: members.index.as_u64().unwrap_or(0),
        data: members.data.map_or("null", RawValue::get).to_owned(),
        address: members.address.as_str().filter(|text| !text.is_empty()).map(str::to_owned),
        port: members.port.as_u64().and_then(|port| u16::try_from(port).ok()),
        family,
        fd: positive(&members.fd),
        flags: positive(&members.flags).unwrap_or(0),
        backlog: positive(&members.backlog).filter(|&length| length > 0),
        readable_all: members.readable_all == Value::Bool(true),
        writable_all: members.writable_all == Value::Bool(true),
    })
}

impl Query {
    /// What workers that ask for the same socket have in common; unique among the sockets of one worker.
    pub fn key(&self) -> String {
        let number = |number: Option<u32>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
        let family = match self.family {
            Family::Tcp4 => "4",
            Family::Tcp6 => "6",
            Family::Pipe => "-1",
            Family::Udp4 => "udp4",
            Family::Udp6 => "udp6",
        };
        let address = self.address.as_deref().unwrap_or("null");
        let mut key = format!("{address}:{}:{family}:{}", number(self.port.map(u32::from)), number(self.fd));
        // Two of them in one worker get two sockets; the n-th of every worker gets the same.
        if self.port == Some(0) {
            key.push_str(&format!(":{}", self.index));
        }
        key
    }
}

/// What a query is answered with.
#[derive(Clone, Copy, Debug)]
pub struct QueryAnswer<'a> {
    /// The number of the query.
    pub ack: u64,
    /// What the worker will call the socket.
    pub key: &'a str,
    /// The `data` of the first worker that asked for it, a JSON text.
    pub data: &'a str,
    /// 0, or why there is no such socket.
    pub errno: i32,
    /// The address of a socket whose connections are passed one by one: what the program will see as its own.
    pub sockname: Option<std::net::SocketAddr>,
}

/// The answer to a query, as a message for an envelope or, with LF, as a line.
pub fn query_answer(answer: &QueryAnswer<'_>, seq: u64) -> String {
    let QueryAnswer { ack, key, data, errno, sockname } = answer;
    let key = Value::from(*key);
    let errno = -errno;
    let sockname = sockname.map_or_else(String::new, |address| {
        let family = if address.is_ipv4() { "IPv4" } else { "IPv6" };
        let name = json!({"address": address.ip().to_string(), "family": family, "port": address.port()});
        format!(",\"sockname\":{name}")
    });
    format!(
        "{{\"cmd\":\"NODE_CLUSTER\",\"errno\":{errno},\"key\":{key},\"ack\":{ack},\"data\":{data}{sockname},\"seq\":{seq}}}"
    )
}

/// The message for the envelope in which a connection is passed.
pub fn new_connection(key: &str, seq: u64) -> String {
    format!("{{\"cmd\":\"NODE_CLUSTER\",\"act\":\"newconn\",\"key\":{},\"seq\":{seq}}}", Value::from(key))
}

/// The line that lets a worker go that wants to leave.
pub fn may_leave(ack: u64, seq: u64) -> Vec<u8> {
    format!("{{\"cmd\":\"NODE_CLUSTER\",\"ack\":{ack},\"seq\":{seq}}}\n").into_bytes()
}

/// The line that asks a worker to close its servers, finish what it holds and leave.
pub fn disconnect(seq: u64) -> Vec<u8> {
    format!("{{\"cmd\":\"NODE_CLUSTER\",\"act\":\"disconnect\",\"seq\":{seq}}}\n").into_bytes()
}

#[cfg(test)]
#[path = "cluster_tests.rs"]
mod tests;
