//! The real world: real processes, sockets, signals and clients.

mod bounds;
mod caller;
mod clock;
mod connector;
mod error;
mod guard;
mod job;
mod journal;
mod log;
mod procfs;
mod puppet;
mod rundir;
mod sweep;
mod sys;

pub use caller::run;
pub use error::RunError;
pub use puppet::main as puppet_main;
