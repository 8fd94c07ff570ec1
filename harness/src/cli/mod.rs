//! The command line.

mod args;
mod bins;
mod main;

pub use main::main;
