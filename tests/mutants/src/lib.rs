//! Deliberately broken supervisors: the proof that the harness can fail.
//!
//! Each [`Mutant`] is the shipped supervisor with one thing wrong, and says which invariant has to notice that, in which
//! scenario. None of them needs a planted point in the supervisor: they wrap its state machine ([`machines`]), its view of
//! the kernel ([`Faulty`]), or are a change of its policy.

mod asking;
mod channels;
mod clocks;
mod excess;
mod faulty;
mod ground;
mod incidents;
mod leaving;
mod list;
pub mod machines;
mod meddling;

mod loads;
mod matrix;
mod mutant;
mod output;
mod passing;
mod pools;
pub mod program;
pub mod real;
mod renewing;
mod restarting;
mod shares;
mod shut;
mod talking;
mod through;
mod wall;

pub use channels::ChannelFault;
pub use faulty::{Faulty, KernelFault};
pub use ground::REAL;
pub use list::{ALL, UNMUTATED, find};
pub use matrix::{Row, failures, plan, row, scenario_dir, simulate};

pub use mutant::{AnyMachine, Mutant, Mutation};
pub use through::{THROUGH, Through, subject_of};
pub use wall::WallClock;
