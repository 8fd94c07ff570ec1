//! Restart limit, backoff, deadlines and exit codes: pure data and functions.

mod backoff;
pub mod defaults;
mod exit;
mod limit;
mod rules;
mod time;

pub use backoff::{Backoff, draw};
pub use exit::ExitCode;
pub use limit::{Limit, RestartLog};
pub use rules::{Policy, Readiness, Restart};
pub use time::Instant;
