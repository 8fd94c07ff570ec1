//! The shipped state machine behind filters: inputs that it does not get, actions that are changed.

mod apart;
mod behind;
mod deaf;
mod late;
mod memory;
mod meter;
mod rolling;
mod scale;
mod second;
mod simple;

pub use apart::Apart;
pub use behind::{Behind, Does, Fault, Hears, kills_nobody};
pub use deaf::{
    ChannelEndsLast, ChannelIsLife, DeafToStop, End, Ends, HearsOneStop, OldRestarts, OneReloadAtATime, While,
    WrongTarget,
};
pub use late::LateReplacement;
pub use memory::{ForgetsWhoLeaves, Miscounts};
pub use meter::{Counting, Meter};
pub use rolling::{RollsOn, RollsTwice};
pub use scale::ForgetsSlots;
pub use second::SecondReplacement;
pub use simple::{
    CountsTwice, DeafWhileRolling, DiesWithWorker, ForgetsFirst, Fragile, Hurries, LeavesAtStop, Stale, StatusZero,
    Unexcused,
};

use supervisor::core::{Action, Event, Input, Machine, Pools, SpawnError, SpawnStep, WorkerId};
use supervisor::policy::Instant;

/// Tells the pool that a worker whose start was withheld is not coming, once it does not want it any more: for that
/// there is no error to report.
fn withdraw(pool: &mut Pools, now: Instant, id: WorkerId, actions: &mut Vec<Action>) {
    let mut told = Vec::new();
    pool.step(now, Input::SpawnFailed(id, SpawnError { step: SpawnStep::Fork, errno: 11 }), &mut told);
    actions.extend(told.into_iter().filter(|action| !matches!(action, Action::Emit(Event::Error { .. }))));
}

/// Whether with these actions the end begins: from here on nothing may be started.
fn ends(actions: &[Action]) -> bool {
    actions.iter().any(|action| matches!(action, Action::Emit(Event::Draining { .. })))
}
