//! The validated configuration.

use std::path::PathBuf;

use crate::kernel::Address;
use crate::policy::Policy;

/// A validated configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Program and arguments of the workers; not empty.
    pub command: Vec<String>,
    /// Additions to the environment of the workers, which is the supervisor's own otherwise.
    pub env: Vec<(String, String)>,
    /// Where to listen, each with the name that LISTEN_FDNAMES gives it.
    pub listen: Vec<(String, Address)>,
    /// Length of the accept queues.
    pub backlog: u32,
    /// What the pool is to do.
    pub policy: Policy,
    /// Where events go as JSON lines.
    pub events: Option<EventSink>,
    /// Whether to write nothing on standard error once the loop runs.
    pub quiet: bool,
}

/// Where events go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EventSink {
    /// A file, appended to; opened again at SIGUSR1.
    File(PathBuf),
    /// A descriptor that was open when the supervisor started.
    Descriptor(i32),
}
