//! The command line.

mod args;
mod bins;
mod calls;
mod dry;
mod explain;
mod goals;
mod hunt;
mod info;
mod ledger;
mod main;
mod matrix;
mod progress;
mod run;
mod sampled;
mod select;
mod soak;
mod stress;
mod suite;
mod sweep;
mod tallied;
mod tested;
mod trouble;

pub use main::main;
pub use select::{Form, forms};
pub use suite::{Task, World, missing, run as run_task};
