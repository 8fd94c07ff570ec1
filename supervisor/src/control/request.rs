//! What the operator asks for.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::core::Scale;

use super::reply::Complaint;
use super::who::nearest;

/// A longer request is refused and the connection closed. It has room for the longest value of a topic.
pub const REQUEST_LIMIT: usize = 320 * 1024;

/// What a request may say in `do`.
pub const VERBS: [&str; 9] = ["info", "status", "events", "logs", "reload", "scale", "restart", "stop", "publish"];

/// One request.
#[derive(Clone, Debug)]
pub enum Request {
    /// Who are you?
    Info,
    /// How is everybody?
    Status,
    /// What happened lately, and what happens from now on.
    Events {
        /// Whether to go on.
        follow: bool,
    },
    /// What workers wrote lately, and what they write from now on.
    Logs {
        /// Whose; everybody's if absent.
        who: Option<String>,
        /// At most so many lines of each worker's past; as many as are kept if absent.
        lines: Option<usize>,
        /// Whether to go on.
        follow: bool,
    },
    /// Read the configuration again and replace every worker.
    Reload {
        /// Whether the answer comes when it is done.
        wait: bool,
    },
    /// Another number of workers.
    Scale {
        /// In which pool.
        pool: String,
        /// How many.
        scale: Scale,
        /// Whether the answer comes when so many serve.
        wait: bool,
    },
    /// Replace a worker, or all of a pool.
    Restart {
        /// Whom.
        who: String,
        /// Whether the answer comes when the replacement serves.
        wait: bool,
    },
    /// Drain and end; again: without waiting for the drain.
    Stop {
        /// Whether the answer comes at the end.
        wait: bool,
    },
    /// A new value for a topic.
    Publish {
        /// Which.
        topic: String,
        /// The value, as it was written.
        data: Box<RawValue>,
    },
}

/// A request, and what its replies are marked with.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Repeated in every reply, if given.
    pub id: Option<u64>,
    /// The request.
    pub request: Request,
}

/// All members that any request has.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Members<'a> {
    #[serde(rename = "do")]
    verb: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    who: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workers: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    follow: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    #[serde(borrow, default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    data: Option<&'a RawValue>,
}

/// A member that is there, be it `null`: that is a value, too.
fn given<'de: 'a, 'a, D: serde::Deserializer<'de>>(from: D) -> Result<Option<&'a RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

impl Members<'_> {
    /// The first member that is left after a request took its own.
    fn left(&self) -> Option<&'static str> {
        let given = [
            ("who", self.who.is_some()),
            ("pool", self.pool.is_some()),
            ("workers", self.workers.is_some()),
            ("by", self.by.is_some()),
            ("lines", self.lines.is_some()),
            ("follow", self.follow.is_some()),
            ("wait", self.wait.is_some()),
            ("topic", self.topic.is_some()),
            ("data", self.data.is_some()),
        ];
        given.into_iter().find(|(_, given)| *given).map(|(name, _)| name)
    }

    fn scale(&mut self) -> Result<Scale, Complaint> {
        match (self.workers.take(), self.by.take()) {
            (Some(workers), None) => Ok(Scale::To(workers)),
            (None, Some(by)) => Ok(Scale::By(by)),
            _ => Err(Complaint::bad("`scale` needs either `workers`, a number, or `by`, a difference")),
        }
    }
}

/// Reads one line. With the error comes the id, if there was one.
///
/// # Errors
/// The line is no JSON object, or no request that there is; the complaint says what was expected.
pub fn decode_request(line: &[u8]) -> Result<Asked, (Option<u64>, Complaint)> {
    let text = std::str::from_utf8(line).map_err(|_| (None, Complaint::bad("a request is UTF-8")))?;
    let mut members: Members<'_> = serde_json::from_str(text).map_err(|error| {
        (None, Complaint::bad(format!("not a request: {error}; expected one like {{\"do\":\"status\"}}")))
    })?;
    let id = members.id;
    let request = request(&mut members).map_err(|complaint| (id, complaint))?;
    match members.left() {
        None => Ok(Asked { id, request }),
        Some(name) => Err((id, Complaint::bad(format!("`{}` takes no `{name}`", members.verb)))),
    }
}

fn request(members: &mut Members<'_>) -> Result<Request, Complaint> {
    let verb = members.verb.clone();
    let lacks = |name: &str| Complaint::bad(format!("`{verb}` needs `{name}`"));
    Ok(match verb.as_str() {
        "info" => Request::Info,
        "status" => Request::Status,
        "events" => Request::Events { follow: members.follow.take().unwrap_or(false) },
        "logs" => Request::Logs {
            who: members.who.take(),
            lines: members.lines.take(),
            follow: members.follow.take().unwrap_or(false),
        },
        "reload" => Request::Reload { wait: members.wait.take().unwrap_or(true) },
        "scale" => Request::Scale {
            pool: members.pool.take().ok_or_else(|| lacks("pool"))?,
            scale: members.scale()?,
            wait: members.wait.take().unwrap_or(true),
        },
        "restart" => Request::Restart {
            who: members.who.take().ok_or_else(|| lacks("who"))?,
            wait: members.wait.take().unwrap_or(true),
        },
        "stop" => Request::Stop { wait: members.wait.take().unwrap_or(true) },
        "publish" => Request::Publish {
            topic: members.topic.take().ok_or_else(|| lacks("topic"))?,
            data: members.data.take().ok_or_else(|| lacks("data"))?.to_owned(),
        },
        unknown => {
            return Err(Complaint::new(
                "unknown_request",
                format!("no request `{unknown}`; {}", nearest(unknown, &VERBS)),
            ));
        }
    })
}

impl Asked {
    /// The line, with its LF.
    pub fn encode(&self) -> String {
        let mut members = Members { id: self.id, ..Members::default() };
        let verb = match &self.request {
            Request::Info => "info",
            Request::Status => "status",
            Request::Events { follow } => {
                members.follow = Some(*follow);
                "events"
            }
            Request::Logs { who, lines, follow } => {
                (members.who, members.lines, members.follow) = (who.clone(), *lines, Some(*follow));
                "logs"
            }
            Request::Reload { wait } => {
                members.wait = Some(*wait);
                "reload"
            }
            Request::Scale { pool, scale, wait } => {
                (members.pool, members.wait) = (Some(pool.clone()), Some(*wait));
                match scale {
                    Scale::To(workers) => members.workers = Some(*workers),
                    Scale::By(by) => members.by = Some(*by),
                }
                "scale"
            }
            Request::Restart { who, wait } => {
                (members.who, members.wait) = (Some(who.clone()), Some(*wait));
                "restart"
            }
            Request::Stop { wait } => {
                members.wait = Some(*wait);
                "stop"
            }
            Request::Publish { topic, data } => {
                (members.topic, members.data) = (Some(topic.clone()), Some(data.as_ref()));
                "publish"
            }
        };
        members.verb = verb.to_owned();
        // Strings, numbers and JSON texts always have a JSON text.
        serde_json::to_string(&members).unwrap_or_default() + "\n"
    }
}

impl From<Request> for Asked {
    fn from(request: Request) -> Self {
        Self { id: None, request }
    }
}
