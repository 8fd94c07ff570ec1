//! The command line.

mod args;
mod check;
mod configure;
mod detach;
mod instances;
mod operate;
mod perform;
mod program;
mod table;
mod talk;

pub use program::main;

use program::complain;
