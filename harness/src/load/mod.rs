//! Clients: a pure core (schedule and outcomes in, connects and records out), and its thin real client in `world/real`.

mod core;

pub use self::core::{Action, Clients, Failure, Input};
