//! The configuration file.

mod address;
mod fields;
mod handoff;
mod model;
mod parse;
mod problem;
mod read;

pub use address::parse_address;
pub use handoff::advice;
pub use model::{Config, EventSink, Handoff, LEAVE_SIGNAL, Leave, Output, PoolConfig, ReadySign};
pub use parse::{Fault, NAME_LIMIT, ONLY_POOL, check_policy, default_workers, parse, parse_limit};
pub use problem::{Problem, Problems, nearest};
