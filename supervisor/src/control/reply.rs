//! What the supervisor answers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of these words; a supervisor says it first of all.
pub const VERSION: u32 = 1;

/// The first line on every connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of the protocol.
    pub supervisor: u32,
    /// The supervisor's process.
    pub pid: u32,
}

/// One reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "snake_case")]
pub enum Reply {
    /// To `info`.
    Info(Info),
    /// To `status`.
    Status(Status),
    /// One event.
    Event {
        /// What it says to people; absent for those that only a program cares about.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
        /// The event, as in the event file.
        event: Value,
    },
    /// One line of a worker.
    Log {
        /// Whose: `web/0.3`.
        worker: String,
        /// Where it was written.
        stream: Stream,
        /// The line, without its LF; what is not UTF-8 is replaced.
        text: String,
        /// Whether it goes on in the next one, because it is long.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        more: bool,
    },
    /// So many lines before this one were lost: they were not read fast enough.
    Lost {
        /// How many.
        lines: u64,
    },
    /// It is done; the last reply.
    Done {
        /// What came of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// It was not done, or did not succeed; the last reply.
    Error(Complaint),
}

impl Reply {
    /// Whether nothing more comes for this request.
    pub fn is_last(&self) -> bool {
        match self {
            Self::Info(_) | Self::Status(_) | Self::Done { .. } | Self::Error(_) => true,
            Self::Event { .. } | Self::Log { .. } | Self::Lost { .. } => false,
        }
    }

    /// The line, with its LF; `id` is that of the request.
    pub fn encode(&self, id: Option<u64>) -> String {
        #[derive(Serialize)]
        struct Marked<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            id: Option<u64>,
            #[serde(flatten)]
            reply: &'a Reply,
        }
        // Only a map with keys that are no strings has no JSON text.
        serde_json::to_string(&Marked { id, reply: self }).unwrap_or_default() + "\n"
    }

    /// The line of a [`Reply::Event`] whose event, a JSON text, is passed on as it was written.
    pub fn encode_event(id: Option<u64>, text: Option<&str>, event: &str) -> String {
        let id = id.map(|id| format!("\"id\":{id},")).unwrap_or_default();
        let text = text.map(|text| format!("\"text\":{},", Value::from(text))).unwrap_or_default();
        format!("{{{id}\"reply\":\"event\",{text}\"event\":{event}}}\n")
    }

    /// Reads one line.
    ///
    /// # Errors
    /// It is no reply that this version knows; the text says why.
    pub fn decode(line: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(line).map_err(|error| error.to_string())
    }
}

impl Hello {
    /// What this version says.
    pub fn new(pid: u32) -> Self {
        Self { supervisor: VERSION, pid }
    }

    /// The line, with its LF.
    pub fn encode(&self) -> String {
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// Reads the first line.
    ///
    /// # Errors
    /// Whoever listens there is no supervisor, or one that speaks a later version than we do.
    pub fn decode(line: &[u8]) -> Result<Self, String> {
        let hello: Self =
            serde_json::from_slice(line).map_err(|_| "whoever listens there is no supervisor".to_owned())?;
        if hello.supervisor == VERSION {
            return Ok(hello);
        }
        Err(format!("it speaks version {} of the control protocol, this program version {VERSION}", hello.supervisor))
    }
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Complaint {
    /// For programs: `bad_request`, `unknown_request`, `unknown_name`, `failed`, `busy`, `refused`, `not_kept`.
    pub code: String,
    /// For people: what is wrong and what was expected.
    pub text: String,
}

impl Complaint {
    /// Any.
    pub fn new(code: &str, text: impl Into<String>) -> Self {
        Self { code: code.to_owned(), text: text.into() }
    }

    /// The request makes no sense.
    pub fn bad(text: impl Into<String>) -> Self {
        Self::new("bad_request", text)
    }

    /// It was tried and came to nothing.
    pub fn failed(text: impl Into<String>) -> Self {
        Self::new("failed", text)
    }
}

/// Where a worker wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What the whole supervisor is up to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mood {
    /// Workers are kept available.
    Running,
    /// A rolling restart is under way.
    Reloading,
    /// Workers are told to leave, then it ends.
    Stopping,
}

/// Who a supervisor is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// Its process.
    pub pid: u32,
    /// The version of the program.
    pub version: String,
    /// What it is up to.
    pub mood: Mood,
    /// How long it runs, in milliseconds.
    pub uptime_ms: u64,
    /// Workers that serve.
    pub ready: u32,
    /// Workers that are wanted.
    pub wanted: u32,
    /// Each pool's command.
    pub commands: Vec<String>,
}

/// How everybody is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Who the supervisor is.
    pub supervisor: Info,
    /// In the order of the configuration.
    pub pools: Vec<PoolStatus>,
}

/// One pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolStatus {
    /// What it is called.
    pub name: String,
    /// Workers that are wanted.
    pub wanted: u32,
    /// Workers that serve.
    pub ready: u32,
    /// How long it still goes on serving before its workers are told to leave, in milliseconds, if it was told to stop.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lame_duck_ms: Option<u64>,
    /// In the order of the slots.
    pub slots: Vec<SlotStatus>,
}

/// One place of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotStatus {
    /// Which.
    pub slot: u32,
    /// How often a worker was restarted here.
    pub restarts: u64,
    /// How long until the next start, in milliseconds, if one waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff_ms: Option<u64>,
    /// Who is here, the newest last: while one is replaced there are two.
    pub workers: Vec<WorkerStatus>,
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerStatus {
    /// The how-manieth of its slot.
    pub generation: u32,
    /// Its process.
    pub pid: u32,
    /// What it is doing.
    pub state: WorkerState,
    /// How long it lives, in milliseconds.
    pub uptime_ms: u64,
    /// Memory that it has in use (its resident set), in bytes; absent if it can't be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rss: Option<u64>,
    /// Processor time that it has used, in milliseconds; absent if it can't be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_ms: Option<u64>,
}

/// What a worker is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WorkerState {
    /// It has not said that it serves.
    Booting,
    /// It serves.
    Ready,
    /// It said that it will leave, and serves.
    Leaving,
    /// It finishes what it holds.
    Draining,
    /// It got SIGKILL.
    Killed,
}
