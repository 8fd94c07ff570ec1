//! The state machine. `step(now, input, &mut actions)`, `next_deadline()`: nothing else goes in or comes out.

mod event;
mod input;
mod pool;

pub use event::{ErrorEvent, Event, ReloadPhase};
pub use input::{Action, Command, ExitStatus, Input, Machine, Order, Signal, SpawnError, SpawnStep, Word, WorkerId};
pub use pool::Pool;
