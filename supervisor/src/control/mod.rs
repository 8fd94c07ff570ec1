//! What the operator and the supervisor say to each other: JSON texts, one per line, over a Unix stream socket.
//!
//! The supervisor says [`Hello`] first. Then each request is answered by one or more replies, the last of which is
//! [`Reply::is_last`]. Everything here is pure: text in, values out, and back.

mod reply;
mod request;
#[cfg(test)]
mod tests;
mod who;

pub use reply::{
    Complaint, Hello, Info, Mood, PoolStatus, Reply, SlotStatus, Status, Stream, VERSION, WorkerState, WorkerStatus,
};
pub use request::{Asked, REQUEST_LIMIT, Request, VERBS, decode_request};
pub use who::{NAME_LIMIT, Who, Whom, name_problem};
