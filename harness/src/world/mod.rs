//! Where a scenario runs.

mod plan;

pub mod real;
pub mod sim;

pub use plan::{Bins, Plan};
