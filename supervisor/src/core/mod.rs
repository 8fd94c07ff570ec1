//! The state machine. `step(now, input, &mut actions)`, `next_deadline()`: nothing else goes in or comes out.

mod birth;
mod death;
mod ending;
mod event;
mod input;
mod pool;
mod pools;
mod reload;
mod scale;
mod slot;
mod step;
#[cfg(test)]
mod tests;
mod watch;
mod worker;

pub use event::{ErrorEvent, Event, ReloadPhase};
pub use input::{
    Action, Command, ExitStatus, Input, Machine, Order, Revision, Scale, Signal, SpawnError, SpawnStep, Word, WorkerId,
};
pub use pools::Pools;
