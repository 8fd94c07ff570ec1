//! One pure function per invariant: no I/O, no clock.

mod amounts;
mod bounds;
mod case;
mod conserve;
mod contain;
mod converge;
mod curve;
mod detect;
mod drain;
mod ending;
mod env;
mod excuse;
mod expect;
mod expect_load;
mod expect_pool;
mod expect_topics;
mod expect_use;
mod facts;
mod floor;
mod gaps;
mod generation;
mod giveup;
mod ideal;
mod intensity;
mod isolate;
mod judge;
mod once;
mod orders;
mod output;
mod own;
mod pools;
mod reap;
mod restarts;
mod say_status;
mod serial;
mod stationary;
mod steps;
mod table;
mod tally;
mod traits;
mod truth;
mod truth_control;
mod truth_notify;
mod windows;

#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use bounds::settle;
pub use case::{Case, Finding, Slack};
pub use facts::{Departure, Facts, Leave};
pub use judge::{judge, judge_hindered};
pub use table::{INVARIANTS, Invariant, find};
pub use traits::Traits;
