//! A model of the kernel in virtual time, on which the shipped supervisor runs.
//!
//! The supervisor's loop calls `supervisor::kernel::Wait::wait`, and inside it the rest of the world goes on: one queue
//! of future events holds what workers (the same puppet core as for real), clients (the same load core), the director and
//! the kernel itself will do. Every latency is drawn from the seed, so a seed is a schedule.

mod bulk;
mod call;
mod calls;
mod claims;
mod clients;
mod counters;
mod crew;
mod death;
mod engine;
mod failing;
mod handoff;
mod kernel;
mod model;
mod net;
mod operator;
mod output;
mod pid_file;
mod pipes;
mod process;
mod queue;
mod rng;
mod run;
mod sockets;
mod supervisor;
mod worker;

pub use call::{Call, Failure};
pub use counters::Counters;
pub use failing::{CallLog, Planned};
pub use kernel::SimKernel;
pub use model::Model;
pub use run::{Outcome, Prepared, lived, run, run_with};

#[cfg(test)]
mod tests;
