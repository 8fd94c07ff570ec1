//! The command line.

mod args;
mod check;
mod configure;
mod program;

pub use program::main;

use program::complain;
