//! Clients: a pure core (schedule and outcomes in, connects and records out), and its thin real client in `world/real`.

mod conn;
mod core;
mod gather;
mod input;
mod schedule;

pub use self::core::{ANSWER_DEADLINE, CONNECT_DEADLINE, Clients};
pub use input::{Action, Failure, Input};
