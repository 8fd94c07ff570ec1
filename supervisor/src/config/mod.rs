//! The configuration file.

mod address;
mod clash;
mod fields;
mod model;
mod parse;
mod pool;
mod problem;
mod read;
mod rules;
mod setup;
mod ways;

pub use address::parse_address;
pub use clash::clashes;
pub use model::{Config, EventSink, Handoff, LEAVE_SIGNAL, Leave, Output, PoolConfig, ReadySign};
pub use parse::{NAME_LIMIT, ONLY_POOL, parse};
pub use problem::{Problem, Problems, nearest};
pub use rules::{Fault, check_policy, default_workers, parse_limit};
