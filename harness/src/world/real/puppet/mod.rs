//! The real shell of the puppet: a worker process that plays a life.

mod channel;
mod child;
mod output;
mod program;
mod setup;
mod shell;
mod wire;

pub use program::main;
pub use setup::{SCRIPT, Script};
