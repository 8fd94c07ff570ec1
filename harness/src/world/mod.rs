//! Where a scenario runs.

mod plan;
mod scaling;
mod sink;

pub mod real;
pub mod sim;

pub use plan::{Bins, Plan};
