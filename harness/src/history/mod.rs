//! Everything that happened in a run: append-only, one monotonic clock, JSON lines in and out.

mod event;
mod record;
mod timeline;

pub use event::{
    Claim, ClaimKind, Connection, Death, Event, Form, Leftover, Outcome, PhaseMark, Proc, Role, Status, What, When,
};
pub use record::{Header, History};
pub use timeline::{Timeline, Worker};
