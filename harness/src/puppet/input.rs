//! What goes into a puppet and what comes out.

use std::time::Duration;

use crate::scenario::{Ask, Child, Retirement, Signal, Span, Stream};
use crate::time::Time;

/// A connection, numbered by the puppet's shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u32);

/// Something that happened to the worker.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// It runs and holds its ticket: always first.
    Born,
    /// A deadline may be due.
    Tick,
    /// The supervisor told it something.
    Told(Told),
    /// The channel is closed, or the death signal came: the supervisor is gone.
    Orphaned,
    /// SIGTERM (or what the subject stops workers with).
    Term,
    /// A connection was accepted.
    Connected(ConnId),
    /// The supervisor passed a connection, with this number.
    Passed(ConnId, u64),
    /// The head of a request was read; its body is on the way.
    Begun(ConnId),
    /// All of a long answer was taken off its hands: [`Action::AnswerLong`].
    Written(ConnId),
    /// A whole request was read. The next one on the same connection comes after this one has been answered.
    Request(ConnId, Request),
    /// The client closed or reset the connection.
    Hangup(ConnId),
    /// The harness asks for something on the side socket.
    Asked(Ask),
}

/// What a supervisor says on the channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Stop accepting, finish, exit.
    Drain,
    /// The value of a topic, as JSON text.
    Update {
        /// Of which.
        topic: String,
        /// The value.
        data: String,
    },
}

/// A request. On the wire: `GET /who`, `/hold?ms=250`, `/long?bytes=1000000`, `/throw`, `/exit?code=3`, `/retire`, `/hang`, and
/// `POST /take` with a body; `Connection: close` ends the connection after the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Answer at once who you are.
    Who {
        /// Keep the connection.
        keep_alive: bool,
    },
    /// Answer after so long.
    Hold {
        /// How long.
        span: Duration,
        /// Keep the connection.
        keep_alive: bool,
    },
    /// Answer at once who you are, with spaces behind it, so many bytes in all.
    Long {
        /// How many.
        bytes: u64,
    },
    /// Take a body of so many bytes, then answer who you are.
    Take {
        /// How many.
        bytes: u64,
    },
    /// The handler throws; this request is not answered, its connection is closed as the worker leaves.
    Throw,
    /// Exit at once with this status.
    Exit(i32),
    /// Answer, then announce retirement.
    Retire,
    /// Do nothing any more.
    Hang,
    /// Not a request that a puppet knows: answered with 404.
    Unknown,
}

/// What the worker is to do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Append a line to the journal, before the next action is carried out: nobody may know earlier than the history.
    Journal(Entry),
    /// Begin to accept.
    Accept,
    /// Stop accepting: close the listeners.
    StopAccepting,
    /// Say `{"act":"ready"}` (or READY=1 where NOTIFY_SOCKET is set and there is no channel), or in the way that the pool's
    /// `ready` asks for.
    SayReady,
    /// Write this datagram to NOTIFY_SOCKET.
    Notify(String),
    /// Write these bytes to the descriptor on which a newline says that it is ready.
    NotifyFd(String),
    /// Say `{"act":"extend","ms":N}`, or EXTEND_TIMEOUT_USEC=N where READY=1 says that it is ready.
    Extend(Span),
    /// Say `{"act":"suicide"}` or `{"act":"retire"}`.
    Announce(Retirement),
    /// Say that a connection that was passed is accepted, `{"act":"accepted","seq":N}`, and read from it.
    Take(ConnId, u64),
    /// Close a connection that was passed, and say `{"act":"refused","seq":N}`.
    Refuse(ConnId, u64),
    /// Answer with the who-am-I document; close afterwards unless told to keep.
    Answer {
        /// Whom.
        conn: ConnId,
        /// Keep the connection.
        keep_alive: bool,
        /// 200 or 404.
        status: u16,
    },
    /// Answer with the who-am-I document and spaces behind it, as fast as the client takes them and without waiting; say
    /// [`Input::Written`] after the last, and close.
    AnswerLong {
        /// Whom.
        conn: ConnId,
        /// How long the body is.
        bytes: u64,
    },
    /// Close a connection.
    Close(ConnId),
    /// Close the channel and live on.
    CloseChannel,
    /// Write this line to the channel as it is, so often.
    Say {
        /// The line.
        line: String,
        /// How often.
        times: u32,
    },
    /// Write these bytes to the channel as they are, and no newline.
    Write(Vec<u8>),
    /// Write about so many bytes, by whole lines ([`super::Lines`]), before the next action is carried out.
    Output {
        /// Where to.
        stream: Stream,
        /// How many.
        bytes: u64,
    },
    /// Touch so much more memory.
    Leak(u64),
    /// Start a process.
    Spawn(Child),
    /// Send a signal to its own process group.
    SignalGroup(Signal),
    /// Say `{"act":"alive"}` (WATCHDOG=1 where there is no channel).
    SayAlive,
    /// Do nothing any more, whatever comes.
    Hang {
        /// In a loop that never ends, instead of asleep.
        busy: bool,
    },
    /// Exit with this status. Always the last action.
    Exit(i32),
    /// End by this signal, whatever else was made of it. Always the last action.
    Crash(Signal),
}

/// A line of the journal; the shell adds time, pid, start time, ticket and generation.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Entry {
    /// It runs.
    Born,
    /// The configuration that it was started from has this number. Written by the shell, right after `Born`.
    Runs(u32),
    /// It serves.
    Ready,
    /// From now on it needs at least so long to get ready or to leave.
    Extends(Span),
    /// It does nothing any more from now on.
    Hangs,
    /// It accepted a connection from this client port.
    Accepted(u32),
    /// It would not have the connection from this client port, which it was passed.
    Refused(u32),
    /// It wants to be told of this topic.
    Subscribed(String),
    /// It publishes a value of a topic, as JSON text.
    Published(String, String),
    /// It was told a value of a topic.
    Heard(String, String),
    /// It announced.
    Announced(Retirement),
    /// It saw TERM or a drain order.
    Told,
    /// It closed its listeners.
    StoppedAccepting,
    /// It holds nothing any more.
    Drained,
    /// It exits with this status; 128 and the number of a signal, if that is what ends it.
    Exiting(i32),
    /// It wrote lines, see [`crate::history::Output`]. This and the next are written by the shell.
    Wrote {
        /// Where to.
        stream: Stream,
        /// The first line.
        first: u64,
        /// The last line.
        last: u64,
        /// When it began.
        since: Time,
        /// How long the longest write took.
        longest_ns: u64,
    },
    /// It has waited since then to write, and waits on.
    Waits {
        /// Where to.
        stream: Stream,
        /// Since when.
        since: Time,
    },
}
