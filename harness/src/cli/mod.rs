//! The command line.

mod args;
mod bins;
mod calls;
mod dry;
mod explain;
mod hunt;
mod info;
mod main;
mod progress;
mod run;
mod select;
mod soak;
mod suite;
mod trouble;

pub use main::main;
pub use select::{Form, forms};
pub use suite::{Task, World, missing, run as run_task};
