//! Everything that the poll loop needs from the operating system, as small traits with their contracts.
//!
//! The real kernel is [`crate::unix`]; the harness has a model of one. Every method may fail with any errno of its man
//! page. Nothing blocks but [`Wait::wait`].

mod traits;
mod types;

pub use traits::{Clock, Files, Kernel, Listen, Own, Processes, Streams, Wait};
pub use types::{
    Address, Child, Errno, Fd, ListenOptions, Peer, PidFileError, Readiness, Received, Resource, ResourceLimit, Scope,
    Setup, Sharing, SignalNumber, SignalSet, SpawnSpec, Spawned, Stdio, Watch,
};
