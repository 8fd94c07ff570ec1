//! The scripted worker: a pure core (life and input in, actions out), and its thin real shell (the `puppet` binary).

mod core;
mod input;

pub use self::core::Puppet;
pub use input::{Action, ConnId, Entry, Input, Request, Told};
