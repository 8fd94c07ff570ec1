//! Where a scenario runs.

mod plan;
mod scaling;

pub mod real;
pub mod sim;

pub use plan::{Bins, Plan};
