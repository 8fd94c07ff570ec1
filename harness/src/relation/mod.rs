//! Relations between two runs: what must be the same in a run and in its twin, which differs in one thing.

mod acts;
mod clock;
mod side;
mod slow;
mod table;
mod twin;

pub use clock::{meta_clock, without_clock_steps};
pub use side::Side;
pub use slow::{Suspension, meta_slow, suspended, without_suspensions};
pub use table::{RELATIONS, Relation};
pub use twin::Twin;
