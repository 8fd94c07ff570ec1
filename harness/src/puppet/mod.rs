//! The scripted worker: a pure core (life and input in, actions out), and its thin real shell (the `puppet` binary).

mod babble;
mod core;
mod input;
mod lines;
mod parts;
mod script;
mod topics;

pub use self::core::{FIRST_REQUEST_GRACE, IDLE_LINGER, Puppet};
pub use input::{Action, ConnId, Entry, Input, Request, Told};
pub use lines::{Chunk, Lines, Read, read};
