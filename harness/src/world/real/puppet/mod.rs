//! The real shell of the puppet: a worker process that plays a life.

mod bystander;
mod channel;
mod child;
mod conn;
mod crash;
mod launch;
mod output;
mod program;
mod setup;
mod shell;
mod wire;

pub use bystander::BYSTANDER;
pub use launch::{HELD, LAUNCH, withholding};
pub use program::main;
pub use setup::{SCRIPT, Script};
