//! What no person would think of: every system call that can fail, random scenarios, and whether rare situations ever came.

mod calls;

pub use calls::{Ending, Swept, Tally, baseline, cases, run, sweep};
