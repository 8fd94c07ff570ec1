//! Relations between two runs: what must be the same in a run and in its twin, which differs in one thing.

mod clock;
mod table;

pub use clock::{Side, meta_clock, without_clock_steps};
pub use table::{RELATIONS, Relation};
