//! Everything that happened in a run: append-only, one monotonic clock, JSON lines in and out.

mod connection;
mod environment;
mod event;
mod file;
mod output;
mod pid_file;
mod read;
mod record;
mod said;
mod timeline;

#[cfg(test)]
mod tests;

pub use connection::{Connection, Outcome, Request};
pub use environment::Environment;
pub use event::{Death, Event, Form, Leftover, PhaseMark, Proc, Role, Status, What, When};
pub use file::ReadError;
pub use output::{Output, Sink};
pub use pid_file::{OPEN_TO_OTHERS, names_pid, pid_file_told};
pub use record::{Header, History, SCHEMA};
pub use said::{Claim, ClaimKind, Reply};
pub use timeline::{
    Answer, Asked, Caught, Conn, Descendant, FaultSpan, Given, Injected, Owned, Phases, Second, Stall, Supervisor,
    Timeline, TopicEvent, TopicWord, Used, Worker,
};
