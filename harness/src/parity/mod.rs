//! Whether the simulated kernel is a model of the real one: each real history must be among the simulated ones.
//!
//! Histories are compared by their [`Projection`]: what happened to each worker, what the harness did, how the supervisor
//! ended and what became of connections; as a partial order, since two things closer than the slack have no order, and
//! up to the names of the workers.

mod compare;
mod projection;

pub use compare::{Mismatch, included};
pub use projection::{Kind, Life, Projection};
