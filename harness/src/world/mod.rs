//! Where a scenario runs.

mod conversation;
mod plan;
mod scaling;
mod sink;

pub mod real;
pub mod sim;

pub use plan::{Bins, Plan};
